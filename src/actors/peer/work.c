/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "actors/peer/internal.h"
#include "conjure/base/alloc.h"

void peer_work_begin(struct peer *p, uint64_t now)
{
    owner_assert(&p->owner);
    p->work = NEW(struct peer_work);
    p->work->moved_ns = now;
    p->work->report = (struct peer_report){.began = UINT32_MAX,
                                           .up = p->session.up.total,
                                           .down = p->session.down.total,
                                           .rates_ns = now};
}

void peer_work_end(struct peer *p)
{
    owner_assert(&p->owner);
    peer_lease_return_all(p);
    peer_quota_return_all(p);
    peer_download_end(p);
    peer_upload_end(&p->work->upload);
    free(p->work);
    p->work = NULL;
}
