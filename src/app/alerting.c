/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "app/alerting.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

slk_err slk_alerting_delivery(slk_delivery **ret_delivery, const slk_config *config,
                              slk_error *error)
{
    const slk_delivery_options options = {
        .url =
            {
                [SLK_RECEIVER_WEBHOOK] = config->webhook_url,
                [SLK_RECEIVER_ALERTMANAGER] = config->alertmanager_url,
                [SLK_RECEIVER_SLACK] = config->slack_url,
            },
        .webhook_secret = config->webhook_secret,
        .ca_file = *config->alert_certificates ? config->alert_certificates : NULL,
        .repeat_ms = config->alert_repeat_ms,
    };
    return slk_delivery_new(ret_delivery, &options, error);
}

/* "5 FIL", "0.5", "": FIL, as Curio writes it. */
static slk_err read_fil(double *ret_fil, const char *text, slk_error *error)
{
    char *end = NULL;
    const double fil = *text ? strtod(text, &end) : 0;
    while (end && isspace((unsigned char)*end))
        end++;
    if (end && (end == text || (*end && strcasecmp(end, "FIL") != 0) || !isfinite(fil) || fil < 0))
        return slk_fail(error, SLK_E_INVAL,
                        "Alerting.MinimumWalletBalance: want an amount such as \"5 FIL\"");
    *ret_fil = fil;
    return SLK_OK;
}

slk_err slk_alerting_rules(slk_rules *ret_rules, const slk_config *config, slk_error *error)
{
    slk_rules rules = {
        .allowance_low = config->alert_allowance,
        .disk_sectors = config->alert_disk_sectors,
        .balance_sectors = config->alert_balance_sectors,
    };
    SLK_TRY(read_fil(&rules.balance_fil, config->alert_minimum_balance, error));
    *ret_rules = rules;
    return SLK_OK;
}
