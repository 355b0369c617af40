# SPDX-License-Identifier: MIT
"""Rules of includes: floors, liburcu and locks, private headers, public headers."""
import re

from tree import FLOORS, INCLUDE, MAIN_FLOOR, area, home, includes, resolve, sources

LIBRARIES = (
    (re.compile(r"^(urcu|urcu/.*|urcu\.h|urcu-.*|lfstack\.h)$"), "liburcu",
     lambda folder, name: folder == "msg"),
    (re.compile(r"^(pthread|threads|semaphore)\.h$"), "threads and locks",
     lambda folder, name: folder in ("base", "msg") or (folder, name[:-2]) == ("actors", "actor")),
)
THREAD_CALL = re.compile(r"\bpthread_\w+\s*\(|\b(?:mtx|cnd|thrd)_\w+\s*\(")


def target_area(name):
    """Which of our top folders the include NAME means, or None when it is not ours."""
    parts = name.split("/")
    if parts[0] == "conjure":
        parts = parts[1:]
    return parts[0] if len(parts) > 1 and parts[0] in FLOORS else None


def floor_faults(path, text):
    """(line, fault) of one file: includes that point upwards, threads and locks out of place."""
    folder = area(path)
    if folder is not None and folder not in FLOORS:
        yield 0, f"folder {folder}/ has no floor: add it to tests/floors/tree.py"
        return
    floor = FLOORS[folder] if folder else MAIN_FLOOR
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            if THREAD_CALL.search(line) and not LIBRARIES[1][2](folder, path.name):
                yield number, "a thread or lock call: they are not for this folder"
            continue
        name = match[2]
        to = target_area(name)
        if to and FLOORS[to] > floor:
            yield number, f'"{name}" is on floor {FLOORS[to]}, above {folder or "main"} ({floor})'
        if name.startswith("..") or "/../" in name:
            yield number, f'"{name}": includes are written from the source root'
        for library, what, allowed in LIBRARIES:
            if library.match(name) and not allowed(folder, path.name):
                yield number, f"<{name}>: {what} are not for this folder"


def check_floors(root):
    for path in sources(root):
        for number, fault in floor_faults(path, (root / path).read_text()):
            yield f"{path}:{number}: {fault}"


def check_private_headers(root):
    """A header of src/ is for the files of its own folder; each actor's folder is one."""
    for path in sources(root):
        for number, name in includes((root / path).read_text()):
            target = resolve(root, name)
            if target and target.parts[0] == "src" and target.parent != home(root, path):
                yield f'{path}:{number}: "{name}" is private to {target.parent}/'


def check_public_headers(root):
    """A header of include/conjure/ is included by another folder, or by a public header."""
    used = set()
    for path in sources(root):
        for _, name in includes((root / path).read_text()):
            target = resolve(root, name)
            if target and target != path and target.parts[0] == "include" and (
                    path.parts[0] == "include" or home(root, path) != home(root, target)):
                used.add(target)
    for path in sources(root, ("include/conjure",)):
        if path not in used:
            yield f"{path}:0: no other folder includes it: move it to {home(root, path)}/"
