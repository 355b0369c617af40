#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the sources against the rules of docs/architecture.md and CONTRIBUTING.md.

usage: check.py [--build FOLDER] [ROOT]

The rules: floors, private and public headers, the folders of liburcu and locks, sizes of files and
folders, columns, a test for each module; and with a build folder no circle between modules. Exits
with 1 after a fault, and prints each one as PATH:LINE: FAULT.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True

import circles
import layers
import named_tests
import sizes
from tree import sources


def faults(root, build=None):
    if not sources(root):
        yield "no sources found"
        return
    for check in (layers.check_floors, layers.check_private_headers, layers.check_public_headers, sizes.check_files,
                  sizes.check_folders, sizes.check_widths, named_tests.check_named_tests):
        yield from check(root)
    if build:
        yield from circles.check_circles(root, build)


def main(arguments):
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--build", type=pathlib.Path)
    options = parser.parse_args(arguments)
    n = 0
    for fault in faults(options.root.resolve(), options.build and options.build.resolve()):
        print(fault)
        n += 1
    if n:
        print(f"{n} faults")
    return 1 if n else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
