# SPDX-License-Identifier: MIT
"""A short part of tests/hostile/flood.py: floods of messages cost a conjure that seeds neither memory nor
its honest peers. Times are measured by scripts/flood, on a machine that does nothing else."""
import sys

import pytest

from conftest import CONJURE, ROOT

sys.path.insert(0, str(ROOT / "tests" / "hostile"))

import flood  # noqa: E402
from target import Honest, Idlers, Target  # noqa: E402

N_PIECES, N_IDLERS, SECONDS = 20_000, 100, 1.0
MESSAGES = ("keep-alive", "choke", "have", "cancel", "reject", "port", "suggest", "allowed-fast", "piece",
            "unknown", "half")


@pytest.fixture(scope="module")
def attacked():
    target = Target(CONJURE, "seeding", N_PIECES)
    idlers = Idlers(target, N_IDLERS)
    honest = Honest(target, flood.HONEST)
    honest.measure(1)
    yield target, honest
    honest.close()
    idlers.close()
    target.close()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_flood_costs_no_memory_and_no_honest_peer(attacked, figure, name):
    target, honest = attacked
    figures = flood.measure(target, honest, name, flood.MESSAGES[name](N_PIECES), True, SECONDS)
    figure(f"a flood of {name}: {figures['rss'] / 2**20:.1f} MiB, newcomer "
           f"{1000 * figures['handshake']:.0f} ms, honest peer {100 * figures['share']:.0f} %")
    assert target.program.running() and not honest.closed
    assert figures["rss"] <= flood.RSS_MAX
    assert figures["share"] > 0.2, "the honest peer starves"  # a busy machine slows all down
