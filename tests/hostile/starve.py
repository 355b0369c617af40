#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what honest leechers get from a conjure that seeds with an upload limit.

usage: starve.py [--build BUILD] [--seconds N] [slots|crowd]...

  slots   an honest leecher that could use the whole uplink, beside 128 connections from one host that are
          interested, ask for much, read slowly and connect again every ten seconds: it gets 90 % of the rate
          that it had alone
  crowd   500 leechers from 500 hosts, which read 50 KiB/s each, under a limit of 24 MiB/s: together they
          use 95 % of what they could, which is the limit

The exit status is 1 if a bound was broken.
"""
import argparse
import itertools
import pathlib
import resource
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from target import Honest, Target, hosts  # noqa: E402
from kit.barepeer import BLOCK, HAVE_NONE, INTERESTED, REQUEST, message  # noqa: E402

N_PIECES = 4096
SLOTS_LIMIT, CROWD_LIMIT = 10 << 20, 24 << 20
N_HOSTILE, HOSTILE_RATE, AGAIN_S = 128, 4096, 10
N_CROWD, CROWD_RATE = 500, 50 << 10


class Leecher:
    """A connection that asks for blocks without an end, and reads RATE bytes a second. It does not look
    at what it reads, except for the length of messages."""

    def __init__(self, target, host, rate, began):
        self.wire, self.rate, self.began, self.n_bytes = target.dial(host), rate, began, 0
        self.wire.sock.setblocking(False)
        self.rest, self.n_asked, self.pieces = 0, 0, itertools.count(hash(host) % N_PIECES)
        self.head = b""
        self.send(message(HAVE_NONE) + message(INTERESTED))

    def send(self, data):
        try:
            self.wire.sock.send(data)
        except BlockingIOError:
            pass

    def ask(self, n):
        self.send(b"".join(message(REQUEST, struct.pack(">III", next(self.pieces) % N_PIECES, 0, BLOCK))
                           for _ in range(n)))

    def may_read(self, now):
        return int((now - self.began) * self.rate) - self.n_bytes

    def read(self, now):
        n = min(self.may_read(now), 1 << 16)
        if n <= 0:
            return
        data = self.wire.sock.recv(n)
        if not data:
            raise ConnectionError("closed")
        self.n_bytes += len(data)
        self.parse(data)

    def parse(self, data):
        """Asks again for each block, and for a window after an UNCHOKE."""
        data = self.head + data
        at = 0
        while True:
            if self.rest:
                step = min(self.rest, len(data) - at)
                self.rest -= step
                at += step
            if self.rest or len(data) - at < 5:
                break
            length, kind = struct.unpack_from(">IB", data, at)
            at += 4
            self.rest = length
            if length and kind == 1:
                self.ask(8)
            elif length and kind == 7:
                self.ask(1)
        self.head = data[at:]

    def close(self):
        self.wire.close()


class Crowd(threading.Thread):
    """Leechers in one thread. AGAIN: after so many seconds each connects again; 0: never."""

    def __init__(self, target, addresses, rate, again=0):
        super().__init__(daemon=True)
        self.target, self.rate, self.again = target, rate, again
        self.addresses, self.stop = list(addresses), threading.Event()
        self.leechers, self.gone = {}, 0
        self.start()

    @property
    def n_bytes(self):
        return self.gone + sum(each.n_bytes for each in list(self.leechers.values()))

    def run(self):
        due = {i: time.monotonic() for i in range(len(self.addresses))}
        while not self.stop.is_set():
            now = time.monotonic()
            for i, leecher in list(self.leechers.items()):
                try:
                    if self.again and now - leecher.began > self.again:
                        raise ConnectionError("again")
                    leecher.read(now)
                except BlockingIOError:
                    pass
                except OSError:
                    self.gone += leecher.n_bytes
                    leecher.close()
                    del self.leechers[i]
                    due[i] = now + (0 if self.again else 1)
            for i in [i for i, at in due.items() if at <= now][:16]:
                del due[i]
                try:
                    self.leechers[i] = Leecher(self.target, self.addresses[i], self.rate, now)
                except OSError:
                    due[i] = now + 1
            self.stop.wait(0.02)

    def measure(self, seconds):
        n = self.n_bytes
        self.stop.wait(seconds)
        return (self.n_bytes - n) / seconds

    def end(self):
        self.stop.set()
        self.join(10)
        for each in self.leechers.values():
            each.close()


def slots(conjure, seconds):
    """(the honest leecher's rate beside the hostile ones, its rate alone)."""
    target = Target(conjure, "seeding", N_PIECES, f"--max-upload-limit={SLOTS_LIMIT}")
    honest = Honest(target, SLOTS_LIMIT * 1.2)
    honest.measure(3)
    alone = honest.measure(5)
    hostile = Crowd(target, ["127.66.0.1"] * N_HOSTILE, HOSTILE_RATE, AGAIN_S)
    honest.measure(20)  # two turns of the choker
    beside = honest.measure(seconds)
    hostile.end()
    honest.close()
    target.close()
    return beside, alone


def crowd(conjure, seconds):
    """(the rate of all leechers together, what they could use)."""
    target = Target(conjure, "seeding", N_PIECES, f"--max-upload-limit={CROWD_LIMIT}")
    leechers = Crowd(target, itertools.islice(hosts(4), N_CROWD), CROWD_RATE)
    leechers.measure(40)  # the number of slots grows
    rate = leechers.measure(seconds)
    leechers.end()
    target.close()
    return rate, min(CROWD_LIMIT, N_CROWD * CROWD_RATE)


TESTS = {"slots": (slots, 0.9), "crowd": (crowd, 0.95)}


def main(args):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build-release")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("tests", nargs="*", default=list(TESTS))
    o = parser.parse_args(args)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n_broken = 0
    for name in o.tests:
        test, bound = TESTS[name]
        got, could = test(o.build / "conjure", o.seconds)
        bad = got < bound * could
        n_broken += bad
        print(f"{name}: {got / 2**20:.2f} MiB/s of {could / 2**20:.2f}, {100 * got / could:.0f} % "
              f"(at least {100 * bound:.0f} %){'  BROKEN' if bad else ''}", flush=True)
    return 1 if n_broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
