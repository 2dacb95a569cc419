/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libmicrohttpd hands a connection that was upgraded on through a buffer of a few bytes; this one has
 * room for a whole record. */
#include "net/server_impl.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PUMP_BYTES ((size_t)16384) /* a record of TLS */
#define LAST_WAIT_MS 1000 /* for the peer to take what is left */

/* One direction: what was read and is not written yet. */
typedef struct half {
    uint8_t bytes[PUMP_BYTES];
    size_t at, n;
    bool over; /* nothing more will be read */
} half;

typedef struct pump {
    gnutls_session_t tls;
    int tls_fd, inner_fd;
    half in, out; /* from the peer, to the peer */
    bool broken; /* the peer takes nothing any more */
} pump;

static bool again(ssize_t n)
{
    return n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
}

static void read_peer(pump *p)
{
    const ssize_t n = gnutls_record_recv(p->tls, p->in.bytes, PUMP_BYTES);
    if (n > 0) {
        p->in.at = 0;
        p->in.n = (size_t)n;
    } else if (!again(n)) {
        p->in.over = true;
        (void)shutdown(p->inner_fd, SHUT_WR);
    }
}

static void write_peer(pump *p)
{
    const ssize_t n = gnutls_record_send(p->tls, p->out.bytes + p->out.at, p->out.n - p->out.at);
    if (n > 0)
        p->out.at += (size_t)n;
    else if (!again(n))
        p->broken = true;
}

static void read_inner(pump *p)
{
    const ssize_t n = recv(p->inner_fd, p->out.bytes, PUMP_BYTES, MSG_DONTWAIT);
    if (n > 0) {
        p->out.at = 0;
        p->out.n = (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        p->out.over = true;
    }
}

static void write_inner(pump *p)
{
    const ssize_t n =
        send(p->inner_fd, p->in.bytes + p->in.at, p->in.n - p->in.at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        p->in.at += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR)
        p->in.n = p->in.at; /* nobody is there any more */
}

static bool is_empty(const half *h)
{
    return h->at == h->n;
}

/* What to wait for; no descriptor where that is nothing, or its end would be told all the time. */
static struct pollfd wanted(int fd, const half *from, const half *to)
{
    const bool reads = is_empty(from) && !from->over;
    const short events = (short)((reads ? POLLIN : 0) | (is_empty(to) ? 0 : POLLOUT));
    return (struct pollfd){.fd = events ? fd : -1, .events = events};
}

static bool inner_is_closed(const pump *p)
{
    struct pollfd look = {.fd = p->inner_fd};
    return p->out.over || (poll(&look, 1, 0) > 0 && (look.revents & POLLHUP));
}

/* False: it is over, as the peer does not take what is left. */
static bool step(pump *p)
{
    struct pollfd fds[2] = {wanted(p->tls_fd, &p->in, &p->out),
                            wanted(p->inner_fd, &p->out, &p->in)};
    const bool record = (fds[0].events & POLLIN) && gnutls_record_check_pending(p->tls) > 0;
    const int n = poll(fds, 2, record ? 0 : is_empty(&p->out) ? -1 : LAST_WAIT_MS);
    if (n == 0 && !record)
        return !inner_is_closed(p);
    /* The end of a connection shows where it is read or written. */
    const short peer = fds[0].revents ? fds[0].events : record ? POLLIN : 0;
    const short inner = fds[1].revents ? fds[1].events : 0;
    if (peer & POLLIN)
        read_peer(p);
    if (peer & POLLOUT)
        write_peer(p);
    if (inner & POLLIN)
        read_inner(p);
    if (inner & POLLOUT)
        write_inner(p);
    return true;
}

void slk_http_pump(gnutls_session_t tls, int tls_fd, int inner_fd)
{
    pump *p = slk_calloc(1, sizeof *p);
    if (!p)
        return;
    p->tls = tls;
    p->tls_fd = tls_fd;
    p->inner_fd = inner_fd;
    while (!p->broken && !(p->out.over && is_empty(&p->out)))
        if (!step(p))
            break;
    if (!p->broken)
        (void)gnutls_bye(tls, GNUTLS_SHUT_WR);
    slk_free(p);
}
