#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests how run.py counts: its closing line is what CI reads."""
import json
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True

import run


def program(result, stdout="", name="a title"):
    return json.dumps({"name": name, "result": result, "stdout": stdout})


class Counting(unittest.TestCase):
    def count(self, *programs):
        with tempfile.TemporaryDirectory() as folder:
            log = pathlib.Path(folder) / "testlog.json"
            log.write_text("\n".join(programs) + "\n")
            return run.count_checks(log)

    def test_checks_are_added_up(self):
        self.assertEqual(str(self.count(program("OK", "100%: Checks: 9, Failures: 0, Errors: 0\n"),
                                        program("FAIL", "80%: Checks: 5, Failures: 0, Errors: 1\n"))),
                         "13 passed, 1 failed")

    def test_program_without_a_count_is_one_test(self):
        self.assertEqual(str(self.count(program("OK"))), "1 passed, 0 failed")
        self.assertEqual(str(self.count(program("FAIL"))), "0 passed, 1 failed")

    def test_program_that_ends_badly_after_all_passed(self):
        result = self.count(program("TIMEOUT", "100%: Checks: 9, Failures: 0, Errors: 0\n"))
        self.assertEqual(str(result), "8 passed, 1 failed")
        self.assertIn("a title", result.shown)

    def test_skipped_program_is_counted_and_named(self):
        result = self.count(program("OK"), program("SKIP", name="no room"))
        self.assertEqual(str(result), "1 passed, 0 failed, 1 skipped")
        self.assertEqual(result.skipped, ["no room"])

    def test_skipped_case_of_a_program_is_counted_and_named(self):
        result = self.count(program("OK", "skipped: wide_lanes: no AVX2\n"
                                    "100%: Checks: 3, Failures: 0, Errors: 0\n"))
        self.assertEqual(str(result), "2 passed, 0 failed, 1 skipped")
        self.assertEqual(result.skipped, ["wide_lanes: no AVX2"])

    def test_skip_of_a_system_test_keeps_its_reason(self):
        case = ElementTree.fromstring(
            '<testcase name="test_x"><skipped message="meant: no tracker"/></testcase>')
        self.assertEqual(run.skipped_test(case), "test_x: meant: no tracker")
        self.assertIsNone(run.skipped_test(ElementTree.fromstring('<testcase name="test_x"/>')))


if __name__ == "__main__":
    unittest.main()
