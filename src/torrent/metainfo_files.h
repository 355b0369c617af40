/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_TORRENT_METAINFO_FILES_H
#define CONJURE_SRC_TORRENT_METAINFO_FILES_H

#include "torrent/loader.h"

/* Both return 0, METAINFO_REFUSED or -ENOMEM. The types of all fields were checked by schema. */
int metainfo_files_load_name(struct loader *l); /* of the torrent; comes first */
int metainfo_files_load(struct loader *l);      /* files, paths, lengths and their sum */

#endif
