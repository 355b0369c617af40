/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_BASE_LIST_H
#define CONJURE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A doubly linked list, in order of arrival, of objects that embed their links. Both the list and a
 * place in it are a struct list; an object can be removed without its list. One thread at a time.
 */
struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

/* For a list: whether it has no places. For a place: whether it is in no list, as zeroed memory
 * is. */
static inline bool list_is_empty(const struct list *l)
{
    return !l->next || l->next == l;
}

/* PLACE is in no list. */
static inline void list_append(struct list *l, struct list *place)
{
    place->next = l;
    place->prev = l->prev;
    l->prev->next = place;
    l->prev = place;
}

/* No effect when PLACE is in no list. */
static inline void list_remove(struct list *place)
{
    if (list_is_empty(place))
        return;
    place->prev->next = place->next;
    place->next->prev = place->prev;
    list_init(place);
}

/* The first place, or NULL. */
static inline struct list *list_first(const struct list *l)
{
    return list_is_empty(l) ? NULL : l->next;
}

#endif
