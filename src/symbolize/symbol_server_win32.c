/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol servers on Windows, where there is no libcurl: they are refused with a sentence.
 * Called as symbol_server.c is on Linux, of which a Windows build has this in place.
 * Must not download anything.
 */
#include "symbolize/symbol_server.h"

#include <errno.h>

int oc_symbol_servers_new(const struct oc_symbol_servers_opts *opts,
			  struct oc_symbol_servers **ret_servers, struct oc_error *err)
{
	(void)opts;
	(void)ret_servers;
	return oc_error_set(
		err, -EOPNOTSUPP,
		"downloading symbols is not possible on Windows in this version; name folders of "
		"symbol files with --symbol-path");
}

void oc_symbol_servers_free(struct oc_symbol_servers *s)
{
	(void)s;
}

void oc_symbol_servers_cancel(struct oc_symbol_servers *s)
{
	(void)s;
}

int symbol_servers_fetch(struct oc_symbol_servers *s, struct symbol_want *wants, size_t nr,
			 struct oc_ledger *ledger)
{
	(void)s;
	(void)wants;
	(void)nr;
	(void)ledger;
	return 0;
}

void symbol_servers_put_path(const struct oc_symbol_servers *s, const struct symbol_want *want,
			     struct buffer *out)
{
	(void)s;
	(void)want;
	buffer_clear(out);
}

const char *symbol_servers_folder(const struct oc_symbol_servers *s)
{
	(void)s;
	return "";
}
