/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "conjure/cli/terminal.h"

static const struct progress_view download = {
    .name = "debian-12.7.0-amd64-netinst.iso",
    .n_torrents = 1,
    .state = PROGRESS_DOWNLOADING,
    .verified = UINT64_C(285) << 20,
    .wanted = UINT64_C(631) << 20,
    .download_rate = UINT64_C(80) << 20,
    .upload_rate = 1258291,
    .n_peers = 12,
    .n_seeds = 3,
    .eta_s = 192,
};

static void with_stdout(int fd, void (*use)(void))
{
    int saved = dup(STDOUT_FILENO);

    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    use();
    dup2(saved, STDOUT_FILENO);
    close(saved);
}

static void show_clear_say(void)
{
    terminal_start(false);
    terminal_clear(); /* no line yet */
    terminal_show(&download);
    terminal_clear();
    terminal_clear();
    terminal_print("done");
}

static void show_quietly(void)
{
    terminal_start(true);
    terminal_show(&download);
    terminal_print("done");
    terminal_clear();
}

START_TEST(a_terminal_gets_one_line_rewritten)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), terminal;
    struct winsize size = {.ws_row = 25, .ws_col = 41};
    char got[1024], line[PROGRESS_TEXT_MAX], expected[PROGRESS_TEXT_MAX + 64];
    ssize_t n, r;

    setenv("TERM", "vt100", 1);
    ck_assert_int_ge(master, 0);
    ck_assert(!grantpt(master) && !unlockpt(master));
    terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(ioctl(terminal, TIOCSWINSZ, &size), 0);
    with_stdout(terminal, show_clear_say);
    ck_assert(terminal_is_live());
    progress_format(&download, 40, line);
    snprintf(expected, sizeof expected, "\r%s\033[K\r\033[K\r\033[Kdone\r\n", line);
    /* The line discipline may return it in parts. */
    for (n = 0; (size_t)n < strlen(expected); n += r) {
        r = read(master, got + n, sizeof got - 1 - (size_t)n);
        ck_assert_int_gt((int)r, 0);
    }
    got[n] = '\0';
    ck_assert_str_eq(got, expected);
    close(terminal);
    close(master);
}
END_TEST

START_TEST(a_pipe_gets_plain_lines)
{
    int ends[2];
    char got[1024], line[PROGRESS_TEXT_MAX], expected[PROGRESS_TEXT_MAX + 64];
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    with_stdout(ends[1], show_clear_say);
    ck_assert(!terminal_is_live());
    ck_assert_str_eq(terminal_log_prefix(), "");
    n = read(ends[0], got, sizeof got - 1);
    ck_assert_int_gt((int)n, 0);
    got[n] = '\0';
    snprintf(expected, sizeof expected, "%s\ndone\n", progress_format(&download, 0, line));
    ck_assert_str_eq(got, expected);
    with_stdout(ends[1], show_quietly);
    close(ends[1]);
    ck_assert_int_eq((int)read(ends[0], got, sizeof got), 0);
    close(ends[0]);
}
END_TEST

RUN_SUITE("terminal", 20, a_terminal_gets_one_line_rewritten, a_pipe_gets_plain_lines);
