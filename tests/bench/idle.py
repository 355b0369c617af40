#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What connections cost a seed that move nothing: memory, threads and CPU, of conjure beside Debian's
libtorrent.

usage, as root: idle.py [--clients conjure,libtorrent] [--steps 100,2000,10000] [--torrents N]
    --bitfield MODE  what the peers say they have: none, or most (all pieces but one)
    --pieces N       of each torrent (4000 with one torrent, else 64), of 16 KiB
    --torrents N     over which the peers are spread (1; more than one for conjure alone)
    --seconds S      how long CPU is watched while nothing happens (20)
    --conjure PATH   the program (build/conjure)

The slope of anonymous memory between the first and the last step is what one connection costs in user
space; the kernel's sockets are apart. Every peer comes from an address of its own. Two network
namespaces joined by a wire, which are made and removed here. As many files as the hard limit allows.
Packages: iproute2 python3-libtorrent.
"""
import argparse
import itertools
import os
import pathlib
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from kit import clients, content, net  # noqa: E402
from kit.barepeer import BITFIELD, FAST_BIT, HAVE_NONE, bitfield, greets, message  # noqa: E402
from kit.process import Program  # noqa: E402
from kit.trackers import FixedTracker  # noqa: E402
from kit.wait import wait_until  # noqa: E402

PIECE = 16384
PORT = 51413
NETWORK = "10.92.0.0/16"  # local to the right-hand side


def idlers(options):
    """The far end, a process of its own: connects, says which pieces it has, and is silent. Says how
    many have greeted; then, for each line of input, how many are still there."""
    hashes = pathlib.Path(options.hashes).read_bytes()
    hashes = [hashes[i:i + 20] for i in range(0, len(hashes), 20)]
    held = message(HAVE_NONE)
    if options.bitfield == "most":
        held = message(BITFIELD, bitfield(options.pieces, range(options.pieces - 1)))
    sockets = []
    poll = select.poll()
    for i in range(options.count):
        sock = socket.socket()
        sock.bind((f"10.92.{i // 250 + 1}.{i % 250 + 1}", 0))
        sock.settimeout(20)
        try:
            sock.connect((options.ip, PORT))
            sock.sendall(b"\x13BitTorrent protocol" + bytes(7) + bytes([FAST_BIT]) +
                         hashes[i % len(hashes)] + b"-BP0001-" + struct.pack(">IQ", 7, i) + held)
            got = 0
            while got < 68:
                n = len(sock.recv(4096))
                if not n:
                    raise ConnectionError
                got += n
        except OSError:
            continue
        sock.setblocking(False)
        sockets.append(sock)
        poll.register(sock, select.POLLRDHUP)
    print(len(sockets), flush=True)
    for _ in sys.stdin:
        print(len(sockets) - len(poll.poll(0)), flush=True)


def anonymous_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))


def cpu_of_threads(pid):
    """{thread's name: CPU seconds}"""
    out = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        # In ns: the ticks of `stat` are too coarse for an idle thread.
        spent = int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        name = (task / "comm").read_text(encoding="utf-8").strip()
        out[name] = out.get(name, 0) + spent
    return out


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-idle-", dir="/dev/shm"))
        self.pair = net.Pair()
        self.left, self.right = self.pair.left, self.pair.right
        self.tracker = None
        self.n_homes = 0

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        self.pair.make()
        net.ip("-n", self.right.namespace, "route", "replace", "local", NETWORK, "dev", "lo")
        net.ip("-n", self.left.namespace, "route", "replace", NETWORK, "via", self.right.ip)
        self.tracker = self.left.call(lambda: FixedTracker(host=self.left.ip))
        source = self.folder / "seed"
        source.mkdir()
        data = os.urandom(PIECE * self.options.pieces)
        self.torrents = []
        for i in range(self.options.torrents):
            (source / f"{i}.bin").write_bytes(data[:-4] + struct.pack(">I", i))
            self.torrents.append(content.make_torrent(
                source, f"{i}.bin", self.folder / f"{i}.torrent", [self.tracker.url()], PIECE))
            self.torrents[-1].data = b""
        self.hashes = self.folder / "hashes"
        self.hashes.write_bytes(b"".join(t.info_hash for t in self.torrents))

    def __exit__(self, *_):
        if self.tracker:
            self.tracker.close()
        self.pair.remove()
        shutil.rmtree(self.folder)

    def client(self, name):
        self.n_homes += 1
        home = self.folder / f"home-{self.n_homes}"
        home.mkdir()
        source = self.folder / "seed"
        if name == "conjure":
            args = [self.options.conjure, "-d", "--foreground", "-o", source, "-p", PORT,
                    *(t.path for t in self.torrents)]
        else:
            args = clients.ARGUMENTS[name]("seed", self.torrents[0], source, self.left, PORT, home)
        return Program(name, args, self.folder / "logs", side=self.left,
                       env={"HOME": str(home), "XDG_STATE_HOME": str(home / "state")})

    def measure(self, name, count):
        """(connections, KiB, threads, CPU seconds per second)"""
        program = self.client(name)
        far = None
        try:
            program.wait_until(lambda: self.right.call(
                lambda: greets(self.left.ip, PORT, self.torrents[-1])), 120, "it greets")
            if name == "conjure":
                # Once all are announced nothing more is due for a while.
                wait_until(lambda: len(self.tracker.queries) >= len(self.torrents), 60, "announces")
            self.rest(3)
            before = anonymous_kib(program.pid)
            far = subprocess.Popen(
                self.right.argv([sys.executable, __file__, "idlers", "--ip", self.left.ip,
                                 "--count", str(count), "--hashes", str(self.hashes),
                                 "--pieces", str(self.options.pieces),
                                 "--bitfield", self.options.bitfield]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            greeted = int(far.stdout.readline())
            self.rest(5)
            cpu, start = cpu_of_threads(program.pid), time.monotonic()
            self.rest(self.options.seconds)
            seconds = time.monotonic() - start
            after = cpu_of_threads(program.pid)
            kib = anonymous_kib(program.pid) - before
            threads = len(os.listdir(f"/proc/{program.pid}/task"))
            far.stdin.write("\n")
            far.stdin.flush()
            left = int(far.stdout.readline())
            share = {k: (v - cpu.get(k, 0)) / seconds for k, v in after.items()}
            top = ", ".join(f"{k} {100 * v:.2f}" for k, v in
                            sorted(share.items(), key=lambda x: -x[1])[:4] if v > 5e-5)
            print(f"{name:11} {count:6} asked {greeted:6} greeted {left:6} stay {kib:8} KiB "
                  f"{threads:4} threads {100 * sum(share.values()):6.2f} % CPU ({top})", flush=True)
            return left, kib
        finally:
            if far:
                far.kill()
                far.wait()
            program.signal(signal.SIGINT)
            try:
                program.process.wait(20)
            except subprocess.TimeoutExpired:
                pass
            program.kill()
            self.tracker.queries.clear()

    @staticmethod
    def rest(seconds):
        end = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > end, seconds + 1, "", every=0.2)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("mode", nargs="?", choices=("idlers",))
    parser.add_argument("--clients", default="conjure,libtorrent")
    parser.add_argument("--steps", default="100,2000,10000")
    parser.add_argument("--torrents", type=int, default=1)
    parser.add_argument("--pieces", type=int)
    parser.add_argument("--bitfield", choices=("none", "most"), default="none")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--conjure", default=str(HERE.parents[1] / "build" / "conjure"))
    parser.add_argument("--ip")
    parser.add_argument("--count", type=int)
    parser.add_argument("--hashes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # namespaces go with us
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options.pieces = options.pieces or (4000 if options.torrents == 1 else 64)
    if options.mode == "idlers":
        idlers(options)
        return
    slopes = {}
    with Bench(options) as bench:
        for name in options.clients.split(","):
            if name != "conjure" and options.torrents > 1:
                print(f"{name}: one torrent only", file=sys.stderr)
                continue
            rows = [bench.measure(name, int(n)) for n in options.steps.split(",")]
            (n0, kib0), (n1, kib1) = rows[0], rows[-1]
            if n1 > n0:
                slopes[name] = (kib1 - kib0) / (n1 - n0)
    for name, slope in slopes.items():
        print(f"{name:11} {slope:6.2f} KiB of user memory for each connection")
    for a, b in itertools.combinations(slopes, 2):
        print(f"{a} / {b}: {slopes[a] / slopes[b]:.2f}")


if __name__ == "__main__":
    main()
