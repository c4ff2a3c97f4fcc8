/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of places in Windows programs, libraries and drivers.
 * Used by the symbolizer. The files come from folders that the user names: the trace is mostly of another machine.
 */
#ifndef SYMBOLIZE_WINDOWS_SYMBOLS_H
#define SYMBOLIZE_WINDOWS_SYMBOLS_H

#include <onecollect/machine.h>

#include "symbolize/symbol_path.h"

/* Told, for people, which file is not used and why. */
typedef void (*windows_symbols_tell)(void *arg, const char *text);

/* All zero but for the limit = no folders. */
struct windows_symbols {
	struct symbol_path path;
	windows_symbols_tell tell; /* NULL = nobody wants to know */
	void *arg;
	uint64_t refused; /* files that were told of */
};

/* A location of the module that is to be named, and its offset in it. */
struct windows_place {
	oc_location_id location;
	uint64_t offset;
};

/* Adds folders, a list separated by semicolons. Returns 0 or -ENOMEM. */
int windows_symbols_add_path(struct windows_symbols *ws, const char *list);
void windows_symbols_done(struct windows_symbols *ws);

/* True for a module that is an image of Windows and can be told from all others. */
bool windows_symbols_is_image(const struct oc_machine *m, const struct oc_module *module);

/*
 * Names places[nr], by offset, of one module: functions, inlined functions and lines by its PDB file, else exports by
 * the image. Both are taken only when they have the module's identity.
 * Returns 0, also when there is no file or it is damaged (told, and counted in the ledger), or -ENOMEM.
 */
int windows_symbols_name(struct windows_symbols *ws, struct oc_machine *m, oc_module_id module,
			 const struct windows_place *places, size_t nr);

#endif
