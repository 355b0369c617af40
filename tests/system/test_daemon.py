# SPDX-License-Identifier: MIT
"""A daemon: known torrents, the watched folder, and failures."""
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest

from kit import bencode
from kit.barepeer import greets
from kit.content import MIB
from kit.net import free_port
from kit.wait import wait_until

LT_NODE = pathlib.Path(__file__).with_name("lt_node.py")
NOBODY = "http://127.0.0.1:1/announce"  # a tracker that is not there


class Daemon:
    """conjure -d --foreground, over several runs with the same state."""

    def __init__(self, world):
        self.world = world
        self.state = world.folder / "state"
        self.known = self.state / "torrents"
        self.watched = world.make_folder("watched")
        self.port = free_port()
        self.program = None

    def start(self, *args, watch=False):
        if watch:
            args = ("--torrents-dir", self.watched, *args)
        self.program = self.world.conjure("-d", "--foreground", "-v", "--state-dir", self.state,
                                          "-p", self.port, *args, node="daemon")
        return self.program

    def wait_for_log(self, *words, times=1):
        """Waits until a line of this run's log has all WORDS."""
        def lines():
            return [line for line in self.program.log().splitlines()
                    if all(word in line for word in words)]
        self.program.wait_until(lambda: len(lines()) >= times, 20, f"it logs {words}")
        return lines()

    def serves(self, torrent):
        return greets("127.0.0.1", self.port, torrent)

    def wait_until_serving(self, *torrents):
        for torrent in torrents:
            self.program.wait_until(lambda: self.serves(torrent), 20, f"it serves {torrent.name}")

    def wait_until_gone(self, torrent):
        self.program.wait_until(lambda: not self.serves(torrent), 20, f"{torrent.name} is gone")

    def knows(self, torrent):
        return (self.known / f"{torrent.info_hash.hex()}.known").exists()

    def wait_until_known(self, *torrents):
        self.program.wait_until(lambda: all(map(self.knows, torrents)), 20, "it knows them")

    def put(self, torrent, name=None):
        """Adds TORRENT to the watched folder by a rename, so that the daemon never sees half of
        it."""
        beside = self.watched / ".beside"
        shutil.copy(torrent.path, beside)
        beside.rename(self.watched / (name or f"{torrent.name}.torrent"))

    def stop(self):
        self.program.signal(signal.SIGTERM)
        self.program.expect_exit(0, 20)


@pytest.fixture
def daemon(world):
    return Daemon(world)


@pytest.fixture
def trio(world):
    """Three torrents whose content is in one folder."""
    torrents = [world.torrent(NOBODY, n_bytes=2 * MIB, name=name, seed=i)
                for i, name in enumerate(("one", "two", "three"), 1)]
    content = world.make_folder("content")
    for torrent in torrents:
        (torrent.source / torrent.name).rename(content / torrent.name)
        torrent.source = content
    return torrents


# --- known torrents --------------------------------------------------------------------------


def test_a_restart_seeds_all_known_torrents_without_hashing(daemon, trio):
    daemon.start("-o", trio[0].source, trio[0].path, trio[1].path)
    daemon.wait_until_serving(*trio[:2])
    daemon.wait_until_known(*trio[:2])
    daemon.stop()
    # One more torrent, with another download folder: the others keep theirs.
    daemon.start("-o", trio[2].source, trio[2].path)
    daemon.wait_until_serving(*trio)
    daemon.wait_until_known(*trio)
    daemon.stop()
    saved = {path: path.stat().st_ino for path in daemon.state.glob("*.resume")}
    assert len(saved) == 3
    daemon.start()
    daemon.wait_until_serving(*trio)
    daemon.stop()
    assert "checking" not in daemon.program.log()
    # Nothing happened, and nothing was written.
    assert saved == {path: path.stat().st_ino for path in daemon.state.glob("*.resume")}


def test_a_restart_after_kill_9_hashes_nothing(daemon, trio):
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(*trio)
    daemon.stop()
    for _ in range(3):
        daemon.start()
        daemon.wait_until_serving(*trio)
        daemon.program.kill()
    daemon.start()
    daemon.wait_until_serving(*trio)
    assert "checking" not in daemon.program.log()
    assert "pid" not in daemon.program.log()


def test_a_known_torrent_is_forgotten_when_its_state_file_is_removed(daemon, trio):
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(*trio)
    daemon.wait_until_known(*trio)
    (daemon.known / f"{trio[1].info_hash.hex()}.known").unlink()
    daemon.wait_until_gone(trio[1])
    daemon.wait_for_log("two", "removed")
    assert daemon.serves(trio[0]) and daemon.serves(trio[2])
    daemon.stop()
    daemon.start()
    daemon.wait_until_serving(trio[0], trio[2])
    assert not daemon.serves(trio[1])
    assert all(t.is_in(t.source) for t in trio)


def test_the_selection_of_files_survives_a_restart(daemon, world, out):
    torrent = world.torrent(NOBODY, n_bytes=2 * MIB)
    daemon.start("-o", out, "--select-file=1", torrent.path)
    daemon.wait_until_known(torrent)
    daemon.stop()
    known = bencode.decode((daemon.known / f"{torrent.info_hash.hex()}.known").read_bytes())
    assert known[b"skipped"] == list(range(1, len(torrent.files)))
    assert known[b"folder"] == os.fsencode(out)
    assert known[b"torrent"] == torrent.path.read_bytes()


def test_a_torrent_that_reached_its_seed_goal_is_not_started_again(daemon, world):
    torrent = world.torrent(NOBODY, n_bytes=MIB)
    other = world.torrent(NOBODY, n_bytes=MIB, name="other", seed=2)
    shutil.copytree(other.source / "other", torrent.source / "other")
    daemon.start("-o", torrent.source, "--seed-time=0.05", torrent.path, other.path)
    daemon.wait_for_log("content", "seeded enough")
    daemon.wait_for_log("other", "seeded enough")
    daemon.program.expect_exit(0, 20)  # with the last torrent of its command line
    daemon.start("--seed-time=0.05")
    daemon.wait_for_log("content", "not started")
    assert not daemon.serves(torrent)
    daemon.stop()
    daemon.start()
    daemon.wait_until_serving(torrent, other)


# --- one daemon for a state folder -----------------------------------------------------------


def test_a_second_daemon_is_refused_but_a_download_is_not(daemon, world, out):
    torrent = world.torrent(NOBODY, n_bytes=MIB)
    other = world.torrent(NOBODY, n_bytes=MIB, name="other", seed=2)
    daemon.start("-o", torrent.source, torrent.path)
    daemon.wait_until_serving(torrent)
    # With the same settings the port is in use, too; the error must name the other daemon.
    for port in (0, daemon.port):
        for args in (["-d"], ["-d", "--foreground"]):
            code, _, complaint = world.run(*args, "--state-dir", daemon.state, "-p", port, other.path)
            assert code == 1
            assert f"pid {daemon.program.pid}" in complaint
    assert not daemon.knows(other)
    shutil.copytree(other.source / "other", out / "other")
    code, _, complaint = world.run("--state-dir", daemon.state, "-p", 0, "-o", out, other.path)
    assert (code, complaint) == (0, "")
    # Two daemons never write to the same resume data.
    code, _, complaint = world.run("--state-dir", daemon.state, "-p", 0, "-o", torrent.source,
                                   torrent.path)
    assert code == 1
    assert "another process works on this torrent" in complaint
    daemon.stop()


def test_a_state_folder_that_cannot_be_made_is_an_error(world):
    code, _, complaint = world.run("-d", "--state-dir", "/proc/nowhere", "-p", 0)
    assert code == 1
    assert "/proc/nowhere" in complaint


# --- corrupt files ---------------------------------------------------------------------------


def test_corrupt_state_is_renamed_and_the_rest_is_used(daemon, trio):
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(*trio)
    daemon.stop()
    known = daemon.known / f"{trio[0].info_hash.hex()}.known"
    resume = next(daemon.state.glob(f"{trio[1].info_hash.hex()}-*.resume"))
    statistics = daemon.state / "statistics"
    before = known.read_bytes()
    known.write_bytes(before[:-100])
    resume.write_bytes(b"\0" * 1000)
    statistics.write_bytes(b"")
    daemon.start()
    daemon.wait_until_serving(*trio[1:])
    for path in (known, resume, statistics):
        daemon.wait_for_log(path.name, "set aside")
        assert path.with_name(path.name + ".corrupt").exists()
    daemon.wait_for_log("two", "checking")
    assert not daemon.serves(trio[0]) and not known.exists()
    assert known.with_name(known.name + ".corrupt").read_bytes() == before[:-100]
    # The file is replaced by a valid one: the daemon starts the torrent at once.
    known.write_bytes(before)
    daemon.wait_until_serving(trio[0])
    daemon.stop()
    assert bencode.decode(statistics.read_bytes())[b"starts"] == 1


def test_unreadable_statistics_are_not_overwritten(daemon):
    statistics = daemon.state / "statistics"
    (statistics / "inside").mkdir(parents=True)
    daemon.start()
    daemon.wait_for_log("statistics", "set aside")
    daemon.stop()
    assert statistics.with_name("statistics.corrupt").joinpath("inside").exists()
    assert bencode.decode(statistics.read_bytes())[b"starts"] == 1
    assert "cannot be saved" not in daemon.program.log()


# --- the watched folder ----------------------------------------------------------------------


def test_torrents_come_and_go_while_another_client_downloads(daemon, trio, out, world):
    big = world.torrent(NOBODY, n_bytes=12 * MIB, name="big", seed=9)
    (big.source / "big").rename(trio[0].source / "big")
    daemon.put(big)
    daemon.start("-o", trio[0].source, "--max-upload-limit=2M", watch=True)
    daemon.wait_until_serving(big)
    leecher = world.start("libtorrent", ["/usr/bin/python3", LT_NODE, "leech", big.path, out,
                                         f"127.0.0.1:{free_port()}", "--peer",
                                         f"127.0.0.1:{daemon.port}"])
    for torrent in trio:
        daemon.put(torrent)
        daemon.wait_until_serving(torrent)
    (daemon.watched / "two.torrent").unlink()
    daemon.wait_until_gone(trio[1])
    daemon.put(trio[1])
    daemon.wait_until_serving(trio[1])
    assert "complete" not in leecher.log(), "the download was too fast to test anything"
    leecher.wait_until(lambda: "complete" in leecher.log(), 30, "libtorrent has everything")
    (daemon.watched / "big.torrent").unlink()
    daemon.wait_until_gone(big)
    assert big.is_in(out)
    assert not any(map(daemon.knows, (big, *trio)))
    daemon.stop()


def test_a_torrent_is_added_and_removed_many_times(daemon, trio):
    daemon.start("-o", trio[0].source, watch=True)
    for _ in range(20):
        for torrent in trio:
            daemon.put(torrent)
        for torrent in trio:
            (daemon.watched / f"{torrent.name}.torrent").unlink()
        daemon.put(trio[0])
    daemon.wait_until_serving(trio[0])
    proc = pathlib.Path(f"/proc/{daemon.program.pid}")

    def counts():
        return [len(list((proc / what).iterdir())) for what in ("task", "fd")]

    least = None
    for _ in range(4):
        daemon.put(trio[1])
        daemon.wait_until_serving(trio[1])
        (daemon.watched / "two.torrent").unlink()
        daemon.wait_until_gone(trio[1])
        daemon.program.wait_until(lambda: len(list(daemon.state.glob("*.lock"))) == 1, 10,
                                  "it is closed")
        # Connections that requested from it may still be closing.
        if least:
            daemon.program.wait_until(lambda: all(a <= b for a, b in zip(counts(), least)), 10,
                                      f"no more threads and descriptors than {least}")
        least = counts()
    daemon.stop()


def test_a_torrent_in_two_files_stops_when_both_are_removed(daemon, trio):
    daemon.put(trio[0], "a.torrent")
    daemon.put(trio[0], "b.torrent")
    daemon.start("-o", trio[0].source, trio[1].path, watch=True)
    daemon.wait_until_serving(*trio[:2])
    daemon.put(trio[1])
    (daemon.watched / "a.torrent").unlink()
    daemon.put(trio[2])
    daemon.wait_until_serving(trio[2])
    assert daemon.serves(trio[0])
    (daemon.watched / "b.torrent").unlink()
    daemon.wait_until_gone(trio[0])
    # A torrent that is also known stays.
    daemon.wait_until_known(trio[1])
    (daemon.watched / "two.torrent").unlink()
    (daemon.watched / "three.torrent").unlink()
    daemon.wait_until_gone(trio[2])
    assert daemon.serves(trio[1])
    daemon.stop()


def test_renaming_a_watched_file_changes_nothing(daemon, trio):
    daemon.put(trio[0])
    daemon.start("-o", trio[0].source, watch=True)
    daemon.wait_until_serving(trio[0])
    # Often enough that the daemon reads the folder between a removal and the next rename.
    names = ["one", *(f"one-{i}" for i in range(500)), "un"]
    for old, new in zip(names, names[1:]):
        (daemon.watched / f"{old}.torrent").rename(daemon.watched / f"{new}.torrent")
    daemon.put(trio[1])
    daemon.wait_until_serving(trio[1])
    assert daemon.serves(trio[0])
    assert "one: removed" not in daemon.program.log()
    (daemon.watched / "un.torrent").unlink()
    daemon.wait_until_gone(trio[0])
    daemon.wait_for_log("one: removed")
    daemon.stop()


def test_an_unreadable_watched_file_is_retried(daemon, trio):
    daemon.start("-o", trio[0].source, trio[2].path, watch=True)
    daemon.wait_until_serving(trio[2])
    daemon.wait_until_known(trio[2])
    limits = resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE, (8, limits[1]))
    daemon.put(trio[0])
    daemon.wait_for_log("one.torrent", "Too many open files", "tried again")
    resource.prlimit(daemon.program.pid, resource.RLIMIT_NOFILE, limits)
    daemon.wait_until_serving(trio[0])
    assert len(daemon.wait_for_log("tried again")) == 1
    daemon.stop()


def test_an_invalid_watched_file_is_logged_once_and_read_again_when_it_changes(daemon, trio):
    bad = daemon.watched / "bad.torrent"
    bad.write_bytes(trio[0].path.read_bytes()[:-50])
    (daemon.watched / "link.torrent").symlink_to("/nowhere")
    daemon.start("-o", trio[0].source, watch=True)
    daemon.wait_for_log("bad.torrent", "ignored")
    daemon.put(trio[1])
    daemon.wait_until_serving(trio[1])
    (daemon.watched / "two.torrent").unlink()
    daemon.wait_until_gone(trio[1])
    assert len(daemon.wait_for_log("bad.torrent")) == 1
    assert "link.torrent" not in daemon.program.log()
    bad.write_bytes(trio[0].path.read_bytes())
    daemon.wait_until_serving(trio[0])
    daemon.stop()


def test_a_watched_file_is_read_once_it_is_complete(daemon, trio):
    daemon.start("-o", trio[0].source, trio[2].path, watch=True)
    daemon.wait_until_serving(trio[2])
    content = trio[0].path.read_bytes()
    with (daemon.watched / "slow.torrent").open("wb", buffering=0) as file:
        for at in range(0, len(content), 50):
            file.write(content[at:at + 50])
        daemon.put(trio[1])
        daemon.wait_until_serving(trio[1])
        assert not daemon.serves(trio[0])
    daemon.wait_until_serving(trio[0])
    assert "slow.torrent" not in daemon.program.log()
    daemon.stop()


def test_a_watched_folder_that_vanishes_is_logged_and_watched_again(daemon, trio):
    daemon.put(trio[0])
    daemon.put(trio[1])
    daemon.start("-o", trio[0].source, watch=True)
    daemon.wait_until_serving(*trio[:2])
    away = daemon.watched.with_name("away")
    daemon.watched.rename(away)
    daemon.wait_for_log("watched", "No such file")
    assert daemon.serves(trio[0])
    (away / "two.torrent").unlink()
    shutil.copy(trio[2].path, away / "three.torrent")
    away.rename(daemon.watched)
    daemon.wait_for_log("watched", "is available")
    daemon.wait_until_serving(trio[2])
    daemon.wait_until_gone(trio[1])
    assert daemon.serves(trio[0])
    daemon.stop()


# --- disks -----------------------------------------------------------------------------------


def test_a_changed_file_is_found_after_the_start_and_hashed_alone(daemon, trio, world):
    """The changed file is not the torrent's first one, which the daemon examines at once."""
    torrent = world.torrent(NOBODY, n_bytes=2 * MIB, name="folder")
    daemon.start("-o", torrent.source, torrent.path)
    daemon.wait_until_serving(torrent)
    daemon.wait_until_known(torrent)
    daemon.stop()
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(torrent, *trio)
    daemon.stop()
    big = torrent.source / "folder" / "folder" / "big.bin"
    bytes_of_big = big.read_bytes()
    for wrong, state in ((0, "seeding"), (1, "downloading")):
        with big.open("r+b") as file:
            file.seek(600_000)
            file.write(bytes([bytes_of_big[600_000] ^ wrong]))
        daemon.start("--on-change=repair")
        daemon.wait_for_log("folder: folder/folder/big.bin has changed on disk")
        daemon.wait_for_log("folder", "checking the doubtful pieces")
        daemon.wait_for_log("folder", state, times=1 if wrong else 2)  # once on trust
        assert len(daemon.wait_for_log("checking")) == 1
        if wrong:
            daemon.wait_for_log("folder: 1 piece on disk was wrong")
        daemon.wait_until_serving(*trio)
        daemon.stop()


def test_missing_content_is_waited_for(daemon, trio):
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(*trio)
    daemon.stop()
    away = trio[0].source.with_name("away")
    away.mkdir()
    (trio[0].source / "one").rename(away / "one")
    daemon.start()
    daemon.wait_until_serving(*trio[1:])
    daemon.wait_for_log("one", "No such file", "tried again")
    assert not (trio[0].source / "one").exists(), "it began to download it once more"
    (away / "one").rename(trio[0].source / "one")
    daemon.wait_until_serving(trio[0])
    assert len(daemon.wait_for_log("one", "No such file")) == 1
    assert "checking" not in daemon.program.log()
    daemon.stop()


def test_missing_content_of_the_command_line_is_an_error(daemon, trio):
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(*trio)
    daemon.stop()
    shutil.rmtree(trio[0].source / "one")
    daemon.start("-o", trio[0].source, trio[0].path)
    daemon.program.expect_exit(1, 20)
    daemon.wait_for_log("one", "No such file")
    # With --check-integrity it is downloaded again.
    daemon.start("-o", trio[0].source, "--check-integrity", trio[0].path)
    daemon.wait_until_serving(*trio)
    daemon.stop()


@pytest.fixture
def small_state(world, daemon):
    """The daemon's state on a tmpfs of its own."""
    daemon.state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "conjure-test", daemon.state], check=True)
    yield daemon.state
    world.close()
    subprocess.run(["umount", "-l", daemon.state], check=True)


def test_a_full_state_folder_is_logged_once_and_when_it_works_again(daemon, trio, small_state):
    daemon.start("-o", trio[0].source, trio[0].path)
    daemon.wait_until_serving(trio[0])
    daemon.wait_until_known(trio[0])
    daemon.stop()
    filler = small_state / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_serving(*trio)
    daemon.wait_for_log("state cannot be saved", "No space left")
    assert not any(map(daemon.knows, trio[1:]))
    assert daemon.knows(trio[0])
    filler.unlink()
    daemon.wait_for_log("state is saved again")
    daemon.wait_until_known(*trio)
    assert len(daemon.wait_for_log("state cannot be saved")) == 1
    daemon.stop()
    daemon.start()
    daemon.wait_until_serving(*trio)
    assert "checking" not in daemon.program.log()
    daemon.stop()


def test_a_state_file_that_cannot_be_written_does_not_block_the_others(daemon, trio):
    daemon.start("-o", trio[2].source, trio[2].path)
    daemon.wait_until_known(trio[2])
    daemon.stop()
    in_the_way = daemon.known / f"{trio[0].info_hash.hex()}.known.new"
    in_the_way.mkdir()
    daemon.start("-o", trio[0].source, *(t.path for t in trio))
    daemon.wait_until_known(trio[1])
    daemon.wait_for_log("state cannot be saved", "Is a directory")
    assert not daemon.knows(trio[0])
    in_the_way.rmdir()
    daemon.wait_until_known(*trio)
    daemon.wait_for_log("state is saved again")
    assert len(daemon.wait_for_log("state cannot be saved")) == 1
    daemon.stop()


def test_a_full_disk_stops_a_torrent_until_there_is_room(daemon, world):
    small = world.make_folder("small")
    torrent = world.torrent(NOBODY, n_bytes=4 * MIB)
    other = world.torrent(NOBODY, n_bytes=MIB, name="other", seed=2)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "conjure-test", small], check=True)
    try:
        peer = world.peer(torrent)
        tracker = world.tracker(peer)
        announced = world.folder / "announced.torrent"
        meta = bencode.decode(torrent.path.read_bytes())
        announced.write_bytes(bencode.encode({b"announce": tracker.url().encode(),
                                              b"info": meta[b"info"]}))
        shutil.copytree(other.source / "other", small / "other")
        daemon.start("-o", small, announced, other.path)
        daemon.wait_for_log("content", "No space left", "tried again")
        daemon.wait_until_serving(other)
        subprocess.run(["mount", "-o", "remount,size=32m", small], check=True)
        daemon.program.wait_until(lambda: torrent.is_in(small), 40, "it is complete")
        assert daemon.serves(other)
        daemon.stop()
    finally:
        world.close()
        subprocess.run(["umount", "-l", small], check=True)


# --- shutdown --------------------------------------------------------------------------------


@pytest.fixture
def leaving(daemon, world):
    """A function that starts the daemon with arguments and stops it. The shutdown takes long,
    because the tracker never replies."""
    mute = socket.create_server(("127.0.0.1", 0))
    mute.settimeout(20)

    def start_and_stop(*args):
        torrent = world.torrent(f"http://127.0.0.1:{mute.getsockname()[1]}/a", n_bytes=MIB)
        daemon.start("-o", torrent.source, torrent.path, *args, watch=True)
        with mute.accept()[0] as announce:
            assert announce.recv(1000)
            daemon.wait_until_serving(torrent)
            daemon.wait_until_known(torrent)
            daemon.program.signal(signal.SIGTERM)
            daemon.wait_for_log("Terminated: stopping")
    yield start_and_stop
    mute.close()


def test_torrents_added_during_shutdown_are_ignored(daemon, trio, leaving):
    def of_children():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    leaving()
    before = of_children() + daemon.program.cpu_seconds()
    daemon.put(trio[0])
    daemon.program.expect_exit(0, 20)
    assert of_children() - before < 0.5
    assert not daemon.knows(trio[0])


def test_a_second_signal_removes_the_pid_file(daemon, world, leaving):
    pid_file = world.folder / "daemon.pid"
    leaving("--pid-file", pid_file)
    assert int(pid_file.read_text(encoding="ascii")) == daemon.program.pid

    def is_over():
        daemon.program.signal(signal.SIGTERM)
        return not daemon.program.running()

    wait_until(is_over, 2, "it does not wait for the tracker")
    daemon.program.expect_exit(0, 1)
    assert not pid_file.exists()


# --- statistics ------------------------------------------------------------------------------


def test_sigusr1_and_statistics_over_several_runs(daemon, trio, out, world):
    torrent = trio[0]
    size = len(torrent.data)
    for run in (1, 2):
        daemon.start("-o", torrent.source, *(t.path for t in trio))
        daemon.wait_until_serving(*trio)
        tracker = world.tracker(("127.0.0.1", daemon.port))
        announced = world.folder / f"announced-{run}.torrent"
        meta = bencode.decode(torrent.path.read_bytes())
        announced.write_bytes(bencode.encode({b"announce": tracker.url().encode(),
                                              b"info": meta[b"info"]}))
        code, _, complaint = world.run("-o", out / str(run), "-p", 0, announced, node=f"leecher{run}")
        assert code == 0, complaint
        daemon.program.wait_until(lambda: summary(daemon, "one").count(f"ratio {run}.0"), 10,
                                  "it knows what it has uploaded")
        line = summary(daemon, "one")
        assert "seeding" in line and "2.0 MiB of 2.0 MiB" in line
        assert "3 torrents, 3 seeding, 0 downloading, 0 failed" in daemon.program.log()
        in_use, held = map(int, re.search(r"memory: (\d+) KiB in use, (\d+) KiB taken",
                                          daemon.program.log()).groups())
        assert in_use <= held and (not in_use or 100 < in_use < 32 * 1024)  # 0: a sanitizer's malloc
        assert (f"of all time: uploaded {2 * run}.0 MiB, downloaded 0 B, {run} start"
                f"{'s' if run > 1 else ''}, ") in daemon.program.log()
        daemon.stop()
        found = bencode.decode((daemon.state / "statistics").read_bytes())
        assert found[b"uploaded"] == run * size and found[b"starts"] == run
        assert found[b"running"] <= time.monotonic() - daemon.program.started + 60


def summary(daemon, name):
    """The line about torrent NAME in a new summary (SIGUSR1)."""
    before = len(daemon.wait_for_log("of all time:", times=0))
    daemon.program.signal(signal.SIGUSR1)
    daemon.wait_for_log("of all time:", times=before + 1)
    return daemon.wait_for_log("summary:", f" {name}:")[-1]


def test_sigusr1_does_not_end_a_download(world, out):
    torrent = world.torrent(NOBODY, n_bytes=MIB)
    port = free_port()
    program = world.download(torrent, out, port=port)
    program.wait_until(lambda: greets("127.0.0.1", port, torrent), 10, "it greets")
    program.signal(signal.SIGUSR1)
    program.signal(signal.SIGTERM)
    program.expect_exit(7, 10)
