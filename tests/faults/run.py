#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets a disk fail at every call that conjure makes.

usage: run.py [--build BUILD] [--jobs N] [--every N] [--only PATTERN] [--list]

For a small download, a recheck, a resume, a seeding and a slow download with saves: counts the calls of a run without a fault, then
runs it once for each call and each fault that the call can have; then again, with the fault gone. After a
fault of a sync or a rename the power fails, too. failed: the first run reported an error; stalled: it did not
end; again: pieces that were on disk, not yet verified, and were downloaded again. Rules:

  - exit status 0 only with all of the content; never a signal
  - the second run ends with status 0 and all of the content
  - it downloads no piece that was verified and is right on disk, except of the file with the fault
  - a leecher never receives a wrong byte, and all bytes once the fault is gone

A case is SCENARIO/ALLOCATION/CALL:N/FAULT, or .../FAULT/power; --only takes such a name, or a pattern with *.
The exit status is 1 if a rule was broken.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import pathlib
import random
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from disk import FAULTS  # noqa: E402
from lab import ALLOCATIONS, SCENARIOS, Lab  # noqa: E402

# After these the program may have to report an error; 7: the driver stopped a run that did not end.
CODES = (0, 1, 4, 7, 9)
POWER = ("fsync", "rename")
Case = collections.namedtuple("Case", "scenario allocation call n fault power")


def name_of(case):
    return (f"{case.scenario}/{case.allocation}/{case.call}:{case.n}/{case.fault}" +
            ("/power" if case.power else ""))


def judge(lab, case):
    """Runs CASE: (a list of broken rules, whether the fault was reached, the first exit code, how many
    pieces that were not verified were right on disk and were downloaded again)."""
    torrent, broken = lab.torrent, []
    lab.reset(case.scenario, case.allocation)
    verified = lab.on_disk()
    env = lab.disk.env((case.call, case.n, case.fault), case.power)
    code, complaint = lab.run(case.scenario, case.allocation, env)
    _, failed = lab.disk.read_counts()
    if complaint:
        broken.append(complaint)
    if code not in (*CODES, "stalled"):
        broken.append(f"the first run ended with {code}")
    if code == 0 and not torrent.is_in(lab.out):
        broken.append("exit status 0 without the content")
    if case.power:
        lab.disk.lose_power()
    right = lab.on_disk()
    verified |= lab.verified()
    lab.forget_requests()
    code_again, complaint = lab.run(case.scenario, case.allocation)
    if complaint:
        broken.append(f"with the fault gone, {complaint}")
    if code_again != 0:
        broken.append(f"with the fault gone, it ended with {code_again}")
    if not torrent.is_in(lab.out):
        broken.append("with the fault gone, the content is wrong or missing")
    again = lab.fetched_again() & right - lab.pieces_of(failed)
    if again & verified:
        broken.append(f"{len(again & verified)} verified pieces were downloaded again")
    return broken, failed is not None, code, len(again - verified)


def count(lab, scenario, allocation):
    """How often each call is made without a fault."""
    lab.reset(scenario, allocation)
    code, complaint = lab.run(scenario, allocation, lab.disk.env())
    if code != 0 or complaint or not lab.torrent.is_in(lab.out):
        sys.exit(f"{scenario}/{allocation} fails without a fault: {code} {complaint}")
    return lab.disk.read_counts()[0]


def cases_of(counts, scenario, allocation):
    return [Case(scenario, allocation, call, n, fault, power)
            for call, faults in FAULTS.items() if scenario != "saves" or call in POWER
            for n in range(1, counts[call] + 1)
            for fault in faults for power in (False, True)
            if not power or call in POWER and fault != "delay"]


class Table:
    """What the cases of each call have shown."""

    def __init__(self):
        self.rows = {}
        self.broken = []

    def add(self, case, broken, reached, code, again):
        row = self.rows.setdefault((case.scenario, case.allocation, case.call),
                                   collections.Counter())
        row["runs"] += 1
        row["n"] = max(row["n"], case.n)
        row["reached"] += reached
        row["failed"] += code not in (0, "stalled")
        row["stalled"] += code == "stalled"
        row["again"] += again
        row["broken"] += bool(broken)
        if broken:
            self.broken.append((case, broken))

    def show(self):
        print(f"{'scenario':9} {'allocation':10} {'call':10} {'last n':>6} {'runs':>5} {'reached':>7} "
              f"{'failed':>6} {'stalled':>7} {'again':>5} {'broken':>6}")
        for (scenario, allocation, call), row in sorted(self.rows.items()):
            print(f"{scenario:9} {allocation:10} {call:10} {row['n']:6} {row['runs']:5} "
                  f"{row['reached']:7} {row['failed']:6} {row['stalled']:7} {row['again']:5} {row['broken']:6}")
        for case, broken in sorted(self.broken):
            print(f"BROKEN {name_of(case)}: {'; '.join(broken)}")
        if self.broken:
            print(f"to repeat one: {pathlib.Path(sys.argv[0]).name} --only '{name_of(self.broken[0][0])}'")
        n = sum(row["runs"] for row in self.rows.values())
        print(f"{n} faults, {len(self.broken)} broke a rule")


def parse(args):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build-release")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="run one case of so many, by chance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="*")
    parser.add_argument("--list", action="store_true", help="print the cases, and run none")
    return parser.parse_args(args)


def main(args):
    o = parse(args)
    labs, local = [], threading.local()

    def lab():
        if not hasattr(local, "lab"):
            local.lab = Lab(o.build / "conjure", o.build / "tests/faults/faults.so")
            labs.append(local.lab)
        return local.lab

    table, chance = Table(), random.Random(o.seed)
    try:
        cases = [c for s in SCENARIOS for a in ALLOCATIONS
                 if fnmatch.fnmatch(f"{s}/{a}/x", o.only.split(":")[0].rsplit("/", 1)[0] + "/*") or
                 o.only.startswith("*")
                 for c in cases_of(count(lab(), s, a), s, a)]
        cases = [c for c in cases if fnmatch.fnmatch(name_of(c), o.only) and
                 not chance.randrange(o.every)]
        if o.list:
            print("\n".join(map(name_of, cases)))
            return 0
        with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
            for case, result in zip(cases, pool.map(lambda c: judge(lab(), c), cases)):
                table.add(case, *result)
                if result[0]:
                    print(f"BROKEN {name_of(case)}: {'; '.join(result[0])}", flush=True)
    finally:
        for each in labs:
            each.close()
    table.show()
    return 1 if table.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
