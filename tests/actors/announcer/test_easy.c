/* SPDX-License-Identifier: MIT */
#include "../../suite.h"

#include "actors/announcer/easy.h"

/* A transfer from port 1 of loopback, where no process listens, ends with CODE. */
static void run_until_done(struct easy_multi *m, CURL *easy, CURLcode expected)
{
    char error[CURL_ERROR_SIZE] = "";
    CURLcode code = CURLE_OK;
    void *user = NULL;
    int n, us = 0;

    easy_prepare(easy, &us, error, 5000);
    curl_easy_setopt(easy, CURLOPT_URL, "http://127.0.0.1:1/");
    ck_assert_int_eq(easy_begin(m, easy), 0);
    while (!user) {
        easy_run(m);
        user = easy_next_done(m, &code);
        if (!user)
            curl_multi_poll(m->multi, NULL, 0, 1000, &n);
    }
    ck_assert_ptr_eq(user, &us);
    ck_assert_int_eq(code, expected);
    ck_assert_str_ne(error, "");
    ck_assert_ptr_null(easy_next_done(m, &code));
    easy_release(m, easy);
}

START_TEST(a_handle_is_used_again_and_reports_its_user)
{
    struct easy_multi m;
    CURL *easy;

    ck_assert_int_eq(easy_multi_init(&m, 1000, 4), 0);
    easy = easy_new(&m);
    ck_assert_ptr_nonnull(easy);
    run_until_done(&m, easy, CURLE_COULDNT_CONNECT);
    run_until_done(&m, easy, CURLE_COULDNT_CONNECT);
    easy_free(&m, &easy);
    ck_assert_ptr_null(easy);
    easy_free(&m, &easy);
    easy_multi_deinit(&m);
    easy_multi_deinit(&m);
}
END_TEST

START_TEST(a_transfer_under_way_can_be_freed)
{
    struct easy_multi m;
    char error[CURL_ERROR_SIZE];
    CURLcode code;
    CURL *easy;

    ck_assert_int_eq(easy_multi_init(&m, 1000, 4), 0);
    easy = easy_new(&m);
    easy_prepare(easy, &m, error, 5000);
    curl_easy_setopt(easy, CURLOPT_URL, "http://127.0.0.1:1/");
    ck_assert_int_eq(easy_begin(&m, easy), 0);
    easy_free(&m, &easy);
    easy_run(&m);
    ck_assert_ptr_null(easy_next_done(&m, &code));
    easy_multi_deinit(&m);
}
END_TEST

RUN_SUITE("announcer's transfers", 10, a_handle_is_used_again_and_reports_its_user,
          a_transfer_under_way_can_be_freed);
