# SPDX-License-Identifier: MIT
"""Content to share, and torrents of it that conjure did not make."""
import dataclasses
import hashlib
import pathlib
import random

from . import bencode

KIB, MIB = 1 << 10, 1 << 20


@dataclasses.dataclass
class Torrent:
    """A .torrent and its content."""
    path: pathlib.Path
    info_hash: bytes
    name: str
    piece_length: int
    files: list  # (path inside `name` as a tuple, or () for a single file; length)
    data: bytes  # all the files, one after the other
    source: pathlib.Path  # the folder that the content lies in, where clients seed from

    @property
    def n_pieces(self):
        return -(-len(self.data) // self.piece_length)

    def piece(self, i):
        return self.data[i * self.piece_length:(i + 1) * self.piece_length]

    def paths(self, folder):
        """Where the files are when FOLDER is the download folder."""
        return [folder.joinpath(self.name, *path) for path, _ in self.files]

    def read(self, folder):
        """The content as FOLDER has it; missing bytes are zeros."""
        data = bytearray()
        for path, (_, length) in zip(self.paths(folder), self.files):
            found = path.read_bytes()[:length] if path.is_file() else b""
            data += found + bytes(length - len(found))
        return bytes(data)

    def intact(self, folder):
        """The numbers of the pieces that are correct in FOLDER."""
        data, n = self.read(folder), self.piece_length
        return {i for i in range(self.n_pieces) if data[i * n:(i + 1) * n] == self.piece(i)}

    def is_in(self, folder, empty_files=True):
        """Whether FOLDER has all of the content, byte for byte (except EMPTY_FILES)."""
        at = 0
        paths = self.paths(folder)
        if not all(p.is_file() and p.stat().st_size == n or n == 0 and not empty_files
                   for p, (_, n) in zip(paths, self.files)):
            return False
        for path, (_, length) in zip(paths, self.files):
            if length and path.read_bytes() != self.data[at:at + length]:
                return False
            at += length
        return True


def random_bytes(n, seed=1):
    return random.Random(seed).randbytes(n)


def odd_files(n_bytes):
    """Names and sizes of a torrent with all corner cases: nested folders, an empty file, one byte,
    names that are not ASCII, files that share pieces; N_BYTES together."""
    small = [("a.txt", 1), ("empty", 0), ("folder/deeper/still deeper/b.bin", 70001),
             ("folder/Ünïcödé 文件.bin", 333333), ("folder/c.bin", 16384), ("z", 12345)]
    rest = n_bytes - sum(n for _, n in small)
    return small[:4] + [("folder/big.bin", rest)] + small[4:]


def write_files(folder, files, seed=1):
    """Writes FILES (name, size) below FOLDER, with random bytes."""
    for i, (name, size) in enumerate(files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random_bytes(size, seed * 1000 + i))


def make_torrent(source, name, out, trackers, piece_length=256 * KIB, info=None, top=None):
    """A torrent of SOURCE/NAME, a file or a folder. TRACKERS: URLs, each a tier of its own. INFO and
    TOP: keys to add or to replace."""
    root = source / name
    if root.is_file():
        files = [((), root)]
    else:
        files = sorted((p.relative_to(root).parts, p) for p in root.rglob("*") if p.is_file())
    data = b"".join(p.read_bytes() for _, p in files)
    pieces = b"".join(hashlib.sha1(data[at:at + piece_length]).digest()
                      for at in range(0, len(data), piece_length))
    about = {"name": name, "piece length": piece_length, "pieces": pieces}
    if root.is_file():
        about["length"] = len(data)
    else:
        about["files"] = [{"length": p.stat().st_size, "path": list(parts)} for parts, p in files]
    about.update(info or {})
    meta = {"info": about}
    if trackers:
        meta["announce"] = trackers[0]
    if len(trackers) > 1:
        meta["announce-list"] = [[t] for t in trackers]
    meta.update(top or {})
    out.write_bytes(bencode.encode(meta))
    return Torrent(out, hashlib.sha1(bencode.encode(about)).digest(), name, piece_length,
                   [(parts, p.stat().st_size) for parts, p in files], data, source)


def everything_below(folder):
    """Every path below FOLDER, relative to it."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}
