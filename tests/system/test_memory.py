# SPDX-License-Identifier: MIT
"""The memory of data on its way is bounded for the whole process."""
from kit.content import MIB

N_SEEDS = 16
BOUND = 64 * MIB + 2 * N_SEEDS * MIB + 18 * MIB  # claim buffers, two for each seed, whole pieces
REST = 24 * MIB


def most_memory(pid):
    """The most memory that the process has had so far, in bytes."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0


def test_many_fast_seeds_do_not_fill_memory(world, out, figure):
    options = {"files": "single", "n_bytes": 240 * MIB, "piece_length": MIB}
    torrent = world.torrent(world.tracker().url(), **options)
    seeds = [world.seed(torrent, node=f"seed{i}") for i in range(N_SEEDS)]
    tracker = world.tracker()
    tracker.peers = [("127.0.0.1", seed.port) for seed in seeds]
    program = world.download(world.torrent(tracker.url(), **options), out)
    most = 0
    while program.running():
        most = max(most, most_memory(program.pid))
    program.expect_exit(0, 1)
    figure(f"{most >> 20} MiB at most with {N_SEEDS} fast seeds")
    assert 0 < most < BOUND + REST
