/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The value of one option: checked against its row and stored in the options.
 * Called by the parser for the command line and for the environment; knows neither.
 */
#ifndef CLI_OPTION_VALUE_H
#define CLI_OPTION_VALUE_H

#include "cli/options.h"

/*
 * Parses `value` as the row says and stores it.
 *
 * shown: what the user wrote to set it ("-F", "ONECOLLECT_FREQUENCY"), for messages.
 * value: NULL for a row that takes none. Borrowed for the life of *o.
 * Returns 0, -EINVAL or -EOPNOTSUPP with a sentence in *err, or -ENOMEM.
 */
int option_store(struct options *o, const struct option_row *row, const char *shown,
		 const char *value, struct oc_error *err);

/* Adds a text, borrowed, to a list. Returns 0 or -ENOMEM. */
int text_list_add(struct text_list *list, const char *text);

#endif
