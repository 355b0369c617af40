#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two daemons under load, minute by minute, with bounds on the growth of what they use.

usage, as root: soak.py --build FOLDER [--sanitized] [--leechers N] [--seed N] [MINUTES]

FOLDER has conjure and soakpeers (scripts/soak builds them). Both daemons seed the same torrents, each
from content of its own:
  brief  runs with --foreground and is killed (kill -9) at the end of each minute, under load
  long   runs in the background, with a pid file and syslog, and is never killed

A minute is 40 s of load: bare leechers (soakpeers.c; 200 of them, half with each daemon); libtorrent,
conjure and transmission download whole torrents; torrents and other files are put into --torrents-dir
and removed; SIGHUP with other settings or a wrong line; SIGUSR1; a tracker that stops for a while.
Then all leechers disconnect, and after ten quiet seconds descriptors, threads and memory are recorded.
Then there is load again, a new torrent that brief downloads from long, and the kill.

The run checks: every byte that a leecher received; every whole download; that brief hashes nothing again
after a kill, and fetches its missing pieces; reactions to the signals; every log line of the level
warning or above that the run did not provoke; descriptors (without the pool of content files) and threads
at rest, which must be those of the first minute; memory at rest, see below; and that both exit with 0 at
SIGTERM. The exit status is 0 when all of these hold.

Memory of long, without its first two minutes: the slope of a line through the bytes in use, as logged
after SIGUSR1, must be below IN_USE_KIB a minute. This finds leaks. glibc counts memory in a thread's own
cache of freed blocks as used, and these caches fill for up to an hour; so this daemon runs without
them. The heap (Pss_Anon) grows by about a MiB when more happens at one time than ever before, and
stays so; its slope must be below HEAP_KIB, which three such steps in ten minutes do not reach. brief has
downloaded something before each measurement. Neither may ever have more than REST_KIB.
"""
import argparse
import collections
import ctypes
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from kit import clients, content, net  # noqa: E402
from kit.content import KIB, MIB  # noqa: E402
from kit.process import Program  # noqa: E402
from kit.trackers import FixedTracker  # noqa: E402
from kit.wait import NotInTime, wait_until  # noqa: E402

LOAD_S, QUIET_S, MINUTE_S = 38, 10, 60
IN_USE_KIB, HEAP_KIB = 4, 512  # a minute
REST_KIB = 24 * 1024  # with what is kept of a download's buffers; at its peak that has 44 MiB
REST_DESCRIPTORS = 3  # libcurl keeps some connections to trackers for a while
TRACKER_PORT = 6969
# MiB of each torrent. Those of SPARE are added and removed, and those of BASE except the first ones.
N_STEADY = 12
BASE = (64, 40, 32, 32, 24, 16, 16, 16, 12, 8, 8, 8, 6, 5, 4, 4, 4, 3, 2, 2, 2, 1, 1, 1)
SPARE = (16, 8, 8, 4, 4, 2, 1, 1)
FETCHED_MIB = 24
PIECES_KIB = (16, 32, 64, 128, 256, 512, 1024)
# Settings at the beginning of a minute. Without a limit, loopback traffic would use all CPU time.
USUAL = "max-upload-limit = 200M\n"
# Log lines that this run provokes.
EXPECTED = re.compile(r"tracker 10\.91\.0\.1|/soak\.conf:\d+: |no setting was changed|"
                      r"/broken[^/]*\.torrent: ignored: |connections at most: the limit of open files")
PR_SET_CHILD_SUBREAPER = 36


class Soak:
    def __init__(self, options):
        self.options = options
        self.conjure = options.build / "conjure"
        self.random = random.Random(options.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conjure-soak-", dir="/dev/shm"))
        self.logs = options.build / "soak-logs"
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir()
        self.house = net.House()
        self.programs, self.daemons, self.reals = [], [], []
        self.last_port = 30000
        self.tracker = None
        self.passed, self.failed = 0, 0
        self.real_done = collections.Counter()
        self.started = time.monotonic()

    # --- judging

    def judge(self, true, what):
        """Counts a check, and prints WHAT when TRUE is false. Returns TRUE."""
        if true:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)
        return true

    def within(self, seconds, true, what):
        try:
            wait_until(true, seconds, what)
        except NotInTime:
            return self.judge(False, f"not within {seconds} s: {what}")
        return self.judge(True, what)

    # --- torrents and trackers

    def start(self, name, args, **options):
        program = Program(name, args, self.logs, side=self.house, **options)
        self.programs.append(program)
        return program

    def address(self):
        self.last_port += 1
        return self.house.ip, self.last_port

    def open_tracker(self):
        self.tracker = self.house.call(lambda: FixedTracker(
            host=self.house.ip, port=TRACKER_PORT, interval=20, answer=self.answer))
        self.tracker.peers = [d.address for d in self.daemons]

    def answer(self, query):
        """All peers. The queries are ignored."""
        self.tracker.queries.clear()
        self.tracker.peers = [d.address for d in self.daemons] + [r.address for r in self.reals]
        return self.tracker.usual_answer(query)

    def close_tracker(self):
        if self.tracker:
            self.tracker.close()
        self.tracker = None

    def make_torrent(self, name, mib, folder):
        """A torrent, its content in FOLDER, and a copy as one file for comparisons."""
        if self.random.random() < 0.4:
            content.write_files(folder / name, content.odd_files(mib * MIB), self.random.randrange(10**6))
        else:
            content.write_files(folder, [(name, mib * MIB)], self.random.randrange(10**6))
        piece = self.random.choice(PIECES_KIB) * KIB
        torrent = content.make_torrent(folder, name, self.folder / "torrents" / f"{name}.torrent",
                                       [f"http://{self.house.ip}:{TRACKER_PORT}/announce"], piece)
        torrent.flat = self.folder / "flat" / name
        torrent.flat.write_bytes(torrent.data)
        return torrent

    def set_up(self):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # of the daemon in the background
        self.house.make()
        for name in ("torrents", "flat", "content"):
            (self.folder / name).mkdir()
        self.base = [self.make_torrent(f"base {i}", n, self.folder / "content")
                     for i, n in enumerate(BASE)]
        self.spare = [self.make_torrent(f"spare {i}", n, self.folder / "content")
                      for i, n in enumerate(SPARE)]
        self.brief, self.long = BriefDaemon(self, "brief"), LongDaemon(self, "long")
        self.daemons = [self.brief, self.long]
        shutil.rmtree(self.folder / "content")
        self.open_tracker()
        for daemon in self.daemons:
            daemon.start()
            for torrent in self.base + self.spare:
                daemon.wait_until_serving(torrent)
            daemon.stop()  # now there are resume data of everything
            daemon.start()
            daemon.peers = self.start_peers(daemon)

    def start_peers(self, daemon):
        peers = BarePeers(self, daemon)
        for torrent in self.base + self.spare:
            peers.add(torrent)
        return peers

    def take_down(self):
        for program in self.programs:
            program.kill()
        pids = subprocess.run(["ip", "netns", "pids", self.house.namespace], capture_output=True,
                              text=True).stdout.split()
        for pid in map(int, pids):  # the daemon in the background, if we end early
            os.kill(pid, signal.SIGKILL)
        for daemon in self.daemons:
            daemon.close()
        self.close_tracker()
        self.house.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- a minute

    def run(self):
        print(f"{self.options.leechers} bare leechers, {len(BASE)} torrents and {len(SPARE)} that come "
              f"and go, {self.options.minutes} minutes, seed {self.options.seed}", flush=True)
        self.set_up()
        print(f"set up in {time.monotonic() - self.started:.0f} s", flush=True)
        fetched = None
        for minute in range(1, self.options.minutes + 1):
            begin = time.monotonic()
            self.load(begin)
            self.rest(fetched)
            self.report(minute)
            fetched = self.load_again(minute, begin)
            self.brief.kill()
            self.brief.start()
            self.judge(not self.brief.hashed(fetched), "after kill -9 nothing is hashed again, but: "
                       f"{self.brief.hashed(fetched)}")
        self.rest(fetched)
        self.judge_end()

    def want(self, n):
        for daemon in self.daemons:
            daemon.peers.send(f"want {n // len(self.daemons)}")

    def load(self, begin):
        r = self.random
        events = [(14, self.close_tracker), (26, self.open_tracker)]
        for at in (1, 4, 8, 28, 30):
            events.append((at, self.start_real))
        for daemon in self.daemons:
            events += [(r.uniform(2, LOAD_S), daemon.sighup) for _ in range(4)]
            events += [(r.uniform(2, LOAD_S), daemon.sighup_wrong) for _ in range(1)]
            events += [(r.uniform(2, LOAD_S), daemon.sigusr1) for _ in range(2)]
            events += [(r.uniform(1, LOAD_S), daemon.move_a_torrent) for _ in range(12)]
            events += [(r.uniform(1, LOAD_S), daemon.put_invalid_file)]
        self.want(self.options.leechers)
        for at, event in sorted(events, key=lambda e: e[0]):
            self.wait_for(begin + at)
            event()
        self.wait_for(begin + LOAD_S)

    def wait_for(self, when):
        """Waits until WHEN; meanwhile checks all programs that run."""
        while True:
            self.look_after()
            if time.monotonic() >= when:
                return
            time.sleep(min(0.1, max(0, when - time.monotonic())))

    def look_after(self):
        for daemon in self.daemons:
            if not daemon.runs():
                raise AssertionError(f"{daemon.name} ended by itself; its log:\n{daemon.tail()}")
            if not daemon.peers.program.running():
                raise AssertionError(f"soakpeers ended:\n{daemon.peers.program.log()[-2000:]}")
        for real in [r for r in self.reals if r.is_done()]:
            self.finish(real)

    def finish(self, real):
        self.reals.remove(real)
        if self.judge(real.is_right(), f"{real.make} did not download {real.torrent.name} "
                      f"correctly; its log:\n{real.program.log()[-1500:]}"):
            self.real_done[real.make] += 1
        real.close()

    def start_real(self):
        make = ("libtorrent", "conjure", "transmission")[self.n_reals % 3]
        self.n_reals += 1
        torrents = [t for t in self.base[:N_STEADY] if len(t.data) <= 16 * MIB]
        self.reals.append(Real(self, make, self.random.choice(torrents)))

    n_reals = 0

    def rest(self, fetched):
        """Ends all leechers, restores the first settings and torrents, and waits until nothing moves."""
        for daemon in self.daemons:
            daemon.back_to_base()
        self.want(0)
        for real in self.reals:
            if real.make == "transmission":
                real.start()  # a refused Transmission waits for minutes before it retries
        deadline = time.monotonic() + 60
        while self.reals and time.monotonic() < deadline:
            self.wait_for(time.monotonic() + 0.1)
        for real in list(self.reals):
            self.finish(real)
        if fetched:
            self.within(60, lambda: fetched.is_in(self.brief.content),
                        f"brief has fetched {fetched.name} from long")
            for daemon in self.daemons:
                daemon.take(fetched)
        self.within(30, lambda: not self.n_connections(), "all connections to the daemons are closed")
        self.wait_for(time.monotonic() + QUIET_S)
        for daemon in self.daemons:
            daemon.measure()
            daemon.judge_log()

    def n_connections(self):
        """The number of established connections to the daemons' ports."""
        ports = {d.address[1] for d in self.daemons}

        def count():
            n = 0
            for table in ("tcp", "tcp6"):
                with open(f"/proc/thread-self/net/{table}", encoding="ascii") as lines:
                    for line in list(lines)[1:]:
                        fields = line.split()
                        near, far = (int(fields[i].rsplit(":", 1)[1], 16) for i in (1, 2))
                        n += fields[3] == "01" and (near in ports or far in ports)
            return n
        return self.house.call(count)

    def load_again(self, minute, begin):
        """Load until the end of the minute. Returns the torrent that brief downloads at the end."""
        self.want(self.options.leechers)
        self.long.configure("max-upload-limit = 6M\n")
        fetched = self.make_torrent(f"fetched {minute}", FETCHED_MIB, self.long.content)
        self.long.put(fetched)
        self.wait_for(max(begin + MINUTE_S - 3, time.monotonic() + 3))
        self.brief.put(fetched)
        self.wait_for(time.monotonic() + 3)
        return fetched

    # --- logs

    def report(self, minute):
        total = collections.Counter()
        for daemon in self.daemons:
            total.update(daemon.peers.stats())
        self.judge(not total["wrong"], f"{total['wrong']} blocks were wrong")
        print(f"minute {minute} ({time.monotonic() - self.started:.0f} s): {total['bytes'] >> 20} MiB "
              f"compared, {total['wrong']} blocks wrong; {total['connections']} connections, "
              f"{total['resets']} reset, {total['rude']} rude; whole downloads "
              f"{dict(self.real_done)}; {self.brief.n_starts - 2} restarts", flush=True)
        for daemon in self.daemons:
            print(f"  {daemon.name:5} {daemon.rests[-1]}, {daemon.n_expected} warnings as expected",
                  flush=True)
            daemon.judge_rest()

    def judge_end(self):
        for make in ("libtorrent", "conjure", "transmission"):
            self.judge(self.real_done[make], f"{make} has downloaded something")
        if not self.options.sanitized:
            self.judge_memory()
        for daemon in self.daemons:
            code = daemon.stop()
            self.judge(code == 0, f"{daemon.name} ended with {code} after SIGTERM; its log:\n"
                       f"{daemon.tail()}")
            daemon.judge_log()
        text = "".join(p.read_text(errors="replace") for p in self.logs.iterdir()
                       if p.name.startswith(("brief", "sanitizer")))
        self.judge("Sanitizer" not in text and "runtime error" not in text,
                   f"a sanitizer reported an error, see {self.logs}")

    def judge_memory(self):
        for daemon in self.daemons:
            most = max(r.anon_kib for r in daemon.rests)
            self.judge(most <= REST_KIB, f"{daemon.name} had {most} KiB at rest")
        rests = self.long.rests[2:]
        if len(rests) < 4:
            return
        in_use = slope_of([(r.minute, r.in_use_kib) for r in rests])
        heap = slope_of([(r.minute, r.anon_kib) for r in rests])
        print(f"a minute, the daemon that lives has {in_use:.1f} KiB more in use (at most {IN_USE_KIB}), "
              f"and its heap is {heap:.0f} KiB larger (at most {HEAP_KIB})")
        self.judge(in_use <= IN_USE_KIB and heap <= HEAP_KIB, "memory grows")


def slope_of(points):
    """The slope of the line through POINTS, by least squares."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    return (sum((x - mean_x) * (y - mean_y) for x, y in points)
            / sum((x - mean_x) ** 2 for x, _ in points))


class Rest:
    """The resources of a process at rest."""

    def __init__(self, pid, content_folder, minute, in_use_kib):
        self.minute, self.in_use_kib = minute, in_use_kib
        links = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except FileNotFoundError:
                pass
        self.n_files = sum(link.startswith(str(content_folder)) for link in links)
        self.links = sorted(re.sub(r"\d+", "N", link) for link in links
                            if not link.startswith(str(content_folder)))
        self.n_others = len(self.links)
        self.threads = []
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                self.threads.append((task / "comm").read_text().strip())
            except OSError:  # it has just ended
                pass
        self.anon_kib = self.rss_kib = 0
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("Pss_Anon:"):
                    self.anon_kib = int(line.split()[1])
                if line.startswith("Rss:"):
                    self.rss_kib = int(line.split()[1])

    def n_checkers(self):
        return sum(t.startswith("check ") for t in self.threads)

    def __str__(self):
        return (f"{self.n_others} descriptors and {self.n_files} of content, {len(self.threads)} threads, "
                f"{self.in_use_kib} KiB in use, Pss_Anon {self.anon_kib} KiB, Rss {self.rss_kib} KiB")


class Daemon:
    def __init__(self, soak, name):
        self.soak, self.name = soak, name
        self.address = soak.address()
        self.folder = soak.folder / name
        self.content, self.watched = self.folder / "content", self.folder / "watched"
        self.state, self.config = self.folder / "state", self.folder / "soak.conf"
        shutil.copytree(soak.folder / "content", self.content)
        self.watched.mkdir()
        self.away = []
        for torrent in soak.base + soak.spare:
            self.put(torrent)
        self.configure(USUAL, tell=False)
        self.peers = None
        self.rests = []
        self.n_starts = self.n_expected = self.n_judged = 0

    def args(self):
        return [self.soak.conjure, "-d", "-v", "--config", self.config, "--state-dir", self.state,
                "--torrents-dir", self.watched, "-o", self.content, "-p", self.address[1]]

    def env(self):
        return {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config"),
                "ASAN_OPTIONS": "quarantine_size_mb=16:detect_stack_use_after_return=1:log_path="
                                f"{self.soak.logs}/sanitizer-{self.name}",
                "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}

    def tail(self):
        return "\n".join(f"{level} {text}" for level, text in self.log_lines()[-40:])

    def count(self, *words):
        return sum(all(w in text for w in words) for _, text in self.log_lines())

    def wait_until_serving(self, torrent):
        wait_until(lambda: self.count(f": {torrent.name}: seeding, "), 60,
                   f"{self.name} seeds {torrent.name}")

    # --- adding and removing torrents

    def put(self, torrent):
        beside = self.watched / ".beside"
        shutil.copy(torrent.path, beside)
        beside.rename(self.watched / torrent.path.name)

    def take(self, torrent):
        (self.watched / torrent.path.name).unlink(missing_ok=True)

    def move_a_torrent(self):
        """Removes a torrent, or adds one again."""
        r = self.soak.random
        if self.away and r.random() < 0.5:
            torrent = self.away.pop(r.randrange(len(self.away)))
            self.put(torrent)
            self.peers.add(torrent)
        else:
            there = [t for t in self.soak.spare + self.soak.base[N_STEADY:] if t not in self.away]
            torrent = r.choice(there)
            self.away.append(torrent)
            self.peers.remove(torrent)
            self.take(torrent)

    def back_to_base(self):
        while self.away:
            torrent = self.away.pop()
            self.put(torrent)
            self.peers.add(torrent)
        for path in self.watched.glob("broken*"):
            path.unlink()
        self.configure(USUAL)

    def put_invalid_file(self):
        r = self.soak.random
        whole = r.choice(self.soak.base).path.read_bytes()
        invalid = [b"", r.randbytes(3000), whole[:r.randrange(len(whole))],
                   whole.replace(b"6:pieces", b"6:pisces")]
        (self.watched / f"broken {r.randrange(5)}.torrent").write_bytes(r.choice(invalid))

    # --- settings

    def configure(self, text, tell=True):
        """Writes the configuration file, and sends SIGHUP."""
        self.config.write_text(text)
        if tell:
            before = self.count("soak.conf: reloaded")
            self.signal(signal.SIGHUP)
            self.soak.within(10, lambda: self.count("soak.conf: reloaded") > before,
                             f"{self.name} logs that it has reloaded its configuration")

    def sighup(self):
        r = self.soak.random
        name = r.choice(self.soak.base).name
        self.configure(f"max-upload-limit = {r.choice(['0', '4M', '20M', '100M', '300M'])}\n"
                       f"max-download-limit = {r.choice(['0', '10M', '1G'])}\n"
                       f"max-peers = {r.choice([50, 150, 1000, 20000])}\n"
                       f"limit-lan = {r.choice(['yes', 'yes', 'no'])}\n"
                       f"[{name}]\nmax-upload-limit = {r.choice(['0', '512K', '5M'])}\n")

    def sighup_wrong(self):
        before = self.count("no setting was changed")
        self.config.write_text(f"max-upload-limit = 1M\n{self.soak.random.choice(WRONG)}\n")
        self.signal(signal.SIGHUP)
        self.soak.within(10, lambda: self.count("no setting was changed") > before,
                         f"{self.name} refuses a wrong configuration")

    def sigusr1(self):
        before = self.count("of all time: uploaded")
        self.signal(signal.SIGUSR1)
        self.soak.within(10, lambda: self.count("of all time: uploaded") > before,
                         f"{self.name} logs a summary")

    def signal(self, number):
        os.kill(self.pid, number)

    # --- judging

    def measure(self):
        self.sigusr1()
        in_use = [text for _, text in self.log_lines() if ": memory: " in text][-1]
        self.rests.append(Rest(self.pid, self.content, (time.monotonic() - self.soak.started) / 60,
                               int(re.search(r"memory: (\d+) KiB in use", in_use)[1])))
        # For an analysis of growth.
        maps = self.soak.logs / f"smaps-{self.name}-{len(self.rests)}"
        maps.write_bytes(pathlib.Path(f"/proc/{self.pid}/smaps").read_bytes())

    def judge_rest(self):
        if len(self.rests) < 2:
            return
        before, rest = self.rests[0], self.rests[-1]
        judge = self.soak.judge
        more, threads = (collections.Counter(now) - collections.Counter(then) for now, then in (
            (rest.links, before.links), (rest.threads, before.threads)))
        judge(rest.n_others <= before.n_others + REST_DESCRIPTORS,
              f"{self.name} has more descriptors open than at first: {dict(more)}")
        # The threads of checks are a pool, one for each core, which starts with the first check.
        judge(all(re.fullmatch(r"check \d+", t) for t in threads.elements())
              and rest.n_checkers() <= os.cpu_count(),
              f"{self.name} has more threads than at first: {dict(threads)}")

    def judge_log(self):
        """Warnings and worse since the last time."""
        lines = self.log_lines()
        strange = collections.Counter()
        for level, text in lines[self.n_judged:]:
            if level in ("warning", "err", "crit", "alert", "emerg"):
                if EXPECTED.search(text):
                    self.n_expected += 1
                else:
                    strange[f"{level} {text}"] += 1
        self.n_judged = len(lines)
        self.soak.judge(not strange, f"{self.name} logged warnings that no test provoked: "
                        + "; ".join(f"{n} x {t}" for t, n in strange.most_common(5)))


WRONG = ("max-peers = many", "no-such-option = 1", "max-upload-limit", "[base 1", "limit-lan = perhaps",
         "max-upload-limit = -5")


class BriefDaemon(Daemon):
    """A daemon in the foreground; its log is its standard error."""
    program = None
    LINE = re.compile(r"^\S+ +(\S+) +(.*)$")

    @property
    def pid(self):
        return self.program.pid

    def runs(self):
        return self.program.running()

    def start(self):
        self.program = self.soak.start("brief", [*self.args(), "--foreground"], env=self.env())
        self.at, self.lines, self.n_judged = 0, [], 0
        self.n_starts += 1
        self.program.wait_until(lambda: self.soak.house.call(
            lambda: net.listens(self.address[1])), 60, "it listens")

    def log_lines(self):
        """(level, facility and text) of every line of this run."""
        with self.program.log_path.open("rb") as log:
            log.seek(self.at)
            new = log.read()
        new = new[:new.rfind(b"\n") + 1]
        self.at += len(new)
        for line in new.decode(errors="replace").splitlines():
            found = self.LINE.match(line)
            if found:
                self.lines.append((found[1], ": " + found[2]))
        return self.lines

    def kill(self):
        self.judge_log()
        self.program.kill()

    def stop(self):
        self.program.signal(signal.SIGTERM)
        return self.program.wait(60)

    def hashed(self, but):
        """Torrents that were hashed again in this run; waits until all are seeded."""
        known = self.soak.base + self.soak.spare
        try:
            for torrent in known:
                self.wait_until_serving(torrent)
        except NotInTime as error:
            self.soak.judge(False, f"after kill -9: {error}")
        return [text for _, text in self.log_lines()
                if ": checking " in text and but.name not in text]

    def close(self):
        pass


class LongDaemon(Daemon):
    """A daemon in the background, with a /dev of its own that has our socket for syslog."""
    pid = 0
    LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
    LINE = re.compile(r"^<(\d+)>.{15} conjure\[\d+\]: (.*)$", re.DOTALL)
    SCRIPT = r"""
set -e
dev=$1; shift
for name in null zero random urandom; do touch $dev/$name; mount --bind /dev/$name $dev/$name; done
mkdir -p $dev/shm; mount --rbind /dev/shm $dev/shm
mount --rbind $dev /dev
exec "$@"
"""

    def __init__(self, soak, name):
        super().__init__(soak, name)
        self.dev = self.folder / "dev"
        self.dev.mkdir()
        self.pid_file = self.folder / "pid"
        self.lines = []
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.syslog.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        self.syslog.bind(str(self.dev / "log"))
        self.log = (soak.logs / "long.log").open("w", buffering=1)
        threading.Thread(target=self.read_syslog, daemon=True).start()

    def read_syslog(self):
        while True:
            try:
                line = self.syslog.recv(65536).decode(errors="replace").rstrip("\n\0")
            except OSError:
                return
            if not line:
                return
            found = self.LINE.match(line)
            level = self.LEVELS[int(found[1]) % 8] if found else "err"
            self.lines.append((level, ": " + (found[2] if found else line)))
            self.log.write(line + "\n")

    def log_lines(self):
        return self.lines

    def env(self):
        return super().env() | {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}

    def start(self):
        self.n_starts += 1
        self.lines.clear()
        self.n_judged = 0
        starter = self.soak.start("long", ["unshare", "-m", "sh", "-c", self.SCRIPT, "sh", self.dev,
                                           *self.args(), "--pid-file", self.pid_file], env=self.env())
        starter.expect_exit(0, 60)
        self.pid = int(self.pid_file.read_text())

    def runs(self):
        if not self.pid:
            return False
        pid, self.status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.pid = 0
        return not pid

    def stop(self):
        self.signal(signal.SIGTERM)
        wait_until(lambda: not self.runs(), 60, "the daemon in the background ends")
        self.soak.judge(not self.pid_file.exists(), "the pid file is removed")
        return os.waitstatus_to_exitcode(self.status)

    def close(self):
        self.syslog.shutdown(socket.SHUT_RDWR)
        self.syslog.close()
        self.log.close()


class BarePeers:
    """The process soakpeers, which compares the blocks that it receives."""

    def __init__(self, soak, daemon):
        read, self.commands = os.pipe()
        self.answers = soak.logs / f"peers-{daemon.name}.txt"
        with self.answers.open("wb") as out:
            self.process = subprocess.Popen(
                soak.house.argv([str(soak.options.build / "soakpeers"), daemon.address[0],
                                 str(daemon.address[1]), str(soak.random.randrange(1, 10**9))]),
                stdin=read, stdout=subprocess.PIPE, stderr=out, text=True)
        os.close(read)
        self.program = self

    def running(self):
        return self.process.poll() is None

    def log(self):
        return self.answers.read_text(errors="replace")

    def send(self, line):
        os.write(self.commands, line.encode() + b"\n")

    def add(self, torrent):
        self.send(f"torrent {torrent.info_hash.hex()} {torrent.piece_length} {torrent.flat}")

    def remove(self, torrent):
        self.send(f"gone {torrent.info_hash.hex()}")

    def stats(self):
        self.send("stats")
        words = self.process.stdout.readline().split()
        return dict(zip(words[::2], map(int, words[1::2])))


class Real:
    """A client that downloads a whole torrent."""

    def __init__(self, soak, make, torrent):
        self.soak, self.make, self.torrent = soak, make, torrent
        self.address = soak.address()
        self.home = soak.folder / f"real-{self.address[1]}"
        self.out = self.home / "out"
        self.out.mkdir(parents=True)
        self.done = self.home / "done"
        finished = self.home / "finished"
        finished.write_text(f"#!/bin/sh\ntouch {self.done}\n")
        finished.chmod(0o755)
        port = self.address[1]
        if make == "conjure":
            self.args = [soak.conjure, "-o", self.out, "-p", port, torrent.path]
        else:
            self.args = clients.ARGUMENTS[make]("leech", torrent, self.out, soak.house, port, self.home)
            self.args += {"libtorrent": ["--exit"], "transmission": ["-f", finished]}[make]
        self.program = None
        self.start()

    def start(self):
        """Starts it, or starts it again with the content that it already has."""
        if self.program:
            self.program.kill()
        self.program = self.soak.start(f"real-{self.make}", self.args, env={
            "HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config")})

    def is_done(self):
        return self.done.exists() or not self.program.running()

    def is_right(self):
        return self.torrent.is_in(self.out, empty_files=self.make != "transmission")

    def close(self):
        self.program.kill()
        shutil.rmtree(self.home, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("minutes", nargs="?", type=int, default=10)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--leechers", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("soak: only root may make a network namespace")
    options.build = options.build.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is taken down
    soak = Soak(options)
    try:
        soak.run()
    except AssertionError as error:
        soak.judge(False, error)
    finally:
        soak.take_down()
    print(f"{soak.passed} passed, {soak.failed} failed")
    return 1 if soak.failed else 0


if __name__ == "__main__":
    sys.exit(main())
