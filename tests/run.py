#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds conjure in every way that is tested and runs all tests: what scripts/test calls.

usage: run.py [STAGE...]   stages: format floors docs release clang asan tsan system
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
# Check's own time limits, for programs that a sanitizer slows down.
SLOW = {"CK_TIMEOUT_MULTIPLIER": "6"}
SANITIZERS = {
    "asan": ("address,undefined", {"ASAN_OPTIONS": "detect_stack_use_after_return=1",
                                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}),
    "tsan": ("thread", {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}),
}


def command(args, env=None, cwd=ROOT):
    """Runs ARGS: (worked, all it said)."""
    done = subprocess.run(list(map(str, args)), cwd=cwd, env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode == 0, done.stdout


def one_check(args):
    """A stage that is one test: (passed, failed, what to show)."""
    ok, said = command(args)
    return int(ok), int(not ok), "" if ok else said


def build(name, options, env=None, targets=()):
    """Sets up and builds build-NAME: (worked, what to show)."""
    folder = ROOT / f"build-{name}"
    if not (folder / "build.ninja").exists():
        ok, said = command(["meson", "setup", folder, ROOT, *options], env)
        if not ok:
            return False, said
    ok, said = command(["ninja", "-C", folder, *targets], env)
    return ok, said


def count_checks(log):
    """What Check counted in a testlog.json of meson: (passed, failed, names of failed programs). A
    program that says nothing, or ends badly after saying that all is well, is one failure."""
    passed = failed = 0
    bad = []
    for line in log.read_text().splitlines():
        program = json.loads(line)
        counts = [tuple(map(int, c)) for c in CHECK_LINE.findall(program.get("stdout", ""))]
        total = sum(c[0] for c in counts)
        wrong = sum(c[1] + c[2] for c in counts)
        if program["result"] != "OK":
            wrong = max(wrong, 1)
            bad.append(program["name"])
        elif not counts:
            total = 1
        passed += max(total - wrong, 0)
        failed += wrong
    return passed, failed, bad


def unit_tests(name, options, env, arguments=()):
    ok, said = build(name, ["-Dwerror=true", *options])
    if not ok:
        return 0, 1, said
    folder = ROOT / f"build-{name}"
    for old in (folder / "meson-logs").glob("testlog*"):
        old.unlink()
    wrapper = []
    # gcc 12's TSan does not know the address layout of newer kernels' full randomisation.
    if name == "tsan" and command(["setarch", "-R", "true"])[0]:
        wrapper = ["--wrapper", "setarch -R"]
    ok, said = command(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "-t", "6",
                        *wrapper, *arguments], env)
    logs = [p for p in (folder / "meson-logs").glob("testlog*.json")]
    passed = failed = 0
    bad = []
    for log in logs:
        more = count_checks(log)
        passed, failed, bad = passed + more[0], failed + more[1], bad + more[2]
    if not passed or (not ok and not failed):
        failed += 1
    return passed, failed, "" if ok and not failed else said + "\n".join(bad)


def sanitized(name, arguments=()):
    sanitizer, env = SANITIZERS[name]
    return unit_tests(name, ["--buildtype=debugoptimized", f"-Db_sanitize={sanitizer}",
                             "-Db_lundef=false"], {**SLOW, **env}, arguments)


def stage_format():
    sources = sorted(p for top in ("src", "include", "tests") for p in (ROOT / top).rglob("*.[ch]"))
    return one_check(["clang-format", "--dry-run", "--Werror", *sources])


def stage_floors():
    return one_check([sys.executable, ROOT / "tests/floors/check.py"])


def stage_docs():
    return one_check([sys.executable, ROOT / "tests/docs/check_messages.py"])


def stage_release():
    return unit_tests("release", [], {"CK_TIMEOUT_MULTIPLIER": "2"})


def stage_clang():
    ok, said = build("clang", ["-Dwerror=true"], {"CC": "clang"})
    return int(ok), int(not ok), "" if ok else said


def stage_asan():
    return sanitized("asan")


def stage_tsan():
    return sanitized("tsan", ["--suite", "msg", "--suite", "actors"])


def stage_system():
    ok, said = build("release", ["-Dwerror=true"])
    if not ok:
        return 0, 1, said
    report = ROOT / "build-release" / "system.xml"
    report.unlink(missing_ok=True)
    ok, said = command([sys.executable, "-m", "pytest", "-q", "-rN", "-p", "no:cacheprovider",
                        "--tb=short", "--durations=8", f"--junitxml={report}", ROOT / "tests/system"],
                       {"CONJURE": str(ROOT / "build-release" / "conjure"),
                        "PYTHONDONTWRITEBYTECODE": "1"})
    if not report.exists():
        return 0, 1, said
    suite = ElementTree.parse(report).getroot()
    suite = suite if suite.tag == "testsuite" else suite[0]
    tests, bad = int(suite.get("tests")), int(suite.get("failures")) + int(suite.get("errors"))
    # A test that did not run has not passed.
    bad += int(suite.get("skipped"))
    figures = "\n".join(line for line in said.splitlines() if line.startswith("figure: "))
    return max(tests - bad, 0), bad or int(not ok), figures if ok and not bad else said


STAGES = {
    "format": ("the sources are formatted by clang-format", stage_format),
    "floors": ("a folder includes from its own floor or below", stage_floors),
    "docs": ("every message stands in docs/threads-orchestration.md", stage_docs),
    "release": ("unit tests, gcc release build", stage_release),
    "clang": ("clang builds without a warning", stage_clang),
    "asan": ("unit tests under ASan and UBSan", stage_asan),
    "tsan": ("channel and actor tests under TSan", stage_tsan),
    "system": ("system tests with other clients", stage_system),
}


def main(names):
    unknown = [n for n in names if n not in STAGES]
    if unknown:
        sys.exit(f"no such stage: {' '.join(unknown)} (there are: {' '.join(STAGES)})")
    passed = failed = 0
    for name in names or STAGES:
        title, stage = STAGES[name]
        start = time.monotonic()
        more, less, said = stage()
        passed, failed = passed + more, failed + less
        if said:
            print(said.rstrip())
        print(f"{title}: {more} passed, {less} failed ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
