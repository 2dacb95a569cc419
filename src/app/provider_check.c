/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/provider_check.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "net/certificate.h"
#include "net/client.h"
#include "seal/client.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TCP_TIMEOUT_MS 5000
#define CALLBACK_TIMEOUT_MS 10000

enum check { DNS, TCP, TLS, PROTOCOL, TOKEN, CALLBACK };

static const char *const names[SLK_PROVIDER_CHECKS] = {"dns",      "tcp",   "tls",
                                                       "protocol", "token", "callback"};
static const char *const remedies[SLK_PROVIDER_CHECKS] = {
    "check the host name in the connect string and this machine's resolver",
    "check that the provider runs and listens on that port, and the firewalls between",
    "trust its certificate: set TrustedCertificates in [Remote] to its tls.crt, or let it use one "
    "that the system trusts",
    "check that the address is that of a remote-seal provider, not of a page or a proxy",
    "ask the provider for a new connect string; `selkie partner rotate` makes one",
    "set ExternalURL in [HTTP] to the address under which the provider reaches this node, and run "
    "it",
};

static void put_row(slk_provider_check *c, enum check which, slk_check_mark mark, const char *found)
{
    slk_provider_check_row *row = &c->rows[which];
    row->what = names[which];
    row->mark = mark;
    row->next = mark == SLK_CHECK_BAD || mark == SLK_CHECK_DOUBTFUL ? remedies[which] : "";
    (void)snprintf(row->found, sizeof row->found, "%s", found);
    if (mark == SLK_CHECK_BAD)
        c->good = false;
}

/* ---- name and TCP ---- */

/* Host and port out of a URL that slk_connect_check_url has accepted. */
static void split_url(const char *url, char host[256], char port[8])
{
    const char *at = strstr(url, "://");
    const bool tls = strncmp(url, "https", 5) == 0;
    at = at ? at + 3 : url;
    const bool bracket = *at == '[';
    size_t n = bracket ? strcspn(at, "]") : strcspn(at, ":/");
    (void)snprintf(host, 256, "%.*s", (int)(bracket ? n - 1 : n), at + bracket);
    at += n + bracket;
    if (*at == ':')
        (void)snprintf(port, 8, "%.*s", (int)(strcspn(at + 1, "/") > 7 ? 7 : strcspn(at + 1, "/")),
                       at + 1);
    else
        (void)snprintf(port, 8, "%s", tls ? "443" : "80");
}

static int connect_within(const struct addrinfo *address, int timeout_ms)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    int failure = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (failure == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof failure;
        const int ready = poll(&wait, 1, timeout_ms);
        failure = ready == 0 ? ETIMEDOUT : errno;
        if (ready > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
            failure = errno;
    }
    (void)close(fd);
    return failure;
}

static void describe(char *out, size_t size, const char *host, const char *port, int failure)
{
    slk_error error = {0};
    const slk_err code = slk_fail_errno(&error, failure, "%.150s port %s", host, port);
    (void)snprintf(out, size, "%s", slk_error_text(&error, code));
}

static void check_tcp(slk_provider_check *c, const struct addrinfo *list, const char *host,
                      const char *port)
{
    char found[256];
    int failure = ENOENT;
    for (const struct addrinfo *a = list; a && failure != 0; a = a->ai_next)
        failure = connect_within(a, TCP_TIMEOUT_MS);
    if (failure == 0)
        (void)snprintf(found, sizeof found, "port %s answers", port);
    else
        describe(found, sizeof found, host, port, failure);
    put_row(c, TCP, failure == 0 ? SLK_CHECK_GOOD : SLK_CHECK_BAD, found);
}

static void check_address(slk_provider_check *c, const char *url)
{
    char host[256], port[8], found[256];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    split_url(url, host, port);
    const int rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0) {
        (void)snprintf(found, sizeof found, "%.150s: %s", host, gai_strerror(rc));
        put_row(c, DNS, SLK_CHECK_BAD, found);
        return;
    }
    char address[64] = "";
    (void)getnameinfo(list->ai_addr, list->ai_addrlen, address, sizeof address, NULL, 0,
                      NI_NUMERICHOST);
    (void)snprintf(found, sizeof found, "%.150s is %s", host, address);
    put_row(c, DNS, SLK_CHECK_GOOD, found);
    check_tcp(c, list, host, port);
    freeaddrinfo(list);
}

/* ---- TLS, protocol, token ---- */

static void check_token(slk_provider_check *c, slk_node *node, const slk_seal_remote *to)
{
    slk_error why = {0};
    char found[256];
    bool authorized = false;
    slk_err code = slk_remote_peer_authorize(node->peer, &authorized, c->partner_name,
                                             &c->allowance_remaining, to, &why);
    if (code != SLK_OK || !authorized) {
        put_row(c, TOKEN, SLK_CHECK_BAD,
                code != SLK_OK ? slk_error_text(&why, code) : "it does not know the token");
        return;
    }
    (void)snprintf(found, sizeof found, "it knows us as %.100s; %" PRId64 " sectors may be ordered",
                   *c->partner_name ? c->partner_name : "(unnamed)", c->allowance_remaining);
    put_row(c, TOKEN, SLK_CHECK_GOOD, found);
}

static void check_calls(slk_provider_check *c, slk_node *node, const slk_seal_remote *to)
{
    int64_t proofs[SLK_SEAL_MAX_PROOFS];
    size_t n = 0;
    slk_error why = {0};
    char found[256];
    const bool tls = strncmp(to->url, "https", 5) == 0;
    slk_err code =
        slk_remote_peer_capabilities(node->peer, proofs, &n, SLK_SEAL_MAX_PROOFS, to->url, &why);
    /* TCP works: what cannot be reached now is behind the handshake. */
    const bool reached = code != SLK_E_UNREACHABLE && code != SLK_E_TIMEOUT;
    if (!reached) {
        put_row(c, TLS, SLK_CHECK_BAD, slk_error_text(&why, code));
        return;
    }
    put_row(c, TLS, tls ? SLK_CHECK_GOOD : SLK_CHECK_DOUBTFUL,
            tls ? "its certificate is trusted" : "plain HTTP: the token crosses in clear");
    if (!tls)
        c->rows[TLS].next = "use https, unless it is on this machine";
    if (code != SLK_OK) {
        put_row(c, PROTOCOL, SLK_CHECK_BAD, slk_error_text(&why, code));
        return;
    }
    int chars = snprintf(found, sizeof found, "remote seal v0; seals");
    for (size_t i = 0; i < n && chars > 0 && (size_t)chars < sizeof found; i++)
        chars += snprintf(found + chars, sizeof found - (size_t)chars, " %" PRId64, proofs[i]);
    put_row(c, PROTOCOL, n > 0 ? SLK_CHECK_GOOD : SLK_CHECK_DOUBTFUL,
            n > 0 ? found : "it offers no seal proof now");
    check_token(c, node, to);
}

/* ---- the way back ---- */

/* Whether our own address answers, seen from here: of a provider that cannot be asked to try it, only its
 * own notices show that it comes through; without them the poll finds out later. */
static slk_err call_own(char *found, size_t size, slk_node *node, const char *url, slk_error *error)
{
    SLK_CLEANUP(slk_freep)
    char *certificate =
        slk_repo_path(&node->repo, SLK_CERTIFICATE_FILE, node->repo.config.certificate_file);
    SLK_CLEANUP(slk_freep) char *health = slk_strf("%s/health/livez", url);
    SLK_CLEANUP(slk_http_client_freep) slk_http_client *client = NULL;
    if (!certificate || !health)
        return slk_fail(error, SLK_E_NOMEM, "out of memory");
    const bool own = !*node->repo.config.certificate_file; /* self-signed: trusted as it is */
    const slk_http_client_options options = {.allow_plain_http = true,
                                             .ca_file = own ? certificate : NULL};
    SLK_TRY(slk_http_client_new(&client, &options, error));
    const slk_http_request request = {.url = health, .total_timeout_ms = CALLBACK_TIMEOUT_MS};
    SLK_CLEANUP(slk_http_response_done) slk_http_response response = {0};
    SLK_TRY(slk_http_call(client, &request, &response, error));
    if (response.status != 200)
        return slk_fail(error, SLK_E_PROTO, "%.120s answers %d", url, response.status);
    (void)snprintf(found, size, "this node answers at %.150s (seen from here)", url);
    return SLK_OK;
}

static void check_own(slk_provider_check *c, slk_node *node)
{
    SLK_CLEANUP(slk_freep) char *url = NULL;
    slk_error why = {0};
    char found[256];
    slk_err code = slk_repo_url(&url, &node->repo, &why);
    if (code == SLK_OK)
        code = call_own(found, sizeof found, node, url, &why);
    put_row(c, CALLBACK, code == SLK_OK ? SLK_CHECK_GOOD : SLK_CHECK_DOUBTFUL,
            code == SLK_OK ? found : slk_error_text(&why, code));
}

static const struct {
    const char *step, *next;
} back_remedies[] = {
    {"url",
     "have the provider give this node's address: `selkie partner set NAME --url https://…`"},
    {"address", "the provider calls no private address, unless AllowPrivateAddresses is set there"},
    {"dns", "give the provider a name or address it knows: `selkie partner set NAME --url …`"},
    {"tcp", "run this node, and let the provider through the firewalls to its port"},
    {"tls", "have the provider trust this node's tls.crt (TrustedCertificates in [Remote] there), "
            "or use a "
            "certificate its system trusts"},
    {"answer",
     "at that address somebody else answers: have the provider give this node's, `selkie partner "
     "set NAME --url …`"},
};

static void put_called(slk_provider_check *c, const slk_remote_called *called, bool seen)
{
    char found[256];
    if (called->reached && seen) {
        (void)snprintf(found, sizeof found, "it reaches this node at %.180s", called->url);
        put_row(c, CALLBACK, SLK_CHECK_GOOD, found);
        return;
    }
    const char *step = called->reached ? "answer" : called->step;
    (void)snprintf(found, sizeof found, "it does not reach %.100s: %s: %.100s",
                   *called->url ? called->url : "this node", *step ? step : "no reason given",
                   called->reached ? "it says it did, but nothing came here" : called->reason);
    put_row(c, CALLBACK, SLK_CHECK_DOUBTFUL, found);
    for (size_t i = 0; i < sizeof back_remedies / sizeof *back_remedies; i++)
        if (strcmp(step, back_remedies[i].step) == 0)
            c->rows[CALLBACK].next = back_remedies[i].next;
}

/* Has the provider itself come to us, if it can be asked to. */
static slk_err try_back(bool *ret_tried, slk_provider_check *c, slk_node *node,
                        const slk_seal_remote *to, slk_error *error)
{
    char nonce[SLK_NONCE_CHARS];
    slk_remote_called called = {0};
    bool seen = false;
    SLK_TRY(slk_client_nonce_make(nonce, node->seal, error));
    const slk_err code =
        slk_remote_peer_call_back(node->peer, ret_tried, &called, to, nonce, error);
    if (code == SLK_OK && *ret_tried)
        SLK_TRY(slk_client_nonce_seen(&seen, node->seal, nonce, error));
    slk_bytes_wipe(nonce, sizeof nonce);
    SLK_TRY(code);
    if (*ret_tried)
        put_called(c, &called, seen);
    return SLK_OK;
}

static void check_callback(slk_provider_check *c, slk_node *node, const slk_seal_remote *to)
{
    slk_error why = {0};
    bool tried = false;
    slk_err code = SLK_OK;
    if (c->good)
        code = try_back(&tried, c, node, to, &why);
    if (code != SLK_OK)
        put_row(c, CALLBACK, SLK_CHECK_DOUBTFUL, slk_error_text(&why, code));
    else if (!tried)
        check_own(c, node);
}

/* ---- together ---- */

slk_err slk_provider_check_run(slk_provider_check *ret, slk_node *node, const char *url,
                               const char *token, slk_error *error)
{
    const slk_seal_remote to = {.url = url, .token = token};
    SLK_TRY(slk_connect_check_url(url, error));
    slk_provider_check check = {.good = true};
    for (unsigned i = 0; i < SLK_PROVIDER_CHECKS; i++)
        put_row(&check, (enum check)i, SLK_CHECK_SKIPPED, "not looked at");
    check_address(&check, url);
    if (check.good)
        check_calls(&check, node, &to);
    check_callback(&check, node, &to);
    *ret = check;
    return SLK_OK;
}

slk_err slk_provider_check_failure(const slk_provider_check *check, slk_error *error)
{
    for (unsigned i = 0; i < SLK_PROVIDER_CHECKS; i++) {
        const slk_provider_check_row *row = &check->rows[i];
        const slk_err code = i == TOKEN      ? SLK_E_AUTH
                             : i == PROTOCOL ? SLK_E_PROTO
                                             : SLK_E_UNREACHABLE;
        if (row->mark == SLK_CHECK_BAD)
            return slk_fail(error, code, "%s: %.180s; %.160s", row->what, row->found, row->next);
    }
    return SLK_OK;
}

static const char *const signs[] = {"✓", "!", "✗", "-"};
static const char *const words[] = {"good", "doubtful", "bad", "skipped"};

void slk_provider_check_print(const slk_provider_check *check)
{
    for (unsigned i = 0; i < SLK_PROVIDER_CHECKS; i++) {
        const slk_provider_check_row *row = &check->rows[i];
        (void)printf("  %s %-9s %s\n", signs[row->mark], row->what, row->found);
        if (*row->next)
            (void)printf("              %s\n", row->next);
    }
}

json_t *slk_provider_check_json(const slk_provider_check *check)
{
    json_t *list = json_array();
    for (unsigned i = 0; list && i < SLK_PROVIDER_CHECKS; i++) {
        const slk_provider_check_row *row = &check->rows[i];
        json_t *item = json_pack("{s:s,s:s,s:s,s:s}", "check", row->what, "mark", words[row->mark],
                                 "found", row->found, "next", row->next);
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
