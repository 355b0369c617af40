/* SPDX-License-Identifier: MIT */
#include "actors/announcer/easy.h"

#include <errno.h>

int easy_multi_init(struct easy_multi *m, uint32_t connect_timeout_ms, uint32_t n_host_max)
{
    m->multi = NULL;
    m->connect_timeout_ms = connect_timeout_ms;
    if (!curl_global_init(CURL_GLOBAL_DEFAULT))
        m->multi = curl_multi_init();
    if (!m->multi)
        return -ENOMEM;
    /* Connections that stay open for the next torrent. */
    curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, 2L * n_host_max);
    curl_multi_setopt(m->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)n_host_max);
    return 0;
}

void easy_multi_deinit(struct easy_multi *m)
{
    curl_multi_cleanup(m->multi);
    m->multi = NULL;
}

CURL *easy_new(const struct easy_multi *m)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Freeing the handle must not wait for a look-up that hangs in the C library. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)m->connect_timeout_ms);
    return easy;
}

void easy_free(const struct easy_multi *m, CURL **easyp)
{
    if (!*easyp)
        return;
    curl_multi_remove_handle(m->multi, *easyp);
    curl_easy_cleanup(*easyp);
    *easyp = NULL;
}

void easy_prepare(CURL *easy, void *user, char error[CURL_ERROR_SIZE], uint32_t timeout_ms)
{
    curl_easy_setopt(easy, CURLOPT_PRIVATE, user);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
}

int easy_begin(const struct easy_multi *m, CURL *easy)
{
    return curl_multi_add_handle(m->multi, easy) ? -ENOMEM : 0;
}

void easy_release(const struct easy_multi *m, CURL *easy)
{
    curl_multi_remove_handle(m->multi, easy);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
}

void easy_run(const struct easy_multi *m)
{
    int n_running;

    curl_multi_perform(m->multi, &n_running);
}

void *easy_next_done(const struct easy_multi *m, CURLcode *codep)
{
    CURLMsg *done;
    int n_left;

    while ((done = curl_multi_info_read(m->multi, &n_left))) {
        void *user = NULL;

        if (done->msg != CURLMSG_DONE)
            continue;
        *codep = done->data.result;
        curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, (char **)&user);
        curl_multi_remove_handle(m->multi, done->easy_handle);
        return user;
    }
    return NULL;
}
