# SPDX-License-Identifier: MIT
"""Programs that a test starts, each with its log. All end with the test."""
import ctypes
import os
import signal
import subprocess
import time

from .wait import wait_until

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A running program. Standard output and error go to one log file unless they are separated."""

    def __init__(self, name, args, log_folder, env=None, side=None, cwd=None, user=None):
        self.name = name
        args = [str(a) for a in args]
        self.args = side.argv(args) if side else args
        log_folder.mkdir(exist_ok=True)
        self.log_path = log_folder / f"{name}-{time.monotonic_ns()}.log"
        with self.log_path.open("wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                self.args, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})}, cwd=cwd, user=user, start_new_session=True,
                extra_groups=[] if user is not None else None, preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds):
        """The exit code. The program must exit within SECONDS."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds} s; its log:\n"
                                 f"{self.log()[-4000:]}") from None

    def wait_until(self, true, seconds, what):
        """As wait_until; and the program must keep running."""
        def ask():
            answer = true()
            if not answer and not self.running():
                raise AssertionError(f"{self.name} ended with {self.process.returncode} before "
                                     f"{what}; its log:\n{self.log()[-4000:]}")
            return answer
        try:
            return wait_until(ask, seconds, what)
        except AssertionError as error:
            if self.running():
                raise AssertionError(f"{error}; its log:\n{self.log()[-4000:]}") from None
            raise

    def expect_exit(self, code, seconds):
        got = self.wait(seconds)
        assert got == code, f"{self.name} ended with {got}, not {code}; log:\n{self.log()[-4000:]}"

    def kill(self):
        """Kills the program and its children."""
        if self.running():
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
