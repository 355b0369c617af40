/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/dial_queue.h"

#include "conjure/base/alloc.h"

/* Of 16 turns the 8th is of a download and the 16th of a seed, if one waits. */
#define TURNS_SEED     16
#define TURNS_DOWNLOAD 8

/* How many dials of a class and all lower ones are under way at most. */
static const unsigned max_of[N_DIAL_CLASSES] = {
    [DIAL_DOWNLOAD_ALONE] = DIALS_MAX,
    [DIAL_DOWNLOAD] = DIALS_MAX * 3 / 4,
    [DIAL_SEED] = DIALS_MAX / 2,
};

void dial_queue_init(struct dial_queue *q)
{
    *q = (struct dial_queue){0};
    for (unsigned i = 0; i < N_DIAL_CLASSES; i++)
        list_init(&q->waiting[i]);
}

void dial_turn_init(struct dial_turn *t)
{
    *t = (struct dial_turn){0};
    list_init(&t->in_queue);
}

void dial_queue_put(struct dial_queue *q, struct dial_turn *t, enum dial_class class)
{
    if (!list_is_empty(&t->in_queue) && t->class == class)
        return;
    list_remove(&t->in_queue);
    t->class = class;
    list_append(&q->waiting[class], &t->in_queue);
}

void dial_queue_remove(struct dial_turn *t)
{
    list_remove(&t->in_queue);
}

static bool has_place(const struct dial_queue *q, unsigned class)
{
    unsigned n = 0;

    for (unsigned i = N_DIAL_CLASSES; i-- > 0;) {
        n += q->n_under_way[i];
        if (i <= class && n >= max_of[i])
            return false;
    }
    return true;
}

static struct dial_turn *take_from(struct dial_queue *q, enum dial_class class)
{
    struct list *first = has_place(q, class) ? list_first(&q->waiting[class]) : NULL;

    if (!first)
        return NULL;
    list_remove(first);
    return container_of(first, struct dial_turn, in_queue);
}

struct dial_turn *dial_queue_take(struct dial_queue *q)
{
    struct dial_turn *t = NULL;

    if (q->n_recent == DIALS_RECENT_MAX)
        return NULL;
    if (q->n_turns % TURNS_SEED == TURNS_SEED - 1)
        t = take_from(q, DIAL_SEED);
    else if (q->n_turns % TURNS_SEED == TURNS_DOWNLOAD - 1)
        t = take_from(q, DIAL_DOWNLOAD);
    for (unsigned class = 0; !t && class < N_DIAL_CLASSES; class ++)
        t = take_from(q, class);
    q->n_turns += t != NULL;
    return t;
}

bool dial_queue_allows(const struct dial_queue *q, const struct addr *addr)
{
    uint64_t host = addr_host(addr);
    unsigned n = 0;

    for (unsigned i = 0; i < q->n_recent; i++)
        n += addr_host(&q->recent[i].addr) == host;
    return n < DIALS_HOST_MAX;
}

void dial_queue_began(struct dial_queue *q, const struct addr *addr, enum dial_class class)
{
    q->recent[q->n_recent++] = (struct recent_dial){.addr = *addr, .class = class};
    q->n_under_way[class]++;
}

void dial_queue_ended(struct dial_queue *q, const struct addr *addr)
{
    for (unsigned i = 0; i < q->n_recent; i++) {
        struct recent_dial *r = &q->recent[i];

        if (!r->is_over && addr_equal(&r->addr, addr)) {
            r->is_over = true;
            q->n_under_way[r->class]--;
            return;
        }
    }
}

void dial_queue_tick(struct dial_queue *q)
{
    unsigned n = 0;

    for (unsigned i = 0; i < q->n_recent; i++)
        if (!q->recent[i].is_over)
            q->recent[n++] = q->recent[i];
    q->n_recent = n;
}
