#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the inputs that each fuzz target begins with.

usage: seeds.py FOLDER    makes FOLDER/TARGET/seed-N for every target

Valid inputs of each kind, and the same ones cut short: a fuzzer would need long to find them.
"""
import pathlib
import random
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from kit import bencode  # noqa: E402

HASH, PEER_ID = bytes(range(20)), b"-XX0001-abcdefghijkl"
SINGLE = {"length": 40000, "name": "n", "piece length": 16384, "pieces": bytes(60)}
MULTI = {"files": [{"length": 16384, "path": ["a", "b"]},
                   {"attr": "p", "length": 100, "path": [".pad", "100"]}, {"length": 0, "path": ["e"]},
                   {"attr": "l", "length": 0, "path": ["l"], "symlink path": ["a", "b"]}],
         "name": "m", "piece length": 16384, "pieces": bytes(40), "private": 1}
TORRENTS = [bencode.encode({"announce": "http://t/a", "announce-list": [["udp://t:1"], ["http://u"]],
                            "comment": "c", "creation date": 1, "info": info})
            for info in (SINGLE, MULTI)]
UDP_ID = struct.pack(">Q", 0x41727101980)
ANNOUNCE = struct.pack(">QII", 1, 1, 7) + HASH + PEER_ID + struct.pack(
    ">QQQIIIiH", 0, 40000, 0, 2, 0, 9, -1, 6881)
CONFIG = b"""# comment
port = 51413
max-upload-limit = 1.5M
limit-lan = no
save-interval = 5
allocation = compact
[a name]
seed-ratio = 2.5
[0123456789abcdef0123456789abcdef01234567]
super-seed = yes
"""


def session_scripts():
    """Orders are single bytes, so that any bytes are a script."""
    chance = random.Random(1)
    return [bytes([flags]) + chance.randbytes(n) for flags in range(16) for n in (40, 400)]


SEEDS = {
    "bencode": [*TORRENTS, b"i-0e", b"le", b"d1:ai1e1:bl3:abcee"],
    "config": [CONFIG, b"\xef\xbb\xbf" + CONFIG, CONFIG + b"quiet = maybe\n"],
    "extension_handshake": [bencode.encode({"m": {"ut_a": 1, "ut_b": 0, "ut_c": 3}, "p": 6881,
                                            "reqq": 250, "upload_only": 1, "v": "Client 1.0"})],
    "handshake": [b"\x13BitTorrent protocol" + bytes(5) + b"\x10\0\x05" + HASH + PEER_ID],
    "known": [bencode.encode({"conjure": 1, "folder": "/f", "seeded": 5, "skipped": [1],
                              "torrent": torrent}) for torrent in TORRENTS],
    "metainfo": TORRENTS,
    "resume": [bencode.encode({"allocation": how, "clean": 1, "conjure": 1, "downloaded": 1,
                               "doubtful": b"\x20", "files": [[40000, 7, 0]], "info-hash": HASH,
                               "partial": [[1, b"\1" + bytes(7)]], "pieces": b"\x80",
                               "uploaded": 2, **({"slots": bytes(12)} if how == "compact" else {})})
               for how in ("sparse", "full", "compact")],
    "session": session_scripts(),
    "tracker_http": [bencode.encode({"complete": 1, "incomplete": 2, "interval": 1800,
                                     "min interval": 60, "peers": bytes(range(12)),
                                     "peers6": bytes(range(18)), "tracker id": "x"}),
                     bencode.encode({"interval": 9, "peers": [{"ip": "10.0.0.2", "port": 5}]}),
                     bencode.encode({"failure reason": "no"}),
                     b"/announce?info_hash=%01%02aaaaaaaaaaaaaaaaaa&peer_id=-XX0001-abcdefghijkl&port=5"
                     b"&uploaded=0&downloaded=0&left=9&event=started&compact=1&numwant=5",
                     b"/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa"],
    "tracker_udp": [UDP_ID + struct.pack(">II", 0, 7), ANNOUNCE,
                    struct.pack(">QII", 1, 2, 7) + HASH * 2,
                    struct.pack(">IIQ", 0, 7, 5),
                    struct.pack(">IIIII", 1, 7, 1800, 1, 2) + bytes(range(12)),
                    struct.pack(">II", 3, 7) + b"no"],
}


def main(folder):
    for target, seeds in SEEDS.items():
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds):
            (place / f"seed-{i}").write_bytes(seed)
            (place / f"seed-{i}-half").write_bytes(seed[:len(seed) // 2])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
