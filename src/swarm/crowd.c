/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/crowd.h"

#include <stdlib.h>
#include <string.h>

#include "conjure/base/alloc.h"

/* A host that has members. */
struct crowd_host {
    uint8_t key[17];     /* family and address */
    struct list members; /* oldest first */
    unsigned n;
    struct list in_count;
};

void crowd_init(struct crowd *c)
{
    *c = (struct crowd){.hosts = KEY_MAP(struct crowd_host, key)};
    for (unsigned i = 0; i <= CROWD_COUNTED_MAX; i++)
        list_init(&c->by_count[i]);
}

void crowd_deinit(struct crowd *c)
{
    key_map_deinit(&c->hosts);
}

static struct crowd_host *host_of(struct crowd *c, const struct addr *addr)
{
    struct addr host = addr_host(addr);
    uint8_t key[17] = {host.family};
    struct crowd_host *h;

    memcpy(key + 1, host.ip, sizeof host.ip);
    h = key_map_get(&c->hosts, key);
    if (h)
        return h;
    h = NEW(struct crowd_host);
    memcpy(h->key, key, sizeof h->key);
    list_init(&h->members);
    list_init(&h->in_count);
    key_map_put(&c->hosts, h);
    return h;
}

/* H has one member more or less than before. */
static void count(struct crowd *c, struct crowd_host *h)
{
    list_remove(&h->in_count);
    list_append(&c->by_count[h->n < CROWD_COUNTED_MAX ? h->n : CROWD_COUNTED_MAX], &h->in_count);
}

void crowd_add(struct crowd *c, struct crowd_member *m, const struct addr *addr)
{
    m->host = host_of(c, addr);
    list_append(&m->host->members, &m->in_host);
    m->host->n++;
    count(c, m->host);
}

void crowd_remove(struct crowd *c, struct crowd_member *m)
{
    struct crowd_host *h = m->host;

    if (!h)
        return;
    m->host = NULL;
    list_remove(&m->in_host);
    h->n--;
    count(c, h);
    if (h->n)
        return;
    list_remove(&h->in_count);
    key_map_remove(&c->hosts, h->key);
    free(h);
}

struct crowd_member *crowd_first_to_go(const struct crowd *c)
{
    for (unsigned i = CROWD_COUNTED_MAX; i; i--) {
        struct list *first = list_first(&c->by_count[i]);

        if (first)
            return container_of(
                list_first(&container_of(first, struct crowd_host, in_count)->members),
                struct crowd_member, in_host);
    }
    return NULL;
}
