# SPDX-License-Identifier: MIT
"""Errors of the user, and signals: one line of error, and the exit code."""
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from conftest import CONJURE
from kit import bencode
from kit.content import KIB, MIB
from kit.net import free_port
from kit.wait import wait_until


def one_line(complaint, *words):
    lines = complaint.strip().splitlines()
    assert len(lines) == 1, complaint
    for word in words:
        assert word in lines[0], complaint


def test_a_magnet_link_is_refused_as_unsupported(world):
    code, _, complaint = world.run("magnet:?xt=urn:btih:" + 40 * "a")
    assert code == 3
    one_line(complaint, "magnet links are not supported yet")


def test_a_current_folder_that_was_removed_is_reported(world):
    torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    gone = world.make_folder("gone")
    for more, code in (((), 1), (("--config", "conjure.conf"), 2)):
        run = subprocess.run(
            ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, CONJURE, *more, torrent.path],
            capture_output=True, text=True, timeout=30)
        assert run.returncode == code, run.stderr
        one_line(run.stderr, "current folder", "No such file")
        gone.mkdir()


def test_one_torrent_twice_is_refused(world, out):
    torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    code, _, complaint = world.run("-o", out, torrent.path, torrent.path)
    assert code == 2
    one_line(complaint, "same torrent", torrent.path.name)


def test_the_error_for_a_port_in_use_names_it(world, out):
    torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for mode in ((), ("-d",)):
            code, _, complaint = world.run(*mode, "-o", out, "-p", port, torrent.path)
            assert code == 1
            one_line(complaint, str(port), "in use")


def test_the_error_for_a_file_in_place_of_a_folder_names_it(world):
    torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    file = world.folder / "a-file"
    file.touch()
    code, _, complaint = world.run("-o", file, "-p", 0, torrent.path)
    assert code == 1
    one_line(complaint, str(file))
    code, _, complaint = world.run("-o", world.make_folder("out"), "-p", 0, "--state-dir", file,
                                   torrent.path)
    assert code == 1
    one_line(complaint, str(file))


def test_a_file_in_place_of_the_torrents_folder_is_named(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    tracker.peers = [world.peer(torrent).address]
    (out / "content").touch()
    program = world.download(torrent, out)
    program.expect_exit(1, 20)
    assert "content" in program.log() and "Not a directory" in program.log()


def test_a_torrent_of_empty_files_is_complete_at_once(world, out):
    torrent = world.torrent("http://127.0.0.1:1/announce", name="nothing",
                            files=[("a", 0), ("folder/b", 0)])
    code, stdout, _ = world.run("-o", out, "-p", 0, torrent.path)
    assert code == 0 and "nothing" in stdout
    assert (out / "nothing" / "a").exists() and (out / "nothing" / "folder" / "b").exists()


def test_without_a_tracker_a_download_logs_it_and_ends_in_code_4(world, out):
    torrent = world.torrent(n_bytes=MIB)
    program = world.download(torrent, out)
    program.wait_until(lambda: "no tracker" in program.log(), 10, "it logs that")
    program.expect_exit(4, 45)


def daemon_of(world, torrent):
    """The process id of a daemon that seeds TORRENT."""
    for entry in pathlib.Path("/proc").iterdir():
        try:
            args = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if args[0] == os.fsencode(CONJURE) and b"-d" in args and bytes(torrent.path) in args:
            return int(entry.name)
    return None


def test_a_daemon_reports_whether_it_started(world):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    code, stdout, complaint = world.run("-d", "-o", torrent.source, "-p", 0, torrent.path)
    pid = daemon_of(world, torrent)
    try:
        assert (code, stdout, complaint) == (0, "", "")
        assert pid
        code, _, complaint = world.run("-d", "-o", torrent.source, "-p", 0, torrent.path)
        assert code == 1
        one_line(complaint, "in use by another daemon", f"pid {pid}")
        code, _, complaint = world.run("-o", torrent.source, "-p", 0, torrent.path)
        assert code == 1
        one_line(complaint, "another process works on this torrent")
        wait_until(lambda: "started" in tracker.events(), 10, "it announces")
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not daemon_of(world, torrent), 10, "it ends")
    assert tracker.events()[-1] == "stopped"


def test_a_daemon_that_cannot_open_one_torrent_starts_with_none(world):
    # The tracker replies: `good` may be announced before `bad` is tried, and then logs nothing.
    good = world.torrent(world.tracker().url(), n_bytes=MIB, name="good")
    bad = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB, name="bad", seed=2)
    out = world.make_folder("out")
    first = world.conjure("-o", out, "-p", 0, bad.path)
    first.wait_until(lambda: list(world.folder.rglob("*.lock")), 10, "it has the torrent")
    code, _, complaint = world.run("-d", "-o", out, "-p", 0, good.path, bad.path)
    assert code == 1
    one_line(complaint, "bad")
    assert not daemon_of(world, good)


def zeros(world):
    """A torrent of 64 GiB of zeros, complete on disk as a sparse file: a check takes many
    seconds."""
    source = world.make_folder("zeros")
    n_pieces, piece_length = 4096, 16 * MIB
    with (source / "z").open("wb") as file:
        file.truncate(n_pieces * piece_length)
    path = world.folder / "z.torrent"
    path.write_bytes(bencode.encode({"announce": "http://127.0.0.1:1/announce", "info": {
        "length": n_pieces * piece_length, "name": "z", "piece length": piece_length,
        "pieces": hashlib.sha1(bytes(piece_length)).digest() * n_pieces}}))
    return source, path


def test_a_signal_ends_a_check_promptly(world):
    source, path = zeros(world)
    for number, args in ((signal.SIGINT, ()), (signal.SIGTERM, ("--check-integrity",))):
        program = world.conjure("-o", source, "-p", 0, *args, path)
        program.wait_until(lambda: "checking" in program.log(), 10, "it checks")
        program.signal(number)
        program.expect_exit(7, 3)


def test_a_second_signal_ends_a_download_at_once(world, out):
    answered = threading.Event()
    hanging = world.tracker(answer=lambda query: answered.wait(20) and None)
    torrent = world.torrent(hanging.url(), n_bytes=MIB)
    program = world.download(torrent, out)
    program.wait_until(lambda: hanging.queries, 10, "it announces")
    program.signal(signal.SIGINT)
    program.wait_until(lambda: "stopping" in program.log(), 10, "it waits for the tracker")
    time.sleep(0.3)  # within 0.2 s both would count as one: the gap is what is meant
    program.signal(signal.SIGINT)
    program.expect_exit(7, 3)
    answered.set()


def test_a_signal_to_the_process_and_its_group_counts_once(world):
    """timeout(1) sends its signal twice. The result of the check must be saved nevertheless."""
    torrent = world.torrent(n_bytes=MIB)
    args = ["timeout", "-s", "INT", "1", CONJURE, "-d", "--foreground", "-v", "-p", 0,
            "-o", torrent.source, torrent.path]
    for checks in (1, 0, 0):
        program = world.start("timed", args, env=world.environment("timed"))
        program.expect_exit(124, 20)
        assert program.log().count("checking the doubtful pieces") == checks
        assert "stopping" in program.log()


def test_sighup_ends_a_download_unless_nohup(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=4 * MIB)
    tracker.peers = [world.peer(torrent, rate=MIB).address]
    program = world.download(torrent, out)
    program.wait_until(lambda: "content" in program.log(), 10, "it makes progress")
    program.signal(signal.SIGHUP)
    program.expect_exit(7, 10)
    assert "stopped at" in program.log()
    program = world.start("nohup", ["nohup", CONJURE, "-o", out, "-p", free_port(), torrent.path],
                          env=world.environment("conjure"))
    program.wait_until(lambda: "content" in program.log(), 10, "it makes progress")
    program.signal(signal.SIGHUP)
    program.expect_exit(0, 20)
    assert torrent.is_in(out)


def test_blocks_of_an_unfinished_piece_are_not_fetched_again(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=8 * MIB, piece_length=8 * MIB)
    peer = world.peer(torrent, rate=2 * MIB)
    tracker.peers = [peer.address]
    program = world.download(torrent, out)
    program.wait_until(lambda: peer.served > 3 * MIB, 20, "some of the piece is here")
    program.signal(signal.SIGINT)
    program.expect_exit(7, 10)
    program = world.download(torrent, out)
    program.expect_exit(0, 30)
    assert torrent.is_in(out)
    # Blocks that were in the pipe at the signal are lost; a whole piece would be 3 MiB.
    assert peer.served < len(torrent.data) + 1536 * KIB


def test_uploads_of_earlier_runs_count_for_the_ratio(world):
    torrent = world.torrent(n_bytes=MIB)
    for run in range(2):
        program = world.seed(torrent, "--seed-ratio=1.5", node="seeder")
        leecher = world.folder / f"out-{run}"
        tracker = world.tracker(("127.0.0.1", program.port))
        meta = bencode.decode(torrent.path.read_bytes())
        meta[b"announce"] = tracker.url()
        path = world.folder / f"leech-{run}.torrent"
        path.write_bytes(bencode.encode(meta))
        world.run("-o", leecher, "-p", 0, path, node=f"leecher-{run}")
        if run:
            program.expect_exit(0, 10)
        else:
            program.signal(signal.SIGTERM)
            program.expect_exit(0, 10)
