/* SPDX-License-Identifier: MIT */
/*
 * A minimal BitTorrent peer as the far end of a benchmark, so that the client under test dominates
 * the measurement.
 *
 *   barepeer seed  IP PORT FILE PIECE_BYTES INFO_HASH
 *       serves the file to every client: a header with MSG_MORE, then sendfile
 *   barepeer leech IP PORT SIZE PIECE_BYTES INFO_HASH CONNECTIONS BYTES_EACH
 *       every connection requests BYTES_EACH in order, again and again, and drops the data;
 *       it refills its queue of requests when half of them have replies
 *
 * A leech prints "MIB SECONDS CPU_SECONDS". It checks only what it needs to stay in step, because
 * the other side is trusted.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Included by its path, so that this file compiles alone. */
#include "../../include/conjure/base/bytes.h"

#define BLOCK         16384u
#define QUEUE         128u /* pending requests of a leech, at most */
#define BUFFER        (1u << 18)
#define HANDSHAKE_LEN 68
#define REQUEST_LEN   17

enum { MSG_UNCHOKE = 1, MSG_INTERESTED = 2, MSG_BITFIELD = 5, MSG_REQUEST = 6, MSG_PIECE = 7 };

static uint8_t info_hash[20];
static uint64_t size;
static uint32_t piece_length;
static int file_fd;
static uint64_t bytes_each;

/* Received bytes that were not read yet. */
struct reader {
    int fd;
    size_t begin;
    size_t end;
    uint8_t buffer[BUFFER];
};

static bool send_all(int fd, const uint8_t *p, size_t n, int flags)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, flags | MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Waits until N bytes are in the buffer; false: the other end has closed. */
static bool reader_fill(struct reader *r, size_t n)
{
    if (r->begin == r->end)
        r->begin = r->end = 0;
    if (r->begin + n > sizeof r->buffer) {
        memmove(r->buffer, r->buffer + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->begin = 0;
    }
    while (r->end - r->begin < n) {
        ssize_t got = recv(r->fd, r->buffer + r->end, sizeof r->buffer - r->end, 0);

        if (got <= 0)
            return false;
        r->end += (size_t)got;
    }
    return true;
}

/* Whether the buffer has a whole message, without waiting. */
static bool reader_has_message(const struct reader *r)
{
    size_t n = r->end - r->begin;

    return n >= 4 && n - 4 >= get_be32(r->buffer + r->begin);
}

/* The next message, without keep-alives; its bytes stay valid until the next call. */
static const uint8_t *reader_next(struct reader *r, uint32_t *lengthp)
{
    for (;;) {
        const uint8_t *message;
        uint32_t length;

        if (!reader_fill(r, 4))
            return NULL;
        length = get_be32(r->buffer + r->begin);
        if (length > sizeof r->buffer - 4 || !reader_fill(r, 4 + (size_t)length))
            return NULL;
        message = r->buffer + r->begin + 4;
        r->begin += 4 + (size_t)length;
        if (length > 0) {
            *lengthp = length;
            return message;
        }
    }
}

static bool shake_hands(struct reader *r)
{
    uint8_t hello[HANDSHAKE_LEN] = "\x13"
                                   "BitTorrent protocol";

    memcpy(hello + 28, info_hash, sizeof info_hash);
    snprintf((char *)hello + 48, 20, "-BP0001-%011d", r->fd);
    hello[67] = (uint8_t)getpid();
    if (!send_all(r->fd, hello, sizeof hello, 0) || !reader_fill(r, HANDSHAKE_LEN))
        return false;
    r->begin += HANDSHAKE_LEN;
    return true;
}

static bool say_all_is_here(int fd)
{
    uint32_t n_pieces = (uint32_t)((size + piece_length - 1) / piece_length);
    uint32_t n_bytes = (n_pieces + 7) / 8;
    uint8_t *message = calloc(1, 5 + n_bytes + 5);
    bool sent;

    if (!message)
        err(1, "calloc");
    *put_be32(message, 1 + n_bytes) = MSG_BITFIELD;
    for (uint32_t i = 0; i < n_pieces; i++)
        message[5 + i / 8] |= (uint8_t)(0x80 >> i % 8);
    *put_be32(message + 5 + n_bytes, 1) = MSG_UNCHOKE;
    sent = send_all(fd, message, 5 + n_bytes + 5, 0);
    free(message);
    return sent;
}

static bool serve_block(int fd, const uint8_t *request)
{
    uint32_t length = get_be32(request + 9);
    off_t offset = (off_t)get_be32(request + 1) * piece_length + get_be32(request + 5);
    uint8_t header[13];

    *put_be32(header, 9 + length) = MSG_PIECE;
    memcpy(header + 5, request + 1, 8);
    if (!send_all(fd, header, sizeof header, MSG_MORE))
        return false;
    while (length > 0) {
        ssize_t sent = sendfile(fd, file_fd, &offset, length);

        if (sent <= 0)
            return false;
        length -= (uint32_t)sent;
    }
    return true;
}

static struct reader *open_reader(int fd)
{
    struct reader *r = malloc(sizeof *r);
    int on = 1;

    if (!r)
        err(1, "malloc");
    r->fd = fd;
    r->begin = r->end = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return r;
}

static void *serve(void *argument)
{
    struct reader *r = open_reader((int)(intptr_t)argument);

    if (shake_hands(r) && say_all_is_here(r->fd)) {
        const uint8_t *message;
        uint32_t length;

        while ((message = reader_next(r, &length)))
            if (message[0] == MSG_REQUEST && length == 13 && !serve_block(r->fd, message))
                break;
    }
    close(r->fd);
    free(r);
    return NULL;
}

/* Sends requests from byte *askedp on until the queue is full; false: the peer has closed. */
static bool ask(int fd, uint64_t *askedp, uint32_t *n_outp)
{
    uint8_t requests[QUEUE * REQUEST_LEN];
    uint8_t *p = requests;

    while (*n_outp < QUEUE && *askedp < bytes_each) {
        uint64_t at = *askedp % size;
        uint32_t begin = (uint32_t)(at % piece_length);
        uint32_t length = BLOCK;

        if (length > piece_length - begin)
            length = piece_length - begin;
        if (length > size - at)
            length = (uint32_t)(size - at);
        p = put_be32(p, 13);
        *p++ = MSG_REQUEST;
        p = put_be32(p, (uint32_t)(at / piece_length));
        p = put_be32(p, begin);
        p = put_be32(p, length);
        *askedp += length;
        (*n_outp)++;
    }
    return send_all(fd, requests, (size_t)(p - requests), 0);
}

static void *leech(void *argument)
{
    struct reader *r = open_reader((int)(intptr_t)argument);
    const uint8_t interested[] = {0, 0, 0, 1, MSG_INTERESTED};
    uint64_t asked = 0;
    uint64_t *gotp = calloc(1, sizeof *gotp);
    uint32_t n_out = 0;
    bool unchoked = false;

    if (!gotp)
        err(1, "calloc");
    if (shake_hands(r) && send_all(r->fd, interested, sizeof interested, 0)) {
        const uint8_t *message;
        uint32_t length;

        while (*gotp < bytes_each && (message = reader_next(r, &length))) {
            if (message[0] == MSG_UNCHOKE)
                unchoked = true;
            if (message[0] == MSG_PIECE && length > 9) {
                *gotp += length - 9;
                n_out--;
            }
            if (unchoked && n_out <= QUEUE / 2 && !reader_has_message(r) &&
                !ask(r->fd, &asked, &n_out))
                break;
        }
    }
    close(r->fd);
    free(r);
    return gotp;
}

static double seconds(const struct timespec *t)
{
    return (double)t->tv_sec + (double)t->tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return seconds(&t);
}

static double wall_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return seconds(&t);
}

static int seed_all(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) || listen(fd, 512))
        err(1, "listen");
    for (;;) {
        pthread_t thread;
        int peer = accept(fd, NULL, NULL);

        if (peer < 0)
            continue;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)peer))
            errx(1, "no thread");
        pthread_detach(thread);
    }
}

static int leech_all(const struct sockaddr_in *address, unsigned n)
{
    pthread_t *threads = calloc(n, sizeof *threads);
    double start = wall_seconds();
    uint64_t total = 0;

    if (!threads)
        err(1, "calloc");
    for (unsigned i = 0; i < n; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (connect(fd, (const struct sockaddr *)address, sizeof *address))
            err(1, "connect");
        if (pthread_create(&threads[i], NULL, leech, (void *)(intptr_t)fd))
            errx(1, "no thread");
    }
    for (unsigned i = 0; i < n; i++) {
        void *gotp;

        pthread_join(threads[i], &gotp);
        total += *(uint64_t *)gotp;
        free(gotp);
    }
    printf("%.1f %.3f %.3f\n", (double)total / 1048576, wall_seconds() - start, cpu_seconds());
    free(threads);
    return total >= n * bytes_each ? 0 : 1; /* the last block of each is a whole one */
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    bool seeds = argc == 7 && !strcmp(argv[1], "seed");
    bool leeches = argc == 9 && !strcmp(argv[1], "leech");

    if (!seeds && !leeches)
        errx(2, "usage: see the head of barepeer.c");
    address.sin_port = htons((uint16_t)atoi(argv[3]));
    inet_pton(AF_INET, argv[2], &address.sin_addr);
    piece_length = (uint32_t)strtoul(argv[5], NULL, 10);
    for (int i = 0; i < 20; i++)
        if (sscanf(argv[6] + 2 * i, "%2hhx", &info_hash[i]) != 1)
            errx(2, "an info-hash is 40 hexadecimal digits");
    if (seeds) {
        struct stat st;

        file_fd = open(argv[4], O_RDONLY);
        if (file_fd < 0 || fstat(file_fd, &st))
            err(1, "%s", argv[4]);
        size = (uint64_t)st.st_size;
        return seed_all(&address);
    }
    size = strtoull(argv[4], NULL, 10);
    bytes_each = strtoull(argv[8], NULL, 10);
    return leech_all(&address, (unsigned)atoi(argv[7]));
}
