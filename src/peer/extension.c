/* SPDX-License-Identifier: MIT */
#include "conjure/peer/extension.h"

#include <errno.h>
#include <stdio.h>

#include "conjure/bencode/schema.h"

/* Far more extensions than anybody has. */
#define NODES_MAX 512

static const struct bencode_schema schema = SCHEMA_DICT(
    {"m", SCHEMA_OPTIONAL, &schema_dict}, {"reqq", SCHEMA_OPTIONAL, &schema_integer},
    {"upload_only", SCHEMA_OPTIONAL, &schema_integer}, {"v", SCHEMA_OPTIONAL, &schema_text});

/* It goes into logs: nothing there may move a terminal's cursor. */
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

int extension_decode(const uint8_t *bytes, size_t n, struct extension_handshake *handshakep)
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
    /* With bytes behind it there is a tree nevertheless. */
    if (r || bencode_check(&tree, dict, &schema, reason)) {
        bencode_deinit(&tree);
        return -EPROTO;
    }
    node = bencode_find(&tree, dict, "upload_only");
    h.upload_only_said = node != NULL;
    h.upload_only = bencode_integer(&tree, node) != 0;
    reqq = bencode_find_integer(&tree, dict, "reqq");
    /* Who holds none cannot mean it. */
    h.reqq = reqq < 1 ? 0 : reqq > UINT16_MAX ? UINT16_MAX : (uint16_t)reqq;
    take_client(&tree, dict, h.client);
    bencode_deinit(&tree);
    *handshakep = h;
    return 0;
}

/* `m` is empty: we speak no extension that has messages. Some clients want to see it all the same. */
size_t extension_encode(uint16_t port, uint32_t reqq, bool upload_only,
                        uint8_t bytes[EXTENSION_OURS_MAX])
{
    static const char version[] = "Conjure " CONJURE_VERSION;
    char p[16] = "";

    if (port)
        snprintf(p, sizeof p, "1:pi%ue", port);
    return (size_t)snprintf((char *)bytes, EXTENSION_OURS_MAX,
                            "d1:mde%s4:reqqi%ue11:upload_onlyi%ue1:v%zu:%se", p, reqq, upload_only,
                            sizeof version - 1, version);
}
