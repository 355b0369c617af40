/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_CLI_HELP_H
#define CONJURE_SRC_CLI_HELP_H

#include <stdio.h>

/* Writes the whole of --help, made from the option table. Any thread. */
void help_write(FILE *out);

#endif
