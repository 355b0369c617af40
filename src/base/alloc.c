/* SPDX-License-Identifier: MIT */
#include "conjure/base/alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *memory, size_t size)
{
    if (!memory && size) {
        fprintf(stderr, "conjure: out of memory (%zu bytes)\n", size);
        abort();
    }
    return memory;
}

void *mem_new(size_t size)
{
    return or_abort(calloc(1, size), size);
}

void *mem_new_array(size_t n, size_t size)
{
    return or_abort(calloc(n, size), n);
}

void *mem_resize(void *old, size_t n, size_t size)
{
    return or_abort(reallocarray(old, n, size), n);
}

char *mem_dup_string(const char *text)
{
    return or_abort(strdup(text), 1);
}

int array_reserve(void *arrayp, size_t *roomp, size_t n, size_t size)
{
    size_t room = *roomp ? *roomp : 8, n_bytes;
    void *array;

    if (n <= *roomp)
        return 0;
    while (room < n)
        if (__builtin_mul_overflow(room, 2, &room))
            return -ENOMEM;
    if (__builtin_mul_overflow(room, size, &n_bytes))
        return -ENOMEM;
    memcpy(&array, arrayp, sizeof array);
    array = realloc(array, n_bytes);
    if (!array)
        return -ENOMEM;
    memcpy(arrayp, &array, sizeof array);
    *roomp = room;
    return 0;
}

void mem_reserve(void *arrayp, size_t *roomp, size_t n, size_t size)
{
    if (array_reserve(arrayp, roomp, n, size))
        or_abort(NULL, n);
}
