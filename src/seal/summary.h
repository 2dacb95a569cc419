/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an operator asks first, beside the board (board.h): JSON text appended to out, from few reads.
 *
 * {"miners":[{"role","sp_id","state","count","failed"}]   ordered by role, miner and state; at most 1000
 *  "lease":{"sp_id","number","until_ms"}                  of the sealed sector whose lease ends first,
 *                                                         or null
 *  "money":[{"sp_id","deposits","pledges"}]               bound on chain for our sectors, attoFIL
 *  "messages_waiting"                                     to the chain, that have not landed
 *  "clock":{"state","now_ms","wall_ms","says"}}          times.h: a doubt's name, believed time, the
 *                                                         clock's, and a sentence
 * Cost: a few milliseconds at 10,000 sectors. */
#ifndef SLK_SEAL_SUMMARY_H
#define SLK_SEAL_SUMMARY_H

#include "base/buf.h"
#include "base/err.h"
#include "seal/seal.h"

SLK_MUST_CHECK slk_err slk_summary(slk_buf *out, slk_seal *seal, slk_error *error);

#endif
