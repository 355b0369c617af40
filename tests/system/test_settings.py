# SPDX-License-Identifier: MIT
"""The configuration file, at the start and at a reload; notifications of the service manager."""
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

from conftest import CONJURE, ROOT
from kit.barepeer import INTERESTED, PIECE, REQUEST, UNCHOKE, Wire, greets, message
from kit.content import KIB, MIB
from kit.net import free_port
from kit.wait import wait_until

BLOCK = 16384


class Leech:
    """A connection that requests blocks without end."""

    def __init__(self, torrent, port):
        self.torrent = torrent
        self.wire = Wire.dial("127.0.0.1", port)
        self.wire.shake(torrent.info_hash)
        self.wire.send(message(INTERESTED))
        self.wire.receive_until(UNCHOKE)
        self.at = 0
        self.waiting = 0

    def ask(self, n):
        blocks = self.torrent.piece_length // BLOCK
        for _ in range(n):
            piece, block = self.at // blocks % (self.torrent.n_pieces - 1), self.at % blocks
            self.wire.send(message(REQUEST, struct.pack(">III", piece, block * BLOCK, BLOCK)))
            self.at += 1
            self.waiting += 1

    def take(self):
        """Receives one block, and requests another."""
        while self.waiting < 16:
            self.ask(1)
        _, payload = self.wire.receive_until(PIECE)
        piece, begin = struct.unpack(">II", payload[:8])
        assert payload[8:] == self.torrent.piece(piece)[begin:begin + BLOCK]
        self.waiting -= 1
        return BLOCK

    def rate(self, seconds):
        """Bytes per second, measured after earlier grants have arrived."""
        for _ in range(2 * 16):
            self.take()
        start, n = time.monotonic(), 0
        while time.monotonic() - start < seconds:
            n += self.take()
        return n / (time.monotonic() - start)


class Daemon:
    """`conjure -d --foreground` with a configuration file of its own."""

    def __init__(self, world, text, *torrents, options=()):
        self.world = world
        self.file = world.folder / "c.conf"
        self.port = free_port()
        self.file.write_text(text)
        self.program = world.conjure("-d", "--foreground", "--config", self.file, "-p", self.port,
                                     *options, *(t.path for t in torrents))
        for torrent in torrents:
            self.program.wait_until(lambda t=torrent: greets("127.0.0.1", self.port, t), 20,
                                    "it greets")

    def reload(self, text, line):
        """Writes the file, sends SIGHUP, and waits until the daemon logs LINE once more."""
        before = self.program.log().count(line)
        self.file.write_text(text)
        self.program.signal(signal.SIGHUP)
        self.program.wait_until(lambda: self.program.log().count(line) > before, 10, line)


@pytest.fixture
def torrent(world):
    return world.torrent(world.tracker().url(), n_bytes=8 * MIB)


def test_a_reload_changes_the_limit_and_closes_no_connection(world, torrent):
    """From one limit to another, to a wrong file and to no limit, over the same connection."""
    daemon = Daemon(world, f"output = {torrent.source}\nmax-upload-limit = 512K\n", torrent)
    leech = Leech(torrent, daemon.port)
    assert 0.8 < leech.rate(3) / (512 * KIB) < 1.2
    daemon.reload(f"output = {torrent.source}\nmax-upload-limit = 2M\n", "reloaded")
    assert 0.8 < leech.rate(3) / (2 * MIB) < 1.2
    daemon.reload("max-upload-limit = 64K\n\nmax-peers = many\nmagic\n",
                  "no setting was changed")
    log = daemon.program.log()
    assert f"{daemon.file}:3: max-peers: 'many' is not a number between 1 and 100000" in log
    assert f"{daemon.file}:4: 'magic' is not 'key = value'" in log
    assert 0.8 < leech.rate(3) / (2 * MIB) < 1.2
    daemon.reload(f"output = {torrent.source}\n", "reloaded")
    assert leech.rate(1) > 8 * MIB
    assert "takes effect" not in daemon.program.log()
    daemon.program.signal(signal.SIGTERM)
    daemon.program.expect_exit(0, 10)


def test_a_reload_limits_a_connection_without_a_limit(world, torrent):
    daemon = Daemon(world, f"output = {torrent.source}\n", torrent)
    leech = Leech(torrent, daemon.port)
    assert leech.rate(1) > 8 * MIB
    daemon.reload(f"output = {torrent.source}\nmax-upload-limit = 1M\n", "reloaded")
    wait_until(lambda: leech.rate(0.2) < 2 * MIB, 3, "what was free for a second has passed")
    assert 0.8 < leech.rate(3) / MIB < 1.2
    daemon.reload(f"output = {torrent.source}\nmax-upload-limit = 1M\nlimit-lan = no\n",
                  "reloaded")
    assert leech.rate(1) > 8 * MIB


@pytest.mark.parametrize("named_by", ["name", "info-hash"])
def test_a_torrent_has_a_limit_of_its_own(world, torrent, named_by):
    other = world.torrent("http://127.0.0.1:1/announce", n_bytes=4 * MIB, name="other", seed=7)
    (other.source / "other").rename(torrent.source / "other")
    section = torrent.name if named_by == "name" else torrent.info_hash.hex().upper()
    text = f"output = {torrent.source}\n"
    limit = f"[{section}]\nmax-upload-limit = 512K\n"
    daemon = Daemon(world, text + limit, torrent, other)
    leech, free = Leech(torrent, daemon.port), Leech(other, daemon.port)
    assert 0.8 < leech.rate(3) / (512 * KIB) < 1.2
    assert free.rate(1) > 8 * MIB
    daemon.reload(text, "reloaded")
    assert leech.rate(1) > 8 * MIB
    daemon.reload(text + limit, "reloaded")
    wait_until(lambda: leech.rate(0.2) < MIB, 3, "what was free for a second has passed")
    assert 0.8 < leech.rate(3) / (512 * KIB) < 1.2


def test_a_section_that_matches_no_torrent_is_logged(world, torrent):
    text = f"output = {torrent.source}\n[{torrent.name}]\nseed-ratio = 9\n[Conntent]\n"
    daemon = Daemon(world, text, torrent)
    line = "[Conntent]: no torrent has this name or info-hash now"
    assert daemon.program.log().count(line) == 1
    daemon.reload(text + "".join(f"[{i}]\n" for i in range(20)), "11 more sections")
    assert daemon.program.log().count(line) == 2
    assert f"[{torrent.name}]:" not in daemon.program.log()


def test_max_peers_changes_while_it_runs(world, torrent):
    daemon = Daemon(world, f"output = {torrent.source}\nmax-peers = 2\n", torrent)
    leeches = [Leech(torrent, daemon.port) for _ in range(2)]
    with pytest.raises(OSError):
        Leech(torrent, daemon.port)
    daemon.reload(f"output = {torrent.source}\nmax-peers = 3\n", "reloaded")
    leeches.append(Leech(torrent, daemon.port))
    daemon.reload(f"output = {torrent.source}\nmax-peers = 1\n", "reloaded")
    for leech in leeches:
        leech.take()


def test_options_that_cannot_change_are_logged(world, torrent):
    daemon = Daemon(world, f"output = {torrent.source}\n", torrent)
    daemon.reload(f"output = {torrent.source}\nallocation = full\nstate-dir = /nonesuch\nport = 1\n",
                  "reloaded")
    log = daemon.program.log()
    for name in ("allocation", "state-dir"):
        assert f"{name}: takes effect at the next start" in log
    # The command line overrides the port of the file.
    assert "output: takes effect" not in log and "port: takes effect" not in log


def test_a_reload_with_a_lower_seed_ratio_ends_seeding(world, torrent):
    daemon = Daemon(world, f"output = {torrent.source}\n", torrent)
    leech = Leech(torrent, daemon.port)
    while leech.at < torrent.n_pieces * torrent.piece_length // BLOCK:
        leech.take()
    daemon.reload(f"output = {torrent.source}\nseed-ratio = 0.5\n", "reloaded")
    daemon.program.expect_exit(0, 20)


def test_a_reload_with_a_higher_seed_goal_restarts_a_torrent(world, torrent):
    other = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB, name="other", seed=7)
    (other.source / "other").rename(torrent.source / "other")
    text = f"output = {torrent.source}\n"
    daemon = Daemon(world, f"{text}[{torrent.name}]\nseed-ratio = 0.5\n", torrent, other)
    leech = Leech(torrent, daemon.port)
    with pytest.raises(OSError):
        while True:
            leech.take()
    assert not greets("127.0.0.1", daemon.port, torrent)
    daemon.reload(f"{text}[{torrent.info_hash.hex()}]\nseed-ratio = 1000\n", "reloaded")
    daemon.program.wait_until(lambda: greets("127.0.0.1", daemon.port, torrent), 20, "it goes on")


@pytest.mark.parametrize("mode", [(), ("-d",), ("-d", "--foreground")])
def test_a_wrong_line_is_a_usage_error(world, torrent, mode):
    home = pathlib.Path(world.environment("conjure")["XDG_CONFIG_HOME"])
    (home / "conjure").mkdir(parents=True)
    file = home / "conjure" / "conjure.conf"
    file.write_text("# mine\nmax-upload-limit = fast\n\n[x\n")
    code, stdout, complaint = world.run(*mode, "-p", 0, torrent.path)
    assert (code, stdout) == (2, "")
    assert complaint.splitlines() == [
        f"conjure: {file}:2: max-upload-limit: 'fast' is not bytes per second such as 500K or 1.5M",
        f"conjure: {file}:4: '[x' is not [NAME] or [INFO-HASH]"]
    file.write_text("seed-time = 0\n")
    assert world.run("--help")[0] == 0


def test_the_file_of_config_must_exist(world, torrent):
    missing = world.folder / "missing.conf"
    code, _, complaint = world.run("--config", missing, torrent.path)
    assert code == 2
    assert complaint == f"conjure: {missing}: No such file or directory\n"


def test_a_background_daemon_reloads_a_relative_path(world, torrent):
    """The daemon has left the folder that it was started in. It logs to syslog, so the limits must
    show the reload."""
    file, pid_file, port = world.folder / "c.conf", world.folder / "pid", free_port()
    file.write_text(f"output = {torrent.source}\nmax-upload-limit = 256K\npid-file = pid\n")
    code, stdout, complaint = world.run("-d", "--config=c.conf", "-p", port, torrent.path,
                                      cwd=world.folder)
    assert (code, stdout, complaint) == (0, "", "")
    pid = int(pid_file.read_text())
    try:
        assert os.readlink(f"/proc/{pid}/exe") == os.path.realpath(CONJURE)
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        wait_until(lambda: greets("127.0.0.1", port, torrent), 20, "it greets")
        leech = Leech(torrent, port)
        assert 0.7 < leech.rate(3) / (256 * KIB) < 1.3
        file.write_text(f"output = {torrent.source}\n")
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: leech.rate(0.5) > 8 * MIB, 20, "the limit is gone")
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "it ends")
    assert not pid_file.exists()


def test_the_error_for_an_unwritable_pid_file_names_it(world, torrent):
    pid_file = world.folder / "missing" / "pid"
    code, _, complaint = world.run("-d", "-p", 0, "-o", torrent.source, "--pid-file", pid_file,
                                   torrent.path)
    assert code == 1
    assert complaint == f"conjure: --pid-file: {pid_file}: No such file or directory\n"


def test_a_daemon_that_does_not_start_keeps_the_pid_file_of_another(world, torrent):
    pid_file = world.folder / "pid"
    pid_file.write_text("1\n")
    (world.folder / "file").touch()
    code, _, complaint = world.run("-d", "-p", 0, "-o", torrent.source, "--pid-file", pid_file,
                                   "--state-dir", world.folder / "file", torrent.path)
    assert code == 1
    assert str(world.folder / "file") in complaint and len(complaint.splitlines()) == 1
    assert pid_file.read_text() == "1\n"


def test_the_error_for_an_unwritable_state_folder_names_it(public_world):
    """The error is reported before the daemon detaches."""
    world = public_world
    torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB)
    torrent.path.chmod(0o644)
    state = world.make_folder("state")
    state.chmod(0o555)
    for mode in ((), ("-d",)):
        code, _, complaint = world.run_as_nobody(*mode, "-p", 0, "-o", torrent.source,
                                                 "--state-dir", state / "below", torrent.path)
        assert code == 1
        assert str(state) in complaint and "Permission denied" in complaint
        assert len(complaint.splitlines()) == 1
    code, _, complaint = world.run_as_nobody("-d", "-p", 0, "-o", torrent.source, "--state-dir",
                                             state, torrent.path)
    assert code == 1
    assert str(state) in complaint and "Permission denied" in complaint
    assert len(complaint.splitlines()) == 1


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, world):
        self.path = str(world.folder / "notify")
        self.socket = world.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.socket.bind(self.path)
        self.socket.settimeout(20)

    def receive(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            lines = self.socket.recv(4096).decode().split("\n")
            fields = dict(line.split("=", 1) for line in lines)
            if "WATCHDOG" not in fields:
                return fields
        raise AssertionError("the daemon sent nothing but WATCHDOG=1")


def test_the_service_manager_is_notified(world, torrent, monkeypatch):
    manager = Manager(world)
    monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    watched = world.make_folder("watched")
    daemon = Daemon(world, f"output = {torrent.source}\n", torrent,
                    options=("--torrents-dir", watched))
    assert manager.receive() == {"READY": "1", "MAINPID": str(daemon.program.pid),
                              "STATUS": f"1 torrent, port {daemon.port}"}
    other = world.torrent("http://127.0.0.1:1/announce", n_bytes=MIB, name="other", seed=7)
    shutil.copy(other.path, watched)
    assert manager.receive() == {"STATUS": f"2 torrents, port {daemon.port}"}
    (watched / other.path.name).unlink()
    assert manager.receive() == {"STATUS": f"1 torrent, port {daemon.port}"}
    for text in ("seed-ratio = 3\n", "seed-ratio = x\n"):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.file.write_text(text)
        daemon.program.signal(signal.SIGHUP)
        fields = manager.receive()
        assert fields["RELOADING"] == "1"
        assert before <= int(fields["MONOTONIC_USEC"]) <= before + 20 * 10**6
        assert manager.receive()["READY"] == "1"
    assert "WATCHDOG=1" in manager.socket.recv(4096).decode()
    daemon.program.signal(signal.SIGTERM)
    assert manager.receive() == {"STOPPING": "1"}
    daemon.program.expect_exit(0, 10)


def test_the_example_unit_is_good(world):
    """systemd accepts the unit, and rates its exposure as low."""
    unit = world.folder / "conjure.service"
    text = (ROOT / "contrib/systemd/conjure.service.in").read_text()
    # The program and its manual are not installed here.
    unit.write_text(re.sub("^Documentation=.*", "", text.replace("@bindir@/conjure", CONJURE),
                           flags=re.MULTILINE))
    for args in (("verify",), ("security", "--offline=true", "--threshold=20")):
        done = subprocess.run(["systemd-analyze", *args, unit], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        if args[0] == "verify":
            assert not done.stderr, done.stderr
    for tool, kind in (("systemd-sysusers", "sysusers"), ("systemd-tmpfiles", "tmpfiles")):
        root = world.folder / "root"
        (root / "etc").mkdir(parents=True, exist_ok=True)
        done = subprocess.run([tool, *(["--create"] if kind == "tmpfiles" else []),
                               f"--root={root}", ROOT / f"contrib/systemd/conjure.{kind}"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "conjure:" in (root / "etc/passwd").read_text()
    assert (root / "var/lib/conjure/torrents").is_dir()


def test_the_example_configuration_is_good(world, torrent):
    text = (ROOT / "contrib/conjure.conf").read_text()
    # With all options that are commented out, and below our own folder.
    text = re.sub(r"^#([a-z\[].*)$", r"\1", text, flags=re.MULTILINE)
    text = text.replace("/var/lib", str(world.folder)).replace("port = 6881", "port = 0")
    file = world.folder / "example.conf"
    file.write_text(text)
    assert "seed-time = 1440" in text and "\n[debian" in text
    program = world.conjure("-d", "--foreground", "--config", file, torrent.path)
    program.wait_until(lambda: (world.folder / "conjure" / "state").is_dir(), 10, "it starts")
    program.signal(signal.SIGTERM)
    program.expect_exit(0, 10)
