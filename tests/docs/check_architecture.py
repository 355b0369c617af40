#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the table of floors in docs/architecture.md has a row for each folder of src/, with
the folders that it includes from; and that every path in docs/, README.md and CONTRIBUTING.md exists.

usage: check_architecture.py [--write] [ROOT]   exits with 1 and prints each difference

--write replaces the last column of the table by the folders that are included.
"""
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "floors"))

from tree import FLOORS, home, includes, resolve, sources

PAGE = "docs/architecture.md"
# | 4 | `src/peer` | what it holds | msg, torrent |
ROW = re.compile(r"^\|\s*(\d+)\s*\|\s*`(src[^`]*)`\s*\|[^|]*\|\s*([^|]*?)\s*\|\s*$", re.MULTILINE)
PATH = re.compile(r"`((?:src|include|tests|docs|scripts|contrib|man|\.ci)/[^`\s]*)`"
                  r"|\]\((?!\w+:)([^)#\s]+)")
# Every folder may use it: the arrows to it are left out of the table.
GROUND = "base"


def short(folder):
    """src/actors/lobby as the table's last column writes it: actors/lobby."""
    return str(folder.relative_to("src"))


def arrows(root):
    """{folder: the other folders that it includes from}, in the spelling of the table."""
    uses = {}
    for path in sources(root):
        folder = home(root, path)
        if folder == pathlib.Path("src"):
            continue
        targets = uses.setdefault(short(folder), set())
        for _, name in includes((root / path).read_text()):
            target = resolve(root, name)
            if target and home(root, target) not in (folder, pathlib.Path("src")):
                targets.add(short(home(root, target)))
    return {folder: targets - {GROUND} for folder, targets in uses.items()}


def check_table(root, text):
    built, drawn = arrows(root), {}
    for floor, folder, uses in ROW.findall(text):
        name = folder.removeprefix("src/")
        drawn[name] = {u.strip() for u in uses.split(",")} - {"", "-"}
        expected = FLOORS.get(name.split("/")[0])
        if expected != int(floor):
            yield f"{folder} is on floor {expected}, not {floor}"
    for name in sorted(built.keys() | drawn.keys()):
        if name not in drawn:
            yield f"src/{name} has no row; it uses: {', '.join(sorted(built[name])) or '-'}"
        elif name not in built:
            yield f"src/{name} has a row, but no sources"
        elif built[name] != drawn[name]:
            yield (f"src/{name} uses {', '.join(sorted(built[name])) or '-'}; "
                   f"the table says {', '.join(sorted(drawn[name])) or '-'}")


def expand(name):
    """a/{b,c}.h and a/x.{c,h} as the paths they stand for."""
    match = re.search(r"\{([^{}]*)\}", name)
    if not match:
        return [name]
    return [p for part in match[1].split(",")
            for p in expand(name[:match.start()] + part + name[match.end():])]


def check_paths(root, page, text):
    for code, link in PATH.findall(text):
        base = root if code else (root / page).parent
        for name in expand(code or link):
            # NAME and <noun> stand for a name of the reader's choice.
            if re.search(r"[A-Z]{4,}|<\w+>|_[A-Z]\b", name) and not (base / name).exists():
                continue
            if not (list(root.glob(name)) if code else (base / name).exists()):
                yield f"it names {name}, which does not exist"


def write_table(root):
    """Replaces the last column of each row."""
    built, page = arrows(root), root / PAGE

    def row(match):
        uses = ", ".join(sorted(built.get(match[2].removeprefix("src/"), ()))) or "-"
        return match[0][:match.start(3) - match.start()] + uses + " |"

    page.write_text(ROW.sub(row, page.read_text()))


def main(root):
    n = 0
    pages = [PAGE] + [str(p.relative_to(root)) for p in sorted((root / "docs").glob("*.md"))
                      if str(p.relative_to(root)) != PAGE]
    for page in pages + ["README.md", "CONTRIBUTING.md", "SECURITY.md", "NEWS"]:
        if not (root / page).exists():
            print(f"{page} does not exist")
            n += 1
            continue
        text = (root / page).read_text()
        for fault in [*(check_table(root, text) if page == PAGE else ()),
                      *check_paths(root, page, text)]:
            print(f"{page}: {fault}")
            n += 1
    return 1 if n else 0


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    top = pathlib.Path(arguments[0] if arguments
                       else pathlib.Path(__file__).resolve().parents[2]).resolve()
    if "--write" in sys.argv:
        write_table(top)
    sys.exit(main(top))
