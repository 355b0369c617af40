/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_SIZE_H
#define CONJURE_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers in the form in which people write and read them. Pure; any thread. A function that writes
 * text returns it, for use in an argument list.
 */

/* Enough for every text below, NUL included. */
#define SIZE_TEXT_MAX 32

/* "0 B", "999 B", "1.5 GiB": powers of 1024, one decimal, never "1024.0 KiB". */
char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);

/* "1.2 MiB/s" */
char *size_format_rate(uint64_t bytes_per_s, char text[SIZE_TEXT_MAX]);

/* The two largest units that are not 0: "7s", "3m12s", "2h05m", "4d01h"; "over a year". */
char *size_format_duration(uint64_t seconds, char text[SIZE_TEXT_MAX]);

/* Elapsed time: "0.32 s" below a second, "3.2 s" below a minute, then as size_format_duration. */
char *size_format_elapsed(uint64_t ns, char text[SIZE_TEXT_MAX]);

/* The plural ending of a noun after N: "s", or "" after 1. */
const char *size_plural(uint64_t n);

enum {
    SIZE_MALFORMED = 1, /* the text is not such a number, or the number is out of range */
};

/* "512", "1.5M", "2g": a decimal number and one of the suffixes K, M, G, T (powers of 1024, either
 * case). Returns 0 or SIZE_MALFORMED, also for more than 63 bits and for less than one byte. */
int size_parse(const char *text, uint64_t *bytesp);

/* "2", "0.5": a plain decimal number, not negative, no exponent. Returns 0 or SIZE_MALFORMED. */
int size_parse_decimal(const char *text, double *valuep);

/* Digits only, between MIN and MAX. Returns 0 or SIZE_MALFORMED. */
int size_parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *valuep);

#endif
