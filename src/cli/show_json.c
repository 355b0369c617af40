/* SPDX-License-Identifier: MIT */
#include "cli/show_json.h"

#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "conjure/cli/torrent_file.h"

/* Leaves KEY out when TEXT is NULL. Text that is not UTF-8 (only a path can be) becomes "?". */
static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && json_object_set_new(object, key, json_string(text)))
        json_object_set_new(object, key, json_string("?"));
}

static json_t *files_to_json(const struct metainfo *m)
{
    json_t *files = json_array();

    for (uint32_t i = 0; i < metainfo_n_files(m); i++) {
        const struct metainfo_file *f = metainfo_file(m, i);
        json_t *file = json_object();

        set_text(file, "path", f->path);
        set_text(file, "original", f->original);
        set_text(file, "link", f->link);
        json_object_set_new(file, "length", json_integer((json_int_t)f->length));
        json_object_set_new(file, "padding", json_boolean(f->padding));
        json_object_set_new(file, "executable", json_boolean(f->executable));
        json_array_append_new(files, file);
    }
    return files;
}

static json_t *trackers_to_json(const struct metainfo *m)
{
    json_t *tiers = json_array();

    for (uint32_t i = 0; i < tracker_list_n_tiers(metainfo_trackers(m)); i++) {
        json_t *tier = json_array();

        for (uint32_t j = 0; j < tracker_list_n_in_tier(metainfo_trackers(m), i); j++)
            json_array_append_new(tier, json_string(tracker_list_url(metainfo_trackers(m), i, j)));
        json_array_append_new(tiers, tier);
    }
    return tiers;
}

static void metainfo_to_json(const struct metainfo *m, json_t *object)
{
    char hash[INFO_HASH_TEXT_SIZE];

    set_text(object, "name", metainfo_name(m));
    set_text(object, "original_name", metainfo_original_name(m));
    set_text(object, "info_hash", info_hash_text(metainfo_info_hash(m), hash));
    json_object_set_new(object, "size", json_integer((json_int_t)metainfo_total_length(m)));
    json_object_set_new(object, "piece_length", json_integer(metainfo_piece_length(m)));
    json_object_set_new(object, "pieces", json_integer(metainfo_n_pieces(m)));
    json_object_set_new(object, "private", json_boolean(metainfo_is_private(m)));
    json_object_set_new(object, "multi", json_boolean(metainfo_is_multi(m)));
    set_text(object, "comment", metainfo_comment(m));
    set_text(object, "created_by", metainfo_created_by(m));
    if (metainfo_creation_date(m))
        json_object_set_new(object, "creation_date", json_integer(metainfo_creation_date(m)));
    json_object_set_new(object, "trackers", trackers_to_json(m));
    json_object_set_new(object, "files", files_to_json(m));
}

/* Appends the torrent at PATH to ALL. */
static enum exit_code append(const char *path, json_t *all)
{
    struct metainfo *m = NULL;
    char reason[METAINFO_REASON_MAX];
    enum exit_code code = torrent_file_load(path, &m, reason);
    json_t *object = json_object();

    set_text(object, "file", path);
    if (code)
        set_text(object, "error", reason);
    else
        metainfo_to_json(m, object);
    json_array_append_new(all, object);
    metainfo_free(m);
    return code;
}

int show_json(char **paths)
{
    json_t *all = json_array();
    int worst = EXIT_DONE;

    for (char **path = paths; *path; path++) {
        int code = append(*path, all);

        if (code > worst)
            worst = code;
    }
    json_dumpf(json_array_size(all) == 1 ? json_array_get(all, 0) : all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return worst;
}
