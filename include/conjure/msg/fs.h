/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_MSG_FS_H
#define CONJURE_MSG_FS_H

#include "conjure/base/addr.h"
#include "conjure/base/bitfield.h"
#include "conjure/base/write_policy.h"
#include "conjure/msg/table.h"
#include "conjure/msg/worker.h"
#include "conjure/piece/stored_blocks.h"

struct torrent;
struct storage;
struct open_file;

/* The inbox of FS: all requests to the disk. */
/* clang-format off */
#define FS_TABLE(INFO, QUERY, REPLY)                                                               \
    QUERY(fs, open_torrent, OpenTorrent, "read resume data and the state of the files",            \
          struct torrent *torrent;                                                                 \
          bool refuse_lost; /* fail by -ENOENT when saved content is missing */                    \
          bool trusting; /* check files of a complete torrent after the reply */                   \
          struct write_policy policy;                                                              \
          struct storage *storage; /* reply, owned by FS until CloseTorrent */                     \
          struct bitfield have; /* reply, owned by the asker: verified pieces */                   \
          struct stored_blocks stored; /* reply, owned by the asker: blocks of other pieces */     \
          uint64_t uploaded; uint64_t downloaded; /* reply: of all earlier runs, in bytes */       \
          uint32_t n_doubtful; /* reply: pieces that a check must hash */                          \
          int error; /* reply: 0 or -errno */ char reason[256]; /* reply: when it fails */)        \
    INFO(fs, stop_opening, StopOpening, "fail all waiting OpenTorrents by -ECANCELED", )           \
    QUERY(fs, check_pieces, CheckPieces, "hash doubtful pieces, or all; sends CheckProgress",      \
          struct storage *storage; struct torrent *of; /* the asker's, unchanged */ bool all;      \
          uint64_t save_ns; /* between two saves of the check's progress */ \
          struct bitfield have; struct stored_blocks stored; /* replies, owned by the asker */     \
          uint32_t n_bad; /* reply: complete pieces on disk with a wrong hash */ int error;)       \
    QUERY(fs, store_blocks, StoreBlocks,                                                           \
          "write received blocks. Before the reply FS sends InterestStat BlocksStored for those "  \
          "that are on disk",                                                                      \
          struct storage *storage; struct addr from; /* banned if they are wrong */                \
          uint64_t claim; /* its number, for BlocksStored */                                       \
          uint64_t claimed; /* the asker's, unchanged: all blocks of the claim */                  \
          uint64_t blocks; /* which blocks of the buffer: bit i is first_block + i. Reply: those   \
                            * that are on disk */                                                  \
          uint32_t piece; uint32_t first_block; uint32_t n_blocks;                                 \
          uint8_t *data; /* room for CLAIM_BLOCKS_MAX blocks, n_blocks of them in use. FS's until  \
                          * the reply, which may have another buffer of that size */               \
          int error;)                                                                              \
    QUERY(fs, lease_file, LeaseFile, "lease an open file to serve from, until ReturnLease",        \
          struct storage *storage; uint32_t file;                                                  \
          struct open_file *handle; /* reply */ int fd; /* reply */                                \
          int error;)                                                                              \
    INFO(fs, return_lease, ReturnLease, "return a lease", struct open_file *handle;                \
         struct storage *storage; int error; /* 0, or why content could not be read */)            \
    QUERY(fs, save_resume, SaveResume, "sync, then write resume data",                             \
          struct storage *storage; struct torrent *of; /* the asker's, unchanged */                \
          uint64_t uploaded; uint64_t downloaded; int error;)                                      \
    QUERY(fs, close_torrent, CloseTorrent, "save resume data, close the files, free the storage",  \
          struct storage *storage; struct torrent *of; /* the asker's, unchanged */                \
          bool unchanged; /* since the last save or opening: keep the resume data */               \
          uint64_t uploaded; uint64_t downloaded; int error;)                                      \
    QUERY(fs, shutdown, Shutdown, "end; all torrents are closed", )                                \
    REPLY(fs, worker, run)                                                                         \
    REPLY(fs, worker, shutdown)
/* clang-format on */

MSG_INBOX(fs, FS_TABLE);

#endif
