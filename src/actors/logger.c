/* SPDX-License-Identifier: MIT */
/*
 * Logger is one static object. A thread may have loaded the sink's address just before Logger was
 * uninstalled, and call it after Logger has ended: it then finds a closed inbox, and writes the
 * line itself. An object on the heap would be freed by then.
 *
 * All waiting lines are collected in a buffer and written by one write(2): a verbose run costs a
 * system call per burst, and a line is never mixed with that of another writer to the same
 * terminal.
 */
#include "conjure/actors/logger.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "conjure/actors/actor.h"
#include "conjure/base/log.h"
#include "conjure/base/owner.h"

#define BUFFER_SIZE 16384
#define LINE_SIZE   (LOG_LINE_MAX + 128) /* with time, priority, facility */

struct logger {
    struct actor actor;
    struct waker waker;
    struct logger_inbox inbox;
    struct logger_config config;
    struct logger_shutdown *shutdown; /* to be answered at the end */
    struct logger_shutdown own;       /* of logger_stop: needs no reply */
    struct owner starter;
    size_t n_buffered;
    char buffer[BUFFER_SIZE];
    /* Any thread. */
    atomic_uint n_waiting; /* entries sent and not yet written */
    atomic_uint n_dropped;
};

static struct logger the_logger;

static bool has_room(struct logger *l, enum log_level level)
{
    unsigned n = atomic_load_explicit(&l->n_waiting, memory_order_relaxed);

    if (level == LOG_LEVEL_ERR)
        return true;
    return n < (level == LOG_LEVEL_DEBUG ? LOGGER_WAITING_MAX : 10 * LOGGER_WAITING_MAX);
}

/* The sink; any thread. */
static void logger_sink(enum log_level level, const char *facility, const char *text)
{
    struct logger *l = &the_logger;
    size_t size = strlen(text) + 1;
    struct logger_entry *m;

    if (!has_room(l, level)) {
        atomic_fetch_add_explicit(&l->n_dropped, 1, memory_order_relaxed);
        return;
    }
    m = logger_new_entry_with(size);
    m->level = (int)level;
    m->facility = facility;
    memcpy(m->text, text, size);
    atomic_fetch_add_explicit(&l->n_waiting, 1, memory_order_relaxed);
    if (!logger_tell_entry(&l->inbox, m)) {
        atomic_fetch_sub_explicit(&l->n_waiting, 1, memory_order_relaxed);
        log_to_stderr(level, facility, text);
        msg_free(&m->msg);
    }
}

/* The descriptor may be non-blocking, because another process shares it. When it is broken the
 * lines are dropped: there is no place to report it. */
static void flush(struct logger *l)
{
    const char *p = l->buffer;

    while (l->n_buffered) {
        ssize_t r = write(l->config.fd, p, l->n_buffered);

        if (r < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = l->config.fd, .events = POLLOUT}, 1, -1);
        } else if (r < 0 && errno != EINTR) {
            l->n_buffered = 0;
        } else if (r > 0) {
            p += r;
            l->n_buffered -= (size_t)r;
        }
    }
}

static void format_time(char text[16])
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    snprintf(text, 16, "%02u:%02u:%02u.%03u", (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
             (unsigned)tm.tm_sec % 100, (unsigned)(now.tv_nsec / 1000000) % 1000);
}

static void put(struct logger *l, enum log_level level, const char *facility, const char *text)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};
    char line[LINE_SIZE], when[16];
    int n;

    if (l->config.target == LOGGER_SYSLOG) {
        syslog(priorities[level], "%s: %s", facility, text);
        return;
    }
    if (l->config.journal) {
        n = snprintf(line, sizeof line, "<%d>%.40s: %s\n", priorities[level], facility, text);
    } else if (l->config.detailed) {
        format_time(when);
        n = snprintf(line, sizeof line, "%s %-7s %.40s: %s\n", when, log_level_name(level),
                     facility, text);
    } else {
        n = snprintf(line, sizeof line, "conjure: %.40s: %s\n", facility, text);
    }
    if (l->n_buffered + (size_t)n > sizeof l->buffer)
        flush(l);
    if (!l->n_buffered && l->config.prefix) {
        l->n_buffered = strnlen(l->config.prefix, LOGGER_PREFIX_MAX);
        memcpy(l->buffer, l->config.prefix, l->n_buffered);
    }
    memcpy(l->buffer + l->n_buffered, line, (size_t)n);
    l->n_buffered += (size_t)n;
}

static void on_entry(struct logger *l, struct logger_entry *m)
{
    put(l, (enum log_level)m->level, m->facility, m->text);
    atomic_fetch_sub_explicit(&l->n_waiting, 1, memory_order_relaxed);
}

static void on_shutdown(struct logger *l, struct logger_shutdown *m)
{
    /* The Shutdown of logger_stop, which needs no reply, may arrive after another that does. */
    if (!l->shutdown || m->msg.reply_to)
        l->shutdown = m;
}

MSG_DISPATCH(logger, LOGGER_TABLE, struct logger);

static void write_waiting(struct logger *l)
{
    struct msg *m;
    unsigned n_dropped;

    while ((m = channel_receive(&l->inbox.channel)))
        logger_dispatch(l, m);
    n_dropped = atomic_exchange_explicit(&l->n_dropped, 0, memory_order_relaxed);
    if (n_dropped) {
        char text[80];

        snprintf(text, sizeof text, "%u lines were dropped: too many at a time", n_dropped);
        put(l, LOG_LEVEL_WARNING, "logger", text);
    }
    flush(l);
}

static void *run(void *arg)
{
    struct logger *l = arg;

    while (!l->shutdown) {
        struct msg *m = channel_receive_wait(&l->inbox.channel, UINT64_MAX);

        if (m)
            logger_dispatch(l, m);
        write_waiting(l);
    }
    log_set_sink(NULL);
    channel_close(&l->inbox.channel);
    write_waiting(l);
    if (l->config.target == LOGGER_SYSLOG)
        closelog();
    if (l->shutdown->msg.reply_to)
        msg_reply(&l->shutdown->msg);
    return NULL;
}

bool logger_is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && !fstat(fd, &st) &&
           st.st_dev == device && st.st_ino == inode;
}

struct logger *logger_start(const struct logger_config *config)
{
    struct logger *l = &the_logger;
    int r;

    owner_assert(&l->starter);
    assert(!l->actor.running);
    l->actor = ACTOR_EMPTY;
    l->config = *config;
    l->shutdown = NULL;
    l->n_buffered = 0;
    atomic_store(&l->n_waiting, 0);
    atomic_store(&l->n_dropped, 0);
    waker_init_futex(&l->waker);
    channel_init(&l->inbox.channel, &l->waker);
    if (config->target == LOGGER_SYSLOG)
        openlog("conjure", LOG_PID | (config->also_stderr ? LOG_PERROR : 0), LOG_DAEMON);
    r = actor_start(&l->actor, "logger", run, l);
    if (r < 0) {
        channel_close(&l->inbox.channel);
        owner_release(&l->starter);
        errno = -r;
        return NULL;
    }
    log_set_sink(logger_sink);
    return l;
}

struct logger_inbox *logger_inbox(struct logger *l)
{
    return &l->inbox;
}

void logger_join(struct logger *l)
{
    if (!l)
        return;
    owner_assert(&l->starter);
    actor_join(&l->actor);
    owner_release(&l->starter);
}

void logger_stop(struct logger *l)
{
    if (!l)
        return;
    logger_init_shutdown(&l->own);
    /* Fails if an earlier Shutdown has closed the inbox: then Logger only needs to be joined. */
    (void)!channel_send(&l->inbox.channel, &l->own.msg);
    logger_join(l);
}
