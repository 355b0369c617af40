# SPDX-License-Identifier: MIT
"""A daemon with more torrents than it may have connections: none fails for want of descriptors."""
import os

from conftest import CONJURE
from kit.barepeer import Wire, greets
from kit.content import KIB
from kit.net import free_port

N_TORRENTS = 300
N_FILES = 640  # the limit of open files; a torrent needs one, and 64 are spare


def test_hundreds_of_torrents_are_open_beside_as_many_connections_as_fit(world):
    torrents = []
    source = world.make_folder("source")
    watched = world.make_folder("watched")
    for i in range(N_TORRENTS):
        torrent = world.torrent("http://127.0.0.1:1/announce", n_bytes=32 * KIB, name=f"t{i}",
                                files="single", seed=i)
        os.rename(torrent.source / torrent.name, source / torrent.name)
        (watched / f"{i}.torrent").write_bytes(torrent.path.read_bytes())
        torrents.append(torrent)
    port = free_port()
    program = world.start("conjure", [
        "prlimit", f"--nofile={N_FILES}:{N_FILES}", CONJURE, "-d", "--foreground", "-o", source,
        "-p", port, "--torrents-dir", watched], env=world.environment("conjure"))
    program.wait_until(lambda: greets("127.0.0.1", port, torrents[-1]), 60, "it seeds the last")
    program.wait_until(lambda: all(greets("127.0.0.1", port, t) for t in torrents), 60,
                       "it seeds all")
    # Connections take what is left, and no torrent loses its place.
    wires = []
    for i in range(N_FILES):
        try:
            wire = Wire.dial("127.0.0.1", port, 2)
            wires.append(wire)
            wire.shake(torrents[i % N_TORRENTS].info_hash)
        except OSError:
            break
    assert len(wires) >= 32
    for wire in wires:
        wire.close()
    program.wait_until(lambda: all(greets("127.0.0.1", port, t) for t in torrents), 60,
                       "it still seeds all")
    assert "Too many open files" not in program.log()
    assert len(os.listdir(f"/proc/{program.pid}/fd")) <= N_FILES
