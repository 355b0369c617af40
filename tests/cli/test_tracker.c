/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <signal.h>
#include <sys/wait.h>

#include "captured.h"
#include "conjure/base/alloc.h"
#include "conjure/cli/commands.h"
#include "conjure/cli/exit_code.h"

static struct captured c;

START_TEST(a_usage_error_is_one_line)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"tracker -p x", "not a port: x"},
        {"tracker -p 65536", "not a port: 65536"},
        {"tracker --bind=here", "not an address: here"},
        {"tracker --interval=0", "not an interval of 1 to 86400 seconds: 0"},
        {"tracker --no-such", "unknown option, or missing argument: --no-such"},
        {"tracker now", "unexpected argument: now"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char expected[256];

        capture(&c, cli_tracker, cases[i].line);
        snprintf(expected, sizeof expected, "conjure tracker: %s\nTry 'conjure tracker --help'.\n",
                 cases[i].error);
        ck_assert_int_eq(c.code, EXIT_USAGE);
        ck_assert_str_eq(c.err, expected);
    }
}
END_TEST

START_TEST(help_goes_to_stdout)
{
    capture(&c, cli_tracker, "tracker --help");
    ck_assert_int_eq(c.code, EXIT_DONE);
    ck_assert_ptr_nonnull(strstr(c.out, "--interval=SECONDS"));
    ck_assert_str_eq(c.err, "");
}
END_TEST

/* Reads a line from FD without the newline. */
static void read_line(int fd, char *text, size_t size)
{
    size_t n = 0;

    while (n < size - 1 && read(fd, text + n, 1) == 1 && text[n] != '\n')
        n++;
    text[n] = '\0';
}

START_TEST(it_prints_its_urls_and_ends_by_a_signal)
{
    static const int signals[] = {SIGINT, SIGTERM};

    for (size_t i = 0; i < N_ELEMENTS(signals); i++) {
        char *argv[] = {"tracker", "--port=0", "--bind=127.0.0.1", NULL};
        char http[128], udp[128];
        int ends[2], status;
        pid_t child;

        ck_assert_int_eq(pipe(ends), 0);
        child = fork();
        if (!child) {
            dup2(ends[1], STDOUT_FILENO);
            _exit(cli_tracker(3, argv));
        }
        close(ends[1]);
        read_line(ends[0], http, sizeof http);
        read_line(ends[0], udp, sizeof udp);
        ck_assert_ptr_eq(strstr(http, "http://127.0.0.1:"), http);
        ck_assert_ptr_eq(strstr(udp, "udp://127.0.0.1:"), udp);
        ck_assert_str_eq(strrchr(http, ':'), strrchr(udp, ':'));
        kill(child, signals[i]);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), EXIT_DONE);
        close(ends[0]);
    }
}
END_TEST

RUN_SUITE("tracker", 20, a_usage_error_is_one_line, help_goes_to_stdout,
          it_prints_its_urls_and_ends_by_a_signal);
