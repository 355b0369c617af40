/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conjure/actors/stream.h"
#include "conjure/base/addr.h"

/* A stream that dialled a listening socket of this host, and the accepted far end. */
struct pair {
    struct stream stream;
    int far;
};

static int listen_here(struct addr *addrp)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    *addrp = addr_from_sockaddr((struct sockaddr *)&here);
    return fd;
}

static short wait_for(struct stream *s, short events)
{
    struct pollfd p = {.fd = stream_fd(s), .events = events};

    ck_assert_int_eq(poll(&p, 1, 5000), 1);
    return p.revents;
}

static struct pair dial(void)
{
    struct pair p;
    struct addr here;
    int fd = listen_here(&here);

    ck_assert_int_eq(stream_dial_tcp(&p.stream, &here), 0);
    p.far = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(p.far, 0);
    ck_assert(wait_for(&p.stream, POLLOUT) & POLLOUT);
    ck_assert_int_eq(stream_connected(&p.stream), 0);
    close(fd);
    return p;
}

static int read_into(struct stream *s, void *bytes, size_t n, size_t *n_readp)
{
    struct iovec iov[2] = {{bytes, n / 2}, {(char *)bytes + n / 2, n - n / 2}};

    return stream_readv(s, iov, 2, n_readp);
}

START_TEST(bytes_pass_in_both_directions)
{
    struct pair p = dial();
    char bytes[16];
    size_t n = 0;

    ck_assert_int_eq(read_into(&p.stream, bytes, sizeof bytes, &n), STREAM_AGAIN);
    ck_assert_int_eq(stream_send(&p.stream, "to the far end", 14, &n), 0);
    ck_assert_uint_eq(n, 14);
    ck_assert_int_eq(recv(p.far, bytes, sizeof bytes, 0), 14);
    ck_assert_mem_eq(bytes, "to the far end", 14);
    ck_assert_int_eq(send(p.far, "and back", 8, 0), 8);
    wait_for(&p.stream, POLLIN);
    ck_assert_int_eq(read_into(&p.stream, bytes, 10, &n), 0);
    ck_assert_uint_eq(n, 8);
    ck_assert_mem_eq(bytes, "and back", 8);
    stream_close(&p.stream);
    close(p.far);
}
END_TEST

START_TEST(a_full_socket_takes_no_more)
{
    static const char zeros[1 << 16];
    struct pair p = dial();
    size_t n = 0, n_sent = 0;
    int r;

    while (!(r = stream_send(&p.stream, zeros, sizeof zeros, &n))) {
        ck_assert_uint_gt(n, 0);
        n_sent += n;
    }
    ck_assert_int_eq(r, STREAM_AGAIN);
    ck_assert_uint_gt(n_sent, 0);
    stream_close(&p.stream);
    close(p.far);
}
END_TEST

START_TEST(the_far_end_closes_or_breaks_off)
{
    struct linger abort_at_close = {.l_onoff = 1};
    struct pair p = dial();
    char bytes[4];
    size_t n = 0;

    send(p.far, "bye", 3, 0);
    close(p.far);
    wait_for(&p.stream, POLLIN);
    ck_assert_int_eq(read_into(&p.stream, bytes, sizeof bytes, &n), 0);
    ck_assert_uint_eq(n, 3);
    wait_for(&p.stream, POLLIN);
    ck_assert_int_eq(read_into(&p.stream, bytes, sizeof bytes, &n), STREAM_END);
    stream_close(&p.stream);

    p = dial();
    setsockopt(p.far, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof abort_at_close);
    close(p.far);
    wait_for(&p.stream, POLLIN);
    ck_assert_int_eq(read_into(&p.stream, bytes, sizeof bytes, &n), -ECONNRESET);
    ck_assert_int_eq(stream_send(&p.stream, bytes, sizeof bytes, &n), -EPIPE); /* and no SIGPIPE */
    stream_close(&p.stream);
}
END_TEST

START_TEST(a_refused_connection_returns_its_error)
{
    struct stream s;
    struct addr here;
    int fd = listen_here(&here), r;

    close(fd);
    r = stream_dial_tcp(&s, &here);
    if (!r) {
        wait_for(&s, POLLOUT);
        r = stream_connected(&s);
        stream_close(&s);
    }
    ck_assert_int_eq(r, -ECONNREFUSED);
    here.family = AF_UNSPEC;
    ck_assert_int_lt(stream_dial_tcp(&s, &here), 0);
    ck_assert_int_eq(stream_fd(&s), -1);
    stream_close(&s);
}
END_TEST

START_TEST(bytes_pushed_back_are_read_first)
{
    struct pair p = dial();
    char bytes[8];
    size_t n = 0;

    send(p.far, "socket", 6, 0);
    wait_for(&p.stream, POLLIN);
    ck_assert_int_eq(stream_push_back(&p.stream, "handshake", 9), 0);
    ck_assert(stream_has_pushback(&p.stream));
    ck_assert_int_eq(read_into(&p.stream, bytes, 7, &n), 0);
    ck_assert_uint_eq(n, 7);
    ck_assert_mem_eq(bytes, "handsha", 7);
    ck_assert(stream_has_pushback(&p.stream));
    ck_assert_int_eq(read_into(&p.stream, bytes, 8, &n), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_mem_eq(bytes, "ke", 2);
    ck_assert(!stream_has_pushback(&p.stream));
    ck_assert_int_eq(read_into(&p.stream, bytes, 8, &n), 0);
    ck_assert_uint_eq(n, 6);
    ck_assert_mem_eq(bytes, "socket", 6);
    ck_assert_int_eq(stream_push_back(&p.stream, "", 0), 0);
    ck_assert(!stream_has_pushback(&p.stream));
    ck_assert_int_eq(stream_push_back(&p.stream, "never read", 10), 0);
    stream_close(&p.stream);
    close(p.far);
}
END_TEST

static int option_of(const struct stream *s, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    ck_assert_int_eq(getsockopt(stream_fd(s), level, option, &value, &size), 0);
    return value;
}

START_TEST(tuning_sets_options_of_the_socket)
{
    struct pair p = dial();
    struct pollfd readable = {.fd = stream_fd(&p.stream), .events = POLLIN};

    stream_tune(&p.stream, STREAM_NO_DELAY, 1);
    ck_assert_int_ne(option_of(&p.stream, IPPROTO_TCP, TCP_NODELAY), 0);
    stream_tune(&p.stream, STREAM_UNSENT_MAX, 65536);
    ck_assert_int_eq(option_of(&p.stream, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 65536);
    stream_tune(&p.stream, STREAM_UNSENT_MAX, 0);
    ck_assert_int_eq(option_of(&p.stream, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 0);
    stream_tune(&p.stream, STREAM_RECEIVE_MARK, 4);
    send(p.far, "123", 3, 0);
    ck_assert_int_eq(poll(&readable, 1, 0), 0);
    send(p.far, "4", 1, 0);
    ck_assert(wait_for(&p.stream, POLLIN) & POLLIN);
    stream_close(&p.stream);
    close(p.far);
}
END_TEST

START_TEST(a_moved_stream_leaves_an_empty_one)
{
    struct pair p = dial();
    struct stream s = STREAM_EMPTY;
    char byte;
    int fd = stream_fd(&p.stream);

    stream_close(&s);
    stream_move(&s, &p.stream);
    ck_assert_int_eq(stream_fd(&p.stream), -1);
    ck_assert_int_eq(stream_fd(&s), fd);
    stream_close(&p.stream);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    stream_close(&s);
    ck_assert_int_eq(recv(p.far, &byte, 1, 0), 0);
    stream_close(&s);
    close(p.far);
}
END_TEST

RUN_SUITE("Stream", 20, bytes_pass_in_both_directions, a_full_socket_takes_no_more,
          the_far_end_closes_or_breaks_off, a_refused_connection_returns_its_error,
          bytes_pushed_back_are_read_first, tuning_sets_options_of_the_socket,
          a_moved_stream_leaves_an_empty_one);
