/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The monitor's look at the chain, by way of the node's own chain client. */
#ifndef SLK_APP_CHAIN_SAMPLE_H
#define SLK_APP_CHAIN_SAMPLE_H

#include "app/chain_ops.h"
#include "monitor/chain_sample.h"

/* Borrows ops. ops NULL: a sampler without a chain. */
slk_chain_sampler slk_chain_sampler_of(slk_chain_ops *ops);

#endif
