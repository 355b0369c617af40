/* SPDX-License-Identifier: MIT */
/*
 * The lower bound of a download by one thread: receive, SHA-1 by OpenSSL, pwrite, piece by piece,
 * without a protocol.
 *
 *   floor send IP PORT FILE                sends the file to the first client
 *   floor recv IP PORT FILE PIECE_BYTES    prints "MIB SECONDS CPU_SECONDS"
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double clock_seconds(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int send_file(int fd, const struct sockaddr_in *address, const char *path)
{
    int file = open(path, O_RDONLY);
    struct stat st;
    off_t at = 0;
    int on = 1;
    int peer;

    if (file < 0 || fstat(file, &st))
        err(1, "%s", path);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) || listen(fd, 1))
        err(1, "listen");
    peer = accept(fd, NULL, NULL);
    while (at < st.st_size)
        if (sendfile(peer, file, &at, (size_t)(st.st_size - at)) <= 0)
            err(1, "sendfile");
    return 0;
}

static size_t receive(int fd, uint8_t *piece, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t more = recv(fd, piece + got, n - got, 0);

        if (more <= 0)
            break;
        got += (size_t)more;
    }
    return got;
}

static int receive_file(int fd, const struct sockaddr_in *address, const char *path, size_t n)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    uint8_t *piece = malloc(n);
    unsigned char digest[EVP_MAX_MD_SIZE];
    double start = clock_seconds(CLOCK_MONOTONIC);
    off_t at = 0;
    size_t got;

    if (file < 0 || !piece)
        err(1, "%s", path);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address))
        err(1, "connect");
    while ((got = receive(fd, piece, n)) > 0) {
        if (!EVP_Digest(piece, got, digest, NULL, EVP_sha1(), NULL))
            errx(1, "SHA-1");
        if (pwrite(file, piece, got, at) != (ssize_t)got)
            err(1, "%s", path);
        at += (off_t)got;
    }
    printf("%.1f %.3f %.3f\n", (double)at / 1048576, clock_seconds(CLOCK_MONOTONIC) - start,
           clock_seconds(CLOCK_PROCESS_CPUTIME_ID));
    free(piece);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (argc < 5 || fd < 0)
        errx(2, "usage: see the head of floor.c");
    address.sin_port = htons((uint16_t)atoi(argv[3]));
    inet_pton(AF_INET, argv[2], &address.sin_addr);
    if (!strcmp(argv[1], "send"))
        return send_file(fd, &address, argv[4]);
    if (argc == 6 && !strcmp(argv[1], "recv"))
        return receive_file(fd, &address, argv[4], strtoul(argv[5], NULL, 10));
    errx(2, "usage: see the head of floor.c");
}
