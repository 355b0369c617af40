/* SPDX-License-Identifier: MIT */
/*
 * Channels over liburcu's wait-free concurrent queue.
 *
 * Sending is one exchange on the tail (wait-free), whose result shows whether the queue was empty;
 * it makes a system call only if so and if the receiver has armed its waker. Receiving takes all
 * messages off in one splice and then walks a private list, so a busy receiver touches the shared
 * cache lines once per batch.
 *
 * LOST WAKE-UPS (guarantee C). The receiver stores armed = 1, then reads the queue; a sender writes
 * the queue (an exchange, a full barrier), then exchanges armed. The later of the two sees the
 * write of the other: either the receiver finds the message or the sender finds the receiver armed.
 *
 * LATE RINGS. Between a sender's exchange of `armed` and its write to the eventfd the receiver may
 * wake up for another reason and sleep again. The write then rings an eventfd that no disarm would
 * read, and poll(2) would always return at once. So the owner counts: each arming is one ring due,
 * which is cancelled when disarming finds `armed` unchanged, and settled when the eventfd is read.
 * While a ring is due, each disarm tries to read.
 *
 * HALF-DONE SENDS. A sender that was preempted between its exchange on the tail and its link from
 * the predecessor leaves a gap that the receiver cannot step over. liburcu's blocking calls sleep
 * 10 ms there; we use the non-blocking ones and yield, since the sender only needs to run.
 *
 * CLOSING (guarantee D). `senders` counts sends under way; its top bit means closed. A sender
 * counts itself before it reads that bit, so once close has set the bit and seen the count at zero,
 * every later sender sees the bit, and every earlier one has finished, ringing included: the waker
 * may be freed, and the channel too when no thread tries to send any more (a refused sender still
 * counts itself). channel_set_waker waits in the same way.
 *
 * CAUSAL ORDER (guarantee E). The exchange on the tail puts all messages of a channel into one
 * order. channel_send returns after its exchange, so a send that happens after it exchanges later.
 *
 * TSan sees neither liburcu's inline assembly nor its library, so the hand-over is annotated:
 * release before the enqueue, acquire after the dequeue, both on the message.
 */
#include "conjure/msg/channel.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <urcu/wfcqueue.h>

#include "conjure/base/alloc.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

#ifdef UNDER_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define hand_over_begins(m) __tsan_release(m)
#define hand_over_ends(m)   __tsan_acquire(m)
#else
#define hand_over_begins(m) ((void)0)
#define hand_over_ends(m)   ((void)0)
#endif

/* A test builds this file with a function that sometimes stalls its caller, so that threads
 * interleave between any two steps. */
#ifdef CHANNEL_PAUSE
void CHANNEL_PAUSE(void);
#define pause_point() CHANNEL_PAUSE()
#else
#define pause_point() ((void)0)
#endif

#define CHANNEL_CLOSED_BIT 0x80000000u

_Static_assert(sizeof(struct cds_wfcq_node) == sizeof(void *) && offsetof(struct msg, link) == 0,
               "a message's link is a queue node");
_Static_assert(sizeof(struct __cds_wfcq_head) == sizeof(void *) &&
                   sizeof(struct cds_wfcq_tail) == sizeof(void *),
               "struct channel keeps liburcu's head and tail in one word each");

static struct __cds_wfcq_head *head_of(struct channel *c)
{
    return (struct __cds_wfcq_head *)&c->head;
}

static struct cds_wfcq_tail *tail_of(struct channel *c)
{
    return (struct cds_wfcq_tail *)&c->tail;
}

static struct __cds_wfcq_head *taken_head_of(struct channel *c)
{
    return (struct __cds_wfcq_head *)&c->taken_head;
}

static struct cds_wfcq_tail *taken_tail_of(struct channel *c)
{
    return (struct cds_wfcq_tail *)&c->taken_tail;
}

/* --- wakers ------------------------------------------------------------------------------- */

static void futex(atomic_int *word, int op, int value, const struct timespec *timeout)
{
    syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

void waker_init_futex(struct waker *w)
{
    *w = WAKER_EMPTY;
}

int waker_init_eventfd(struct waker *w)
{
    *w = WAKER_EMPTY;
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return w->fd < 0 ? -errno : 0;
}

void waker_init_call(struct waker *w, void (*call)(void *arg), void *arg)
{
    *w = WAKER_EMPTY;
    w->call = call;
    w->arg = arg;
}

void waker_deinit(struct waker *w)
{
    if (w->fd >= 0)
        close(w->fd);
    *w = WAKER_EMPTY;
}

void waker_arm(struct waker *w)
{
    pause_point();
    if (!atomic_exchange(&w->armed, 1) && w->fd >= 0)
        w->n_due++;
    cmm_smp_mb(); /* the store above before the owner reads its channels: LOST WAKE-UPS */
}

void waker_disarm(struct waker *w)
{
    uint64_t count;

    pause_point();
    if (atomic_exchange(&w->armed, 0) && w->fd >= 0)
        w->n_due--;
    if (w->n_due && read(w->fd, &count, sizeof count) == sizeof count)
        w->n_due -= count < w->n_due ? (unsigned)count : w->n_due;
}

void waker_wait(struct waker *w, uint64_t timeout_ns)
{
    struct timespec t = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                         .tv_nsec = (long)(timeout_ns % 1000000000)};

    futex(&w->armed, FUTEX_WAIT, 1, timeout_ns == UINT64_MAX ? NULL : &t);
}

void waker_ring(struct waker *w)
{
    pause_point();
    if (!atomic_exchange(&w->armed, 0))
        return;
    pause_point();
    if (w->call) {
        w->call(w->arg);
    } else if (w->fd >= 0) {
        uint64_t one = 1;
        ssize_t r = write(w->fd, &one, sizeof one);

        (void)r; /* fails only when the counter is full; it is readable then */
    } else {
        futex(&w->armed, FUTEX_WAKE, 1, NULL);
    }
}

/* --- channels ----------------------------------------------------------------------------- */

void channel_init(struct channel *c, struct waker *w)
{
    *c = (struct channel){0};
    __cds_wfcq_init(head_of(c), tail_of(c));
    __cds_wfcq_init(taken_head_of(c), taken_tail_of(c));
    atomic_init(&c->waker, w);
    atomic_init(&c->senders, 0);
}

bool channel_send(struct channel *c, struct msg *m)
{
    if (atomic_fetch_add(&c->senders, 1) & CHANNEL_CLOSED_BIT) {
        atomic_fetch_sub(&c->senders, 1);
        return false;
    }
    pause_point();
    cds_wfcq_node_init((struct cds_wfcq_node *)m);
    hand_over_begins(m);
    if (!cds_wfcq_enqueue((struct cds_wfcq_head *)&c->head, tail_of(c), (struct cds_wfcq_node *)m))
        waker_ring(atomic_load(&c->waker));
    atomic_fetch_sub(&c->senders, 1);
    return true;
}

struct msg *channel_receive(struct channel *c)
{
    struct cds_wfcq_node *node;

    owner_assert(&c->receiver);
    for (;;) {
        node = __cds_wfcq_dequeue_nonblocking((struct cds_wfcq_head *)&c->taken_head,
                                              taken_tail_of(c));
        if (node == CDS_WFCQ_WOULDBLOCK) {
            sched_yield();
            continue;
        }
        if (node)
            break;
        switch (__cds_wfcq_splice_nonblocking((struct cds_wfcq_head *)&c->taken_head,
                                              taken_tail_of(c), (struct cds_wfcq_head *)&c->head,
                                              tail_of(c))) {
        case CDS_WFCQ_RET_SRC_EMPTY:
            return NULL;
        case CDS_WFCQ_RET_WOULDBLOCK:
            sched_yield();
            break;
        default:
            break;
        }
    }
    hand_over_ends(node);
    return (struct msg *)node;
}

bool channel_is_empty(const struct channel *c)
{
    struct channel *mutable = (struct channel *)c;

    return cds_wfcq_empty((struct cds_wfcq_head *)&mutable->taken_head, taken_tail_of(mutable)) &&
           cds_wfcq_empty((struct cds_wfcq_head *)&mutable->head, tail_of(mutable));
}

struct msg *channel_receive_wait(struct channel *c, uint64_t timeout_ns)
{
    struct waker *w = atomic_load_explicit(&c->waker, memory_order_relaxed);
    struct msg *m = channel_receive(c);

    if (m || !timeout_ns)
        return m;
    waker_arm(w);
    pause_point();
    if (channel_is_empty(c))
        waker_wait(w, timeout_ns);
    waker_disarm(w);
    return channel_receive(c);
}

/* Waits until no send that began before this call is under way. */
static void wait_for_senders(struct channel *c)
{
    while (atomic_load(&c->senders) & ~CHANNEL_CLOSED_BIT)
        sched_yield();
}

void channel_set_waker(struct channel *c, struct waker *w)
{
    owner_assert(&c->receiver);
    atomic_store(&c->waker, w);
    pause_point();
    wait_for_senders(c);
}

void channel_release(struct channel *c)
{
    owner_release(&c->receiver);
}

void channel_close(struct channel *c)
{
    owner_assert(&c->receiver);
    atomic_fetch_or(&c->senders, CHANNEL_CLOSED_BIT);
    wait_for_senders(c);
}

bool channel_is_closed(const struct channel *c)
{
    return atomic_load(&((struct channel *)c)->senders) & CHANNEL_CLOSED_BIT;
}

/* --- messages ----------------------------------------------------------------------------- */

void msg_init(struct msg *m, uint16_t kind, uint16_t flags)
{
    *m = (struct msg){.kind = kind, .flags = flags};
}

void *msg_new(size_t size, uint16_t kind)
{
    struct msg *m = mem_new(size);

    msg_init(m, kind, 0);
    return m;
}

void msg_free(struct msg *m)
{
    if (m && !(m->flags & MSG_EMBEDDED))
        free(m);
}

void msg_reply(struct msg *m)
{
    if (!m->reply_to || !channel_send(m->reply_to, m)) {
        fprintf(stderr, "conjure: %s has no channel for its reply\n", msg_name(m->kind));
        abort();
    }
}

void msg_unexpected(const struct msg *m, const char *inbox)
{
    fprintf(stderr, "conjure: %s arrived at %s\n", msg_name(m->kind), inbox);
    abort();
}
