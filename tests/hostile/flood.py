#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Floods conjure with every message of the peer protocol that a stranger may send.

usage: flood.py [--build BUILD] [--seconds N] [--pieces N] [--idlers N] [--only PATTERN]

Four connections from four hosts send one kind of message at 100 Mbit/s together, for five seconds, to a
conjure that downloads, seeds or super-seeds 100,000 pieces and has 2,000 other connections. They are idle, or
active: they are interested, and ask for blocks. One that is closed is dialled again. Bounds:

  memory grows by 16 MiB at most
  the handshake of a newcomer takes 100 ms at most
  an honest peer keeps 80 % of the rate that it had before

A case is ROLE/MESSAGE/idle or .../active. The exit status is 1 if a bound was broken.
"""
import argparse
import fnmatch
import multiprocessing
import pathlib
import random
import resource
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from target import ROLES, Honest, Idlers, Newcomers, Target  # noqa: E402
from kit import bencode  # noqa: E402
from kit.barepeer import (ALLOWED_FAST, BITFIELD, BLOCK, CANCEL, EXTENDED, HAVE, HAVE_ALL,  # noqa: E402
                          HAVE_NONE, INTERESTED, NOT_INTERESTED, PIECE, REJECT, REQUEST, bitfield, message)

CHOKE, UNCHOKE, PORT, SUGGEST = 0, 1, 9, 0x0D
BYTES_PER_S = 100e6 / 8
N_FLOODERS = 4
HONEST = 8 << 20  # bytes per second that the honest peer can use
RSS_MAX, HANDSHAKE_MAX, SHARE_MIN = 16 << 20, 0.1, 0.8


def some(n_pieces, kind, *rest):
    """A message KIND for each of many pieces."""
    chance = random.Random(1)
    return b"".join(message(kind, struct.pack(f">{1 + len(rest)}I", chance.randrange(n_pieces), *rest))
                    for _ in range(4096))


def upload_only(flag):
    return message(EXTENDED, b"\0" + bencode.encode({"m": {"ut_pex": 1}, "upload_only": flag}))


# Each makes bytes that are sent again and again.
MESSAGES = {
    "keep-alive": lambda n: bytes(4) * 16384,
    "choke": lambda n: (message(CHOKE) + message(UNCHOKE)) * 4096,
    "interest": lambda n: (message(INTERESTED) + message(NOT_INTERESTED)) * 4096,
    "have": lambda n: some(n, HAVE),
    "have-all": lambda n: message(HAVE_ALL) * 8192,
    "have-none": lambda n: message(HAVE_NONE) * 8192,
    "bitfield": lambda n: message(BITFIELD, bitfield(n, range(0, n, 2))) * 4,
    "request": lambda n: some(n, REQUEST, 0, BLOCK),
    "request-same": lambda n: message(REQUEST, struct.pack(">III", 1, 0, BLOCK)) * 4096,
    "cancel": lambda n: some(n, CANCEL, 0, BLOCK),
    "reject": lambda n: some(n, REJECT, 0, BLOCK),
    "port": lambda n: message(PORT, b"\x1a\xe1") * 8192,
    "suggest": lambda n: some(n, SUGGEST),
    "allowed-fast": lambda n: some(n, ALLOWED_FAST),
    "extended-handshake": lambda n: (upload_only(1) + upload_only(0)) * 1024,
    "extended": lambda n: message(EXTENDED, b"\x07" + bytes(200)) * 256,
    "piece": lambda n: message(PIECE, struct.pack(">II", 1, 0) + bytes(BLOCK)) * 4,
    "unknown": lambda n: message(99, bytes(500)) * 128,
    "have-and-request": lambda n: b"".join(
        a + b for a, b in zip([some(n, HAVE)[i * 9:i * 9 + 9] for i in range(1024)],
                              [some(n, REQUEST, 0, BLOCK)[i * 17:i * 17 + 17] for i in range(1024)])),
    # The rest of this one never comes: each connection is closed and dialled again.
    "half": lambda n: struct.pack(">IB", BLOCK + 9, PIECE) + bytes(8000),
}


class Flooder(threading.Thread):
    """Sends DATA at RATE from HOST until STOP is set; receives and drops what comes back."""

    def __init__(self, target, host, data, active, half, stop):
        super().__init__(daemon=True)
        self.target, self.host, self.data, self.active, self.half = target, host, data, active, half
        self.stop, self.sent, self.n_dialled = stop, 0, 0

    def run(self):
        self.began = time.monotonic()
        while not self.stop.is_set():
            try:
                wire = self.target.dial(self.host, seconds=5)
            except OSError:
                self.stop.wait(0.05)
                continue
            self.n_dialled += 1
            try:
                self.flood(wire)
            except OSError:
                pass
            finally:
                wire.close()

    def flood(self, wire):
        wire.sock.settimeout(0.5)
        if self.active:
            wire.send(message(HAVE_NONE) + message(INTERESTED) + b"".join(
                message(REQUEST, struct.pack(">III", i, 0, BLOCK)) for i in range(16)))
        threading.Thread(target=self.drain, args=(wire.sock,), daemon=True).start()
        while not self.stop.is_set():
            behind = (time.monotonic() - self.began) * BYTES_PER_S / N_FLOODERS - self.sent
            if behind <= 0:
                self.stop.wait(0.002)
                continue
            try:
                self.sent += wire.sock.send(self.data)
            except TimeoutError:
                self.sent += int(behind)  # the other end does not read: its buffers are full
            if self.half:
                self.stop.wait(0.01)
                return

    def drain(self, sock):
        try:
            while sock.recv(1 << 16):
                pass
        except (OSError, ValueError):
            pass


def flood(target, data, active, half, stop, result):
    """The process that floods: the honest peer does not share its interpreter."""
    flooders = [Flooder(target, f"127.66.0.{i + 1}", data, active, half, stop)
                for i in range(N_FLOODERS)]
    for each in flooders:
        each.start()
    stop.wait()
    for each in flooders:
        each.join(6)
    result.put((sum(f.sent for f in flooders), sum(f.n_dialled for f in flooders)))


def measure(target, honest, name, data, active, seconds):
    """Floods for SECONDS: the figures of a case."""
    calm = Newcomers(target)
    before, rate = target.rss(), honest.measure(1.5)
    calm = calm.end()
    stop, result = multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=flood, args=(target, data, active, name == "half", stop,
                                                          result))
    process.start()
    newcomers, peak = Newcomers(target), []
    n, began = honest.n_bytes, time.monotonic()
    while time.monotonic() - began < seconds:
        peak.append(target.rss())
        threading.Event().wait(0.1)
    during = (honest.n_bytes - n) / (time.monotonic() - began)
    took = newcomers.end()
    peak.append(target.rss())
    stop.set()
    sent, n_dialled = result.get(timeout=60)
    process.join()
    return {"rss": max(peak) - before, "calm": calm, "handshake": took, "share": during / rate if rate else 1.0,
            "rate": rate, "sent": sent / seconds, "dialled": n_dialled}


def broken_bounds(figures):
    return [what for what, bad in (("memory", figures["rss"] > RSS_MAX),
                                   ("handshake", figures["handshake"] > HANDSHAKE_MAX),
                                   ("honest peer", figures["share"] < SHARE_MIN)) if bad]


def run(conjure, o, show=print):
    """Runs the cases that O.only matches. Returns the names of those that broke a bound."""
    broken = []
    show(f"{'case':42} {'MiB':>6} {'calm ms':>7} {'handshake ms':>12} {'honest':>7} {'of MiB/s':>8} {'sent MB/s':>9} "
         f"{'dialled':>7}")
    for role in ROLES:
        cases = [(m, a) for m in MESSAGES for a in (False, True)
                 if fnmatch.fnmatch(f"{role}/{m}/{'active' if a else 'idle'}", o.only)]
        target = idlers = honest = bad = None
        for name, active in cases:
            if not target or bad or honest.closed:  # what is left of a flood would spoil the next case
                for thing in (honest, idlers, target):
                    if thing:
                        thing.close()
                target = Target(conjure, role, o.pieces)
                idlers = Idlers(target, o.idlers)
                honest = Honest(target, HONEST)
                honest.measure(2.5)
            title = f"{role}/{name}/{'active' if active else 'idle'}"
            figures = measure(target, honest, name, MESSAGES[name](o.pieces), active, o.seconds)
            bad = broken_bounds(figures)
            if not target.program.running():
                bad.append("it has ended")
            broken += [title] * bool(bad)
            show(f"{title:42} {figures['rss'] / 2**20:6.1f} {figures['calm'] * 1000:7.0f} "
                 f"{figures['handshake'] * 1000:12.0f} "
                 f"{figures['share'] * 100:6.0f}% {figures['rate'] / 2**20:8.1f} "
                 f"{figures['sent'] / 1e6:9.1f} {figures['dialled']:7}"
                 f"{'  BROKEN: ' + ', '.join(bad) if bad else ''}", flush=True)
        for thing in (honest, idlers, target):
            if thing:
                thing.close()
    return broken


def parse(args):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build-release")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--pieces", type=int, default=100_000)
    parser.add_argument("--idlers", type=int, default=2000)
    parser.add_argument("--only", default="*")
    return parser.parse_args(args)


def main(args):
    o = parse(args)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    multiprocessing.set_start_method("fork")
    broken = run(o.build / "conjure", o)
    print(f"{len(broken)} cases broke a bound")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
