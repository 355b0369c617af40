/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/alloc.h"
#include "conjure/base/list.h"

struct item {
    int number;
    struct list in_list;
};

static int first_number(const struct list *l)
{
    struct list *place = list_first(l);

    return place ? container_of(place, struct item, in_list)->number : -1;
}

START_TEST(places_keep_the_order_of_arrival)
{
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct list list;

    list_init(&list);
    ck_assert(list_is_empty(&list));
    ck_assert_int_eq(first_number(&list), -1);
    ck_assert(list_is_empty(&items[0].in_list)); /* zeroed: in no list */
    list_remove(&items[0].in_list);
    for (int i = 0; i < 3; i++)
        list_append(&list, &items[i].in_list);
    ck_assert(!list_is_empty(&list) && !list_is_empty(&items[1].in_list));
    ck_assert_int_eq(first_number(&list), 0);
    list_remove(&items[1].in_list);
    list_remove(&items[1].in_list);
    list_remove(&items[0].in_list);
    ck_assert_int_eq(first_number(&list), 2);
    list_append(&list, &items[0].in_list); /* moves it to the end */
    list_remove(&items[2].in_list);
    ck_assert_int_eq(first_number(&list), 0);
    list_remove(&items[0].in_list);
    ck_assert(list_is_empty(&list));
}
END_TEST

RUN_SUITE("list", 10, places_keep_the_order_of_arrival);
