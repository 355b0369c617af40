# SPDX-License-Identifier: MIT
"""Super-seeding (BEP 16)."""
import signal
import struct
import threading

import pytest

from kit.barepeer import (EXTENDED, HAVE, HAVE_NONE, INTERESTED, NOT_INTERESTED, PIECE, REJECT, REQUEST,
                          UNCHOKE, Wire, message)
from kit.clients import start_client
from kit.content import KIB, MIB
from kit.net import Loopback
from kit.wait import wait_until

N_LEECHERS = 8
UP = 4 * MIB


def numbered(payload):
    return struct.unpack(">I", payload[:4])[0]


class Leecher:
    """A bare leecher, whose messages the test sends."""

    def __init__(self, torrent, seeder):
        self.torrent = torrent
        self.wire = Wire.dial("127.0.0.1", seeder.port)
        self.wire.shake(torrent.info_hash, fast=True, extended=True)
        assert self.wire.receive()[0] == HAVE_NONE
        kind, payload = self.wire.receive()
        assert kind == EXTENDED and b"upload_onlyi0e" in payload
        self.wire.send(message(HAVE_NONE))

    def receive_offer(self):
        return numbered(self.wire.receive_until(HAVE)[1])

    def offers_within(self, seconds):
        """The pieces of all HAVE messages until none arrives for SECONDS."""
        offers = []
        self.wire.sock.settimeout(seconds)
        try:
            while True:
                offers.append(self.receive_offer())
        except TimeoutError:
            pass
        self.wire.sock.settimeout(10)
        return offers

    def be_unchoked(self):
        self.wire.send(message(INTERESTED))
        self.wire.receive_until(UNCHOKE)

    def say_have(self, piece):
        self.wire.send(message(HAVE, struct.pack(">I", piece)))

    def ask(self, piece, begin=0):
        self.wire.send(message(REQUEST, struct.pack(">III", piece, begin, 16 * KIB)))
        kind, payload = self.wire.receive_until(PIECE, REJECT)
        assert numbered(payload) == piece
        assert kind == REJECT or payload[8:] == self.torrent.piece(piece)[begin:begin + 16 * KIB]
        return kind


def seed(world, n_bytes, piece_length):
    torrent = world.torrent(world.tracker().url(), files="single", n_bytes=n_bytes,
                            piece_length=piece_length)
    return torrent, world.seed(torrent, "--super-seed")


def test_a_peer_that_passes_nothing_on_gets_no_more_pieces(world):
    """64 pieces of 2 MiB: two leechers are offered two pieces each."""
    torrent, seeder = seed(world, 128 * MIB, 2 * MIB)
    a, b = Leecher(torrent, seeder), Leecher(torrent, seeder)
    offered_a, offered_b = a.offers_within(1.5), b.offers_within(0.5)
    assert len(offered_b) == 2 and len(offered_a) in (2, 4)  # while A was alone it was offered more
    assert not set(offered_a) & set(offered_b)
    a.be_unchoked()
    assert a.ask(offered_a[0]) == PIECE
    assert a.ask(offered_b[0]) == REJECT
    for piece in offered_a:
        a.say_have(piece)
    assert a.offers_within(1) == []
    # B has the pieces, too: A passed them on.
    for piece in offered_a:
        b.say_have(piece)
    new = a.offers_within(1)
    assert len(new) == 2 and not set(new) & {*offered_a, *offered_b}


def test_a_single_peer_gets_every_piece(world):
    torrent, seeder = seed(world, 16 * MIB, 256 * KIB)
    leecher = Leecher(torrent, seeder)
    offered = [leecher.receive_offer() for _ in range(16)]
    leecher.be_unchoked()
    while len(offered) < torrent.n_pieces:
        assert leecher.ask(offered[len(offered) - 16]) == PIECE
        leecher.say_have(offered[len(offered) - 16])
        offered.append(leecher.receive_offer())
    assert sorted(offered) == list(range(torrent.n_pieces))


def test_a_peer_that_never_sends_have_gets_no_more_pieces(world):
    """Conjure as a leecher sends no HAVE to a peer that has the piece."""
    torrent, seeder = seed(world, 16 * MIB, 256 * KIB)
    leecher = Leecher(torrent, seeder)
    first = [leecher.receive_offer() for _ in range(16)]
    leecher.be_unchoked()
    for piece in first:
        assert leecher.ask(piece) == PIECE
    leecher.wire.send(message(NOT_INTERESTED))
    assert len({leecher.receive_offer() for _ in range(16)} - set(first)) == 16


def test_super_seeding_ends_when_another_peer_is_complete(world):
    torrent, seeder = seed(world, 16 * MIB, 256 * KIB)
    a = Leecher(torrent, seeder)
    offers = [a.receive_offer() for _ in range(16)]
    a.be_unchoked()
    for i in range(torrent.n_pieces):
        assert a.ask(offers[i]) == PIECE
        if i == torrent.n_pieces - 1:
            b = Leecher(torrent, seeder)
        a.say_have(offers[i])
        if len(offers) < torrent.n_pieces:
            offers.append(a.receive_offer())
    assert a.wire.is_closed_within(10)
    announced = set()
    while (message := b.wire.receive_until(HAVE, EXTENDED))[0] == HAVE:
        announced.add(numbered(message[1]))
    assert announced == set(range(torrent.n_pieces))
    assert b"upload_onlyi1e" in message[1]
    b.be_unchoked()
    assert b.ask(5) == PIECE
    late = Wire.dial("127.0.0.1", seeder.port)
    late.shake(torrent.info_hash, fast=True)
    assert late.receive()[0] == 0x0E  # have all


@pytest.mark.parametrize("client", ("conjure", "libtorrent"))
def test_a_new_swarm_is_seeded_with_little_more_than_one_copy(world, client, figure):
    """Eight leechers, and every peer uploads at 4 MiB/s: until the first leecher is complete the
    seeder uploads at most 1.1 times the content. The tracker stops the seeder at that
    `completed`."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), files="single", n_bytes=64 * MIB,
                            piece_length=256 * KIB)
    usual, first = tracker.usual_answer, threading.Event()
    seeder = world.seed(torrent, "--super-seed", "--max-upload-limit", UP)

    def answer(query):
        if query.get("event") == "completed" and not first.is_set():
            first.set()
            seeder.signal(signal.SIGTERM)
        return usual(query)

    tracker.answer = answer
    ports = [Loopback.left.port() for _ in range(N_LEECHERS)]
    tracker.peers = [("127.0.0.1", port) for port in (seeder.port, *ports)]
    folders = [world.make_folder(f"leecher-{i}") for i in range(N_LEECHERS)]
    leechers = []
    for i, (port, folder) in enumerate(zip(ports, folders)):
        if client == "conjure":
            leechers.append(world.download(torrent, folder, "--max-upload-limit", UP, "--seed-time",
                                           "10", node=f"leecher-{i}", port=port))
        else:
            leechers.append(start_client(world, client, "leech", torrent, folder, Loopback.left,
                                         port, up=UP))
    assert first.wait(120), "nobody has everything"
    assert all(leecher.running() for leecher in leechers), "one could not start"
    seeder.expect_exit(0, 30)
    stopped = [q for q in tracker.queries if q.get("event") == "stopped"]
    uploaded = int(stopped[0]["uploaded"]) / len(torrent.data)
    figure(f"super-seeding to eight of {client}: {uploaded:.3f} x the content uploaded before the "
           "first copy")
    assert 1 <= uploaded <= 1.1
    # The others receive it from each other.
    wait_until(lambda: all(torrent.is_in(f) for f in folders), 60, "all have everything")
