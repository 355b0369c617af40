# SPDX-License-Identifier: MIT
"""A seed, as a peer sees it."""
import signal
import socket
import struct
import time

import pytest

from kit.barepeer import (ALLOWED_FAST, BITFIELD, CANCEL, HAVE_ALL, INTERESTED, PIECE, REJECT,
                          REQUEST, UNCHOKE, Wire, message)
from kit.clients import start_client
from kit.content import MIB
from kit.net import Loopback, free_port, listens


@pytest.fixture
def seeded(world):
    """A torrent, and a conjure that seeds it."""
    torrent = world.torrent(world.tracker().url())
    torrent.seeder = world.seed(torrent)
    return torrent


def dial(torrent, fast=False):
    wire = Wire.dial("127.0.0.1", torrent.seeder.port)
    wire.shake(torrent.info_hash, fast)
    return wire


def request(piece, begin, length):
    return message(REQUEST, struct.pack(">III", piece, begin, length))


def fetch(wire, piece, begin, length):
    """Requests a block and returns it."""
    wire.send(request(piece, begin, length))
    _, payload = wire.receive_until(PIECE)
    assert payload[:8] == struct.pack(">II", piece, begin)
    return payload[8:]


def be_unchoked(wire):
    wire.send(message(INTERESTED))
    wire.receive_until(UNCHOKE)


def still_serves(torrent):
    """Whether a new peer receives a block that it requests."""
    wire = dial(torrent)
    be_unchoked(wire)
    served = fetch(wire, 1, 16384, 16384) == torrent.piece(1)[16384:32768]
    wire.close()
    return served and torrent.seeder.running()


def test_a_seed_offers_everything_and_serves_any_block(seeded):
    wire = dial(seeded)
    kind, payload = wire.receive()
    assert kind == BITFIELD
    n = seeded.n_pieces
    assert payload == bytes(0xFF if (i + 1) * 8 <= n else 0xFF << 8 - n % 8 & 0xFF
                            for i in range((n + 7) // 8))
    be_unchoked(wire)
    last = n - 1
    tail = len(seeded.piece(last))
    for piece, begin, length in ((0, 0, 16384), (n // 2, 16384, 16384), (3, 5, 1), (0, 0, 9999),
                                 (last, tail - 7, 7)):
        assert fetch(wire, piece, begin, length) == seeded.piece(piece)[begin:begin + length]


def test_many_requests_are_served_in_order(seeded):
    wire = dial(seeded)
    be_unchoked(wire)
    blocks = [(p, b) for p in range(4) for b in range(0, seeded.piece_length, 16384)]
    wire.send(b"".join(request(p, b, 16384) for p, b in blocks))
    for piece, begin in blocks:
        _, payload = wire.receive_until(PIECE)
        assert payload == struct.pack(">II", piece, begin) + \
            seeded.piece(piece)[begin:begin + 16384]


def test_the_fast_extension_is_used(seeded):
    wire = dial(seeded, fast=True)
    assert wire.reserved[7] & 0x04, "conjure does not offer the Fast extension"
    assert wire.receive()[0] == HAVE_ALL
    be_unchoked(wire)
    # A cancelled request gets the block or a reject.
    wire.send(request(0, 0, 16384) + message(CANCEL, struct.pack(">III", 0, 0, 16384)))
    kind, payload = wire.receive_until(PIECE, REJECT)
    assert payload[:8] == struct.pack(">II", 0, 0)


def test_requests_of_a_choked_peer_are_rejected(seeded):
    """All requests but those of the allowed-fast pieces (BEP 6)."""
    wire = dial(seeded, fast=True)
    wire.send(b"".join(request(i, 0, 16384) for i in range(seeded.n_pieces)))
    allowed, served, rejected = set(), set(), set()
    while len(served) + len(rejected) < seeded.n_pieces:
        kind, payload = wire.receive_until(PIECE, REJECT, ALLOWED_FAST)
        piece = struct.unpack(">I", payload[:4])[0]
        {PIECE: served, REJECT: rejected, ALLOWED_FAST: allowed}[kind].add(piece)
        assert kind != REJECT or payload == struct.pack(">III", piece, 0, 16384)
    assert rejected and served <= allowed


# Violations of the protocol after the handshake; the seed must close the connection at each.
RUDE = {
    "a-message-of-2-gib": b"\x7f\xff\xff\xff\x00",
    "a-message-of-4-gib": b"\xff\xff\xff\xff\x07",
    "an-oversize-bitfield": struct.pack(">IB", 1 << 20, BITFIELD),
    "a-bitfield-with-spare-bits": message(BITFIELD, b"\xff" * 5),
    "a-have-of-no-such-piece": message(4, struct.pack(">I", 0xFFFFFFFF)),
    "a-have-that-is-too-short": message(4, b"\0"),
    "a-request-of-1-gib": request(0, 0, 1 << 30),
    "a-request-that-wraps-round": request(0, 0xFFFFFFF0, 0x20),
    "a-request-of-no-such-piece": request(0xFFFFFFFF, 0, 16384),
    "a-request-that-is-too-short": message(REQUEST, b"1234"),
    "a-piece-nobody-asked-for-of-1-mib": struct.pack(">IB", 1 << 20, PIECE) + bytes(1 << 16),
}


@pytest.mark.parametrize("fault", RUDE)
def test_a_peer_that_breaks_the_protocol_is_closed_and_the_seed_continues(seeded, fault):
    wire = dial(seeded)
    wire.send(message(INTERESTED) + RUDE[fault])
    assert wire.is_closed_within(5), "the connection is still open"
    assert still_serves(seeded)


@pytest.mark.parametrize("hello", (
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(60),
    b"\x13BitTorrent protocol" + bytes(8) + b"x" * 20 + b"-XX0001-abcdefghijkl",
    bytes(68),
), ids=("http", "another-torrent", "zeros"))
def test_a_wrong_handshake_closes_the_connection(seeded, hello):
    wire = Wire.dial("127.0.0.1", seeded.seeder.port)
    wire.send(hello)
    assert wire.is_closed_within(5)
    assert still_serves(seeded)


def test_a_handshake_may_arrive_byte_by_byte(seeded):
    wire = Wire.dial("127.0.0.1", seeded.seeder.port)
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    hello = b"\x13BitTorrent protocol" + bytes(8) + seeded.info_hash + b"-XX0001-abcdefghijkl"
    for i in range(68):
        wire.send(hello[i:i + 1])
    wire.receive_handshake()
    be_unchoked(wire)
    assert fetch(wire, 0, 0, 16384) == seeded.piece(0)[:16384]


def test_many_silent_connections_do_not_keep_others_out(seeded):
    silent = [dial(seeded) for _ in range(100)]
    assert still_serves(seeded)
    for wire in silent:
        wire.close()


def test_seed_ratio_ends_the_seed(world):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url())
    port = free_port()
    seeder = world.conjure("-o", torrent.source, "-p", port, "--seed-ratio", "1", torrent.path,
                           node="seeder")
    seeder.wait_until(lambda: listens(port), 10, "the seeder listens")
    out = world.make_folder("out")
    tracker.peers = [("127.0.0.1", port)]
    world.download(torrent, out).expect_exit(0, 30)
    seeder.expect_exit(0, 20)


def test_seed_time_ends_the_seed(world):
    torrent = world.torrent(world.tracker().url(), n_bytes=2 * MIB)
    start = time.monotonic()
    seeder = world.conjure("-o", torrent.source, "-p", 0, "--seed-time", "0.05", torrent.path,
                           node="seeder")
    seeder.expect_exit(0, 20)
    assert time.monotonic() - start >= 2.5, "it did not seed for 3 seconds"


def test_max_upload_limit_holds(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=12 * MIB)
    seeder = world.seed(torrent, "--max-upload-limit", "4M")
    tracker.peers = [("127.0.0.1", seeder.port)]
    start = time.monotonic()
    world.download(torrent, out).expect_exit(0, 30)
    seconds = time.monotonic() - start
    assert 3.0 * 0.6 <= seconds <= 15, f"12 MiB at 4 MiB/s took {seconds:.2f} s"


def test_a_daemon_announces_stopped_at_a_signal(world):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=2 * MIB)
    seeder = world.seed(torrent)
    seeder.wait_until(lambda: "started" in tracker.events(), 10, "it announces")
    seeder.signal(signal.SIGTERM)
    assert seeder.wait(10) == 0, seeder.log()
    assert tracker.events()[-1] == "stopped"


@pytest.mark.parametrize("scheme", ("http", "udp"))
@pytest.mark.parametrize("client", ("conjure", "libtorrent", "aria2"))
def test_conjure_tracker_serves_other_clients(world, out, client, scheme):
    port = free_port()
    world.conjure_tracker(port)
    torrent = world.torrent(f"{scheme}://127.0.0.1:{port}/announce")
    world.seed(torrent)
    if client == "conjure":
        world.download(torrent, out).expect_exit(0, 30)
        return
    leecher = start_client(world, client, "leech", torrent, out, Loopback.left, free_port())
    leecher.wait_until(lambda: torrent.is_in(out), 60, f"{client} has everything")
