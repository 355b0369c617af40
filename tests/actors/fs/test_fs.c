/* SPDX-License-Identifier: MIT */
#include "../fs/sample.h"

#include <errno.h>

#include "conjure/actors/fs.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/clock.h"
#include "conjure/fs/storage.h"

/* FS with real threads; the test plays Master, Lobby, InterestStat and a peer, all on one waker. */
struct world {
    struct sample sample;
    struct swarm swarm;
    struct torrent torrent;
    struct waker waker;
    struct master_inbox master;
    struct lobby_inbox lobby;
    struct peer_inbox {
        struct channel channel;
    } peer;
    struct fs *fs;
    struct storage *storage;
    bool trusting; /* torrents are opened so */
    struct bitfield completed;
    uint64_t stored[64]; /* of each piece, as InterestStat learned it */
    uint32_t n_failed, n_banned;
};

static const struct addr honest = {.ip = {10, 0, 0, 1}, .port = 1, .family = AF_INET};
static const struct addr liar = {.ip = {10, 0, 0, 2}, .port = 2, .family = AF_INET};

static struct msg *wait_at(struct channel *c)
{
    struct msg *m = NULL;
    uint64_t end = clock_now() + 20 * NS_PER_S;

    while (!m && clock_now() < end)
        m = channel_receive_wait(c, 100 * NS_PER_MS);
    ck_assert_ptr_nonnull(m);
    return m;
}

/* The next message to Master of this kind; others are progress. */
static struct msg *wait_master(struct world *w, uint16_t kind)
{
    for (;;) {
        struct msg *m = wait_at(&w->master.channel);

        if (m->kind == kind)
            return m;
        ck_assert_uint_eq(m->kind, master_kind_check_progress);
        msg_free(m);
    }
}

static void world_start(struct world *w)
{
    waker_init_futex(&w->waker);
    channel_init(&w->master.channel, &w->waker);
    channel_init(&w->lobby.channel, &w->waker);
    channel_init(&w->peer.channel, &w->waker);
    channel_init(&w->torrent.interest.channel, &w->waker);
    w->torrent.swarm = &w->swarm;
    w->torrent.meta = w->sample.meta;
    w->torrent.dir = w->sample.dir;
    w->torrent.resume_path = w->sample.resume;
    ck_assert_int_eq(bitfield_init(&w->completed, w->sample.n_pieces), 0);
    w->fs = fs_start(&w->master, &w->lobby, 2, 8);
    ck_assert_ptr_nonnull(w->fs);
}

static struct fs_open_torrent *world_open(struct world *w)
{
    struct fs_open_torrent *m = fs_new_open_torrent();

    m->torrent = &w->torrent;
    m->trusting = w->trusting;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(w, fs_kind_open_torrent), m);
    w->storage = m->storage;
    return m;
}

static void expect_opened(struct world *w, uint32_t n_have, uint32_t n_doubtful)
{
    struct fs_open_torrent *m = world_open(w);

    ck_assert_msg(m->error == 0, "%s", m->reason);
    ck_assert_uint_eq(m->have.n_set, n_have);
    ck_assert_uint_eq(m->n_doubtful, n_doubtful);
    bitfield_deinit(&m->have);
    stored_blocks_deinit(&m->stored);
    msg_free(&m->msg);
}

static void world_close(struct world *w)
{
    struct fs_close_torrent *m = fs_new_close_torrent();

    m->storage = w->storage;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(w, fs_kind_close_torrent), m);
    ck_assert_int_eq(m->error, 0);
    msg_free(&m->msg);
}

static void world_end(struct world *w)
{
    struct fs_shutdown *m = fs_new_shutdown();

    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_master(w, fs_kind_shutdown), m);
    msg_free(&m->msg);
    fs_join(w->fs);
    bitfield_deinit(&w->completed);
    waker_deinit(&w->waker);
    sample_free(&w->sample);
}

/* Sends blocks [first, first + n) of PIECE, right or wrong. */
static void send_blocks(struct world *w, uint32_t piece, uint32_t first, uint32_t n,
                        const struct addr *from, bool wrong)
{
    struct fs_store_blocks *m = fs_new_store_blocks();
    uint64_t at = (uint64_t)piece * w->sample.piece_length + (uint64_t)first * BLOCK_SIZE;
    uint64_t left = w->sample.length - at;

    m->storage = w->storage;
    m->piece = piece;
    m->first_block = first;
    m->n_blocks = n;
    m->claim = piece;
    m->blocks = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    m->from = *from;
    m->data = calloc(CLAIM_BLOCKS_MAX, BLOCK_SIZE);
    memcpy(m->data, w->sample.content + at,
           left < (uint64_t)n * BLOCK_SIZE ? left : (uint64_t)n * BLOCK_SIZE);
    if (wrong)
        m->data[5] ^= 1;
    m->msg.reply_to = &w->peer.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
}

static void receive_stored(struct world *w, int error)
{
    struct fs_store_blocks *m = (struct fs_store_blocks *)wait_at(&w->peer.channel);

    ck_assert_uint_eq(m->msg.kind, fs_kind_store_blocks);
    ck_assert_int_eq(m->error, error);
    free(m->data);
    msg_free(&m->msg);
}

static uint32_t n_blocks_of(const struct world *w, uint32_t piece)
{
    return geometry_n_blocks(metainfo_geometry(w->sample.meta), piece);
}

/* Takes one BlocksStored at InterestStat; false: the next message, a verdict, is *VERDICTP. */
static bool next_stored(struct world *w, struct msg **verdictp)
{
    struct msg *m = wait_at(&w->torrent.interest.channel);
    struct interest_blocks_stored *stored = (struct interest_blocks_stored *)m;

    if (m->kind != interest_kind_blocks_stored) {
        *verdictp = m;
        return false;
    }
    ck_assert_uint_ne(stored->blocks, 0);
    ck_assert_uint_eq(stored->claim, stored->piece);
    w->stored[stored->piece] |= stored->blocks << stored->first_block;
    msg_free(m);
    return true;
}

/* Every block of the piece was booked before. */
static void receive_verdict(struct world *w)
{
    struct interest_piece_completed *completed;
    struct interest_piece_failed *failed;
    struct msg *m;
    uint32_t piece;

    while (next_stored(w, &m))
        ;
    completed = (struct interest_piece_completed *)m;
    failed = (struct interest_piece_failed *)m;
    if (m->kind == interest_kind_piece_completed) {
        piece = completed->piece;
        ck_assert(bitfield_set(&w->completed, piece));
    } else {
        piece = failed->piece;
        w->n_failed++;
    }
    ck_assert_uint_eq(w->stored[piece], (UINT64_C(1) << n_blocks_of(w, piece)) - 1);
    w->stored[piece] = 0;
    msg_free(m);
}

static void make_two_files(struct world *w)
{
    static const struct sample_file files[] = {{"a", 700000}, {"sub/b", 1234567}, {"empty", 0}};
    struct rng rng;

    *w = (struct world){0};
    rng_seed(&rng, 3);
    sample_make(&w->sample, &rng, 65536, files, 3);
    world_start(w);
}

static void download_all(struct world *w)
{
    uint32_t n = w->sample.n_pieces;

    for (uint32_t piece = 0; piece < n; piece++)
        send_blocks(w, piece, 0, n_blocks_of(w, piece), &honest, false);
    for (uint32_t piece = 0; piece < n; piece++)
        receive_stored(w, 0);
    while (!bitfield_all(&w->completed))
        receive_verdict(w);
}

static void download(enum allocation allocation)
{
    struct world w;

    make_two_files(&w);
    w.torrent.allocation = allocation;
    expect_opened(&w, 0, 0);
    download_all(&w);
    for (uint32_t file = 0; file < 3; file++)
        ck_assert(sample_file_is_good(&w.sample, file));
    world_close(&w);
    expect_opened(&w, w.sample.n_pieces, 0);
    world_close(&w);
    world_end(&w);
}

START_TEST(a_download_is_stored_verified_and_remembered)
{
    download(ALLOCATION_SPARSE);
}
END_TEST

START_TEST(a_download_into_reserved_room)
{
    download(ALLOCATION_FULL);
}
END_TEST

START_TEST(a_download_in_order_of_arrival)
{
    download(ALLOCATION_COMPACT);
}
END_TEST

static void expect_booked(struct world *w, uint32_t piece, uint32_t first, uint64_t blocks)
{
    struct fs_store_blocks *m = (struct fs_store_blocks *)wait_at(&w->peer.channel);
    struct msg *none = NULL;

    ck_assert(m->msg.kind == fs_kind_store_blocks && !m->error);
    ck_assert_uint_eq(m->blocks, blocks);
    ck_assert(!channel_is_empty(&w->torrent.interest.channel));
    ck_assert(next_stored(w, &none));
    ck_assert_uint_eq(w->stored[piece], blocks << first);
    free(m->data);
    msg_free(&m->msg);
}

/* InterestStat has learned of blocks when the peer gets its reply (guarantee E), and the reply has
 * the same; also of those that another peer stored first. */
START_TEST(blocks_are_booked_before_the_reply)
{
    struct world w;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    send_blocks(&w, 3, 1, 2, &honest, false);
    expect_booked(&w, 3, 1, 3);
    w.stored[3] = 0;
    send_blocks(&w, 3, 0, 3, &honest, false);
    expect_booked(&w, 3, 0, 7);
    w.stored[3] = 0;
    send_blocks(&w, 3, 0, 2, &honest, false); /* nothing to write */
    expect_booked(&w, 3, 0, 3);
    ck_assert(channel_is_empty(&w.torrent.interest.channel));
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(a_liar_is_found_when_the_piece_passes)
{
    struct world w;
    struct lobby_ban *ban;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    send_blocks(&w, 0, 0, 2, &honest, false);
    send_blocks(&w, 0, 2, 2, &liar, true);
    receive_stored(&w, 0);
    receive_stored(&w, 0);
    receive_verdict(&w);
    ck_assert_uint_eq(w.n_failed, 1);
    ck_assert(channel_is_empty(&w.lobby.channel));
    send_blocks(&w, 0, 0, 4, &honest, false);
    receive_stored(&w, 0);
    receive_verdict(&w);
    ck_assert(bitfield_test(&w.completed, 0));
    ban = (struct lobby_ban *)wait_at(&w.lobby.channel);
    ck_assert(addr_equal(&ban->addr, &liar));
    msg_free(&ban->msg);
    ck_assert(channel_is_empty(&w.lobby.channel));
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(files_that_are_there_are_checked)
{
    struct fs_check_pieces *m;
    char path[640];
    struct world w;
    int fd;

    make_two_files(&w);
    for (uint32_t file = 0; file < 3; file++)
        sample_write_file(&w.sample, file);
    sample_path(&w.sample, 0, path);
    fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "wrong", 5, 70000), 5);
    close(fd);
    for (int all = 0; all < 2; all++) {
        expect_opened(&w, all ? w.sample.n_pieces - 1 : 0, all ? 0 : w.sample.n_pieces);
        m = fs_new_check_pieces();
        m->storage = w.storage;
        m->all = all;
        m->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), m);
        ck_assert_int_eq(m->error, 0);
        ck_assert_uint_eq(m->n_bad, 1);
        ck_assert_uint_eq(m->have.n_set, w.sample.n_pieces - 1);
        ck_assert(!bitfield_test(&m->have, 1));
        bitfield_deinit(&m->have);
        msg_free(&m->msg);
        world_close(&w);
    }
    world_end(&w);
}
END_TEST

START_TEST(what_has_changed_is_told_soon_after_opening)
{
    struct master_content_changed *m;
    struct world w;

    make_two_files(&w);
    for (uint32_t file = 0; file < 3; file++)
        sample_write_file(&w.sample, file);
    expect_opened(&w, 0, w.sample.n_pieces);
    download_all(&w);
    world_close(&w);
    w.trusting = true;
    expect_opened(&w, w.sample.n_pieces, 0);
    world_close(&w); /* perhaps in the midst of the look */
    ck_assert(channel_is_empty(&w.master.channel));
    sample_change_file(&w.sample, 1);
    expect_opened(&w, w.sample.n_pieces, 0);
    m = (struct master_content_changed *)wait_master(&w, master_kind_content_changed);
    ck_assert_ptr_eq(m->torrent, &w.torrent);
    ck_assert_uint_eq(m->file, 1);
    msg_free(&m->msg);
    world_close(&w);
    world_end(&w);
}
END_TEST

/* More than go to a worker at a time. */
START_TEST(many_are_opened_at_once)
{
    enum { N = 50 };
    static const struct sample_file files[] = {{"a", 40000}, {"b", 100}};
    struct torrent torrents[N] = {0};
    struct storage *storages[N];
    struct sample *samples = calloc(N, sizeof *samples);
    struct world w = {0};
    struct rng rng;

    rng_seed(&rng, 8);
    sample_make(&w.sample, &rng, 32768, files, 2);
    world_start(&w);
    for (unsigned i = 0; i < N; i++) {
        struct fs_open_torrent *m = fs_new_open_torrent();

        sample_make(&samples[i], &rng, 32768, files, 2);
        for (uint32_t file = 0; i % 3 && file < 2; file++)
            sample_write_file(&samples[i], file);
        torrents[i].meta = samples[i].meta;
        torrents[i].resume_path = samples[i].resume;
        torrents[i].dir = i == 17 ? "/proc/nothing/there" : samples[i].dir;
        m->torrent = &torrents[i];
        m->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
    }
    for (unsigned n = 0; n < N; n++) {
        struct fs_open_torrent *m = (struct fs_open_torrent *)wait_master(&w, fs_kind_open_torrent);
        unsigned i = (unsigned)(m->torrent - torrents);

        ck_assert_int_eq(m->error, i == 17 ? -ENOENT : 0);
        ck_assert_uint_eq(m->n_doubtful, i != 17 && i % 3 ? samples[i].n_pieces : 0);
        storages[i] = m->storage;
        bitfield_deinit(&m->have);
        stored_blocks_deinit(&m->stored);
        msg_free(&m->msg);
    }
    for (unsigned i = 0; i < N; i++) {
        w.storage = storages[i];
        if (i != 17)
            world_close(&w);
        sample_free(&samples[i]);
    }
    free(samples);
    world_end(&w);
}
END_TEST

START_TEST(closing_ends_a_check)
{
    struct fs_check_pieces *check = fs_new_check_pieces();
    struct fs_close_torrent *last = fs_new_close_torrent();
    struct world w;

    make_two_files(&w);
    for (uint32_t file = 0; file < 2; file++)
        sample_write_file(&w.sample, file);
    expect_opened(&w, 0, w.sample.n_pieces);
    check->storage = last->storage = w.storage;
    check->msg.reply_to = last->msg.reply_to = &w.master.channel;
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &check->msg));
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &last->msg));
    ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), check); /* first */
    ck_assert_ptr_eq(wait_master(&w, fs_kind_close_torrent), last);
    ck_assert_int_eq(check->error | last->error, 0);
    bitfield_deinit(&check->have);
    stored_blocks_deinit(&check->stored);
    msg_free(&check->msg);
    msg_free(&last->msg);
    world_end(&w);
}
END_TEST

/* Stopped over and over: nothing is lost, and nothing is hashed that was. */
START_TEST(a_check_that_is_stopped_goes_on)
{
    static const struct sample_file files[] = {{"large", 24u << 20}};
    struct world w = {0};
    struct rng rng;
    uint32_t had = 0;

    rng_seed(&rng, 5);
    sample_make(&w.sample, &rng, 32768, files, 1);
    sample_write_file(&w.sample, 0);
    world_start(&w);
    for (unsigned round = 0; round < 6; round++) {
        struct fs_check_pieces *check = fs_new_check_pieces();
        struct fs_open_torrent *opened = world_open(&w);
        struct fs_close_torrent *last = fs_new_close_torrent();

        ck_assert_int_eq(opened->error, 0);
        ck_assert_uint_ge(opened->have.n_set, had);
        ck_assert_uint_eq(opened->have.n_set + opened->n_doubtful, w.sample.n_pieces);
        had = opened->have.n_set;
        check->storage = last->storage = w.storage;
        check->msg.reply_to = last->msg.reply_to = &w.master.channel;
        ck_assert(channel_send(&fs_inbox(w.fs)->channel, &check->msg));
        if (round < 5)
            ck_assert(channel_send(&fs_inbox(w.fs)->channel, &last->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_check_pieces), check);
        if (round == 5)
            ck_assert(channel_send(&fs_inbox(w.fs)->channel, &last->msg));
        ck_assert_ptr_eq(wait_master(&w, fs_kind_close_torrent), last);
        ck_assert_int_eq(check->error | last->error, 0);
        had = check->have.n_set;
        ck_assert(round < 5 || had == w.sample.n_pieces);
        bitfield_deinit(&opened->have);
        stored_blocks_deinit(&opened->stored);
        bitfield_deinit(&check->have);
        stored_blocks_deinit(&check->stored);
        msg_free(&opened->msg);
        msg_free(&check->msg);
        msg_free(&last->msg);
    }
    world_end(&w);
}
END_TEST

START_TEST(a_file_is_leased_to_serve_from)
{
    struct fs_lease_file *m;
    struct fs_return_lease *back;
    struct world w;
    uint8_t bytes[100];

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    download_all(&w);
    m = fs_new_lease_file();
    m->storage = w.storage;
    m->file = 1;
    m->msg.reply_to = &w.peer.channel;
    ck_assert(channel_send(&fs_inbox(w.fs)->channel, &m->msg));
    ck_assert_ptr_eq(wait_at(&w.peer.channel), m);
    ck_assert_int_eq(m->error, 0);
    ck_assert_int_eq(pread(m->fd, bytes, 100, 5000), 100);
    ck_assert_mem_eq(bytes, w.sample.content + 705000, 100);
    back = fs_new_return_lease();
    back->handle = m->handle;
    ck_assert(fs_tell_return_lease(fs_inbox(w.fs), back));
    msg_free(&m->msg);
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(a_folder_that_cannot_be_had_is_told_with_its_name)
{
    struct fs_open_torrent *m;
    struct world w;

    make_two_files(&w);
    w.torrent.dir = "/proc/none/such";
    m = world_open(&w);
    ck_assert_int_ne(m->error, 0);
    ck_assert_ptr_nonnull(strstr(m->reason, "/proc/none/such"));
    msg_free(&m->msg);
    world_end(&w);
}
END_TEST

static void ask_to_open(struct world *w)
{
    struct fs_open_torrent *m = fs_new_open_torrent();

    m->torrent = &w->torrent;
    m->msg.reply_to = &w->master.channel;
    ck_assert(channel_send(&fs_inbox(w->fs)->channel, &m->msg));
}

/* Of many that wait to be opened none is, once that is over. */
START_TEST(what_waits_to_be_opened_can_be_called_off)
{
    struct world w;
    unsigned n = 1000, n_cancelled = 0;

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    for (unsigned i = 0; i < n; i++)
        ask_to_open(&w);
    fs_tell_or_drop_stop_opening(fs_inbox(w.fs), fs_new_stop_opening());
    ask_to_open(&w);
    for (unsigned i = 0; i <= n; i++) {
        struct fs_open_torrent *m = (struct fs_open_torrent *)wait_master(&w, fs_kind_open_torrent);

        ck_assert_int_ne(m->error, 0); /* it is open already */
        n_cancelled += m->error == -ECANCELED;
        msg_free(&m->msg);
    }
    ck_assert_uint_ge(n_cancelled, 2);
    world_close(&w);
    world_end(&w);
}
END_TEST

START_TEST(a_disk_that_refuses_is_told_once)
{
    struct master_storage_failed *m;
    struct world w;
    char path[640];

    make_two_files(&w);
    expect_opened(&w, 0, 0);
    snprintf(path, sizeof path, "%s/T/sub", w.sample.dir);
    ck_assert_int_eq(symlink("/tmp", path), 0);
    send_blocks(&w, 20, 0, 4, &honest, false);
    receive_stored(&w, -ELOOP);
    ck_assert(channel_is_empty(&w.torrent.interest.channel)); /* none of it is on disk */
    send_blocks(&w, 21, 0, 4, &honest, false);
    receive_stored(&w, -ELOOP);
    m = (struct master_storage_failed *)wait_master(&w, master_kind_storage_failed);
    ck_assert_ptr_nonnull(strstr(m->reason, "T/sub/b"));
    ck_assert_int_eq(m->error, ELOOP);
    msg_free(&m->msg);
    ck_assert(channel_is_empty(&w.master.channel));
    world_close(&w);
    world_end(&w);
}
END_TEST

RUN_SUITE("fs", 60, a_download_is_stored_verified_and_remembered, a_download_into_reserved_room,
          a_download_in_order_of_arrival, blocks_are_booked_before_the_reply,
          a_liar_is_found_when_the_piece_passes, files_that_are_there_are_checked,
          what_has_changed_is_told_soon_after_opening, many_are_opened_at_once,
          closing_ends_a_check, a_check_that_is_stopped_goes_on, a_file_is_leased_to_serve_from,
          a_folder_that_cannot_be_had_is_told_with_its_name,
          what_waits_to_be_opened_can_be_called_off, a_disk_that_refuses_is_told_once);
