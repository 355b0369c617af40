/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_TABLE_H
#define CONJURE_MSG_TABLE_H

#include <stdlib.h>

#include "conjure/msg/channel.h"

/*
 * Message tables. One list per inbox names every message that may arrive there, once:
 *
 *   #define CHOKER_TABLE(INFO, QUERY, REPLY)                                                      \
 *       INFO(choker, rates, Rates, "what a peer moved since the last report", uint32_t peer;)    \
 *       QUERY(choker, peer_left, PeerLeft, "remove this peer", uint32_t peer;)                   \
 *       REPLY(choker, timer, after)
 *   MSG_INBOX(choker, CHOKER_TABLE)
 *
 *   INFO   information. The receiver's dispatch frees it after the handler; the handler takes over
 *          the pointers in it that the table calls owned.
 *   QUERY  a question. The receiver fills in the reply fields and calls msg_reply(), at once or
 *          later. The asker owns it, and frees it when the reply has arrived.
 *   REPLY  the reply to a query that this actor sent to the named inbox.
 *
 * MSG_INBOX makes of it:
 *   struct choker_inbox           { struct channel channel; }, a type of its own, so that sending
 *                                 to the wrong actor does not compile
 *   struct choker_rates           the message: `msg`, then the fields
 *   choker_new_rates()            on the heap, zeroed
 *   choker_new_rates_with(n)      with N bytes more, for a flexible last field
 *   choker_init_rates(m)          for one embedded in another struct (then dispatch frees nothing)
 *   choker_tell_rates(to, m)      sends; false: closed, the message is still the caller's
 *   choker_tell_or_drop_rates()   sends, or frees when closed (not for messages with owned
 *                                 pointers)
 *   choker_ask_timer_after(me, to, m)  for each REPLY: asks the other inbox, reply to ours
 *
 * CHOKER_DISPATCH is written once in the actor's .c as MSG_DISPATCH(choker, CHOKER_TABLE, struct
 * choker): a static choker_dispatch(self, m) that calls on_rates(self, m), on_peer_left(self, m),
 * reply_timer_after(self, m). A missing handler does not compile. For a message that an actor does
 * not use one line stands before that: MSG_IGNORE(choker, rates, struct choker).
 */

/* A query without fields that every inbox takes besides its table: the dispatch replies to it, so
 * that the asker learns that the actor works (src/actors/master/watchdog.c). */
enum {
    MSG_KIND_PING = 1,
};

/* Each inbox has a block of 32 kinds. In alphabetical order. */
enum msg_inbox_id {
    msg_inbox_announcer = 1,
    msg_inbox_bandwidth,
    msg_inbox_choker,
    msg_inbox_fs,
    msg_inbox_interest,
    msg_inbox_lobby,
    msg_inbox_logger,
    msg_inbox_master,
    msg_inbox_peer,
    msg_inbox_timer,
    msg_inbox_tracker,
    msg_inbox_worker,
    msg_inbox_test, /* tables of the unit tests */
    msg_inbox_test2,
};
#define MSG_KINDS_PER_INBOX 32

#define MSG_NOTHING(...)
#define MSG_ENUM(inbox, name, Name, doc, ...) inbox##_kind_##name,
#define MSG_STRUCT(inbox, name, Name, doc, ...)                                    \
    struct inbox##_##name {                                                        \
        struct msg msg;                                                            \
        __VA_ARGS__                                                                \
    };                                                                             \
    static inline struct inbox##_##name *inbox##_new_##name##_with(size_t more)    \
    {                                                                              \
        return msg_new(sizeof(struct inbox##_##name) + more, inbox##_kind_##name); \
    }                                                                              \
    static inline struct inbox##_##name *inbox##_new_##name(void)                  \
    {                                                                              \
        return inbox##_new_##name##_with(0);                                       \
    }                                                                              \
    static inline void inbox##_init_##name(struct inbox##_##name *m)               \
    {                                                                              \
        msg_init(&m->msg, inbox##_kind_##name, MSG_EMBEDDED);                      \
    }
#define MSG_TELL(inbox, name, Name, doc, ...)                                   \
    __attribute__((warn_unused_result)) static inline bool inbox##_tell_##name( \
        struct inbox##_inbox *to, struct inbox##_##name *m)                     \
    {                                                                           \
        return channel_send(&to->channel, &m->msg);                             \
    }                                                                           \
    static inline void inbox##_tell_or_drop_##name(struct inbox##_inbox *to,    \
                                                   struct inbox##_##name *m)    \
    {                                                                           \
        if (!channel_send(&to->channel, &m->msg))                               \
            msg_free(&m->msg);                                                  \
    }
#define MSG_ASK(me, inbox, name)                                                      \
    __attribute__((warn_unused_result)) static inline bool me##_ask_##inbox##_##name( \
        struct me##_inbox *from, struct inbox##_inbox *to, struct inbox##_##name *m)  \
    {                                                                                 \
        m->msg.reply_to = &from->channel;                                             \
        return channel_send(&to->channel, &m->msg);                                   \
    }

#define MSG_INBOX(inbox, TABLE)                                                       \
    struct inbox##_inbox {                                                            \
        struct channel channel;                                                       \
    };                                                                                \
    enum inbox##_kind{                                                                \
        inbox##_kind_first = msg_inbox_##inbox * MSG_KINDS_PER_INBOX - 1,             \
        TABLE(MSG_ENUM, MSG_ENUM, MSG_NOTHING) inbox##_kind_end,                      \
    };                                                                                \
    _Static_assert(inbox##_kind_end <= (msg_inbox_##inbox + 1) * MSG_KINDS_PER_INBOX, \
                   "too many messages for one inbox");                                \
    TABLE(MSG_STRUCT, MSG_STRUCT, MSG_NOTHING)                                        \
    TABLE(MSG_TELL, MSG_NOTHING, MSG_ASK)                                             \
    struct inbox##_inbox

#define MSG_CASE_INFO(inbox, name, Name, doc, ...)   \
    case inbox##_kind_##name:                        \
        on_##name(self, (struct inbox##_##name *)m); \
        if (!embedded)                               \
            msg_free(m);                             \
        break;
#define MSG_CASE_QUERY(inbox, name, Name, doc, ...)  \
    case inbox##_kind_##name:                        \
        on_##name(self, (struct inbox##_##name *)m); \
        break;
#define MSG_CASE_REPLY(me, inbox, name)                           \
    case inbox##_kind_##name:                                     \
        reply_##inbox##_##name(self, (struct inbox##_##name *)m); \
        break;
/* Information that this actor ignores. Not for messages with owned pointers: those would leak. */
#define MSG_IGNORE(inbox, name, self_type)                                  \
    static inline void on_##name(self_type *self, struct inbox##_##name *m) \
    {                                                                       \
        (void)self;                                                         \
        (void)m;                                                            \
    }                                                                       \
    _Static_assert(sizeof(struct inbox##_##name) > 0, "a message of the table")
#define MSG_DISPATCH(inbox, TABLE, self_type)                    \
    static void inbox##_dispatch(self_type *self, struct msg *m) \
    {                                                            \
        bool embedded = m->flags & MSG_EMBEDDED;                 \
                                                                 \
        (void)embedded;                                          \
        switch (m->kind) {                                       \
            TABLE(MSG_CASE_INFO, MSG_CASE_QUERY, MSG_CASE_REPLY) \
        case MSG_KIND_PING:                                      \
            msg_reply(m);                                        \
            break;                                               \
        default:                                                 \
            msg_unexpected(m, #inbox);                           \
        }                                                        \
    }                                                            \
    _Static_assert(sizeof(self_type) > 0, "the actor's own struct")

#endif
