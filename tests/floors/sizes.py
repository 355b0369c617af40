# SPDX-License-Identifier: MIT
"""The bounds on files, folders and lines."""
import collections

from tree import sources

FILE_MAX = 600    # lines of a file of src/
FOLDER_SHARE = 5  # a folder has at most one fifth of the lines of src/ and include/
WIDTH_MAX = 100   # columns of a line, comments included


def n_lines(root, path):
    return len((root / path).read_text().splitlines())


def check_files(root):
    for path in sources(root, ("src",)):
        n = n_lines(root, path)
        if n > FILE_MAX:
            yield f"{path}:{FILE_MAX + 1}: {n} lines, more than {FILE_MAX}"


def check_folders(root):
    """Counts the files directly in a folder: src/actors and src/actors/lobby are two folders."""
    folders, total = collections.Counter(), 0
    for path in sources(root, ("src", "include")):
        n = n_lines(root, path)
        total += n
        if path.parts[0] == "src":
            folders[path.parent] += n
    for folder, n in sorted(folders.items()):
        if n * FOLDER_SHARE > total:
            yield f"{folder}/: {n} lines, more than a fifth of {total}"


def others(root):
    """Build files, scripts and what is written for users; NEWS is beside them."""
    found = [path for top in ("scripts", "contrib") for path in sorted((root / top).rglob("*"))]
    found += [path for top in ("src", "tests") for path in sorted((root / top).rglob("meson.build"))]
    found += [root / "meson.build", root / "meson_options.txt", root / "NEWS"]
    return [path.relative_to(root) for path in found if path.is_file()]


def check_widths(root):
    for path in [*sources(root, ("src", "include", "tests")), *others(root)]:
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if len(line) > WIDTH_MAX:
                yield f"{path}:{number}: {len(line)} columns, more than {WIDTH_MAX}"
