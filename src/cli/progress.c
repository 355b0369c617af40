/* SPDX-License-Identifier: MIT */
/*
 * The line is a list of fields from left to right, each with a rank. The field of the highest rank
 * is dropped until the rest fits beside a name of NAME_MIN columns; then the name gets all columns
 * that are left. Fields are ASCII, so a byte is a column; only the name needs wcwidth(3).
 */
#include "conjure/cli/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "conjure/base/size.h"

#define NAME_MIN  12 /* columns reserved for the name while a field can be dropped */
#define FIELD_MAX 48
#define GAP       2 /* columns between fields */

struct field {
    unsigned rank; /* 0: never dropped */
    char text[FIELD_MAX];
};

struct line {
    struct field fields[10];
    unsigned n_fields;
};

static void add(struct line *l, unsigned rank, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct line *l, unsigned rank, const char *format, ...)
{
    struct field *f = &l->fields[l->n_fields++];
    va_list args;

    f->rank = rank;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
}

/* Tenths of a percent, rounded down: only the whole is 1000. */
static unsigned permille_of(uint64_t part, uint64_t whole)
{
    unsigned permille = 1000;

    if (part < whole)
        permille = (unsigned)((double)part / (double)whole * 1000);
    return part < whole && permille > 999 ? 999 : permille;
}

static void add_percent(struct line *l, uint64_t part, uint64_t whole)
{
    unsigned permille = permille_of(part, whole);

    add(l, 0, "%u.%u%%", permille / 10, permille % 10);
}

static void add_ratio(struct line *l, unsigned rank, uint64_t uploaded, uint64_t wanted)
{
    if (wanted)
        add(l, rank, "ratio %.2f", (double)uploaded / (double)wanted);
}

static void add_peers(struct line *l, unsigned rank, const struct progress_view *v)
{
    add(l, rank, "%" PRIu32 " peer%s", v->n_peers, size_plural(v->n_peers));
}

static void collect(struct line *l, const struct progress_view *v)
{
    char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];

    switch (v->state) {
    case PROGRESS_CHECKING:
        add(l, 1, "checking");
        add_percent(l, v->verified, v->wanted);
        add(l, 2, "%" PRIu64 " of %" PRIu64 " pieces", v->verified, v->wanted);
        break;
    case PROGRESS_STOPPING:
        add(l, 0, "stopping");
        break;
    case PROGRESS_SEEDING:
        add(l, 0, "seeding");
        add(l, 1, "up %s", size_format_rate(v->upload_rate, a));
        add_peers(l, 2, v);
        add_ratio(l, 3, v->uploaded, v->wanted);
        break;
    case PROGRESS_CONNECTING:
    case PROGRESS_DOWNLOADING:
        add_percent(l, v->verified, v->wanted);
        add(l, 3, "%s of %s", size_format(v->verified, a), size_format(v->wanted, b));
        if (v->state == PROGRESS_CONNECTING) {
            add(l, 1, "looking for peers");
            break;
        }
        add(l, 1, "down %s", size_format_rate(v->download_rate, a));
        add(l, 5, "up %s", size_format_rate(v->upload_rate, a));
        add_peers(l, 4, v);
        add(l, 6, "%" PRIu32 " seed%s", v->n_seeds, size_plural(v->n_seeds));
        if (v->eta_s != PROGRESS_ETA_UNKNOWN)
            add(l, 2, "ETA %s", size_format_duration(v->eta_s, a));
        break;
    }
}

static unsigned width_of(const struct line *l)
{
    unsigned width = 0;

    for (unsigned i = 0; i < l->n_fields; i++)
        width += (i ? GAP : 0) + (unsigned)strlen(l->fields[i].text);
    return width;
}

/* Drops the field of the highest rank. Returns false when all remaining ones have rank 0. */
static bool drop_one(struct line *l)
{
    unsigned worst = 0;

    for (unsigned i = 1; i < l->n_fields; i++)
        if (l->fields[i].rank > l->fields[worst].rank)
            worst = i;
    if (!l->n_fields || !l->fields[worst].rank)
        return false;
    memmove(&l->fields[worst], &l->fields[worst + 1],
            (l->n_fields - worst - 1) * sizeof l->fields[0]);
    l->n_fields--;
    return true;
}

/* The next character of NAME: its bytes and columns, or '?' in one column if it is not printable.
 * Returns the bytes consumed. */
static size_t next_character(const char *name, mbstate_t *state, const char **shownp,
                             size_t *n_shownp, unsigned *columnsp)
{
    wchar_t c;
    size_t n = mbrtowc(&c, name, strlen(name), state);
    int columns;

    *shownp = "?";
    *n_shownp = 1;
    *columnsp = 1;
    if (n == (size_t)-1 || n == (size_t)-2 || !n) {
        memset(state, 0, sizeof *state);
        return 1;
    }
    columns = wcwidth(c);
    if (columns < 0)
        return n;
    *shownp = name;
    *n_shownp = n;
    *columnsp = (unsigned)columns;
    return n;
}

unsigned progress_fit_name(const char *name, unsigned width, char *text, size_t size)
{
    static const char dots[] = "...";
    const unsigned n_dots = width >= 8 ? 3 : 0;
    mbstate_t state = {0};
    unsigned columns = 0, columns_at_cut = 0;
    size_t n = 0, cut = 0;

    while (*name) {
        const char *shown;
        size_t n_shown;
        unsigned wide;
        size_t step = next_character(name, &state, &shown, &n_shown, &wide);

        if (columns + wide > width || n + n_shown + sizeof dots > size) {
            memcpy(text + cut, dots, n_dots);
            text[cut + n_dots] = '\0';
            return columns_at_cut + n_dots;
        }
        memcpy(text + n, shown, n_shown);
        n += n_shown;
        columns += wide;
        name += step;
        if (columns + n_dots <= width && n + sizeof dots <= size) {
            cut = n;
            columns_at_cut = columns;
        }
    }
    text[n] = '\0';
    return columns;
}

char *progress_format(const struct progress_view *v, unsigned width, char text[PROGRESS_TEXT_MAX])
{
    struct line l = {0};
    char several[32], name[512];
    const char *subject = v->name;
    unsigned limit = width && width < PROGRESS_WIDTH_MAX ? width : PROGRESS_WIDTH_MAX;
    unsigned wanted, at = 0;

    collect(&l, v);
    if (v->n_torrents > 1) {
        snprintf(several, sizeof several, "%" PRIu32 " torrents", v->n_torrents);
        subject = several;
    }
    wanted = progress_fit_name(subject, NAME_MIN, name, sizeof name) + GAP;
    while (width_of(&l) + wanted > limit && drop_one(&l))
        ;
    text[0] = '\0';
    if (width_of(&l) + wanted <= limit) {
        progress_fit_name(subject, limit - width_of(&l) - GAP, name, sizeof name);
        at = (unsigned)snprintf(text, PROGRESS_TEXT_MAX, "%s", name);
    } else if (width_of(&l) > limit) {
        return text;
    }
    for (unsigned i = 0; i < l.n_fields; i++)
        at += (unsigned)snprintf(text + at, PROGRESS_TEXT_MAX - at, "%*s%s", at ? GAP : 0, "",
                                 l.fields[i].text);
    return text;
}

char *progress_format_summary(const struct progress_summary *s, char text[PROGRESS_TEXT_MAX])
{
    char name[512], size[SIZE_TEXT_MAX], time[SIZE_TEXT_MAX], rate[SIZE_TEXT_MAX];
    double seconds = (double)s->elapsed_ns / 1e9;
    uint64_t per_s = seconds > 0 ? (uint64_t)((double)s->downloaded / seconds) : 0;
    int n;

    progress_fit_name(s->name, PROGRESS_WIDTH_MAX, name, sizeof name);
    if (s->stopped) {
        unsigned permille = permille_of(s->verified, s->wanted);

        snprintf(text, PROGRESS_TEXT_MAX, "%s: stopped at %u.%u%% (%s of %s)", name, permille / 10,
                 permille % 10, size_format(s->verified, size), size_format(s->wanted, rate));
        return text;
    }
    if (!s->downloaded) {
        snprintf(text, PROGRESS_TEXT_MAX, "%s: %s, already complete and verified", name,
                 size_format(s->wanted, size));
        return text;
    }
    n = snprintf(text, PROGRESS_TEXT_MAX, "%s: %s in %s", name, size_format(s->downloaded, size),
                 size_format_elapsed(s->elapsed_ns, time));
    if (per_s)
        n += snprintf(text + n, PROGRESS_TEXT_MAX - (size_t)n, " (%s)",
                      size_format_rate(per_s, rate));
    if (s->n_peers)
        n += snprintf(text + n, PROGRESS_TEXT_MAX - (size_t)n, ", %" PRIu32 " peer%s", s->n_peers,
                      size_plural(s->n_peers));
    snprintf(text + n, PROGRESS_TEXT_MAX - (size_t)n, ", ratio %.2f",
             (double)s->uploaded / (double)(s->wanted ? s->wanted : s->downloaded));
    return text;
}
