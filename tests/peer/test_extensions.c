/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include <string.h>

#include "conjure/peer/extensions.h"
#include "conjure/peer/session.h"

enum {
    PUBLIC,
    PRIVATE,
};

START_TEST(ids_are_the_numbers_of_the_rows)
{
    static const struct extension rows[] = {{.name = "a"}, {.name = "b", .public_only = true}};
    static const struct extension_registry two = {rows, 2};

    ck_assert_ptr_null(extension_registry_find(&two, 0, PUBLIC)); /* the handshake */
    ck_assert_ptr_eq(extension_registry_find(&two, 1, PUBLIC), &rows[0]);
    ck_assert_ptr_eq(extension_registry_find(&two, 2, PUBLIC), &rows[1]);
    ck_assert_ptr_null(extension_registry_find(&two, 3, PUBLIC));
    ck_assert_ptr_null(extension_registry_find(&two, 255, PUBLIC));
    ck_assert_ptr_eq(extension_registry_find(&two, 1, PRIVATE), &rows[0]);
    ck_assert_ptr_null(extension_registry_find(&two, 2, PRIVATE));
}
END_TEST

/* The rules for a table that extensions.h states. */
START_TEST(ours_is_in_order_and_within_bounds)
{
    const struct extension_registry *r = &extensions_ours;

    ck_assert_uint_le(r->n, EXTENSIONS_MAX);
    for (unsigned i = 0; i < r->n; i++) {
        ck_assert_uint_le(strlen(r->rows[i].name), EXTENSION_NAME_MAX);
        ck_assert_uint_le(r->rows[i].message_max, SESSION_MESSAGE_MAX - 2);
        if (i)
            ck_assert_int_lt(strcmp(r->rows[i - 1].name, r->rows[i].name), 0);
    }
}
END_TEST

RUN_SUITE("extensions", 10, ids_are_the_numbers_of_the_rows, ours_is_in_order_and_within_bounds);
