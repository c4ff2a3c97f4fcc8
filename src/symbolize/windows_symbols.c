/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the symbol file of a Windows image and puts what it says of places into the machine.
 * Called by the symbolizer.
 * Must not know the formats of files.
 */
#include "symbolize/windows_symbols.h"

#include <errno.h>
#include <unistd.h>

#include "base/image_id.h"
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

#define NO_IMAGE                                                                            \
	"the trace does not tell which symbol file the program has; that is read from the " \
	"program, which must be in the symbol path as well"

/* A location to be named. */
struct place {
	oc_module_id module;
	oc_location_id location;
	uint64_t offset;
};

/* The places of one module. */
struct naming {
	struct oc_machine *m;
	oc_module_id module;
	const struct place *places; /* [nr] */
	uint64_t *offsets;          /* [nr] */
	size_t nr;
	bool is_x86;
	struct buffer pretty;
	struct oc_line lines[PDB_FRAMES_MAX];
};

void windows_symbols_tell_of(void *arg, const char *path, const char *reason)
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
		.path = { .tell = windows_symbols_tell_of,
			  .arg = ws,
			  .max_file_bytes = opts->max_file_bytes ? opts->max_file_bytes
								 : FILE_BYTES_DEFAULT },
		.tell = opts->tell,
		.arg = opts->tell_arg,
		.servers = opts->servers,
	};
	for (uint32_t i = 0; !rc && i < opts->nr_symbol_paths; i++)
		rc = symbol_path_add(&ws->path, opts->symbol_paths[i]);
	ws->nr_named = ws->path.nr_folders;
	symbol_path_check(&ws->path);
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

/* ---- the image --------------------------------------------------------------------------------------------- */

struct image {
	struct symbol_found found;
	struct pe_file pe;
	bool has_symbols;
	struct pe_symbol_file symbols;
};

static const struct oc_module *module_of(const struct naming *n)
{
	return oc_machine_module(n->m, n->module);
}

static const char *path_of(const struct naming *n)
{
	return oc_machine_string(n->m, module_of(n)->path, NULL);
}

static void image_close(struct image *image)
{
	pe_close(&image->pe);
	close(image->found.fd);
}

/* Is the image the one that was loaded? */
static bool is_same_build(const struct naming *n, const struct image *image)
{
	const struct oc_module *module = module_of(n);
	const struct oc_mapping *mapping;
	uint8_t id[IMAGE_ID_SIZE];

	if (module->build_id_size == PDB_ID_SIZE)
		return image->has_symbols &&
		       !memcmp(image->symbols.id, module->build_id, PDB_ID_SIZE);
	if (module->build_id_size == IMAGE_ID_SIZE)
		return image_id_make(&image->pe.version, image_id_name(path_of(n)), id) &&
		       !memcmp(id, module->build_id, IMAGE_ID_SIZE);
	/* Of the file at its own place the size is enough: it was loaded from there a moment ago. */
	mapping =
		oc_machine_mapping(n->m, oc_machine_location(n->m, n->places[0].location)->mapping);
	return mapping && mapping->end - mapping->start ==
				  (uint64_t)image_pages(image->pe.version.size) * IMAGE_PAGE_SIZE;
}

/* Reads image->found. Returns 1, 0 = it is not the module's, which is told, or -ENOMEM; then it is closed. */
static int image_open(struct windows_symbols *ws, const struct naming *n, struct image *image)
{
	const struct byte_source source = { .fd = image->found.fd, .size = image->found.size };
	struct oc_error err = { 0 };
	int rc = pe_open(&image->pe, &source, &err);

	if (!rc) {
		rc = pe_symbol_file(&image->pe, &image->symbols, &err);
		image->has_symbols = rc == 1;
	}
	if (rc >= 0 && is_same_build(n, image))
		return 1;
	image_close(image);
	if (rc == -ENOMEM)
		return rc;
	windows_symbols_tell_of(ws, image->found.path,
				rc < 0 ? err.message : SYMBOL_FILE_ANOTHER_BUILD);
	return 0;
}

static bool has_drive(const char *path)
{
	return path[0] && path[1] == ':' && path[2] == '\\';
}

/* Returns 1 with an open image, 0 = there is none, or -ENOMEM. */
static int find_image(struct windows_symbols *ws, const struct naming *n, struct image *ret)
{
	const struct oc_module *module = module_of(n);
	int rc = 0;

	if (ws->is_local && has_drive(path_of(n)) &&
	    !symbol_path_open(&ws->path, path_of(n), &ret->found))
		rc = image_open(ws, n, ret);
	if (rc || !module->build_id_size)
		return rc;
	rc = symbol_path_find(&ws->path, SYMBOL_FILE_IMAGE, module->build_id, module->build_id_size,
			      &ret->found);
	return rc > 0 ? image_open(ws, n, ret) : rc;
}

static int name_by_image(struct windows_symbols *ws, struct naming *n, const struct image *image)
{
	struct oc_error err = { 0 };
	int rc;

	n->is_x86 = image->pe.machine == PE_MACHINE_X86;
	rc = pe_symbols_name(&image->pe, n->offsets, n->nr, set_export, n, &err);
	if (rc && rc != -ENOMEM)
		windows_symbols_tell_of(ws, image->found.path, err.message);
	return rc == -ENOMEM ? rc : 0;
}

/* ---- the symbol file --------------------------------------------------------------------------------------- */

/* Reads what a file has to say of its build. Returns 0 with an open file, or a negative errno value with *err. */
static int open_pdb(const struct naming *n, const struct byte_source *source, struct pdb_file *pdb,
		    struct oc_error *err)
{
	int rc = pdb_open(pdb, source, err);

	if (rc)
		return rc;
	if (memcmp(pdb->id, module_of(n)->build_id, PDB_ID_SIZE))
		rc = oc_error_set(err, -EBADMSG, SYMBOL_FILE_ANOTHER_BUILD);
	else
		rc = pdb_load(pdb, err);
	if (rc)
		pdb_close(pdb);
	return rc;
}

/*
 * Takes an open descriptor, which it closes. Returns 1 = names were taken from it, perhaps not all; 0 = it is not used,
 * which is told; or -ENOMEM.
 */
static int name_by_pdb(struct windows_symbols *ws, struct naming *n,
		       const struct symbol_found *found)
{
	const struct byte_source source = { .fd = found->fd, .size = found->size };
	struct oc_error err = { 0 };
	struct pdb_file pdb;
	int rc = open_pdb(n, &source, &pdb, &err);
	bool is_open = !rc;

	if (is_open) {
		n->is_x86 = pdb.machine == PE_MACHINE_X86;
		rc = pdb_symbols_name(&pdb, n->offsets, n->nr, set_place, n, &err);
		pdb_close(&pdb);
	}
	close(found->fd);
	if (rc && rc != -ENOMEM)
		windows_symbols_tell_of(ws, found->path, err.message);
	return rc == -ENOMEM ? rc : is_open;
}

/* Opens the PDB file in the folder of its image. Returns 1, 0 = there is none, or -ENOMEM. */
static int find_beside(const struct windows_symbols *ws, const struct image *image,
		       struct symbol_found *ret)
{
	const char *name = text_base_name(image->symbols.path);
	int folder = (int)(text_base_name(image->found.path) - image->found.path);
	struct buffer path = BUFFER_INIT;
	int rc;

	if (strpbrk(name, "/\\:"))
		return 0;
	buffer_printf(&path, "%.*s%s", folder, image->found.path, name);
	rc = path.error ? path.error : !symbol_path_open(&ws->path, path.data, ret);
	buffer_done(&path);
	return rc;
}

/* image: NULL = there is none. Returns as name_by_pdb(). */
static int name_by_symbols(struct windows_symbols *ws, struct naming *n, const struct image *image)
{
	const struct oc_module *module = module_of(n);
	struct symbol_found found;
	int rc;

	if (module->build_id_size != PDB_ID_SIZE)
		return 0;
	rc = symbol_path_find(&ws->path, SYMBOL_FILE_PDB, module->build_id, PDB_ID_SIZE, &found);
	if (!rc && ws->is_local && image && image->has_symbols)
		rc = find_beside(ws, image, &found);
	return rc > 0 ? name_by_pdb(ws, n, &found) : rc;
}

/* ---- a module ---------------------------------------------------------------------------------------------- */

/* Files that seem to belong to the module but cannot be used are told of. */
static void tell_others(struct windows_symbols *ws, const struct naming *n, bool has_image)
{
	const char *name = text_base_name(path_of(n));

	symbol_path_tell_others(
		&ws->path, SYMBOL_FILE_PDB, name,
		module_of(n)->build_id_size == PDB_ID_SIZE ? SYMBOL_FILE_ANOTHER_BUILD : NO_IMAGE);
	if (!has_image)
		symbol_path_tell_others(&ws->path, SYMBOL_FILE_IMAGE, name,
					SYMBOL_FILE_ANOTHER_BUILD);
}

/* A module and what is to be named of it. */
struct group {
	const struct place *places; /* [nr] */
	size_t nr;
	bool has_image;                 /* there is one here, of the same build */
	bool is_wanted;                 /* its PDB file is not here, and a server may have it */
	const struct symbol_want *want; /* of those that are wanted, once servers were asked */
};

/* What the image tells of its symbol file, the trace may not have told. Returns 0 or -ENOMEM. */
static int learn_symbol_file(struct naming *n, const struct image *image)
{
	const char *name = text_base_name(image->symbols.path);
	struct oc_module module;
	int64_t rc;

	rc = oc_machine_set_build_id(n->m, n->module, image->symbols.id, PDB_ID_SIZE);
	if (rc)
		return (int)rc;
	module = *module_of(n);
	if (module.symbol_file)
		return 0;
	rc = intern(n, name);
	if (rc < 0)
		return (int)rc;
	module.symbol_file = (oc_string_id)rc;
	rc = oc_machine_add_module(n->m, &module);
	return rc < 0 ? (int)rc : 0;
}

/* image: NULL = there is none. Returns 0 or -ENOMEM. */
static int name_without_symbols(struct windows_symbols *ws, struct naming *n,
				const struct image *image)
{
	tell_others(ws, n, image);
	return image ? name_by_image(ws, n, image) : 0;
}

/* Names a module by what is here; without a PDB file, only when there is no server to ask. Returns 0 or -ENOMEM. */
static int name_by_files(struct windows_symbols *ws, struct naming *n, struct group *group)
{
	struct image image = { 0 };
	int has_image = find_image(ws, n, &image), rc = 0;

	if (has_image < 0)
		return has_image;
	group->has_image = has_image;
	if (has_image && image.has_symbols)
		rc = learn_symbol_file(n, &image);
	if (!rc)
		rc = name_by_symbols(ws, n, has_image ? &image : NULL);
	if (!rc && (!ws->servers || module_of(n)->build_id_size != PDB_ID_SIZE))
		rc = name_without_symbols(ws, n, has_image ? &image : NULL);
	else if (!rc)
		group->is_wanted = true;
	if (has_image)
		image_close(&image);
	return rc < 0 ? rc : 0;
}

/* Names a module when servers were asked for its PDB file. Returns 0 or -ENOMEM. */
static int name_by_download(struct windows_symbols *ws, struct naming *n, struct group *group)
{
	struct buffer path __cleanup(buffer_done) = BUFFER_INIT;
	struct symbol_found found;
	struct image image = { 0 };
	int has_image = 0, rc = 0;

	symbol_servers_put_path(ws->servers, group->want, &path);
	if (path.error)
		return path.error;
	if (group->want->is_there && !symbol_path_open(&ws->path, path.data, &found))
		rc = name_by_pdb(ws, n, &found);
	if (!rc && group->has_image)
		rc = has_image = find_image(ws, n, &image);
	if (rc < 0 || (rc && !has_image))
		return MIN(rc, 0);
	rc = name_without_symbols(ws, n, has_image ? &image : NULL);
	if (has_image)
		image_close(&image);
	return rc;
}

/* Calls name for a module with its places. Returns what it returns, or -ENOMEM. */
static int name_module(struct windows_symbols *ws, struct oc_machine *m, struct group *group,
		       int (*name)(struct windows_symbols *ws, struct naming *n,
				   struct group *group))
{
	struct naming n = {
		.m = m, .module = group->places[0].module, .places = group->places, .nr = group->nr
	};
	int rc;

	n.offsets = malloc(n.nr * sizeof(*n.offsets));
	if (!n.offsets)
		return -ENOMEM;
	for (size_t i = 0; i < n.nr; i++)
		n.offsets[i] = n.places[i].offset;
	rc = name(ws, &n, group);
	buffer_done(&n.pretty);
	free(n.offsets);
	return rc;
}

/* ---- servers ----------------------------------------------------------------------------------------------- */

/* Appends the name of the PDB file of a module, and a NUL. */
static void put_pdb_name(const struct oc_machine *m, const struct oc_module *module,
			 struct buffer *out)
{
	pdb_put_name(out, oc_machine_string(m, module->symbol_file, NULL),
		     oc_machine_string(m, module->path, NULL));
	buffer_putc(out, '\0');
}

/* Asks for the PDB files that are wanted; wants, names: filled in; wants is [nr]. Returns 0 or -ENOMEM. */
static int fetch_wanted(struct windows_symbols *ws, struct oc_machine *m, struct group *groups,
			size_t nr, struct symbol_want *wants, struct buffer *names)
{
	size_t nr_wants = 0;

	for (size_t i = 0; i < nr; i++) {
		if (groups[i].is_wanted)
			put_pdb_name(m, oc_machine_module(m, groups[i].places[0].module), names);
	}
	if (names->error)
		return names->error;
	for (size_t i = 0, at = 0; i < nr; i++) {
		const struct oc_module *module = oc_machine_module(m, groups[i].places[0].module);

		if (!groups[i].is_wanted)
			continue;
		groups[i].want = &wants[nr_wants];
		wants[nr_wants++] = (struct symbol_want){ .kind = SYMBOL_WANT_PDB,
							  .name = names->data + at,
							  .id = module->build_id,
							  .id_size = module->build_id_size };
		at += strlen(names->data + at) + 1;
	}
	return symbol_servers_fetch(ws->servers, wants, nr_wants, oc_machine_ledger(m));
}

/* Downloads PDB files that are not here, and names by them; or by images, as without servers. Returns 0 or -ENOMEM. */
static int name_by_servers(struct windows_symbols *ws, struct oc_machine *m, struct group *groups,
			   size_t nr)
{
	struct symbol_want *wants __cleanup(cleanup_free) = calloc(nr + 1, sizeof(*wants));
	struct buffer names __cleanup(buffer_done) = BUFFER_INIT;
	int rc = wants ? fetch_wanted(ws, m, groups, nr, wants, &names) : -ENOMEM;

	for (size_t i = 0; !rc && i < nr; i++) {
		if (groups[i].is_wanted)
			rc = name_module(ws, m, &groups[i], name_by_download);
	}
	return rc;
}

/* ---- the pass ---------------------------------------------------------------------------------------------- */

/* Of Windows, by its path, and with an identity, or else from a known place. */
static bool is_image(const struct windows_symbols *ws, const struct oc_machine *m,
		     const struct oc_module *module)
{
	const char *path = oc_machine_string(m, module->path, NULL);

	if (module->type != OC_MODULE_FILE && module->type != OC_MODULE_KERNEL)
		return false;
	return text_is_windows_path(path) &&
	       (module->build_id_size == PDB_ID_SIZE || module->build_id_size == IMAGE_ID_SIZE ||
		(ws->is_local && !module->build_id_size));
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

static size_t collect_places(const struct windows_symbols *ws, const struct oc_machine *m,
			     struct place *places)
{
	size_t nr = 0;

	for (oc_location_id id = 1; id <= oc_machine_nr_locations(m); id++) {
		const struct oc_location *location = oc_machine_location(m, id);

		if (!location->nr_lines && is_image(ws, m, oc_machine_module(m, location->module)))
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

void windows_symbols_count(struct windows_symbols *ws, struct oc_machine *m)
{
	oc_machine_ledger(m)->notes[OC_NOTE_FILES_REFUSED] += ws->refused - ws->counted;
	ws->counted = ws->refused;
}

int windows_symbols_name(struct windows_symbols *ws, struct oc_machine *m)
{
	struct place *places __cleanup(cleanup_free) = NULL;
	struct group *groups __cleanup(cleanup_free) = NULL;
	size_t nr;
	int rc = 0;

	if (!ws->path.nr_folders && !ws->is_local)
		return 0;
	places = malloc(((size_t)oc_machine_nr_locations(m) + 1) * sizeof(*places));
	groups = malloc(((size_t)oc_machine_nr_modules(m) + 1) * sizeof(*groups));
	if (!places || !groups)
		return -ENOMEM;
	nr = collect_places(ws, m, places);
	qsort(places, nr, sizeof(*places), compare_places);
	nr = group_places(places, nr, groups);
	for (size_t i = 0; !rc && i < nr; i++)
		rc = name_module(ws, m, &groups[i], name_by_files);
	if (!rc && ws->servers)
		rc = name_by_servers(ws, m, groups, nr);
	windows_symbols_count(ws, m);
	return rc;
}
