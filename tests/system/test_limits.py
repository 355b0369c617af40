# SPDX-License-Identifier: MIT
"""Limits, as measured by the other end. The long measurements run at the same time, once for all
tests, each in a process of its own, so that none delays the clock of another."""
import bisect
import concurrent.futures
import itertools
import multiprocessing
import signal
import socket
import struct
import threading
import time

import pytest

from conftest import World
from kit.barepeer import (BLOCK, CHOKE, INTERESTED, PIECE, REQUEST, UNCHOKE, BarePeer, Wire, greets,
                          message)
from kit.content import KIB, MIB
from kit.net import free_port
from kit.wait import wait_until

SECONDS = 11.5  # of each measurement, for windows of ten


class Record:
    """The times at which content arrived, with numbers of bytes."""

    def __init__(self):
        self.times, self.sums = [], []

    @classmethod
    def of(cls, events):
        record, total = cls(), 0
        for when, n in sorted(events):
            total += n
            record.times.append(when)
            record.sums.append(total)
        return record

    def between(self, begin, end):
        """Bytes that arrived in [BEGIN, END), in seconds after the first."""
        low, high = (bisect.bisect_left(self.times, self.times[0] + at) for at in (begin, end))
        return (self.sums[high - 1] if high else 0) - (self.sums[low - 1] if low else 0)

    def windows(self, seconds):
        """The bytes of each period of SECONDS that begins with a block."""
        span = self.times[-1] - self.times[0]
        starts = itertools.takewhile(lambda at: at + seconds <= span,
                                     (t - self.times[0] for t in self.times))
        return [self.between(at, at + seconds) for at in starts]

    def check(self, rate):
        """The limit holds within 3 % over any ten seconds, and a tenth of a second has little more
        than its share. A few may have more, when either end was delayed on a busy machine."""
        tens = self.windows(10)
        assert tens, f"only {self.sums[-1]} bytes came, in {self.times[-1] - self.times[0]:.1f} s"
        assert max(tens) <= 10 * rate * 1.03, f"{max(tens) / 10 / rate:.3f} of the limit"
        assert min(tens) >= 10 * rate * 0.97, f"{min(tens) / 10 / rate:.3f} of the limit"
        tenths = sorted(self.windows(0.1))
        burst, worst = tenths[len(tenths) * 9 // 10], tenths[-1]
        assert burst <= 1.5 * 0.1 * rate + 2 * BLOCK, f"{burst} bytes within 100 ms"
        assert worst <= 6 * 0.1 * rate + 2 * BLOCK, f"{worst} bytes within 100 ms"


class Leech:
    """A leecher that downloads as fast as it can until its process ends."""

    def __init__(self, torrent, port):
        self.torrent, self.events = torrent, []
        self.wire = Wire.dial("127.0.0.1", port, 60)
        self.wire.shake(torrent.info_hash)
        self.wire.send(message(INTERESTED))
        self.at = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def ask(self, n):
        blocks = self.torrent.piece_length // BLOCK
        asks = b""
        for at in range(self.at, self.at + n):
            where = at // blocks % (self.torrent.n_pieces - 1), at % blocks * BLOCK, BLOCK
            asks += message(REQUEST, struct.pack(">III", *where))
        self.at += n
        self.wire.send(asks)

    def run(self):
        choked = True
        try:
            while True:
                kind, payload = self.wire.receive()
                if kind == PIECE:
                    self.events.append((time.monotonic(), len(payload) - 8))
                    if not choked:
                        self.ask(1)
                elif kind in (CHOKE, UNCHOKE):
                    choked = kind == CHOKE
                    self.ask(0 if choked else 128)
        except OSError:
            pass

    def close(self):
        try:
            self.wire.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other end was first
        self.thread.join(10)
        self.wire.close()


class SlowLeech(Leech):
    """A leecher that requests 1 MiB and reads 5 KiB per second."""

    def run(self):
        self.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            self.wire.receive_until(UNCHOKE)
            self.ask(64)
            while got := self.wire.sock.recv(512):
                self.events.append((time.monotonic(), len(got)))
                time.sleep(0.1)  # its rate is what makes it slow
        except OSError:
            pass


class Source(BarePeer):
    """A seeder that records when it sent how much."""

    def __init__(self, *args, **options):
        self.events = []
        super().__init__(*args, **options)

    def answer(self, wire, piece, begin, length):
        super().answer(wire, piece, begin, length)
        self.events.append((time.monotonic(), length))


def record(takers):
    return Record.of(event for taker in takers for event in list(taker.events))


def leech(world, port, *torrents):
    """A record for each of TORRENTS, which are downloaded for SECONDS."""
    leeches = [world.closing(Leech(torrent, port)) for torrent in torrents]
    time.sleep(SECONDS)  # what is measured is what comes in this time
    return [record(x for x in leeches if x.torrent is torrent)
            for torrent in {id(t): t for t in torrents}.values()]


def daemon(world, text, *torrents):
    """Starts conjure -d with TEXT as its configuration file, and waits until it answers handshakes
    for all TORRENTS."""
    config = world.folder / "c.conf"
    config.write_text(text)
    port = free_port()
    # One folder for the contents of all of them.
    for torrent in torrents[1:]:
        for path in torrent.source.iterdir():
            path.rename(torrents[0].source / path.name)
    program = world.conjure("-d", "--foreground", "--config", config, "-o", torrents[0].source,
                            "-p", port, *(t.path for t in torrents))
    for torrent in torrents:
        program.wait_until(lambda t=torrent: greets("127.0.0.1", port, t), 20, "it greets")
    program.port, program.config = port, config
    return program


def one_leecher(world):
    torrent = world.torrent()
    return leech(world, daemon(world, "max-upload-limit = 4M", torrent).port, torrent)


def eight_leechers(world):
    torrent = world.torrent()
    return leech(world, daemon(world, "max-upload-limit = 2M", torrent).port, *[torrent] * 8)


def a_slow_limit(world):
    torrent = world.torrent()
    return leech(world, daemon(world, "max-upload-limit = 100K", torrent).port, *[torrent] * 3)


def torrents_of_their_own(world):
    """The torrent `slow` is limited to a third of the whole."""
    slow, fast = (world.torrent(name=name, n_bytes=4 * MIB) for name in ("slow", "fast"))
    program = daemon(world, "max-upload-limit = 3M\n[slow]\nmax-upload-limit = 1M\n", slow, fast)
    return leech(world, program.port, slow, fast, slow, slow)


def download(world, *options, text=""):
    """A download from two sources that could send more."""
    torrent = world.torrent(n_bytes=40 * MIB)
    sources = [world.closing(Source(torrent)) for _ in range(2)]
    tracker = world.tracker(*sources)
    torrent = world.torrent(tracker.url(), n_bytes=40 * MIB)
    (world.folder / "c.conf").write_text(text)
    world.download(torrent, world.make_folder("out"), "--config", world.folder / "c.conf", *options)
    wait_until(lambda: record(sources).times, 20, "the first block")
    time.sleep(SECONDS)  # what is measured is what comes in this time
    return [record(sources)]


def among_slow_ones(world):
    """A leecher beside 24 others that hardly read."""
    torrent = world.torrent()
    program = daemon(world, "max-upload-limit = 2M", torrent)
    slow = [world.closing(SlowLeech(torrent, program.port)) for _ in range(24)]
    wait_until(lambda: all(x.events for x in slow), 20, "all are served")
    return leech(world, program.port, torrent)


def a_download(world):
    return download(world, "--max-download-limit", "2M")


def a_download_of_its_own(world):
    return download(world, "--max-download-limit", "20M",
                    text="[content]\nmax-download-limit = 1M\n")


LIMITS = {
    one_leecher: [4 * MIB],
    eight_leechers: [2 * MIB],
    a_slow_limit: [100 * KIB],
    torrents_of_their_own: [MIB, 2 * MIB],
    among_slow_ones: None,
    a_download: [2 * MIB],
    a_download_of_its_own: [MIB],
}


def measure(case, folder):
    world = World(folder)
    try:
        return case(world)
    finally:
        world.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The records of all cases of LIMITS."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(len(LIMITS), spawn) as pool:
        futures = {case: pool.submit(measure, case, tmp_path_factory.mktemp(case.__name__))
                   for case in LIMITS}
        concurrent.futures.wait(futures.values())
        return futures


@pytest.mark.parametrize("case", [c for c in LIMITS if LIMITS[c]], ids=lambda case: case.__name__)
def test_a_limit_holds(measured, case, figure):
    for got, limit in zip(measured[case].result(), LIMITS[case], strict=True):
        shares = [n / 10 / limit for n in got.windows(10)] or [0]
        figure(f"{case.__name__}: {min(shares):.3f} to {max(shares):.3f} of {limit // KIB} KiB/s over "
               f"10 s, {max(got.windows(0.1)) / 0.1 / limit:.2f} of it in the worst 100 ms")
        got.check(limit)


def test_a_limit_is_used_from_the_first_second_on(measured):
    """The total never differs from the limit by more than ten seconds may, except for a block or
    two."""
    got, = measured[one_leecher].result()
    for seconds in range(1, 11):
        off = got.between(0, seconds) - seconds * 4 * MIB
        assert abs(off) <= 10 * 4 * MIB * 0.03 + 2 * BLOCK, f"{off} bytes off after {seconds} s"


def test_slow_peers_do_not_use_up_the_limit(measured, figure):
    """Megabytes in the kernel's buffers for slow peers must not count as sent."""
    got, = measured[among_slow_ones].result()
    share = got.between(0, 10) / 10 / (2 * MIB)
    figure(f"a leecher among 24 that hardly read has {share:.2f} of the limit")
    assert 0.75 <= share <= 1.03


def test_the_lan_can_be_exempt(world):
    torrent = world.torrent()
    program = daemon(world, "max-upload-limit = 100K\nlimit-lan = no\n", torrent)
    taker = world.closing(Leech(torrent, program.port))
    wait_until(lambda: sum(n for _, n in list(taker.events)) > 16 * MIB, 10, "16 MiB")


def test_a_limit_is_set_changed_and_removed_while_data_moves(world):
    """A new limit holds a second after the reload."""
    torrent = world.torrent()
    program = daemon(world, "", torrent)
    taker = world.closing(Leech(torrent, program.port))

    def reload(text):
        before = program.log().count("reloaded")
        program.config.write_text(text)
        program.signal(signal.SIGHUP)
        program.wait_until(lambda: program.log().count("reloaded") > before, 10, "it was read")

    def rate(seconds):
        time.sleep(1.2)  # no limit holds for a second; and what was in the sockets comes
        begin = time.monotonic()
        time.sleep(seconds)  # measured is what comes in this time
        end = time.monotonic()
        return sum(n for when, n in list(taker.events) if begin <= when < end) / (end - begin)

    wait_until(lambda: sum(n for _, n in list(taker.events)) > 8 * MIB, 10, "8 MiB")
    reload("max-upload-limit = 2M\n")
    assert rate(3) == pytest.approx(2 * MIB, rel=0.05)
    reload("max-upload-limit = 2M\n[content]\nmax-upload-limit = 512K\n")
    assert rate(3) == pytest.approx(512 * KIB, rel=0.1)
    reload("")
    assert rate(1) > 8 * MIB
