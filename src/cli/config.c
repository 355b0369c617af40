/* SPDX-License-Identifier: MIT */
/*
 * Parses line by line, and continues after a wrong line, so that an administrator sees all mistakes
 * at once. Values are parsed by the code of the command line (option_values.c). A value in a
 * section is parsed into a temporary struct options, and copied from there into the section.
 */
#include "cli/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/option_values.h"
#include "conjure/base/alloc.h"
#include "conjure/base/log.h"

#define UTF8_MARK      "\xef\xbb\xbf" /* some editors write it at the start of a file */
#define LINE_MAX_SHOWN 60             /* bytes of a key or a name in a complaint */

struct parser {
    const char *name;
    struct options *o;
    config_complain *complain;
    void *arg;
    unsigned line; /* from 1; 0: the whole file */
    unsigned n_wrong;
    struct option_section *section; /* NULL: outside of all sections, or after a wrong heading */
    bool in_section;                /* true after a wrong heading, too */
    unsigned set_at[N_OPTIONS];     /* the line of this section that set each option; 0: none */
};

/* A part of the text, not terminated. */
struct slice {
    const char *p;
    size_t n;
};

static void wrong(struct parser *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct parser *c, const char *format, ...)
{
    char text[OPTION_REASON_MAX + 128], *line;
    va_list args;

    if (c->n_wrong++ > CONFIG_WRONG_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (c->n_wrong > CONFIG_WRONG_MAX)
        snprintf(text, sizeof text, "more lines are wrong");
    log_clean(text);
    if (c->line ? asprintf(&line, "%s:%u: %s", c->name, c->line, text) < 0
                : asprintf(&line, "%s: %s", c->name, text) < 0)
        abort();
    c->complain(c->arg, line);
    free(line);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.n && is_blank(*s.p)) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static int shown(struct slice s)
{
    return s.n > LINE_MAX_SHOWN ? LINE_MAX_SHOWN : (int)s.n;
}

/* --- settings ----------------------------------------------------------------------------- */

static enum option_id find_option(struct slice key)
{
    unsigned id = 0;

    while (id < N_OPTIONS &&
           (strlen(option_table[id].name) != key.n || memcmp(option_table[id].name, key.p, key.n)))
        id++;
    return (enum option_id)id;
}

/* Options that choose what to run, not how to run. */
static bool is_for_command_line(enum option_id id)
{
    return id == OPTION_DAEMON || id == OPTION_CONFIG || id == OPTION_SELECT_FILE ||
           id == OPTION_HELP || id == OPTION_VERSION;
}

static bool is_for_torrent(enum option_id id)
{
    return id == OPTION_MAX_UPLOAD_LIMIT || id == OPTION_MAX_DOWNLOAD_LIMIT ||
           id == OPTION_SEED_RATIO || id == OPTION_SEED_TIME || id == OPTION_SUPER_SEED;
}

static enum option_result set_in_section(struct option_section *s, enum option_id id,
                                         const char *value, char reason[OPTION_REASON_MAX])
{
    struct options read = OPTIONS_DEFAULT;

    if (option_set(&read, id, value, reason))
        return OPTION_INVALID;
    if (!s)
        return OPTION_SET;
    switch (id) {
    case OPTION_MAX_UPLOAD_LIMIT:
        s->max_upload_limit = read.max_upload_limit;
        break;
    case OPTION_MAX_DOWNLOAD_LIMIT:
        s->max_download_limit = read.max_download_limit;
        break;
    case OPTION_SEED_RATIO:
        s->has_seed_ratio = true;
        s->seed_ratio = read.seed_ratio;
        break;
    case OPTION_SEED_TIME:
        s->has_seed_time = true;
        s->seed_time_s = read.seed_time_s;
        break;
    case OPTION_SUPER_SEED:
        s->has_super_seed = true;
        s->super_seed = read.super_seed;
        break;
    default:
        abort();
    }
    return OPTION_SET;
}

static void parse_setting(struct parser *c, struct slice key, struct slice value)
{
    enum option_id id = find_option(key);
    char reason[OPTION_REASON_MAX], *text;
    enum option_result r;

    if (id == N_OPTIONS) {
        wrong(c, "'%.*s' is not an option", shown(key), key.p);
        return;
    }
    if (is_for_command_line(id)) {
        wrong(c, "%s is allowed on the command line only", option_table[id].name);
        return;
    }
    if (c->in_section && !is_for_torrent(id)) {
        wrong(c, "%s cannot be set for one torrent", option_table[id].name);
        return;
    }
    if (c->set_at[id]) {
        wrong(c, "%s is already set in line %u", option_table[id].name, c->set_at[id]);
        return;
    }
    c->set_at[id] = c->line;
    text = strndup(value.p, value.n);
    if (!text)
        abort();
    r = c->in_section ? set_in_section(c->section, id, text, reason)
                      : option_set(c->o, id, text, reason);
    if (r)
        wrong(c, "%s: %s", option_table[id].name, reason);
    else if (c->o->verbose && c->o->quiet && (id == OPTION_VERBOSE || id == OPTION_QUIET))
        wrong(c, "verbose and quiet contradict each other");
    free(text);
}

/* --- sections ----------------------------------------------------------------------------- */

static bool is_info_hash(struct slice s)
{
    if (s.n != 40)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF", s.p[i]))
            return false;
    return true;
}

/* Keeps blanks and brackets inside the outer brackets: the name of a torrent may contain both. */
static void parse_heading(struct parser *c, struct slice s)
{
    struct options *o = c->o;
    char *torrent;

    c->section = NULL;
    c->in_section = true;
    memset(c->set_at, 0, sizeof c->set_at);
    if (s.n < 3 || s.p[s.n - 1] != ']') {
        wrong(c, "'%.*s' is not [NAME] or [INFO-HASH]", shown(s), s.p);
        return;
    }
    s.p++;
    s.n -= 2;
    torrent = strndup(s.p, s.n);
    if (!torrent)
        abort();
    if (is_info_hash(s))
        for (char *p = torrent; *p; p++)
            *p = (char)(*p >= 'A' && *p <= 'F' ? *p + 'a' - 'A' : *p);
    for (uint32_t i = 0; i < o->n_sections; i++)
        if (!strcmp(o->sections[i].torrent, torrent)) {
            wrong(c, "[%.*s] already begins in line %u", shown(s), s.p, o->sections[i].line);
            free(torrent);
            return;
        }
    if (o->n_sections == CONFIG_SECTIONS_MAX) {
        wrong(c, "more than %u sections", CONFIG_SECTIONS_MAX);
        free(torrent);
        return;
    }
    o->sections = mem_resize(o->sections, o->n_sections + 1, sizeof *o->sections);
    c->section = &o->sections[o->n_sections++];
    *c->section = (struct option_section){.torrent = torrent, .line = c->line};
}

/* --- the file ----------------------------------------------------------------------------- */

static void parse_line(struct parser *c, struct slice line)
{
    struct slice s = trim(line), key;
    const char *equals;

    if (!s.n || *s.p == '#')
        return;
    if (memchr(s.p, '\0', s.n)) {
        wrong(c, "contains a zero byte: not a text file");
        return;
    }
    if (*s.p == '[') {
        parse_heading(c, s);
        return;
    }
    equals = memchr(s.p, '=', s.n);
    key = trim((struct slice){s.p, equals ? (size_t)(equals - s.p) : 0});
    if (!key.n) {
        wrong(c, "'%.*s' is not 'key = value'", shown(s), s.p);
        return;
    }
    parse_setting(c, key, trim((struct slice){equals + 1, s.n - (size_t)(equals + 1 - s.p)}));
}

unsigned config_parse(const char *name, const char *text, size_t size, struct options *o,
                      config_complain *complain, void *arg)
{
    struct parser c = {.name = name, .o = o, .complain = complain, .arg = arg};
    const char *end = text + size;

    if (size > CONFIG_SIZE_MAX) {
        wrong(&c, "longer than 1 MiB");
        return c.n_wrong;
    }
    if (size >= strlen(UTF8_MARK) && !memcmp(text, UTF8_MARK, strlen(UTF8_MARK)))
        text += strlen(UTF8_MARK);
    for (const char *p = text, *next; p < end; p = next) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));

        next = newline ? newline + 1 : end;
        c.line++;
        parse_line(&c, (struct slice){p, (size_t)((newline ? newline : end) - p)});
    }
    return c.n_wrong;
}
