/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conjure/base/rng.h"
#include "conjure/torrent/author.h"

static char home[] = "/tmp/conjure-author-XXXXXX";
static char reason[AUTHOR_REASON_MAX];
static struct metainfo *m;

/* Every test runs in a fresh folder of its own (Check forks for each). */
static void enter(void)
{
    ck_assert_ptr_nonnull(mkdtemp(home));
    ck_assert_int_eq(chdir(home), 0);
}

static void leave(void)
{
    char command[sizeof home + 20];

    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", home);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static int make(const char *path, uint32_t piece_length)
{
    struct author_options o = AUTHOR_OPTIONS_EMPTY;

    o.piece_length = piece_length;
    m = NULL;
    return author_make(path, &o, &m, reason);
}

static void must_make(const char *path, uint32_t piece_length)
{
    int r = make(path, piece_length);

    ck_assert_msg(!r, "%s", reason);
}

START_TEST(writes_the_given_options)
{
    static const char *const trackers[] = {"http://a/announce", "udp://b:1"};
    static const char head[] =
        "d8:announce17:http://a/announce13:announce-listll17:http://a/announceel9:udp://b:1ee"
        "7:comment2:hi10:created by";
    static const char tail[] =
        "13:creation datei1234e4:info"
        "d6:lengthi5e4:name1:f12:piece lengthi16384e6:pieces20:"
        "\xaa\xf4\xc6\x1d\xdc\xc5\xe8\xa2\xda\xbe\xde\x0f\x3b\x48\x2c\xd9\xae\xa9\x43\x4d"
        "7:privatei1eee";
    struct author_options o = {.trackers = trackers,
                               .n_trackers = 2,
                               .private = true,
                               .comment = "hi",
                               .creation_date = 1234};
    char by[64];
    const uint8_t *raw;
    size_t n, n_by;

    enter();
    put("f", "hello", 5);
    ck_assert_int_eq(author_make("f", &o, &m, reason), 0);
    raw = metainfo_raw(m, &n);
    n_by = (size_t)snprintf(by, sizeof by, "%zu:Conjure " CONJURE_VERSION,
                            sizeof("Conjure " CONJURE_VERSION) - 1);
    ck_assert_uint_eq(n, sizeof head - 1 + n_by + sizeof tail - 1);
    ck_assert_mem_eq(raw, head, sizeof head - 1);
    ck_assert_mem_eq(raw + sizeof head - 1, by, n_by);
    ck_assert_mem_eq(raw + sizeof head - 1 + n_by, tail, sizeof tail - 1);
    metainfo_free(m);
    leave();
}
END_TEST

START_TEST(takes_all_regular_files_in_bytewise_order)
{
    static const char *const paths[] = {"t/.hidden", "t/B",    "t/a-b",     "t/a/z",
                                        "t/empty",   "t/link", "t/\xc3\xa9"};
    static const char *const forms[] = {"t", "t/", "./t", "t/."};

    enter();
    mkdir("t", 0755);
    mkdir("t/a", 0755);
    mkdir("t/no-files", 0755);
    put("t/B", "1", 1);
    put("t/\xc3\xa9", "22", 2);
    put("t/a/z", "333", 3);
    put("t/a-b", "4444", 4);
    put("t/.hidden", "55555", 5);
    put("t/empty", "", 0);
    put("beside", "666666", 6);
    ck_assert_int_eq(symlink("../beside", "t/link"), 0);
    ck_assert_int_eq(symlink("a", "t/link-to-folder"), 0);
    ck_assert_int_eq(symlink("nowhere", "t/link-to-nothing"), 0);
    ck_assert_int_eq(symlink(".", "t/loop"), 0);
    ck_assert_int_eq(mkfifo("t/pipe", 0600), 0);
    for (size_t form = 0; form < 4; form++) {
        must_make(forms[form], 0);
        ck_assert_uint_eq(metainfo_n_files(m), 7);
        for (uint32_t i = 0; i < 7; i++)
            ck_assert_str_eq(metainfo_file(m, i)->path, paths[i]);
        ck_assert_uint_eq(metainfo_file(m, 5)->length, 6);
        ck_assert_uint_eq(metainfo_total_length(m), 21);
        metainfo_free(m);
    }
    ck_assert_int_eq(chdir("t"), 0);
    must_make(".", 0);
    ck_assert_str_eq(metainfo_name(m), "t");
    metainfo_free(m);
    leave();
}
END_TEST

/* Content in several files against hashes of the same bytes in one row. */
static void check_hashes(uint32_t piece_length, const size_t sizes[], unsigned n_files)
{
    struct rng rng;
    size_t total = 0, at = 0;
    uint8_t *bytes;

    rng_seed(&rng, piece_length);
    for (unsigned i = 0; i < n_files; i++)
        total += sizes[i];
    bytes = malloc(total + 1);
    for (size_t i = 0; i < total; i++)
        bytes[i] = (uint8_t)rng_next(&rng);
    mkdir("t", 0755);
    for (unsigned i = 0; i < n_files; i++) {
        char name[16];

        snprintf(name, sizeof name, "t/%03u", i);
        put(name, bytes + at, sizes[i]);
        at += sizes[i];
    }
    must_make("t", piece_length);
    ck_assert_uint_eq(metainfo_total_length(m), total);
    ck_assert_uint_eq(metainfo_n_pieces(m), (total + piece_length - 1) / piece_length);
    for (uint32_t i = 0; i < metainfo_n_pieces(m); i++) {
        uint8_t digest[SHA1_SIZE];

        sha1(bytes + (size_t)i * piece_length, geometry_piece_size(metainfo_geometry(m), i),
             digest);
        ck_assert_mem_eq(digest, metainfo_piece_hash(m, i), SHA1_SIZE);
    }
    metainfo_free(m);
    free(bytes);
    ck_assert_int_eq(system("rm -r t"), 0);
}

START_TEST(hashes_pieces_across_files)
{
    static const size_t one[] = {1};
    static const size_t some[] = {0, 5000, 1, 0, 70000, 1023, 1024, 0};
    static const size_t large[] = {300000, 1234567, 3000001};

    enter();
    check_hashes(1024, one, 1);
    check_hashes(1024, some, 8);
    check_hashes(3072, some, 8);
    check_hashes(65536, some, 8);
    check_hashes(131072 + 1024, large, 3); /* one part and some bytes of the next */
    check_hashes(262144, large, 3);
    check_hashes(1 << 26, large, 3); /* one piece for all */
    leave();
}
END_TEST

START_TEST(more_files_than_are_kept_open)
{
    size_t sizes[300];

    for (size_t i = 0; i < 300; i++)
        sizes[i] = 100 + i;
    enter();
    check_hashes(16384, sizes, 300);
    leave();
}
END_TEST

START_TEST(empty_files_make_a_torrent_without_pieces)
{
    enter();
    put("empty", "", 0);
    must_make("empty", 0);
    ck_assert_uint_eq(metainfo_n_pieces(m), 0);
    metainfo_free(m);
    leave();
}
END_TEST

START_TEST(refusals_have_a_reason)
{
    static const struct {
        const char *path;
        uint32_t piece_length;
        int r;
        const char *reason;
    } cases[] = {
        {"nowhere", 0, -ENOENT, "nowhere: No such file or directory"},
        {"", 0, -ENOENT, ": No such file or directory"},
        {"f/", 0, -ENOTDIR, "f/: Not a directory"},
        {"/dev/null", 0, AUTHOR_REFUSED, "/dev/null: neither a file nor a folder"},
        {"/", 0, AUTHOR_REFUSED, "/: has no name of its own"},
        {"hollow", 0, AUTHOR_REFUSED, "hollow: holds no files"},
        {"odd", 0, AUTHOR_REFUSED,
         "odd/new?line: a name that is not UTF-8, or has control characters"},
        {"latin\xfc", 0, AUTHOR_REFUSED,
         "latin\xef\xbf\xbd: a name that is not UTF-8, or has control characters"},
        {"f", 1000, AUTHOR_REFUSED, "a piece length of 1000 bytes"},
        {"f", 1025, AUTHOR_REFUSED, "a piece length of 1025 bytes"},
        {"f", METAINFO_PIECE_MAX + 1024, AUTHOR_REFUSED, "a piece length of 536871936 bytes"},
    };

    enter();
    put("f", "hello", 5);
    mkdir("hollow", 0755);
    mkdir("hollow/below", 0755);
    mkdir("odd", 0755);
    put("odd/new\nline", "x", 1);
    put("latin\xfc", "x", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(make(cases[i].path, cases[i].piece_length), cases[i].r);
        ck_assert_str_eq(reason, cases[i].reason);
        ck_assert_ptr_null(m);
    }
    leave();
}
END_TEST

START_TEST(sparse_content_of_too_many_pieces_is_refused_before_it_is_read)
{
    int fd;

    enter();
    fd = open("huge", O_CREAT | O_WRONLY, 0644);
    ck_assert_int_eq(ftruncate(fd, INT64_C(1) << 40), 0);
    close(fd);
    ck_assert_int_eq(make("huge", 1024), AUTHOR_REFUSED);
    ck_assert_str_eq(reason, "pieces of 1024 bytes are too many");
    leave();
}
END_TEST

START_TEST(chooses_one_to_two_thousand_pieces)
{
    ck_assert_uint_eq(author_choose_piece_length(0), 16384);
    ck_assert_uint_eq(author_choose_piece_length(2000 * 16384 - 1), 16384);
    ck_assert_uint_eq(author_choose_piece_length(2000 * 16384), 32768);
    ck_assert_uint_eq(author_choose_piece_length(UINT64_C(1) << 30), 1 << 20);
    ck_assert_uint_eq(author_choose_piece_length(UINT64_C(1) << 40), 16 << 20);
    for (uint64_t total = 20 << 20; total < UINT64_C(16) << 30; total += total / 7) {
        uint64_t n = total / author_choose_piece_length(total);

        ck_assert_uint_ge(n, 1000);
        ck_assert_uint_lt(n, 2000);
    }
}
END_TEST

RUN_SUITE("Author", 20, writes_the_given_options, takes_all_regular_files_in_bytewise_order,
          hashes_pieces_across_files, more_files_than_are_kept_open,
          empty_files_make_a_torrent_without_pieces, refusals_have_a_reason,
          sparse_content_of_too_many_pieces_is_refused_before_it_is_read,
          chooses_one_to_two_thousand_pieces);
