/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_ACTORS_STREAM_H
#define CONJURE_ACTORS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct addr;

/*
 * A connection to a peer as a stream of bytes, over any transport; TCP is the first one. All code
 * that reads, sends, tunes or closes the socket of a peer calls these functions. None of them
 * blocks.
 *
 * A stream belongs to the owner of the connection: one thread at a time calls these. Functions that
 * return int return 0, a condition, or -errno; after an error only stream_close may follow.
 */
enum stream_condition {
    STREAM_AGAIN = 1, /* nothing can be moved now: wait for stream_fd */
    STREAM_END,       /* the far end has closed, and all of its bytes are read */
};

enum stream_tuning {
    STREAM_NO_DELAY,     /* 1: small messages are sent at once */
    STREAM_RECEIVE_MARK, /* bytes that make stream_fd readable; 1 at first */
    STREAM_UNSENT_MAX, /* bytes that a send accepts beyond those in flight; 0: the system's bound */
};

struct stream {
    const struct stream_transport *transport; /* NULL: closed */
    struct stream_pushback *pushback;         /* bytes to read first; NULL: none */
    int fd;
};
#define STREAM_EMPTY ((struct stream){.fd = -1})

/* What a transport implements, with the contracts of the functions below. It retries after
 * EINTR. */
struct stream_transport {
    int (*readv)(struct stream *s, const struct iovec *iov, unsigned n_iov, size_t *n_readp);
    int (*send)(struct stream *s, const void *bytes, size_t n_bytes, size_t *n_sentp);
    int (*connected)(struct stream *s);
    void (*tune)(struct stream *s, enum stream_tuning tuning, int value);
    void (*close)(struct stream *s);
};

/* S takes over FD, a non-blocking socket that is connected. */
void stream_init_tcp(struct stream *s, int fd);
/* Begins to connect to TO. 0: stream_fd becomes writable when that ends, and stream_connected
 * has the result. -errno: S is empty. */
int stream_dial_tcp(struct stream *s, const struct addr *to);

/* Safe on an empty stream, and twice. */
void stream_close(struct stream *s);

/* Moves FROM, which is empty afterwards, to the empty TO. */
static inline void stream_move(struct stream *to, struct stream *from)
{
    *to = *from;
    *from = STREAM_EMPTY;
}

/* The descriptor for poll and epoll; -1 when closed. Bytes pushed back do not make it readable. */
static inline int stream_fd(const struct stream *s)
{
    return s->fd;
}

/* The result of stream_dial_tcp: 0 or -errno. */
static inline int stream_connected(struct stream *s)
{
    return s->transport->connected(s);
}

/* A hint: a transport that cannot do it ignores it. */
static inline void stream_tune(struct stream *s, enum stream_tuning tuning, int value)
{
    s->transport->tune(s, tuning, value);
}

/* Puts back BYTES that were read beyond a handshake: the next reads return them first. S keeps a
 * copy. Only while there is no other pushback. 0 or -ENOMEM. */
int stream_push_back(struct stream *s, const void *bytes, size_t n_bytes);
static inline bool stream_has_pushback(const struct stream *s)
{
    return s->pushback;
}

/* For stream_readv. */
int stream_read_pushback(struct stream *s, const struct iovec *iov, unsigned n_iov,
                         size_t *n_readp);

/* As readv(2). 0: *N_READP bytes were read, at least one. STREAM_AGAIN, STREAM_END or -errno. */
static inline int stream_readv(struct stream *s, const struct iovec *iov, unsigned n_iov,
                               size_t *n_readp)
{
    if (__builtin_expect(stream_has_pushback(s), 0))
        return stream_read_pushback(s, iov, n_iov, n_readp);
    return s->transport->readv(s, iov, n_iov, n_readp);
}

/* 0: *N_SENTP of the N_BYTES were sent, at least one. STREAM_AGAIN or -errno. */
static inline int stream_send(struct stream *s, const void *bytes, size_t n_bytes, size_t *n_sentp)
{
    return s->transport->send(s, bytes, n_bytes, n_sentp);
}

#endif
