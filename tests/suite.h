/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_SUITE_H
#define CONJURE_TESTS_SUITE_H

#undef NDEBUG /* asserts in tests live in release builds too */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends a test that this machine cannot run. tests/run.py counts it as skipped, by its name. */
#define SKIP(reason)                                                                          \
    do {                                                                                      \
        printf("skipped: %.*s: %s\n", (int)strlen(__func__) - 3, __func__, reason); /* _fn */ \
        fflush(stdout);                                                                       \
        return;                                                                               \
    } while (0)

/* One test program: runs TESTS (made by START_TEST) and prints Check's closing line. Each test has
 * SECONDS, times $CK_TIMEOUT_MULTIPLIER. */
static inline int run_suite(const char *title, const TTest *const tests[], size_t n, double seconds)
{
    Suite *suite = suite_create(title);
    TCase *cases = tcase_create(title);
    SRunner *runner;
    int n_failed;

    tcase_set_timeout(cases, seconds);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define RUN_SUITE(title, seconds, ...)                                           \
    int main(void)                                                               \
    {                                                                            \
        const TTest *const tests[] = {__VA_ARGS__};                              \
        return run_suite(title, tests, sizeof tests / sizeof tests[0], seconds); \
    }                                                                            \
    _Static_assert(1, "")

#endif
