/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the symbol file of a Windows image and puts what it says of places into the machine.
 * Called by the symbolizer.
 * Must not know the formats of files.
 */
#include "symbolize/windows_symbols.h"

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/text.h"
#include "symbolize/demangle.h"
#include "symbolize/pdb_symbols.h"
#include "symbolize/pe_symbols.h"
#include "symbolize/undecorate.h"

/* Sentences on files that are not used; the rest is counted only. */
#define TOLD_MAX 20u

struct naming {
	struct oc_machine *m;
	oc_module_id module;
	const struct windows_place *places;
	bool is_x86;
	struct buffer pretty;
	struct oc_line lines[PDB_FRAMES_MAX];
};

static void tell(void *arg, const char *path, const char *reason)
{
	struct windows_symbols *ws = arg;
	struct oc_error sentence = { 0 };

	if (++ws->refused > TOLD_MAX || !ws->tell)
		return;
	oc_error_set(&sentence, -EBADMSG, "'%s' is not used: %s", path, reason);
	ws->tell(ws->arg, sentence.message);
}

int windows_symbols_add_path(struct windows_symbols *ws, const char *list)
{
	ws->path.tell = tell;
	ws->path.arg = ws;
	return symbol_path_add(&ws->path, list);
}

void windows_symbols_done(struct windows_symbols *ws)
{
	symbol_path_done(&ws->path);
}

bool windows_symbols_is_image(const struct oc_machine *m, const struct oc_module *module)
{
	const char *path = oc_machine_string(m, module->path, NULL);

	return (module->type == OC_MODULE_FILE || module->type == OC_MODULE_KERNEL) &&
	       module->build_id_size == PDB_ID_SIZE && path[0] != '/' && strchr(path, '\\');
}

/* ---- into the machine -------------------------------------------------------------------------------------- */

/* The name for people of a linker's name. */
static const char *prettify(struct naming *n, const char *name)
{
	if (demangle(name, &n->pretty) || undecorate(name, n->is_x86, &n->pretty))
		return n->pretty.data;
	return name;
}

static int64_t intern(struct naming *n, const char *text)
{
	return oc_machine_intern(n->m, text, strlen(text));
}

static int64_t add_function(struct naming *n, const struct pdb_frame *frame)
{
	struct oc_function function = { .start_line = frame->start_line, .module = n->module };
	int64_t system_name = intern(n, frame->name);
	int64_t name = frame->is_decorated ? intern(n, prettify(n, frame->name)) : system_name;
	int64_t file = intern(n, frame->file);

	if (n->pretty.error || system_name < 0 || name < 0 || file < 0)
		return -ENOMEM;
	function.name = (oc_string_id)name;
	function.system_name = (oc_string_id)system_name;
	function.file = (oc_string_id)file;
	return oc_machine_add_function(n->m, &function);
}

static int set_place(void *arg, size_t index, const struct pdb_frame *frames, uint32_t nr)
{
	struct naming *n = arg;

	for (uint32_t i = 0; i < nr; i++) {
		int64_t function = add_function(n, &frames[i]);

		if (function < 0)
			return (int)function;
		n->lines[i] = (struct oc_line){ .function = (oc_function_id)function,
						.line = frames[i].line };
	}
	return oc_machine_set_lines(n->m, n->places[index].location, n->lines, nr);
}

static int set_export(void *arg, size_t index, const char *name)
{
	const struct pdb_frame frame = { .name = name, .file = "", .is_decorated = true };

	return set_place(arg, index, &frame, 1);
}

/* ---- files ------------------------------------------------------------------------------------------------- */

static int name_by_pdb(struct naming *n, const struct byte_source *source, const uint8_t *id,
		       const uint64_t *offsets, size_t nr, struct oc_error *err)
{
	struct pdb_file pdb;
	int rc = pdb_open(&pdb, source, err);

	if (rc)
		return rc;
	if (memcmp(pdb.id, id, PDB_ID_SIZE))
		rc = oc_error_set(err, -ESTALE, "it is of another build than the program");
	else
		rc = pdb_load(&pdb, err);
	n->is_x86 = pdb.machine == PE_MACHINE_X86;
	if (!rc)
		rc = pdb_symbols_name(&pdb, offsets, nr, set_place, n, err);
	pdb_close(&pdb);
	return rc;
}

static int name_by_image(struct naming *n, const struct byte_source *source, const uint8_t *id,
			 const uint64_t *offsets, size_t nr, struct oc_error *err)
{
	struct pe_symbol_file file;
	struct pe_file pe;
	int rc = pe_open(&pe, source, err);

	if (rc)
		return rc;
	rc = pe_symbol_file(&pe, &file, err);
	if (rc == 1 && !memcmp(file.id, id, PDB_ID_SIZE)) {
		n->is_x86 = pe.machine == PE_MACHINE_X86;
		rc = pe_symbols_name(&pe, offsets, nr, set_export, n, err);
	} else if (rc >= 0) {
		rc = oc_error_set(err, -ESTALE, "it is of another build than the program");
	}
	pe_close(&pe);
	return rc;
}

/* Returns 1 = there was such a file, 0 = there is none, or -ENOMEM. */
static int name_by(struct windows_symbols *ws, struct naming *n, enum symbol_file_kind kind,
		   const uint64_t *offsets, size_t nr)
{
	const uint8_t *id = oc_machine_module(n->m, n->module)->build_id;
	struct oc_error err = { 0 };
	struct byte_source source = { 0 };
	struct symbol_found found;
	int rc = symbol_path_find(&ws->path, kind, id, &found);

	if (rc <= 0)
		return rc;
	source.fd = found.fd;
	source.size = found.size;
	rc = kind == SYMBOL_FILE_PDB ? name_by_pdb(n, &source, id, offsets, nr, &err)
				     : name_by_image(n, &source, id, offsets, nr, &err);
	close(found.fd);
	if (rc && rc != -ENOMEM)
		tell(ws, found.path, err.message);
	return rc == -ENOMEM ? rc : 1;
}

int windows_symbols_name(struct windows_symbols *ws, struct oc_machine *m, oc_module_id module,
			 const struct windows_place *places, size_t nr)
{
	const char *path = oc_machine_string(m, oc_machine_module(m, module)->path, NULL);
	struct naming n = { .m = m, .module = module, .places = places };
	uint64_t *offsets, refused = ws->refused;
	int rc;

	if (!ws->path.nr_folders)
		return 0;
	offsets = malloc((nr + 1) * sizeof(*offsets));
	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		offsets[i] = places[i].offset;
	rc = name_by(ws, &n, SYMBOL_FILE_PDB, offsets, nr);
	if (!rc) {
		symbol_path_tell_others(&ws->path, text_base_name(path));
		rc = name_by(ws, &n, SYMBOL_FILE_IMAGE, offsets, nr);
	}
	oc_machine_ledger(m)->notes[OC_NOTE_FILES_REFUSED] += ws->refused - refused;
	buffer_done(&n.pretty);
	free(offsets);
	return rc < 0 ? rc : 0;
}
