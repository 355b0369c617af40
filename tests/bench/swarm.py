#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the times of a whole swarm with the fluid limit: one seeder, and leechers that stay.

usage, as root: swarm.py [seeder-4M] [seeder-8M] [fast-leecher] [leaving]   (all when none is named)
    --clients A,B  of conjure libtorrent     --runs N  rounds, each with every client once (3)
    --leechers N   (15)   --mib M  size of the content (64)   --piece-kib K  its piece length (256)
    --up RATE      the limit of every uploader (4M)
    --conjure PATH the program (build/conjure)

No swarm can be done before max(F/u_s, N F/(u_s + u_1 + ... + u_N)): the seeder must send each of F
bytes once, and all that N leechers get has been sent by somebody (Kumar and Ross, 2006). Printed are
the first, the median and the last completion as multiples of that limit, and what the seeder sent
(as it tells its tracker at the end) as multiples of F; medians over the runs.

    seeder-4M     every uploader has the same limit
    seeder-8M     the seeder has twice that
    fast-leecher  one leecher has ten times that
    leaving       a third of the leechers are ended by SIGTERM at half the limit, with what they have
                  by then. The limit is that of those who stay, as if the others had never been there:
                  N and the sum are theirs alone

All nodes run in one network namespace, on ports of their own; a tracker gives everyone's address. The
clock starts when the leechers do; of libtorrent, when Python has loaded it. A run in which somebody
who stays is not complete after six times the limit has failed.
"""
import argparse
import collections
import dataclasses
import filecmp
import shutil
import signal
import sys
import time

from workshop import CONJURE, LT_NODE, MIB, Workshop, median
from kit import net
from kit.barepeer import greets
from kit.trackers import FixedTracker
from kit.wait import NotInTime, wait_until

FIRST_PORT = 52000


@dataclasses.dataclass
class Variant:
    name: str
    seeder: int  # bytes a second
    leechers: list  # bytes a second of each
    n_leaving: int = 0  # of the last leechers

    def limit(self, n_bytes):
        """The fluid limit of the leechers that stay, in seconds."""
        stay = self.leechers[:len(self.leechers) - self.n_leaving]
        return max(n_bytes / self.seeder, len(stay) * n_bytes / (self.seeder + sum(stay)))


def variants(n, up):
    return [Variant("seeder-4M", up, [up] * n), Variant("seeder-8M", 2 * up, [up] * n),
            Variant("fast-leecher", up, [10 * up] + [up] * (n - 1)),
            Variant("leaving", up, [up] * n, n // 3)]


Run = collections.namedtuple("Run", "first median last sent")


class Swarm(Workshop):
    def __init__(self, options):
        super().__init__(options.conjure)
        self.house = net.House()
        self.ports = range(FIRST_PORT, FIRST_PORT + options.leechers + 1)
        self.options = options

    def __enter__(self):
        self.house.make()
        self.tracker = self.house.call(lambda: FixedTracker(
            [(self.house.ip, port) for port in self.ports], host=self.house.ip))
        self.make_content(self.options.mib, self.options.piece_kib, self.tracker)
        return self

    def __exit__(self, *_):
        self.stop_all()
        self.tracker.close()
        self.house.remove()
        self.remove()

    def node(self, client, mode, folder, port, up, gate):
        path = self.torrent.path
        if client == "conjure":
            args = [self.conjure, "-d", "--foreground", "-o", folder, "-p", port,
                    "--max-upload-limit", up, path]
        else:
            args = ["/usr/bin/python3", LT_NODE, mode, path, folder, f"{self.house.ip}:{port}",
                    "--up", up, "--gate", gate]
        return self.start(f"{client}-{mode}", args, self.house)

    def is_complete(self, folder):
        """Whether FOLDER has every byte; that is compared when every block of the file is there."""
        got = folder / "data.bin"
        try:
            if got.stat().st_blocks * 512 < self.n_bytes:
                return False
        except FileNotFoundError:
            return False
        return filecmp.cmp(self.torrent.source / "data.bin", got, shallow=False)

    def run(self, client, variant):
        limit = variant.limit(self.n_bytes)
        gate = self.folder / "gate"
        folders = [self.folder / f"leecher-{i}" for i in range(len(variant.leechers))]
        self.tracker.queries.clear()
        try:
            gate.touch()
            seeder = self.node(client, "seed", self.torrent.source, self.ports[0], variant.seeder,
                               gate)
            seeder.wait_until(lambda: self.house.call(
                lambda: greets(self.house.ip, self.ports[0], self.torrent)), 60, "it greets")
            if client == "libtorrent":
                gate.unlink()
            start = time.monotonic()
            leechers = []
            for folder, port, up in zip(folders, self.ports[1:], variant.leechers):
                folder.mkdir()
                leechers.append(self.node(client, "leech", folder, port, up, gate))
            if client == "libtorrent":
                self.wait_loaded(leechers)
                start = time.monotonic()
                gate.touch()
            done = self.watch(variant, folders, leechers, start, limit)
            return Run(done[0] / limit, median(done) / limit, done[-1] / limit, self.sent(seeder))
        finally:
            self.stop_all()
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
            gate.unlink(missing_ok=True)

    @staticmethod
    def wait_loaded(nodes):
        for node in nodes:
            node.wait_until(lambda: "ready" in node.log(), 60, "it has loaded libtorrent")

    def watch(self, variant, folders, leechers, start, limit):
        """The times of completion of the leechers that stay, in order; the others are ended half-way."""
        n_stay = len(leechers) - variant.n_leaving
        leaving = leechers[n_stay:]
        done = {}

        def all_done():
            now = time.monotonic() - start
            if leaving and now >= limit / 2:
                while leaving:
                    leaving.pop().signal(signal.SIGTERM)
            for i in range(n_stay):
                if i not in done and self.is_complete(folders[i]):
                    done[i] = time.monotonic() - start
                if not leechers[i].running():
                    raise AssertionError(f"a leecher ended; its log:\n{leechers[i].log()[-2000:]}")
            return len(done) == n_stay

        try:
            wait_until(all_done, 6 * limit, "all are complete", every=0.05)
        except NotInTime as error:
            raise AssertionError(f"{error}: {len(done)} of {n_stay} are") from None
        return sorted(done.values())

    def sent(self, seeder):
        """The bytes that SEEDER reports at its end as sent, as a multiple of the content."""
        def farewell():
            return [q for q in self.tracker.queries
                    if q.get("event") == "stopped" and q["port"] == str(self.ports[0])]
        seeder.signal(signal.SIGTERM)
        wait_until(farewell, 10, "the seeder tells its tracker that it stops")
        return int(farewell()[0]["uploaded"]) / self.n_bytes


def rate(text):
    units = {"K": 1 << 10, "M": 1 << 20}
    return int(float(text.rstrip("KM")) * units.get(text[-1], 1))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", nargs="*")
    parser.add_argument("--clients", default="conjure,libtorrent")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--leechers", type=int, default=15)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--piece-kib", type=int, default=256)
    parser.add_argument("--up", type=rate, default=4 * MIB)
    parser.add_argument("--conjure", default=CONJURE)
    options = parser.parse_args()
    chosen = [v for v in variants(options.leechers, options.up)
              if not options.what or v.name in options.what]
    clients = options.clients.split(",")
    if not chosen or any(c not in ("conjure", "libtorrent") for c in clients):
        parser.error("no such variant or client")
    print(f"{options.leechers} leechers, every uploader {options.up / MIB:g} MiB/s, {options.mib} "
          f"MiB in pieces of {options.piece_kib} KiB, medians of {options.runs}")
    failed = 0
    with Swarm(options) as swarm:
        for variant in chosen:
            runs = {client: [] for client in clients}
            for _ in range(options.runs):
                for client in clients:
                    try:
                        runs[client].append(swarm.run(client, variant))
                    except AssertionError as error:
                        failed += 1
                        print(f"  failed: {client} {variant.name}: {error}", file=sys.stderr)
            print(f"\n{variant.name}: the limit is {variant.limit(swarm.n_bytes):.2f} s")
            print(f"{'':12} {'runs':>5} {'first':>7} {'median':>7} {'last':>7} {'seeder sent':>12}")
            for client, good in runs.items():
                first, middle, last, sent = (median([r[i] for r in good]) for i in range(4))
                print(f"{client:12} {len(good):>3}/{options.runs} {first:7.2f} {middle:7.2f} "
                      f"{last:7.2f} {sent:10.2f} F", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
