# SPDX-License-Identifier: MIT
"""Content that was complete and that its owner has changed or removed: it is left alone and not
offered, until the old content is back or a repair is asked for."""
import os
import signal

import pytest

from kit.barepeer import greets
from kit.content import MIB, everything_below, random_bytes
from kit.net import free_port

FILE_LEFT_ALONE = 13  # exit status


@pytest.fixture
def swarm(world):
    """A torrent whose content a good peer has, and a folder with the complete download."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=4 * MIB)
    tracker.peers = [world.peer(torrent).address]
    out = world.make_folder("out")
    world.download(torrent, out).expect_exit(0, 30)
    return torrent, out


def update(torrent, out):
    """The owner writes a new version of the largest file."""
    path = max(torrent.paths(out), key=lambda p: p.stat().st_size)
    path.write_bytes(random_bytes(path.stat().st_size // 2, seed=99))
    return path, path.read_bytes()


def daemon(world, out, port, *args):
    return world.conjure("-d", "--foreground", "-o", out, "-p", port, *args)


def test_a_daemon_does_not_revert_an_update(world, swarm):
    torrent, out = swarm
    port = free_port()
    path, mine = update(torrent, out)
    (world.make_folder("watched") / "t.torrent").write_bytes(torrent.path.read_bytes())
    program = daemon(world, out, port, "--torrents-dir", world.folder / "watched")
    program.wait_until(lambda: f"{path}: was complete, and has changed" in program.log(), 20,
                       "the report")
    assert not greets("127.0.0.1", port, torrent)
    assert path.read_bytes() == mine
    # The old content comes back, and the torrent is seeded again.
    at = 0
    for file, (_, length) in zip(torrent.paths(out), torrent.files):
        if file == path:
            path.write_bytes(torrent.data[at:at + length])
        at += length
    program.wait_until(lambda: greets("127.0.0.1", port, torrent), 30, "it seeds again")


def test_a_change_while_it_is_seeded_is_not_reverted(world, swarm):
    torrent, out = swarm
    (world.make_folder("watched") / "t.torrent").write_bytes(torrent.path.read_bytes())
    port = free_port()
    program = daemon(world, out, port, "--torrents-dir", world.folder / "watched")
    program.wait_until(lambda: greets("127.0.0.1", port, torrent), 20, "it seeds")
    path, mine = update(torrent, out)
    program.signal(signal.SIGTERM)
    program.expect_exit(0, 10)
    program = daemon(world, out, port, "--torrents-dir", world.folder / "watched")
    program.wait_until(lambda: f"{path}: was complete, and has changed" in program.log(), 20,
                       "the report")
    assert path.read_bytes() == mine and not greets("127.0.0.1", port, torrent)


def test_a_daemon_reports_a_file_that_is_gone(world, swarm):
    torrent, out = swarm
    port = free_port()
    path = max(torrent.paths(out), key=lambda p: p.stat().st_size)
    path.unlink()
    (world.make_folder("watched") / "t.torrent").write_bytes(torrent.path.read_bytes())
    program = daemon(world, out, port, "--torrents-dir", world.folder / "watched")
    program.wait_until(lambda: f"{path}: was complete, and is gone" in program.log(), 20,
                       "the report")
    assert not path.exists()


def test_a_download_leaves_an_update_alone_and_makes_up_for_a_missing_file(world, swarm):
    torrent, out = swarm
    path, mine = update(torrent, out)
    program = world.download(torrent, out)
    program.expect_exit(FILE_LEFT_ALONE, 20)
    assert f"{path}: was complete, and has changed (see --on-change)" in program.log()
    assert path.read_bytes() == mine
    path.unlink()
    world.download(torrent, out).expect_exit(0, 30)
    assert torrent.is_in(out)


@pytest.mark.parametrize("option", ("--on-change=repair", "--check-integrity"))
def test_a_repair_that_was_asked_for(world, swarm, option):
    torrent, out = swarm
    update(torrent, out)
    world.download(torrent, out, option).expect_exit(0, 30)
    assert torrent.is_in(out)


def test_seed_only_writes_nothing(world, swarm):
    torrent, out = swarm
    port = free_port()
    (world.make_folder("watched") / "t.torrent").write_bytes(torrent.path.read_bytes())
    program = daemon(world, out, port, "--seed-only", "--torrents-dir", world.folder / "watched")
    program.wait_until(lambda: greets("127.0.0.1", port, torrent), 20, "it seeds")
    program.signal(signal.SIGTERM)
    program.expect_exit(0, 10)
    empty = world.make_folder("empty")
    program = world.download(torrent, empty, "--seed-only")
    program.expect_exit(FILE_LEFT_ALONE, 20)
    assert "--seed-only downloads none" in program.log()
    assert everything_below(empty) == set()
    path, mine = update(torrent, out)
    before = {p: os.stat(p).st_mtime_ns for p in torrent.paths(out)}
    world.download(torrent, out, "--seed-only").expect_exit(FILE_LEFT_ALONE, 20)
    assert path.read_bytes() == mine
    assert before == {p: os.stat(p).st_mtime_ns for p in torrent.paths(out)}
