/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Inside the chain client: nodes, one JSON-RPC call, reading what comes back. */
#ifndef SLK_CHAIN_CHAIN_IMPL_H
#define SLK_CHAIN_CHAIN_IMPL_H

#include "chain/chain.h"
#include "codec/apiinfo.h"
#include "codec/json.h"

#include <stdatomic.h>

/* How a call treats time and other nodes. */
typedef enum slk_chain_mode {
    SLK_CHAIN_READ, /* read timeout, fails over */
    SLK_CHAIN_SLOW, /* push timeout, fails over: changes nothing at the node */
    SLK_CHAIN_PUSH, /* push timeout, one node, once */
} slk_chain_mode;

typedef struct slk_chain_node {
    slk_apiinfo info;
    char *url; /* with "/rpc/v1" */
    const char *name; /* of the address, what follows scheme and password; in info.url */
} slk_chain_node;

struct slk_chain {
    slk_chain_node nodes[SLK_CHAIN_MAX_NODES];
    size_t n_nodes;
    atomic_size_t preferred; /* reads go there */
    _Atomic int64_t return_ms; /* when another than the first: when the first is looked at */
    int64_t (*monotonic_ms)(void *context);
    void *clock_context;
    atomic_uint_fast64_t next_id;
    slk_chain_transport transport;
    bool borrows; /* one node of another client, which owns what the pointers lead to */
    struct slk_http_client *http; /* context of the default transport */
    int64_t read_timeout_ms;
    int64_t push_timeout_ms;
};

/* Calls "Filecoin.<method>". params is stolen, NULL meaning that building it failed for lack of
 * memory. Errors name the method. */
SLK_MUST_CHECK slk_err slk_chain_invoke(slk_chain *chain, json_t **ret_result, const char *method,
                                        json_t *params, slk_chain_mode mode,
                                        slk_chain_fault *ret_fault, slk_error *error);

/* The same at one node. */
SLK_MUST_CHECK slk_err slk_chain_invoke_at(slk_chain *chain, size_t node, json_t **ret_result,
                                           const char *method, json_t *params, slk_chain_mode mode,
                                           slk_chain_fault *ret_fault, slk_error *error);

/* One request to one node, no failover; method with its namespace, params borrowed. */
SLK_MUST_CHECK slk_err slk_chain_ask_node(slk_chain *chain, size_t node, json_t **ret_result,
                                          const char *method, json_t *params, int64_t timeout_ms,
                                          slk_chain_fault *ret_fault, slk_error *error);

/* Reads go to that node from now on. */
void slk_chain_prefer(slk_chain *chain, size_t node);
/* Whether the node answers quickly and its head is no older than heads are. */
bool slk_chain_is_fresh(slk_chain *chain, size_t node);

bool slk_chain_is_named(const slk_chain *chain, size_t node, const char *name);

/* Reads a JSON-RPC error object into fault and error; returns the code it means. */
slk_err slk_chain_read_error(slk_chain_fault *fault, const json_t *rpc_error, const char *method,
                             slk_error *error);

/* A defect in an answer that came is the node's breach (PROTO), not our caller's mistake. */
slk_err slk_chain_breach(slk_err code, const char *method, slk_error *error);

/* The default transport over net/; *ret_http is freed with slk_chain_http_free. */
SLK_MUST_CHECK slk_err slk_chain_http_new(struct slk_http_client **ret_http,
                                          slk_chain_transport *ret_transport,
                                          const slk_chain_options *options, slk_error *error);
void slk_chain_http_free(struct slk_http_client *http);

/* Values as parameters: new references, NULL out of memory. */
json_t *slk_chain_json_key(const slk_tipset *tipset); /* NULL: [] */
json_t *slk_chain_json_miner(uint64_t miner_id);
json_t *slk_chain_json_address(const slk_address *address);

SLK_MUST_CHECK slk_err slk_chain_read_tipset(slk_tipset *ret_tipset, const json_t *value,
                                             slk_error *error);
SLK_MUST_CHECK slk_err slk_chain_read_address(slk_address *ret_address, const json_t *value,
                                              const char *what, slk_error *error);

#endif
