# SPDX-License-Identifier: MIT
"""Files of the user that have the name of a torrent's content: they are never changed without
consent."""
import os
import signal

import pytest

from kit.barepeer import greets
from kit.content import KIB, MIB, everything_below
from kit.net import free_port

FILE_EXISTS = 13
HOWS = ("sparse", "full", "compact")


def serve(world, **options):
    """A torrent whose tracker names a peer that has all of it."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), **options)
    peer = world.peer(torrent)
    tracker.peers = [peer.address]
    return torrent, peer


def put(out, name, data):
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1000, 1000))
    return path


def expect_refusal(program, path):
    program.expect_exit(FILE_EXISTS, 20)
    assert str(path) in program.log() and "--allow-overwrite" in program.log()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("n_bytes", (100, 3 * MIB), ids=("short", "long"))
def test_a_file_of_the_user_is_left_alone(world, out, how, n_bytes):
    torrent, peer = serve(world, n_bytes=2 * MIB, name="notes", files="single")
    mine = put(out, "notes", b"mine" * (n_bytes // 4))
    for _ in range(2):  # the second time, resume data of the first one exists
        expect_refusal(world.download(torrent, out, f"--allocation={how}"), mine)
        assert mine.read_bytes() == b"mine" * (n_bytes // 4)
        assert mine.stat().st_mtime == 1000
        assert everything_below(out) == {"notes"}
    assert peer.served == 0
    # It is removed, or the user consents.
    mine.rename(out / "kept")
    world.download(torrent, out, f"--allocation={how}").expect_exit(0, 30)
    assert torrent.is_in(out)


@pytest.mark.parametrize("how", HOWS)
def test_the_user_may_allow_it(world, out, how):
    torrent, _ = serve(world, n_bytes=2 * MIB, name="notes", files="single")
    mine = put(out, "notes", b"mine" * MIB)
    expect_refusal(world.download(torrent, out, f"--allocation={how}"), mine)
    world.download(torrent, out, f"--allocation={how}", "--allow-overwrite").expect_exit(0, 30)
    assert torrent.is_in(out)


@pytest.mark.parametrize("how", HOWS)
def test_one_file_of_the_user_among_many_stops_the_torrent(world, out, how):
    torrent, peer = serve(world, n_bytes=4 * MIB)
    mine = put(out, "content/folder/c.bin", b"mine")
    expect_refusal(world.download(torrent, out, f"--allocation={how}"), mine)
    assert mine.read_bytes() == b"mine"
    assert everything_below(out) == {"content", "content/folder", "content/folder/c.bin"}
    assert peer.served == 0


def test_an_empty_file_of_the_user_is_free(world, out):
    torrent, _ = serve(world, n_bytes=2 * MIB, name="notes", files="single")
    put(out, "notes", b"")
    world.download(torrent, out).expect_exit(0, 30)
    assert torrent.is_in(out)


@pytest.mark.parametrize("how", ("sparse", "full"))
def test_a_file_with_one_verified_piece_is_completed(world, out, how):
    torrent, peer = serve(world, n_bytes=2 * MIB, name="notes", files="single")
    put(out, "notes", torrent.data[:300 * KIB])
    world.download(torrent, out, f"--allocation={how}").expect_exit(0, 30)
    assert torrent.is_in(out)
    assert peer.served <= len(torrent.data) - torrent.piece_length


def test_a_file_that_continues_beyond_the_torrent_is_not_cut(world, out):
    """The torrent's last piece differs, so that the file would be written to."""
    torrent, _ = serve(world, n_bytes=2 * MIB, name="log", files="single")
    data = torrent.data[:-10] + b"0123456789 and later entries"
    mine = put(out, "log", data)
    expect_refusal(world.download(torrent, out), mine)
    assert mine.read_bytes() == data


def test_a_file_that_is_not_selected_is_no_matter_until_it_is(world, out):
    torrent, _ = serve(world, files=[("a", 600 * KIB), ("b", 600 * KIB)])
    mine = put(out, "content/b", b"mine")
    world.download(torrent, out, "--select-file=1").expect_exit(0, 30)
    assert mine.read_bytes() == b"mine"
    expect_refusal(world.download(torrent, out), mine)
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    world.download(torrent, out).expect_exit(0, 30)
    assert torrent.is_in(out)


@pytest.mark.parametrize("how", HOWS)
def test_after_a_kill_the_files_of_a_download_are_its_own(world, out, how):
    """No piece was verified before the kill, and nothing was saved but what precedes the first
    byte of content."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=4 * MIB, piece_length=MIB, name="c",
                            files="single")
    slow = world.peer(torrent, rate=100 * KIB)
    tracker.peers = [slow.address]
    program = world.download(torrent, out, f"--allocation={how}")
    path = out / "c"
    program.wait_until(lambda: path.exists() and slow.served > 64 * KIB, 20, "some blocks")
    program.kill()
    assert program.process.returncode == -signal.SIGKILL and not torrent.intact(out)
    tracker.peers = [world.peer(torrent).address]
    world.download(torrent, out, f"--allocation={how}").expect_exit(0, 30)
    assert torrent.is_in(out)


def test_a_stopped_check_does_not_make_a_file_ours(world, out):
    """A signal ends the check of a foreign file before its verdict."""
    torrent, _ = serve(world, n_bytes=64 * MIB, name="notes", files="single")
    mine = put(out, "notes", bytes(MIB) * 63 + b"mine")
    for _ in range(3):
        program = world.download(torrent, out, "-v")
        program.wait_until(lambda: "checking" in program.log(), 20, "the check")
        program.signal(signal.SIGTERM)
        code = program.wait(20)
        assert code in (7, FILE_EXISTS)
        if code == FILE_EXISTS:  # the check was over before the signal, and is not repeated
            break
    expect_refusal(world.download(torrent, out), mine)
    assert mine.stat().st_mtime == 1000


def test_a_daemon_reports_it_once_and_starts_when_the_file_is_gone(world, out):
    torrent, _ = serve(world, n_bytes=2 * MIB, name="notes", files="single")
    mine = put(out, "notes", b"mine")
    watched = world.make_folder("watched")
    port = free_port()
    daemon = world.conjure("-d", "--foreground", "-o", out, "-p", port, "--torrents-dir", watched)
    (watched / "notes.torrent").write_bytes(torrent.path.read_bytes())
    daemon.wait_until(lambda: str(mine) in daemon.log(), 20, "the refusal")
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    daemon.wait_until(lambda: torrent.is_in(out), 30, "the download")
    assert greets("127.0.0.1", port, torrent)
    assert daemon.log().count("--allow-overwrite") == 1


def test_a_daemon_does_not_start_with_such_a_torrent(world, out):
    """The file is too short for any piece, so the refusal needs no check."""
    torrent, _ = serve(world, n_bytes=2 * MIB, name="notes", files="single")
    mine = put(out, "notes", b"mine")
    expect_refusal(world.conjure("-d", "--foreground", "-o", out, "-p", 0, torrent.path), mine)
    assert mine.read_bytes() == b"mine"
