#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills downloads by kill -9 at random moments, and starts them again.

usage: kills.py [--build BUILD] [--kills N] [--jobs N] [--seed N]

The moments: in a download, when all but a few pieces are here, in the shutdown, in a check, soon after a
save, and after its end; saves are a second apart. After half of the kills the power fails, too: what was not synced is lost,
while sizes and times stay (disk.py). The next start must end with status 0 and all of the content. The
table has, for each kind of kill: how many pieces the next start has hashed again, how many pieces were
right on disk and were downloaded again (lost), and how many were wrong at the end.
"""
import argparse
import collections
import concurrent.futures
import pathlib
import random
import re
import signal
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lab import ALLOCATIONS, PIECE_LENGTH, N_PIECES, Lab  # noqa: E402

LAYOUTS = ("many", "single")
MOMENTS = ("download", "endgame", "shutdown", "check", "save", "end")
SECONDS = 2.2  # of a download
Kill = collections.namedtuple("Kill", "allocation layout moment power chance")


def wait_for(true, seconds):
    """Whether TRUE() became true."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if true():
            return True
        pause.wait(0.002)
    return False


def saved_ns(lab):
    return max((p.stat().st_mtime_ns for p in lab.state.rglob("*.resume*")), default=0)


def wait_for_moment(lab, kill, program, served):
    """Returns at the moment of the kill; the program may have ended by then."""
    part = {"endgame": 0.93, "shutdown": 0.3}.get(kill.moment, 0)
    wait_for(lambda: lab.peer.served - served >= part * PIECE_LENGTH * N_PIECES or
             not program.running(), 10)
    if kill.moment == "end":
        lab.end(program)
        return
    if kill.moment == "save":
        wait_for(lambda: saved_ns(lab) or not program.running(), 10)
    span = {"download": SECONDS, "endgame": 0.3, "shutdown": 0.03, "check": 0.1, "save": 0.02}
    if kill.moment == "shutdown":
        program.signal(signal.SIGTERM)
    threading.Event().wait(kill.chance * span[kill.moment])


def run(lab, kill):
    """Kills a download: (whether it still ran, pieces hashed again, lost, wrong, the exit code)."""
    lab.reset("recheck" if kill.moment == "check" else "download", kill.allocation)
    lab.peer.rate = PIECE_LENGTH * N_PIECES / SECONDS
    served = lab.peer.served
    extra = ("--check-integrity",) if kill.moment == "check" else ()
    program = lab.start_download(f"--allocation={kill.allocation}", "--save-interval=1", *extra,
                                 env=lab.disk.env(forgets=kill.power))
    wait_for_moment(lab, kill, program, served)
    running = program.running()
    program.kill()
    if kill.power:
        lab.disk.lose_power()
    right = lab.on_disk()
    lab.peer.rate = None
    lab.forget_requests()
    program = lab.start_download(f"--allocation={kill.allocation}", "-v")
    code = lab.end(program)
    found = re.search(r"checking the doubtful pieces on disk: (\d+)", program.log())
    lost = len(lab.fetched_again() & right)
    wrong = lab.torrent.n_pieces - len(lab.torrent.intact(lab.out))
    return running, int(found[1]) if found else 0, lost, wrong, code


def main(args):
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build-release")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args(args)
    chance = random.Random(o.seed)
    kills = [Kill(ALLOCATIONS[i % 3], LAYOUTS[i // 3 % 2], MOMENTS[i // 6 % 6], i // 36 % 2 == 1,
                  chance.random()) for i in range(o.kills)]
    labs, local = [], threading.local()

    def lab(layout):
        if not hasattr(local, layout):
            files = {"files": [("content", PIECE_LENGTH * N_PIECES - 77)]} if layout == "single" else {}
            made = Lab(o.build / "conjure", o.build / "tests/faults/faults.so", **files)
            labs.append(made)
            setattr(local, layout, made)
        return getattr(local, layout)

    rows, n_bad = {}, 0
    try:
        with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
            for kill, (running, hashed, lost, wrong, code) in zip(
                    kills, pool.map(lambda k: run(lab(k.layout), k), kills)):
                row = rows.setdefault((kill.moment, kill.allocation, kill.power),
                                      collections.Counter())
                row.update(kills=1, running=running, hashed=hashed, lost=lost, wrong=wrong,
                           bad=code != 0)
                if code or wrong or lost:
                    n_bad += bool(code or wrong)
                    print(f"{'BROKEN' if code or wrong else 'lost'}: {kill}: exit status {code}, "
                          f"{wrong} wrong, {lost} lost", flush=True)
    finally:
        for each in labs:
            each.close()
    print(f"{'moment':9} {'allocation':10} {'power':5} {'kills':>5} {'running':>7} {'hashed':>6} "
          f"{'lost':>5} {'wrong':>5}   (pieces, of {N_PIECES} in a download)")
    total = collections.Counter()
    for (moment, allocation, power), row in sorted(rows.items()):
        total += row
        print(f"{moment:9} {allocation:10} {'lost' if power else 'kept':5} {row['kills']:5} "
              f"{row['running']:7} {row['hashed']:6} {row['lost']:5} {row['wrong']:5}")
    print(f"{total['kills']} kills ({total['running']} while it ran): {total['hashed']} pieces hashed "
          f"again, {total['lost']} lost, {total['wrong']} wrong, {total['bad']} starts that failed")
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
