# SPDX-License-Identifier: MIT
"""Waits for a condition, never for time to pass."""
import threading
import time


class NotInTime(AssertionError):
    pass


def wait_until(true, seconds, what, every=0.02):
    """Calls TRUE() until its result is true, and returns that. After SECONDS the test fails."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        answer = true()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {seconds} s: {what}")
        pause.wait(every)
