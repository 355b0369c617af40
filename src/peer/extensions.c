/* SPDX-License-Identifier: MIT */
#include "conjure/peer/extensions.h"

#include <stddef.h>

const struct extension_registry extensions_ours = {.rows = NULL, .n = 0};

const struct extension *extension_registry_find(const struct extension_registry *registry,
                                                uint8_t id, bool is_private)
{
    const struct extension *row;

    if (!id || id > registry->n)
        return NULL;
    row = &registry->rows[id - 1];
    return is_private && row->public_only ? NULL : row;
}
