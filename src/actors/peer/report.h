/* SPDX-License-Identifier: MIT */
#ifndef CONJURE_SRC_ACTORS_PEER_REPORT_H
#define CONJURE_SRC_ACTORS_PEER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct choker_began;
struct choker_interest_changed;
struct interest_peer_got_piece;
struct interest_peer_lost_piece;
struct interest_peer_not_interested;
struct interest_piece_suggested;
struct peer;
struct peer_unreported;
struct session_event;

/* The last reports to Choker about a moving connection. */
struct peer_report {
    uint32_t began;    /* the piece of the last Began; UINT32_MAX: none */
    uint64_t up, down; /* content bytes, in sum, by the last Rates */
    bool snubbed;
    uint64_t rates_ns; /* when Rates were due last */
};

/* --- to InterestStat (and peer_join_interest, in conjure/actors/peer.h) ---------------------- */

/* The far end has the pieces of E, a SESSION_HAS. Takes the bitfield in E. */
void peer_report_pieces(struct peer *p, struct session_event *e);
/* The far end has PIECE. */
void peer_report_piece(struct peer *p, uint32_t piece);
/* The far end does not send PIECE, although it announced it. */
void peer_report_lost_piece(struct peer *p, uint32_t piece);
/* The far end suggests to fetch PIECE from it. */
void peer_report_suggestion(struct peer *p, uint32_t piece);
/* While super-seeding: the far end wants none of the pieces that were announced to it. */
void peer_report_not_interested(struct peer *p);

/* --- to Choker ------------------------------------------------------------------------------- */

/* Which end is interested in the other, if that has changed. */
void peer_report_interest(struct peer *p);
/* The first block of PIECE is sent, if Choker guides P. Only with p->work, as the next. */
void peer_report_began(struct peer *p, uint32_t piece);
/* Content bytes moved since the last call, if any. */
void peer_report_rates(struct peer *p, uint64_t now);

/* --- their replies: what has happened since the report is sent. Each takes M --------------------
 */

void peer_got_piece_replied(struct peer *p, struct interest_peer_got_piece *m);
void peer_lost_piece_replied(struct peer *p, struct interest_peer_lost_piece *m);
void peer_suggestion_replied(struct peer *p, struct interest_piece_suggested *m);
void peer_not_interested_replied(struct peer *p, struct interest_peer_not_interested *m);
void peer_interest_replied(struct peer *p, struct choker_interest_changed *m);
void peer_began_replied(struct peer *p, struct choker_began *m);

/* Frees what was not sent. */
void peer_report_deinit(struct peer_unreported *u);

#endif
