/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_OPTION_VALUES_H
#define CONJURE_SRC_CLI_OPTION_VALUES_H

#include "cli/option_table.h"
#include "conjure/cli/options.h"

/*
 * Parses the values of options, from the command line and from the configuration file alike. Pure;
 * any thread.
 */
#define OPTION_REASON_MAX 256

enum option_result {
    OPTION_SET = 0,
    OPTION_INVALID, /* the value is not valid: the reason explains it */
};

/* Sets option ID, which is not help or version, in O to VALUE as the user wrote it; "yes" and "no"
 * where the option takes no argument. On OPTION_INVALID, REASON is set ("'x' is not ...") and O is
 * as it was, except for a list of files whose beginning was valid. */
enum option_result option_set(struct options *o, enum option_id id, const char *value,
                              char reason[OPTION_REASON_MAX]);

#endif
