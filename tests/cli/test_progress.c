/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "conjure/cli/progress.h"

static const struct progress_view download = {
    .name = "debian-12.7.0-amd64-netinst.iso",
    .n_torrents = 1,
    .state = PROGRESS_DOWNLOADING,
    .verified = UINT64_C(285) << 20,
    .wanted = UINT64_C(631) << 20,
    .download_rate = UINT64_C(80) << 20,
    .upload_rate = 1258291,
    .n_peers = 12,
    .n_seeds = 3,
    .eta_s = 192,
};

/* Columns of a line of text in this locale. */
static int columns_of(const char *text)
{
    wchar_t wide[PROGRESS_TEXT_MAX];
    size_t n = mbstowcs(wide, text, PROGRESS_TEXT_MAX);

    ck_assert_uint_ne(n, (size_t)-1);
    return wcswidth(wide, n);
}

START_TEST(a_wide_terminal_shows_everything)
{
    char text[PROGRESS_TEXT_MAX];

    ck_assert_str_eq(progress_format(&download, 0, text),
                     "debian-12.7.0-amd64-netinst.iso  45.1%  285.0 MiB of 631.0 MiB  "
                     "down 80.0 MiB/s  up 1.1 MiB/s  12 peers  3 seeds  ETA 3m12s");
}
END_TEST

START_TEST(the_least_important_goes_first)
{
    static const char *const words[] = {"seed", " up ", "peer", " of ", "ETA", "down", "debian"};
    char text[PROGRESS_TEXT_MAX];
    size_t gone = 0;

    for (unsigned width = 140; width > 0; width--) {
        progress_format(&download, width, text);
        for (size_t i = 0; i < gone; i++)
            ck_assert_msg(!strstr(text, words[i]), "'%s' came back at %u", words[i], width);
        while (gone < 7 && !strstr(text, words[gone]))
            gone++;
        for (size_t i = gone; i < 6; i++)
            ck_assert_msg(strstr(text, words[i]), "'%s' went too early at %u: %s", words[i], width,
                          text);
    }
    ck_assert_uint_eq(gone, 7);
    ck_assert_str_eq(progress_format(&download, 5, text), "45.1%");
    ck_assert_str_eq(progress_format(&download, 4, text), "");
}
END_TEST

START_TEST(no_line_is_wider_than_its_terminal)
{
    static const char *const names[] = {
        "",
        "a",
        "naïve café résumé and more of it, for ever and ever",
        "日本語の長い名前のファイルがここにあります.mkv",
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81"
        "e\xcc\x81",
        "broken \xff\xfe utf-8 \xe6\x97",
        "steers \x1b[2J\r\n the terminal",
    };
    static const enum progress_state states[] = {PROGRESS_CHECKING, PROGRESS_CONNECTING,
                                                 PROGRESS_DOWNLOADING, PROGRESS_SEEDING,
                                                 PROGRESS_STOPPING};

    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (size_t s = 0; s < sizeof states / sizeof states[0]; s++)
            for (unsigned width = 1; width < 160; width++) {
                struct progress_view v = download;
                char text[PROGRESS_TEXT_MAX];
                int columns;

                v.name = names[n];
                v.state = states[s];
                columns = columns_of(progress_format(&v, width, text));
                ck_assert_msg(columns >= 0 && columns <= (int)width, "%d of %u: %s", columns, width,
                              text);
            }
}
END_TEST

START_TEST(names_are_cut_between_characters)
{
    char text[256];

    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    ck_assert_uint_eq(progress_fit_name("short", 10, text, sizeof text), 5);
    ck_assert_str_eq(text, "short");
    ck_assert_uint_eq(progress_fit_name("exactly_10", 10, text, sizeof text), 10);
    ck_assert_str_eq(text, "exactly_10");
    ck_assert_uint_eq(progress_fit_name("eleven_long", 10, text, sizeof text), 10);
    ck_assert_str_eq(text, "eleven_...");
    /* Two columns each: seven columns hold three of them. */
    ck_assert_uint_eq(progress_fit_name("日本語の名前", 10, text, sizeof text), 9);
    ck_assert_str_eq(text, "日本語...");
    ck_assert_uint_eq(progress_fit_name("\xff"
                                        "a\x1b"
                                        "b",
                                        10, text, sizeof text),
                      4);
    ck_assert_str_eq(text, "?a?b");
    /* The buffer ends before the width does. */
    ck_assert_uint_eq(progress_fit_name("abcdefghijklmnop", 100, text, 10), 9);
    ck_assert_str_eq(text, "abcdef...");
}
END_TEST

START_TEST(a_locale_without_utf8_shows_question_marks)
{
    char text[64];

    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C"));
    ck_assert_uint_eq(progress_fit_name("caf\xc3\xa9", 20, text, sizeof text), 5);
    ck_assert_str_eq(text, "caf??");
}
END_TEST

START_TEST(a_hundred_percent_means_all)
{
    struct progress_view v = download;
    char text[PROGRESS_TEXT_MAX];

    v.wanted = UINT64_C(1) << 40;
    v.verified = v.wanted - 1;
    ck_assert_ptr_nonnull(strstr(progress_format(&v, 0, text), " 99.9%"));
    v.verified = v.wanted;
    ck_assert_ptr_nonnull(strstr(progress_format(&v, 0, text), " 100.0%"));
    v.verified = v.wanted = 0;
    ck_assert_ptr_nonnull(strstr(progress_format(&v, 0, text), " 100.0%"));
}
END_TEST

START_TEST(each_state_has_its_words)
{
    struct progress_view v = download;
    char text[PROGRESS_TEXT_MAX];

    v.name = "x";
    v.state = PROGRESS_CHECKING;
    v.verified = 285;
    v.wanted = 631;
    ck_assert_str_eq(progress_format(&v, 0, text), "x  checking  45.1%  285 of 631 pieces");
    v = download;
    v.name = "x";
    v.state = PROGRESS_CONNECTING;
    ck_assert_str_eq(progress_format(&v, 0, text),
                     "x  45.1%  285.0 MiB of 631.0 MiB  looking for peers");
    v.state = PROGRESS_SEEDING;
    v.uploaded = v.wanted / 2;
    v.n_peers = 1;
    ck_assert_str_eq(progress_format(&v, 0, text), "x  seeding  up 1.1 MiB/s  1 peer  ratio 0.50");
    v.state = PROGRESS_STOPPING;
    ck_assert_str_eq(progress_format(&v, 0, text), "x  stopping");
    v.state = PROGRESS_DOWNLOADING;
    v.n_torrents = 3;
    v.eta_s = PROGRESS_ETA_UNKNOWN;
    ck_assert_str_eq(progress_format(&v, 0, text),
                     "3 torrents  45.1%  285.0 MiB of 631.0 MiB  down 80.0 MiB/s  up 1.1 MiB/s  "
                     "1 peer  3 seeds");
}
END_TEST

START_TEST(the_summary_says_how_it_went)
{
    struct progress_summary s = {.name = "x.iso",
                                 .downloaded = UINT64_C(256) << 20,
                                 .uploaded = UINT64_C(32) << 20,
                                 .wanted = UINT64_C(256) << 20,
                                 .elapsed_ns = UINT64_C(3200000000),
                                 .n_peers = 4};
    char text[PROGRESS_TEXT_MAX];

    ck_assert_str_eq(progress_format_summary(&s, text),
                     "x.iso: 256.0 MiB in 3.2 s (80.0 MiB/s), 4 peers, ratio 0.12");
    s.elapsed_ns = 0;
    s.n_peers = 1;
    ck_assert_str_eq(progress_format_summary(&s, text),
                     "x.iso: 256.0 MiB in 0.00 s, 1 peer, ratio 0.12");
    s.n_peers = 0;
    ck_assert_str_eq(progress_format_summary(&s, text), "x.iso: 256.0 MiB in 0.00 s, ratio 0.12");
    s.downloaded = 0;
    ck_assert_str_eq(progress_format_summary(&s, text),
                     "x.iso: 256.0 MiB, already complete and verified");
    s.stopped = true;
    s.verified = 100 << 20;
    ck_assert_str_eq(progress_format_summary(&s, text),
                     "x.iso: stopped at 39.0% (100.0 MiB of 256.0 MiB)");
}
END_TEST

RUN_SUITE("progress", 20, a_wide_terminal_shows_everything, the_least_important_goes_first,
          no_line_is_wider_than_its_terminal, names_are_cut_between_characters,
          a_locale_without_utf8_shows_question_marks, a_hundred_percent_means_all,
          each_state_has_its_words, the_summary_says_how_it_went);
