# SPDX-License-Identifier: MIT
"""Partial seeds (BEP 21): peers that have all files that they selected, but not all files."""
import pathlib
import struct

import pytest

from kit import bencode
from kit.barepeer import (BITFIELD, EXTENDED, HAVE_NONE, INTERESTED, PIECE, REJECT, REQUEST, UNCHOKE,
                          Wire, bitfield, message)
from kit.clients import start_client
from kit.content import KIB
from kit.net import Loopback
from kit.trackers import OpenTracker
from kit.wait import wait_until

FILES = [("a.bin", 700 * KIB), ("b.bin", 900 * KIB), ("c.bin", 300 * KIB), ("d.bin", 1100 * KIB)]


def first_messages(program, torrent):
    """The first messages that PROGRAM sends to a new seed: (bitfield, handshake of the extension
    protocol, the wire)."""
    wire = Wire.dial(program.at.ip, program.port)
    wire.shake(torrent.info_hash, fast=True, extended=True)
    _, bits = wire.receive_until(BITFIELD, HAVE_NONE)
    _, payload = wire.receive_until(EXTENDED)
    assert payload[0] == 0
    return bits, bencode.decode(payload[1:]), wire


def is_partial_seed(program, torrent):
    _, handshake, wire = first_messages(program, torrent)
    wire.close()
    return handshake[b"upload_only"] == 1


def has_interest_thread(program):
    names = [p.read_text().strip() for p in
             pathlib.Path(f"/proc/{program.pid}/task").glob("*/comm")]
    assert any(n.startswith("lobby") for n in names), names
    return any(n.startswith("interest") for n in names)


def pieces_of(torrent, *numbers):
    """The pieces that contain a byte of these files, which are counted from 1."""
    wanted, at = set(), 0
    for number, (_, length) in enumerate(torrent.files, 1):
        if number in numbers:
            wanted |= set(range(at // torrent.piece_length,
                                (at + length - 1) // torrent.piece_length + 1))
        at += length
    return wanted


def daemon(world, torrent, files, node, side=None):
    """A daemon that downloads FILES of TORRENT."""
    at = side or Loopback.left
    port = at.port()
    folder = world.folder / node
    folder.mkdir(exist_ok=True)
    program = world.conjure("-d", "--foreground", "-o", folder, "-p", port,
                            f"--select-file={files}", torrent.path, node=node, side=side)
    program.at, program.port = at, port
    return program


def partial_seed(world, torrent, files, node, side=None):
    """Starts such a daemon and waits until it has FILES."""
    program = daemon(world, torrent, files, node, side)
    program.wait_until(lambda: program.at.call(lambda: is_ready(program, torrent)), 30,
                       "it has what it wants")
    return program


def is_ready(program, torrent):
    try:
        return is_partial_seed(program, torrent)
    except OSError:
        return False


def test_a_partial_seed_announces_itself_and_serves_its_pieces(world):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), files=FILES, piece_length=64 * KIB)
    bare = world.peer(torrent)
    tracker.peers = [bare.address]
    seed = partial_seed(world, torrent, "1,3", "partial")
    have = pieces_of(torrent, 1, 3)
    bits, handshake, wire = first_messages(seed, torrent)
    assert bits == bitfield(torrent.n_pieces, have)
    assert handshake[b"upload_only"] == 1 and handshake[b"p"] == seed.port
    assert handshake[b"reqq"] > 200
    assert handshake[b"v"].startswith(b"Conjure ")
    # It closes connections to seeds, and has no thread for the torrent.
    wait_until(lambda: not bare.open, 10, "the seed is let go")
    seed.wait_until(lambda: not has_interest_thread(seed), 10, "no thread is left for the torrent")
    # Requests of a piece that it has, one that it does not have, and one that it has.
    missing = min(set(range(torrent.n_pieces)) - have)
    wire.send(message(INTERESTED))
    wire.receive_until(UNCHOKE)
    for piece in (min(have), missing, max(have)):
        wire.send(message(REQUEST, struct.pack(">III", piece, 16384, 16384)))
    replies = {}
    while len(replies) < 3:
        kind, payload = wire.receive_until(PIECE, REJECT)
        replies[struct.unpack(">I", payload[:4])[0]] = kind, payload[8:]
    assert replies[missing][0] == REJECT
    for piece in (min(have), max(have)):
        assert replies[piece] == (PIECE, torrent.piece(piece)[16384:32768])
    # It closes a connection to a peer that wants nothing, either.
    other = Wire.dial("127.0.0.1", seed.port)
    other.shake(torrent.info_hash, fast=True, extended=True)
    other.send(message(HAVE_NONE) + message(EXTENDED, b"\0d11:upload_onlyi1ee"))
    assert other.is_closed_within(10)
    # After a restart it is a partial seed at once.
    seed.signal(15)
    seed.expect_exit(0, 20)
    again = partial_seed(world, torrent, "1,3", "partial")
    assert not has_interest_thread(again)
    assert first_messages(again, torrent)[0] == bits


def test_connected_peers_learn_of_the_change(world):
    """A leecher that is connected from the start receives HAVE for every piece, and upload_only at
    the end."""
    tracker = world.tracker(interval=5)
    torrent = world.torrent(tracker.url(), files=FILES, piece_length=64 * KIB)
    program = daemon(world, torrent, "2,4", "partial")
    wait_until(lambda: is_listening(program, torrent), 20, "it greets")
    _, handshake, wire = first_messages(program, torrent)
    assert handshake[b"upload_only"] == 0
    bare = world.peer(torrent)
    tracker.peers = [bare.address]  # from its next announce on
    announced, upload_only = set(), None
    # Two actors send the last HAVEs and upload_only, in either order.
    while upload_only is None or len(announced) < len(pieces_of(torrent, 2, 4)):
        kind, payload = wire.receive_until(4, EXTENDED)
        if kind == EXTENDED:
            upload_only = bencode.decode(payload[1:])[b"upload_only"]
        else:
            announced.add(struct.unpack(">I", payload)[0])
    assert upload_only == 1
    assert announced == pieces_of(torrent, 2, 4)


def is_listening(program, torrent):
    try:
        first_messages(program, torrent)[2].close()
        return True
    except OSError:
        return False


@pytest.mark.parametrize("minds", (False, True), ids=("knows-paused", "minds-paused"))
def test_the_tracker_receives_paused(world, minds):
    """`left` includes files that are not selected. The event is `paused` if the tracker accepts it,
    and never `completed`."""
    tracker = world.tracker(interval=5)
    usual = tracker.usual_answer

    def answer(query):
        if minds and query.get("event") == "paused":
            return bencode.encode({"failure reason": "invalid event"})
        return usual(query)

    tracker.answer = answer
    torrent = world.torrent(tracker.url(), files=FILES, piece_length=64 * KIB)
    bare = world.peer(torrent)
    tracker.peers = [bare.address]
    seed = partial_seed(world, torrent, "1,3", "partial")
    n = 3 if minds else 2
    wait_until(lambda: len([q for q in tracker.queries[1:] if q.get("event", "") != "started"]) >= n,
               30, "some announces as a partial seed")
    missing = sum(len(torrent.piece(i)) for i in
                  set(range(torrent.n_pieces)) - pieces_of(torrent, 1, 3))
    events = tracker.events()
    assert events[0] == "started" and "completed" not in events
    assert [q["left"] for q in tracker.queries[1:1 + n]] == [str(missing)] * n
    assert events[1:1 + n] == (["paused", "", ""] if minds else ["paused"] * n)
    seed.signal(15)
    seed.expect_exit(0, 20)
    assert tracker.events()[-1] == "stopped"


def test_transmission_downloads_the_available_files(world, pair, out):
    """Alone, because Transmission 3.00 takes two peers of one host for one."""
    port = pair.left.port()
    torrent = world.torrent(f"http://{pair.left.ip}:{port}/announce", files=FILES,
                            piece_length=64 * KIB)
    OpenTracker(world, pair.left, [torrent], port)
    first = world.seed(torrent, node="first", side=pair.left)
    seed = partial_seed(world, torrent, "1,3", "partial", pair.right)
    first.signal(15)
    first.expect_exit(0, 20)
    leecher = start_client(world, "transmission", "leech", torrent, out, pair.left,
                           pair.left.port())
    wanted = {path: path.relative_to(out) for path in
              (torrent.paths(out)[0], torrent.paths(out)[2])}
    leecher.wait_until(lambda: all(
        path.is_file() and path.read_bytes() == (torrent.source / name).read_bytes()
        for path, name in wanted.items()), 60, "transmission has two files")
    assert seed.running()


@pytest.mark.parametrize("client", ("conjure", "libtorrent", "aria2"))
def test_two_partial_seeds_complete_a_download(world, pair, out, client):
    port, right, left = pair.left.port(), pair.right, pair.left
    torrent = world.torrent(f"http://{left.ip}:{port}/announce", files=FILES,
                            piece_length=64 * KIB)
    tracker = OpenTracker(world, left, [torrent], port)
    first = world.seed(torrent, node="first", side=left)
    seeds = [partial_seed(world, torrent, files, node, right)
             for files, node in (("1,3", "one"), ("2,4", "two"))]
    first.signal(15)
    first.expect_exit(0, 20)
    assert tracker.scrape(torrent) == (0, 2)
    if client == "conjure":
        world.download(torrent, out, node="last", side=left).expect_exit(0, 60)
    else:
        leecher = start_client(world, client, "leech", torrent, out, left, left.port())
        leecher.wait_until(lambda: torrent.is_in(out), 60, f"{client} has everything")
    assert torrent.is_in(out)
    assert all(s.running() for s in seeds)
