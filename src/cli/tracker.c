/* SPDX-License-Identifier: MIT */
#include "conjure/cli/commands.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "conjure/actors/timer.h"
#include "conjure/actors/tracker.h"
#include "conjure/cli/exit_code.h"

static const char help[] =
    "Usage: conjure tracker [OPTION]...\n"
    "\n"
    "Runs a BitTorrent tracker over HTTP and UDP until SIGINT or SIGTERM. It keeps\n"
    "its swarms in memory.\n"
    "\n"
    "  -p, --port=PORT         listen on PORT, TCP and UDP (default: 6969; 0: any)\n"
    "      --bind=ADDR         listen on ADDR only (default: all, IPv4 and IPv6)\n"
    "      --interval=SECONDS  the time between announces (default: 1800)\n"
    "  -h, --help              show this help and exit\n";

#define CONTINUE (-1) /* not an exit code: the options are valid */

static int usage(const char *what, const char *value)
{
    fprintf(stderr, "conjure tracker: %s%s%s\nTry 'conjure tracker --help'.\n", what,
            value ? ": " : "", value ? value : "");
    return EXIT_USAGE;
}

/* Parses a whole number of at most MAX. Returns false when TEXT is not one. */
static bool read_number(const char *text, unsigned long max, uint32_t *outp)
{
    char *end;
    unsigned long v;

    errno = 0;
    v = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > max)
        return false;
    *outp = (uint32_t)v;
    return true;
}

/* Returns an exit code, or CONTINUE. */
static int read_options(int argc, char **argv, struct tracker_options *options)
{
    static const struct option long_options[] = {
        {"port", required_argument, NULL, 'p'},
        {"bind", required_argument, NULL, 'b'},
        {"interval", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    uint32_t port = TRACKER_PORT_DEFAULT;
    int c;

    optind = 0; /* glibc: reinitialise */
    opterr = 0;
    while ((c = getopt_long(argc, argv, "p:h", long_options, NULL)) != -1) {
        switch (c) {
        case 'p':
            if (!read_number(optarg, UINT16_MAX, &port))
                return usage("not a port", optarg);
            break;
        case 'b':
            if (addr_parse_ip(optarg, 0, &options->bind))
                return usage("not an address", optarg);
            break;
        case 'i':
            if (!read_number(optarg, 86400, &options->interval_s) || !options->interval_s)
                return usage("not an interval of 1 to 86400 seconds", optarg);
            break;
        case 'h':
            fputs(help, stdout);
            return EXIT_DONE;
        default:
            return usage("unknown option, or missing argument", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    options->bind.port = (uint16_t)port;
    return CONTINUE;
}

static void print_urls(const struct tracker_options *options, uint16_t port)
{
    char host[256] = "localhost", text[ADDR_TEXT_MAX];
    struct addr bind = options->bind;

    if (bind.family) {
        bind.port = port;
        addr_format(&bind, text);
        printf("http://%s/announce\nudp://%s/announce\n", text, text);
    } else {
        gethostname(host, sizeof host - 1);
        printf("http://%s:%u/announce\nudp://%s:%u/announce\n", host, port, host, port);
    }
    fflush(stdout);
}

static void wait_for_signal(int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) < 0 && errno == EINTR)
        ;
}

/* Sends Shutdown to TIMER and waits for the reply. No other actor uses the timer any more. */
static void shut_down_timer(struct timer *timer)
{
    struct timer_shutdown shutdown;
    struct waker waker;
    struct channel replies;

    waker_init_futex(&waker);
    channel_init(&replies, &waker);
    timer_init_shutdown(&shutdown);
    shutdown.msg.reply_to = &replies;
    if (channel_send(&timer_inbox(timer)->channel, &shutdown.msg))
        while (!channel_receive_wait(&replies, UINT64_MAX))
            ;
    channel_close(&replies);
    waker_deinit(&waker);
}

int cli_tracker(int argc, char **argv)
{
    struct tracker_options options = {0};
    struct tracker *tracker = NULL;
    struct timer *timer;
    sigset_t signals;
    int code = read_options(argc, argv, &options), fd;

    if (code != CONTINUE)
        return code;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    fd = signalfd(-1, &signals, SFD_CLOEXEC);
    timer = fd < 0 ? NULL : timer_start();
    if (!timer) {
        fprintf(stderr, "conjure tracker: cannot start: %s\n", strerrordesc_np(errno));
        return EXIT_ERROR;
    }
    tracker = tracker_start(timer_inbox(timer), &options);
    if (!tracker) {
        fprintf(stderr, "conjure tracker: cannot listen on port %u: %s\n", options.bind.port,
                errno == EADDRINUSE ? "the port is in use" : strerrordesc_np(errno));
        code = EXIT_ERROR;
    } else {
        print_urls(&options, tracker_port(tracker));
        wait_for_signal(fd);
        code = EXIT_DONE;
    }
    shut_down_timer(timer);
    if (tracker) {
        tracker_tell_or_drop_shutdown(tracker_inbox(tracker), tracker_new_shutdown());
        tracker_join(tracker);
    }
    timer_join(timer);
    close(fd);
    return code;
}
