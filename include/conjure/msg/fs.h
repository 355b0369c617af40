/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_FS_H
#define CONJURE_MSG_FS_H

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/msg/table.h"
#include "conjure/msg/worker.h"
#include "conjure/piece/stored_blocks.h"

struct torrent;
struct storage;
struct open_file;

/* The inbox of FS: all requests to the disk. */
/* clang-format off */
#define FS_TABLE(INFO, QUERY, REPLY)                                                                \
    QUERY(fs, open_torrent, OpenTorrent, "look at the disk and at the resume data",                \
          struct torrent *torrent;                                                                 \
          bool refuse_lost; /* as an error, content that was here and is gone */                   \
          bool trusting; /* what was complete is opened first and looked at then */                \
          struct storage *storage; /* reply, owned by FS until CloseTorrent */                     \
          struct bitfield have; /* reply, owned by the asker: what is verified */                  \
          struct stored_blocks stored; /* the same: blocks of other pieces */                      \
          uint64_t uploaded; uint64_t downloaded; /* reply: of all runs before, in bytes */        \
          uint32_t n_doubtful; /* reply: pieces on disk that no resume data vouches for */         \
          int error; /* reply: 0 or -errno */ char reason[256];)                                   \
    INFO(fs, stop_opening, StopOpening, "what is not being opened yet comes home by -ECANCELED", )   \
    QUERY(fs, check_pieces, CheckPieces, "hash what is doubtful, or all; sends CheckProgress",     \
          struct storage *storage; struct torrent *of; /* the asker's, untouched */ bool all;       \
          struct bitfield have; struct stored_blocks stored; /* replies, owned by the asker */     \
          uint32_t n_bad; /* reply: pieces that were whole on disk and wrong */ int error;)        \
    QUERY(fs, store_blocks, StoreBlocks,                                                           \
          "write received blocks. Before the reply FS tells InterestStat by BlocksStored which of " \
          "them are on disk",                                                                      \
          struct storage *storage; struct addr from; /* who is to blame if they are wrong */       \
          uint64_t claim; /* its number, for BlocksStored */                                       \
          uint64_t claimed; /* the asker's, untouched: all blocks of the claim */                  \
          uint64_t blocks; /* which blocks of the buffer: bit i is first_block + i. Reply: those on disk */ \
          uint32_t piece; uint32_t first_block; uint32_t n_blocks;                                 \
          uint8_t *data; /* room for CLAIM_BLOCKS_MAX blocks, n_blocks of them in use; what comes  \
                          * home is the asker's again, but may be another buffer of that size */   \
          int error;)                                                                              \
    QUERY(fs, lease_file, LeaseFile, "an open file to serve from; give it back by ReturnLease",    \
          struct storage *storage; uint32_t file;                                                  \
          struct open_file *handle; /* reply */ int fd; /* reply */                               \
          uint64_t at; /* reply: where in the open file this one begins: 0 but for part files */   \
          int error;)                                                                                              \
    INFO(fs, return_lease, ReturnLease, "a lease comes back", struct open_file *handle;)         \
    QUERY(fs, save_resume, SaveResume, "sync, then write the resume data that says so",            \
          struct storage *storage; struct torrent *of; /* the asker's, untouched */                \
          uint64_t uploaded; uint64_t downloaded; int error;)                                      \
    QUERY(fs, close_torrent, CloseTorrent, "save resume data, close the files, forget",            \
          struct storage *storage; struct torrent *of; /* the asker's, untouched */                \
          bool unchanged; /* since resume data was read or saved last: leave that as it is */      \
          uint64_t uploaded; uint64_t downloaded; int error;)                                      \
    QUERY(fs, shutdown, Shutdown, "end; torrents are closed before", )                             \
    REPLY(fs, worker, run)                                                                          \
    REPLY(fs, worker, shutdown)
/* clang-format on */

MSG_INBOX(fs, FS_TABLE);

#endif
