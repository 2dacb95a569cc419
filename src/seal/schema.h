/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The tables of the heart. Names and columns of the remote-seal tables are the ones operators of
 * the reference implementation query; ours add columns, never rename.
 *
 *   rseal_delegated_partners   provider: who may order (token as SHA-256, and wrapped for /complete)
 *   rseal_provider_slots       provider: slot tokens handed out: 30 s, single use, counted
 *   rseal_partner_permits      provider: sectors that a partner may order which may order no others
 *   rseal_provider_pipeline    provider: one row per ordered sector
 *   rseal_provider_sum         provider: sectors and reserved bytes of a partner, miner and folder, as
 *                              of when rows were last settled (load_impl.h); read through the view
 *                              rseal_provider_load
 *   rseal_client_providers     client: whom we order from, per miner
 *   rseal_client_pipeline      client: one row per sector we had sealed
 *   rseal_client_placement     client: who was asked to seal which sector, and how it ended: outcome
 *                              '' (under way), verified, failed, lied, stalled, withdrawn. One row
 *                              per sector and provider: nobody is asked twice. release_owed: that
 *                              provider has yet to be told to clean up
 *   rseal_client_number        client: sector numbers given out; none is given out twice
 *   rseal_client_miner         client: what the constant flow keeps to for a miner, and what it
 *                              waits for (note)
 *   sectors_sdr_pipeline       client: ticket, CIDs, messages, seed, proof of the same sectors
 *   chain_network              the network that the sectors are for
 *   message_batch              client: a message to the chain for one or more sectors (message_batch_impl.h)
 *   task                       work to be done now, with claim, lease, fence, progress
 *   sector_event               timeline: who did what, when, why
 *   node                       nodes that ever ran on this database
 *   node_shared                what they must have in common
 *   worker_call                calls that a node has under way at its workers (farm/calls.h)
 *   service_offer              price lists of the service, by version (service/offer.h)
 *   service_customer           who orders for money; service_token: by which tokens
 *   service_quote              terms with a price and a time, for one order (service/quote.h)
 *   service_order              what was ordered on which terms; service_sector: its sectors
 *   service_ledger             what customers of the service were charged and paid (service/ledger.h)
 *   service_invoice            stretches of it under a number (service/invoice.h)
 *   buying_service             whom we buy sealed sectors of (buying/buying.h)
 *   buying_order, buying_sector, buying_payment   what we bought there, and paid
 *   service_key                public keys that signed it
 * source of names: reference/remote-seal-wire, Tables */
#ifndef SLK_SEAL_SCHEMA_H
#define SLK_SEAL_SCHEMA_H

#include "db/db.h"

#include <stddef.h>

/* The numbered migrations, oldest first. */
const slk_migration *slk_seal_migrations(size_t *ret_n);

#endif
