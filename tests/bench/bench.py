#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Conjure, the clients that Debian packages, and a program that does only the necessary work.

usage, as root: bench.py [download] [seed] [recheck] [latency]   (all four when none is named)
    --clients A,B,...  of conjure libtorrent aria2 ctorrent transmission rtorrent
    --runs N           rounds, each with every client once (3); figures are medians
    --mib M            size of the content (1024)   --piece-kib K  its piece length (1024)
    --conns 1,8,50     leechers that share what a seed gives   --rounds R  times the content (4)
    --conjure PATH     the program (build/conjure)

Two network namespaces joined by a wire; content on /dev/shm. The far end is barepeer.c, which does
nothing but move bytes. A download counts when its bytes are right. Ratios are to libtorrent (and to
the bare peer) of the same run: quote those, machines differ and are noisy.
Packages: gcc libssl-dev iproute2 python3-libtorrent aria2 ctorrent transmission-cli rtorrent.
"""
import argparse
import dataclasses
import filecmp
import re
import shutil
import subprocess
import sys
import time

from workshop import CONJURE, HERE, KIB, LT_NODE, MIB, Workshop, median
from kit import clients, content, net
from kit.barepeer import BarePeer, greets
from kit.trackers import FixedTracker
from kit.wait import wait_until

ALL = ("conjure", "libtorrent", "aria2", "ctorrent", "transmission", "rtorrent")
LIMIT = 120  # seconds that a run may take
# Clients that take several connections from one address.
MANY = ("bare peer", "conjure", "libtorrent")
# Clients that check the content before they seed it, and do not report the end of the check.
SETTLE = {"transmission": 15, "rtorrent": 6, "aria2": 6, "ctorrent": 6}


@dataclasses.dataclass
class Figures:
    mib: float
    wall: float
    cpu: float
    rss: float = 0.0  # MiB, peak

    @property
    def speed(self):
        return self.mib / self.wall

    @property
    def cost(self):
        return self.cpu / (self.mib / 1024)


class Sample:
    """CPU seconds and peak RSS of a process, as last seen."""

    def __init__(self, program):
        self.program, self.cpu, self.rss = program, 0.0, 0.0

    def take(self):
        try:
            self.cpu = self.program.cpu_seconds()
            with open(f"/proc/{self.program.pid}/status", encoding="ascii") as status:
                for line in status:
                    if line.startswith("VmHWM"):
                        self.rss = int(line.split()[1]) / 1024
        except (OSError, IndexError):
            pass
        return self


class Bench(Workshop):
    def __init__(self, options):
        super().__init__(options.conjure)
        self.options = options
        self.pair = net.Pair()
        self.left, self.right = self.pair.left, self.pair.right

    def __enter__(self):
        self.pair.make()
        for name, extra in (("barepeer", ["-pthread"]), ("floor", ["-lcrypto"])):
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", self.folder / name,
                            HERE / f"{name}.c", *extra], check=True)
        self.seed_port, self.leech_port = 51413, 51414
        self.tracker = self.left.call(lambda: FixedTracker([(self.left.ip, self.seed_port)],
                                                           host=self.left.ip))
        self.make_content(self.options.mib, self.options.piece_kib, self.tracker)
        return self

    def __exit__(self, *_):
        self.stop_all()
        self.tracker.close()
        self.pair.remove()
        self.remove()

    def client(self, name, mode, folder, side, port, done):
        """Starts client NAME; as a leech it ends, or makes the file DONE, when it is complete."""
        home = self.make_home()
        finished = home / "finished"
        finished.write_text(f"#!/bin/sh\ntouch {done}\n")
        finished.chmod(0o755)
        leech = mode == "leech"
        path = self.torrent.path
        if name == "conjure":
            args = [self.conjure, "-o", folder, "-p", port,
                    *([] if leech else ["-d", "--foreground"]), path]
        elif name == "ctorrent":
            args = ["ctorrent", "-s", folder / "data.bin", "-p", port, "-i", side.ip,
                    *(["-e", "0", "-X", finished] if leech else ["-e", "999"]), path]
        else:
            args = clients.ARGUMENTS[name](mode, self.torrent, folder, side, port, home)
            if leech:
                args += {"libtorrent": ["--exit"], "transmission": ["-f", finished]}.get(name, [])
            if name == "rtorrent":
                with (home / "rc").open("a") as config:
                    config.write("pieces.memory.max.set = 4096M\nmethod.set_key = "
                                 f'event.download.finished,done,"execute.nothrow={finished}"\n')
            if name == "aria2":
                args += ["--quiet=true", "--bt-max-peers=0", "--bt-request-peer-speed-limit=10000M"]
        return self.start(f"{name}-{mode}", args, side, home=home)

    def bare(self, *args, side):
        return self.start("barepeer", [self.folder / "barepeer", *args], side)

    def warm(self):
        """Touches as much memory as the run will: the first use of a page may cost far more."""
        path = self.folder / "warm"
        block = bytes(MIB)
        with path.open("wb") as file:
            for _ in range(self.options.mib + 512):
                file.write(block)
        path.unlink()

    def wait_listening(self, program, side, port):
        program.wait_until(lambda: side.call(lambda: net.listens(port)), 60, "it listens")

    def download(self, name):
        """NAME downloads from the bare peer."""
        out, done = self.folder / "out", self.folder / "done"
        out.mkdir()
        seeder = self.bare("seed", self.left.ip, self.seed_port, self.torrent.source / "data.bin",
                           self.torrent.piece_length, self.torrent.info_hash.hex(), side=self.left)
        self.wait_listening(seeder, self.left, self.seed_port)
        self.warm()
        try:
            start = time.monotonic()
            program = self.client(name, "leech", out, self.right, self.leech_port, done)
            sample = Sample(program)
            wait_until(lambda: sample.take() and (done.exists() or not program.running()), LIMIT,
                       f"{name} downloads", every=0.005)
            wall = time.monotonic() - start
            got = out / "data.bin"
            if not got.exists() or not filecmp.cmp(self.torrent.source / "data.bin", got,
                                                   shallow=False):
                raise AssertionError(f"wrong or no content; its log:\n{program.log()}")
            return Figures(self.options.mib, wall, sample.cpu, sample.rss)
        finally:
            self.stop_all()
            done.unlink(missing_ok=True)
            shutil.rmtree(out)

    def floor(self):
        """No client: a loop of recv, SHA-1, pwrite."""
        sender = self.start("floor-send", [self.folder / "floor", "send", self.left.ip, 5000,
                                           self.torrent.source / "data.bin"], self.left)
        self.wait_listening(sender, self.left, 5000)
        self.warm()
        try:
            program = self.start("floor", [self.folder / "floor", "recv", self.left.ip, 5000,
                                           self.folder / "floor.out", self.torrent.piece_length],
                                 self.right)
            program.wait(LIMIT)
            return Figures(*map(float, program.log().split()), rss=0)
        finally:
            self.stop_all()
            (self.folder / "floor.out").unlink(missing_ok=True)

    def seed(self, name, n_connections):
        """NAME seeds to the bare peer."""
        total = self.n_bytes * self.options.rounds
        if name == "bare peer":
            program = self.bare("seed", self.left.ip, self.seed_port,
                                self.torrent.source / "data.bin", self.torrent.piece_length,
                                self.torrent.info_hash.hex(), side=self.left)
        else:
            program = self.client(name, "seed", self.torrent.source, self.left, self.seed_port, None)
        try:
            program.wait_until(lambda: self.right.call(
                lambda: greets(self.left.ip, self.seed_port, self.torrent)), 60, "it greets")
            self.settle(name, program)
            before = program.cpu_seconds()
            leech = self.bare("leech", self.left.ip, self.seed_port, self.n_bytes,
                              self.torrent.piece_length, self.torrent.info_hash.hex(),
                              n_connections, total // n_connections, side=self.right)
            leech.expect_exit(0, LIMIT)
            mib, wall, _ = map(float, leech.log().split())
            sample = Sample(program).take()
            return Figures(mib, wall, sample.cpu - before, sample.rss)
        finally:
            self.stop_all()

    @staticmethod
    def settle(name, program):
        """Waits until a client that checks its content uses no CPU time."""
        if name not in SETTLE:
            return
        end = time.monotonic() + SETTLE[name]
        wait_until(lambda: time.monotonic() > end, SETTLE[name] + 1, "", every=0.2)

    def recheck(self, name):
        """Seconds to hash the content, from the page cache."""
        if name == "libtorrent":
            node = self.start("recheck", ["/usr/bin/python3", LT_NODE, "seed", self.torrent.path,
                                          self.torrent.source, f"{self.left.ip}:{self.seed_port}",
                                          "--recheck"], self.left)
            node.expect_exit(0, LIMIT)
            return float(re.search(r"rechecked in (\S+) s", node.log())[1])
        start = time.monotonic()
        program = self.start("recheck", [self.conjure, "--check-integrity", "-o",
                                         self.torrent.source, "-p", self.seed_port,
                                         "--state-dir", self.folder / "state-recheck",
                                         self.torrent.path], self.left)
        program.expect_exit(0, LIMIT)
        return time.monotonic() - start

    def latency(self, name):
        """Milliseconds from the start of the process to its first Have: a peer that has nothing
        is connected, too, and receives it."""
        source = self.folder / "small"
        if not source.exists():
            source.mkdir()
            content.write_files(source, [("small.bin", 8 * MIB)])
        out = self.folder / "out"
        out.mkdir()
        tracker = FixedTracker()
        torrent = content.make_torrent(source, "small.bin", self.folder / "small.torrent",
                                       [tracker.url()], 256 * KIB)
        peers = [BarePeer(torrent), BarePeer(torrent, has=(), fast=True)]
        tracker.peers = [p.address for p in peers]
        args = [self.conjure, "-o", out, "-p", net.free_port(), "--seed-time", "1",
                torrent.path]
        if name == "libtorrent":
            args = ["/usr/bin/python3", LT_NODE, "leech", torrent.path, out,
                    f"127.0.0.1:{net.free_port()}"]
        try:
            program = self.start(name, args, None)
            wait_until(lambda: peers[1].haves, 30, "the first piece", every=0.001)
            return 1000 * (peers[1].haves[0][0] - program.started)
        finally:
            self.stop_all()
            for thing in (*peers, tracker):
                thing.close()
            shutil.rmtree(out)


def ratio(a, b):
    """A / B, or no ratio when the CPU time was too short to be measured."""
    return a / b if b else float("nan")


def table(title, rows, reference="libtorrent", base=None):
    """ROWS: name -> list of Figures or None."""
    print(f"\n{title}")
    print(f"{'':14} {'runs':>5} {'MiB/s':>8} {'CPU s/GiB':>10} {'peak RSS MiB':>13} "
          f"{'CPU/' + reference[:10]:>15} {'speed/' + reference[:10]:>17}"
          + (f" {'CPU/' + base:>14}" if base else ""))
    middle = {n: (median([f and f.speed for f in v]), median([f and f.cost for f in v]),
                  median([f and f.rss for f in v])) for n, v in rows.items()}
    nothing = (float("nan"),) * 3
    for name, (speed, cost, rss) in middle.items():
        good = sum(f is not None for f in rows[name])
        of_speed, of_cost, _ = middle.get(reference, nothing)
        print(f"{name:14} {good:>2}/{len(rows[name])} {speed:8.0f} {cost:10.2f} {rss:13.0f} "
              f"{ratio(cost, of_cost):15.2f} {ratio(speed, of_speed):17.2f}"
              + (f" {ratio(cost, middle.get(base, nothing)[1]):14.2f}" if base else ""), flush=True)


def attempt(run, *args):
    """One run; a client that fails loses only its own figure."""
    try:
        return run(*args)
    except AssertionError as error:
        print(f"  failed: {' '.join(map(str, args))}: {str(error)[-600:]}", file=sys.stderr)
        return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", nargs="*")
    parser.add_argument("--clients", default=",".join(ALL))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--piece-kib", type=int, default=1024)
    parser.add_argument("--conns", default="1,8,50")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--conjure", default=CONJURE)
    options = parser.parse_args()
    what = options.what or ["download", "seed", "recheck", "latency"]
    names = options.clients.split(",")
    size = f"{options.mib} MiB in pieces of {options.piece_kib} KiB, medians of {options.runs}"
    with Bench(options) as bench:
        if "download" in what:
            rows = {n: [] for n in ["floor", *names]}
            for _ in range(options.runs):
                rows["floor"].append(attempt(bench.floor))
                for name in names:
                    rows[name].append(attempt(bench.download, name))
            table(f"Download from one bare peer, {size}", rows)
        if "seed" in what:
            for n in map(int, options.conns.split(",")):
                rows = {name: [] for name in ["bare peer", *names] if n == 1 or name in MANY}
                for _ in range(options.runs):
                    for name in rows:
                        rows[name].append(attempt(bench.seed, name, n))
                table(f"Seed to {n} bare leecher{'s' * (n > 1)}, {options.rounds} x {size}", rows,
                      base="bare peer")
        pairs = [n for n in ("conjure", "libtorrent") if n in names]
        for job, unit, run in (("recheck", "s", bench.recheck), ("latency", "ms", bench.latency)):
            if job not in what:
                continue
            middle = {}
            for name in pairs:
                middle[name] = median([attempt(run, name) for _ in range(options.runs)])
            print("\n" + {"recheck": f"Recheck from the page cache, {size}",
                          "latency": "First verified piece after the start, loopback"}[job])
            for name, value in middle.items():
                print(f"{name:14} {value:8.2f} {unit}  "
                      f"{middle.get('libtorrent', float('nan')) / value:6.2f} x as fast as libtorrent")


if __name__ == "__main__":
    sys.exit(main())
