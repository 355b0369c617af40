# SPDX-License-Identifier: MIT
"""Downloads that are interrupted in every way, and started again."""
import os
import shutil
import signal
import struct
import subprocess

import pytest

from kit.barepeer import INTERESTED, PIECE, REQUEST, UNCHOKE, Wire, message
from kit.content import MIB
from kit.net import free_port, listens
from kit.trackers import SilentTracker

# Pieces that may be in flight or in memory when a process ends: these may be fetched again.
IN_FLIGHT = 16
RATE = 8 * MIB  # of a peer, so that there is a middle


def missing_bytes(torrent, out):
    """The bytes of the pieces that are missing in OUT."""
    return sum(len(torrent.piece(i)) for i in set(range(torrent.n_pieces)) - torrent.intact(out))


def wait_for_middle(program, peer, torrent):
    program.wait_until(lambda: peer.served > 0.4 * len(torrent.data), 30, "the middle")


@pytest.mark.parametrize("how", ("sparse", "full", "compact"))
def test_kill_9_loses_no_verified_piece(world, out, how):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=16 * MIB)
    peer = world.peer(torrent, rate=RATE)
    tracker.peers = [peer.address]
    first = world.download(torrent, out, f"--allocation={how}")
    wait_for_middle(first, peer, torrent)
    first.kill()
    assert first.process.returncode == -signal.SIGKILL, "it ended before the signal"
    served = peer.served
    # With compact allocation pieces are not in their final places: count what the peer has sent.
    rest = len(torrent.data) - served if how == "compact" else missing_bytes(torrent, out)
    assert rest < 0.8 * len(torrent.data)
    again = world.download(torrent, out, f"--allocation={how}")
    again.expect_exit(0, 30)
    assert torrent.is_in(out)
    assert peer.served - served <= rest + IN_FLIGHT * torrent.piece_length


def test_a_download_killed_many_times_ends_correctly(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=16 * MIB)
    peer = world.peer(torrent, rate=RATE)
    tracker.peers = [peer.address]
    for n in range(1, 6):
        program = world.download(torrent, out)
        program.wait_until(lambda: peer.served > n * 0.15 * len(torrent.data), 30, "some more")
        program.kill()
    world.download(torrent, out).expect_exit(0, 30)
    assert torrent.is_in(out)


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_a_signal_stops_a_download_with_code_7_and_it_resumes(world, out, number):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=16 * MIB)
    peer = world.peer(torrent, rate=RATE)
    tracker.peers = [peer.address]
    first = world.download(torrent, out)
    wait_for_middle(first, peer, torrent)
    first.signal(number)
    first.expect_exit(7, 10)
    assert tracker.events()[-1] == "stopped"
    served, rest = peer.served, missing_bytes(torrent, out)
    world.download(torrent, out).expect_exit(0, 30)
    assert torrent.is_in(out)
    assert peer.served - served <= rest + IN_FLIGHT * torrent.piece_length


@pytest.mark.parametrize("first_how, then_how",
                         (("compact", "sparse"), ("compact", "full"), ("sparse", "compact")))
def test_a_download_continues_with_another_allocation(world, out, first_how, then_how):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=16 * MIB)
    peer = world.peer(torrent, rate=RATE)
    tracker.peers = [peer.address]
    first = world.download(torrent, out, f"--allocation={first_how}")
    wait_for_middle(first, peer, torrent)
    first.signal(signal.SIGTERM)
    first.expect_exit(7, 10)
    served = peer.served
    world.download(torrent, out, f"--allocation={then_how}").expect_exit(0, 30)
    assert torrent.is_in(out)
    rest = len(torrent.data) - served
    assert peer.served - served <= rest + IN_FLIGHT * torrent.piece_length


def test_a_stop_discards_no_good_piece_of_16_mib(world, out):
    """A stop used to cancel the hashes under way, and their pieces counted as wrong: up to 64 MiB."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), files="single", n_bytes=160 * MIB,
                            piece_length=16 * MIB)
    peer = world.peer(torrent, rate=80 * MIB)
    tracker.peers = [peer.address]
    for part in (0.25, 0.5, 0.75):
        program = world.download(torrent, out)
        program.wait_until(lambda: peer.served > part * len(torrent.data), 30, "some more")
        program.signal(signal.SIGTERM)
        program.expect_exit(7, 10)
    world.download(torrent, out).expect_exit(0, 30)
    assert torrent.is_in(out)
    again = peer.served - len(torrent.data)
    assert again <= 3 * 8 * MIB, "more than was in flight is fetched again"


def test_a_signal_ends_a_download_while_the_tracker_is_silent(world, out):
    silent = world.closing(SilentTracker())
    torrent = world.torrent(silent.url("http"), silent.url("udp"), n_bytes=MIB)
    port = free_port()
    program = world.download(torrent, out, port=port)
    program.wait_until(lambda: listens(port), 10, "it listens")
    program.signal(signal.SIGINT)
    program.expect_exit(7, 10)


@pytest.fixture
def small_disk(world):
    """A tmpfs of 6 MiB; a function that changes its size."""
    folder = world.make_folder("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "conjure-test", folder], check=True)

    def resize(size):
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
    resize.folder = folder
    yield resize
    world.close()
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("how", ("sparse", "full"))
def test_a_full_disk_ends_in_code_9_and_it_resumes_when_there_is_room(world, small_disk, how):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=12 * MIB)
    peer = world.peer(torrent, rate=2 * RATE)
    tracker.peers = [peer.address]
    out = small_disk.folder
    program = world.download(torrent, out, f"--allocation={how}")
    program.expect_exit(9, 30)
    assert "No space left" in program.log() or "disk" in program.log().lower()
    small_disk("32m")
    served, rest = peer.served, missing_bytes(torrent, out)
    world.download(torrent, out, f"--allocation={how}").expect_exit(0, 30)
    assert torrent.is_in(out)
    assert peer.served - served <= rest + IN_FLIGHT * torrent.piece_length


def test_the_error_for_a_folder_that_disappears_names_it(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=16 * MIB)
    peer = world.peer(torrent, rate=RATE)
    tracker.peers = [peer.address]
    program = world.download(torrent, out)
    wait_for_middle(program, peer, torrent)
    shutil.rmtree(out)
    # Its open files still exist: it may complete them, or report an error. If it reports success,
    # the content must be in the folder.
    code = program.wait(30)
    assert code in (0, 1), program.log()
    if code == 0:
        assert torrent.is_in(out), program.log()


def test_a_seed_serves_only_verified_pieces(world):
    """Resume data says that all pieces are verified; then a file is changed, and its time restored.
    A request may arrive before the daemon notices, or while the torrent is closed for its check."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=2 * MIB)
    first = world.seed(torrent)
    first.signal(signal.SIGTERM)
    first.wait(10)
    big = torrent.source / "content" / "folder" / "big.bin"
    with big.open("r+b") as file:
        file.write(bytes(300000))
    os.utime(big, (1, 1))
    second = world.seed(torrent, "--on-change=repair")
    at = sum(n for (path, n) in torrent.files[:torrent.files.index((("folder", "big.bin"), big.stat().st_size))])
    piece = at // torrent.piece_length + 1
    try:
        wire = Wire.dial("127.0.0.1", second.port)
        wire.shake(torrent.info_hash)
        wire.send(message(INTERESTED))
        wire.sock.settimeout(2)
        wire.receive_until(UNCHOKE)
        wire.send(message(REQUEST, struct.pack(">III", piece, 0, 16384)))
        _, payload = wire.receive_until(PIECE)
        assert payload[8:] == torrent.piece(piece)[:16384], "it served what is not the torrent's"
    except (TimeoutError, ConnectionError):
        pass
    second.wait_until(lambda: "piece on disk was wrong" in second.log()
                      or "pieces on disk were wrong" in second.log(), 20, "it has found them")
