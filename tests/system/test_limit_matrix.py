# SPDX-License-Identifier: MIT
"""Limits hold within 3 % at every piece size, in both directions, with one peer and with several."""
import time

import pytest

from kit.content import KIB, MIB
from kit.wait import wait_until
from test_limits import Leech

RATE = 5 * MIB
WARM_UP_S, WINDOW_S = 1, 4
PIECES = {16 * KIB: "16 KiB", 32 * KIB: "32 KiB", 256 * KIB: "256 KiB", 8 * MIB: "8 MiB"}


def check_rate(moved, figure, what):
    """MOVED() are the bytes of content so far."""
    wait_until(lambda: moved() > 0, 20, "content moves")
    time.sleep(WARM_UP_S)  # beyond the burst at the begin
    begin, before = time.monotonic(), moved()
    time.sleep(WINDOW_S)
    share = (moved() - before) / (time.monotonic() - begin) / RATE
    figure(f"limit of 5 MiB/s, {what}: {share:.3f} of it")
    assert 0.97 <= share <= 1.03


@pytest.mark.parametrize("n_peers", (1, 3))
@pytest.mark.parametrize("piece_length", PIECES, ids=PIECES.values())
def test_a_download_limit_holds(world, piece_length, n_peers, figure):
    torrent = world.torrent(files="single", n_bytes=48 * MIB, piece_length=piece_length)
    peers = [world.peer(torrent, fast=True) for _ in range(n_peers)]
    tracker = world.tracker(*peers)
    torrent = world.torrent(tracker.url(), files="single", n_bytes=48 * MIB,
                            piece_length=piece_length)
    world.download(torrent, world.make_folder("out"), "--max-download-limit=5M")
    check_rate(lambda: sum(p.served for p in peers), figure,
               f"down, pieces of {PIECES[piece_length]}, {n_peers} peers")


@pytest.mark.parametrize("n_peers", (1, 3))
@pytest.mark.parametrize("piece_length", PIECES, ids=PIECES.values())
def test_an_upload_limit_holds(world, piece_length, n_peers, figure):
    torrent = world.torrent(world.tracker().url(), files="single", n_bytes=48 * MIB,
                            piece_length=piece_length)
    seeder = world.seed(torrent, "--max-upload-limit=5M")
    leeches = [world.closing(Leech(torrent, seeder.port)) for _ in range(n_peers)]
    check_rate(lambda: sum(n for leech in leeches for _, n in list(leech.events)), figure,
               f"up, pieces of {PIECES[piece_length]}, {n_peers} peers")
