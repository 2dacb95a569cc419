/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* `selkie doctor`: what is right and wrong with this machine and this node, one line each, with what
 * to do about it. Looks only; nothing is changed but a temporary file that measures the disk.
 *
 * A finding is good, a warning (works, but worse than it could) or a fault (does not work). */
#ifndef SLK_APP_DOCTOR_H
#define SLK_APP_DOCTOR_H

#include "app/node.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum slk_health {
    SLK_HEALTH_GOOD,
    SLK_HEALTH_WARNING,
    SLK_HEALTH_FAULT,
    SLK_HEALTH_COUNT,
} slk_health;

typedef struct slk_doctor {
    const char *folder; /* of the repository; NULL: only the machine is looked at */
    slk_node *node; /* NULL: it cannot be opened */
    bool provider, client; /* what this node does, as far as that is known */
    uint64_t sector_bytes; /* of the largest sector it works with */
    uint64_t sectors; /* there should be room for */
    bool full; /* read parameters whole */
    bool print; /* each finding as it is made, for people */
    json_t *findings; /* [{"check","health","text","fix"}] */
    bool lost; /* one could not be noted: no memory */
    unsigned count[SLK_HEALTH_COUNT];
} slk_doctor;

/* Notes a finding. check: a stable word for it ("memory"); fix: what to do, static, NULL when good. */
void slk_doctor_say(slk_doctor *doctor, slk_health health, const char *check, const char *fix,
                    const char *format, ...) SLK_PRINTF(5, 6);
/* As a fault when code is a failure; whether it was none. */
bool slk_doctor_ok(slk_doctor *doctor, slk_err code, const slk_error *error, const char *check,
                   const char *fix);

/* All checks of doctor->folder; opens and closes the node. The caller json_decrefs findings. */
void slk_doctor_look(slk_doctor *doctor);

/* doctor_machine.c: processor, memory, huge pages, descriptors, clock; then disks of an open node. */
void slk_doctor_machine(slk_doctor *doctor);
void slk_doctor_disks(slk_doctor *doctor);
/* doctor_node.c: configuration, database and schema, parameters; the time, when the chain was looked at. */
void slk_doctor_configuration(slk_doctor *doctor);
void slk_doctor_database(slk_doctor *doctor);
void slk_doctor_parameters(slk_doctor *doctor);
void slk_doctor_time(slk_doctor *doctor);
/* doctor_network.c: address, certificate, chain and money, the peers of both roles. */
void slk_doctor_address(slk_doctor *doctor);
void slk_doctor_chain(slk_doctor *doctor);
void slk_doctor_peers(slk_doctor *doctor);

#endif
