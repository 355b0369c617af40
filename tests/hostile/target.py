# SPDX-License-Identifier: MIT
"""One conjure to be attacked, and honest peers of it. The content is zeros, so that a torrent of 100,000
pieces needs no disk. Every address of 127.0.0.0/8 is a host of its own."""
import hashlib
import itertools
import os
import pathlib
import random
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from kit import bencode, net  # noqa: E402
from kit.barepeer import (BITFIELD, BLOCK, HAVE, HAVE_ALL, HAVE_NONE, INTERESTED, NOT_INTERESTED,  # noqa: E402
                          PIECE, REQUEST, UNCHOKE, Wire, bitfield, message)
from kit.process import Program  # noqa: E402
from kit.wait import wait_until  # noqa: E402

ROLES = ("downloading", "seeding", "super-seeding")
ZEROS = bytes(BLOCK)


class Target:
    """conjure in ROLE, with a torrent of N_PIECES pieces: of 256 KiB for a download, since each
    piece is announced to every connection; of a block otherwise."""

    def __init__(self, conjure, role, n_pieces, *args):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-hostile-"))
        self.n_pieces, self.role, self.port = n_pieces, role, net.free_port()
        length = 16 * BLOCK if role == "downloading" else BLOCK
        info = {"name": "content", "piece length": length, "length": n_pieces * length,
                "pieces": hashlib.sha1(bytes(length)).digest() * n_pieces}
        self.info_hash = hashlib.sha1(bencode.encode(info)).digest()
        torrent = self.folder / "content.torrent"
        torrent.write_bytes(bencode.encode({"info": info}))
        if role != "downloading":
            with (self.folder / "content").open("wb") as file:
                file.truncate(n_pieces * length)
        extra = ["--super-seed"] if role == "super-seeding" else []
        self.program = Program(
            "conjure", [pathlib.Path(conjure).resolve(), "-d", "--foreground", "-v", "-p", self.port,
                        "-o", self.folder, "--max-peers=4000", *extra, *args, torrent],
            self.folder / "logs", env={"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder)})
        self.program.wait_until(self.greets, 300, "it answers a handshake")

    def greets(self):
        try:
            self.dial("127.0.0.1").close()
        except OSError:
            return False
        return True

    def dial(self, host, fast=True, seconds=10):
        """A connection from HOST, after both handshakes."""
        sock = socket.create_connection(("127.0.0.1", self.port), seconds, (host, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock)
        try:
            wire.shake(self.info_hash, fast, extended=True)
        except OSError:
            wire.close()
            raise
        return wire

    def rss(self):
        with open(f"/proc/{self.program.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def close(self):
        self.program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def hosts(second):
    """Addresses of hosts, without an end that a test reaches: 127.SECOND.x.y."""
    return (f"127.{second}.{i >> 8 & 255}.{i & 255}" for i in itertools.count(1))


class Idlers:
    """Connections that have nothing and send nothing more."""

    def __init__(self, target, n):
        self.wires = []
        for host in itertools.islice(hosts(2), n):
            wire = target.dial(host)
            wire.send(message(HAVE_NONE))
            self.wires.append(wire)

    def close(self):
        for wire in self.wires:
            wire.close()


class Honest:
    """A peer that moves content with the target, RATE bytes a second at most. It leeches from a target
    that seeds, and seeds to one that downloads; super-seeds offer their pieces one by one, and PARTNER
    is a second peer that has whatever this one has received."""

    def __init__(self, target, rate, host="127.1.0.1"):
        self.target, self.rate, self.n_bytes, self.closed = target, rate, 0, False
        self.wire = target.dial(host)
        self.next_free = time.monotonic()
        self.partner = None
        work = self.seed if target.role == "downloading" else self.leech
        if target.role == "super-seeding":
            work, self.partner = self.follow, target.dial("127.1.0.2")
            self.partner.send(message(HAVE_NONE))
        self.thread = threading.Thread(target=self.run, args=(work,), daemon=True)
        self.thread.start()

    def run(self, work):
        try:
            work()
        except (OSError, struct.error):
            self.closed = True

    def pace(self):
        self.n_bytes += BLOCK
        now = time.monotonic()
        self.next_free = max(self.next_free, now - 0.25) + BLOCK / self.rate
        if self.next_free > now:
            threading.Event().wait(self.next_free - now)

    def seed(self):
        self.wire.send(message(HAVE_ALL) + message(UNCHOKE))
        while True:
            kind, payload = self.wire.receive()
            if kind == REQUEST:
                self.wire.send(message(PIECE, payload[:8] + ZEROS))
                self.pace()

    def leech(self):
        wire, pieces = self.wire, itertools.count(random.randrange(self.target.n_pieces))
        wire.send(message(HAVE_NONE) + message(INTERESTED))
        wire.sock.settimeout(60)
        asked = 0
        while True:
            kind, _ = wire.receive()
            if kind == UNCHOKE:
                asked = 0
            elif kind == 0:  # CHOKE: what was asked for is rejected
                asked = 1 << 30
            elif kind == PIECE:
                asked -= 1
                self.pace()
            n = max(64 - asked, 0)
            if n:
                wire.send(b"".join(message(REQUEST, struct.pack(
                    ">III", next(pieces) % self.target.n_pieces, 0, BLOCK)) for _ in range(n)))
                asked += n

    def follow(self):
        wire = self.wire
        wire.send(message(HAVE_NONE) + message(INTERESTED))
        wire.sock.settimeout(60)
        choked, offered = True, []
        while True:
            kind, payload = wire.receive()
            if kind == HAVE:
                offered.append(payload)
            elif kind in (0, UNCHOKE):
                choked = kind == 0
            elif kind == PIECE:
                self.pace()
                wire.send(message(HAVE, payload[:4]))
                self.partner.send(message(HAVE, payload[:4]))
            while offered and not choked:
                wire.send(message(REQUEST, offered.pop() + struct.pack(">II", 0, BLOCK)))

    def measure(self, seconds):
        """The bytes per second of the next SECONDS."""
        n = self.n_bytes
        threading.Event().wait(seconds)
        return (self.n_bytes - n) / seconds

    def close(self):
        self.wire.sock.close()
        if self.partner:
            self.partner.close()
        self.thread.join(5)


class Newcomers:
    """A new connection from a new host every fifth of a second; how long each handshake takes."""

    def __init__(self, target):
        self.target, self.took, self.stop = target, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        for host in hosts(3):
            start = time.monotonic()
            try:
                self.target.dial(host, seconds=20).close()
                self.took.append(time.monotonic() - start)
            except OSError:
                self.took.append(20.0)
            if self.stop.wait(0.2):
                return

    def end(self):
        """The longest handshake in seconds."""
        self.stop.set()
        self.thread.join(30)
        return max(self.took)


__all__ = ["BITFIELD", "NOT_INTERESTED", "Honest", "Idlers", "Newcomers", "ROLES", "Target", "bitfield",
           "hosts", "wait_until"]
