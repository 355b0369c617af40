/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_FS_MAKE_H
#define CONJURE_SRC_FS_MAKE_H

#include "fs/job.h"
#include "fs/stamps.h"

/* Makes links and the files of length 0, and allocates the others (full)
 * while N_MISSING pieces, more than 0, are missing. STAMPS, one per file, are the present ones,
 * before and after. The worker of JOB. 0 or -errno, and JOB->failed_file. */
int make_files(struct job *job, uint32_t n_missing, struct file_stamp *stamps);

#endif
