/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conjure/actors/stream.h"
#include "conjure/base/addr.h"

/* --- pushback ----------------------------------------------------------------------------- */

struct stream_pushback {
    size_t at, end; /* not read yet: bytes[at, end) */
    uint8_t bytes[];
};

int stream_push_back(struct stream *s, const void *bytes, size_t n_bytes)
{
    if (!n_bytes)
        return 0;
    s->pushback = malloc(sizeof *s->pushback + n_bytes);
    if (!s->pushback)
        return -ENOMEM;
    s->pushback->at = 0;
    s->pushback->end = n_bytes;
    memcpy(s->pushback->bytes, bytes, n_bytes);
    return 0;
}

static void drop_pushback(struct stream *s)
{
    free(s->pushback);
    s->pushback = NULL;
}

int stream_read_pushback(struct stream *s, const struct iovec *iov, unsigned n_iov, size_t *n_readp)
{
    struct stream_pushback *p = s->pushback;
    size_t from = p->at;

    for (unsigned i = 0; i < n_iov && p->at < p->end; i++) {
        size_t n = p->end - p->at;

        if (n > iov[i].iov_len)
            n = iov[i].iov_len;
        memcpy(iov[i].iov_base, p->bytes + p->at, n);
        p->at += n;
    }
    *n_readp = p->at - from;
    if (p->at == p->end)
        drop_pushback(s);
    return 0;
}

void stream_close(struct stream *s)
{
    drop_pushback(s);
    if (s->transport)
        s->transport->close(s);
    *s = STREAM_EMPTY;
}

/* --- TCP ---------------------------------------------------------------------------------- */

static int tcp_readv(struct stream *s, const struct iovec *iov, unsigned n_iov, size_t *n_readp)
{
    ssize_t n;

    do
        n = readv(s->fd, iov, (int)n_iov);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? STREAM_AGAIN : -errno;
    if (!n)
        return STREAM_END;
    *n_readp = (size_t)n;
    return 0;
}

static int tcp_send(struct stream *s, const void *bytes, size_t n_bytes, size_t *n_sentp)
{
    ssize_t n;

    do
        n = send(s->fd, bytes, n_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? STREAM_AGAIN : -errno;
    *n_sentp = (size_t)n;
    return 0;
}

static int tcp_connected(struct stream *s)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size))
        return -errno;
    return -error;
}

static void tcp_tune(struct stream *s, enum stream_tuning tuning, int value)
{
    static const struct {
        int level, option;
    } options[] = {
        [STREAM_NO_DELAY] = {IPPROTO_TCP, TCP_NODELAY},
        [STREAM_RECEIVE_MARK] = {SOL_SOCKET, SO_RCVLOWAT},
        [STREAM_UNSENT_MAX] = {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    };

    setsockopt(s->fd, options[tuning].level, options[tuning].option, &value, sizeof value);
}

static void tcp_close(struct stream *s)
{
    close(s->fd);
}

static const struct stream_transport tcp = {
    .readv = tcp_readv,
    .send = tcp_send,
    .connected = tcp_connected,
    .tune = tcp_tune,
    .close = tcp_close,
};

void stream_init_tcp(struct stream *s, int fd)
{
    *s = (struct stream){.transport = &tcp, .fd = fd};
}

int stream_dial_tcp(struct stream *s, const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t size = addr_to_sockaddr(to, &sa);
    int fd = socket(to->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *s = STREAM_EMPTY;
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&sa, size) && errno != EINPROGRESS) {
        int error = errno;

        close(fd);
        return -error;
    }
    stream_init_tcp(s, fd);
    return 0;
}
