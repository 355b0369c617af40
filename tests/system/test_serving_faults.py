# SPDX-License-Identifier: MIT
"""Content that cannot be read while it is seeded: the log names it, and it is not offered."""
import struct

import pytest

from kit.barepeer import INTERESTED, PIECE, REQUEST, UNCHOKE, Wire, message
from kit.content import MIB


def ask_for(seeder, torrent, piece):
    """Requests a block of PIECE, and waits until the seed sends something or hangs up."""
    wire = Wire.dial("127.0.0.1", seeder.port)
    try:
        wire.shake(torrent.info_hash)
        wire.send(message(INTERESTED))
        wire.receive_until(UNCHOKE)
        wire.send(message(REQUEST, struct.pack(">III", piece, 0, 1000)))
        wire.receive()
    except (OSError, EOFError, AssertionError):
        pass  # the seed may close the connection at any of these
    finally:
        wire.close()


@pytest.mark.parametrize("fault, message", (("link", "Too many levels of symbolic links"),
                                         ("deleted", "has changed on disk, or is gone")))
def test_a_file_that_cannot_be_opened_is_named(world, fault, message):
    torrent = world.torrent(world.tracker().url(), n_bytes=2 * MIB)
    seeder = world.seed(torrent)
    folder = torrent.source / "content" / "folder"
    away = torrent.source / "away"
    folder.rename(away)
    if fault == "link":
        folder.symlink_to(away)
    for piece in reversed(range(torrent.n_pieces)):
        ask_for(seeder, torrent, piece)
        if message in seeder.log():
            break
    seeder.wait_until(lambda: message in seeder.log(), 10, "a message about the file")
    lines = [line for line in seeder.log().splitlines() if message in line]
    assert len(lines) == 1 and "content/folder/" in lines[0]


def test_a_file_that_is_cut_while_it_is_lent_to_a_peer_is_named(world):
    torrent = world.torrent(world.tracker().url(), n_bytes=4 * MIB, name="notes", files="single")
    seeder = world.seed(torrent)
    wire = Wire.dial("127.0.0.1", seeder.port)
    wire.shake(torrent.info_hash)
    wire.send(message(INTERESTED))
    wire.receive_until(UNCHOKE)
    wire.send(message(REQUEST, struct.pack(">III", 0, 0, 1000)))
    wire.receive_until(PIECE)
    (torrent.source / "notes").write_bytes(torrent.data[:1000])
    wire.send(message(REQUEST, struct.pack(">III", torrent.n_pieces - 1, 0, 1000)))
    seeder.wait_until(lambda: "notes has changed on disk, or is gone" in seeder.log(), 10,
                      "a message about the file")
    wire.close()
