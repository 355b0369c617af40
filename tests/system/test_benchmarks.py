# SPDX-License-Identifier: MIT
"""The programs of tests/bench run and print their tables. The figures mean nothing at this size.
cold.py is left out because it needs /dev/fuse."""
import pathlib
import re
import subprocess

import pytest

from conftest import CONJURE

BENCH = pathlib.Path(__file__).parents[1] / "bench"


def run(program, *args):
    done = subprocess.run(["/usr/bin/python3", BENCH / program, *map(str, args),
                           "--conjure", CONJURE],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0 and "failed" not in done.stdout, done.stdout
    return done.stdout


def lines_of(name, text):
    return re.findall(rf"^{name} .*$", text, re.M)


@pytest.mark.parametrize("client", ["conjure", "libtorrent"])
def test_bench_py_runs(client):
    output = run("bench.py", "--clients", client, "--runs", 1, "--mib", 4, "--piece-kib", 256,
               "--rounds", 2, "--conns", "1,3")
    download, one, three, recheck, latency = lines_of(client, output)
    assert all(" 1/1 " in line for line in (download, one, three)), output
    assert re.search(r" \d+\.\d\d s ", recheck) and re.search(r" \d+\.\d\d ms ", latency), output


def test_swarm_py_runs():
    output = run("swarm.py", "seeder-4M", "--clients", "conjure", "--runs", 1, "--leechers", 2,
               "--mib", 4)
    line, = lines_of("conjure", output)
    assert " 1/1 " in line, output


def test_idle_py_runs():
    output = run("idle.py", "--clients", "conjure", "--steps", "10,60", "--seconds", 1)
    few, many, slope = lines_of("conjure", output)
    assert "10 stay" in few and "60 stay" in many and "for each connection" in slope, output


def test_start_py_runs():
    output = run("start.py", "conjure", "--torrents", 10, "--files", 2, "--runs", 1)
    line, = lines_of("conjure", output)
    assert "nan" not in line, output
