# SPDX-License-Identifier: MIT
"""The place of benchmarks of whole programs: a folder on /dev/shm with content to share, and the
running programs, each with a home folder of its own. Import it first: it finds tests/system/kit."""
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from kit import content  # noqa: E402
from kit.process import Program  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
CONJURE = HERE.parents[1] / "build" / "conjure"
LT_NODE = HERE.parent / "system" / "lt_node.py"


class Workshop:
    def __init__(self, conjure):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is taken down
        self.conjure = os.path.abspath(conjure)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-bench-", dir="/dev/shm"))
        self.logs = self.folder / "logs"
        self.programs = []
        self.n_homes = 0

    def remove(self):
        shutil.rmtree(self.folder)

    def make_content(self, mib, piece_kib, tracker):
        """A torrent of one file of random bytes, `seed/data.bin`."""
        source = self.folder / "seed"
        source.mkdir()
        with (source / "data.bin").open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(MIB))
        self.n_bytes = mib * MIB
        self.torrent = content.make_torrent(source, "data.bin", self.folder / "data.torrent",
                                            [tracker.url()], piece_kib * KIB)
        self.torrent.data = b""  # a GiB that nobody here reads again

    def make_home(self):
        self.n_homes += 1
        home = self.folder / f"home-{self.n_homes}"
        home.mkdir()
        return home

    def start(self, name, args, side, home=None):
        home = str(home or self.make_home())
        program = Program(name, args, self.logs, side=side, env={
            "HOME": home, "XDG_STATE_HOME": home + "/state", "XDG_CONFIG_HOME": home + "/config"})
        self.programs.append(program)
        return program

    def stop_all(self):
        for program in self.programs:
            if program.running():
                program.signal(signal.SIGINT)
        for program in self.programs:
            try:
                program.process.wait(5)
            except subprocess.TimeoutExpired:
                program.kill()
        self.programs.clear()


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else float("nan")
