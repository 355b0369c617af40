/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_TESTS_MSG_TABLES_H
#define CONJURE_TESTS_MSG_TABLES_H

#include "conjure/msg/table.h"

/* Two inboxes like those of actors: the first sends queries to the second. */

#define TEST2_TABLE(INFO, QUERY, REPLY)                                                           \
    QUERY(test2, square, Square, "what is the square of this?", uint32_t number; uint64_t square; \
          /* reply */)                                                                            \
    INFO(test2, parcel, Parcel, "something to take over", char *content; /* owned */              \
         uint32_t n_bytes; char bytes[];)                                                         \
    INFO(test2, bye, Bye, "the asker has no more questions", )

MSG_INBOX(test2, TEST2_TABLE);

#define TEST_TABLE(INFO, QUERY, REPLY)                                        \
    INFO(test, note, Note, "one of a row", uint32_t sender; uint32_t number;) \
    REPLY(test, test2, square)

MSG_INBOX(test, TEST_TABLE);

#endif
