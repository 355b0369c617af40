#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that docs/threads-orchestration.md names every message of the tables in
include/conjure/msg as `Inbox.Message`, and no other.

usage: check_messages.py [ROOT]   exits with 1 and prints each difference
"""
import pathlib
import re
import sys

# An inbox's or a message's name in a table row: INFO(fs, return_lease, ReturnLease, ...
ROW = re.compile(r"^\s*(?:INFO|QUERY)\(\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*,", re.MULTILINE)
TABLE = re.compile(r"#define\s+(\w+)_TABLE\(INFO, QUERY, REPLY\)((?:.*\\\n)*.*)")
NAMED = re.compile(r"\b([A-Z][A-Za-z]*)\.([A-Z][A-Za-z]*)\b")
# Names of the page that are not the capitalised names of inboxes.
ACTORS = {"fs": "FS", "interest": "Interest"}


def table_names(folder):
    """The Inbox.Message of every row, in the spelling of the page."""
    names = set()
    for header in sorted(folder.glob("*.h")):
        if header.name in ("table.h", "all.h", "channel.h"):
            continue
        for _, body in TABLE.findall(header.read_text()):
            for inbox, _, message in ROW.findall(body):
                names.add(f"{ACTORS.get(inbox, inbox.capitalize())}.{message}")
    return names


def page_names(text, actors):
    """Every Inbox.Message of the page; other dotted words are ignored."""
    return {f"{a}.{m}" for a, m in NAMED.findall(text) if a in actors}


def main(root):
    page = root / "docs" / "threads-orchestration.md"
    tables = table_names(root / "include" / "conjure" / "msg")
    if not tables:
        print("no message table found")
        return 1
    if not page.exists():
        print(f"{page.relative_to(root)} does not exist")
        return 1
    named = page_names(page.read_text(), {n.split(".")[0] for n in tables})
    for name in sorted(tables - named):
        print(f"{name} is in a table and not in {page.relative_to(root)}")
    for name in sorted(named - tables):
        print(f"{name} is in {page.relative_to(root)} and in no table")
    return 1 if tables != named else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                               pathlib.Path(__file__).parents[2])))
