# SPDX-License-Identifier: MIT
"""Fixtures of the system tests. `world` belongs to one test: a folder, a network
namespace, and the programs, peers and trackers that the test started. All of them end with it."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from kit import content, net  # noqa: E402
from kit.barepeer import BarePeer, greets  # noqa: E402
from kit.content import KIB, MIB  # noqa: E402
from kit.process import Program  # noqa: E402
from kit.trackers import FixedTracker  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONJURE = os.path.abspath(os.environ.get("CONJURE", ROOT / "build" / "conjure"))

# Programs that we start inherit an ignored SIGHUP (nohup), but the default action of a handled one.
signal.signal(signal.SIGHUP, lambda number, frame: None)


class World:
    def __init__(self, folder):
        self.folder = folder
        self.logs = folder / "logs"
        self.programs, self.closers = [], []

    def start(self, name, args, **options):
        program = Program(name, args, self.logs, **options)
        self.programs.append(program)
        return program

    def environment(self, node):
        """HOME and the XDG folders for one conjure, below the world's folder."""
        home = self.folder / f"home-{node}"
        home.mkdir(exist_ok=True)
        return {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"),
                "XDG_CONFIG_HOME": str(home / "config"), "XDG_RUNTIME_DIR": str(home)}

    def conjure(self, *args, node="conjure", side=None, **options):
        """Starts conjure ARGS. Nodes of the same name share resume data, like runs of one user."""
        return self.start(node, [CONJURE, *args], env=self.environment(node), side=side, **options)

    def download(self, torrent, out, *args, node="conjure", side=None, port=None):
        """Starts a download of TORRENT to OUT."""
        port = port or (side or net.Loopback.left).port()
        return self.conjure("-o", out, "-p", port, *args, torrent.path, node=node, side=side)

    def seed(self, torrent, *args, node="seeder", side=None, port=None):
        """Starts conjure seeding TORRENT from its source folder, and waits until it answers a
        handshake."""
        at = side or net.Loopback.left
        port = port or at.port()
        program = self.conjure("-d", "--foreground", "-o", torrent.source, "-p", port, *args,
                               torrent.path, node=node, side=side)
        program.port = port
        program.wait_until(lambda: at.call(lambda: greets(at.ip, port, torrent)), 20,
                           "the seeder greets")
        return program

    def conjure_tracker(self, port):
        """`conjure tracker` on loopback, ready."""
        program = self.conjure("tracker", "-p", port, node="tracker")
        program.wait_until(lambda: net.listens(port), 20, "conjure tracker listens")
        return program

    def run(self, *args, node="conjure", seconds=30, **options):
        """Runs conjure ARGS to its end: (exit code, stdout, stderr)."""
        done = subprocess.run([CONJURE, *map(str, args)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=seconds,
                              env={**os.environ, **self.environment(node)}, **options)
        return done.returncode, done.stdout, done.stderr

    def run_as_nobody(self, *args, **options):
        """As run, but by the user nobody, from a copy that this user may execute; for a public
        world."""
        program = self.folder / "conjure"
        if not program.exists():
            shutil.copy(CONJURE, program)
            program.chmod(0o755)
        home = self.folder / "home-conjure"
        home.mkdir(exist_ok=True)
        os.chown(home, 65534, 65534)
        return self.run(*args, user=65534, group=65534, extra_groups=[], executable=program,
                        **options)

    def peer(self, torrent, **options):
        return self.closing(BarePeer(torrent, **options))

    def tracker(self, *peers, **options):
        """A tracker that names PEERS (bare peers, or addresses)."""
        addresses = [getattr(p, "address", p) for p in peers]
        return self.closing(FixedTracker(addresses, **options))

    def closing(self, thing):
        self.closers.append(thing)
        return thing

    def make_folder(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder

    def torrent(self, *trackers, n_bytes=8 * MIB, name="content", seed=1, files=None, **options):
        """A torrent of odd_files (or of FILES: pairs of name and size); its content is in the
        world's folder "seed-NAME"."""
        source = self.folder / f"seed-{name}"
        if not source.exists():
            source.mkdir()
            if files == "single":
                content.write_files(source, [(name, n_bytes)], seed)
            else:
                content.write_files(source / name, files or content.odd_files(n_bytes), seed)
        return content.make_torrent(source, name, self.folder / f"{name}.torrent", list(trackers),
                                    **{"piece_length": 256 * KIB, **options})

    def close(self):
        """Ends all programs that this test started; safe twice."""
        while self.programs:
            self.programs.pop().kill()
        while self.closers:
            self.closers.pop().close()


def pytest_configure(config):
    # At SIGTERM pytest must still remove namespaces and mounts.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures know whether the test has passed."""
    outcome = yield
    if call.when == "call":
        item.passed = outcome.get_result().passed


@pytest.fixture
def world(tmp_path, request):
    world = World(tmp_path)
    with net.own_namespace():
        yield world
        world.close()
    if getattr(request.node, "passed", False):
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def public_world(world):
    """A world that other users may read: pytest's own folders are private."""
    folder = pathlib.Path("/tmp") / f"conjure-test-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    folder.chmod(0o755)
    world.folder = folder
    world.logs = folder / "logs"
    yield world
    world.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def pair():
    """Two hosts, each a network namespace, joined by a veth pair."""
    pair = net.Pair()
    try:
        pair.make()
        yield pair
    finally:
        pair.remove()


@pytest.fixture
def out(world):
    """The download folder."""
    return world.make_folder("out")


FIGURES = []


@pytest.fixture
def figure():
    """Records a measured figure, to be printed at the end."""
    return FIGURES.append


def pytest_terminal_summary(terminalreporter):
    for line in FIGURES:
        terminalreporter.write_line(f"figure: {line}")
