/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_OPTION_VALUES_H
#define CONJURE_SRC_CLI_OPTION_VALUES_H

#include "cli/option_table.h"
#include "conjure/cli/options.h"

#define OPTION_REASON_MAX 256

/* Sets option ID, which is not help or version, in O to VALUE as the user wrote it; "yes" and "no"
 * where the option takes no argument. 0, or 1 with a REASON ("'x' is not ...") and O as it was, but
 * for a list of files that began well. Pure. */
int option_set(struct options *o, enum option_id id, const char *value, char *reason);

#endif
