/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/actors/logger.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define HOUR_NS (UINT64_C(3600) * 1000000000)

/* Everything that comes out of FD until its other end is closed; owned by the caller. */
static char *read_all(int fd)
{
    char *text = NULL;
    size_t n = 0, size;
    FILE *to = open_memstream(&text, &size);
    char some[4096];
    ssize_t r;

    while ((r = read(fd, some, sizeof some)) > 0) {
        fwrite(some, 1, (size_t)r, to);
        n += (size_t)r;
    }
    fclose(to);
    ck_assert_uint_eq(n, size);
    return text;
}

static void *read_all_in_thread(void *arg)
{
    return read_all((int)(intptr_t)arg);
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned n = 0;

    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

enum form {
    PLAIN,
    DETAILED,
};

static struct logger *start_on(int fd, enum form form, const char *prefix)
{
    struct logger_config config = LOGGER_CONFIG_DEFAULT;
    struct logger *l;

    config.fd = fd;
    config.detailed = form == DETAILED;
    config.prefix = prefix;
    l = logger_start(&config);
    ck_assert_ptr_nonnull(l);
    return l;
}

/* So that `journalctl -p warning` finds warnings. */
START_TEST(lines_to_the_journal_have_its_priorities)
{
    struct logger_config config = LOGGER_CONFIG_DEFAULT;
    char stream[64], *text;
    struct stat st;
    struct logger *l;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(fstat(ends[1], &st), 0);
    unsetenv("JOURNAL_STREAM");
    ck_assert(!logger_is_journal(ends[1]));
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    ck_assert(logger_is_journal(ends[1]));
    ck_assert(!logger_is_journal(2));
    config.fd = ends[1];
    config.journal = config.detailed = true;
    l = logger_start(&config);
    log_err("fs", "no room");
    log_warning("peer", "slow");
    logger_stop(l);
    close(ends[1]);
    text = read_all(ends[0]);
    ck_assert_str_eq(text, "<3>fs: no room\n<4>peer: slow\n");
    free(text);
    close(ends[0]);
}
END_TEST

START_TEST(lines_name_the_facility)
{
    int ends[2];
    struct logger *l;
    char *text;

    ck_assert_int_eq(pipe(ends), 0);
    l = start_on(ends[1], PLAIN, NULL);
    log_err("fs", "no room for %s", "x.iso");
    log_warning("peer", "%s", "a\nb\x1b[2J");
    log_info("peer", "below the threshold");
    logger_stop(l);
    close(ends[1]);
    text = read_all(ends[0]);
    ck_assert_str_eq(text, "conjure: fs: no room for x.iso\nconjure: peer: a?b?[2J\n");
    free(text);
    close(ends[0]);
}
END_TEST

START_TEST(detailed_lines_have_time_and_priority)
{
    int ends[2];
    struct logger *l;
    char *text;
    unsigned h, m, s, ms;
    char level[16], rest[64];

    ck_assert_int_eq(pipe(ends), 0);
    log_threshold = LOG_LEVEL_DEBUG;
    l = start_on(ends[1], DETAILED, NULL);
    log_debug("choke", "round %d", 7);
    logger_stop(l);
    close(ends[1]);
    text = read_all(ends[0]);
    ck_assert_int_eq(sscanf(text, "%2u:%2u:%2u.%3u %15s %63[^\n]", &h, &m, &s, &ms, level, rest),
                     6);
    ck_assert_str_eq(level, "debug");
    ck_assert_str_eq(rest, "choke: round 7");
    free(text);
    close(ends[0]);
}
END_TEST

START_TEST(a_progress_line_is_erased_first)
{
    int ends[2];
    struct logger *l;
    char *text;

    ck_assert_int_eq(pipe(ends), 0);
    l = start_on(ends[1], PLAIN, "\r\033[K");
    log_err("fs", "full");
    logger_stop(l);
    close(ends[1]);
    text = read_all(ends[0]);
    ck_assert_str_eq(text, "\r\033[Kconjure: fs: full\n");
    free(text);
    close(ends[0]);
}
END_TEST

START_TEST(shutdown_is_answered_when_all_is_written)
{
    struct waker waker;
    struct channel replies;
    struct logger_shutdown *shutdown = logger_new_shutdown();
    struct logger_entry *late = logger_new_entry_with(1);
    struct logger *l;
    struct msg *m;
    int ends[2];
    char text[4096];

    ck_assert_int_eq(pipe(ends), 0);
    waker_init_futex(&waker);
    channel_init(&replies, &waker);
    l = start_on(ends[1], PLAIN, NULL);
    for (int i = 0; i < 100; i++)
        log_err("x", "%d", i);
    shutdown->msg.reply_to = &replies;
    ck_assert(channel_send(&logger_inbox(l)->channel, &shutdown->msg));
    while (!(m = channel_receive_wait(&replies, HOUR_NS)))
        ;
    ck_assert_ptr_eq(m, &shutdown->msg);
    ck_assert_int_eq((int)read(ends[0], text, sizeof text), 10 * 14 + 90 * 15);
    ck_assert(!logger_tell_entry(logger_inbox(l), late));
    msg_free(&late->msg);
    msg_free(m);
    logger_stop(l);
    logger_join(l);
    logger_stop(NULL);
    channel_close(&replies);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(lines_after_the_end_go_to_stderr)
{
    int quiet[2], last[2];
    int saved = dup(STDERR_FILENO);
    struct logger *l;
    char *text;

    ck_assert_int_eq(pipe(quiet), 0);
    ck_assert_int_eq(pipe(last), 0);
    dup2(last[1], STDERR_FILENO);
    l = start_on(quiet[1], PLAIN, NULL);
    logger_stop(l);
    log_err("main", "the end");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(last[1]);
    close(quiet[1]);
    text = read_all(last[0]);
    ck_assert_ptr_nonnull(strstr(text, "the end\n"));
    free(text);
    text = read_all(quiet[0]);
    ck_assert_str_eq(text, "");
    free(text);
    close(last[0]);
    close(quiet[0]);
}
END_TEST

START_TEST(a_flood_drops_debug_lines_and_counts_them)
{
    enum { N_LINES = 40000 };
    int ends[2];
    struct logger *l;
    const char *notice;
    char *text;
    unsigned n_dropped = 0, n_debug;
    pthread_t reader;
    void *got;

    ck_assert_int_eq(pipe(ends), 0);
    log_threshold = LOG_LEVEL_DEBUG;
    l = start_on(ends[1], PLAIN, NULL);
    /* The pipe is not read yet: Logger blocks in its first writes. */
    for (int i = 0; i < N_LINES; i++) {
        log_debug("flood", "debug %060d", i);
        if (i % 1000 == 999)
            log_warning("flood", "warning %d", i / 1000);
    }
    pthread_create(&reader, NULL, read_all_in_thread, (void *)(intptr_t)ends[0]);
    logger_stop(l);
    close(ends[1]);
    pthread_join(reader, &got);
    text = got;
    n_debug = count_of(text, "debug ");
    for (notice = text; (notice = strstr(notice, "conjure: logger: ")); notice++)
        n_dropped += (unsigned)strtoul(notice + strlen("conjure: logger: "), NULL, 10);
    ck_assert_uint_eq(count_of(text, "warning "), N_LINES / 1000);
    ck_assert_uint_gt(n_dropped, N_LINES / 2);
    ck_assert_uint_eq(n_debug + n_dropped, N_LINES);
    free(text);
    close(ends[0]);
}
END_TEST

enum { N_THREADS = 4, N_LINES_EACH = 2000 };

static void *log_lines(void *arg)
{
    for (int i = 0; i < N_LINES_EACH; i++)
        log_err((const char *)arg, "%d.", i);
    return NULL;
}

START_TEST(lines_of_each_thread_are_in_order)
{
    static const char *const names[N_THREADS] = {"s0", "s1", "s2", "s3"};
    pthread_t threads[N_THREADS], reader;
    int next[N_THREADS] = {0}, ends[2];
    struct logger *l;
    void *got;

    ck_assert_int_eq(pipe(ends), 0);
    l = start_on(ends[1], PLAIN, NULL);
    pthread_create(&reader, NULL, read_all_in_thread, (void *)(intptr_t)ends[0]);
    for (int i = 0; i < N_THREADS; i++)
        pthread_create(&threads[i], NULL, log_lines, (void *)names[i]);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    logger_stop(l);
    close(ends[1]);
    pthread_join(reader, &got);
    for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n")) {
        int thread, i;

        ck_assert_int_eq(sscanf(line, "conjure: s%d: %d.", &thread, &i), 2);
        ck_assert_int_eq(i, next[thread]++);
    }
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(next[i], N_LINES_EACH);
    free(got);
    close(ends[0]);
}
END_TEST

RUN_SUITE("logger", 60, lines_to_the_journal_have_its_priorities, lines_name_the_facility,
          detailed_lines_have_time_and_priority, a_progress_line_is_erased_first,
          shutdown_is_answered_when_all_is_written, lines_after_the_end_go_to_stderr,
          a_flood_drops_debug_lines_and_counts_them, lines_of_each_thread_are_in_order);
