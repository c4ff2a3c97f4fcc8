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
#include "symbolize/symbol_server.h"
#include "symbolize/undecorate.h"

#define FILE_BYTES_DEFAULT (4ULL * 1024 * 1024 * 1024)
/* Sentences on files that are not used; the rest is counted only. */
#define TOLD_MAX 20u

/* A location to be named. */
struct place {
	oc_module_id module;
	oc_location_id location;
	uint64_t offset;
};

struct naming {
	struct oc_machine *m;
	oc_module_id module;
	const struct place *places;
	bool is_x86;
	struct buffer pretty;
	struct oc_line lines[PDB_FRAMES_MAX];
};

static void tell_of(void *arg, const char *path, const char *reason)
{
	struct windows_symbols *ws = arg;
	struct oc_error sentence = { 0 };

	if (++ws->refused > TOLD_MAX || !ws->tell)
		return;
	oc_error_set(&sentence, -EBADMSG, "'%s' is not used: %s", path, reason);
	ws->tell(ws->arg, sentence.message);
}

int windows_symbols_init(struct windows_symbols *ws, const struct oc_symbolizer_opts *opts)
{
	int rc = 0;

	*ws = (struct windows_symbols){
		.path = { .tell = tell_of,
			  .arg = ws,
			  .max_file_bytes = opts->max_file_bytes ? opts->max_file_bytes
								 : FILE_BYTES_DEFAULT },
		.tell = opts->tell,
		.arg = opts->tell_arg,
		.servers = opts->servers,
	};
	for (uint32_t i = 0; !rc && i < opts->nr_symbol_paths; i++)
		rc = symbol_path_add(&ws->path, opts->symbol_paths[i]);
	if (!rc && ws->servers)
		rc = symbol_path_add_folder(&ws->path, symbol_servers_folder(ws->servers));
	return rc;
}

void windows_symbols_done(struct windows_symbols *ws)
{
	symbol_path_done(&ws->path);
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
		rc = oc_error_set(err, -EBADMSG, "it is of another build than the program");
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
		rc = oc_error_set(err, -EBADMSG, "it is of another build than the program");
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
		tell_of(ws, found.path, err.message);
	return rc == -ENOMEM ? rc : 1;
}

/* What is to be named of one module, by offset. */
struct group {
	const struct place *places; /* [nr] */
	size_t nr;
	bool is_done; /* there was a PDB file */
};

/* Names a module by a file of a kind. Returns as name_by(). */
static int name_module(struct windows_symbols *ws, struct oc_machine *m, const struct group *group,
		       enum symbol_file_kind kind)
{
	struct naming n = { .m = m, .module = group->places[0].module, .places = group->places };
	uint64_t *offsets = malloc(group->nr * sizeof(*offsets));
	int rc;

	if (!offsets)
		return -ENOMEM;
	for (size_t i = 0; i < group->nr; i++)
		offsets[i] = group->places[i].offset;
	rc = name_by(ws, &n, kind, offsets, group->nr);
	buffer_done(&n.pretty);
	free(offsets);
	return rc;
}

/* Names the modules that have a PDB file. Returns 0 or -ENOMEM. */
static int name_by_pdbs(struct windows_symbols *ws, struct oc_machine *m, struct group *groups,
			size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		int rc = groups[i].is_done ? 1 : name_module(ws, m, &groups[i], SYMBOL_FILE_PDB);

		if (rc < 0)
			return rc;
		groups[i].is_done = rc;
	}
	return 0;
}

/* Names the others by their images. Returns 0 or -ENOMEM. */
static int name_by_images(struct windows_symbols *ws, struct oc_machine *m,
			  const struct group *groups, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct oc_module *module = oc_machine_module(m, groups[i].places[0].module);
		int rc;

		if (groups[i].is_done)
			continue;
		symbol_path_tell_others(&ws->path,
					text_base_name(oc_machine_string(m, module->path, NULL)));
		rc = name_module(ws, m, &groups[i], SYMBOL_FILE_IMAGE);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- servers ----------------------------------------------------------------------------------------------- */

/* Appends the name of the PDB file of a module, and a NUL. It mostly is that of the image. */
static void put_pdb_name(const struct oc_machine *m, const struct oc_module *module,
			 struct buffer *out)
{
	const char *image = text_base_name(oc_machine_string(m, module->path, NULL));
	const char *dot = strrchr(image, '.');
	size_t stem = dot ? (size_t)(dot - image) : strlen(image), len;
	const char *told = oc_machine_string(m, module->symbol_file, &len);

	if (len) {
		buffer_append(out, told, len + 1);
		return;
	}
	buffer_append(out, image, stem);
	buffer_append(out, ".pdb", sizeof(".pdb"));
}

/* Downloads the PDB files of modules that have none, and names those by what came. Returns 0 or -ENOMEM. */
static int name_by_servers(struct windows_symbols *ws, struct oc_machine *m, struct group *groups,
			   size_t nr)
{
	struct symbol_want *wants __cleanup(cleanup_free) = calloc(nr + 1, sizeof(*wants));
	size_t *starts __cleanup(cleanup_free) = calloc(nr + 1, sizeof(*starts));
	struct buffer names __cleanup(buffer_done) = BUFFER_INIT;
	size_t nr_wants = 0;
	int rc;

	if (!wants || !starts)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		const struct oc_module *module = oc_machine_module(m, groups[i].places[0].module);

		if (groups[i].is_done)
			continue;
		starts[nr_wants] = names.len;
		put_pdb_name(m, module, &names);
		wants[nr_wants++] = (struct symbol_want){ .kind = SYMBOL_WANT_PDB,
							  .id = module->build_id,
							  .id_size = module->build_id_size };
	}
	if (names.error || !nr_wants)
		return names.error;
	for (size_t i = 0; i < nr_wants; i++)
		wants[i].name = names.data + starts[i];
	rc = symbol_servers_fetch(ws->servers, wants, nr_wants, oc_machine_ledger(m));
	if (rc)
		return rc;
	symbol_path_list_last_again(&ws->path);
	return name_by_pdbs(ws, m, groups, nr);
}

/* ---- the pass ---------------------------------------------------------------------------------------------- */

/* Of Windows, by its path, and with an identity. */
static bool is_image(const struct oc_machine *m, const struct oc_module *module)
{
	const char *path = oc_machine_string(m, module->path, NULL);

	return (module->type == OC_MODULE_FILE || module->type == OC_MODULE_KERNEL) &&
	       module->build_id_size == PDB_ID_SIZE && path[0] != '/' && strchr(path, '\\');
}

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->module != b->module)
		return a->module < b->module ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* From the image's base on; of drivers the machine has the address itself. */
static uint64_t offset_in_image(const struct oc_machine *m, const struct oc_location *location)
{
	const struct oc_mapping *mapping = oc_machine_mapping(m, location->mapping);

	if (oc_machine_module(m, location->module)->type != OC_MODULE_KERNEL || !mapping)
		return location->offset;
	return mapping->file_offset + (location->offset - mapping->start);
}

static size_t collect_places(const struct oc_machine *m, struct place *places)
{
	size_t nr = 0;

	for (oc_location_id id = 1; id <= oc_machine_nr_locations(m); id++) {
		const struct oc_location *location = oc_machine_location(m, id);

		if (!location->nr_lines && is_image(m, oc_machine_module(m, location->module)))
			places[nr++] = (struct place){ .module = location->module,
						       .location = id,
						       .offset = offset_in_image(m, location) };
	}
	return nr;
}

/* Makes groups of places that are sorted. Returns how many. */
static size_t group_places(const struct place *places, size_t nr, struct group *groups)
{
	size_t nr_groups = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!i || places[i].module != places[i - 1].module)
			groups[nr_groups++] = (struct group){ .places = &places[i] };
		groups[nr_groups - 1].nr++;
	}
	return nr_groups;
}

int windows_symbols_name(struct windows_symbols *ws, struct oc_machine *m)
{
	uint64_t refused = ws->refused;
	struct place *places __cleanup(cleanup_free) = NULL;
	struct group *groups __cleanup(cleanup_free) = NULL;
	size_t nr;
	int rc;

	if (!ws->path.nr_folders)
		return 0;
	places = malloc(((size_t)oc_machine_nr_locations(m) + 1) * sizeof(*places));
	groups = malloc(((size_t)oc_machine_nr_modules(m) + 1) * sizeof(*groups));
	if (!places || !groups)
		return -ENOMEM;
	nr = collect_places(m, places);
	qsort(places, nr, sizeof(*places), compare_places);
	nr = group_places(places, nr, groups);
	rc = name_by_pdbs(ws, m, groups, nr);
	if (!rc && ws->servers)
		rc = name_by_servers(ws, m, groups, nr);
	if (!rc)
		rc = name_by_images(ws, m, groups, nr);
	oc_machine_ledger(m)->notes[OC_NOTE_FILES_REFUSED] += ws->refused - refused;
	return rc;
}
