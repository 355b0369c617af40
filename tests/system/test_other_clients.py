# SPDX-License-Identifier: MIT
"""Conjure and the clients packaged by Debian exchange content through Debian's tracker."""
import pytest

from kit.clients import CLIENTS, start_client
from kit.trackers import OpenTracker

pytestmark = pytest.mark.parametrize("client", CLIENTS)
BOTH_SCHEMES = pytest.mark.parametrize("scheme", ("http", "udp"))


def opentracker(world, pair, scheme):
    """A torrent, and a tracker that serves it by SCHEME on the left host."""
    port = pair.left.port()
    torrent = world.torrent(f"{scheme}://{pair.left.ip}:{port}/announce")
    return torrent, OpenTracker(world, pair.left, [torrent], port)


@BOTH_SCHEMES
def test_downloads_what_another_client_seeds(world, pair, out, client, scheme):
    torrent, tracker = opentracker(world, pair, scheme)
    start_client(world, client, "seed", torrent, torrent.source, pair.left, pair.left.port())
    tracker.wait_for_seeder(torrent)
    world.download(torrent, out, side=pair.right).expect_exit(0, 60)
    assert torrent.is_in(out)


@BOTH_SCHEMES
def test_seeds_what_another_client_downloads(world, pair, out, client, scheme):
    torrent, tracker = opentracker(world, pair, scheme)
    seeder = world.seed(torrent, side=pair.right)
    tracker.wait_for_seeder(torrent)
    leecher = start_client(world, client, "leech", torrent, out, pair.left, pair.left.port())
    # Transmission does not make files that have no bytes.
    leecher.wait_until(lambda: torrent.is_in(out, client != "transmission"), 60,
                       f"{client} has everything")
    assert seeder.running()
