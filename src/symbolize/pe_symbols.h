/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of places of a Windows image from the image itself: its exports.
 * Used by the symbolizer when there is no PDB file.
 */
#ifndef SYMBOLIZE_PE_SYMBOLS_H
#define SYMBOLIZE_PE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "symbolize/pe_file.h"

/* `name` is as stored; valid for the call. Nonzero stops. */
typedef int (*pe_place_fn)(void *arg, size_t index, const char *name);

/*
 * Calls fn for each of addresses[nr] (from the image's base on, ascending) that has a name. A symbol has no size: it
 * reaches to the next one, but not beyond the bounds of functions, where the image tells them, or its section.
 * Returns 0, what fn returned, -EBADMSG (damaged, with *err), -E2BIG (made to waste time), -ENOMEM, or an error of
 * pread(2).
 */
int pe_symbols_name(const struct pe_file *pe, const uint64_t *addresses, size_t nr, pe_place_fn fn,
		    void *arg, struct oc_error *err);

#endif
