/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `record-trace convert FILE -o OUT...`: a recording, or a part of it, in other formats.
 * Called by main().
 * Must not know how a format is read or written.
 */
#include "cli/commands.h"

#include "cli/deliver.h"
#include "cli/input.h"

static int load(const struct options *o, const struct console *c, struct oc_machine **ret_machine)
{
	return input_read(options_arg(o), o, c, ret_machine);
}

int cmd_convert(const struct options *o, const struct console *c)
{
	return deliver(o, c, load);
}
