/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_REPORT_H
#define CONJURE_SRC_ACTORS_PEER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct peer;
struct session_event;

/* What Choker learned last of a moving connection. */
struct peer_report {
    uint32_t began; /* the piece of the last Began; UINT32_MAX: none */
    uint64_t up, down;
    bool snubbed;
    uint64_t rates_ns; /* when Rates were due last */
};

/* --- to InterestStat; peer_join_interest is in conjure/actors/peer.h
 * ---------------------------- */

/* E is a SESSION_HAS. Takes its bitfield. */
void peer_report_pieces(struct peer *p, struct session_event *e);
/* The far end has PIECE. */
void peer_report_piece(struct peer *p, uint32_t piece);
/* It refuses PIECE, though it said that it has it. */
void peer_report_lost_piece(struct peer *p, uint32_t piece);
void peer_report_suggestion(struct peer *p, uint32_t piece);
/* While super-seeding: it wants nothing of what was announced to it. */
void peer_report_sated(struct peer *p);

/* --- to Choker
 * ---------------------------------------------------------------------------------- */

/* What either end wants, if that has changed. */
void peer_report_interest(struct peer *p);
/* The first block of PIECE is sent. Only with p->work, as the next. */
void peer_report_began(struct peer *p, uint32_t piece);
/* What was moved since the last call. */
void peer_report_rates(struct peer *p, uint64_t now);

#endif
