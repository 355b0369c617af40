# SPDX-License-Identifier: MIT
"""Each module src/a/b.c has its test tests/a/test_b.c, or is in WITHOUT_TEST with a reason."""
from tree import sources

WITHOUT_TEST = {
    "src/base/sha1_avx2.c": "every kernel of SHA-1 is held to the same vectors by test_sha1.c",
    "src/base/sha1_avx512.c": "every kernel of SHA-1 is held to the same vectors by test_sha1.c",
    "src/main.c": "wiring of tested modules; tests/system runs it",
}


def check_named_tests(root):
    for path in sources(root, ("src",)):
        if path.suffix != ".c":
            continue
        test = "tests" / path.relative_to("src").parent / f"test_{path.name}"
        if str(path) in WITHOUT_TEST:
            if (root / test).exists():
                yield f"{path}:0: it has {test}: take it off the list of tests/floors/named_tests.py"
        elif not (root / test).exists():
            yield f"{path}:0: there is no {test}"
    for name in WITHOUT_TEST:
        if (root / "src").exists() and not (root / name).exists():
            yield f"{name}:0: on the list of tests/floors/named_tests.py, but there is no such file"
