# SPDX-License-Identifier: MIT
"""Waiting for something to be so, never for time to pass."""
import threading
import time


class NotInTime(AssertionError):
    pass


def wait_until(true, seconds, what, every=0.02):
    """Asks TRUE() until it says so, and returns what it said; after SECONDS the test fails."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        answer = true()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {seconds} s: {what}")
        pause.wait(every)
