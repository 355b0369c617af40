/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_CLAIMS_H
#define CONJURE_SRC_INTEREST_CLAIMS_H

struct interest_table;
struct row;
struct started;

/* Claims that are out. The operations on single ones are in conjure/interest/table.h. */

/* The peer leaves: what its claims hold becomes free, and so does a suspect piece that it owns. */
void claims_drop_row(struct interest_table *t, struct row *row);
/* There is a verdict on the piece: claims that still hold blocks of it are cancelled. */
void claims_drop_piece(struct interest_table *t, struct started *s);
/* With the table; started pieces and rows are left with dangling pointers. */
void claims_free_all(struct interest_table *t);

#endif
