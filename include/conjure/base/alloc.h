/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_ALLOC_H
#define CONJURE_BASE_ALLOC_H

#include <stddef.h>

/*
 * Memory for small objects whose size we choose. These functions never return NULL: when memory is
 * short they write a line to stderr and abort, because no actor could continue. Objects whose size
 * a peer or a file decides (buffers, tables, strings) are allocated with malloc(3), and failures
 * are handled.
 *
 * Any thread may call these. The memory is freed with free(3).
 */
void *mem_new(size_t size);                         /* zeroed */
void *mem_new_array(size_t n, size_t size);         /* zeroed, product checked */
void *mem_resize(void *old, size_t n, size_t size); /* realloc(3), product checked */
char *mem_dup_string(const char *text);

/* Makes room for N elements of SIZE bytes in an array that has room for *ROOMP and grows one by
 * one: doubles the room until it is enough. ARRAYP points to the array's pointer. 0, or -ENOMEM
 * with array and room unchanged. The caller has limited an N that comes from a peer or a file. */
int array_reserve(void *arrayp, size_t *roomp, size_t n, size_t size);
/* The same for arrays whose size we choose; aborts instead of -ENOMEM. */
void mem_reserve(void *arrayp, size_t *roomp, size_t n, size_t size);

#define NEW(type) ((type *)mem_new(sizeof(type)))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define N_ELEMENTS(array)               (sizeof(array) / sizeof((array)[0]))

#endif
