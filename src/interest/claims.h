/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_INTEREST_CLAIMS_H
#define CONJURE_SRC_INTEREST_CLAIMS_H

struct interest_table;
struct row;
struct started;

/* Active claims of a table. The operations on single claims are in conjure/interest/table.h. */

/* The peer leaves: the blocks of its claims become free, and a suspect piece has no owner any
 * more. */
void claims_drop_row(struct interest_table *t, struct row *row);
/* There is a verdict on the piece: claims that still hold blocks of it are cancelled. */
void claims_drop_piece(struct interest_table *t, struct started *s);
/* Only when the table is freed: started pieces and rows keep dangling pointers. */
void claims_free_all(struct interest_table *t);

#endif
