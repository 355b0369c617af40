/* SPDX-License-Identifier: MIT */
#include "msg/all.h"

#define NAME(inbox, name, Name, ...) \
    case inbox##_kind_##name:        \
        return #inbox "." #Name;

const char *msg_name(uint16_t kind)
{
    switch (kind) {
        ALL_TABLES(NAME, NAME, MSG_NOTHING)
    case MSG_KIND_PING:
        return "Ping";
    default:
        return "unknown message";
    }
}
