/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conjure/base/alloc.h"
#include "conjure/base/bytes.h"
#include "conjure/state/known.h"

#define TORRENT                                                                                 \
    "d4:infod5:filesld6:lengthi5e4:pathl1:aeed6:lengthi6e4:pathl1:beee4:name1:T12:piece length" \
    "i16384e6:pieces20:01234567890123456789ee"
#define KNOWN(folder, seeded, skipped, torrent) \
    "d7:conjurei1e6:folder" folder "6:seededi" seeded "e7:skippedl" skipped "e7:torrent" torrent "e"
#define GOOD KNOWN("7:/srv/in", "90", "i1e", "129:" TORRENT)

static int decode(const char *text, struct known *k, char reason[KNOWN_REASON_MAX])
{
    reason[0] = '\0';
    return known_decode((const uint8_t *)text, strlen(text), k, reason);
}

START_TEST(a_file_is_decoded_and_encoded_again)
{
    struct known k = KNOWN_EMPTY;
    char reason[KNOWN_REASON_MAX], name[KNOWN_NAME_MAX], hash[2 * SHA1_SIZE + 1];
    uint8_t *bytes;
    size_t n;

    ck_assert_uint_eq(strlen(TORRENT), 129);
    ck_assert_msg(!decode(GOOD, &k, reason), "%s", reason);
    ck_assert_str_eq(k.folder, "/srv/in");
    ck_assert_uint_eq(k.seeded_s, 90);
    ck_assert(!k.skip_file[0] && k.skip_file[1]);
    ck_assert_str_eq(metainfo_name(k.meta), "T");
    ck_assert(!known_encode(&k, &bytes, &n));
    ck_assert_uint_eq(n, strlen(GOOD));
    ck_assert(!memcmp(bytes, GOOD, n));
    free(bytes);
    info_hash_text(metainfo_info_hash(k.meta), hash);
    known_name(metainfo_info_hash(k.meta), name);
    ck_assert(!strncmp(name, hash, 40) && !strcmp(name + 40, ".known"));
    known_deinit(&k);
    known_deinit(&k);
    ck_assert(!decode(KNOWN("1:/", "0", "", "129:" TORRENT), &k, reason));
    ck_assert_ptr_null(k.skip_file);
    known_deinit(&k);
}
END_TEST

START_TEST(each_fault_is_named)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "truncated"},
        {"hello", "not B-coding"},
        {GOOD "x", "follow"},
        {"de", "conjure: missing"},
        {"d7:conjurei2e6:folder1:/6:seededi0e7:skippedle7:torrent1:xe", "conjure: must be 1"},
        {KNOWN("0:", "0", "", "129:" TORRENT), "folder: must have"},
        {KNOWN("3:a/b", "0", "", "129:" TORRENT), "folder: not an absolute path"},
        {KNOWN("2:/b", "-1", "", "129:" TORRENT), "seeded: must be 0"},
        {KNOWN("2:/b", "0", "i2e", "129:" TORRENT), "skipped: there is no such file"},
        {KNOWN("2:/b", "0", "i-1e", "129:" TORRENT), "skipped[0]: must be 0"},
        {KNOWN("2:/b", "0", "1:x", "129:" TORRENT), "skipped[0]: must be an integer"},
        {KNOWN("2:/b", "0", "", "1:x"), "torrent: "},
        {KNOWN("2:/b", "0", "", "le"), "torrent: must be a string"},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct known k = KNOWN_EMPTY;
        char reason[KNOWN_REASON_MAX];

        ck_assert_int_eq(decode(cases[i].text, &k, reason), KNOWN_CORRUPT);
        ck_assert_msg(strstr(reason, cases[i].reason), "%zu: %s", i, reason);
        ck_assert_ptr_null(k.meta);
    }
}
END_TEST

START_TEST(a_folder_with_a_nul_is_refused)
{
    static const char bytes[] =
        "d7:conjurei1e6:folder4:/a\0b6:seededi0e7:skippedle7:torrent129:" TORRENT "e";
    struct known k = KNOWN_EMPTY;
    char reason[KNOWN_REASON_MAX];

    ck_assert_int_eq(known_decode((const uint8_t *)bytes, sizeof bytes - 1, &k, reason),
                     KNOWN_CORRUPT);
}
END_TEST

START_TEST(a_truncated_file_is_corrupt)
{
    for (size_t n = 0; n < strlen(GOOD); n++) {
        struct known k = KNOWN_EMPTY;
        char reason[KNOWN_REASON_MAX];
        uint8_t *bytes = malloc(n + 1);

        memcpy(bytes, GOOD, n);
        ck_assert_int_eq(known_decode(bytes, n, &k, reason), KNOWN_CORRUPT);
        free(bytes);
    }
}
END_TEST

START_TEST(a_file_is_replaced_and_loaded)
{
    char folder[] = "/tmp/conjure-known-XXXXXX", path[64], reason[KNOWN_REASON_MAX];
    struct known k = KNOWN_EMPTY, again = KNOWN_EMPTY;
    size_t n;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.known", folder);
    ck_assert_int_eq(known_load(path, &again, reason), -ENOENT);
    ck_assert(!decode(GOOD, &k, reason));
    ck_assert(!known_save(path, &k));
    k.seeded_s = 91;
    ck_assert(!known_save(path, &k));
    ck_assert(!known_load(path, &again, reason));
    ck_assert_uint_eq(again.seeded_s, 91);
    /* The loaded metainfo has no bytes of the .torrent: they are read from the file again. */
    ck_assert_ptr_null(metainfo_raw(again.meta, &n));
    ck_assert_uint_eq(n, 0);
    again.seeded_s = 92;
    ck_assert(!known_save(path, &again));
    known_deinit(&again);
    ck_assert(!known_load(path, &again, reason));
    ck_assert_uint_eq(again.seeded_s, 92);
    ck_assert(info_hash_equal(metainfo_info_hash(again.meta), metainfo_info_hash(k.meta)));
    if (metainfo_n_pieces(k.meta))
        ck_assert_mem_eq(metainfo_piece_hash(again.meta, 0), metainfo_piece_hash(k.meta, 0),
                         SHA1_SIZE);
    ck_assert(!unlink(path));
    ck_assert_int_eq(known_save(path, &again), -ENOENT);
    known_deinit(&again);
    ck_assert(!rmdir(folder)); /* no other file is left */
    ck_assert_int_eq(known_save(path, &k), -ENOENT);
    known_deinit(&k);
}
END_TEST

RUN_SUITE("Known torrents", 10, a_file_is_decoded_and_encoded_again, each_fault_is_named,
          a_folder_with_a_nul_is_refused, a_truncated_file_is_corrupt,
          a_file_is_replaced_and_loaded);
