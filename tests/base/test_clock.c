/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conjure/base/clock.h"

START_TEST(time_does_not_run_back)
{
    uint64_t first = clock_now(), last = first, now = first;

    ck_assert_uint_gt(first, 0);
    for (int i = 0; i < 1000 || now == first; i++, last = now) {
        now = clock_now();
        ck_assert_uint_ge(now, last);
    }
    ck_assert_uint_eq(NS_PER_S, 1000 * NS_PER_MS);
}
END_TEST

/* In a time namespace the boot clock is set forward, as by a suspend. That needs root; else only
 * the clock is compared. */
START_TEST(time_of_a_suspend_counts)
{
    static const char offset[] = "boottime 100000 0\n";
    struct timespec boot;
    int status, fd = -1;
    pid_t pid;

    if (!unshare(CLONE_NEWTIME))
        fd = open("/proc/self/timens_offsets", O_WRONLY);
    if (fd >= 0) {
        ck_assert_int_eq((int)write(fd, offset, strlen(offset)), (int)strlen(offset));
        close(fd);
    }
    pid = fork(); /* the child is in the namespace */
    if (!pid) {
        uint64_t now = clock_now(), ns;

        clock_gettime(CLOCK_BOOTTIME, &boot);
        ns = (uint64_t)boot.tv_sec * NS_PER_S + (uint64_t)boot.tv_nsec;
        _exit(now > ns || ns - now > NS_PER_S);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

RUN_SUITE("clock", 10, time_does_not_run_back, time_of_a_suspend_counts);
