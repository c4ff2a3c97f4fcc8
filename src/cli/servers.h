/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol servers as the command line names them.
 * Used by main().
 */
#ifndef CLI_SERVERS_H
#define CLI_SERVERS_H

#include "cli/console.h"
#include "cli/options.h"

/*
 * Makes o->servers, if servers or a cache are asked for; freed by the caller with oc_symbol_servers_free().
 * env: NULL-terminated, for the default folder and $DEBUGINFOD_URLS. o, c: must outlive it.
 * Returns OC_EXIT_OK or, having said why, another exit code.
 */
int servers_from_options(struct options *o, char *const *env, const struct console *c);

#endif
