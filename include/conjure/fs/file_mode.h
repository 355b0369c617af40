/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_FS_FILE_MODE_H
#define CONJURE_FS_FILE_MODE_H

/* The access for which a file of the content is opened. */
enum file_mode {
    FILE_READ,
    FILE_WRITE, /* and read; a missing file is made, with its folders */
};

/* Conditions of the functions that open such files. */
enum {
    FILE_MISSING = 1, /* there is no such file (FILE_READ only) */
};

#endif
