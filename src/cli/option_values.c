/* SPDX-License-Identifier: MIT */
#include "cli/option_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"
#include "conjure/base/size.h"

/* Quotes the beginning of VALUE only: it may be long. */
static enum option_result invalid(char *reason, const char *value, const char *expected)
{
    snprintf(reason, OPTION_REASON_MAX, "'%.100s%s' is not %s", value,
             strlen(value) > 100 ? "..." : "", expected);
    return OPTION_INVALID;
}

static enum option_result parse_ranges(struct options *o, const char *text, char *reason)
{
    static const char expected[] = "a list of file numbers such as 1-3,7";
    const char *all = text;

    while (*text) {
        struct file_range range;
        char item[32];
        size_t n = strcspn(text, ",");
        char *dash;

        if (!n || n >= sizeof item || o->n_selected == OPTIONS_RANGES_MAX)
            return invalid(reason, all, expected);
        memcpy(item, text, n);
        item[n] = '\0';
        dash = strchr(item, '-');
        if (dash)
            *dash++ = '\0';
        else
            dash = item;
        if (size_parse_count(item, 1, UINT32_MAX, &range.first) ||
            size_parse_count(dash, range.first, UINT32_MAX, &range.last))
            return invalid(reason, all, expected);
        o->selected = mem_resize(o->selected, o->n_selected + 1, sizeof *o->selected);
        o->selected[o->n_selected++] = range;
        text += n;
        if (*text == ',' && !*++text)
            return invalid(reason, all, expected);
    }
    return o->n_selected ? OPTION_SET : invalid(reason, all, expected);
}

static enum option_result parse_on_change(struct options *o, const char *text, char *reason)
{
    if (strcmp(text, "report") != 0 && strcmp(text, "repair") != 0)
        return invalid(reason, text, "report or repair");
    o->repair_changed = !strcmp(text, "repair");
    return OPTION_SET;
}

static enum option_result parse_allocation(struct options *o, const char *text, char *reason)
{
    static const struct {
        const char *name;
        enum allocation allocation;
    } names[] = {
        {"sparse", ALLOCATION_SPARSE},
        {"full", ALLOCATION_FULL},
        {"compact", ALLOCATION_COMPACT},
    };

    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        if (!strcmp(text, names[i].name)) {
            o->allocation = names[i].allocation;
            return OPTION_SET;
        }
    return invalid(reason, text, "one of sparse, full and compact");
}

static enum option_result parse_flag(bool *flagp, const char *text, char *reason)
{
    if (strcmp(text, "yes") && strcmp(text, "no"))
        return invalid(reason, text, "yes or no");
    *flagp = *text == 'y';
    return OPTION_SET;
}

static enum option_result parse_path(char **pathp, const char *text, const char *expected,
                                     char *reason)
{
    if (!*text)
        return invalid(reason, text, expected);
    free(*pathp);
    *pathp = mem_dup_string(text);
    return OPTION_SET;
}

static enum option_result parse_number(struct options *o, enum option_id id, const char *text,
                                       char *reason)
{
    static const char rate[] = "bytes per second such as 500K or 1.5M";
    double value;
    uint32_t count;

    switch (id) {
    case OPTION_PORT:
        if (size_parse_count(text, 0, UINT16_MAX, &count))
            return invalid(reason, text, "a port between 0 and 65535");
        o->port = (uint16_t)count;
        o->port_given = true;
        return OPTION_SET;
    case OPTION_MAX_PEERS:
        if (size_parse_count(text, 1, OPTIONS_PEERS_MAX, &o->max_peers))
            return invalid(reason, text, "a number between 1 and 100000");
        return OPTION_SET;
    case OPTION_MAX_DOWNLOAD_LIMIT:
        return size_parse(text, &o->max_download_limit) ? invalid(reason, text, rate) : OPTION_SET;
    case OPTION_MAX_UPLOAD_LIMIT:
        return size_parse(text, &o->max_upload_limit) ? invalid(reason, text, rate) : OPTION_SET;
    case OPTION_SEED_RATIO:
        if (size_parse_decimal(text, &value) || value > 1e6)
            return invalid(reason, text, "a ratio such as 1.5");
        o->seed_ratio = value;
        return OPTION_SET;
    case OPTION_SEED_TIME:
        if (size_parse_decimal(text, &value) || value > 1e8)
            return invalid(reason, text, "a number of minutes such as 30 or 0.5");
        o->seed_time_s = (uint64_t)(value * 60);
        return OPTION_SET;
    case OPTION_SAVE_INTERVAL:
        if (size_parse_count(text, 1, 3600, &o->save_interval_s))
            return invalid(reason, text, "a number of seconds between 1 and 3600");
        return OPTION_SET;
    default:
        abort();
    }
}

enum option_result option_set(struct options *o, enum option_id id, const char *value,
                              char reason[OPTION_REASON_MAX])
{
    static const char folder[] = "the name of a folder", file[] = "the name of a file";

    switch (id) {
    case OPTION_OUTPUT:
        return parse_path(&o->dir, value, folder, reason);
    case OPTION_STATE_DIR:
        return parse_path(&o->state_dir, value, folder, reason);
    case OPTION_TORRENTS_DIR:
        return parse_path(&o->torrents_dir, value, folder, reason);
    case OPTION_CONFIG:
        return parse_path(&o->config, value, file, reason);
    case OPTION_PID_FILE:
        return parse_path(&o->pid_file, value, file, reason);
    case OPTION_VERBOSE:
        return parse_flag(&o->verbose, value, reason);
    case OPTION_QUIET:
        return parse_flag(&o->quiet, value, reason);
    case OPTION_DAEMON:
        return parse_flag(&o->daemon, value, reason);
    case OPTION_FOREGROUND:
        return parse_flag(&o->foreground, value, reason);
    case OPTION_CHECK_INTEGRITY:
        return parse_flag(&o->check_integrity, value, reason);
    case OPTION_ALLOW_OVERWRITE:
        return parse_flag(&o->allow_overwrite, value, reason);
    case OPTION_ON_CHANGE:
        return parse_on_change(o, value, reason);
    case OPTION_SEED_ONLY:
        return parse_flag(&o->seed_only, value, reason);
    case OPTION_SUPER_SEED:
        return parse_flag(&o->super_seed, value, reason);
    case OPTION_LIMIT_LAN:
        return parse_flag(&o->limit_lan, value, reason);
    case OPTION_SELECT_FILE:
        return parse_ranges(o, value, reason);
    case OPTION_ALLOCATION:
        return parse_allocation(o, value, reason);
    default:
        return parse_number(o, id, value, reason);
    }
}
