/* SPDX-License-Identifier: MIT */
#include "conjure/base/size.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    uint64_t tenths;

    if (bytes < 1000) {
        snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 " B", bytes);
        return text;
    }
    /* In tenths of the unit below, by integers: 18 EiB * 10 does not fit, hence the split. */
    while (unit + 1 < sizeof units / sizeof units[0] && bytes >> 10 >= 1000) {
        bytes >>= 10;
        unit++;
    }
    tenths = bytes / 1024 * 10 + bytes % 1024 * 10 / 1024;
    snprintf(text, SIZE_TEXT_MAX, "%" PRIu64 ".%u %s", tenths / 10, (unsigned)(tenths % 10),
             units[unit]);
    return text;
}

char *size_format_rate(uint64_t bytes_per_s, char text[SIZE_TEXT_MAX])
{
    char size[SIZE_TEXT_MAX];

    snprintf(text, SIZE_TEXT_MAX, "%.20s/s", size_format(bytes_per_s, size));
    return text;
}

char *size_format_duration(uint64_t seconds, char text[SIZE_TEXT_MAX])
{
    unsigned s = (unsigned)(seconds % 60), m = (unsigned)(seconds / 60 % 60),
             h = (unsigned)(seconds / 3600 % 24);
    uint64_t days = seconds / 86400;

    if (days > 365)
        snprintf(text, SIZE_TEXT_MAX, "over a year");
    else if (days)
        snprintf(text, SIZE_TEXT_MAX, "%ud%02uh", (unsigned)days, h);
    else if (h)
        snprintf(text, SIZE_TEXT_MAX, "%uh%02um", h, m);
    else if (m)
        snprintf(text, SIZE_TEXT_MAX, "%um%02us", m, s);
    else
        snprintf(text, SIZE_TEXT_MAX, "%us", s);
    return text;
}

char *size_format_elapsed(uint64_t ns, char text[SIZE_TEXT_MAX])
{
    uint64_t tenths = ns / 100000000;

    if (tenths >= 600)
        return size_format_duration(tenths / 10, text);
    if (tenths < 10) {
        snprintf(text, SIZE_TEXT_MAX, "0.%02u s", (unsigned)(ns / 10000000));
        return text;
    }
    snprintf(text, SIZE_TEXT_MAX, "%u.%u s", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
    return text;
}

const char *size_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Reads digits with at most one point, and a digit before or after it. Returns the rest of the
 * text, or NULL. strtod(3) would accept signs, exponents, hexadecimal and "nan", and depends on the
 * locale. */
static const char *read_decimal(const char *p, double *valuep)
{
    double value = 0, scale = 1;
    unsigned n_digits = 0;

    for (; is_digit(*p); p++, n_digits++)
        value = value * 10 + (*p - '0');
    if (*p == '.')
        for (p++; is_digit(*p); p++, n_digits++) {
            scale /= 10;
            value += (*p - '0') * scale;
        }
    if (!n_digits || n_digits > 30)
        return NULL;
    *valuep = value;
    return p;
}

int size_parse(const char *text, uint64_t *bytesp)
{
    double value, bytes;
    const char *p = read_decimal(text, &value);
    unsigned shift = 0;

    if (!p)
        return SIZE_MALFORMED;
    switch (*p) {
    case 'T':
    case 't':
        shift += 10;
        __attribute__((fallthrough));
    case 'G':
    case 'g':
        shift += 10;
        __attribute__((fallthrough));
    case 'M':
    case 'm':
        shift += 10;
        __attribute__((fallthrough));
    case 'K':
    case 'k':
        shift += 10;
        p++;
    }
    bytes = value * (double)(UINT64_C(1) << shift);
    if (*p || bytes >= 9.2e18 || (value > 0 && bytes < 1))
        return SIZE_MALFORMED;
    *bytesp = (uint64_t)bytes;
    return 0;
}

int size_parse_decimal(const char *text, double *valuep)
{
    const char *p = read_decimal(text, valuep);

    return !p || *p ? SIZE_MALFORMED : 0;
}

int size_parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *valuep)
{
    uint64_t value = 0;
    const char *p = text;

    for (; is_digit(*p) && p - text < 10; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    if (p == text || *p || value < min || value > max)
        return SIZE_MALFORMED;
    *valuep = (uint32_t)value;
    return 0;
}
