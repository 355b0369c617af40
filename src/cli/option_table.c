/* SPDX-License-Identifier: MIT */
#include "cli/option_table.h"

#define OPTION_ROW(id, letter, name, argument, help) {letter, name, argument, help},
const struct option_row option_table[N_OPTIONS] = {OPTION_TABLE(OPTION_ROW)};
