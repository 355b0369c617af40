# SPDX-License-Identifier: MIT
"""Resume data is saved while a download runs: kill -9 before, in and after a save, and what the next
start hashes again. That is never more than the files that were written after the last save."""
import re
import signal

import pytest

from kit import bencode
from kit.content import KIB, MIB

PIECE = 256 * KIB
N_FILES, N_EACH = 12, 8  # pieces of a file
FIRST = range(N_FILES * N_EACH // 2)  # the pieces of the first half of the files
IN_FLIGHT = 16  # pieces that were served and are not on disk yet


def saves(world, suffix="resume"):
    return list((world.folder / "home-conjure" / "state" / "conjure").glob(f"*.{suffix}"))


def saved(world):
    """The pieces that the resume data lists as verified; none before the first save."""
    for path in saves(world):
        bits = bencode.decode(path.read_bytes())[b"pieces"]
        return {i for i in range(8 * len(bits)) if bits[i // 8] & 0x80 >> i % 8}
    return set()


@pytest.fixture
def swarm(world):
    """A torrent of twelve files. One peer has the first half of them, and is fast; the other one has
    the rest, and is slow."""
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), piece_length=PIECE,
                            files=[(f"{i:02}", N_EACH * PIECE) for i in range(N_FILES)])
    fast = world.peer(torrent, has=FIRST)
    slow = world.peer(torrent, has=range(FIRST.stop, torrent.n_pieces), rate=2 * MIB)
    tracker.peers = [fast.address, slow.address]
    return torrent, fast, slow


def kill(program):
    program.kill()
    assert program.process.returncode == -signal.SIGKILL, "it was done already"


def finish(world, torrent, slow, out, how="sparse"):
    """Runs the download to its end. Returns the number of pieces that the start has hashed."""
    slow.rate = None
    program = world.download(torrent, out, "-v", f"--allocation={how}")
    program.expect_exit(0, 40)
    assert torrent.is_in(out)
    found = re.search(r"checking the doubtful pieces on disk: (\d+)", program.log())
    return int(found[1]) if found else 0


@pytest.mark.parametrize("how", ("sparse", "full", "compact"))
def test_kill_9_before_the_first_save_hashes_everything_again(world, out, swarm, how):
    torrent, fast, slow = swarm
    program = world.download(torrent, out, f"--allocation={how}", "--save-interval=3600")
    program.wait_until(lambda: fast.served == len(FIRST) * PIECE and slow.served > 2 * PIECE, 30,
                       "half of it")
    kill(program)
    assert not saved(world)
    before = fast.served
    assert finish(world, torrent, slow, out, how) >= len(FIRST) - IN_FLIGHT
    assert fast.served - before <= IN_FLIGHT * PIECE, "what is on disk was downloaded again"


@pytest.mark.parametrize("how", ("sparse", "full"))
def test_kill_9_after_a_save_hashes_only_files_written_later(world, out, swarm, how):
    torrent, fast, slow = swarm
    program = world.download(torrent, out, f"--allocation={how}", "--save-interval=1")
    program.wait_until(lambda: saved(world) >= set(FIRST), 20, "a save with the first half")
    served = slow.served
    program.wait_until(lambda: slow.served > served + PIECE, 10, "more")
    kill(program)
    before = fast.served
    assert finish(world, torrent, slow, out, how) <= torrent.n_pieces - len(FIRST)
    assert fast.served == before, "what was saved was downloaded again"


def test_kill_9_in_a_save_keeps_the_save_before(world, out, swarm):
    """A save that was killed leaves the half of its temporary file. The next start reads the save
    before."""
    torrent, fast, slow = swarm
    program = world.download(torrent, out, "--save-interval=1")
    program.wait_until(lambda: saved(world) >= set(FIRST), 20, "a save with the first half")
    kill(program)
    whole = saves(world)[0]
    whole.with_name(whole.name + ".new").write_bytes(whole.read_bytes()[:100])
    before = fast.served
    assert finish(world, torrent, slow, out) <= torrent.n_pieces - len(FIRST)
    assert fast.served == before
    assert not saves(world, "new")
