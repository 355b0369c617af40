/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_SIZE_H
#define CONJURE_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Numbers as people write and read them. Pure; any thread. Every function that writes text returns
 * it, so that it can stand in an argument list.
 */

/* Enough for every text below, NUL included. */
#define SIZE_TEXT_MAX 32

/* "0 B", "999 B", "1.5 GiB": powers of 1024, one decimal, never "1024.0 KiB". */
char *size_format(uint64_t bytes, char text[SIZE_TEXT_MAX]);

/* "1.2 MiB/s" */
char *size_format_rate(uint64_t bytes_per_s, char text[SIZE_TEXT_MAX]);

/* The two largest units that say something: "7s", "3m12s", "2h05m", "4d01h"; "over a year". */
char *size_format_duration(uint64_t seconds, char text[SIZE_TEXT_MAX]);

/* "0.32 s" below a second, "3.2 s" below a minute, then as size_format_duration: how long a thing took. */
char *size_format_elapsed(uint64_t ns, char text[SIZE_TEXT_MAX]);

/* What ends the noun after N: "s", or nothing after 1. */
const char *size_plural(uint64_t n);

/* "512", "1.5M", "2g": a decimal number and one of the suffixes K, M, G, T (powers of 1024, either
 * case). Returns 0, or 1 when it is something else, too large for 63 bits, or a fraction of a byte
 * that would come out as zero. */
int size_parse(const char *text, uint64_t *bytesp);

/* "2", "0.5": a plain decimal number, not negative, no exponent. Returns 0 or 1. */
int size_parse_decimal(const char *text, double *valuep);

/* Digits only, between MIN and MAX. Returns 0 or 1. */
int size_parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *valuep);

#endif
