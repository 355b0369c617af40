/* SPDX-License-Identifier: MIT */
#include "conjure/swarm/twins.h"

#include <string.h>

#include "conjure/peer/handshake.h"

enum twin_admission twin_admit(const struct twin *present, enum twin_direction direction,
                               uint64_t grace_ns)
{
    if (present->direction == direction || present->has_twin || present->age_ns >= grace_ns)
        return TWIN_REFUSE;
    return TWIN_ADMIT;
}

bool twin_closes_at_once(const uint8_t peer_id[20])
{
    return !memcmp(peer_id, HANDSHAKE_CLIENT, strlen(HANDSHAKE_CLIENT));
}

enum twin_direction twin_to_close(const uint8_t our_id[20], const uint8_t peer_id[20])
{
    return memcmp(our_id, peer_id, 20) > 0 ? TWIN_INCOMING : TWIN_DIALLED;
}
