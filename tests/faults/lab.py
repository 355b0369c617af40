# SPDX-License-Identifier: MIT
"""A small download, recheck, resume, seeding, and a download with saves, that run again and again, each from the same start: the
same files at the same paths, with the same times."""
import pathlib
import shutil
import signal
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from kit import content, net  # noqa: E402
from kit.barepeer import (BLOCK, HAVE_NONE, INTERESTED, PIECE, REQUEST, UNCHOKE,  # noqa: E402
                          BarePeer, Wire, message)
from kit.process import Program  # noqa: E402
from kit.trackers import FixedTracker  # noqa: E402

from disk import Disk  # noqa: E402

PIECE_LENGTH, N_PIECES = 16384, 40
# Files of many pieces, of a part of one, and an empty one; none ends at the end of a piece.
FILES = [("a/one.bin", 210001), ("b/empty", 0), ("b/two.bin", 5), ("c/three.bin", 150000),
         ("four.bin", PIECE_LENGTH * N_PIECES - 360007)]
SCENARIOS = ("download", "recheck", "resume", "seeding", "saves")
ALLOCATIONS = ("sparse", "compact", "full")
SLOW = PIECE_LENGTH * N_PIECES / 2.2  # bytes a second of "saves": two saves before the last one
PATIENCE = 12  # seconds: a run ends by itself, or is stopped then


class Lab:
    def __init__(self, conjure, library, files=FILES, piece_length=PIECE_LENGTH):
        self.conjure = str(pathlib.Path(conjure).resolve())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-faults-"))
        self.out, self.home = self.folder / "out", self.folder / "home"
        self.state = self.home / "state"
        self.disk = Disk(library, self.folder, (self.out, self.state))
        self.tracker = FixedTracker()
        source = self.folder / "source"
        if len(files) == 1:
            content.write_files(source, [("content", files[0][1])])
        else:
            content.write_files(source / "content", files)
        self.torrent = content.make_torrent(source, "content", self.folder / "content.torrent",
                                            [self.tracker.url()], piece_length)
        self.peer = BarePeer(self.torrent, fast=True)
        self.tracker.peers = [self.peer.address]
        self.templates = {}

    def close(self):
        self.peer.close()
        self.tracker.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- running

    def start(self, *args, env=None):
        return Program("conjure", [self.conjure, *map(str, args)], self.folder / "logs",
                       env={"HOME": str(self.home), "XDG_STATE_HOME": str(self.state),
                            "XDG_CONFIG_HOME": str(self.home), **(env or {})})

    def start_download(self, *args, env=None):
        return self.start("-o", self.out, "-p", 0, *args, self.torrent.path, env=env)

    def end(self, program, seconds=PATIENCE):
        """Waits for its end. Returns the exit code; one that does not end is stopped by a signal, and
        the code is then "stalled"."""
        try:
            return program.wait(seconds)
        except AssertionError:
            program.signal(signal.SIGTERM)
        try:
            program.wait(PATIENCE)
            return "stalled"
        except AssertionError:
            program.kill()
            return "hung"

    # --- starts of scenarios

    def reset(self, scenario, allocation):
        """Makes the files as they are at the start of SCENARIO."""
        if (scenario, allocation) not in self.templates:
            self.templates[scenario, allocation] = self.prepare(scenario, allocation)
        template = self.templates[scenario, allocation]
        for folder in (self.out, self.home, self.folder / "logs"):
            shutil.rmtree(folder, ignore_errors=True)
        for name in ("out", "home"):
            shutil.copytree(template / name, self.folder / name)
        self.forget_requests()

    def prepare(self, scenario, allocation):
        for folder in (self.out, self.home):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        if scenario == "recheck":  # two pieces are wrong, and no resume data
            shutil.copytree(self.torrent.source, self.out, dirs_exist_ok=True)
            for path in self.torrent.paths(self.out)[:4:3]:
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)
        elif scenario == "resume":  # half of the pieces, by a stop
            self.peer.has, self.peer.served = set(range(0, self.torrent.n_pieces, 2)), 0
            program = self.start_download(f"--allocation={allocation}")
            program.wait_until(lambda: self.peer.served >= (len(self.peer.has) - 1) * self.torrent.piece_length,
                               20, "it has half")
            program.signal(signal.SIGTERM)
            program.expect_exit(7, 20)
            self.peer.has = set(range(self.torrent.n_pieces))
        elif scenario == "seeding":
            self.start_download(f"--allocation={allocation}").expect_exit(0, 20)
        template = self.folder / f"template-{scenario}-{allocation}"
        template.mkdir()
        for name in ("out", "home"):
            shutil.copytree(self.folder / name, template / name)
        return template

    # --- scenarios

    def run(self, scenario, allocation, env=None):
        """One run: (exit code, what a leecher has to complain of or None)."""
        if scenario == "seeding":
            return self.run_seeding(env)
        extra = {"recheck": ["--check-integrity"], "saves": ["--save-interval=1"]}.get(scenario, [])
        self.peer.rate = SLOW if scenario == "saves" and env else None
        try:
            program = self.start_download(f"--allocation={allocation}", *extra, env=env)
            return self.end(program), None
        finally:
            self.peer.rate = None

    def run_seeding(self, env):
        port = net.free_port()
        program = self.start("-d", "--foreground", "-o", self.out, "-p", port, self.torrent.path,
                             env=env)
        try:
            wrong, n_got = leech(program, port, self.torrent, 4 if env else 15)
        finally:
            if program.running():
                program.signal(signal.SIGTERM)
            code = self.end(program)
        if wrong is not None:
            return code, f"it served wrong bytes of piece {wrong}"
        if not env and n_got < self.torrent.n_pieces:
            return code, f"it served only {n_got} pieces"
        return code, None

    def on_disk(self):
        """The pieces that are somewhere on the disk: compact files have them in other places."""
        data, length = self.torrent.read(self.out), self.torrent.piece_length
        places = {data[at:at + length] for at in range(0, len(data), length)}
        last = len(self.torrent.piece(self.torrent.n_pieces - 1))
        shorter = {place[:last] for place in places}
        return {i for i in range(self.torrent.n_pieces)
                if self.torrent.piece(i) in places or self.torrent.piece(i) in shorter}

    def fetched_again(self):
        """The pieces that the peer was asked for since the last reset."""
        with self.peer.lock:
            return {piece for piece, _, _ in self.peer.requests}

    def verified(self):
        """The pieces that the program has announced since the last reset."""
        return {piece for _, piece in self.peer.haves}

    def forget_requests(self):
        with self.peer.lock:
            self.peer.requests.clear()
            self.peer.haves.clear()

    def pieces_of(self, path):
        """The pieces that overlap the file PATH of the content; none if it is another file."""
        at = 0
        for found, (_, size) in zip(self.torrent.paths(self.out), self.torrent.files):
            if str(found) == path and size:
                return set(range(at // self.torrent.piece_length,
                                 (at + size - 1) // self.torrent.piece_length + 1))
            at += size
        return set()


def leech(program, port, torrent, seconds):
    """Downloads all pieces, over as many connections as that takes: (the first piece with wrong bytes
    or None, how many pieces were right)."""
    got, deadline = set(), time.monotonic() + seconds
    pause = threading.Event()
    while len(got) < torrent.n_pieces and time.monotonic() < deadline and program.running():
        try:
            wire = Wire.dial("127.0.0.1", port, 2)
        except OSError:
            pause.wait(0.02)
            continue
        try:
            wrong = leech_some(wire, torrent, got)
        finally:
            wire.close()
        if wrong is not None:
            return wrong, len(got)
        pause.wait(0.02)
    return None, len(got)


def leech_some(wire, torrent, got):
    """Over one connection, until all is here or it closes. Returns a piece that is wrong, or None."""
    length = torrent.piece_length
    assert length == BLOCK
    try:
        wire.shake(torrent.info_hash, fast=True)
        wire.send(message(HAVE_NONE) + message(INTERESTED))
        wire.receive_until(UNCHOKE)
        wanted = [i for i in range(torrent.n_pieces) if i not in got]
        wire.send(b"".join(message(REQUEST, struct.pack(">III", i, 0, len(torrent.piece(i))))
                           for i in wanted))
        for _ in wanted:
            _, payload = wire.receive_until(PIECE)
            piece = struct.unpack(">I", payload[:4])[0]
            if payload[8:] != torrent.piece(piece):
                return piece
            got.add(piece)
    except (OSError, struct.error):
        pass
    return None
