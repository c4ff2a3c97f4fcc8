/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names code of ELF files, by what is here or was downloaded, and of the vDSO.
 * Called by the symbolize pass, and while recording for the vDSO.
 * Must not know the formats of files.
 */
#include "symbolize/symbolizer_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/vdso.h"
#include "symbolize/file_symbols.h"
#include "symbolize/symbol_server.h"

#define PAGE_SIZE_DEFAULT 4096u
/* Linkers make 8, 16 or 20 bytes; what is shorter was written by hand, and may be used twice. */
#define BUILD_ID_LEAST 8u

int naming_open_vdso(struct elf_file *elf)
{
	size_t size;
	const void *image = vdso_image(&size);

	return image ? elf_file_open_memory(elf, image, size) : -ENOENT;
}

bool naming_is_our_vdso(struct oc_machine *m, oc_module_id id, struct elf_file *elf)
{
	const struct oc_module *module = oc_machine_module(m, id);
	uint8_t build_id[ELF_BUILD_ID_MAX];
	int size = elf_file_build_id(elf, build_id);

	if (size <= 0)
		return !module->build_id_size;
	if (!module->build_id_size)
		return !oc_machine_set_build_id(m, id, build_id, (uint8_t)size);
	return module->build_id_size == size && !memcmp(module->build_id, build_id, (size_t)size);
}

static void note_lack(struct naming_run *run, oc_module_id module, uint8_t lack)
{
	if (run->lacks)
		run->lacks[module] |= lack;
}

struct debug_search naming_search(const struct naming_run *run, oc_module_id module)
{
	oc_string_id path = oc_machine_module(run->m, module)->path;
	struct debug_search search =
		symbolizer_search(run->s, oc_machine_string(run->m, path, NULL));

	if (run->lacks)
		search.cache_dir = symbol_servers_folder(run->s->servers);
	return search;
}

/* Names places[nr] of one ELF file. Returns 0, -ENOMEM, or what made the file unusable. */
static int name_elf(struct naming_run *run, struct elf_file *elf, const struct debug_search *search,
		    const struct naming_place *places, size_t nr)
{
	oc_module_id module = places[0].group;
	struct file_symbols fs;
	const struct symbol *last = NULL;
	int64_t function = 0;
	int rc;

	rc = file_symbols_open(&fs, elf, search, naming_offsets(run, places, nr), nr);
	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = file_symbols_get(&fs, i);

		if (!symbol)
			continue;
		if (!last || last->name != symbol->name) {
			rc = file_symbols_name(&fs, symbol, &run->raw);
			if (rc || !run->raw.len)
				continue;
			function = naming_add_function(run, module, NULL, 0);
			last = symbol;
		}
		rc = naming_set_function(run, places[i].location, function);
	}
	if (!rc && !fs.is_full)
		note_lack(run, module, NAMING_LACKS_SYMBOLS);
	file_symbols_close(&fs);
	return rc;
}

int naming_vdso(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	struct debug_search search = symbolizer_search(run->s, NULL);
	struct elf_file elf;
	int rc = 0;

	if (naming_open_vdso(&elf))
		return 0;
	if (naming_is_our_vdso(run->m, places[0].group, &elf))
		rc = name_elf(run, &elf, &search, places, nr);
	elf_file_close(&elf);
	return rc == -ENOMEM ? rc : 0;
}

bool naming_is_served(const struct oc_machine *m, const struct oc_module *module)
{
	return module->type == OC_MODULE_FILE && module->build_id_size >= BUILD_ID_LEAST &&
	       oc_machine_string(m, module->path, NULL)[0] == '/';
}

int naming_open_elsewhere(const struct naming_run *run, const struct naming_place *place,
			  const struct debug_search *search, struct elf_file *ret_elf, int *ret_fd)
{
	const struct oc_module *module = oc_machine_module(run->m, place->group);
	const struct oc_mapping *mapping =
		oc_machine_mapping(run->m, oc_machine_location(run->m, place->location)->mapping);
	uint32_t page_size = oc_machine_info(run->m)->page_size;
	int rc;

	if ((!search->nr_folders && !search->cache_dir) || !naming_is_served(run->m, module))
		return 0;
	rc = debug_file_open_program(search, module->build_id, module->build_id_size, ret_elf,
				     ret_fd);
	if (rc != 1)
		return rc;
	if (!page_size || page_size & (page_size - 1))
		page_size = PAGE_SIZE_DEFAULT;
	if (mapping && debug_file_place_code(ret_elf, mapping->start, mapping->end,
					     mapping->file_offset, page_size))
		return 1;
	elf_file_close(ret_elf);
	close(*ret_fd);
	return 0;
}

static int name_elsewhere(struct naming_run *run, const struct naming_place *places, size_t nr,
			  const struct debug_search *search)
{
	struct elf_file elf;
	int fd = -1, rc = naming_open_elsewhere(run, places, search, &elf, &fd);

	if (!rc)
		note_lack(run, places[0].group, NAMING_LACKS_PROGRAM | NAMING_LACKS_SYMBOLS);
	if (rc != 1)
		return rc;
	rc = name_elf(run, &elf, search, places, nr);
	elf_file_close(&elf);
	close(fd);
	if (rc && rc != -ENOMEM)
		oc_machine_ledger(run->m)->notes[OC_NOTE_FILES_REFUSED]++;
	return rc == -ENOMEM ? rc : 1;
}

int naming_file(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	oc_module_id id = places[0].group;
	const struct oc_location *location = oc_machine_location(run->m, places[0].location);
	const struct oc_process *process =
		oc_machine_process(run->m, naming_process_of(run->m, location));
	struct debug_search search = naming_search(run, id);
	struct module_file_ref file;
	struct elf_file elf;
	int rc;

	/* Told once, not again when servers had news. */
	if (!run->lacks || !(run->lacks[id] & NAMING_HAS_NEWS)) {
		search.tell = windows_symbols_tell_of;
		search.tell_arg = &run->s->windows;
	}
	rc = module_files_get(&run->s->files, run->m, id, process && !run->late ? process->pid : 0,
			      &file);
	if (!rc)
		return name_elsewhere(run, places, nr, &search);
	if (rc < 0)
		return rc;
	search.pid = file.pid;
	rc = elf_file_open(&elf, file.fd, file.size);
	if (!rc) {
		rc = name_elf(run, &elf, &search, places, nr);
		elf_file_close(&elf);
		if (!rc)
			rc = 1;
	}
	if (file.owned)
		close(file.fd);
	if (rc >= 0 || rc == -ENOMEM)
		return rc;
	if (rc == -ENOEXEC)
		return 0;
	module_files_refuse(&run->s->files, run->m, id);
	return 1;
}
