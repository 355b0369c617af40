/* SPDX-License-Identifier: MIT */
#include "conjure/base/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

/* A host that has members. */
struct crowd_host {
    uint64_t host;       /* addr_host */
    struct list members; /* oldest first */
    unsigned n;
    unsigned class;
    struct list in_class;
};

void crowd_init(struct crowd *c)
{
    *c = (struct crowd){.hosts = KEY_MAP(struct crowd_host, host)};
    for (unsigned i = 0; i < CROWD_CLASSES; i++)
        list_init(&c->by_class[i]);
}

void crowd_deinit(struct crowd *c)
{
    key_map_deinit(&c->hosts);
}

static struct crowd_host *host_of(struct crowd *c, const struct addr *addr)
{
    uint64_t host = addr_host(addr);
    struct crowd_host *h = key_map_get(&c->hosts, &host);

    if (h)
        return h;
    h = NEW(struct crowd_host);
    h->host = host;
    list_init(&h->members);
    list_init(&h->in_class);
    key_map_put(&c->hosts, h);
    return h;
}

/* Grows with N: eight classes from each power of two to the next. */
static unsigned class_of(unsigned n)
{
    unsigned exp = 0;

    while (n >> exp >= 16)
        exp++;
    return exp * 8 + (n >> exp);
}

/* H has one member more or less than before. */
static void classify(struct crowd *c, struct crowd_host *h)
{
    unsigned class = class_of(h->n);

    if (class == h->class)
        return;
    h->class = class;
    list_remove(&h->in_class);
    list_append(&c->by_class[class], &h->in_class);
}

void crowd_add(struct crowd *c, struct crowd_member *m, const struct addr *addr)
{
    m->host = host_of(c, addr);
    list_append(&m->host->members, &m->in_host);
    m->host->n++;
    classify(c, m->host);
}

void crowd_remove(struct crowd *c, struct crowd_member *m)
{
    struct crowd_host *h = m->host;

    if (!h)
        return;
    m->host = NULL;
    list_remove(&m->in_host);
    h->n--;
    classify(c, h);
    if (h->n)
        return;
    list_remove(&h->in_class);
    key_map_remove(&c->hosts, &h->host);
    free(h);
}

struct crowd_member *crowd_first_to_go(const struct crowd *c)
{
    for (unsigned i = CROWD_CLASSES - 1; i; i--) {
        struct list *first = list_first(&c->by_class[i]);

        if (first)
            return container_of(
                list_first(&container_of(first, struct crowd_host, in_class)->members),
                struct crowd_member, in_host);
    }
    return NULL;
}
