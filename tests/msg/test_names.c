/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "msg/all.h"

#define NAME_OF(inbox, name, Name, ...) {inbox##_kind_##name, #inbox "." #Name},
static const struct {
    unsigned kind;
    const char *name;
} all[] = {ALL_TABLES(NAME_OF, NAME_OF, MSG_NOTHING)};

START_TEST(every_message_has_its_name_and_its_number)
{
    ck_assert_uint_gt(N_ELEMENTS(all), 50);
    for (size_t i = 0; i < N_ELEMENTS(all); i++) {
        ck_assert_str_eq(msg_name((uint16_t)all[i].kind), all[i].name);
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_ne(all[i].kind, all[j].kind);
    }
    ck_assert_str_eq(msg_name(0), "unknown message");
    ck_assert_str_eq(msg_name(UINT16_MAX), "unknown message");
}
END_TEST

RUN_SUITE("message names", 10, every_message_has_its_name_and_its_number);
