/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_ALLOC_H
#define CONJURE_BASE_ALLOC_H

#include <stddef.h>

/*
 * Memory for small things of a size that we choose ourselves. These never return NULL: when the
 * system has none left they say so on stderr and abort, for there is no state in which an actor
 * could go on. Whatever a stranger or a file sizes (buffers, tables, strings) is allocated with
 * malloc(3) and its failure is handled.
 *
 * Any thread may call these. The memory is given back with free(3).
 */
void *mem_new(size_t size);                         /* zeroed */
void *mem_new_array(size_t n, size_t size);         /* zeroed, product checked */
void *mem_resize(void *old, size_t n, size_t size); /* realloc(3), product checked */
char *mem_dup_string(const char *text);

/* Room for N elements of SIZE bytes in an array of *ROOMP that grows one by one: doubles the room when it
 * is too small. Returns 0 with *ARRAYP (a pointer to the array's pointer) and *ROOMP set, or -ENOMEM with
 * both as they were. What a stranger sizes is bounded by the caller before. */
int array_reserve(void *arrayp, size_t *roomp, size_t n, size_t size);
/* The same for arrays whose size we choose ourselves: aborts instead of -ENOMEM. */
void mem_reserve(void *arrayp, size_t *roomp, size_t n, size_t size);

#define NEW(type) ((type *)mem_new(sizeof(type)))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define N_ELEMENTS(array)               (sizeof(array) / sizeof((array)[0]))

#endif
