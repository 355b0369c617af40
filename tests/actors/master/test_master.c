/* SPDX-License-Identifier: MIT */
/* Master and all actors, in a folder of the test's own. Each test is a process. */
#include "../../suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/actors/lobby.h"
#include "conjure/actors/master.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

static char folder[64], out[96], state[96];
static struct master_torrent_config torrent;
static struct master_config config;
static struct master_status finished;
static unsigned n_finished, n_ready;

static void keep_finished(void *arg, const struct master_status *status, enum master_report kind)
{
    if (kind != MASTER_REPORT_FINISHED)
        return;
    n_finished++;
    finished = *status;
    finished.name = NULL;
}

static void stop_when_ready(void *arg)
{
    n_ready++;
    kill(getpid(), SIGTERM);
}

enum file { FILE_MISSING, FILE_EXISTS };

/* A torrent of a file of 1000 zero bytes, without a tracker. */
static void begin(enum file content)
{
    static const uint8_t hash[20] = {0xc5, 0x77, 0xf7, 0xa3, 0x76, 0x57, 0x05, 0x32, 0x75, 0xf3,
                                     0xe3, 0xec, 0xc0, 0x6e, 0xc2, 0x2e, 0x6b, 0x90, 0x93, 0x66};
    char text[160] = "d4:infod6:lengthi1000e4:name4:file12:piece lengthi16384e6:pieces20:";
    char reason[METAINFO_REASON_MAX], path[128];
    size_t n = strlen(text);

    log_threshold = LOG_LEVEL_ERR;
    strcpy(folder, "/tmp/conjure-master-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(state, sizeof state, "%s/state/deep", folder);
    memcpy(text + n, hash, 20);
    memcpy(text + n + 20, "ee", 2);
    ck_assert_msg(!metainfo_parse((uint8_t *)text, n + 22, &torrent.meta, reason), "%s", reason);
    ck_assert(!mkdir(out, 0777));
    snprintf(path, sizeof path, "%s/file", out);
    if (content == FILE_EXISTS) {
        FILE *f = fopen(path, "w");

        ck_assert(f && !fclose(f) && !truncate(path, 1000));
    }
    config = (struct master_config){
        .torrents = &torrent,
        .n_torrents = 1,
        .dir = out,
        .state_dir = state,
        .settings = MASTER_SETTINGS_EMPTY,
        .report = keep_finished,
    };
}

static void end(void)
{
    char command[160];

    metainfo_free(torrent.meta);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert(!system(command));
}

START_TEST(complete_content_ends_the_run_at_once)
{
    begin(FILE_EXISTS);
    ck_assert_int_eq(master_run(&config), MASTER_DONE);
    ck_assert_ptr_null(torrent.meta); /* taken over */
    ck_assert_uint_eq(n_finished, 1);
    ck_assert_int_eq(finished.state, MASTER_SEEDING);
    ck_assert_uint_eq(finished.wanted, 1000);
    ck_assert_uint_eq(finished.downloaded, 0);
    end();
}
END_TEST

START_TEST(a_signal_stops_a_download)
{
    begin(FILE_MISSING);
    config.ready = stop_when_ready;
    ck_assert_int_eq(master_run(&config), MASTER_STOPPED);
    ck_assert_uint_eq(n_ready, 1);
    ck_assert_uint_eq(n_finished, 1);
    ck_assert_int_eq(finished.state, MASTER_STOPPING);
    end();
}
END_TEST

START_TEST(a_signal_ends_a_daemon_normally_and_state_is_saved)
{
    char path[160];

    begin(FILE_EXISTS);
    config.daemon = true;
    config.ready = stop_when_ready;
    ck_assert_int_eq(master_run(&config), MASTER_DONE);
    snprintf(path, sizeof path, "%s/statistics", state);
    ck_assert(!access(path, F_OK));
    snprintf(path, sizeof path, "ls %s/torrents/*.known >/dev/null", state);
    ck_assert(!system(path));
    end();
}
END_TEST

START_TEST(a_daemon_ends_when_a_torrent_of_its_command_line_cannot_be_opened)
{
    char path[128];

    begin(FILE_EXISTS);
    config.daemon = true;
    config.ready = stop_when_ready;
    snprintf(path, sizeof path, "%s/file/below", out); /* below a file */
    torrent.folder = mem_dup_string(path);
    ck_assert_int_eq(master_run(&config), MASTER_ERROR);
    ck_assert_uint_eq(n_ready, 0);
    end();
}
END_TEST

START_TEST(a_folder_that_cannot_be_made_ends_the_start)
{
    begin(FILE_EXISTS);
    snprintf(state, sizeof state, "%s/out/file/state", folder);
    ck_assert_int_eq(master_run(&config), MASTER_ERROR);
    ck_assert_ptr_nonnull(torrent.meta); /* still the caller's */
    end();
}
END_TEST

START_TEST(a_port_that_is_taken_ends_the_start_or_the_next_is_tried)
{
    int fd;

    begin(FILE_EXISTS);
    ck_assert(!lobby_listen(0, &fd, &config.port));
    config.last_port = config.port;
    ck_assert_int_eq(master_run(&config), MASTER_ERROR);
    ck_assert_uint_eq(n_finished, 0);
    config.last_port = config.port > 65000 ? UINT16_MAX : config.port + 100;
    ck_assert_int_eq(master_run(&config), MASTER_DONE);
    close(fd);
    end();
}
END_TEST

RUN_SUITE("master", 20, complete_content_ends_the_run_at_once, a_signal_stops_a_download,
          a_signal_ends_a_daemon_normally_and_state_is_saved,
          a_daemon_ends_when_a_torrent_of_its_command_line_cannot_be_opened,
          a_folder_that_cannot_be_made_ends_the_start,
          a_port_that_is_taken_ends_the_start_or_the_next_is_tried);
