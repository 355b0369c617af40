/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conjure/base/owner.h"

static void *assert_it(void *owner)
{
    owner_assert(owner);
    return NULL;
}

static void in_another_thread(struct owner *owner)
{
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, assert_it, owner), 0);
    pthread_join(thread, NULL);
}

/* Forks a child in which another thread asserts to own OWNER. Returns 0, or the signal that ended
 * it. */
static int end_of_child(struct owner *owner)
{
    int status;
    pid_t child = fork();

    if (!child) {
        fclose(stderr); /* the message of assert is expected */
        in_another_thread(owner);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

START_TEST(the_first_thread_owns_it)
{
    struct owner owner = OWNER_NONE;

    owner_assert(&owner);
    owner_assert(&owner);
    ck_assert_int_eq(end_of_child(&owner), SIGABRT);
}
END_TEST

START_TEST(a_released_object_belongs_to_the_next_thread)
{
    struct owner owner = OWNER_NONE;

    owner_assert(&owner);
    owner_release(&owner);
    in_another_thread(&owner);
    ck_assert_int_eq(end_of_child(&owner), SIGABRT);
}
END_TEST

RUN_SUITE("owner", 10, the_first_thread_owns_it, a_released_object_belongs_to_the_next_thread);
