#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the checks of this folder on small trees that are made up, each with one fault."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import circles
import layers
import named_tests
import sizes
import tree


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()

    def write(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def faults(self, check, *arguments):
        return list(check(self.root, *arguments))

    def assert_fault(self, faults, *words):
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])


class Floors(Tree):
    def test_include_may_point_to_its_own_floor_or_below(self):
        self.write({"src/fs/a.c": '#include "conjure/base/b.h"\n#include "conjure/torrent/t.h"\n'})
        self.assertEqual(self.faults(layers.check_floors), [])

    def test_include_that_points_upwards(self):
        self.write({"src/base/a.c": '\n#include "conjure/actors/b.h"\n'})
        self.assert_fault(self.faults(layers.check_floors), "src/base/a.c:2:", "floor 5, above base")

    def test_folder_without_a_floor(self):
        self.write({"src/attic/a.c": ""})
        self.assert_fault(self.faults(layers.check_floors), "attic/ has no floor")

    def test_include_that_climbs_out_of_its_folder(self):
        self.write({"src/fs/a.c": '#include "../base/b.h"\n'})
        self.assert_fault(self.faults(layers.check_floors), "from the source root")

    def test_liburcu_outside_msg(self):
        self.write({"src/fs/a.c": "#include <urcu/wfcqueue.h>\n", "src/msg/b.c": "#include <urcu.h>\n"})
        self.assert_fault(self.faults(layers.check_floors), "src/fs/a.c:1:", "liburcu")

    def test_lock_outside_msg_and_base(self):
        self.write({"src/actors/lobby/a.c": "    pthread_mutex_lock(&m);\n",
                    "src/actors/actor.c": "    pthread_create(&t, NULL, f, NULL);\n"})
        self.assert_fault(self.faults(layers.check_floors), "src/actors/lobby/a.c:1:")


class Headers(Tree):
    def test_private_header_of_another_actor(self):
        self.write({"src/actors/lobby/internal.h": "",
                    "src/actors/lobby/lobby.c": '#include "actors/lobby/internal.h"\n',
                    "src/actors/master/master.c": '#include "actors/lobby/internal.h"\n'})
        self.assert_fault(self.faults(layers.check_private_headers),
                          "src/actors/master/master.c:1:", "private to src/actors/lobby/")

    def test_public_header_that_takes_in_a_private_one_of_its_folder(self):
        self.write({"src/fs/store.h": "", "include/conjure/fs/pool.h": '#include "fs/store.h"\n'})
        self.assertEqual(self.faults(layers.check_private_headers), [])

    def test_public_header_that_only_its_folder_includes(self):
        self.write({"include/conjure/fs/scan.h": "", "src/fs/scan.c": '#include "conjure/fs/scan.h"\n'})
        self.assert_fault(self.faults(layers.check_public_headers),
                          "include/conjure/fs/scan.h", "src/fs/")

    def test_public_header_that_only_its_actor_includes(self):
        own = '#include "conjure/actors/notify.h"\n'
        self.write({"include/conjure/actors/notify.h": "", "src/actors/master/notify.c": own,
                    "src/actors/master/master.c": '#include "actors/master/internal.h"\n' + own})
        self.assert_fault(self.faults(layers.check_public_headers), "src/actors/master/")

    def test_public_header_that_another_actor_includes(self):
        self.write({"include/conjure/actors/fs.h": "",
                    "src/actors/fs/fs.c": '#include "conjure/actors/fs.h"\n',
                    "src/actors/master/master.c": '#include "conjure/actors/fs.h"\n'})
        self.assertEqual(self.faults(layers.check_public_headers), [])

    def test_public_header_that_a_public_header_needs(self):
        self.write({"include/conjure/fs/a.h": '#include "conjure/fs/b.h"\n',
                    "include/conjure/fs/b.h": "", "src/cli/c.c": '#include "conjure/fs/a.h"\n'})
        self.assertEqual(self.faults(layers.check_public_headers), [])


class Sizes(Tree):
    def test_file_of_600_lines_and_of_601(self):
        self.write({"src/fs/a.c": "x\n" * 600, "src/fs/b.c": "x\n" * 601})
        self.assert_fault(self.faults(sizes.check_files), "src/fs/b.c:601:", "601 lines")

    def test_folder_above_a_fifth(self):
        self.write({**{f"src/{name}/a.c": "x\n" * 100 for name in ("fs", "peer", "msg", "base")},
                    "src/actors/lobby/a.c": "x\n" * 100, "src/actors/b.c": "x\n" * 100,
                    "src/actors/master/a.c": "x\n" * 151})
        self.assert_fault(self.faults(sizes.check_folders), "src/actors/master/: 151 lines")

    def test_line_of_100_columns_and_of_101(self):
        self.write({"src/fs/a.c": "é" * 100 + "\n", "tests/fs/test_a.c": "\n/* " + "x" * 98 + "\n"})
        self.assert_fault(self.faults(sizes.check_widths), "tests/fs/test_a.c:2:", "101 columns")

    def test_line_of_101_columns_in_a_script_or_build_file(self):
        for path in ("scripts/a", "contrib/systemd/a.service", "meson.build", "src/fs/meson.build",
                     "tests/fs/meson.build", "NEWS"):
            self.write({path: "x" * 101 + "\n"})
            self.assert_fault(self.faults(sizes.check_widths), f"{path}:1:", "101 columns")
            self.write({path: "x" * 100 + "\n"})


class NamedTests(Tree):
    def setUp(self):
        super().setUp()
        without = named_tests.WITHOUT_TEST
        self.addCleanup(setattr, named_tests, "WITHOUT_TEST", without)
        named_tests.WITHOUT_TEST = {"src/main.c": "a reason"}
        self.write({"src/main.c": "", "src/fs/a.c": "", "tests/fs/test_a.c": ""})

    def test_module_with_a_test_or_a_reason(self):
        self.assertEqual(self.faults(named_tests.check_named_tests), [])

    def test_module_without_a_test(self):
        self.write({"src/actors/lobby/b.c": "", "tests/actors/test_b.c": ""})
        self.assert_fault(self.faults(named_tests.check_named_tests), "src/actors/lobby/b.c",
                          "no tests/actors/lobby/test_b.c")

    def test_reason_for_a_module_that_has_a_test(self):
        named_tests.WITHOUT_TEST["src/fs/a.c"] = "a reason"
        self.assert_fault(self.faults(named_tests.check_named_tests), "src/fs/a.c", "take it off")

    def test_reason_for_a_module_that_is_gone(self):
        named_tests.WITHOUT_TEST["src/fs/gone.c"] = "a reason"
        self.assert_fault(self.faults(named_tests.check_named_tests), "no such file")


class Circles(Tree):
    def build(self, files):
        """Compiles FILES of src/ into build/, as meson lays them out."""
        self.write(files)
        commands = []
        for name in files:
            if not name.endswith(".c"):
                continue
            output = self.root / "build" / f"{name}.o"
            output.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([os.environ.get("CC", "cc").split()[-1], "-w", f"-I{self.root}/src",
                            f"-I{self.root}/include", "-c", self.root / name, "-o", output],
                           check=True)
            commands.append({"directory": str(self.root / "build"), "file": f"../{name}",
                             "output": f"{name}.o"})
        self.write({"build/compile_commands.json": json.dumps(commands)})
        return self.faults(circles.check_circles, self.root / "build")

    def test_calls_one_way(self):
        self.assertEqual(self.build({"src/fs/a.c": "void b(void); void a(void) { b(); }\n",
                                     "src/fs/b.c": "void b(void) {}\n"}), [])

    def test_calls_both_ways(self):
        self.assert_fault(self.build({"src/fs/a.c": "void b(void); void a(void) { b(); }\n",
                                      "src/fs/b.c": "void a(void); void b(void) { a(); }\n"}),
                          "a circle of 2 files: src/fs/a.c src/fs/b.c",
                          "src/fs/a.c -> src/fs/b.c: b", "src/fs/b.c -> src/fs/a.c: a")

    def test_circle_of_three_folders_through_a_variable(self):
        faults = self.build({"src/x/a.c": "void b(void); int v; void a(void) { b(); }\n",
                             "src/y/b.c": "void c(void); void b(void) { c(); }\n",
                             "src/z/c.c": "extern int v; void c(void) { v = 1; }\n",
                             "src/z/d.c": "void a(void); void d(void) { a(); }\n"})
        self.assert_fault(faults, "a circle of 3 files: src/x/a.c src/y/b.c src/z/c.c", "c.c -> src/x/a.c: v")
        self.assertNotIn("src/z/d.c", faults[0])

    def test_call_one_way_and_types_the_other(self):
        self.assertEqual(self.build({
            "include/conjure/fs/a.h": "struct a { int x; };\n",
            "src/fs/a.c": '#include "conjure/fs/a.h"\nvoid b(void); void a(void) { b(); }\n',
            "src/fs/b.c": '#include "conjure/fs/a.h"\nvoid b(void) {}\n'}), [])

    def test_headers_that_include_each_other(self):
        guard = "#ifndef {0}\n#define {0}\n{1}\n#endif\n"
        self.assert_fault(self.build({
            "src/fs/a.h": guard.format("A", '#include "fs/b.h"'),
            "src/fs/b.h": guard.format("B", '#include "fs/a.h"'),
            "src/fs/c.c": '#include "fs/a.h"\n'}),
            "a circle of 2 files: src/fs/a.h src/fs/b.h", 'src/fs/a.h -> src/fs/b.h: "fs/b.h"')

    def test_name_that_two_files_keep_to_themselves(self):
        self.assertEqual(self.build({
            "src/fs/a.c": "static void f(void) {} void b(void); void a(void) { f(); b(); }\n",
            "src/fs/b.c": "static void f(void) {} void b(void) { f(); }\n"}), [])

    def test_file_that_the_build_folder_does_not_have(self):
        self.build({"src/fs/a.c": ""})
        self.write({"src/fs/b.c": ""})
        self.assert_fault(self.faults(circles.check_circles, self.root / "build"), "src/fs/b.c")


class ThisTree(unittest.TestCase):
    def test_every_folder_with_a_floor_exists(self):
        src = pathlib.Path(__file__).parents[2] / "src"
        self.assertEqual([name for name in tree.FLOORS if not (src / name).is_dir()], [])


if __name__ == "__main__":
    unittest.main()
