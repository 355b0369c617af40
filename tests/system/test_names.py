# SPDX-License-Identifier: MIT
"""Names that torrents give to files: names that two torrents share, and names that cannot be used
as they are."""
import os
import time

from kit.barepeer import greets
from kit.content import KIB, MIB, random_bytes
from kit.net import free_port

FILE_EXISTS = 13


# --- one path, two torrents --------------------------------------------------------------------

class Alike:
    """Two torrents of one name with other content, and peers that have them."""

    def __init__(self, world, n_bytes=2 * MIB, tail=None):
        """TAIL: the second one differs from the first in its last bytes only, and has TAIL there."""
        self.world, self.torrents, self.peers = world, [], []
        for i in range(2):
            tracker = world.tracker()
            world_folder = world.folder
            world.folder = world.make_folder(f"of-{i}")
            source = world.make_folder("seed-same")
            data = random_bytes(n_bytes, 7 if tail else 7 + i)
            if tail and i:
                data = data[:-len(tail)] + tail
            (source / "same").write_bytes(data)
            torrent = world.torrent(tracker.url(), name="same", files="single")
            world.folder = world_folder
            peer = world.peer(torrent)
            tracker.peers = [peer.address]
            self.torrents.append(torrent)
            self.peers.append(peer)

    def start_daemon(self, out):
        self.watched = self.world.make_folder("watched")
        self.port = free_port()
        self.daemon = self.world.conjure("-d", "--foreground", "-o", out, "-p", self.port,
                                         "--torrents-dir", self.watched)
        return self.daemon

    def put(self, i, name):
        """Torrent I appears in the watched folder as NAME."""
        part = self.world.folder / "part"
        part.write_bytes(self.torrents[i].path.read_bytes())
        os.rename(part, self.watched / name)

    def serves(self, i):
        return greets("127.0.0.1", self.port, self.torrents[i])


def test_two_torrents_of_one_name_are_refused_on_the_command_line(world, out):
    alike = Alike(world)
    first, second = alike.torrents
    code, _, err = world.run("-o", out, "-p", 0, first.path, second.path)
    assert code == FILE_EXISTS
    assert str(first.path) in err and str(second.path) in err and "same" in err
    assert not list(out.iterdir())


def test_the_second_of_two_torrents_of_one_name_is_held(world, out):
    alike = Alike(world)
    daemon = alike.start_daemon(out)
    alike.put(0, "a.torrent")
    daemon.wait_until(lambda: alike.torrents[0].is_in(out) and alike.serves(0), 20, "the first")
    alike.put(1, "b.torrent")
    daemon.wait_until(lambda: "held" in daemon.log(), 20, "the second is held")
    time.sleep(3)  # nothing may happen in this time
    assert alike.torrents[0].is_in(out) and alike.serves(0) and not alike.serves(1)
    assert alike.peers[1].served == 0
    assert daemon.log().count("held") == 1
    # The first one is removed, and its content with it.
    (out / "same").unlink()
    (alike.watched / "a.torrent").unlink()
    daemon.wait_until(lambda: alike.torrents[1].is_in(out) and alike.serves(1), 20, "the second")
    assert not alike.serves(0)


def test_a_torrent_replaced_by_its_next_version_updates_the_content(world, out):
    """The same file name in the watched folder and the same content name; one piece differs."""
    alike = Alike(world, tail=b"version 2")
    daemon = alike.start_daemon(out)
    alike.put(0, "a.torrent")
    daemon.wait_until(lambda: alike.torrents[0].is_in(out) and alike.serves(0), 20, "version 1")
    alike.put(1, "a.torrent")
    daemon.wait_until(lambda: alike.torrents[1].is_in(out) and alike.serves(1), 20, "version 2")
    assert not alike.serves(0)
    assert alike.peers[1].served <= 2 * alike.torrents[1].piece_length
    assert "sent wrong data" not in daemon.log()


def test_a_torrent_replaced_by_another_one_leaves_its_content_alone(world, out):
    alike = Alike(world)
    daemon = alike.start_daemon(out)
    alike.put(0, "a.torrent")
    daemon.wait_until(lambda: alike.torrents[0].is_in(out) and alike.serves(0), 20, "the first")
    alike.put(1, "a.torrent")
    daemon.wait_until(lambda: "--allow-overwrite" in daemon.log(), 20, "the refusal")
    assert alike.torrents[0].is_in(out) and alike.peers[1].served == 0
    time.sleep(8)  # it is tried again in this time
    assert daemon.log().count("--allow-overwrite") == 1
    assert alike.torrents[0].is_in(out)
