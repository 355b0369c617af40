#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds conjure in every way that is tested and runs the tests: scripts/test and scripts/check.

usage: run.py [STAGE...]   without a stage: all but check; the table STAGES lists them
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
SKIP_LINE = re.compile(r"^skipped: (.+)$", re.MULTILINE)
CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
# Check's own time limits, for programs that a sanitizer slows down.
SLOW = {"CK_TIMEOUT_MULTIPLIER": "6"}
SYSTEM_ASAN = ("commands", "resume", "saving", "serving_faults")
FUZZ_SECONDS = 3  # of each target
SANITIZERS = {
    "asan": ("address,undefined", {"ASAN_OPTIONS": "detect_stack_use_after_return=1",
                                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}),
    "tsan": ("thread", {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}),
}


class Result:
    """The result of a stage: numbers of tests, names of skipped ones, and text to print."""

    def __init__(self, passed=0, failed=0, skipped=(), shown=""):
        self.passed, self.failed, self.skipped, self.shown = passed, failed, list(skipped), shown

    def __add__(self, other):
        return Result(self.passed + other.passed, self.failed + other.failed,
                      self.skipped + other.skipped,
                      "\n".join(text.rstrip() for text in (self.shown, other.shown) if text))

    def __str__(self):
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def command(args, env=None, cwd=ROOT):
    """Runs ARGS: (succeeded, its output)."""
    done = subprocess.run(list(map(str, args)), cwd=cwd, env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.returncode == 0, done.stdout


def one_test(args):
    """A command that is one test."""
    ok, output = command(args)
    return Result(int(ok), int(not ok), shown="" if ok else output)


def set_up(name, options, env=None):
    """Sets up build-NAME, unless it is: (succeeded, the output of meson)."""
    folder = ROOT / f"build-{name}"
    if (folder / "build.ninja").exists():
        return True, ""
    return command(["meson", "setup", folder, ROOT, *options], env)


def build(name, options, env=None, targets=()):
    """Sets up build-NAME and builds TARGETS, or all: (succeeded, the output of the tools)."""
    ok, output = set_up(name, options, env)
    return command(["ninja", "-C", ROOT / f"build-{name}", *targets], env) if ok else (ok, output)


def tests_of(folder, suites):
    """The tests of FOLDER in one of SUITES, as meson describes them."""
    ok, output = command(["meson", "introspect", "--tests", folder])
    return [t for t in json.loads(output)
            if any(s.split(":")[-1] in suites for s in t["suite"])] if ok else []


def count_checks(log):
    """The sum of Check's counts in a testlog.json of meson. A program that prints no count, or
    fails without a counted failure, is one failure; one with exit status 77 is one skip. A test that
    the machine cannot run prints a line (SKIP of tests/suite.h), and is a skip."""
    result = Result()
    for line in log.read_text().splitlines():
        program = json.loads(line)
        counts = [tuple(map(int, c)) for c in CHECK_LINE.findall(program.get("stdout", ""))]
        total = sum(c[0] for c in counts)
        wrong = sum(c[1] + c[2] for c in counts)
        if program["result"] == "SKIP":
            result += Result(skipped=[program["name"]])
            continue
        if program["result"] not in ("OK", "EXPECTEDFAIL"):
            wrong = max(wrong, 1)
            result += Result(shown=program["name"])
        elif not counts:
            total = 1
        skipped = SKIP_LINE.findall(program.get("stdout", ""))
        result += Result(max(total - wrong - len(skipped), 0), wrong, skipped)
    return result


def unit_tests(name, options, env, suites=(), arguments=()):
    """Builds and runs the unit tests of SUITES, or all, but for what ARGUMENTS of meson test exclude."""
    folder = ROOT / f"build-{name}"
    ok, output = set_up(name, ["-Dwerror=true", *options])
    if ok:
        programs = [os.path.relpath(t["cmd"][0], folder) for t in tests_of(folder, suites)]
        ok, output = build(name, options, targets=["conjure", *programs] if suites else ())
    if not ok:
        return Result(failed=1, shown=output)
    for old in (folder / "meson-logs").glob("testlog*"):
        old.unlink()
    wrapper = []
    # gcc 12's TSan does not know the address layout of newer kernels' full randomisation.
    if name == "tsan" and command(["setarch", "-R", "true"])[0]:
        wrapper = ["--wrapper", "setarch -R"]
    ok, output = command(["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "-t",
                          "6", *wrapper, *(a for s in suites for a in ("--suite", s)), *arguments],
                         env)
    result = Result()
    for log in (folder / "meson-logs").glob("testlog*.json"):
        result += count_checks(log)
    if not result.passed or (not ok and not result.failed):
        result.failed += 1
    if not ok or result.failed:
        result.shown = f"{output}\n{result.shown}"
    return result


def sanitizer_options(name):
    """(options of meson, environment of the programs)."""
    sanitizer, env = SANITIZERS[name]
    return ["--buildtype=debugoptimized", f"-Db_sanitize={sanitizer}", "-Db_lundef=false"], env


def sanitized(name, suites=()):
    options, env = sanitizer_options(name)
    return unit_tests(name, options, {**SLOW, **env}, suites)


def stage_format():
    if not shutil.which("clang-format"):
        return Result(skipped=["the format of the sources: clang-format is missing"])
    sources = sorted(p for top in ("src", "include", "tests") for p in (ROOT / top).rglob("*.[ch]"))
    return one_test(["clang-format", "--dry-run", "--Werror", *sources])


def rules(name):
    """The rules of tests/floors, on the objects of build-NAME, and the tests of these checks."""
    return sum((one_test([sys.executable, ROOT / check]) for check in
                ("tests/test_run.py", "tests/floors/test_check.py")), Result()) + one_test(
        [sys.executable, ROOT / "tests/floors/check.py", "--build", ROOT / f"build-{name}"])


def stage_floors():
    ok, output = build("release", ["-Dwerror=true"])
    return rules("release") if ok else Result(failed=1, shown=output)


def stage_docs():
    return sum((one_test([sys.executable, check])
                for check in sorted((ROOT / "tests/docs").glob("check_*.py"))), Result())


def stage_check():
    result = unit_tests("check", ["--buildtype=debugoptimized"], {"CK_TIMEOUT_MULTIPLIER": "2"},
                        arguments=["--no-suite", "slow"])
    slow = [t["name"] for t in tests_of(ROOT / "build-check", ["slow"])]
    return result + Result(skipped=slow) + rules("check")


def stage_release():
    return unit_tests("release", [], {"CK_TIMEOUT_MULTIPLIER": "2"})


def stage_clang():
    ok, output = build("clang", ["-Dwerror=true"], {"CC": "clang"})
    return Result(int(ok), int(not ok), shown="" if ok else output)


def stage_bare():
    return unit_tests("bare", ["--buildtype=debugoptimized", "-Dtracker=disabled",
                               "-Djson=disabled"], {}, ["cli"])


def stage_asan():
    return sanitized("asan")


def stage_tsan():
    return sanitized("tsan", ["msg", "actors"])


def stage_fuzz():
    """Every target over its corpus and for a few seconds more."""
    if not shutil.which("clang"):
        return Result(skipped=["the fuzz targets: clang is missing"])
    ok, output = command([ROOT / "scripts/fuzz", FUZZ_SECONDS])
    passed = len(re.findall(r"^\w+: no failure in ", output, re.MULTILINE))
    failed = len(re.findall(r"^\w+: FAILED", output, re.MULTILINE))
    targets = len(list((ROOT / "tests/fuzz").glob("fuzz_*.c")))
    return Result(passed, failed or targets - passed, shown="" if ok else output)


def skipped_test(case):
    """The name and reason of a skipped test of pytest's report, or None when it was not skipped."""
    skip = case.find("skipped")
    return None if skip is None else f'{case.get("name")}: {skip.get("message") or "no reason"}'


def system_tests(folder, file, env=None):
    """Runs the system tests of FILE with the conjure of FOLDER."""
    report = folder / f"system-{file.stem}.xml"
    report.unlink(missing_ok=True)
    ok, output = command([sys.executable, "-m", "pytest", "-q", "-rN", "-p", "no:cacheprovider",
                          "--tb=short", "--durations=2", f"--junitxml={report}", file],
                         {"CONJURE": str(folder / "conjure"), "PYTHONDONTWRITEBYTECODE": "1",
                          **(env or {})})
    if not report.exists():
        return Result(failed=1, shown=output)
    suite = ElementTree.parse(report).getroot()
    suite = suite if suite.tag == "testsuite" else suite[0]
    skips = [s for s in map(skipped_test, suite.iter("testcase")) if s]
    # A skip is expected only when its reason begins with "meant: "; any other one is a failure.
    meant = [s for s in skips if ": meant: " in s]
    n_tests = int(suite.get("tests")) - len(meant)
    bad = int(suite.get("failures")) + int(suite.get("errors")) + len(skips) - len(meant)
    figures = "\n".join(line for line in output.splitlines() if line.startswith("figure: "))
    return Result(max(n_tests - bad, 0), bad or int(not ok), meant,
                  figures if ok and not bad else output)


def two_at_a_time(folder, files, env=None):
    """system_tests of each of FILES, two at a time: most tests wait most of the time, and as
    root each has a network of its own. Long files first, lest one runs alone at the end."""
    with concurrent.futures.ThreadPoolExecutor(2 if os.geteuid() == 0 else 1) as pool:
        longest_first = sorted(files, key=lambda file: file.stat().st_size, reverse=True)
        return sum(pool.map(lambda file: system_tests(folder, file, env), longest_first), Result())


def stage_system():
    ok, output = build("release", ["-Dwerror=true"])
    if not ok:
        return Result(failed=1, shown=output)
    return two_at_a_time(ROOT / "build-release", (ROOT / "tests/system").glob("test_*.py"))


def stage_system_asan():
    """Those that do not depend on time; the whole suite would take too long."""
    options, env = sanitizer_options("asan")
    ok, output = build("asan", ["-Dwerror=true", *options], targets=("conjure",
                                                                     "tests/faults/faults.so"))
    if not ok:
        return Result(failed=1, shown=output)
    return two_at_a_time(ROOT / "build-asan",
                         [ROOT / "tests/system" / f"test_{name}.py" for name in SYSTEM_ASAN], env)


STAGES = {
    "format": ("the sources are formatted by clang-format", stage_format),
    "docs": ("the docs agree with the sources", stage_docs),
    "check": ("unit tests in a build with assertions, and the rules of tests/floors", stage_check),
    "release": ("unit tests, gcc release build", stage_release),
    "floors": ("the sources keep the rules of tests/floors", stage_floors),
    "clang": ("clang builds without a warning", stage_clang),
    "bare": ("a build without optional features compiles and reports them", stage_bare),
    "asan": ("unit tests under ASan and UBSan", stage_asan),
    "tsan": ("channel and actor tests under TSan", stage_tsan),
    "fuzz": ("fuzz targets over their corpora", stage_fuzz),
    "system": ("system tests with other clients", stage_system),
    "system-asan": ("system tests under ASan and UBSan", stage_system_asan),
}
# scripts/check runs it: release and asan run the same tests and the slow ones.
NOT_BY_DEFAULT = ("check",)


def main(names):
    unknown = [n for n in names if n not in STAGES]
    if unknown:
        sys.exit(f"no such stage: {' '.join(unknown)} (there are: {' '.join(STAGES)})")
    total = Result()
    for name in names or [n for n in STAGES if n not in NOT_BY_DEFAULT]:
        title, stage = STAGES[name]
        start = time.monotonic()
        result = stage()
        total += Result(result.passed, result.failed, result.skipped)
        if result.shown.strip():
            print(result.shown.rstrip())
        for skipped in result.skipped:
            print(f"skipped: {skipped}")
        print(f"{title}: {result} ({time.monotonic() - start:.0f} s)", flush=True)
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
