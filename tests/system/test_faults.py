# SPDX-License-Identifier: MIT
"""A disk that fails, at a sample of the calls of tests/faults/run.py, and kill -9 with a loss of power."""
import pathlib
import random
import sys

import pytest

from conftest import CONJURE, ROOT

sys.path.insert(0, str(ROOT / "tests" / "faults"))

import kills  # noqa: E402
import run  # noqa: E402
from lab import ALLOCATIONS, Lab  # noqa: E402

LIBRARY = pathlib.Path(CONJURE).parent / "tests" / "faults" / "faults.so"
SAMPLE = 8  # of each scenario


@pytest.fixture(scope="module")
def lab():
    if not LIBRARY.exists():
        pytest.skip(f"{LIBRARY} is not built")
    lab = Lab(CONJURE, LIBRARY)
    yield lab
    lab.close()


@pytest.mark.parametrize("scenario", ("download", "recheck", "resume", "seeding"))
def test_a_fault_of_the_disk_costs_nothing_once_it_is_gone(lab, scenario):
    """The seed is fixed: a case that fails here fails again by its name, run.py --only NAME."""
    chance = random.Random(scenario)
    cases = [c for a in ALLOCATIONS for c in run.cases_of(run.count(lab, scenario, a), scenario, a)
             if c.fault != "delay"]
    # The few calls that change what the disk has would be rare in a sample of all.
    few = [c for c in cases if c.call in ("fsync", "rename")]
    broken = {}
    for case in chance.sample(few, SAMPLE // 2) + chance.sample(cases, SAMPLE // 2):
        rules, *_ = run.judge(lab, case)
        if rules:
            broken[run.name_of(case)] = rules
    assert not broken


@pytest.mark.parametrize("n", (1, 2, 3))
def test_a_sync_that_failed_is_not_forgotten(lab, n):
    """It fails in a save during the download; the syncs of later saves succeed, but the pages are lost
    for good, as the power failure shows."""
    case = run.Case("saves", "sparse", "fsync", n, "EIO", True)
    broken, reached, *_ = run.judge(lab, case)
    assert reached and not broken


def test_kill_9_with_a_loss_of_power_costs_what_was_not_saved(lab):
    chance = random.Random(1)
    for i in range(9):
        kill = kills.Kill(ALLOCATIONS[i % 3], "many", ("save", "shutdown", "end")[i // 3], True,
                          chance.random())
        _, _, _, wrong, code = kills.run(lab, kill)
        assert (code, wrong) == (0, 0), kill
    lab.peer.rate = None
