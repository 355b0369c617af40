# SPDX-License-Identifier: MIT
"""Peers, hosts and trackers that harm a swarm: our download goes on."""
import pathlib
import shutil
import socket
import urllib.parse
import urllib.request

import pytest

from kit import bencode
from kit.barepeer import Wire
from kit.content import KIB, MIB
from kit.net import Loopback, ip
from kit.trackers import FixedTracker
from kit.wait import wait_until


def test_a_squatter_under_the_peer_id_of_a_seed_does_not_keep_it_out(world, out):
    """It connects before the seed does, from another host, and stays idle."""
    peer_id = b"-BP0001-knowntoallof"
    squatters = []
    tracker = world.tracker()
    torrent = world.torrent(tracker.url())
    seed = world.peer(torrent, peer_id=peer_id)

    def answer(query):
        if not squatters:
            squatters.append(Wire.dial("127.0.0.1", int(query["port"]), source="127.0.0.9"))
            squatters[0].shake(torrent.info_hash, peer_id=peer_id)
            seed.dial(int(query["port"]))
        return tracker.usual_answer(query)

    tracker.answer = answer
    world.download(torrent, out).expect_exit(0, 15)
    assert squatters and torrent.is_in(out)


class Silence:
    """Accepts no connection, on all addresses of 127.0.0.0/8: each dial waits for its deadline."""

    def __init__(self):
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]

    def addresses(self, n, net):
        return [(f"127.{net}.{i // 250}.{1 + i % 250}", self.port) for i in range(n)]

    def n_waiting(self):
        """Of connections in the backlog."""
        listening = pathlib.Path("/proc/net/tcp").read_text().splitlines()
        return sum(int(line.split()[4].split(":")[1], 16) for line in listening[1:]
                   if line.split()[1] == f"00000000:{self.port:04X}" and line.split()[3] == "0A")

    def close(self):
        self.listener.close()


def test_dead_addresses_of_seeding_torrents_do_not_delay_a_download(world, out):
    """Twenty seeding torrents dial twelve hundred hosts that never reply when a download learns of
    its only peer."""
    silence = world.closing(Silence())
    seeding = []
    for i in range(20):
        tracker = world.tracker(*silence.addresses(60, 10 + i))
        seeding.append(world.torrent(tracker.url(), name=f"seeding{i}", seed=i,
                                     n_bytes=64 * KIB, files="single"))
        shutil.copytree(seeding[-1].source, out, dirs_exist_ok=True)
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=1 * MIB)
    tracker.peers = [world.peer(torrent).address]

    def answer(query):
        wait_until(lambda: silence.n_waiting() >= 32, 20, "the seeding torrents dial")
        return tracker.usual_answer(query)

    tracker.answer = answer
    program = world.conjure("-d", "--foreground", "-o", out, "-p", Loopback.left.port(),
                            *[t.path for t in seeding], torrent.path)
    wait_until(lambda: silence.n_waiting() >= 32, 20, "the seeding torrents dial")
    program.wait_until(lambda: torrent.is_in(out), 10, "the download is complete")


def test_a_second_tracker_is_asked_while_the_first_names_nobody(world, out):
    first, second = world.tracker(), world.tracker()
    torrent = world.torrent(first.url(), second.url())
    second.peers = [world.peer(torrent).address]
    world.download(torrent, out).expect_exit(0, 15)
    assert torrent.is_in(out)
    assert first.events()[0] == second.events()[0] == "started"


def test_a_public_tracker_does_not_redirect_to_a_private_address(world, pair, out):
    """Neither over a new connection nor over one that an announce to that address left open."""
    side = pair.left
    public = "203.0.113.5"
    ip("-n", side.namespace, "addr", "replace", f"{public}/32", "dev", "lo")
    private = world.closing(side.call(lambda: FixedTracker(host=side.ip)))
    target = private.url().replace("announce", "secret")
    tracker = world.closing(side.call(lambda: FixedTracker(
        host=public, answer=lambda query: (302, b"", {"Location": target}))))
    torrent = world.torrent(private.url(), tracker.url())
    program = world.download(torrent, out, side=side)
    program.wait_until(lambda: "redirects to a private address" in program.log(), 20,
                       "the redirect is refused")
    assert tracker.queries and all(private.queries), "a redirected request has no query"


@pytest.fixture
def both(world):
    """The trackers of http://localhost:PORT over IPv4 and IPv6, as separate as two hosts."""
    four = world.tracker()
    return four, world.tracker(host="::1", port=four.port)


@pytest.mark.parametrize("named_by", [0, 1])
def test_a_tracker_is_asked_over_both_address_families(world, out, both, named_by):
    """A tracker may know peers of the family only over which it is asked."""
    torrent = world.torrent(f"http://localhost:{both[0].port}/announce")
    both[named_by].peers = [world.peer(torrent).address]
    world.download(torrent, out).expect_exit(0, 15)
    assert torrent.is_in(out)
    for tracker in both:
        wait_until(lambda: "stopped" in tracker.events(), 5, "stopped over both families")
        assert tracker.events()[0] == "started"
    assert sum(t.events().count("completed") for t in both) == 1


@pytest.mark.parametrize("broken", [0, 1])
def test_a_tracker_that_fails_over_one_family_is_asked_over_the_other(world, out, both, broken):
    both[broken].answer = lambda query: None
    torrent = world.torrent(f"http://localhost:{both[0].port}/announce")
    both[1 - broken].peers = [world.peer(torrent).address]
    program = world.download(torrent, out)
    program.expect_exit(0, 15)
    assert torrent.is_in(out) and "tracker localhost" not in program.log()


def test_a_udp_tracker_learns_both_addresses(world):
    port = Loopback.left.port()
    world.conjure_tracker(port)
    torrent = world.torrent(f"udp://localhost:{port}/announce", n_bytes=MIB)
    world.seed(torrent)

    def n_seeds():
        url = f"http://127.0.0.1:{port}/scrape?info_hash={urllib.parse.quote(torrent.info_hash)}"
        with urllib.request.urlopen(url) as reply:
            files = bencode.decode(reply.read())[b"files"]
        return files.get(torrent.info_hash, {}).get(b"complete", 0)

    wait_until(lambda: n_seeds() == 2, 10, "the tracker has an IPv4 and an IPv6 address of the seed")
