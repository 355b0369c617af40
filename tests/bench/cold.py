#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Seeding content that is not in the page cache, compared with libtorrent.

usage, as root: cold.py [sequential] [slow] [check]   (all three when none is named)
    --clients A,B   of conjure libtorrent        --runs N   rounds (3); figures are medians
    --mib M         size of the content (512)    --piece-kib K  its piece length (1024)
    --folder DIR    on a real file system (/var/tmp), not tmpfs
    --delay MS      that a slow read takes longer (100)
    --conjure PATH  the program (build/conjure)

sequential  the content is evicted (POSIX_FADV_DONTNEED; mincore says how much of it is still cached), then a bare
            leecher asks for all of it in order
slow        one leecher asks for content on a file system that delays each read (slowfs.py), seven others for what is
            cached: the rates of the seven, without and with the one
check       two leechers ask for what is cached while other content, eight times as much, is checked
            (conjure only): their rate without and with the check, and how much of the other content is
            cached afterwards
Packages: gcc python3-libtorrent python3-fusepy.
"""
import argparse
import ctypes
import mmap
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from kit import content, net  # noqa: E402
from kit.barepeer import greets  # noqa: E402
from kit.process import Program  # noqa: E402
from kit.trackers import FixedTracker  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
LIMIT = 300
LIBC = ctypes.CDLL(None, use_errno=True)


def cached_share(path):
    """Which part of a file is in the page cache."""
    with open(path, "rb") as file:
        view = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    pages = (ctypes.c_ubyte * -(-len(view) // mmap.PAGESIZE))()
    start = ctypes.c_char.from_buffer(view)
    if LIBC.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(view)), pages):
        raise OSError(ctypes.get_errno(), "mincore")
    del start
    view.close()
    return sum(p & 1 for p in pages) / len(pages)


def evict(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return cached_share(path)


def warm(path):
    with open(path, "rb") as file:
        while file.read(MIB):
            pass


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-cold-", dir=options.folder))
        self.programs = []
        self.tracker = FixedTracker()
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-pthread", "-o", self.folder / "barepeer",
                        HERE / "barepeer.c"], check=True)
        self.content = self.folder / "content"
        self.content.mkdir()
        self.torrents = self.folder / "torrents"
        self.torrents.mkdir()
        self.n_homes = 0

    def close(self):
        self.stop_all()
        self.tracker.close()
        shutil.rmtree(self.folder)

    def start(self, name, args, **options):
        self.programs.append(Program(name, args, self.folder / "logs", **options))
        return self.programs[-1]

    def stop_all(self):
        for program in reversed(self.programs):
            if program.running():
                program.signal(signal.SIGTERM)
                try:
                    program.process.wait(30)
                except subprocess.TimeoutExpired:
                    program.kill()
        self.programs.clear()

    def make(self, name, mib, source=None):
        """A torrent of one file of random bytes."""
        path = (source or self.content) / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(MIB))
            os.fsync(file.fileno())
        torrent = content.make_torrent(source or self.content, name.split("/")[0],
                                       self.torrents / f"{name.split('/')[0]}.torrent",
                                       [self.tracker.url()], self.options.piece_kib * KIB)
        torrent.data = b""
        return torrent

    def client(self, name, torrents, *more, state=None):
        """Starts NAME, and returns when it serves all of TORRENTS."""
        self.port = net.free_port()
        self.n_homes += 1
        home = state or self.folder / f"home-{self.n_homes}"
        home.mkdir(exist_ok=True)
        if name == "conjure":
            args = [self.options.conjure, "-d", "--foreground", "-p", self.port, "-o", self.content,
                    *more, *(t.path for t in torrents)]
        else:
            chosen = self.folder / f"chosen-{self.n_homes}"
            chosen.mkdir()
            for t in torrents:
                shutil.copy(t.path, chosen)
            args = ["/usr/bin/python3", HERE / "lt_daemon.py", f"127.0.0.1:{self.port}", chosen,
                    self.content, home]
        program = self.start(name, args, env={"HOME": str(home), "XDG_STATE_HOME": str(home)})
        for torrent in torrents:
            program.wait_until(lambda: self.serves(torrent), LIMIT, "it serves")
        return program

    def serves(self, torrent):
        return greets("127.0.0.1", self.port, torrent)

    def leech(self, torrent, mib, n_connections, mib_each):
        """The bare peer asks the client; it runs."""
        return self.start("leech", [self.folder / "barepeer", "leech", "127.0.0.1", self.port, mib * MIB,
                                    torrent.piece_length, torrent.info_hash.hex(), n_connections,
                                    mib_each * MIB])

    def rate(self, *args):
        leech = self.leech(*args)
        leech.expect_exit(0, LIMIT)
        mib, wall, _ = map(float, leech.log().split())
        return mib / wall

    def known(self, name, torrents):
        """The state folder of a client that has checked TORRENTS."""
        state = self.folder / f"state-{name}"
        if not state.exists():
            program = self.client(name, torrents, state=state)
            if name == "libtorrent":  # it greets before it has checked
                program.wait_until(lambda: "all is checked" in program.log(), LIMIT, "it has checked")
            self.stop_all()
        return state


def sequential(bench, names):
    o = bench.options
    torrent = bench.make("cold.bin", o.mib)
    path = bench.content / "cold.bin"
    rows = {name: [] for name in names}
    for _ in range(o.runs):
        for name in names:
            state = bench.known(name, [torrent])
            program = bench.client(name, [torrent], state=state)
            left = evict(path)
            before = program.cpu_seconds()
            rate = bench.rate(torrent, o.mib, 1, o.mib)
            rows[name].append((rate, (program.cpu_seconds() - before) / o.mib * 1024, left))
            bench.stop_all()
    print(f"\nCold content, one leecher asks for {o.mib} MiB in order, medians of {o.runs}")
    for name, figures in rows.items():
        rate, cpu, left = (statistics.median(c) for c in zip(*figures))
        print(f"{name:12} {rate:8.0f} MiB/s {cpu:8.2f} CPU s/GiB   ({left:.1%} was still cached)")


def slow(bench, names):
    o = bench.options
    fast = bench.make("fast.bin", o.mib)
    behind = bench.folder / "behind"
    behind.mkdir()
    torrent = bench.make("slow/data.bin", 256, behind)
    switch, mount = bench.folder / "switch", bench.content / "slow"
    mount.mkdir()
    file_system = Program("slowfs", [HERE / "slowfs.py", behind / "slow", mount, switch, o.delay],
                          bench.folder / "logs")
    try:
        file_system.wait_until(lambda: os.path.ismount(mount), 30, "it is mounted")
        print(f"\nSeven leechers of what is cached, without and with an eighth whose reads take {o.delay} "
              f"ms longer, MiB/s, medians of {o.runs}")
        for name in names:
            figures = []
            for _ in range(o.runs):
                state = bench.known(name, [fast, torrent])
                bench.client(name, [fast, torrent], state=state)
                warm(bench.content / "fast.bin")
                left = evict(mount / "data.bin")
                alone = bench.rate(fast, o.mib, 7, o.mib)
                n_slow = file_system.log().count("slow")
                switch.touch()
                eighth = bench.leech(torrent, 256, 1, 256)
                file_system.wait_until(lambda: file_system.log().count("slow") > n_slow, 30, "a slow read")
                beside = bench.rate(fast, o.mib, 7, o.mib)
                assert eighth.running(), f"the slow one was not slow:\n{eighth.log()}"
                eighth.kill()
                switch.unlink()
                figures.append((alone, beside, left))
                bench.stop_all()
            alone, beside, left = (statistics.median(c) for c in zip(*figures))
            print(f"{name:12} {alone:8.0f} {beside:8.0f}   {beside / alone:.2f} x   "
                  f"({left:.1%} of the slow content was cached)")
    finally:
        bench.stop_all()
        subprocess.run(["umount", "-l", mount], check=False)
        file_system.kill()


def check(bench, _):
    o = bench.options
    fast = bench.make("served.bin", o.mib)
    other = bench.make("checked.bin", 8 * o.mib)
    path = bench.content / "checked.bin"
    figures = []
    for _ in range(o.runs):
        state = bench.known("conjure", [fast])
        bench.client("conjure", [fast], state=state)
        warm(bench.content / "served.bin")
        alone = bench.rate(fast, o.mib, 2, 4 * o.mib)
        bench.stop_all()
        evict(path)
        # A state of its own, so that the other content is always new.
        fresh = shutil.copytree(state, bench.folder / "state-check")
        program = bench.client("conjure", [fast], other.path, state=fresh)
        started = time.monotonic()
        mib = wall = 0
        while not mib or not bench.serves(other):
            leech = bench.leech(fast, o.mib, 2, o.mib // 2)
            leech.expect_exit(0, LIMIT)
            got, took, _ = map(float, leech.log().split())
            mib, wall = mib + got, wall + took
        figures.append((alone, mib / wall, cached_share(path), time.monotonic() - started,
                        program.cpu_seconds()))
        bench.stop_all()
        shutil.rmtree(fresh)
    alone, beside, left, took, _ = (statistics.median(c) for c in zip(*figures))
    print(f"\nTwo leechers of what is cached, without and with a check of {8 * o.mib} MiB that are not, "
          f"medians of {o.runs}\nconjure      {alone:8.0f} {beside:8.0f} MiB/s   {beside / alone:.2f} x   "
          f"the check took {took:.1f} s; {left:.1%} of what was checked is cached")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", nargs="*")
    parser.add_argument("--clients", default="conjure,libtorrent")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--piece-kib", type=int, default=1024)
    parser.add_argument("--delay", type=int, default=100)
    parser.add_argument("--folder", default="/var/tmp")
    parser.add_argument("--conjure", default=str(HERE.parents[1] / "build" / "conjure"))
    options = parser.parse_args()
    options.conjure = os.path.abspath(options.conjure)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is taken down
    bench = Bench(options)
    try:
        for job in (sequential, slow, check):
            if not options.what or job.__name__ in options.what:
                job(bench, options.clients.split(","))
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
