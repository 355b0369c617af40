# SPDX-License-Identifier: MIT
"""The command line and the subcommands."""
import json
import subprocess

import pytest

from kit import bencode, content
from kit.content import KIB, MIB


def test_help_and_version_are_shown(world):
    code, stdout, complaint = world.run("--help")
    assert code == 0 and not complaint
    for option in ("--max-download-limit", "--seed-ratio", "--select-file", "--check-integrity",
                   "--allocation", "--state-dir", "--max-peers"):
        assert option in stdout
    code, stdout, complaint = world.run("--version")
    assert code == 0 and stdout.startswith("conjure ") and not complaint


@pytest.mark.parametrize("args", (
    (), ("--no-such-option",), ("--max-download-limit", "fast", "x"), ("--allocation=upside", "x"),
    ("--select-file=3-1", "x"), ("--seed-ratio=-1", "x"), ("-p", "70000", "x"),
    ("--max-peers=many", "x"), ("create",), ("show",), ("tracker", "-p", "x")),
    ids=lambda args: " ".join(args) or "nothing")
def test_a_wrong_command_line_ends_in_code_2(world, args):
    code, stdout, complaint = world.run(*args)
    assert code == 2, complaint
    assert "conjure" in complaint and not stdout


def test_create_makes_a_torrent_that_libtorrent_verifies(world, out):
    source = world.make_folder("source")
    content.write_files(source / "things", content.odd_files(3 * MIB))
    path = world.folder / "made.torrent"
    tracker = world.tracker()
    code, _, complaint = world.run("create", source / "things", "-o", path, "-t", tracker.url(),
                                   "-s", 64)
    assert code == 0, complaint
    meta = bencode.decode(path.read_bytes())
    info = meta[b"info"]
    assert meta[b"announce"].decode() == tracker.url()
    assert info[b"name"] == b"things" and info[b"piece length"] == 64 * KIB
    files = [(tuple(part.decode() for part in f[b"path"]), f[b"length"]) for f in info[b"files"]
             if b"p" not in f.get(b"attr", b"")]
    on_disk = {p.relative_to(source / "things").parts: p.stat().st_size
               for p in (source / "things").rglob("*") if p.is_file()}
    assert dict(files) == on_disk
    # The pieces are right when another client that has the files finds nothing missing.
    check = subprocess.run(["/usr/bin/python3", "-c", f"""
import libtorrent, time
s = libtorrent.session({{"listen_interfaces": "127.0.0.1:0", "enable_dht": False}})
p = libtorrent.add_torrent_params()
p.ti = libtorrent.torrent_info({str(path)!r}); p.save_path = {str(source)!r}
h = s.add_torrent(p)
end = time.monotonic() + 20
while not h.status().is_seeding and time.monotonic() < end: time.sleep(0.02)
assert h.status().is_seeding
print(p.ti.info_hash())
"""], capture_output=True, text=True, timeout=60)
    assert check.returncode == 0, check.stderr
    code, shown, _ = world.run("show", "--json", path)
    assert code == 0
    about = json.loads(shown)
    about = about[0] if isinstance(about, list) else about
    assert check.stdout.strip() in json.dumps(about)
    assert "things" in json.dumps(about) and tracker.url() in json.dumps(about)


def test_show_prints_a_torrent(world):
    torrent = world.torrent("http://tracker.example/announce", "udp://other.example:80/announce",
                            n_bytes=MIB)
    code, stdout, complaint = world.run("show", torrent.path)
    assert code == 0 and not complaint
    for word in (torrent.info_hash.hex(), torrent.name, "http://tracker.example/announce",
                 "udp://other.example:80/announce", "Ünïcödé 文件.bin", str(torrent.n_pieces)):
        assert word in stdout, word


def test_show_names_an_invalid_torrent(world):
    path = world.folder / "bad.torrent"
    path.write_bytes(b"d4:infod4:name2:..ee")
    code, stdout, complaint = world.run("show", path)
    assert code == 3 and "bad.torrent" in complaint


def test_create_of_missing_content_writes_nothing(world):
    code, _, complaint = world.run("create", world.folder / "absent", "-o",
                                   world.folder / "x.torrent", "-t", "http://127.0.0.1:1/a")
    assert code == 1 and "absent" in complaint
    assert not (world.folder / "x.torrent").exists()


def test_a_quiet_download_prints_nothing(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    tracker.peers = [world.peer(torrent).address]
    code, stdout, complaint = world.run("-q", "-o", out, "-p", 0, torrent.path)
    assert (code, stdout, complaint) == (0, "", "")


def test_a_verbose_download_logs_more(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=MIB)
    tracker.peers = [world.peer(torrent).address]
    code, _, complaint = world.run("-v", "-o", out, "-p", 0, torrent.path)
    assert code == 0 and len(complaint.splitlines()) > 5


def test_without_a_terminal_progress_is_plain_lines(world, out):
    tracker = world.tracker()
    torrent = world.torrent(tracker.url(), n_bytes=4 * MIB)
    tracker.peers = [world.peer(torrent, rate=4 * MIB).address]
    code, stdout, complaint = world.run("-o", out, "-p", 0, torrent.path)
    assert code == 0
    assert "\x1b" not in stdout + complaint and "\r" not in stdout + complaint
    assert torrent.name in stdout + complaint
