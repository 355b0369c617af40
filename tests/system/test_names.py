# SPDX-License-Identifier: MIT
"""Names that torrents give to files: names that two torrents share, and names that cannot be used
as they are."""
import os
import time

from kit import bencode
from kit.barepeer import greets
from kit.content import MIB, everything_below, make_torrent, random_bytes
from kit.net import free_port

FILE_EXISTS = 13


# --- one path, two torrents --------------------------------------------------------------------

class Alike:
    """Two torrents with the same name and different content, and a peer with each content."""

    def __init__(self, world, n_bytes=2 * MIB, tail=None):
        """TAIL: only the last bytes of the second content differ from the first; they are TAIL."""
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
    time.sleep(8)  # the daemon retries the second torrent in this time
    assert daemon.log().count("--allow-overwrite") == 1
    assert alike.torrents[0].is_in(out)


# --- names that cannot be used -----------------------------------------------------------------

def named(world, paths, name="content", extra=()):
    """A torrent whose files have PATHS (lists of names), one of 50,000 bytes each, and the entries
    EXTRA; and its peer."""
    tracker = world.tracker()
    files = [(f"{i:03}", 50000) for i in range(len(paths))]
    plain = world.torrent(tracker.url(), name="plain", files=files)
    torrent = make_torrent(plain.source, "plain", world.folder / "named.torrent", [tracker.url()],
                           info={"name": name, "files": [
                               *({"length": 50000, "path": path} for path in paths), *extra]})
    tracker.peers = [world.peer(torrent).address]
    return torrent


def parts(torrent):
    return [torrent.data[at:at + 50000] for at in range(0, len(torrent.data), 50000)]


def test_hostile_names_are_mended_and_stay_in_the_download_folder(world):
    deep = world.make_folder("deep")
    out = deep / "out"
    out.mkdir()
    long = "é" * 200 + ".flac"
    torrent = named(world, [["..", "..", "..", "escaped"], ["/etc/passwd"], [""], ["."], ["..", "x"],
                            [long], ["a\0b"], ["same"], ["same"], ["SAME.txt"], ["same.TXT"],
                            ["file"], ["file", "inside"]], name="../top")
    before = everything_below(world.folder)
    program = world.download(torrent, out)
    program.expect_exit(0, 30)
    stored = ["_./_./_./escaped", "_etc_passwd", "_", "_.4", "_./x", "é" * 125 + ".flac",
              "a_b", "same", "same.9", "SAME.txt", "same.11.TXT", "file.12", "file/inside"]
    for path, data in zip(stored, parts(torrent)):
        assert (out / "_._top" / path).read_bytes() == data, path
    assert len([p for p in out.rglob("*") if p.is_file()]) == len(stored)
    assert {p for p in everything_below(world.folder) - before
            if not p.startswith(("deep/out/", "home-", "logs"))} == set()
    assert program.log().count("mended") == 1
    code, shown, _ = world.run("show", torrent.path)
    assert code == 0
    assert "_._top  (in the torrent: ..\\/top)" in shown
    assert "_._top/same.9  (in the torrent: same)" in shown
    assert "_._top/_./x  (in the torrent: ../x)" in shown
    # A second run finds the same files.
    world.download(torrent, out).expect_exit(0, 20)


def test_a_hidden_name_is_not_hidden_any_more(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), name=".bashrc", files="single", n_bytes=MIB)
    tracker.peers = [world.peer(torrent).address]
    (out / ".bashrc").write_bytes(b"mine")
    world.download(torrent, out).expect_exit(0, 20)
    assert (out / ".bashrc").read_bytes() == b"mine"
    assert (out / "_bashrc").read_bytes() == torrent.data


def test_links_inside_the_torrent_are_made_and_others_are_empty_files(world, out):
    def link(path, target):
        return {"attr": "l", "length": 0, "path": path, "symlink path": target}

    torrent = named(world, [["a"], ["d", "b"]],
                    extra=[link(["d", "to-a"], ["a"]), link(["to-b"], ["d", "b"]),
                           link(["out"], ["..", "..", "secret"]), link(["root"], ["/etc/passwd"]),
                           link(["a", "x"], ["a"])])
    world.download(torrent, out).expect_exit(0, 20)
    top, (a, b) = out / "content", parts(torrent)
    assert os.readlink(top / "d" / "to-a") == "../a" and (top / "d" / "to-a").is_file() is False
    assert (top / "a.1").read_bytes() == a  # "a" is a folder, since a link lies in it
    assert os.readlink(top / "to-b") == "d/b" and (top / "to-b").read_bytes() == b
    for name in ("out", "root"):
        assert not (top / name).is_symlink() and (top / name).read_bytes() == b""
    assert (world.run("show", torrent.path)[1]).count(" -> ") == 3
    # They stay, and nothing is written through them.
    world.download(torrent, out, "--check-integrity").expect_exit(0, 20)
    assert os.readlink(top / "to-b") == "d/b"


def test_create_warns_of_names_that_differ_by_case(world):
    folder = world.make_folder("photos")
    (folder / "README").write_bytes(b"1")
    (folder / "readme").write_bytes(b"2")
    code, _, err = world.run("create", folder, "-o", world.folder / "photos.torrent")
    assert code == 0 and "case" in err
    hidden = world.make_folder(".hidden")
    (hidden / "a").write_bytes(b"1")
    code, _, err = world.run("create", hidden, "-o", world.folder / "hidden.torrent")
    assert code == 1 and "begins with a dot" in err


def test_torrents_without_pieces(world, out):
    def write(name, info):
        path = world.folder / f"{name}.torrent"
        path.write_bytes(bencode.encode({"info": info}))
        return path

    empty = write("empty", {"name": "empty", "length": 0, "piece length": 16384, "pieces": b""})
    code, _, err = world.run("-o", out, "-p", 0, empty)
    assert code == 0, err
    assert (out / "empty").read_bytes() == b""
    zero = write("zero", {"name": "zero", "length": 1, "piece length": 0, "pieces": bytes(20)})
    code, _, err = world.run("-o", out, "-p", 0, zero)
    assert code == 3 and "piece length" in err
    v2 = write("v2", {"name": "v2", "meta version": 2, "piece length": 16384, "file tree": {}})
    code, _, err = world.run("-o", out, "-p", 0, v2)
    assert code == 3 and "version 2" in err and "not supported" in err
