/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of places in Windows programs, libraries and drivers.
 * Used by the symbolizer. The files come from folders that the user names: the trace is mostly of another machine.
 */
#ifndef SYMBOLIZE_WINDOWS_SYMBOLS_H
#define SYMBOLIZE_WINDOWS_SYMBOLS_H

#include <onecollect/machine.h>
#include <onecollect/symbolize.h>

#include "symbolize/symbol_path.h"

/* Told, for people, which file is not used and why. */
typedef void (*windows_symbols_tell)(void *arg, const char *text);

/* All zero = no folders. */
struct windows_symbols {
	struct symbol_path path;
	size_t nr_named; /* folders of it that the caller named, which come first */
	struct oc_symbol_servers
		*servers; /* their folder is the last of the path; NULL = nobody is asked */
	bool is_local; /* images are where the machine says: it was recorded here, a moment ago */
	windows_symbols_tell tell; /* NULL = nobody wants to know */
	void *arg;
	uint64_t refused; /* files that were told of */
	uint64_t counted; /* of these in the ledger */
};

/*
 * Takes from opts what concerns files of Windows; the rest is not looked at. Tells of folders that are not there.
 * windows_symbols_done() is due in any case. Returns 0 or -ENOMEM.
 */
int windows_symbols_init(struct windows_symbols *ws, const struct oc_symbolizer_opts *opts);
void windows_symbols_done(struct windows_symbols *ws);

/* Tells that a file of the path is not used. arg: a struct windows_symbols. */
void windows_symbols_tell_of(void *arg, const char *path, const char *reason);
/* Counts in the ledger the files that were told of since it was called last. */
void windows_symbols_count(struct windows_symbols *ws, struct oc_machine *m);

/*
 * Names all locations without a name in images of Windows that can be told from all others: functions, inlined functions
 * and lines by an image's PDB file, from a folder or a server, else exports by the image. Both are taken only when they have the module's identity.
 * A module whose PDB file the trace did not tell gets that identity from its image, when that is found.
 * With is_local, images are taken from their own place too, and PDB files beside them.
 * Returns 0, also when there is no file or it is damaged (told, and counted in the ledger), or -ENOMEM.
 */
int windows_symbols_name(struct windows_symbols *ws, struct oc_machine *m);

#endif
