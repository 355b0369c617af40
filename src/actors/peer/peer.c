/* SPDX-License-Identifier: MIT */
/*
 * What a connection does, whoever drives it: messages in, session events in, messages out.
 *
 * Work is fetched by NextPiece queries that InterestStat parks until it has something; the claim
 * that comes home is given to the session, which requests its blocks and receives them into a
 * buffer of ours. A claim that is done goes to FS as StoreBlocks; FS tells InterestStat what is on disk and
 * then returns the buffer. If any block of the claim is not on disk, ClaimReturned gives it back, after
 * that reply (guarantee E of conjure/msg/channel.h).
 *
 * The torrent may become complete at any time: then the Lobby says Completed, and InterestStat ends
 * once all peers have that in their inbox. Who is refused by InterestStat has not read it yet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actors/peer/internal.h"
#include "conjure/actors/torrent.h"
#include "conjure/base/alloc.h"
#include "conjure/base/clock.h"
#include "conjure/base/log.h"

#define FACILITY "peer"

/* Buffers that one connection may hold, received into or being written, in blocks: a slow disk
 * slows the peer instead of filling memory. */
#define PEER_BLOCKS_HELD_MAX 512

#define NEXT_PIECE_MAX 8 /* queries out at a time */

/* A refused block is asked for again after a pause. Some clients refuse everything just before they
 * choke us (Transmission 3.00), so only who refuses a piece again later is believed to lack it. */
#define REFUSAL_PAUSE_NS  NS_PER_S
#define REFUSAL_FORGET_NS (120 * NS_PER_S)

#define SNUB_PAUSE_NS (10 * NS_PER_S)

/* As many HAVEs as may wait to be sent at once: 600 KiB. */
#define HAVES_MAX 65536

static const char useless[] = "neither end wants anything of the other";

static void ring_lobby(void *arg)
{
    struct peer *p = arg;

    lobby_tell_or_drop_mail(p->env->lobby, &p->mail);
}

struct peer *peer_new(const struct peer_env *env, struct torrent *torrent, struct stream *stream,
                      const struct addr *addr, uint32_t id, bool fast, bool seeding,
                      const struct bitfield *have, uint64_t now)
{
    struct peer *p = NEW(struct peer);

    p->env = env;
    p->torrent = torrent;
    stream_move(&p->stream, stream);
    p->addr = *addr;
    p->id = id;
    p->since_ns = p->idle_ns = now;
    p->seeding = seeding;
    p->have = have;
    p->thread_waker = WAKER_EMPTY;
    lobby_init_mail(&p->mail);
    p->mail.peer = p;
    waker_init_call(&p->mail_waker, ring_lobby, p);
    waker_arm(&p->mail_waker);
    channel_init(&p->inbox.channel, &p->mail_waker);
    session_init(&p->session, &torrent->geometry, fast, now);
    p->session.we_have_all = seeding && !have;
    p->session.keep_bitfield = !seeding;
    return p;
}

void peer_free(struct peer *p)
{
    channel_close(&p->inbox.channel);
    peer_work_end(p);
    session_deinit(&p->session);
    bitfield_deinit(&p->told);
    stream_close(&p->stream);
    waker_deinit(&p->mail_waker);
    free(p);
}

void peer_work_begin(struct peer *p, uint64_t now)
{
    if (p->work)
        return;
    p->work = NEW(struct peer_work);
    p->work->moved_ns = p->work->reported_ns = now;
    p->work->began = UINT32_MAX;
    p->work->reported_down = p->session.down.total;
    p->work->reported_up = p->session.up.total;
}

void peer_work_end(struct peer *p)
{
    if (!p->work)
        return;
    peer_leases_return(p);
    peer_quota_end(p);
    while (p->work->n_spare)
        free(p->work->spare[--p->work->n_spare]);
    free(p->work->batch);
    free(p->work);
    p->work = NULL;
}

/* --- claim buffers ------------------------------------------------------------------------ */

/* All buffers have room for the largest claim, so that any can be used again for any; of a small
 * claim only the first pages are ever touched. */
static uint8_t *buffer_new(struct peer *p)
{
    if (p->work && p->work->n_spare)
        return p->work->spare[--p->work->n_spare];
    return malloc((size_t)CLAIM_BLOCKS_MAX * BLOCK_SIZE);
}

static void buffer_free(struct peer *p, uint8_t *data)
{
    if (data && p->work && p->work->n_spare < N_ELEMENTS(p->work->spare))
        p->work->spare[p->work->n_spare++] = data;
    else
        free(data);
}

/* --- claims ------------------------------------------------------------------------------- */

static void return_claim(struct peer *p, uint64_t claim)
{
    struct interest_claim_returned *m = interest_new_claim_returned();

    m->peer = p->id;
    m->claim = claim;
    interest_tell_or_drop_claim_returned(&p->torrent->interest, m);
}

static void store_claim(struct peer *p, struct session_claim *c)
{
    uint32_t n_missing = (uint32_t)__builtin_popcountll(c->claim.blocks & ~c->received);
    struct fs_store_blocks *m;

    peer_quota_unuse(p, DIRECTION_DOWN, n_missing * BLOCK_SIZE);
    if (!c->received) {
        return_claim(p, c->claim.id);
        buffer_free(p, c->data);
        return;
    }
    m = fs_new_store_blocks();
    m->storage = p->torrent->storage;
    m->from = p->addr;
    m->claim = c->claim.id;
    m->claimed = c->claim.blocks;
    m->blocks = c->received;
    m->piece = c->claim.piece;
    m->first_block = c->claim.first_block;
    m->n_blocks = c->claim.n_blocks;
    m->data = c->data;
    if (!peer_ask_fs_store_blocks(&p->inbox, p->env->fs, m)) {
        return_claim(p, c->claim.id);
        buffer_free(p, c->data);
        msg_free(&m->msg);
        return;
    }
    p->n_queries++;
    p->n_stores++;
}

static void reply_fs_store_blocks(struct peer *p, struct fs_store_blocks *m)
{
    p->n_queries--;
    p->n_stores--;
    if (m->claimed & ~m->blocks)
        return_claim(p, m->claim);
    buffer_free(p, m->data);
    if (m->error) {
        p->must_close = true;
        p->reason = "its data cannot be written";
    }
    msg_free(&m->msg);
}

static void tell_requested(struct peer *p, uint64_t claim)
{
    if (p->session.n_peer_has == p->session.geometry->n_pieces) {
        struct interest_requested_from_seeder *m = interest_new_requested_from_seeder();

        m->peer = p->id;
        m->claim = claim;
        interest_tell_or_drop_requested_from_seeder(&p->torrent->interest, m);
    } else {
        struct interest_requested_from_leecher *m = interest_new_requested_from_leecher();

        m->peer = p->id;
        m->claim = claim;
        interest_tell_or_drop_requested_from_leecher(&p->torrent->interest, m);
    }
}

/* Gives the claim to the session; false when it is not wanted any more or there is no room. */
static bool take_claim(struct peer *p, const struct claim *c)
{
    uint8_t *data;
    int r;

    if (p->state == PEER_CLOSING || p->must_close || p->session.peer_chokes)
        return false;
    data = buffer_new(p);
    r = data ? session_add_claim(&p->session, c, data, clock_now()) : -ENOMEM;
    if (!r)
        return true;
    buffer_free(p, data);
    if (r < 0) { /* it would ask again at once, for ever */
        p->must_close = true;
        p->reason = "no memory for what it sends";
    }
    return false;
}

static void reply_interest_next_piece(struct peer *p, struct interest_next_piece *m)
{
    bool taken = m->claim.id && take_claim(p, &m->claim);
    uint32_t n_taken = taken ? (uint32_t)__builtin_popcountll(m->claim.blocks) : 0;

    p->n_queries--;
    p->n_next_piece--;
    p->n_blocks_asked = (uint16_t)(p->n_blocks_asked - m->n_blocks);
    if (n_taken < m->n_blocks)
        peer_quota_unuse(p, DIRECTION_DOWN, (m->n_blocks - n_taken) * BLOCK_SIZE);
    if (taken)
        tell_requested(p, m->claim.id);
    else if (m->claim.id)
        return_claim(p, m->claim.id);
    msg_free(&m->msg);
}

void peer_want(struct peer *p, uint64_t now)
{
    uint32_t wanted, held;

    if (p->seeding || p->must_close || !p->session.we_interested || p->session.peer_chokes ||
        now < p->work->pause_ns)
        return;
    wanted = session_blocks_wanted(&p->session, now);
    held = (uint32_t)p->n_stores * CLAIM_BLOCKS_MAX + session_n_in_flight(&p->session) +
           p->n_blocks_asked;
    if (wanted <= p->n_blocks_asked || held >= PEER_BLOCKS_HELD_MAX)
        return;
    wanted -= p->n_blocks_asked;
    /* Whole claims where it can be: pieces are not divided, and FS hashes them from their buffer. */
    if (wanted > CLAIM_BLOCKS_MAX)
        wanted -= wanted % CLAIM_BLOCKS_MAX;
    wanted =
        peer_quota(p, DIRECTION_DOWN, wanted * BLOCK_SIZE, wanted * BLOCK_SIZE, now) / BLOCK_SIZE;
    while (wanted && p->n_next_piece < NEXT_PIECE_MAX) {
        struct interest_next_piece *m = interest_new_next_piece();

        m->peer = p->id;
        m->n_blocks = wanted < CLAIM_BLOCKS_MAX ? wanted : CLAIM_BLOCKS_MAX;
        if (!peer_ask_interest_next_piece(&p->inbox, &p->torrent->interest, m)) {
            msg_free(&m->msg);
            return;
        }
        peer_quota_use(p, DIRECTION_DOWN, m->n_blocks * BLOCK_SIZE);
        wanted -= m->n_blocks;
        p->n_queries++;
        p->n_next_piece++;
        p->n_blocks_asked = (uint16_t)(p->n_blocks_asked + m->n_blocks);
    }
}

bool peer_could_ask(const struct peer *p)
{
    return !p->seeding && !p->must_close && p->session.we_interested && !p->session.peer_chokes &&
           !p->n_next_piece;
}

int peer_look_for_snub(struct peer *p, uint64_t now)
{
    struct peer_work *w = p->work;
    struct session_claim claim;

    if (w->snubbed && p->session.down.total != w->snubbed_at)
        w->snubbed = false;
    if (!session_is_snubbed(&p->session, now))
        return 0;
    if (w->snubbed) {
        p->reason = "sends nothing of what we ask for";
        p->failed = true;
        return -ETIMEDOUT;
    }
    w->snubbed = true;
    w->snubbed_at = p->session.down.total;
    w->pause_ns = now + SNUB_PAUSE_NS;
    while (session_drop_claim(&p->session, &claim))
        store_claim(p, &claim);
    return 0;
}

/* --- what others want of us --------------------------------------------------------------- */

static void on_have(struct peer *p, struct peer_have *m)
{
    session_say_have(&p->session, m->piece);
}

static void on_choke(struct peer *p, struct peer_choke *m)
{
    session_set_choking(&p->session, true, clock_now());
}

static void on_unchoke(struct peer *p, struct peer_unchoke *m)
{
    p->guided = m->guided;
    session_set_choking(&p->session, false, clock_now());
}

static void on_suggest(struct peer *p, struct peer_suggest *m)
{
    session_say_suggest(&p->session, m->piece);
}

static void on_unguided(struct peer *p, struct peer_unguided *m)
{
    p->guided = false;
}

static void on_interest(struct peer *p, struct peer_interest *m)
{
    session_set_interested(&p->session, m->interested);
    peer_tell_choker(p);
}

void peer_super_seed(struct peer *p)
{
    p->super_seed = true;
    p->session.we_have_all = false;
    p->session.keep_bitfield = true;
}

/* Super-seeding is over: all that it was not told, and once more what it was. */
static void say_everything(struct peer *p)
{
    uint32_t n = p->session.geometry->n_pieces;

    p->super_seed = false;
    if (n > HAVES_MAX) {
        p->must_close = true;
        p->reason = "it hears of everything when it comes again";
    }
    for (uint32_t i = 0; i < n && !p->must_close; i++)
        session_say_have(&p->session, i);
}

/* What is in flight may come: it was claimed by nobody else, or twice. */
static void on_completed(struct peer *p, struct peer_completed *m)
{
    p->seeding = true;
    p->have = m->have;
    p->session.we_have_all = !m->have;
    p->session.keep_bitfield = false;
    if (p->state == PEER_CLOSING)
        return;
    if (p->super_seed)
        say_everything(p);
    session_set_interested(&p->session, false);
    session_say_extensions(&p->session, p->torrent->swarm->port, true);
    peer_tell_choker(p);
    if (peer_wants_nothing(p)) {
        p->must_close = true;
        p->reason = useless;
    }
}

static void on_cancel_blocks(struct peer *p, struct peer_cancel_blocks *m)
{
    session_cancel(&p->session, m->piece, m->first_block, m->blocks);
    p->events_due = true;
}

static void on_yield(struct peer *p, struct peer_yield *m)
{
    if (p->work)
        p->work->yields = true;
}

static void on_shutdown(struct peer *p, struct peer_shutdown *m)
{
    p->must_close = true;
    p->reason = "closed by us";
}

static void reply_interest_have_piece(struct peer *p, struct interest_have_piece *m)
{
    p->n_queries--;
    p->asked_piece = false;
    session_know_piece(&p->session, m->piece, m->have);
    msg_free(&m->msg);
}

static void reply_interest_peer_left(struct peer *p, struct interest_peer_left *m)
{
    p->n_queries--;
    msg_free(&m->msg);
}

static void reply_choker_peer_left(struct peer *p, struct choker_peer_left *m)
{
    p->n_queries--;
    msg_free(&m->msg);
}

static void reply_fs_lease_file(struct peer *p, struct fs_lease_file *m)
{
    p->n_queries--;
    p->asked_lease = false;
    peer_lease_home(p, m);
}

static void reply_bandwidth_want_quota(struct peer *p, struct bandwidth_want_quota *m)
{
    p->n_queries--;
    peer_quota_home(p, m);
}

MSG_DISPATCH(peer, PEER_TABLE, struct peer);

void peer_receive(struct peer *p, struct msg *m)
{
    peer_dispatch(p, m);
}

void peer_receive_all(struct peer *p)
{
    struct msg *m;

    while ((m = channel_receive(&p->inbox.channel)))
        peer_dispatch(p, m);
}

/* --- what the session reports ------------------------------------------------------------- */

void peer_join_interest(struct peer *p, struct bitfield *has, bool has_all)
{
    struct interest_peer_joined *m;

    if (p->joined_interest || !p->session.keep_bitfield) {
        if (has)
            bitfield_deinit(has);
        return;
    }
    m = interest_new_peer_joined();
    m->peer = p->id;
    m->inbox = &p->inbox;
    m->has_all = has_all;
    m->n_seen = p->n_seen;
    if (has) {
        m->has = *has;
        *has = BITFIELD_EMPTY;
    }
    if (interest_tell_peer_joined(&p->torrent->interest, m)) {
        p->joined_interest = true;
    } else {
        bitfield_deinit(&m->has);
        msg_free(&m->msg);
    }
}

static void tell_got_piece(struct peer *p, uint32_t piece)
{
    struct interest_peer_got_piece *m = interest_new_peer_got_piece();

    m->peer = p->id;
    m->piece = piece;
    interest_tell_or_drop_peer_got_piece(&p->torrent->interest, m);
}

/* Not the first word of this kind, or a late one: piece by piece, but each only once however often
 * it comes, or a few bytes of it would be thousands of messages to InterestStat. */
static void has_set_again(struct peer *p, const struct session_event *e)
{
    uint32_t n = p->session.geometry->n_pieces;

    if (!p->told.bytes && bitfield_init(&p->told, n)) {
        p->must_close = true;
        p->reason = "no memory for what it has";
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        if ((e->has_all || (e->has.bytes && bitfield_test(&e->has, i))) &&
            bitfield_set(&p->told, i))
            tell_got_piece(p, i);
}

static void has_set(struct peer *p, struct session_event *e)
{
    if (p->joined_interest)
        has_set_again(p, e);
    else
        peer_join_interest(p, &e->has, e->has_all);
    bitfield_deinit(&e->has);
}

bool peer_wants_nothing(const struct peer *p)
{
    return p->session.peer_upload_only || p->session.n_peer_has == p->session.geometry->n_pieces;
}

void peer_tell_choker(struct peer *p)
{
    struct choker_interest_changed *m;
    bool seed = p->session.n_peer_has == p->session.geometry->n_pieces;
    /* Who has said that it downloads nothing gets no slot, whatever else it says. */
    bool interested = p->session.peer_interested && !p->session.peer_upload_only;

    if (!p->joined_choker ||
        (p->told_interested == interested && p->told_we_interested == p->session.we_interested &&
         p->told_seed == seed))
        return;
    m = choker_new_interest_changed();
    m->peer = p->id;
    m->peer_interested = p->told_interested = interested;
    m->we_interested = p->told_we_interested = p->session.we_interested;
    m->peer_is_seed = p->told_seed = seed;
    choker_tell_or_drop_interest_changed(p->env->choker, m);
}

static void lost_piece(struct peer *p, uint32_t piece)
{
    struct interest_peer_lost_piece *m = interest_new_peer_lost_piece();

    m->peer = p->id;
    m->piece = piece;
    interest_tell_or_drop_peer_lost_piece(&p->torrent->interest, m);
}

static void refused(struct peer *p, uint32_t piece, uint64_t now)
{
    struct peer_work *w = p->work;

    if (!w)
        return;
    w->pause_ns = now + REFUSAL_PAUSE_NS;
    for (unsigned i = 0; i < PEER_REFUSALS; i++) {
        struct peer_refusal *r = &w->refusals[i];

        if (!r->at_ns || r->piece != piece || now - r->at_ns > REFUSAL_FORGET_NS)
            continue;
        if (now - r->at_ns >= REFUSAL_PAUSE_NS) {
            *r = (struct peer_refusal){0};
            lost_piece(p, piece);
        }
        return;
    }
    w->refusals[w->n_refusals++ % PEER_REFUSALS] = (struct peer_refusal){piece, now};
}

/* Hints are taken from who understood at the handshake; a flood of them costs it its own place. */
static void suggests(struct peer *p, uint32_t piece)
{
    struct interest_piece_suggested *m;

    if (p->seeding || !p->session.we_interested)
        return;
    m = interest_new_piece_suggested();
    m->peer = p->id;
    m->piece = piece;
    interest_tell_or_drop_piece_suggested(&p->torrent->interest, m);
}

/* Each HAVE is a message to InterestStat: who sends more than there are pieces, and as many again,
 * only means to flood it. */
static void has_piece(struct peer *p, uint32_t piece)
{
    if (++p->n_haves / 2 > p->session.geometry->n_pieces) {
        p->must_close = p->failed = true;
        p->reason = "repeats itself";
        return;
    }
    if (p->session.keep_bitfield) {
        peer_join_interest(p, NULL, false);
        tell_got_piece(p, piece);
    }
    if (p->session.n_peer_has == p->session.geometry->n_pieces)
        peer_tell_choker(p);
}

/* Who is not told that a peer has what it was offered learns it by this. */
static void tell_sated(struct peer *p)
{
    struct interest_peer_sated *m;

    if (!p->super_seed || !p->joined_interest)
        return;
    m = interest_new_peer_sated();
    m->peer = p->id;
    interest_tell_or_drop_peer_sated(&p->torrent->interest, m);
}

static void extended(struct peer *p, const char *client)
{
    char text[ADDR_TEXT_MAX];

    log_debug(FACILITY, "%s: %s%s", addr_format(&p->addr, text),
              client[0] ? client : "a client without a name",
              p->session.peer_upload_only ? ", downloads nothing" : "");
    peer_tell_choker(p);
    if (p->session.peer_upload_only)
        tell_sated(p);
}

static void act_on(struct peer *p, int kind, struct session_event *e, uint64_t now)
{
    switch (kind) {
    case SESSION_HAS:
        has_set(p, e);
        peer_tell_choker(p);
        break;
    case SESSION_HAVE:
        has_piece(p, e->piece);
        break;
    case SESSION_INTERESTED:
        peer_tell_choker(p);
        break;
    case SESSION_NOT_INTERESTED:
        peer_tell_choker(p);
        tell_sated(p);
        break;
    case SESSION_EXTENDED:
        extended(p, e->client);
        break;
    case SESSION_SUGGESTED:
        suggests(p, e->piece);
        break;
    case SESSION_REFUSED:
        refused(p, e->piece, now);
        break;
    case SESSION_CLAIM_DONE:
        store_claim(p, &e->claim);
        break;
    default: /* choked, unchoked, requested: the driver looks at the session's state */
        break;
    }
}

int peer_take_events(struct peer *p, struct session_scratch *scratch, uint64_t now)
{
    struct session_event event;
    int kind;

    p->events_due = false;
    while ((kind = session_next_event(&p->session, scratch, now, &event)) > 0)
        act_on(p, kind, &event, now);
    if (kind < 0) {
        p->failed = true;
        p->reason = p->session.reason ? p->session.reason : strerror(-kind);
    }
    return kind;
}

ssize_t peer_read(struct peer *p, struct session_scratch *scratch, uint64_t now)
{
    struct iovec iov[2 * SCRATCH_AIMED_MAX + 2];
    size_t aimed;
    unsigned n = session_plan_read(&p->session, scratch, iov, &aimed);
    size_t got = 0;
    int r = stream_readv(&p->stream, iov, n, &got);
    uint64_t content = p->session.down.total;

    session_did_read(&p->session, scratch, got, now);
    if (r == STREAM_AGAIN)
        return 0;
    if (r) {
        p->reason = r == STREAM_END ? "closed by the other end" : strerror(-r);
        return -ECONNRESET;
    }
    r = peer_take_events(p, scratch, now);
    if (r < 0)
        return r;
    if (p->work && p->session.down.total != content)
        p->work->moved_ns = now;
    if (p->seeding && peer_wants_nothing(p)) {
        p->reason = useless;
        return -ECONNABORTED;
    }
    return (ssize_t)got;
}

int peer_flush(struct peer *p, uint64_t now)
{
    const uint8_t *bytes;
    size_t n;

    while ((n = session_output(&p->session, &bytes))) {
        size_t sent;
        int r = stream_send(&p->stream, bytes, n, &sent);

        if (r == STREAM_AGAIN)
            return 1;
        if (r) {
            p->reason = strerror(-r);
            return r;
        }
        session_output_sent(&p->session, sent, now);
    }
    return 0;
}

/* --- the end ------------------------------------------------------------------------------ */

void peer_close(struct peer *p)
{
    struct session_claim claim;

    p->state = PEER_CLOSING;
    if (log_threshold >= LOG_LEVEL_DEBUG) {
        char text[ADDR_TEXT_MAX];

        log_debug(FACILITY, "%s: closed: %s", addr_format(&p->addr, text),
                  p->reason ? p->reason : "no reason given");
    }
    stream_close(&p->stream);
    /* Blocks that arrived are worth keeping even of a claim that is not full. */
    while (session_drop_claim(&p->session, &claim))
        store_claim(p, &claim);
    peer_work_end(p);
    if (p->asked_quota[DIRECTION_UP] || p->asked_quota[DIRECTION_DOWN]) {
        struct bandwidth_peer_left *m = bandwidth_new_peer_left();

        m->peer = p->id;
        bandwidth_tell_or_drop_peer_left(p->env->bandwidth, m);
    }
    if (p->joined_choker) {
        struct choker_peer_left *m = choker_new_peer_left();

        m->peer = p->id;
        if (peer_ask_choker_peer_left(&p->inbox, p->env->choker, m))
            p->n_queries++;
        else
            msg_free(&m->msg);
        p->joined_choker = false;
    }
}

bool peer_close_goes_on(struct peer *p)
{
    /* PeerLeft returns all claims: only when nothing of them is being stored any more. */
    if (!p->n_stores && p->joined_interest) {
        struct interest_peer_left *m = interest_new_peer_left();

        m->peer = p->id;
        if (peer_ask_interest_peer_left(&p->inbox, &p->torrent->interest, m))
            p->n_queries++;
        else
            msg_free(&m->msg);
        p->joined_interest = false;
    }
    return p->n_queries == 0;
}
