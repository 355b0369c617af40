#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long a seeding client takes to start with a thousand complete torrents.

usage: start.py [conjure] [transmission] [libtorrent]   (all three when none is named)
    --torrents N   how many (1000)      --files F      in each of them (100)
    --file-kib K   of each file (4)     --piece-kib P  piece length (64)
    --runs R       starts of each client, taking turns (3); figures are medians
    --folder DIR   where the content lies (/dev/shm)
    --conjure PATH the program (build/conjure)

Every client first checks the content once, and is stopped, so that it knows what it has. Then it is
started again. The clock runs from exec until a tracker (a process of its own, answers at once) has had an
announce with event=started for every torrent. "Settled" is five seconds later. "Read" is all that the
client has read by system calls and by page faults on files: far below the content when nothing
was hashed again. Packages: python3-libtorrent transmission-daemon.
"""
import argparse
import hashlib
import json
import multiprocessing
import os
import pathlib
import re
import resource
import selectors
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from kit import bencode, net  # noqa: E402
from kit.process import Program  # noqa: E402
from kit.wait import wait_until  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
ALL = ("conjure", "transmission", "libtorrent")
LIMIT = 300  # seconds that a first check or a start may take
SETTLE_S = 5  # of being left alone, after which CPU and memory are read: the time itself is meant


def track(listener, n_started, n_run):
    """Answers every announce, and counts torrents that announced "started" since N_RUN changed."""
    body = bencode.encode({"interval": 1800, "complete": 1, "incomplete": 0, "peers": b""})
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    started, run = set(), 0
    poll = selectors.DefaultSelector()
    poll.register(listener, selectors.EVENT_READ, None)
    listener.setblocking(False)
    while True:
        for key, _ in poll.select():
            if key.data is None:
                sock, _ = listener.accept()
                poll.register(sock, selectors.EVENT_READ, bytearray())
                continue
            sock, inbox = key.fileobj, key.data
            try:
                got = sock.recv(1 << 16)
            except OSError:
                got = b""
            if not got:
                poll.unregister(sock)
                sock.close()
                continue
            inbox += got
            while (end := inbox.find(b"\r\n\r\n")) >= 0:
                line = bytes(inbox[:inbox.find(b"\r\n")])
                del inbox[:end + 4]
                found = re.search(rb"[?&]info_hash=([^& ]*)", line)
                if run != n_run.value:
                    started, run = set(), n_run.value
                if found and b"event=started" in line:
                    started.add(urllib.parse.unquote_to_bytes(found[1]))
                    n_started.value = len(started)
                try:
                    sock.sendall(answer)
                except OSError:
                    pass


class Tracker:
    def __init__(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/announce"
        self.n_started, self.n_run = (multiprocessing.Value("i", 0, lock=False) for _ in range(2))
        self.process = multiprocessing.Process(
            target=track, args=(listener, self.n_started, self.n_run), daemon=True)
        self.process.start()
        listener.close()

    def forget(self):
        """Begins a new run, while no client is connected."""
        self.n_started.value = 0
        self.n_run.value += 1

    def close(self):
        self.process.terminate()
        self.process.join()


def make_torrents(folder, url, options):
    """Content below FOLDER/content, metainfo in FOLDER/torrents. The files of all torrents hold the same
    bytes, so that they are hashed once here; each client has to look at every one."""
    data = os.urandom(options.files * options.file_kib * KIB)
    length, piece = options.file_kib * KIB, options.piece_kib * KIB
    pieces = b"".join(hashlib.sha1(data[at:at + piece]).digest()
                      for at in range(0, len(data), piece))
    names = [f"a file with a name of usual length, number {i:04}.bin" for i in range(options.files)]
    torrents = folder / "torrents"
    torrents.mkdir()
    paths = []
    for n in range(options.torrents):
        name = f"torrent number {n:05}"
        content = folder / "content" / name
        content.mkdir(parents=True)
        for i, file in enumerate(names):
            with open(content / file, "wb", buffering=0) as out:
                out.write(data[i * length:(i + 1) * length])
        info = {"files": [{"length": length, "path": [file]} for file in names], "name": name,
                "piece length": piece, "pieces": pieces}
        paths.append(torrents / f"{name}.torrent")
        paths[-1].write_bytes(bencode.encode({"announce": url, "info": info}))
    os.sync()
    return paths


class Client:
    """Common to the three clients: the first start and later ones."""

    def __init__(self, bench):
        self.bench = bench
        self.home = bench.folder / f"home-{self.name}"
        self.home.mkdir()

    @property
    def port(self):
        """A new port for each start, since another program may use the last one."""
        return net.free_port()

    def start(self, args):
        return Program(self.name, args, self.bench.folder / "logs",
                       env={"HOME": str(self.home), "XDG_STATE_HOME": str(self.home)})

    def announced(self):
        return self.bench.tracker.n_started.value == self.bench.options.torrents

    def stop(self, program):
        program.signal(signal.SIGTERM)
        code = program.wait(LIMIT)
        assert code == 0, f"{self.name} ended with {code}:\n{program.log()[-2000:]}"
        self.bench.tracker.forget()

    def prepare(self):
        """Starts the client, waits until it has checked all torrents, and stops it."""
        program = self.start(self.first())
        program.wait_until(self.announced, LIMIT, "it has checked and announced all")
        self.stop(program)


class Conjure(Client):
    name = "conjure"

    def again(self):
        """It knows its torrents."""
        return [self.bench.options.conjure, "-d", "--foreground", "-p", self.port, "-o",
                self.bench.folder / "content"]

    def first(self):
        return [*self.again(), *self.bench.torrents]


class Transmission(Client):
    """Takes torrents over from its watch folder once; later it finds them in its own."""
    name = "transmission"

    def settings(self):
        (self.home / "settings.json").write_text(json.dumps({
            "bind-address-ipv4": "127.0.0.1", "dht-enabled": False, "lpd-enabled": False,
            "pex-enabled": False, "utp-enabled": False, "port-forwarding-enabled": False,
            "download-dir": str(self.bench.folder / "content"), "peer-port": self.port,
            "rpc-port": self.rpc, "rpc-bind-address": "127.0.0.1", "download-queue-enabled": False,
            "seed-queue-enabled": False, "watch-dir": str(self.bench.folder / "torrents"),
            "watch-dir-enabled": False}))

    def again(self):
        self.rpc = net.free_port()
        self.settings()
        return ["transmission-daemon", "-f", "-g", self.home]

    def first(self):
        return self.again()

    def call(self, method, arguments, session=[""]):
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        for _ in range(2):
            request = urllib.request.Request(f"http://127.0.0.1:{self.rpc}/transmission/rpc", body,
                                             {"X-Transmission-Session-Id": session[0]})
            try:
                with urllib.request.urlopen(request, timeout=60) as reply:
                    return json.load(reply)["arguments"]
            except urllib.error.HTTPError as error:
                session[0] = error.headers.get("X-Transmission-Session-Id", "")
            except OSError:
                return None
        return None

    def prepare(self):
        program = self.start(self.first())
        program.wait_until(lambda: self.call("session-get", {}), 30, "it answers")
        for path in self.bench.torrents:
            self.call("torrent-add", {"filename": str(path)})

        def all_seed():
            reply = self.call("torrent-get", {"fields": ["percentDone", "status"]}) or {}
            return sum(t["status"] == 6 and t["percentDone"] == 1 for t in reply["torrents"]
                       ) == self.bench.options.torrents
        wait_until(all_seed, LIMIT, "transmission has checked all", every=0.5)
        program.wait_until(self.announced, LIMIT, "it has announced all")
        self.stop(program)


class Libtorrent(Client):
    name = "libtorrent"

    def again(self):
        return ["/usr/bin/python3", HERE / "lt_daemon.py", f"127.0.0.1:{self.port}",
                self.bench.folder / "torrents", self.bench.folder / "content", self.home]

    def first(self):
        return self.again()


CLIENTS = {c.name: c for c in (Conjure, Transmission, Libtorrent)}


def status(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def bytes_read(pid):
    with open(f"/proc/{pid}/io", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def measure(client):
    """Wall and CPU seconds until all is announced; MiB at peak and settled, and read."""
    program = client.start(client.again())
    try:
        program.wait_until(client.announced, LIMIT, "it has announced all")
        wall, cpu = time.monotonic() - program.started, program.cpu_seconds()
        time.sleep(SETTLE_S)
        figures = (wall, cpu, program.cpu_seconds(), status(program.pid, "VmHWM"),
                   status(program.pid, "VmRSS"), status(program.pid, "Threads") * 1024,
                   bytes_read(program.pid) / MIB)
        client.stop(program)
        return figures
    finally:
        program.kill()


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-start-", dir=options.folder))
        self.tracker = Tracker()

    def run(self, names):
        self.torrents = make_torrents(self.folder, self.tracker.url, self.options)
        clients = [CLIENTS[name](self) for name in names]
        for client in clients:
            client.prepare()
        rows = {client.name: [] for client in clients}
        for _ in range(self.options.runs):
            for client in clients:
                rows[client.name].append(measure(client))
        o = self.options
        print(f"Start of {o.torrents} complete torrents, {o.files} files of {o.file_kib} KiB each "
              f"({o.torrents * o.files * o.file_kib // KIB} MiB), medians of {o.runs}")
        print(f"{'':14} {'announced s':>12} {'CPU s':>7} {'settled CPU s':>14} {'peak MiB':>9} "
              f"{'settled MiB':>12} {'threads':>8} {'read MiB':>9}")
        for name, figures in rows.items():
            wall, cpu, later, peak, rss, threads, read = (statistics.median(c)
                                                          for c in zip(*figures))
            print(f"{name:14} {wall:12.2f} {cpu:7.2f} {later:14.2f} {peak:9.1f} {rss:12.1f} "
                  f"{threads:8.0f} {read:9.1f}")

    def close(self):
        self.tracker.close()
        shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("clients", nargs="*")
    parser.add_argument("--torrents", type=int, default=1000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--file-kib", type=int, default=4)
    parser.add_argument("--piece-kib", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", default="/dev/shm")
    parser.add_argument("--conjure", default=str(HERE.parents[1] / "build" / "conjure"))
    options = parser.parse_args()
    options.conjure = os.path.abspath(options.conjure)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for all three alike
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is taken down
    bench = Bench(options)
    try:
        bench.run(options.clients or ALL)
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
