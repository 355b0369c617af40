# SPDX-License-Identifier: MIT
"""What the checks of this folder share: the files of a tree, its folders, their includes."""
import pathlib
import re

# A folder includes only from its own floor or below; docs/architecture.md shows the same table.
FLOORS = {"base": 1, "piece": 1, "bencode": 2, "msg": 2, "fs": 3, "torrent": 3,
          "state": 3, "peer": 4, "swarm": 4, "interest": 4,
          "choke": 4, "tracker": 4, "actors": 5, "cli": 6}
MAIN_FLOOR = 6
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def sources(root, tops=("src", "include/conjure")):
    """The .c and .h files below TOPS, as paths relative to ROOT."""
    return [path.relative_to(root) for top in tops for path in sorted((root / top).rglob("*"))
            if path.suffix in (".c", ".h")]


def area(path):
    """The top folder of src/ or include/conjure/ that PATH belongs to, or None for main.c."""
    parts = path.parts[1:] if path.parts[0] == "src" else path.parts[2:]
    return parts[0] if len(parts) > 1 else None


def includes(text):
    """(line number, name) of each include of TEXT that is written with quotes or brackets."""
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[2]


def resolve(root, name):
    """The file that the include NAME means, relative to ROOT, or None when it is not ours."""
    for top in ("include", "src"):
        if (root / top / name).is_file():
            return pathlib.Path(top) / name
    return None


def home(root, path):
    """The folder of src/ that PATH belongs to. A header of include/conjure/ belongs to the folder
    of its .c file: include/conjure/actors/notify.h to src/actors/master; or to the folder of its
    name: include/conjure/actors/lobby.h to src/actors/lobby."""
    if path.parts[0] == "src":
        return path.parent
    module = module_of(root, path)
    folder = pathlib.Path("src", *path.parent.parts[2:])
    if module.suffix == ".c":
        return module.parent
    return folder / path.stem if (root / folder / path.stem).is_dir() else folder


def module_of(root, path):
    """The .c file that the header PATH belongs to; PATH itself when there is none, or for a .c."""
    if path.suffix == ".c":
        return path
    folder = path.parent if path.parts[0] == "src" else pathlib.Path("src", *path.parent.parts[2:])
    beside = (folder / path.name).with_suffix(".c")
    if (root / beside).is_file():
        return beside
    if path.parts[0] == "include":
        # A module of an actor's folder: its first include is its own header.
        for below in sorted((root / folder).glob(f"*/{beside.name}")):
            names = [name for _, name in includes(below.read_text())]
            if names and resolve(root, names[0]) == path:
                return below.relative_to(root)
    return path
