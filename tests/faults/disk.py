# SPDX-License-Identifier: MIT
"""A disk that fails and forgets: the environment of tests/faults/faults.c, and what it has counted."""
import os
import pathlib
import shutil
import struct

CALLS = ("open", "pread", "pwrite", "fsync", "rename", "unlink", "ftruncate", "fallocate", "stat")
# The faults that each call can have.
FAULTS = {
    "open": ("EIO", "ENOSPC", "EMFILE", "EINTR", "delay"),
    "pread": ("EIO", "EINTR", "short", "delay"),
    "pwrite": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "short", "delay"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "delay"),
    "rename": ("EIO", "ENOSPC", "EDQUOT", "delay"),
    "unlink": ("EIO", "delay"),
    "ftruncate": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "delay"),
    "fallocate": ("EIO", "ENOSPC", "EDQUOT", "EINTR", "delay"),
    "stat": ("EIO", "delay"),
}
COUNTS = struct.Struct(f"={len(CALLS) + 1}Q1024s")


class Disk:
    """The disk of the folders WATCHED, as a program that has the environment of `env` sees it."""

    def __init__(self, library, folder, watched):
        self.library = pathlib.Path(library).resolve()
        self.watched = [pathlib.Path(w) for w in watched]
        self.shadow, self.counts_path = folder / "shadow", folder / "counts"
        self.names = {}  # path: key, when the program started

    def env(self, fault=None, forgets=False):
        """FAULT: (call, n, name of the fault), or None. FORGETS: what is not synced can be lost."""
        self.counts_path.unlink(missing_ok=True)
        env = {"LD_PRELOAD": str(self.library), "FAULTS_COUNTS": str(self.counts_path),
               "FAULTS_FOLDERS": ":".join(map(str, self.watched)),
               # In a build with ASan its runtime is not the first library any more.
               "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")}
        if fault:
            env |= dict(zip(("FAULTS_CALL", "FAULTS_N", "FAULTS_FAULT"), map(str, fault)))
        if forgets:
            self.remember()
            env["FAULTS_SHADOW"] = str(self.shadow)
        return env

    def read_counts(self):
        """(call: how often it was made, the path of the call that failed or None)."""
        *n, failed, path = COUNTS.unpack(self.counts_path.read_bytes())
        return dict(zip(CALLS, n)), path.split(b"\0")[0].decode() if failed else None

    # --- loss of power

    def files(self):
        return [p for w in self.watched for p in w.rglob("*") if p.is_file()]

    def remember(self):
        """All that is there now is on the disk."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        (self.shadow / "data").mkdir(parents=True)
        self.names = {str(p): f"{p.stat().st_ino}-0" for p in self.files()}
        for path, key in self.names.items():
            shutil.copyfile(path, self.shadow / "data" / key)

    def names_at_power_loss(self):
        """(path: key as the disk has it, path: key as the program saw it)."""
        durable, seen, pending = dict(self.names), dict(self.names), []
        journal = self.shadow / "journal"
        for line in journal.read_text().splitlines() if journal.exists() else ():
            what, *words = line.split("\t")
            if what == "create":
                seen[words[1]] = durable[words[1]] = words[0]
            elif what == "rename":
                seen[words[1]] = seen.pop(words[0])
            elif what == "unlink":
                seen.pop(words[0], None)
            if what == "dirsync":
                for step in [s for s in pending if os.path.dirname(s[-1]) == words[0]]:
                    pending.remove(step)
                    apply(durable, step)
            elif what in ("rename", "unlink"):
                pending.append([what, *words])
        return durable, seen

    def lose_power(self):
        """Gives every file the content of its last sync, but the size and the time that it has: so it
        looks as if nothing was lost, as a journal of metadata alone may leave it. Names of new files
        are there, but files are renamed and removed only by a sync of their folder. Returns the number of files that differ from before."""
        durable, seen = self.names_at_power_loss()
        before = {seen[str(p)]: p.stat() for p in self.files() if str(p) in seen}
        contents, n_changed = {}, 0
        for path, key in durable.items():
            data = self.shadow / "data" / key
            content = data.read_bytes() if data.exists() else b""
            size = before[key].st_size if key in before else len(content)
            contents[path] = content[:size] + bytes(max(size - len(content), 0))
        for path in self.files():
            if str(path) not in contents:
                path.unlink()
                n_changed += 1
        for path, content in contents.items():
            path, key = pathlib.Path(path), durable[path]
            if path.is_file() and path.read_bytes() == content:
                continue
            n_changed += 1
            path.write_bytes(content)
            if key in before:
                os.utime(path, ns=(before[key].st_atime_ns, before[key].st_mtime_ns))
        return n_changed


def apply(names, step):
    """A change of names reaches the disk."""
    if step[0] == "unlink":
        names.pop(step[1], None)
    elif step[1] in names:
        names[step[2]] = names.pop(step[1])
