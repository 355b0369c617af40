# SPDX-License-Identifier: MIT
"""Limits of the system: descriptors, threads, connections. Some peers are refused or wait, one
warning is logged, and the daemon continues."""
import os
import resource
import shutil
import struct

import pytest

from conftest import CONJURE
from kit.barepeer import INTERESTED, NOT_INTERESTED, PIECE, REQUEST, UNCHOKE, Wire, message
from kit.content import MIB
from kit.net import free_port
from kit.wait import wait_until

USER = 54000 + os.getpid() % 1000  # of nobody else: the limit of threads is one of all that a user runs


def seed(world, torrent, prefix=(), args=(), **options):
    """A seeder started by the command PREFIX."""
    port = free_port()
    copy = world.folder / "conjure"  # that any user may run
    if not copy.exists():
        shutil.copy(CONJURE, copy)
        copy.chmod(0o755)
    program = world.start("seeder", [*prefix, copy, "-d", "--foreground", "-o", torrent.source, "-p",
                                     port, *args, torrent.path], env=world.environment("seeder"), **options)
    program.port = port
    program.wait_until(lambda: can_greet(port, torrent), 20, "the seeder greets")
    return program


def dial(port, torrent):
    wire = Wire.dial("127.0.0.1", port)
    wire.shake(torrent.info_hash)
    return wire


def can_greet(port, torrent):
    try:
        dial(port, torrent).close()
    except OSError:
        return False
    return True


def ask(wire, piece):
    wire.send(message(REQUEST, struct.pack(">III", piece, 0, 16384)))


def fetch_begins(wire, piece):
    wire.send(message(INTERESTED))
    wire.receive_until(UNCHOKE)
    ask(wire, piece)


def fetch_ends(wire, torrent, piece):
    _, payload = wire.receive_until(PIECE)
    assert payload == struct.pack(">II", piece, 0) + torrent.piece(piece)[:16384]


def n_threads(program):
    return len(os.listdir(f"/proc/{program.pid}/task"))


def n_files(program):
    return len(os.listdir(f"/proc/{program.pid}/fd"))


def set_file_limit(program, n):
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE,
                     (n, resource.prlimit(program.pid, resource.RLIMIT_NOFILE)[1]))


def count(program, text):
    return program.log().count(text)


def test_without_threads_leechers_take_turns(public_world):
    """RLIMIT_NPROC allows threads for two peers. Eight peers need one, and none of them leaves."""
    world = public_world
    torrent = world.torrent(n_bytes=2 * MIB, files="single")
    for path in (torrent.source, torrent.path, *torrent.source.iterdir()):
        os.chown(path, USER, USER)
    os.chown(world.folder, USER, USER)
    home = world.environment("seeder")["HOME"]
    os.chown(home, USER, USER)
    probe = seed(world, torrent, user=USER)
    n_own = n_threads(probe)
    probe.kill()
    program = seed(world, torrent, user=USER, prefix=("prlimit", f"--nproc={n_own + 2}"))
    wires = [dial(program.port, torrent) for _ in range(8)]
    for i, wire in enumerate(wires):
        fetch_begins(wire, i)
    wait_until(lambda: count(program, "no thread for a peer"), 10, "the log names it")
    assert n_threads(program) <= n_own + 2
    for _ in range(2):
        for i, wire in enumerate(wires):
            wire.sock.settimeout(20)
            fetch_ends(wire, torrent, i)
        for i, wire in enumerate(wires):
            ask(wire, i)
    for i, wire in enumerate(wires):
        fetch_ends(wire, torrent, i)
    assert count(program, "no thread for a peer") == 1
    assert program.running()


def test_without_descriptors_newcomers_wait_or_replace_others(world):
    """The limit of open files is lowered at run time, below the number of connections."""
    torrent = world.torrent(n_bytes=2 * MIB, files="single")
    program = seed(world, torrent)
    first = dial(program.port, torrent)
    fetch_begins(first, 0)
    fetch_ends(first, torrent, 0)
    set_file_limit(program, n_files(program) + 3)
    wires = [Wire.dial("127.0.0.1", program.port) for _ in range(10)]
    wait_until(lambda: count(program, "cannot accept connections"), 10, "the log names it")
    before = program.cpu_seconds()
    for i in range(1, 8):  # connected peers are served meanwhile
        ask(first, i)
        fetch_ends(first, torrent, i)
    assert program.cpu_seconds() - before < 0.5
    set_file_limit(program, 1000)
    for wire in wires:
        wire.shake(torrent.info_hash)
    assert count(program, "cannot accept connections") == 1
    for i in (0, 5):
        fetch_begins(wires[i], i)
        fetch_ends(wires[i], torrent, i)


def test_reaching_max_peers_is_logged_once(world):
    torrent = world.torrent(n_bytes=2 * MIB, files="single")
    program = seed(world, torrent, args=("--max-peers", "4"))
    wires = [dial(program.port, torrent) for _ in range(4)]
    for wire in wires:
        fetch_begins(wire, 1)
        fetch_ends(wire, torrent, 1)
    for _ in range(20):
        assert Wire.dial("127.0.0.1", program.port).is_closed_within(5)
    assert count(program, "refusing more") == 1
    wires[0].send(message(NOT_INTERESTED))
    wires[1].close()
    # Another connection is possible again.
    wait_until(lambda: can_greet(program.port, torrent), 10, "a newcomer is let in")
    ask(wires[2], 2)
    fetch_ends(wires[2], torrent, 2)


@pytest.mark.parametrize("n_files", range(4, 10))
def test_a_start_with_too_few_descriptors_names_the_reason(world, n_files):
    """Each case allows one more descriptor: for the port, the first eventfd, the signals and so
    on."""
    def set_limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (n_files, n_files))

    code, _, complaint = world.run("-d", "--foreground", "-p", 0, preexec_fn=set_limit)
    assert code == 1
    assert "Too many open files" in complaint
