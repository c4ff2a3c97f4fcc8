/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has servers asked for what would name more, and names it.
 * Called by the symbolize pass, when all that is here was tried.
 * Must not know how files are downloaded.
 */
#include "symbolize/symbolizer_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macros.h"
#include "symbolize/symbol_server.h"

/* Leaves only places that have no name, of modules that `lack` is noted of. */
static void keep_unnamed(struct naming_run *run, uint8_t lack)
{
	size_t nr = 0;

	for (size_t i = 0; i < run->nr; i++) {
		const struct naming_place *place = &run->places[i];

		if (run->lacks[place->group] & lack &&
		    naming_is_served(run->m, oc_machine_module(run->m, place->group)) &&
		    !oc_machine_location(run->m, place->location)->nr_lines)
			run->places[nr++] = *place;
	}
	run->nr = nr;
}

/* Whether a module still lacks its program, now that its debug file may have come. */
static int lacks_program(struct naming_run *run, const struct naming_place *place)
{
	struct debug_search search = naming_search(run, place->group);
	struct elf_file elf;
	int fd, rc;

	if (!(run->lacks[place->group] & NAMING_LACKS_PROGRAM))
		return 0;
	rc = naming_open_elsewhere(run, place, &search, &elf, &fd);
	if (rc != 1)
		return rc ? rc : 1;
	elf_file_close(&elf);
	close(fd);
	return 0;
}

/* Asks for the debug files, or for the programs, that the modules of the places lack. Returns 0 or -ENOMEM. */
static int fetch(struct naming_run *run, enum symbol_want_kind kind)
{
	struct symbol_want *wants __cleanup(cleanup_free) = calloc(run->nr, sizeof(*wants));
	oc_module_id *modules __cleanup(cleanup_free) = calloc(run->nr, sizeof(*modules));
	size_t nr = 0;
	int rc;

	if (!wants || !modules)
		return -ENOMEM;
	for (size_t i = 0; i < run->nr; i++) {
		const struct naming_place *place = &run->places[i];
		const struct oc_module *module = oc_machine_module(run->m, place->group);

		if (i && place[-1].group == place->group)
			continue;
		rc = kind == SYMBOL_WANT_EXECUTABLE ? lacks_program(run, place) : 1;
		if (rc < 0)
			return rc;
		if (!rc)
			continue;
		modules[nr] = place->group;
		wants[nr++] = (struct symbol_want){ .kind = kind,
						    .id = module->build_id,
						    .id_size = module->build_id_size };
	}
	rc = symbol_servers_fetch(run->s->servers, wants, nr, oc_machine_ledger(run->m));
	for (size_t i = 0; !rc && i < nr; i++)
		run->lacks[modules[i]] |= wants[i].is_there ? NAMING_HAS_NEWS : 0;
	return rc;
}

static int name_file_again(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	int rc = naming_file(run, places, nr);

	return rc < 0 ? rc : 0;
}

int naming_by_servers(struct naming_run *run)
{
	int rc;

	keep_unnamed(run, NAMING_LACKS_SYMBOLS);
	if (!run->nr)
		return 0;
	rc = fetch(run, SYMBOL_WANT_DEBUG_INFO);
	rc = rc ? rc : fetch(run, SYMBOL_WANT_EXECUTABLE);
	if (rc)
		return rc;
	keep_unnamed(run, NAMING_HAS_NEWS);
	return naming_each_group(run, run->places, run->nr, name_file_again);
}
