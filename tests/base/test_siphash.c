/* SPDX-License-Identifier: MIT */
#include "../suite.h"

#include "conjure/base/siphash.h"

/* The test vectors of the reference code: secret 00 01 .. 0f, message 00 01 .. n-1. */
START_TEST(siphash_agrees_with_its_authors)
{
    static const struct {
        size_t n;
        uint64_t hash;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},
        {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}, {63, 0x958a324ceb064572},
    };
    const struct sip_secret secret = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    uint8_t bytes[64];

    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        ck_assert_msg(siphash(&secret, bytes, vectors[i].n) == vectors[i].hash, "of %zu bytes",
                      vectors[i].n);
}
END_TEST

START_TEST(the_secret_of_the_process_is_one)
{
    static const struct sip_secret none;

    ck_assert_ptr_eq(sip_secret_of_process(), sip_secret_of_process());
    ck_assert_mem_ne(sip_secret_of_process(), &none, sizeof none);
}
END_TEST

RUN_SUITE("siphash", 10, siphash_agrees_with_its_authors, the_secret_of_the_process_is_one);
