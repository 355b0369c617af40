/* SPDX-License-Identifier: MIT */
/*
 * Master runs in the process's first thread: it starts the other actors and gives each the inboxes
 * that it sends to, takes signals, and ends everything in this order:
 *
 *   1. every torrent is stopped (torrent.c); a second signal ends the process before that
 *   2. Timer, so that all ticks return cancelled and no actor gets a new one
 *   3. Lobby, Announcer, Choker, Bandwidth and FS, in parallel
 *
 * No other file of this folder calls this one: they pass requests to the loop as flags in struct
 * master.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/master/actors.h"
#include "actors/master/folders.h"
#include "actors/master/internal.h"
#include "actors/master/record.h"
#include "actors/master/report.h"
#include "actors/master/settings.h"
#include "actors/master/state.h"
#include "actors/master/summary.h"
#include "actors/master/torrent.h"
#include "conjure/actors/fs.h"
#include "conjure/actors/lobby.h"
#include "conjure/actors/timer.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"
#include "conjure/base/size.h"

#define FACILITY "master"

#define TICK_NS NS_PER_S

/* --- messages ----------------------------------------------------------------------------- */

/* Once a second, when the InterestStats have replied. */
static void report_if_due(struct master *m)
{
    if (!m->report_due || m->n_asked)
        return;
    report_progress(m);
    m->report_due = false;
}

static void on_torrent_completed(struct master *m, struct master_torrent_completed *x)
{
    torrent_completed(record_of(x->torrent));
}

static void on_super_seeded(struct master *m, struct master_super_seeded *x)
{
    torrent_super_seeded(record_of(x->torrent));
}

static void on_storage_failed(struct master *m, struct master_storage_failed *x)
{
    torrent_storage_failed(record_of(x->torrent), x);
}

static void on_content_changed(struct master *m, struct master_content_changed *x)
{
    torrent_content_changed(record_of(x->torrent), x);
}

static void on_check_progress(struct master *m, struct master_check_progress *x)
{
    struct master_torrent *t = record_of(x->torrent);

    t->n_checked = x->n_checked;
    t->n_to_check = x->n_to_check;
}

static void on_totals(struct master *m, struct master_totals *x)
{
    torrent_note_totals(record_of(x->torrent), x);
}

static void on_tracker_says(struct master *m, struct master_tracker_says *x)
{
    torrent_announced(record_of_swarm(x->swarm), x);
}

static void reply_fs_open_torrent(struct master *m, struct fs_open_torrent *x)
{
    torrent_reply_open(record_of(x->torrent), x);
}

static void reply_fs_check_pieces(struct master *m, struct fs_check_pieces *x)
{
    torrent_reply_check(record_of(x->of), x);
}

static void reply_fs_save_resume(struct master *m, struct fs_save_resume *x)
{
    torrent_reply_save(record_of(x->of), x);
}

static void reply_fs_close_torrent(struct master *m, struct fs_close_torrent *x)
{
    torrent_reply_close(record_of(x->of), x);
}

static void reply_interest_progress(struct master *m, struct interest_progress *x)
{
    torrent_reply_progress(record_of(x->of), x);
    report_if_due(m);
}

static void reply_interest_shutdown(struct master *m, struct interest_shutdown *x)
{
    torrent_reply_interest_shutdown(record_of(x->of), x);
}

static void reply_announcer_torrent_stopped(struct master *m, struct announcer_torrent_stopped *x)
{
    torrent_replied(record_of_swarm(x->swarm), &x->msg);
}

static void reply_lobby_torrent_completed(struct master *m, struct lobby_torrent_completed *x)
{
    torrent_reply_completed(record_of_swarm(x->swarm), x);
}

static void reply_lobby_torrent_removed(struct master *m, struct lobby_torrent_removed *x)
{
    torrent_replied(record_of_swarm(x->swarm), &x->msg);
}

static void actor_ended(struct master *m, struct msg *x)
{
    m->n_shutdowns--;
    msg_free(x);
}

static void reply_fs_shutdown(struct master *m, struct fs_shutdown *x)
{
    actor_ended(m, &x->msg);
}

static void reply_announcer_shutdown(struct master *m, struct announcer_shutdown *x)
{
    actor_ended(m, &x->msg);
}

static void reply_lobby_shutdown(struct master *m, struct lobby_shutdown *x)
{
    actor_ended(m, &x->msg);
}

static void reply_choker_shutdown(struct master *m, struct choker_shutdown *x)
{
    actor_ended(m, &x->msg);
}

static void reply_bandwidth_shutdown(struct master *m, struct bandwidth_shutdown *x)
{
    actor_ended(m, &x->msg);
}

static void reply_timer_shutdown(struct master *m, struct timer_shutdown *x)
{
    actor_ended(m, &x->msg);
}

/* --- the service manager ------------------------------------------------------------------ */

static const char *status_of(struct master *m, char status[80])
{
    m->n_torrents_notified = m->n_torrents;
    snprintf(status, 80, "%u torrent%s, port %u", m->n_torrents, size_plural(m->n_torrents),
             m->port);
    return status;
}

static void notify_if_changed(struct master *m)
{
    char status[80];

    if (m->ready && !m->stopping && m->n_torrents != m->n_torrents_notified)
        notify_status(&m->notify, status_of(m, status));
}

static void notify_that_ready(struct master *m)
{
    char status[80];

    notify_ready(&m->notify, status_of(m, status));
}

/* --- time --------------------------------------------------------------------------------- */

static void ask_for_tick(struct master *m)
{
    m->tick->delay_ns = TICK_NS;
    if (!master_ask_timer_after(&m->inbox, timer_inbox(m->timer), m->tick))
        abort(); /* Timer ends after the last torrent */
}

/* Whether the reply to a Progress is overdue. An InterestStat without peers is not asked. */
static bool interest_hangs(const struct master *m)
{
    for (const struct master_torrent *t = m->first; t && m->n_asked; t = t->next)
        if (t->asked_progress_ns && m->now - t->asked_progress_ns > m->notify.watchdog_ns / 4)
            return true;
    return false;
}

static void reply_timer_after(struct master *m, struct timer_after *x)
{
    if (x->cancelled)
        return;
    m->n_ticks++;
    master_settings_fit_connections(m);
    if (m->notify.watchdog_ns && watchdog_tick(&m->watchdog, m->now, m->notify.watchdog_ns) &&
        !interest_hangs(m))
        notify_alive(&m->notify);
    notify_if_changed(m);
    for (struct master_torrent *t = m->first, *next; t; t = next) {
        next = t->next;
        torrent_tick(t);
    }
    if (m->config->daemon)
        state_tick(m);
    folders_look(m);
    m->report_due = m->config->report != NULL;
    report_if_due(m);
    ask_for_tick(m);
}

MSG_DISPATCH(master, MASTER_TABLE, struct master);

/* --- signals and the loop ----------------------------------------------------------------- */

/* Stops every torrent; the process ends when they are closed. */
static void stop_all(struct master *m)
{
    if (!m->stopping) {
        notify_stopping(&m->notify);
        fs_tell_or_drop_stop_opening(fs_inbox(m->fs), fs_new_stop_opening());
    }
    m->stopping = true;
    for (struct master_torrent *t = m->first; t; t = t->next)
        torrent_stop(t);
}

static bool any_incomplete(const struct master *m)
{
    for (const struct master_torrent *t = m->first; t; t = t->next)
        if (!t->complete)
            return true;
    return false;
}

/* Does not wait for trackers or the disk. Resume data stays as it was saved last. */
static noreturn void exit_at_once(struct master *m)
{
    if (m->config->cut_short)
        m->config->cut_short(m->config->process_arg);
    _exit((int)m->outcome);
}

static void stop_by_signal(struct master *m, int number)
{
    log_notice(FACILITY, "%s: stopping", strsignal(number));
    m->signalled = true;
    if (!m->config->daemon && any_incomplete(m))
        master_note_outcome(m, MASTER_STOPPED);
    stop_all(m);
}

static void reload(struct master *m)
{
    if (!m->config->reload || m->stopping)
        return;
    if (m->ready)
        notify_reloading(&m->notify);
    master_settings_reload(m);
    if (m->ready)
        notify_that_ready(m);
}

static void take_signals(struct master *m)
{
    enum signals_request request;
    int number;

    while ((request = signals_next(&m->signals, m->now, &number))) {
        switch (request) {
        case SIGNALS_RELOAD:
            reload(m);
            break;
        case SIGNALS_SUMMARY:
            summary_log(m);
            break;
        case SIGNALS_STOP_AT_ONCE:
            exit_at_once(m);
        default:
            stop_by_signal(m, number);
        }
    }
}

static void become_ready(struct master *m)
{
    if (m->ready || m->stopping || m->n_in[LIFE_OPENING] || m->n_in[LIFE_CANCELLED] ||
        folders_have_work(m))
        return;
    m->ready = true;
    if (m->config->ready)
        m->config->ready(m->config->process_arg);
    if (m->config->daemon)
        master_settings_log_unused_sections(m);
    notify_that_ready(m);
}

/* A torrent that waits for a retry, or is held, keeps the process running. A daemon ends with its
 * last torrent only if all came from the command line. */
static bool is_over(const struct master *m)
{
    if (m->n_in[LIFE_CLOSED] != m->n_torrents)
        return false;
    if (m->stopping)
        return true;
    for (const struct master_torrent *t = m->first; t; t = t->next)
        if (t->retry_ns || t->held)
            return false;
    return !m->config->daemon || (m->config->n_torrents && !m->config->torrents_dir && m->ready);
}

static void sleep_until_woken(struct master *m)
{
    struct pollfd fds[] = {{.fd = m->waker.fd, .events = POLLIN},
                           {.fd = m->signals.fd, .events = POLLIN},
                           {.fd = -1, .events = POLLIN},
                           {.fd = -1, .events = POLLIN}};

    folders_fds(m, &fds[2].fd, &fds[3].fd);
    waker_arm(&m->waker);
    if (channel_is_empty(&m->inbox.channel))
        poll(fds, N_ELEMENTS(fds), folders_have_work(m) ? 0 : -1);
    waker_disarm(&m->waker);
    if (fds[2].revents || fds[3].revents)
        folders_look(m);
}

/* Handles messages and signals until *N is 0, or, if N is NULL, until all torrents are closed. */
static void run_until(struct master *m, const unsigned *n)
{
    struct msg *x;

    for (;;) {
        m->now = clock_now();
        while ((x = channel_receive(&m->inbox.channel)))
            master_dispatch(m, x);
        take_signals(m);
        if (m->start_failed && !m->stopping)
            stop_all(m);
        torrent_sweep(m);
        folders_work(m);
        become_ready(m);
        if (n ? !*n : is_over(m))
            return;
        sleep_until_woken(m);
    }
}

/* --- start and end ------------------------------------------------------------------------ */

static int make_folders(const char *path)
{
    char *copy = mem_dup_string(path);
    int r = 0;

    for (char *p = copy + 1; *p && !r; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        r = mkdir(copy, 0777) && errno != EEXIST ? -errno : 0;
        *p = '/';
    }
    if (!r)
        r = mkdir(copy, 0777) && errno != EEXIST ? -errno : 0;
    free(copy);
    return r;
}

static int listen_on_port(struct master *m)
{
    const struct master_config *c = m->config;
    int r = 0;

    for (unsigned port = c->port; port <= c->last_port; port++) {
        r = lobby_listen((uint16_t)port, &m->listen_fd, &m->port);
        if (r != -EADDRINUSE)
            break;
    }
    if (r)
        log_err(FACILITY, "port %u%s: %s", c->port, c->last_port > c->port ? " and following" : "",
                strerror(-r));
    return r;
}

/* The lock comes first, so that the error of a second daemon names the first daemon and not the
 * port in use. */
static int prepare(struct master *m)
{
    char path[PATH_MAX];
    int r = make_folders(m->config->state_dir);

    if (r) {
        log_err(FACILITY, "%s: %s", m->config->state_dir, strerror(-r));
        return r;
    }
    if (m->config->daemon)
        r = state_lock_folder(m);
    if (!r)
        r = listen_on_port(m);
    if (m->config->daemon && !r)
        r = folders_open(m);
    if (r)
        return r;
    r = make_folders(m->config->dir);
    if (r || !realpath(m->config->dir, path)) {
        r = r ? r : -errno;
        log_err(FACILITY, "%s: %s", m->config->dir, strerror(-r));
        return r;
    }
    m->dir = mem_dup_string(path);
    return 0;
}

static int open_channels(struct master *m)
{
    int r = notify_open(&m->notify);

    if (r)
        log_warning(FACILITY, "NOTIFY_SOCKET: %s", strerror(-r));
    if (m->notify.watchdog_ns && m->notify.watchdog_ns < 2 * TICK_NS)
        log_warning(FACILITY,
                    "WATCHDOG_USEC: below two seconds, the service manager will end the process");
    r = waker_init_eventfd(&m->waker);
    if (!r)
        r = signals_open(&m->signals, m->config->daemon);
    if (!r)
        channel_init(&m->inbox.channel, &m->waker);
    return r;
}

/* Ends the actors that run. No torrent does. */
static void end_actors(struct master *m)
{
    folders_close(m);
    m->stopping = true;
    actors_end_timer(m);
    run_until(m, &m->n_shutdowns);
    actors_end_others(m);
    run_until(m, &m->n_shutdowns);
    actors_join(m);
    channel_close(&m->inbox.channel);
}

/* From the start of the torrents to the end of the actors. */
static void run(struct master *m)
{
    const struct master_config *c = m->config;

    m->tick = timer_new_after();
    actors_watch(m);
    if (c->daemon)
        state_begin_statistics(m);
    for (uint32_t i = 0; i < c->n_torrents; i++) {
        struct master_torrent *t = record_new(m, &c->torrents[i]);

        t->lasting.named = true;
        if (c->daemon)
            record_save_known(t);
        torrent_start(t);
    }
    ask_for_tick(m);
    run_until(m, NULL);
    end_actors(m);
    m->now = clock_now();
    state_end(m);
    while (m->first)
        record_free(m->first);
    msg_free(&m->tick->msg);
}

static void master_free(struct master *m)
{
    notify_close(&m->notify);
    master_settings_deinit(&m->settings);
    folders_close(m);
    key_map_deinit(&m->by_hash);
    content_paths_deinit(&m->paths);
    if (m->listen_fd >= 0)
        close(m->listen_fd);
    if (m->lock_fd >= 0)
        close(m->lock_fd);
    signals_close(&m->signals);
    waker_deinit(&m->waker);
    free(m->dir);
    free(m);
}

enum master_outcome master_run(const struct master_config *config)
{
    struct master *m = NEW(struct master);
    enum master_outcome outcome = MASTER_ERROR;
    int r;

    m->config = config;
    m->lock_fd = m->listen_fd = -1;
    m->signals = SIGNALS_EMPTY;
    m->settings = config->settings;
    m->by_hash = KEY_MAP(struct master_torrent, info_hash);
    m->paths = CONTENT_PATHS();
    r = open_channels(m);
    if (!r && !prepare(m)) {
        m->now = clock_now();
        r = actors_start(m);
        if (r) {
            end_actors(m);
        } else {
            run(m);
            outcome = m->outcome;
        }
    }
    if (r)
        log_err(FACILITY, "cannot start: %s", strerror(-r));
    master_free(m);
    return outcome;
}
