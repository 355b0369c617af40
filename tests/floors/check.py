#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A folder includes only from its own floor or below (docs/architecture.md), and only some folders
may see queues and threads.

usage: check.py [ROOT]   exits 1 and names each line that breaks the rule
"""
import pathlib
import re
import sys

FLOORS = {"base": 1, "piece": 1, "bencode": 2, "msg": 2, "fs": 3, "torrent": 3,
          "state": 3, "peer": 4, "swarm": 4, "interest": 4,
          "choke": 4, "tracker": 4, "dht": 4, "actors": 5, "cli": 6}
MAIN_FLOOR = 6
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LIBRARIES = (
    (re.compile(r"^(urcu|urcu/.*|urcu\.h|urcu-.*|lfstack\.h)$"), "liburcu",
     lambda folder, name: folder == "msg"),
    (re.compile(r"^(pthread|threads|semaphore)\.h$"), "threads and locks",
     lambda folder, name: folder in ("base", "msg") or (folder, name[:-2]) == ("actors", "actor")),
)
THREAD_CALL = re.compile(r"\bpthread_\w+\s*\(|\b(?:mtx|cnd|thrd)_\w+\s*\(")


def folder_of(path):
    """The folder of src/ or include/conjure/ that PATH (relative to the root) belongs to, or None
    for main.c."""
    parts = path.parts[1:] if path.parts[0] == "src" else path.parts[2:]
    return parts[0] if len(parts) > 1 else None


def target_folder(name):
    """Which of our folders an include names, or None when it is not ours."""
    parts = name.split("/")
    if parts[0] == "conjure":
        parts = parts[1:]
    return parts[0] if len(parts) > 1 and parts[0] in FLOORS else None


def faults_in(path, text):
    """The faults of one file: (line number, what is wrong)."""
    folder = folder_of(path)
    if folder is not None and folder not in FLOORS:
        yield 0, f"folder {folder}/ has no floor: add it to {pathlib.Path(__file__).name}"
        return
    floor = FLOORS[folder] if folder else MAIN_FLOOR
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            if THREAD_CALL.search(line) and not LIBRARIES[1][2](folder, path.name):
                yield number, "a thread or lock call: they are not for this folder"
            continue
        name = match[2]
        to = target_folder(name)
        if to and FLOORS[to] > floor:
            yield number, f'"{name}" is on floor {FLOORS[to]}, above {folder or "main"} ({floor})'
        if name.startswith("..") or "/../" in name:
            yield number, f'"{name}": includes are written from the source root'
        for library, what, allowed in LIBRARIES:
            if library.match(name) and not allowed(folder, path.name):
                yield number, f"<{name}>: {what} are not for this folder"


def main(root):
    n_files = n_faults = 0
    for top in ("src", "include/conjure"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".c", ".h"):
                continue
            n_files += 1
            for number, what in faults_in(path.relative_to(root), path.read_text()):
                n_faults += 1
                print(f"{path.relative_to(root)}:{number}: {what}")
    if not n_files:
        print("no sources found")
    return 1 if n_faults or not n_files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                               pathlib.Path(__file__).parents[2])))
