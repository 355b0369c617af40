/* SPDX-License-Identifier: MIT */
#include "../stub_inbox.h"

#include <pthread.h>
#include <string.h>

#include "conjure/actors/interest_stat.h"
#include "conjure/base/rng.h"
#include "conjure/base/sha1.h"
#include "conjure/bencode/writer.h"
#include "conjure/torrent/metainfo.h"

static struct swarm swarm = {.id = 7};
static struct torrent torrent;
static struct stub_inbox master, lobby;
static struct interest_stat *is;

static struct stub_inbox reports; /* replies to reports of peers */

/* One file, and hashes that nothing in here reads. */
static struct metainfo *make_meta(uint32_t n_pieces, uint32_t piece_length)
{
    struct bencode_writer w = BENCODE_WRITER_EMPTY;
    uint8_t *hashes = calloc(n_pieces, SHA1_SIZE);
    char reason[METAINFO_REASON_MAX];
    struct metainfo *meta = NULL;

    bencode_begin_dict(&w);
    bencode_put_key(&w, "info");
    bencode_begin_dict(&w);
    bencode_put_key(&w, "length");
    bencode_put_integer(&w, (int64_t)n_pieces * piece_length);
    bencode_put_key(&w, "name");
    bencode_put_text(&w, "T");
    bencode_put_key(&w, "piece length");
    bencode_put_integer(&w, piece_length);
    bencode_put_key(&w, "pieces");
    bencode_put_string(&w, hashes, (size_t)n_pieces * SHA1_SIZE);
    bencode_end(&w);
    bencode_end(&w);
    free(hashes);
    ck_assert_int_eq(bencode_writer_finish(&w), 0);
    ck_assert_msg(metainfo_parse(w.bytes, w.n, &meta, reason) == 0, "%s", reason);
    bencode_writer_deinit(&w);
    return meta;
}

static void begin_with(uint32_t n_pieces, uint32_t n_blocks, uint32_t n_have,
                       const struct stored_blocks *stored)
{
    struct bitfield have;

    torrent =
        (struct torrent){.swarm = &swarm,
                         .meta = make_meta(n_pieces, n_blocks * BLOCK_SIZE),
                         .geometry = {.total_length = (uint64_t)n_pieces * n_blocks * BLOCK_SIZE,
                                      .piece_length = n_blocks * BLOCK_SIZE,
                                      .n_pieces = n_pieces}};
    ck_assert_int_eq(bitfield_init(&have, n_pieces), 0);
    for (uint32_t i = 0; i < n_have; i++)
        bitfield_set(&have, i);
    stub_inbox_init(&master);
    stub_inbox_init(&lobby);
    stub_inbox_init(&reports);
    is = interest_stat_start(&torrent, &have, stored, &master.master, &lobby.lobby);
    ck_assert_ptr_nonnull(is);
}

static void begin(uint32_t n_pieces, uint32_t n_blocks, uint32_t n_have)
{
    begin_with(n_pieces, n_blocks, n_have, &STORED_BLOCKS_EMPTY);
}

static void end(void)
{
    struct interest_shutdown *m = interest_new_shutdown();
    struct msg *left;

    ck_assert(master_ask_interest_shutdown(&master.master, &torrent.interest, m));
    ck_assert_ptr_eq(expect(&master, interest_kind_shutdown), m);
    ck_assert(channel_is_closed(&torrent.interest.channel));
    msg_free(&m->msg);
    interest_stat_join(is);
    metainfo_free(torrent.meta);
    while ((left = channel_receive(&lobby.channel)))
        msg_free(left);
}

enum pieces {
    NO_PIECE,
    ALL_PIECES,
};

static void join(struct stub_inbox *p, uint32_t peer, enum pieces pieces)
{
    struct interest_peer_joined *m = interest_new_peer_joined();

    m->peer = peer;
    m->inbox = &p->peer;
    m->has_all = pieces == ALL_PIECES;
    ck_assert(interest_tell_peer_joined(&torrent.interest, m));
}

static struct interest_next_piece *ask(struct stub_inbox *p, uint32_t peer, uint32_t n_blocks)
{
    struct interest_next_piece *m = interest_new_next_piece();

    m->peer = peer;
    m->n_blocks = n_blocks;
    ck_assert(peer_ask_interest_next_piece(&p->peer, &torrent.interest, m));
    return m;
}

/* As FS: blocks of a claim are on disk. */
static void store(uint64_t claim, uint32_t piece, uint32_t first_block, uint64_t blocks)
{
    struct interest_blocks_stored *m = interest_new_blocks_stored();

    m->claim = claim;
    m->piece = piece;
    m->first_block = first_block;
    m->blocks = blocks;
    ck_assert(interest_tell_blocks_stored(&torrent.interest, m));
}

static void give_back(uint32_t peer, uint64_t claim)
{
    struct interest_claim_returned *m = interest_new_claim_returned();

    m->peer = peer;
    m->claim = claim;
    ck_assert(interest_tell_claim_returned(&torrent.interest, m));
}

static void complete(uint32_t piece)
{
    struct interest_piece_completed *m = interest_new_piece_completed();

    m->piece = piece;
    ck_assert(interest_tell_piece_completed(&torrent.interest, m));
}

static void got(uint32_t peer, uint32_t piece)
{
    struct interest_peer_got_piece *m = interest_new_peer_got_piece();

    m->peer = peer;
    piece_list_add(&m->pieces, piece);
    ck_assert(peer_ask_interest_peer_got_piece(&reports.peer, &torrent.interest, m));
    ck_assert_ptr_eq(expect(&reports, interest_kind_peer_got_piece), m);
    msg_free(&m->msg);
}

static void leave(struct stub_inbox *p, uint32_t peer)
{
    struct interest_peer_left *m = interest_new_peer_left();

    m->peer = peer;
    ck_assert(peer_ask_interest_peer_left(&p->peer, &torrent.interest, m));
}

static void expect_interest(struct stub_inbox *p, bool interested)
{
    struct peer_interest *m = expect(p, peer_kind_interest);

    ck_assert_int_eq(m->interested, interested);
    msg_free(&m->msg);
}

START_TEST(a_torrent_from_first_claim_to_completion)
{
    struct stub_inbox a, b;
    struct interest_next_piece *next, *again;
    struct interest_have_piece *have = interest_new_have_piece();
    struct interest_progress *progress = interest_new_progress();
    struct lobby_have *to_lobby;
    struct peer_have *to_peer;

    begin(3, 4, 2);
    stub_inbox_init(&a);
    stub_inbox_init(&b);
    join(&a, 1, ALL_PIECES);
    expect_interest(&a, true);
    join(&b, 2, NO_PIECE);
    next = ask(&a, 1, 64);
    ck_assert_ptr_eq(expect(&a, interest_kind_next_piece), next);
    ck_assert(next->claim.id && next->claim.piece == 2 && next->claim.blocks == 15);
    store(next->claim.id, 2, 0, 15);
    complete(2);
    to_peer = expect(&b, peer_kind_have); /* none for the seed */
    ck_assert_uint_eq(to_peer->piece, 2);
    to_lobby = expect(&lobby, lobby_kind_have);
    ck_assert(to_lobby->swarm == &swarm && to_lobby->piece == 2);
    expect_interest(&a, false);
    msg_free(expect(&master, master_kind_torrent_completed));

    have->piece = 2;
    ck_assert(peer_ask_interest_have_piece(&b.peer, &torrent.interest, have));
    expect(&b, interest_kind_have_piece);
    ck_assert(have->have);
    ck_assert(master_ask_interest_progress(&master.master, &torrent.interest, progress));
    expect(&master, interest_kind_progress);
    ck_assert(progress->verified == progress->wanted && progress->n_verified == 3);
    ck_assert(progress->n_peers == 2 && progress->n_seeders == 1);
    ask(&a, 1, 64); /* complete: nothing more, ever */
    again = expect(&a, interest_kind_next_piece);
    ck_assert_uint_eq(again->claim.id, 0);
    end();
    free(again);
    free(progress);
    free(have);
    free(next);
    free(to_peer);
    free(to_lobby);
}
END_TEST

START_TEST(a_query_waits_until_there_is_something)
{
    struct stub_inbox a, b;
    struct interest_next_piece *first, *parked;

    begin(2, 4, 0);
    stub_inbox_init(&a);
    stub_inbox_init(&b);
    join(&a, 1, NO_PIECE);
    first = ask(&a, 1, 64); /* it has nothing yet */
    got(1, 1);
    expect_interest(&a, true);
    ck_assert_ptr_eq(expect(&a, interest_kind_next_piece), first);
    ck_assert_uint_eq(first->claim.piece, 1);
    join(&b, 2, NO_PIECE);
    got(2, 1);
    expect_interest(&b, true);
    parked = ask(&b, 2, 2); /* endgame for piece 1: its second half */
    ck_assert_ptr_eq(expect(&b, interest_kind_next_piece), parked);
    ck_assert_uint_eq(parked->claim.n_blocks, 2);
    give_back(1, first->claim.id); /* free again: b may have the rest */
    free(parked);
    parked = ask(&b, 2, 64);
    ck_assert_ptr_eq(expect(&b, interest_kind_next_piece), parked);
    ck_assert_uint_ne(parked->claim.id, 0);
    free(parked);
    parked = ask(&b, 2, 64);
    leave(&b, 2);
    ck_assert_ptr_eq(expect(&b, interest_kind_next_piece), parked);
    ck_assert_uint_eq(parked->claim.id, 0);
    msg_free(expect(&b, interest_kind_peer_left));
    free(parked);
    free(first);
    first = ask(&a, 1, 64); /* what b held came back when it left */
    ck_assert_ptr_eq(expect(&a, interest_kind_next_piece), first);
    ck_assert_uint_eq(first->claim.blocks, 15);
    parked = ask(&a, 1, 64);
    end(); /* the shutdown sends it home */
    ck_assert_ptr_eq(expect(&a, interest_kind_next_piece), parked);
    ck_assert_uint_eq(parked->claim.id, 0);
    free(parked);
    free(first);
}
END_TEST

START_TEST(a_joiner_hears_what_was_verified_since_its_handshake)
{
    struct interest_peer_joined *m = interest_new_peer_joined();
    struct stub_inbox a;

    begin(5, 1, 2);
    stub_inbox_init(&a);
    for (uint32_t i = 2; i < 5; i++)
        complete(i);
    m->peer = 9;
    m->inbox = &a.peer;
    m->n_seen = 3;
    ck_assert(interest_tell_peer_joined(&torrent.interest, m));
    for (uint32_t i = 3; i < 5; i++) {
        struct peer_have *have = expect(&a, peer_kind_have);

        ck_assert_uint_eq(have->piece, i);
        msg_free(&have->msg);
    }
    msg_free(expect(&master, master_kind_torrent_completed));
    end();
    ck_assert(channel_is_empty(&a.channel));
}
END_TEST

START_TEST(losers_of_the_endgame_are_told)
{
    struct stub_inbox a, b;
    struct interest_next_piece *x, *y;
    struct peer_cancel_blocks *cancel;

    begin(1, 4, 0);
    stub_inbox_init(&a);
    stub_inbox_init(&b);
    join(&a, 1, ALL_PIECES);
    expect_interest(&a, true);
    join(&b, 2, ALL_PIECES);
    expect_interest(&b, true);
    x = ask(&a, 1, 64);
    expect(&a, interest_kind_next_piece);
    y = ask(&b, 2, 64);
    expect(&b, interest_kind_next_piece);
    ck_assert_uint_eq(y->claim.blocks, 15);
    store(y->claim.id, 0, 0, 5);
    cancel = expect(&a, peer_kind_cancel_blocks);
    ck_assert(cancel->piece == 0 && cancel->first_block == 0 && cancel->blocks == 5);
    end();
    free(cancel);
    free(x);
    free(y);
}
END_TEST

START_TEST(completion_is_said_once_also_at_the_start)
{
    begin(3, 4, 3);
    msg_free(expect(&master, master_kind_torrent_completed));
    end();
    ck_assert(channel_is_empty(&master.channel));
}
END_TEST

/* Peers in threads of their own fetch a torrent at random speed and store it by FS, which one more
 * thread plays. Some blocks do not arrive, some pieces fail at first. Messages of FS and of the
 * peers about the same claims race to InterestStat. */
#define PIECES 240
#define BLOCKS 9
#define PEERS  6
#define WHOLE  ((UINT64_C(1) << BLOCKS) - 1)

static struct stub_inbox disk;
static bool disjoint; /* no two peers have the same piece: then there is no endgame */
static struct {       /* owned by the disk's thread until it has ended */
    struct rng rng;
    uint64_t blocks[PIECES];
    bool judged[PIECES];
    unsigned n_stored, n_duplicates, n_failed;
} books;

static void judge(uint32_t piece)
{
    struct interest_piece_failed *m;

    if (books.judged[piece] || rng_below(&books.rng, 8)) {
        complete(piece);
        return;
    }
    books.judged[piece] = true;
    books.blocks[piece] = 0;
    books.n_failed++;
    m = interest_new_piece_failed();
    m->piece = piece;
    ck_assert(interest_tell_piece_failed(&torrent.interest, m));
}

static void disk_stores(struct fs_store_blocks *m)
{
    uint64_t *blocks = &books.blocks[m->piece], before = *blocks;
    uint32_t piece = m->piece;

    *blocks |= m->blocks << m->first_block;
    books.n_stored += (unsigned)__builtin_popcountll(*blocks & ~before);
    books.n_duplicates += (unsigned)__builtin_popcountll(before & m->blocks << m->first_block);
    if (before == WHOLE)
        m->blocks = 0;
    else
        store(m->claim, piece, m->first_block, m->blocks);
    msg_reply(&m->msg);
    if (before != WHOLE && *blocks == WHOLE)
        judge(piece);
}

static void *disk_thread(void *arg)
{
    struct msg *m;

    while ((m = receive(&disk)) && m->kind == fs_kind_store_blocks)
        disk_stores((struct fs_store_blocks *)m);
    ck_assert(m && m->kind == fs_kind_shutdown);
    msg_free(m);
    return NULL;
}

static void join_with_part(struct stub_inbox *p, uint32_t peer)
{
    struct interest_peer_joined *m = interest_new_peer_joined();

    m->peer = peer;
    m->inbox = &p->peer;
    ck_assert_int_eq(bitfield_init(&m->has, PIECES), 0);
    for (uint32_t i = peer % PEERS; i < PIECES; i += PEERS)
        bitfield_set(&m->has, i);
    ck_assert(interest_tell_peer_joined(&torrent.interest, m));
}

/* Takes a claim: requests it, and stores what arrives. False when nothing arrives. */
static bool fetch(struct stub_inbox *x, uint32_t me, const struct claim *c, struct rng *rng)
{
    struct interest_requested_from_seeder *requested = interest_new_requested_from_seeder();
    uint64_t received = c->blocks & (rng_next(rng) | rng_next(rng));
    struct fs_store_blocks *m;

    requested->peer = me;
    requested->claim = c->id;
    interest_tell_or_drop_requested_from_seeder(&torrent.interest, requested);
    if (!received) {
        give_back(me, c->id);
        return false;
    }
    m = fs_new_store_blocks();
    m->claim = c->id;
    m->claimed = c->blocks;
    m->blocks = received;
    m->piece = c->piece;
    m->first_block = c->first_block;
    m->n_blocks = c->n_blocks;
    m->msg.reply_to = &x->channel;
    ck_assert(channel_send(&disk.channel, &m->msg));
    return true;
}

/* A peer has one claim at a time, so that few blocks are shared in endgame even if the disk is
 * slow. */
static void *peer_thread(void *arg)
{
    uint32_t me = *(uint32_t *)arg;
    struct stub_inbox x;
    bool over = false;
    struct rng rng;
    struct msg *m;

    stub_inbox_init(&x);
    rng_seed(&rng, me);
    if (disjoint)
        join_with_part(&x, me);
    else
        join(&x, me, ALL_PIECES);
    ask(&x, me, 1 + rng_below(&rng, 12));
    while (!over) {
        m = receive(&x);
        ck_assert_ptr_nonnull(m);
        if (m->kind == interest_kind_next_piece) {
            struct interest_next_piece *next = (struct interest_next_piece *)m;

            over = !next->claim.id;
            if (!over && !fetch(&x, me, &next->claim, &rng))
                ask(&x, me, 1 + rng_below(&rng, 12));
        } else if (m->kind == fs_kind_store_blocks) {
            struct fs_store_blocks *stored = (struct fs_store_blocks *)m;

            if (stored->claimed & ~stored->blocks)
                give_back(me, stored->claim);
            ask(&x, me, 1 + rng_below(&rng, 12));
        }
        msg_free(m);
    }
    leave(&x, me);
    for (bool left = false; !left;) {
        m = receive(&x);
        ck_assert_ptr_nonnull(m);
        left = m->kind == interest_kind_peer_left;
        msg_free(m);
    }
    channel_close(&x.channel);
    ck_assert(channel_is_empty(&x.channel));
    return NULL;
}

static void fetch_all(void)
{
    pthread_t threads[PEERS], disk_id;
    uint32_t ids[PEERS];

    memset(&books, 0, sizeof books);
    rng_seed(&books.rng, 99);
    stub_inbox_init(&disk);
    begin(PIECES, BLOCKS, 0);
    ck_assert_int_eq(pthread_create(&disk_id, NULL, disk_thread, NULL), 0);
    for (uint32_t i = 0; i < PEERS; i++) {
        ids[i] = i + 1;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, peer_thread, &ids[i]), 0);
    }
    for (uint32_t i = 0; i < PEERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(channel_send(&disk.channel, &fs_new_shutdown()->msg));
    pthread_join(disk_id, NULL);
    for (uint32_t i = 0; i < PIECES; i++)
        ck_assert_uint_eq(books.blocks[i], WHOLE);
    ck_assert_uint_gt(books.n_failed, PIECES / 20);
    ck_assert_uint_eq(books.n_stored, (PIECES + books.n_failed) * BLOCKS);
    msg_free(expect(&master, master_kind_torrent_completed));
    end();
}

START_TEST(peers_in_threads_fetch_all)
{
    disjoint = false;
    fetch_all();
    ck_assert_uint_lt(books.n_duplicates, PIECES * BLOCKS / 20);
}
END_TEST

/* Guarantee E of channel.h: a claim's return arrives after what FS stored of it. Otherwise a stored
 * block would be free again, and be stored twice. */
START_TEST(no_block_is_fetched_twice)
{
    disjoint = true;
    fetch_all();
    ck_assert_uint_eq(books.n_duplicates, 0);
}
END_TEST

START_TEST(blocks_of_an_earlier_run_are_not_asked_for)
{
    struct stored_run runs[] = {{.piece = 1, .first_block = 0, .blocks = 0x7}};
    struct interest_next_piece *m;
    struct stub_inbox p;

    begin_with(2, 4, 1, &(struct stored_blocks){.runs = runs, .n = 1});
    stub_inbox_init(&p);
    join(&p, 1, ALL_PIECES);
    expect_interest(&p, true);
    m = ask(&p, 1, 4);
    ck_assert_ptr_eq(expect(&p, interest_kind_next_piece), m);
    ck_assert_uint_eq(m->claim.piece, 1);
    ck_assert_uint_eq(m->claim.first_block, 3);
    ck_assert_uint_eq(m->claim.n_blocks, 1);
    store(m->claim.id, 1, 3, m->claim.blocks);
    msg_free(&m->msg);
    complete(1);
    expect_interest(&p, false);
    msg_free(expect(&master, master_kind_torrent_completed));
    end();
}
END_TEST

RUN_SUITE("InterestStat", 60, a_torrent_from_first_claim_to_completion,
          blocks_of_an_earlier_run_are_not_asked_for, a_query_waits_until_there_is_something,
          a_joiner_hears_what_was_verified_since_its_handshake, losers_of_the_endgame_are_told,
          completion_is_said_once_also_at_the_start, peers_in_threads_fetch_all,
          no_block_is_fetched_twice);
