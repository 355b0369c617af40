/* SPDX-License-Identifier: MIT */
#include "conjure/peer/extension_handshake.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conjure/bencode/schema.h"

/* Far more than handshakes of clients have. */
#define NODES_MAX 512

static const struct bencode_schema schema = SCHEMA_DICT(
    {"m", SCHEMA_OPTIONAL, &schema_dict}, {"reqq", SCHEMA_OPTIONAL, &schema_integer},
    {"upload_only", SCHEMA_OPTIONAL, &schema_integer}, {"v", SCHEMA_OPTIONAL, &schema_text});

/* For logs: no byte of it may move a terminal's cursor. */
static void take_client(const struct bencode *tree, const struct bencode_node *dict,
                        char client[EXTENSION_CLIENT_MAX])
{
    size_t n = 0;
    const uint8_t *text = bencode_find_string(tree, dict, "v", &n);

    if (n >= EXTENSION_CLIENT_MAX)
        n = EXTENSION_CLIENT_MAX - 1;
    for (size_t i = 0; i < n; i++)
        client[i] = text[i] >= ' ' && text[i] < 0x7f ? (char)text[i] : '?';
    client[n] = 0;
}

/* A value that cannot be an id counts as 0: not supported. */
static void take_ids(const struct bencode *tree, const struct bencode_node *dict,
                     const struct extension_registry *registry, struct extension_handshake *h)
{
    const struct bencode_node *m = bencode_find(tree, dict, "m");

    for (unsigned i = 0; m && i < registry->n; i++) {
        const struct bencode_node *node = bencode_find(tree, m, registry->rows[i].name);
        int64_t id = bencode_integer(tree, node);

        if (!node)
            continue;
        h->ids_present = (uint8_t)(h->ids_present | 1u << i);
        h->ids[i] = id < 0 || id > UINT8_MAX ? 0 : (uint8_t)id;
    }
}

int extension_handshake_decode(const uint8_t *bytes, size_t n,
                               const struct extension_registry *registry,
                               struct extension_handshake *handshakep)
{
    struct extension_handshake h = {0};
    struct bencode tree = BENCODE_EMPTY;
    const struct bencode_node *dict, *node;
    char reason[SCHEMA_REASON_MAX];
    int64_t reqq;
    int r = bencode_parse(&tree, bytes, n, NODES_MAX);

    if (r < 0)
        return r;
    dict = bencode_root(&tree);
    /* r > 0: bytes follow the dictionary, and the tree is filled all the same. */
    if (r || bencode_check(&tree, dict, &schema, reason)) {
        bencode_deinit(&tree);
        return -EPROTO;
    }
    node = bencode_find(&tree, dict, "upload_only");
    h.upload_only_present = node != NULL;
    h.upload_only = bencode_integer(&tree, node) != 0;
    reqq = bencode_find_integer(&tree, dict, "reqq");
    /* 0 or less makes no sense: as if it were absent. */
    h.reqq = reqq < 1 ? 0 : reqq > UINT16_MAX ? UINT16_MAX : (uint16_t)reqq;
    take_ids(&tree, dict, registry, &h);
    take_client(&tree, dict, h.client);
    bencode_deinit(&tree);
    *handshakep = h;
    return 0;
}

size_t extension_handshake_encode(const struct extension_offer *offer,
                                  uint8_t bytes[EXTENSION_OURS_MAX])
{
    static const char version[] = "Conjure " CONJURE_VERSION;
    char *text = (char *)bytes, port[16] = "";
    size_t n = 0;

    assert(offer->registry->n <= EXTENSIONS_MAX);
    if (offer->port)
        snprintf(port, sizeof port, "1:pi%ue", offer->port);
    /* `m` is there even when it is empty: some clients want to see it. */
    n += (size_t)snprintf(text, EXTENSION_OURS_MAX, "d1:md");
    for (uint8_t id = 1; id <= offer->registry->n; id++) {
        const struct extension *row =
            extension_registry_find(offer->registry, id, offer->is_private);

        if (row)
            n += (size_t)snprintf(text + n, EXTENSION_OURS_MAX - n, "%zu:%si%ue", strlen(row->name),
                                  row->name, id);
    }
    n += (size_t)snprintf(text + n, EXTENSION_OURS_MAX - n,
                          "e%s4:reqqi%ue11:upload_onlyi%ue1:v%zu:%se", port, offer->reqq,
                          offer->upload_only, sizeof version - 1, version);
    assert(n < EXTENSION_OURS_MAX);
    return n;
}
