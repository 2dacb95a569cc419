/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every option of config.toml, in the order of the file. Names are Curio's where Curio has the
 * option (docs/configuration.md compares them). */
#include "app/config_impl.h"

#include <stddef.h>

#define AT(member) offsetof(slk_config, member)
#define HOURS INT64_C(3600000)

const slk_config_key slk_config_keys[] = {
    {"Subsystems", "EnableRemoteSealProvider", KEY_BOOL, AT(enable_provider), "false", 0, 0, NULL,
     "Seal for partners, when `selkie run` has no --role."},
    {"Subsystems", "RemoteSealProviderMaxTasks", KEY_NUMBER, AT(call_workers), "2", 1, 64, NULL,
     "Tickets, notices, orders and other calls to peers at once."},
    {"Subsystems", "RemoteSealCleanupTimeout", KEY_TIME, AT(cleanup_timeout_ms), "72h", 1000,
     8784 * HOURS, NULL,
     "A sealed sector its client never asks to clean up is cleaned up after this."},
    {"Subsystems", "EnableRemoteSealClient", KEY_BOOL, AT(enable_client), "false", 0, 0, NULL,
     "Order sectors from providers and prove them, when `selkie run` has no --role."},
    {"Subsystems", "RSealClientFetchMaxTasks", KEY_NUMBER, AT(transfer_workers), "8", 1, 64, NULL,
     "Sectors fetched at once."},
    {"Subsystems", "PoRepProofMaxTasks", KEY_NUMBER, AT(snark_workers), "1", 1, 16, NULL,
     "Proofs (C2) made at once; they take the most memory."},
    {"Node", "LogLevel", KEY_LEVEL, AT(log_level), "info", 0, 0, NULL,
     "Least important lines logged."},
    {"Node", "LogFile", KEY_TEXT, AT(log_file), "", 0, 0, NULL,
     "Where the log goes besides standard error. Unset: selkie.log in the repository."},
    {"Node", "LogFileMiB", KEY_NUMBER, AT(log_file_mib), "64", 0, 65536, NULL,
     "Size at which the log file becomes <LogFile>.1 and a new one begins; 0: no log file."},
    {"Node", "LogFilesKept", KEY_NUMBER, AT(log_files_kept), "4", 0, 100, NULL,
     "Older log files kept."},
    {"Node", "CoreDumps", KEY_BOOL, AT(core_dumps), "false", 0, 0, NULL,
     "Let a crash leave a core dump, and a debugger in. Both show tokens: for finding faults "
     "only."},
    {"Node", "TaskLease", KEY_TIME, AT(lease_ms), "60s", 1000, HOURS, NULL,
     "Where nodes share a database: tasks of a node that was not seen for so long go to others."},
    {"Database", "URL", KEY_SECRET, AT(database_url), "", 0, 0, NULL,
     "PostgreSQL database that several nodes share, postgresql://USER@HOST:PORT/DATABASE; its "
     "password is best kept in the file PGPASSFILE names. Unset: selkie.db in the repository."},
    {"Database", "BusyTimeout", KEY_TIME, AT(database_busy_ms), "5s", 100, 60000, NULL,
     "How long a statement waits for another's lock; peers are told to come again after that."},
    {"Database", "KeyFile", KEY_TEXT, AT(secret_key_file), "", 0, 0, NULL,
     "Key that wraps tokens in the database; the same file for every node that shares it. Unset: "
     "secret.key in the repository."},
    {"Network", "Development", KEY_BOOL, AT(development), "false", 0, 0, NULL,
     "This is a development network: proofs may use development parameters, which anybody can "
     "forge. Never set this where value is at stake."},
    {"Network", "ChainApiInfo", KEY_SECRET, AT(chain_api_info), "", 0, 0, "FULLNODE_API_INFO",
     "Lotus node to ask, TOKEN:ADDRESS; several separated by commas. Clients need one, whose token "
     "allows signing; a provider needs none."},
    {"Network", "PreCommitMaxFee", KEY_AMOUNT, AT(precommit_max_fee), "20000000000000000", 0, 0,
     NULL,
     "Most to pay in gas for each sector of a pre-commit message, in attoFIL; 0 leaves it to the "
     "node. While gas costs more, messages wait."},
    {"Network", "CommitMaxFee", KEY_AMOUNT, AT(commit_max_fee), "30000000000000000", 0, 0, NULL,
     "Most to pay in gas for each sector of a prove-commit message, in attoFIL; 0 leaves it to the "
     "node. While gas costs more, messages wait."},
    {"Network", "MessageMaxFee", KEY_AMOUNT, AT(message_max_fee), "0", 0, 0, NULL,
     "Most to pay in gas for one message, however many sectors it is about, in attoFIL; 0: no "
     "limit "
     "beside those for each sector."},
    {"Addresses", "PreCommitControl", KEY_ADDRESSES, AT(precommit_control), "[]", 0, 0, NULL,
     "Addresses that pre-commits are sent from, the first that can pay; they must be control "
     "addresses (or worker or owner) of the miner, with their key in the chain node's wallet. "
     "Otherwise the worker sends, then the owner."},
    {"Addresses", "CommitControl", KEY_ADDRESSES, AT(commit_control), "[]", 0, 0, NULL,
     "The same for prove-commits."},
    {"HTTP", "Enable", KEY_BOOL, AT(http_enable), "true", 0, 0, NULL,
     "Serve peers. A node that only works, beside others on one database, need not."},
    {"HTTP", "DomainName", KEY_TEXT, AT(domain_name), "", 0, 0, NULL,
     "Name, or NAME:PORT, under which peers reach this node by https."},
    {"HTTP", "ListenAddress", KEY_TEXT, AT(listen), "127.0.0.1:12310", 0, 0, NULL,
     "Address and port to serve on; :12310 means every address of this machine."},
    {"HTTP", "ExternalURL", KEY_URL, AT(external_url), "", 0, 0, NULL,
     "URL under which peers reach this node, when it is neither https://<DomainName> nor "
     "https://<ListenAddress>."},
    {"HTTP", "NodeURL", KEY_URL, AT(node_url), "", 0, 0, NULL,
     "Where nodes share a database: URL under which the others reach this one, to have it answer "
     "for "
     "files that are here. Unset: ListenAddress, with this machine's name where that is every "
     "address."},
    {"HTTP", "DelegateTLS", KEY_BOOL, AT(delegate_tls), "false", 0, 0, NULL,
     "Serve plain HTTP because a proxy in front does the TLS, or on loopback."},
    {"HTTP", "TrustedProxies", KEY_TEXT, AT(trusted_proxies), "", 0, 0, NULL,
     "With DelegateTLS: addresses or blocks (10.0.0.0/8, 192.0.2.7) of the proxies in front, "
     "beside "
     "loopback. Their X-Forwarded-For says who a peer is; limits count by it."},
    {"HTTP", "CertificateFile", KEY_TEXT, AT(certificate_file), "", 0, 0, NULL,
     "PEM certificate chain; unset, a self-signed one is made in the repository, which the other "
     "side must be given."},
    {"HTTP", "KeyFile", KEY_TEXT, AT(key_file), "", 0, 0, NULL, "PEM key of CertificateFile."},
    {"Remote", "TrustedCertificates", KEY_TEXT, AT(trusted_certificates), "", 0, 0, NULL,
     "PEM file of certificates to trust for peers, instead of the system's."},
    {"Remote", "AllowPlainHTTP", KEY_BOOL, AT(allow_plain_http), "false", 0, 0, NULL,
     "Call peers at http:// URLs outside this machine; their tokens then cross the network in "
     "clear."},
    {"Remote", "AllowPrivateAddresses", KEY_BOOL, AT(allow_private), "false", 0, 0, NULL,
     "Call peers at addresses that are not of the public internet: loopback, private and "
     "link-local "
     "ones. Unset, no partner can make this node call into its own network. Development networks "
     "always may."},
    {"Remote", "Connections", KEY_NUMBER, AT(connections), "4", 1, 16, NULL,
     "Connections per download of a sealed sector."},
    {"Provider", "SealProofs", KEY_NUMBERS, AT(seal_proofs), "[]", 0, 14, NULL,
     "Registered seal proofs offered to partners; empty: 8 and 9 (32 and 64 GiB), on development "
     "networks 5, 6 and 7."},
    {"Provider", "Capacity", KEY_NUMBER, AT(capacity_sectors), "16", 1, 1000000, NULL,
     "Sectors of all partners that may be here at once, counted until cleaned up."},
    {"Provider", "ScratchFolder", KEY_TEXT, AT(scratch_folder), "", 0, 0, NULL,
     "Where sectors are sealed: fast local disks. Unset: scratch in the repository."},
    {"Provider", "SlotTime", KEY_TIME, AT(slot_ms), "30s", 1000, HOURS, NULL,
     "How long a place promised by `available` is kept for its order."},
    {"Provider", "KeepRows", KEY_TIME, AT(keep_row_ms), "24h", 1000, 8784 * HOURS, NULL,
     "How long the record of a cleaned up sector is kept."},
    {"Seal", "BatchSealBatchSize", KEY_NUMBER, AT(batch_sectors), "1", 1, 64, NULL,
     "Sectors of one size labelled together, whosever they are: more of them in a day. Each needs "
     "memory for two layers, or disk."},
    {"Seal", "BatchSealWait", KEY_TIME, AT(batch_wait_ms), "10m", 0, 24 * HOURS, NULL,
     "How long a sector waits for others to be labelled with, when BatchSealBatchSize is more than "
     "1."},
    {"Client", "StorageFolder", KEY_TEXT, AT(storage_folder), "", 0, 0, NULL,
     "Where finished sectors lie, in Lotus's layout. Unset: storage in the repository."},
    {"Client", "PollInterval", KEY_TIME, AT(poll_ms), "30s", 100, 24 * HOURS, NULL,
     "Between two questions to a provider how far a sector is."},
    {"Client", "SeedMargin", KEY_NUMBER, AT(seed_margin_epochs), "3", 0, 900, NULL,
     "Epochs to wait past the seed's epoch, so that a reorganisation does not change it."},
    {"Client", "TicketSlack", KEY_NUMBER, AT(ticket_slack_epochs), "720", 0, 3000, NULL,
     "A sector whose ticket runs out within so many epochs is not pre-committed any more."},
    {"Client", "TrialC1", KEY_BOOL, AT(trial_c1), "true", 0, 0, NULL,
     "Before the pre-commit have a provider that can prove with a C1 for a seed of ours that it "
     "has "
     "the labels of the replica it sent."},
    {"Client", "KeepInFlight", KEY_NUMBER, AT(keep_in_flight), "0", 0, 10000, NULL,
     "Sectors kept under way for each miner that has an enabled provider; 0: sectors are ordered "
     "by "
     "hand alone. `selkie miner set` has it per miner."},
    {"Client", "SealProof", KEY_NUMBER, AT(flow_seal_proof), "8", 0, 14, NULL,
     "Registered seal proof of those sectors: 8 is 32 GiB, 9 is 64 GiB, 5 is 2 KiB."},
    {"Client", "BalanceReserve", KEY_AMOUNT, AT(balance_reserve), "0", 0, 0, NULL,
     "No such sector is ordered when deposits and pledges of what is under way would leave less "
     "than "
     "this, in attoFIL, in the balances of miner and sender."},
    {"Client", "StallTime", KEY_TIME, AT(stall_ms), "24h", 60000, 8784 * HOURS, NULL,
     "An order of which its provider says nothing new for so long (state, stage, more of the "
     "stage), "
     "and for StallFactor times what it usually takes, goes to the miner's next provider."},
    {"Client", "StallFactor", KEY_NUMBER, AT(stall_factor), "3", 1, 100, NULL, "See StallTime."},
    {"Client", "ChainPollInterval", KEY_TIME, AT(chain_poll_ms), "", 0, 0, NULL,
     "Between two looks at the chain. Unset: a quarter of an epoch."},
    {"Service", "Enable", KEY_BOOL, AT(service_enable), "false", 0, 0, NULL,
     "Sell sealed sectors: serve customers at /sealing/v1/ and bill them. For providers."},
    {"Service", "SectorTime", KEY_TIME, AT(service_sector_ms), "6h", 1000, 8784 * HOURS, NULL,
     "How long one sector takes here: what quotes promise while nothing has been sealed yet, and "
     "never less than."},
    {"Page", "Enable", KEY_BOOL, AT(page_enable), "true", 0, 0, NULL,
     "Serve the page at / and its API at /api/v0/, for those with an access token."},
    {"Page", "LoopbackOnly", KEY_BOOL, AT(page_loopback_only), "false", 0, 0, NULL,
     "Serve them to this machine alone. Not with DelegateTLS: behind a proxy nobody can tell."},
    {"Page", "SessionTime", KEY_TIME, AT(page_session_ms), "12h", 60000, 8784 * HOURS, NULL,
     "How long a login lasts."},
    {"Batching.PreCommit", "Max", KEY_NUMBER, AT(precommit_batch_max), "16", 1, 256, NULL,
     "Most sectors of a miner in one pre-commit message."},
    {"Batching.PreCommit", "Timeout", KEY_TIME, AT(precommit_timeout_ms), "", 0, 0, NULL,
     "A sector that is ready waits so long for others to share its message. Unset: 4h, on "
     "Development networks not at all."},
    {"Batching.PreCommit", "Slack", KEY_TIME, AT(precommit_slack_ms), "6h", 0, 0, NULL,
     "A sector whose ticket runs out so soon does not wait; in epochs of 30 s."},
    {"Batching.Commit", "Max", KEY_NUMBER, AT(commit_batch_max), "16", 1, 256, NULL,
     "Most sectors of a miner in one prove-commit message; 64 KiB hold about 30 proofs of 32 GiB."},
    {"Batching.Commit", "Timeout", KEY_TIME, AT(commit_timeout_ms), "", 0, 0, NULL,
     "A proven sector waits so long for others to share its message. Unset: 1h, on Development "
     "networks not at all."},
    {"Batching.Commit", "Slack", KEY_TIME, AT(commit_slack_ms), "6h", 0, 0, NULL,
     "A sector whose pre-commit runs out so soon does not wait; in epochs of 30 s."},
    {"Proofs", "ParametersFolder", KEY_TEXT, AT(parameters_folder), "", 0, 0,
     "FIL_PROOFS_PARAMETER_CACHE",
     "Groth16 parameter files. Unset: /var/tmp/filecoin-proof-parameters, or a folder in the "
     "repository when that is not writable."},
    {"Proofs", "Threads", KEY_NUMBER, AT(threads), "0", 0, 1024, NULL,
     "Threads for computations; 0 means one per processor."},
    {"Workers", "Compute", KEY_NUMBER, AT(compute_workers), "1", 1, 64, NULL,
     "Sectors labelled, hashed or checked at once."},
    {"Workers", "Chain", KEY_NUMBER, AT(chain_workers), "2", 1, 64, NULL,
     "Chain calls made at once."},
    {"Workers", "LostAfter", KEY_TIME, AT(worker_lost_ms), "10m", 1000, 24 * HOURS, NULL,
     "A connected worker that does not answer for so long has lost its tasks: others get them."},
    {"API", "ListenAddress", KEY_TEXT, AT(api_listen), "/ip4/127.0.0.1/tcp/2345/http", 0, 0, NULL,
     "Where workers reach this node, ours and lotus-worker, as a multiaddr; empty: none can. With "
     "/tls/http at its end it serves TLS. A "
     "port "
     "that is taken is one that the system chooses, unless this is set: the repository's file "
     "`api` "
     "has it."},
    {"API", "CertificateFile", KEY_TEXT, AT(api_certificate_file), "", 0, 0, NULL,
     "PEM certificate for TLS there. Unset: tls.crt and tls.key in the repository, which are made; "
     "tokens then carry the pin of the key, by which our workers know the node."},
    {"API", "KeyFile", KEY_TEXT, AT(api_key_file), "", 0, 0, NULL, "PEM key for CertificateFile."},
    {"API", "WorkerAddresses", KEY_TEXT, AT(worker_addresses), "", 0, 0, NULL,
     "Addresses and blocks, such as 10.0.0.0/8, separated by commas, where workers' URLs may lead "
     "beside the address that a worker calls from: for workers behind address translation, and "
     "where a proxy stands before this API."},
    {"Storage", "AllowPreCommit1", KEY_BOOL, AT(allow_precommit1), "true", 0, 0, NULL,
     "Label sectors in this process, too; false: on connected workers alone."},
    {"Storage", "AllowCommit", KEY_BOOL, AT(allow_commit), "true", 0, 0, NULL,
     "Make proofs (C2) in this process, too; false: on connected workers alone."},
    {"Metrics", "Enable", KEY_BOOL, AT(metrics), "true", 0, 0, NULL,
     "Serve /metrics for Prometheus: to this machine without a token, unless DelegateTLS is on, to "
     "others with an access token that may read."},
    {"Metrics", "LoopbackWithoutToken", KEY_BOOL, AT(metrics_loopback), "true", 0, 0, NULL,
     "Believe that requests from this machine's own addresses are this machine's. Set it to false "
     "when a proxy here passes TLS connections on unopened."},
    {"Alerting", "MinimumWalletBalance", KEY_TEXT, AT(alert_minimum_balance), "", 0, 0, NULL,
     "Alert when the richest sender of a miner has less, such as \"5 FIL\"; besides "
     "BalanceSectors."},
    {"Alerting", "BalanceSectors", KEY_NUMBER, AT(alert_balance_sectors), "2", 0, 100000, NULL,
     "Alert when it cannot pay the pledges of so many more sectors."},
    {"Alerting", "AllowanceLow", KEY_NUMBER, AT(alert_allowance), "3", 0, 1000000, NULL,
     "Alert when a partner may order no more than so many sectors."},
    {"Alerting", "DiskSectors", KEY_NUMBER, AT(alert_disk_sectors), "1", 0, 100000, NULL,
     "Alert when the scratch or storage disk has no room for so many more sectors."},
    {"Alerting", "CheckInterval", KEY_TIME, AT(alert_look_ms), "30s", 100, 24 * HOURS, NULL,
     "Between two looks at the chain and at the rules of alerts."},
    {"Alerting", "RepeatInterval", KEY_TIME, AT(alert_repeat_ms), "4h", 60000, 8784 * HOURS, NULL,
     "How often alerts are told again until somebody acknowledges them."},
    {"Alerting", "TrustedCertificates", KEY_TEXT, AT(alert_certificates), "", 0, 0, NULL,
     "PEM file of certificates to trust for the receivers below, instead of the system's."},
    {"Alerting.Webhook", "URL", KEY_SECRET, AT(webhook_url), "", 0, 0, NULL,
     "Where alerts are posted as JSON: https://, or http:// of this machine. Unset: nowhere."},
    {"Alerting.Webhook", "Secret", KEY_SECRET, AT(webhook_secret), "", 0, 0, NULL,
     "Signs what is posted: X-Selkie-Signature is sha256=<HMAC-SHA-256 of the body>."},
    {"Alerting.PrometheusAlertManager", "AlertManagerURL", KEY_SECRET, AT(alertmanager_url), "", 0,
     0, NULL, "An Alertmanager, such as http://localhost:9093/api/v2/alerts. Unset: none."},
    {"Alerting.SlackWebhook", "WebHookURL", KEY_SECRET, AT(slack_url), "", 0, 0, NULL,
     "A Slack incoming webhook. Unset: none."},
    {.section = NULL},
};
