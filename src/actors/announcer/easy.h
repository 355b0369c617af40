/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_ANNOUNCER_EASY_H
#define CONJURE_SRC_ACTORS_ANNOUNCER_EASY_H

#include <curl/curl.h>
#include <stdint.h>

/*
 * libcurl's transfers: easy handles within one multi handle. Announcer's thread alone uses them,
 * except for curl_multi_wakeup.
 */
struct easy_multi {
    CURLM *multi;
    uint32_t connect_timeout_ms; /* of every transfer */
};

/* N_HOST_MAX: connections to one host. Takes milliseconds. Returns 0, or -ENOMEM when libcurl
 * cannot be used. */
int easy_multi_init(struct easy_multi *m, uint32_t connect_timeout_ms, uint32_t n_host_max);
/* All easy handles must be freed before. Safe without an init. */
void easy_multi_deinit(struct easy_multi *m);

/* A handle with the options that all transfers share; NULL when there is no memory. */
CURL *easy_new(const struct easy_multi *m);
/* Ends the transfer that is under way, if any, and frees the handle; *EASYP becomes NULL. NULL is
 * fine. */
void easy_free(const struct easy_multi *m, CURL **easyp);
/* Prepares a transfer of at most TIMEOUT_MS. easy_next_done returns USER; libcurl writes its errors
 * to ERROR. Both are borrowed until easy_release. */
void easy_prepare(CURL *easy, void *user, char error[CURL_ERROR_SIZE], uint32_t timeout_ms);
/* Begins a transfer. Returns 0 or -ENOMEM. */
int easy_begin(const struct easy_multi *m, CURL *easy);
/* Ends the transfer under way, if any, and drops the pointers that easy_prepare borrowed. */
void easy_release(const struct easy_multi *m, CURL *easy);

/* Advances all transfers without blocking. */
void easy_run(const struct easy_multi *m);
/* After easy_run: the USER of a transfer that has ended, with its result in *CODEP; NULL when there
 * is no other. */
void *easy_next_done(const struct easy_multi *m, CURLcode *codep);

#endif
