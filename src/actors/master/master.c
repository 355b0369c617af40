/* SPDX-License-Identifier: MIT */
/*
 * Master runs in the process's first thread. It starts the other actors and wires them by pointer,
 * takes signals by signalfd, and ends everything in order:
 *
 *   1. every torrent is stopped (master_torrent.c); a second signal does not wait for that
 *   2. Timer, so that all ticks come home cancelled and nobody gets new ones
 *   3. Lobby, Announcer, Choker, Bandwidth and FS, side by side: nothing connects them any more
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/master/internal.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define FACILITY "master"

#define TICK_NS       NS_PER_S
#define ONE_SIGNAL_NS (200 * NS_PER_MS)

#define FILES_MAX   (1u << 20)
#define FILES_SPARE 64 /* wakers, trackers' sockets, resume data, workers' files */

/* --- the progress line -------------------------------------------------------------------- */

static void report_sum(struct master *m)
{
    struct master_status sum = {.state = MASTER_ENDED};

    for (struct managed *t = m->first; t; t = t->next) {
        unsigned state = t->life == LIFE_OPENING    ? MASTER_OPENING
                         : t->life == LIFE_CHECKING ? MASTER_CHECKING
                         : t->life != LIFE_RUNNING  ? MASTER_STOPPING
                         : t->complete              ? MASTER_SEEDING
                                                    : MASTER_DOWNLOADING;

        if (t->life == LIFE_ENDED && m->n_torrents > 1) {
            sum.n_torrents++;
            sum.verified += t->verified;
            sum.wanted += t->wanted;
            continue;
        }
        if (!sum.name)
            sum.name = metainfo_name(t->torrent.meta);
        sum.n_torrents++;
        /* What is least far says what we are doing; a torrent that stops says it only alone. */
        if ((unsigned)sum.state > state)
            sum.state = state;
        sum.verified += t->verified;
        sum.stored += t->stored_bytes;
        sum.wanted += t->wanted;
        sum.n_checked += t->n_checked;
        sum.n_to_check += t->n_to_check;
        sum.downloaded += t->downloaded;
        sum.uploaded += t->uploaded_before + t->uploaded;
        sum.down_rate += managed_down_rate(t);
        sum.up_rate += rate_get(&t->up, m->now);
        sum.n_peers += t->n_peers;
        sum.n_seeds += t->n_seeds;
    }
    m->config->report(m->config->report_arg, &sum, false);
}

/* Once a second, when the InterestStats have said how far they are. */
static void report_if_due(struct master *m)
{
    if (!m->report_due || m->n_asked)
        return;
    report_sum(m);
    m->report_due = false;
}

/* --- answers and news --------------------------------------------------------------------- */

static void on_torrent_completed(struct master *m, struct master_torrent_completed *x)
{
    managed_completed(managed_of(x->torrent));
}

static void on_super_seeded(struct master *m, struct master_super_seeded *x)
{
    managed_super_seeded(managed_of(x->torrent));
}

static void on_storage_failed(struct master *m, struct master_storage_failed *x)
{
    struct managed *t = managed_of(x->torrent);

    t->failed = true;
    managed_fail(t, x->error, x->reason);
    managed_stop(t);
}

static void on_content_changed(struct master *m, struct master_content_changed *x)
{
    managed_content_changed(managed_of(x->torrent), x->file);
}

static void on_check_progress(struct master *m, struct master_check_progress *x)
{
    struct managed *t = managed_of(x->torrent);

    t->n_checked = x->n_checked;
    t->n_to_check = x->n_to_check;
}

static void on_totals(struct master *m, struct master_totals *x)
{
    struct managed *t = managed_of(x->torrent);

    t->uploaded += x->uploaded;
    t->downloaded += x->downloaded;
    t->unsaved |= x->uploaded || x->downloaded;
    m->statistics.uploaded += x->uploaded;
    m->statistics.downloaded += x->downloaded;
    managed_expect_progress(t);
    rate_add(&t->up, x->uploaded, m->now);
    rate_add(&t->down, x->downloaded, m->now);
    managed_set_peers(t, x->n_peers, x->n_seeds);
}

static void on_tracker_says(struct master *m, struct master_tracker_says *x)
{
    struct managed *t = managed_of_swarm(x->swarm);

    managed_heard_tracker(t, x);
}

void master_stop_all(struct master *m)
{
    if (!m->stopping) {
        notify_stopping(&m->notify);
        fs_tell_or_drop_stop_opening(fs_inbox(m->fs), fs_new_stop_opening());
    }
    m->stopping = true;
    for (struct managed *t = m->first; t; t = t->next)
        managed_stop(t);
}

static void on_actor_died(struct master *m, struct master_actor_died *x)
{
    log_err(FACILITY, "%s cannot go on: %s", x->actor, x->reason);
    master_note_outcome(m, MASTER_ERROR);
    master_stop_all(m);
}

static void look_whether_ready(struct master *m)
{
    if (m->ready || m->stopping || m->n_in[LIFE_OPENING] || master_has_folder_work(m))
        return;
    m->ready = true;
    if (m->config->ready)
        m->config->ready(m->config->process_arg);
    master_say_ready(m);
}

static void reply_fs_open_torrent(struct master *m, struct fs_open_torrent *x)
{
    struct managed *t = managed_of(x->torrent);

    managed_opened(t, x);
    managed_answered(t);
    msg_free(&x->msg);
}

static void reply_fs_check_pieces(struct master *m, struct fs_check_pieces *x)
{
    struct managed *t = managed_of(x->of);

    managed_checked(t, x);
    managed_answered(t);
    msg_free(&x->msg);
}

static void reply_fs_save_resume(struct master *m, struct fs_save_resume *x)
{
    struct managed *t = managed_of(x->of);

    managed_note_save(t, x->error);
    t->saving = false;
    t->unsaved |= x->error != 0;
    managed_answered(t);
    msg_free(&x->msg);
}

static void reply_fs_close_torrent(struct master *m, struct fs_close_torrent *x)
{
    struct managed *t = managed_of(x->of);

    managed_note_save(t, x->error);
    t->torrent.storage = NULL;
    managed_answered(t);
    msg_free(&x->msg);
}

static void reply_interest_progress(struct master *m, struct interest_progress *x)
{
    struct managed *t = managed_of(x->of);

    t->asked_progress = false;
    m->n_asked--;
    t->unsaved |= t->verified != x->verified || t->stored_bytes != x->stored;
    t->verified = x->verified;
    t->stored_bytes = x->stored;
    managed_set_peers(t, x->n_peers, x->n_seeders);
    managed_answered(t);
    msg_free(&x->msg);
    report_if_due(m);
}

static void reply_interest_shutdown(struct master *m, struct interest_shutdown *x)
{
    struct managed *t = managed_of(x->of);

    interest_stat_join(t->interest_stat);
    t->interest_stat = NULL;
    super_seeder_join(t->super_seeder);
    t->super_seeder = NULL;
    managed_answered(t);
    msg_free(&x->msg);
}

static void reply_announcer_torrent_stopped(struct master *m, struct announcer_torrent_stopped *x)
{
    managed_answered(managed_of_swarm(x->swarm));
    msg_free(&x->msg);
}

static void reply_lobby_torrent_completed(struct master *m, struct lobby_torrent_completed *x)
{
    struct managed *t = managed_of_swarm(x->swarm);

    managed_all_told(t);
    managed_answered(t);
    msg_free(&x->msg);
}

static void reply_lobby_torrent_removed(struct master *m, struct lobby_torrent_removed *x)
{
    managed_answered(managed_of_swarm(x->swarm));
    msg_free(&x->msg);
}

static void ended(struct master *m, struct msg *x)
{
    m->n_shutdowns--;
    msg_free(x);
}

static void reply_fs_shutdown(struct master *m, struct fs_shutdown *x)
{
    ended(m, &x->msg);
}

static void reply_announcer_shutdown(struct master *m, struct announcer_shutdown *x)
{
    ended(m, &x->msg);
}

static void reply_lobby_shutdown(struct master *m, struct lobby_shutdown *x)
{
    ended(m, &x->msg);
}

static void reply_choker_shutdown(struct master *m, struct choker_shutdown *x)
{
    ended(m, &x->msg);
}

static void reply_bandwidth_shutdown(struct master *m, struct bandwidth_shutdown *x)
{
    ended(m, &x->msg);
}

static void reply_timer_shutdown(struct master *m, struct timer_shutdown *x)
{
    ended(m, &x->msg);
}

/* --- time --------------------------------------------------------------------------------- */

static void ask_for_tick(struct master *m)
{
    m->tick->delay_ns = TICK_NS;
    m->tick_out = master_ask_timer_after(&m->inbox, timer_inbox(m->timer), m->tick);
}

static void reply_timer_after(struct master *m, struct timer_after *x)
{
    m->tick_out = false;
    if (x->cancelled)
        return;
    m->n_ticks++;
    notify_alive(&m->notify, m->now);
    master_tick_status(m);
    for (struct managed *t = m->first, *next; t; t = next) {
        next = t->next;
        managed_tick(t);
    }
    if (m->config->daemon)
        master_tick_statistics(m);
    master_look_at_folders(m);
    m->report_due = m->config->report != NULL;
    report_if_due(m);
    ask_for_tick(m);
}

MSG_DISPATCH(master, MASTER_TABLE, struct master);

/* --- signals and the loop ----------------------------------------------------------------- */

static bool any_incomplete(const struct master *m)
{
    for (const struct managed *t = m->first; t; t = t->next)
        if (!t->complete)
            return true;
    return false;
}

/* Whoever asks twice does not care for goodbyes. Resume data stays as it was saved last. */
static noreturn void leave_at_once(struct master *m)
{
    if (m->config->cut_short)
        m->config->cut_short(m->config->process_arg);
    _exit((int)m->outcome);
}

static void take_signals(struct master *m)
{
    struct signalfd_siginfo info;

    while (read(m->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP && m->config->daemon) {
            master_reload(m);
            continue;
        }
        if (info.ssi_signo == SIGUSR1) {
            master_say_summary(m);
            continue;
        }
        /* timeout(1) and terminals signal the group and the process: that is not asking twice. */
        if (m->signalled && m->now - m->signalled_ns < ONE_SIGNAL_NS)
            continue;
        if (m->signalled)
            leave_at_once(m);
        log_notice(FACILITY, "%s: stopping", strsignal((int)info.ssi_signo));
        m->signalled = true;
        m->signalled_ns = m->now;
        if (!m->config->daemon && any_incomplete(m))
            master_note_outcome(m, MASTER_STOPPED);
        master_stop_all(m);
    }
}

/* Frees those that have ended and are to be forgotten. */
static void sweep(struct master *m)
{
    struct managed *next;

    if (!m->sweep_due)
        return;
    m->sweep_due = false;
    for (struct managed *t = m->first; t; t = next) {
        next = t->next;
        if (t->forget && t->life == LIFE_ENDED)
            managed_free(t);
    }
}

/* Not while a torrent is to be tried again; and a daemon ends with the last torrent only when it was told
 * which ones to take. */
static bool is_over(const struct master *m)
{
    if (m->n_in[LIFE_ENDED] != m->n_torrents)
        return false;
    if (m->stopping)
        return true;
    for (const struct managed *t = m->first; t; t = t->next)
        if (t->retry_ns)
            return false;
    return !m->config->daemon || (m->config->n_torrents && !m->config->torrents_dir && m->ready);
}

static void sleep_until_news(struct master *m)
{
    /* Nobody reads what the folders have to say once we stop. */
    const struct watch *known = m->stopping ? NULL : m->known;
    const struct watch *watched = m->stopping ? NULL : m->watched;
    struct pollfd fds[] = {{.fd = m->waker.fd, .events = POLLIN},
                           {.fd = m->signal_fd, .events = POLLIN},
                           {.fd = known ? watch_fd(known) : -1, .events = POLLIN},
                           {.fd = watched ? watch_fd(watched) : -1, .events = POLLIN}};

    waker_arm(&m->waker);
    if (channel_is_empty(&m->inbox.channel))
        poll(fds, N_ELEMENTS(fds), master_has_folder_work(m) ? 0 : -1);
    waker_disarm(&m->waker);
    if (fds[2].revents || fds[3].revents)
        master_look_at_folders(m);
}

/* Takes messages and signals until *N is zero, or, where N is NULL, until all torrents have ended.
 */
static void run_until(struct master *m, const unsigned *n)
{
    struct msg *x;

    for (;;) {
        m->now = clock_now();
        while ((x = channel_receive(&m->inbox.channel)))
            master_dispatch(m, x);
        take_signals(m);
        sweep(m);
        master_do_folder_work(m);
        look_whether_ready(m);
        if (n ? !*n : is_over(m))
            return;
        sleep_until_news(m);
    }
}

/* --- start and end ------------------------------------------------------------------------ */

static int open_signals(struct master *m)
{
    struct sigaction hangup;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    /* A blocked signal reaches a signalfd even if it is ignored, as nohup(1) wants it to be. To a
     * daemon it means something else. */
    if (m->config->daemon || sigaction(SIGHUP, NULL, &hangup) || hangup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    m->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return m->signal_fd < 0 ? -errno : 0;
}

/* How many files we may have open, after asking for all that we may ask for. */
static unsigned file_limit(void)
{
    struct rlimit limit;
    rlim_t before;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 1024;
    before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur != before && setrlimit(RLIMIT_NOFILE, &limit))
        limit.rlim_cur = before;
    return limit.rlim_cur > FILES_MAX ? FILES_MAX : (unsigned)limit.rlim_cur;
}

/* Shares the files that we may have open out to FS (*N_HANDLESP) and to connections (max_peers_possible). */
static void share_out_files(struct master *m, unsigned *n_handlesp)
{
    unsigned n = file_limit(), left;

    *n_handlesp = n > 4096 ? 1024 : n / 4;
    left = n - *n_handlesp;
    m->max_peers_possible = left > FILES_SPARE + 1 ? left - FILES_SPARE : 1;
    log_info(FACILITY, "at most %u connections and %u files", m->max_peers_possible, *n_handlesp);
}

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

/* The lock comes first: a daemon that is one too many is to hear of the other one. */
static int prepare(struct master *m)
{
    char path[PATH_MAX];
    int r = make_folders(m->config->state_dir);

    if (r) {
        log_err(FACILITY, "%s: %s", m->config->state_dir, strerror(-r));
        return r;
    }
    if (m->config->daemon)
        r = master_lock_state(m);
    if (!r)
        r = listen_on_port(m);
    if (m->config->daemon && !r)
        r = master_open_folders(m);
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

static int start_actors(struct master *m)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n_handles;
    struct lobby_options lobby = {
        .listen_fd = m->listen_fd,
    };

    share_out_files(m, &n_handles);
    lobby.max_peers = master_max_peers(m);
    m->timer = timer_start();
    if (!m->timer)
        return -errno;
    m->lobby = lobby_new();
    if (!m->lobby)
        return -errno;
    lobby.timer = timer_inbox(m->timer);
    m->choker = choker_start(lobby.timer, &m->inbox, 0);
    m->bandwidth = bandwidth_start();
    m->fs =
        fs_start(&m->inbox, lobby_inbox(m->lobby), n_cores > 0 ? (unsigned)n_cores : 1, n_handles);
    m->announcer = announcer_start(lobby.timer, lobby_inbox(m->lobby), &m->inbox, NULL);
    if (!m->choker || !m->bandwidth || !m->fs || !m->announcer)
        return -EAGAIN;
    master_tell_limits(m);
    lobby.announcer = announcer_inbox(m->announcer);
    lobby.choker = choker_inbox(m->choker);
    lobby.fs = fs_inbox(m->fs);
    lobby.bandwidth = bandwidth_inbox(m->bandwidth);
    return lobby_run(m->lobby, &lobby);
}

#define END(m, actor)                                                                  \
    do {                                                                               \
        struct actor##_shutdown *x = actor##_new_shutdown();                           \
                                                                                       \
        if (!master_ask_##actor##_shutdown(&(m)->inbox, actor##_inbox((m)->actor), x)) \
            abort();                                                                   \
        (m)->n_shutdowns++;                                                            \
    } while (0)

static void end_actors(struct master *m)
{
    END(m, timer);
    run_until(m, &m->n_shutdowns);
    END(m, lobby);
    END(m, announcer);
    END(m, choker);
    END(m, bandwidth);
    END(m, fs);
    run_until(m, &m->n_shutdowns);
    lobby_join(m->lobby);
    announcer_join(m->announcer);
    choker_join(m->choker);
    bandwidth_join(m->bandwidth);
    fs_join(m->fs);
    timer_join(m->timer);
}

enum master_outcome master_run(const struct master_config *config)
{
    struct master *m = NEW(struct master);
    enum master_outcome outcome = MASTER_ERROR;
    int r;

    m->config = config;
    m->lock_fd = m->listen_fd = m->signal_fd = -1;
    m->settings = config->settings;
    r = notify_open(&m->notify);
    if (r)
        log_warning(FACILITY, "NOTIFY_SOCKET: %s", strerror(-r));
    if (m->notify.watchdog_ns && m->notify.watchdog_ns < 2 * TICK_NS)
        log_warning(FACILITY, "a watchdog that waits for less than two seconds will bite");
    r = waker_init_eventfd(&m->waker);
    if (!r)
        r = open_signals(m);
    if (r) {
        log_err(FACILITY, "cannot start: %s", strerror(-r));
        goto out;
    }
    if (prepare(m))
        goto out;
    channel_init(&m->inbox.channel, &m->waker);
    m->now = clock_now();
    r = start_actors(m);
    if (r) {
        /* Without its actors the process has nothing to tidy up. */
        log_err(FACILITY, "cannot start: %s", strerror(-r));
        goto out;
    }
    m->by_hash = KEY_MAP(struct managed, info_hash);
    m->tick = timer_new_after();
    if (config->daemon)
        master_begin_statistics(m);
    for (uint32_t i = 0; i < config->n_torrents; i++) {
        struct managed *t = managed_new(m, &config->torrents[i]);

        t->lasting.named = true;
        if (config->daemon)
            managed_be_known(t);
        managed_open(t);
    }
    ask_for_tick(m);
    run_until(m, NULL);
    master_close_folders(m);
    end_actors(m);
    m->now = clock_now();
    master_end_state(m);
    outcome = m->outcome;
    while (m->first)
        managed_free(m->first);
    key_map_deinit(&m->by_hash);
    msg_free(&m->tick->msg);
    channel_close(&m->inbox.channel);
out:
    notify_close(&m->notify);
    master_settings_deinit(&m->settings);
    watch_free(m->known);
    watch_free(m->watched);
    if (m->listen_fd >= 0 && !m->lobby)
        close(m->listen_fd);
    if (m->lock_fd >= 0)
        close(m->lock_fd);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    waker_deinit(&m->waker);
    free(m->dir);
    free(m);
    return outcome;
}
