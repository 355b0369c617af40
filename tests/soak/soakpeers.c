/* SPDX-License-Identifier: MIT */
/*
 * Leechers that come and go: many connections in one thread, each of a kind that chance chooses,
 * for scripts/soak.
 *
 *   soakpeers IP PORT SEED
 *
 * They connect to the seed at IP:PORT, each from an address of its own in 10.91.0.0/16. Readers
 * request random blocks and compare every byte with a copy of the content. Vanishers do the same,
 * and disconnect in the middle of a block, every second time by a reset. Idle peers send only a
 * handshake. Violators break the protocol. A new leecher replaces each that disconnects.
 *
 * Commands are lines on standard input:
 *   torrent INFO_HASH PIECE_BYTES FILE   leech this torrent too; FILE has its whole content
 *   gone INFO_HASH                       leech it no longer
 *   want N                               keep N connections; 0 closes all at once
 *   stats                                print a line of names and numbers to standard output
 *
 * "wrong" counts blocks with wrong bytes and blocks that were not requested; a line on standard
 * error describes each.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Included by its path: the compiler gets this one file, without a library. */
#include "../../include/conjure/base/bytes.h"

#define BLOCK         16384u
#define QUEUE_MAX     64u
#define BUFFER        (1u << 16)
#define PEERS_MAX     4096u
#define HANDSHAKE_LEN 68u
#define TICK_MS       20
#define FAST_BIT      0x04
#define EXTENSION_BIT 0x10

enum {
    MSG_CHOKE,
    MSG_UNCHOKE,
    MSG_INTERESTED,
    MSG_NOT_INTERESTED,
    MSG_HAVE,
    MSG_BITFIELD,
    MSG_REQUEST,
    MSG_PIECE,
    MSG_CANCEL,
    MSG_REJECT = 0x10,
};

enum kind { READER, IDLE, VANISHER, RUDE };

struct source {
    uint8_t info_hash[20];
    uint32_t piece_length;
    uint64_t size;
    uint8_t *bytes;
    unsigned n_users;
    bool gone;
    struct source *next;
};

struct request {
    uint32_t piece, begin, length;
};

struct peer {
    int fd;
    enum kind kind;
    struct source *source;
    double until;     /* when it disconnects */
    uint64_t n_left;  /* bytes after which a vanisher disconnects, maybe inside a block */
    unsigned n_queue; /* requests that it keeps in flight */
    struct request out[QUEUE_MAX];
    unsigned n_out;
    bool connected, shaken, fast, unchoked, stalls;
    size_t n_in;
    uint8_t in[BUFFER];
    size_t n_unsent; /* messages that the socket did not accept yet */
    uint8_t unsent[QUEUE_MAX * 17 + 1024];
};

static struct sockaddr_in seed_address;
static struct source *sources;
static struct peer *peers[PEERS_MAX];
static unsigned n_peers, n_wanted;
static int epoll_fd;
static double dial_again;
static uint64_t random_state;

static struct {
    uint64_t connections, refused, shaken, closed, bytes, blocks, wrong, rejected, cancelled,
        resets, rude;
} count;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* 0 .. n-1 */
static uint64_t draw(uint64_t n)
{
    return (draw64() >> 11) % n;
}

/* --- torrents ------------------------------------------------------------------------------ */

static bool read_hash(const char *text, uint8_t hash[20])
{
    for (int i = 0; i < 20; i++)
        if (sscanf(text + 2 * i, "%2hhx", &hash[i]) != 1)
            return false;
    return true;
}

static void source_add(const uint8_t hash[20], uint32_t piece_length, const char *path)
{
    struct source *s = calloc(1, sizeof *s);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (!s || fd < 0 || fstat(fd, &st))
        err(1, "%s", path);
    memcpy(s->info_hash, hash, sizeof s->info_hash);
    s->piece_length = piece_length;
    s->size = (uint64_t)st.st_size;
    s->bytes = mmap(NULL, s->size, PROT_READ, MAP_SHARED, fd, 0);
    if (s->bytes == MAP_FAILED)
        err(1, "mmap");
    close(fd);
    s->next = sources;
    sources = s;
}

static void sources_sweep(void)
{
    for (struct source **sp = &sources; *sp;) {
        struct source *s = *sp;

        if (!s->gone || s->n_users) {
            sp = &s->next;
            continue;
        }
        *sp = s->next;
        munmap(s->bytes, s->size);
        free(s);
    }
}

static struct source *source_draw(void)
{
    unsigned n = 0;
    struct source *chosen = NULL;

    for (struct source *s = sources; s; s = s->next)
        if (!s->gone && draw(++n) == 0)
            chosen = s;
    return chosen;
}

/* --- a connection -------------------------------------------------------------------------- */

static void peer_close(unsigned i, bool reset)
{
    struct peer *p = peers[i];
    struct linger none = {1, 0};

    if (reset) {
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        count.resets++;
    }
    close(p->fd);
    p->source->n_users--;
    free(p);
    peers[i] = peers[--n_peers];
}

static bool flush_out(struct peer *p)
{
    while (p->n_unsent) {
        ssize_t n = send(p->fd, p->unsent, p->n_unsent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN;
        p->n_unsent -= (size_t)n;
        memmove(p->unsent, p->unsent + n, p->n_unsent);
    }
    return true;
}

/* Drops the bytes that the socket does not accept: for violators that never read. */
static void say(struct peer *p, const void *bytes, size_t n)
{
    if (n > sizeof p->unsent - p->n_unsent)
        return;
    memcpy(p->unsent + p->n_unsent, bytes, n);
    p->n_unsent += n;
}

static void say_message(struct peer *p, uint8_t kind, const void *payload, uint32_t n)
{
    uint8_t head[5];

    *put_be32(head, 1 + n) = kind;
    say(p, head, sizeof head);
    say(p, payload, n);
}

static void say_request(struct peer *p, uint8_t kind, struct request r)
{
    uint8_t payload[12];

    put_be32(put_be32(put_be32(payload, r.piece), r.begin), r.length);
    say_message(p, kind, payload, sizeof payload);
}

static void say_hello(struct peer *p)
{
    uint8_t hello[HANDSHAKE_LEN] = "\x13"
                                   "BitTorrent protocol";

    if (p->fast)
        hello[27] |= FAST_BIT;
    if (draw(2))
        hello[25] |= EXTENSION_BIT;
    memcpy(hello + 28, p->source->info_hash, 20);
    memcpy(hello + 48, "-SK0001-", 8);
    for (int i = 56; i < 68; i++)
        hello[i] = (uint8_t)('a' + draw(26));
    say(p, hello, sizeof hello);
}

static uint32_t piece_size(const struct source *s, uint32_t piece)
{
    uint64_t at = (uint64_t)piece * s->piece_length;

    return s->size - at < s->piece_length ? (uint32_t)(s->size - at) : s->piece_length;
}

static uint32_t n_pieces(const struct source *s)
{
    return (uint32_t)((s->size + s->piece_length - 1) / s->piece_length);
}

/* Mostly the usual blocks, now and then an odd range. */
static struct request draw_request(const struct source *s)
{
    struct request r = {.piece = (uint32_t)draw(n_pieces(s))};
    uint32_t size = piece_size(s, r.piece);

    if (draw(8)) {
        r.begin = (uint32_t)draw((size + BLOCK - 1) / BLOCK) * BLOCK;
        r.length = BLOCK;
    } else {
        r.begin = (uint32_t)draw(size);
        r.length = 1 + (uint32_t)draw(BLOCK);
    }
    if (r.length > size - r.begin)
        r.length = size - r.begin;
    return r;
}

static void ask(struct peer *p)
{
    if (!p->unchoked || p->n_out > p->n_queue / 2)
        return;
    while (p->n_out < p->n_queue) {
        struct request r = draw_request(p->source);

        say_request(p, MSG_REQUEST, r);
        p->out[p->n_out++] = r;
        if (draw(200) == 0) {
            say_request(p, MSG_CANCEL, r);
            count.cancelled++;
            if (!p->fast)
                p->n_out--; /* the block may still arrive, or not */
        }
    }
}

static bool take_request(struct peer *p, uint32_t piece, uint32_t begin, uint32_t length)
{
    for (unsigned i = 0; i < p->n_out; i++) {
        struct request *r = &p->out[i];

        if (r->piece == piece && r->begin == begin && r->length == length) {
            *r = p->out[--p->n_out];
            return true;
        }
    }
    return false;
}

static bool is_inside(const struct source *s, uint32_t piece, uint32_t begin, uint32_t length)
{
    return piece < n_pieces(s) && begin <= piece_size(s, piece) &&
           length <= piece_size(s, piece) - begin;
}

static void take_block(struct peer *p, const uint8_t *m, uint32_t n)
{
    uint32_t piece = get_be32(m), begin = get_be32(m + 4), length = n - 8;
    const struct source *s = p->source;
    const char *fault = NULL;

    if (!is_inside(s, piece, begin, length))
        fault = "lies outside of the torrent";
    else if (memcmp(m + 8, s->bytes + (uint64_t)piece * s->piece_length + begin, length) != 0)
        fault = "has wrong bytes";
    else if (!take_request(p, piece, begin, length) && p->fast)
        fault = "was not requested"; /* without BEP 6 a choke or CANCEL leaves that open */
    count.blocks++;
    count.bytes += length;
    if (fault) {
        count.wrong++;
        fprintf(stderr, "block %u+%u, %u bytes, %s\n", piece, begin, length, fault);
    }
}

static bool is_held_open(const struct peer *p)
{
    return p->kind == READER || p->kind == VANISHER;
}

/* Acts on a message of N bytes, without its length. False: it is not valid. */
static bool take_message(struct peer *p, const uint8_t *m, uint32_t n)
{
    switch (m[0]) {
    case MSG_CHOKE:
        p->unchoked = false;
        if (!p->fast)
            p->n_out = 0;
        break;
    case MSG_UNCHOKE:
        p->unchoked = true;
        break;
    case MSG_PIECE:
        if (n < 9)
            return false;
        take_block(p, m + 1, n - 1);
        break;
    case MSG_REJECT:
        if (n != 13)
            return false;
        count.rejected++;
        take_request(p, get_be32(m + 1), get_be32(m + 5), get_be32(m + 9));
        break;
    }
    return true;
}

static bool take_hello(struct peer *p)
{
    if (memcmp(p->in + 28, p->source->info_hash, 20) != 0) {
        count.wrong++;
        fprintf(stderr, "a handshake for another torrent\n");
        return false;
    }
    p->fast = p->fast && p->in[27] & FAST_BIT;
    p->shaken = true;
    count.shaken++;
    if (is_held_open(p))
        say_message(p, MSG_INTERESTED, NULL, 0);
    return true;
}

/* Acts on the received bytes. False: this connection is over. */
static bool take_all(struct peer *p)
{
    size_t at = 0;

    if (!p->shaken && p->n_in >= HANDSHAKE_LEN) {
        if (!take_hello(p))
            return false;
        at = HANDSHAKE_LEN;
    }
    while (p->shaken && p->n_in - at >= 4) {
        uint32_t n = get_be32(p->in + at);

        if (n > sizeof p->in - 4) {
            count.wrong++;
            fprintf(stderr, "a message of %u bytes\n", n);
            return false;
        }
        if (p->n_in - at - 4 < n)
            break;
        if (n && !take_message(p, p->in + at + 4, n))
            return false;
        at += 4 + n;
    }
    p->n_in -= at;
    memmove(p->in, p->in + at, p->n_in);
    if (is_held_open(p))
        ask(p);
    return true;
}

/* --- violations of the protocol ------------------------------------------------------------ */

static void say_random(struct peer *p, size_t n)
{
    while (n--) {
        uint8_t byte = (uint8_t)draw(256);

        say(p, &byte, 1);
    }
}

static void be_rude(struct peer *p)
{
    const struct source *s = p->source;
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, MSG_PIECE};
    uint32_t last = n_pieces(s) - 1;
    uint8_t bits[16];

    count.rude++;
    switch (draw(12)) {
    case 0: /* no handshake at all */
        say_random(p, 1 + draw(900));
        return;
    case 1: /* a part of one, and silence */
        say_hello(p);
        p->n_unsent = draw(HANDSHAKE_LEN);
        return;
    case 2: /* for an unknown torrent */
        say_hello(p);
        p->unsent[28 + draw(20)] ^= 1;
        return;
    case 3:
        say_hello(p);
        say(p, huge, sizeof huge);
        return;
    case 4:
        say_hello(p);
        say_random(p, 900);
        return;
    case 5:
        say_hello(p);
        say_request(p, MSG_REQUEST, (struct request){last + 1, 0, BLOCK});
        return;
    case 6:
        say_hello(p);
        say_request(p, MSG_REQUEST, (struct request){0, 0xfffffff0, 0x20});
        return;
    case 7:
        say_hello(p);
        say_request(p, MSG_REQUEST, (struct request){0, 0, 1u << 30});
        return;
    case 8: /* a bitfield of a wrong length */
        say_hello(p);
        memset(bits, 0xff, sizeof bits);
        say_message(p, MSG_BITFIELD, bits, 1 + (uint32_t)draw(sizeof bits));
        return;
    case 9: /* a block that was not requested */
        say_hello(p);
        say_message(p, MSG_PIECE, bits, 9);
        return;
    case 10: /* sends requests while it is choked, and never reads */
        say_hello(p);
        for (unsigned i = 0; i < QUEUE_MAX; i++)
            say_request(p, MSG_REQUEST, draw_request(s));
        p->stalls = true;
        return;
    default: /* is interested, sends many requests once unchoked, and reads nothing */
        say_hello(p);
        say_message(p, MSG_INTERESTED, NULL, 0);
        for (unsigned i = 0; i < QUEUE_MAX; i++)
            say_request(p, MSG_REQUEST, draw_request(s));
        p->stalls = true;
    }
}

/* --- connecting and disconnecting ---------------------------------------------------------- */

static void peer_begin(struct peer *p)
{
    p->connected = true;
    if (p->kind == RUDE)
        be_rude(p);
    else
        say_hello(p);
}

static enum kind draw_kind(void)
{
    unsigned r = (unsigned)draw(100);

    return r < 55 ? READER : r < 75 ? IDLE : r < 90 ? VANISHER : RUDE;
}

static void peer_dial(void)
{
    struct source *s = source_draw();
    struct sockaddr_in mine = {.sin_family = AF_INET};
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT};
    struct peer *p;
    int on = 1, fd;

    if (!s)
        return;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        err(1, "socket");
    mine.sin_addr.s_addr = htonl(0x0a5b0100u + (uint32_t)draw(0xfd00));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&mine, sizeof mine))
        err(1, "bind");
    count.connections++;
    if (connect(fd, (struct sockaddr *)&seed_address, sizeof seed_address) &&
        errno != EINPROGRESS) {
        count.refused++;
        dial_again = now() + 0.1;
        close(fd);
        return;
    }
    p = calloc(1, sizeof *p);
    if (!p)
        err(1, "calloc");
    p->fd = fd;
    p->kind = draw_kind();
    p->source = s;
    s->n_users++;
    p->fast = draw(2);
    p->n_queue = 1 + (unsigned)draw(QUEUE_MAX);
    p->until = now() + (p->kind == IDLE ? 5 + (double)draw(30) : 0.5 + (double)draw(12));
    p->n_left = p->kind == VANISHER ? 1 + draw(1u << (10 + draw(12))) : UINT64_MAX;
    ev.data.ptr = p;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev))
        err(1, "epoll_ctl");
    peers[n_peers++] = p;
}

/* Reads once; false: this connection is over. */
static bool peer_read(struct peer *p, bool *resetp)
{
    ssize_t n;

    if (p->stalls)
        return true;
    n = recv(p->fd, p->in + p->n_in, sizeof p->in - p->n_in, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN;
    if (n == 0) {
        count.closed++;
        return false;
    }
    if (p->n_left <= (uint64_t)n) {
        *resetp = draw(2);
        return false;
    }
    if (p->n_left != UINT64_MAX)
        p->n_left -= (uint64_t)n;
    p->n_in += (size_t)n;
    return take_all(p);
}

/* False: this connection is over. */
static bool peer_step(struct peer *p, unsigned events, bool *resetp)
{
    int error = 0;
    socklen_t n = sizeof error;

    if (!p->connected && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
        getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error) {
            count.refused++;
            dial_again = now() + 0.1;
            return false;
        }
        peer_begin(p);
    }
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !peer_read(p, resetp))
        return false;
    if (p->stalls && events & EPOLLHUP)
        return false;
    return !p->connected || flush_out(p);
}

static unsigned index_of(const struct peer *p)
{
    unsigned i = 0;

    while (peers[i] != p)
        i++;
    return i;
}

/* Room in the socket wakes only peers with unsent messages; a stalling peer is woken by the end of
 * its connection alone. */
static void peer_watch(struct peer *p)
{
    struct epoll_event ev = {.data.ptr = p};

    ev.events = (p->stalls ? 0 : EPOLLIN) | (p->n_unsent || !p->connected ? EPOLLOUT : 0);
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, p->fd, &ev);
}

static void tick(void)
{
    double t = now();

    for (unsigned i = 0; i < n_peers;) {
        if (!n_wanted || peers[i]->source->gone || peers[i]->until < t)
            peer_close(i, peers[i]->kind == VANISHER && draw(2));
        else
            i++;
    }
    sources_sweep();
    /* At most ten connections in a tick, so that they begin one after another. */
    for (unsigned i = 0; i < 10 && n_peers < n_wanted && dial_again < t; i++)
        peer_dial();
}

/* --- commands ------------------------------------------------------------------------------ */

static void say_stats(void)
{
    unsigned unchoked = 0;
    struct rusage usage;

    for (unsigned i = 0; i < n_peers; i++)
        unchoked += peers[i]->unchoked;
    getrusage(RUSAGE_SELF, &usage);
    printf("open %u unchoked %u connections %" PRIu64 " refused %" PRIu64 " shaken %" PRIu64
           " closed %" PRIu64 " bytes %" PRIu64 " blocks %" PRIu64 " wrong %" PRIu64
           " rejected %" PRIu64 " cancelled %" PRIu64 " resets %" PRIu64 " rude %" PRIu64 "\n",
           n_peers, unchoked, count.connections, count.refused, count.shaken, count.closed,
           count.bytes, count.blocks, count.wrong, count.rejected, count.cancelled, count.resets,
           count.rude);
    fflush(stdout);
}

static void obey(char *line)
{
    char hash_text[41], path[4096];
    uint8_t hash[20];
    uint32_t piece_length;

    if (sscanf(line, "torrent %40s %" SCNu32 " %4095[^\n]", hash_text, &piece_length, path) == 3 &&
        read_hash(hash_text, hash)) {
        source_add(hash, piece_length, path);
    } else if (sscanf(line, "gone %40s", hash_text) == 1 && read_hash(hash_text, hash)) {
        for (struct source *s = sources; s; s = s->next)
            if (!memcmp(s->info_hash, hash, sizeof hash))
                s->gone = true;
    } else if (sscanf(line, "want %u", &n_wanted) == 1) {
        if (n_wanted > PEERS_MAX)
            n_wanted = PEERS_MAX;
        tick();
    } else if (!strncmp(line, "stats", 5)) {
        say_stats();
    } else {
        errx(2, "no such command: %s", line);
    }
}

/* False: the input has ended. */
static bool read_commands(void)
{
    static char lines[1 << 16];
    static size_t n;
    ssize_t got = read(STDIN_FILENO, lines + n, sizeof lines - 1 - n);
    char *end;

    if (got <= 0)
        return false;
    n += (size_t)got;
    lines[n] = 0;
    while ((end = memchr(lines, '\n', n))) {
        *end++ = 0;
        obey(lines);
        n -= (size_t)(end - lines);
        memmove(lines, end, n + 1);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct epoll_event commands = {.events = EPOLLIN};
    struct rlimit files;
    double next_tick = 0;

    if (argc != 4)
        errx(2, "usage: soakpeers IP PORT SEED");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    seed_address.sin_family = AF_INET;
    seed_address.sin_port = htons((uint16_t)atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &seed_address.sin_addr) != 1)
        errx(2, "no address: %s", argv[1]);
    random_state = strtoull(argv[3], NULL, 10) * 0x9e3779b97f4a7c15u | 1;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &commands);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, TICK_MS);
        bool commanded = false;

        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            bool reset = false;

            if (!p)
                commanded = true;
            else if (!peer_step(p, events[i].events, &reset))
                peer_close(index_of(p), reset);
            else
                peer_watch(p);
        }
        /* Last, for they may end connections that events were about. */
        if (commanded && !read_commands())
            return 0;
        if (now() >= next_tick) {
            tick();
            next_tick = now() + TICK_MS / 1e3;
        }
    }
}
