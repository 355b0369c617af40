# SPDX-License-Identifier: MIT
"""Bad input: one line of error names the file, the exit code fits, and nothing is written."""

import pytest

from kit import bencode, content
from kit.content import KIB, MIB
from kit.net import free_port
from kit.trackers import SilentTracker

REFUSED = {
    "not-a-torrent": b"<html>404 not found</html>",
    "empty": b"",
    "nested-too-deep": b"l" * 100000 + b"e" * 100000,
    "a-list": b"le",
    "no-info": bencode.encode({"announce": "http://127.0.0.1:1/a"}),
    "info-is-a-string": bencode.encode({"info": "x"}),
    "huge-string-length": b"d4:info99999999999999999999:x",
    "zero-padded": b"d4:infod6:lengthi01e4:name1:a12:piece lengthi16384e6:pieces20:" + b"x" * 20 +
                   b"ee",
}

# Changes to the info of a good torrent of one file (1 MiB) that make it a bad one.
BAD_INFO = {
    "piece-count-does-not-match": {"pieces": b"x" * 60},
    "pieces-not-a-multiple-of-20": {"pieces": b"x" * 30},
    "pieces-is-a-number": {"pieces": 3},
    "length-is-a-string": {"length": "1048576"},
    "length-is-negative": {"length": -1},
    "length-is-absurd": {"length": 1 << 62},
    "piece-length-is-zero": {"piece length": 0},
    "piece-length-is-absurd": {"piece length": 1 << 40},
    "name-is-a-list": {"name": ["a"]},
}

# Lists of files (path, length) of one torrent of 1 MiB. Names are mended: see test_names.py.
BAD_FILES = {
    "path-is-empty": [([], MIB)],
    "lengths-that-overflow": [(["a"], (1 << 63) - 1), (["b"], (1 << 63) - 1)],
}


def expect_refusal(world, path, code=3, name=None):
    """conjure must refuse PATH with CODE and one line that names it, and change nothing."""
    out = world.make_folder("out")
    before = content.everything_below(world.folder)
    got, stdout, complaint = world.run("-o", out, "-p", 0, path, seconds=15)
    assert got == code, complaint
    assert (name or path.name) in complaint
    assert len(complaint.strip().splitlines()) == 1, complaint
    new = content.everything_below(world.folder) - before
    assert not [p for p in new if not p.startswith("home-conjure")]


@pytest.mark.parametrize("fault", REFUSED)
def test_a_file_that_is_no_torrent_is_refused(world, fault):
    path = world.folder / f"{fault}.torrent"
    path.write_bytes(REFUSED[fault])
    expect_refusal(world, path)


def bad_torrent(world, fault, info):
    source = world.make_folder("source")
    (source / "good").write_bytes(content.random_bytes(MIB))
    path = world.folder / f"{fault}.torrent"
    content.make_torrent(source, "good", path, ["http://127.0.0.1:1/announce"], info=info)
    return path


@pytest.mark.parametrize("fault", BAD_INFO)
def test_a_torrent_with_a_bad_field_is_refused(world, fault):
    expect_refusal(world, bad_torrent(world, fault, BAD_INFO[fault]))


@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_torrent_with_a_bad_file_list_is_refused(world, fault):
    path = bad_torrent(world, fault, {
        "files": [{"path": list(p), "length": n} for p, n in BAD_FILES[fault]]})
    meta = bencode.decode(path.read_bytes())
    del meta[b"info"][b"length"]
    path.write_bytes(bencode.encode(meta))
    expect_refusal(world, path)


def test_a_torrent_cut_anywhere_is_refused(world):
    whole = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB).path.read_bytes()
    for i in range(1, 12):
        path = world.folder / f"cut-{i}.torrent"
        path.write_bytes(whole[:len(whole) * i // 12])
        code, _, complaint = world.run("show", path)
        assert code == 3 and path.name in complaint


def test_an_absent_file_is_named(world):
    expect_refusal(world, world.folder / "absent.torrent", code=1)


def test_a_folder_instead_of_a_file_is_named(world):
    folder = world.make_folder("folder.torrent")
    expect_refusal(world, folder, code=1)


def test_an_unreadable_torrent_is_named(public_world):
    world = public_world
    torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    torrent.path.chmod(0o600)
    code, _, complaint = world.run_as_nobody("show", torrent.path)
    assert code == 1 and torrent.path.name in complaint and "ermission" in complaint


def test_a_download_folder_without_permission_is_named(public_world):
    world = public_world
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    torrent.path.chmod(0o644)
    tracker.peers = [world.peer(torrent).address]
    out = world.make_folder("out")
    out.chmod(0o755)
    code, _, complaint = world.run_as_nobody("-o", out, "-p", 0, torrent.path)
    assert code == 1, complaint
    assert "content" in complaint and "ermission" in complaint
    assert len(complaint.strip().splitlines()) <= 2
    assert not list(out.iterdir())


def test_one_bad_torrent_among_good_ones_is_named(world, out):
    good = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    bad = world.folder / "bad.torrent"
    bad.write_bytes(b"nonsense")
    code, _, complaint = world.run("-o", out, "-p", 0, good.path, bad, seconds=40)
    assert code in (1, 3, 4) and "bad.torrent" in complaint


def test_a_symbolic_link_does_not_lead_out_of_the_download_folder(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=2 * MIB)
    tracker.peers = [world.peer(torrent).address]
    elsewhere = world.make_folder("elsewhere")
    (out / "content").mkdir()
    (out / "content" / "folder").symlink_to(elsewhere)
    world.download(torrent, out).wait(20)
    assert not list(elsewhere.iterdir())


# Replies of a tracker that are not valid.
NONSENSE = {
    "garbage": b"\x00\xff<html>nonsense",
    "nothing": b"",
    "a-list": b"le",
    "peers-is-a-number": b"d8:intervali60e5:peersi3ee",
    "a-failure": b"d14:failure reason20:you are not welcome!e",
    "status-500": (500, b"oops", {}),
    "hangs-up": None,
    "redirects-for-ever": (302, b"", {"Location": "/announce"}),
    "does-not-end": b"d5:peers99999999:" + bytes(64 * MIB),
}


def test_unreachable_and_faulty_trackers_end_in_code_4(world):
    """All run at the same time, because each needs its timeout."""
    silent = world.closing(SilentTracker())
    urls = {"closed-http": f"http://127.0.0.1:{free_port()}/announce",
            "closed-udp": f"udp://127.0.0.1:{free_port()}/announce",
            "silent-http": silent.url("http"), "silent-udp": silent.url("udp")}
    trackers = {}
    for fault, answer in NONSENSE.items():
        trackers[fault] = world.tracker(answer=lambda query, answer=answer: answer)
        urls[fault] = trackers[fault].url()
    nodes = {}
    for fault, url in urls.items():
        torrent = world.torrent(url, n_bytes=MIB, name=fault)
        nodes[fault] = world.download(torrent, world.make_folder(f"out-{fault}"), node=fault)
    for fault, program in nodes.items():
        code = program.wait(60)
        assert code == 4, f"{fault}: exit code {code}; its log:\n{program.log()}"
        assert fault in program.log(), f"the torrent is not named:\n{program.log()}"
        assert fault not in trackers or trackers[fault].queries, f"{fault}: it did not announce"
    assert "you are not welcome!" in nodes["a-failure"].log()


def test_a_dead_tracker_does_no_harm_when_another_tier_replies(world, out):
    tracker = world.tracker()
    silent = world.closing(SilentTracker())
    torrent = world.torrent(f"http://127.0.0.1:{free_port()}/announce", silent.url("udp"),
                            tracker.url(), n_bytes=2 * MIB)
    tracker.peers = [world.peer(torrent).address]
    world.download(torrent, out).expect_exit(0, 60)
    assert torrent.is_in(out)


def test_dead_peers_among_good_ones_do_no_harm(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=2 * MIB)
    mute = world.closing(SilentTracker())
    dead = [("127.0.0.1", free_port()) for _ in range(20)]
    tracker.peers = [*dead, ("127.0.0.1", mute.port), world.peer(torrent).address]
    world.download(torrent, out).expect_exit(0, 10)
    assert torrent.is_in(out)


def test_a_small_piece_length_is_accepted(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB, piece_length=16 * KIB)
    tracker.peers = [world.peer(torrent).address]
    world.download(torrent, out).expect_exit(0, 20)
    assert torrent.is_in(out)
