/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolize pass: names all locations of a machine, file by file.
 * Called by the recording: keep() and process_exit() while it runs, run() at its end.
 * Must not know the operating system's events or any output format.
 */
#include <onecollect/symbolize.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/vdso.h"
#include "symbolize/debug_file.h"
#include "symbolize/demangle.h"
#include "symbolize/file_symbols.h"
#include "symbolize/jit_processes.h"
#include "symbolize/kernel_symbols.h"
#include "symbolize/module_files.h"
#include "symbolize/perf_map.h"
#include "symbolize/running_kernel.h"
#include "symbolize/symbol_server.h"
#include "symbolize/windows_symbols.h"

#define FILE_BYTES_DEFAULT (4ULL * 1024 * 1024 * 1024)
#define DEBUG_DIR_DEFAULT  "/usr/lib/debug"
#define FILES_LEAST        16u
#define PAGE_SIZE_DEFAULT  4096u
/* Linkers make 8, 16 or 20 bytes; what is shorter was written by hand, and may be used twice. */
#define BUILD_ID_LEAST 8u
#define KALLSYMS       "/proc/kallsyms"
#define KERNEL_NOTES   "/sys/kernel/notes"

struct oc_symbolizer {
	struct module_files files;
	struct jit_processes jits;
	struct windows_symbols windows;
	struct oc_symbol_servers *servers; /* NULL = nobody is asked */
	char *debug_dir;
	oc_kernel_symbol_fn kernel_symbol; /* NULL = nobody to ask */
	void *kernel_arg;
};

/* A location to be named. `group` is the module, or for JIT code the process. */
struct place {
	uint32_t group;
	oc_location_id location;
	uint64_t offset;
};

/* What would help to name more of a module. */
#define LACKS_SYMBOLS 1u
#define LACKS_PROGRAM 2u
#define HAS_NEWS      4u /* a server had some of it */

/* State of one run. */
struct run {
	struct oc_symbolizer *s;
	struct oc_machine *m;
	struct place *places; /* [nr] by module and offset */
	size_t nr;
	struct place *jit; /* [nr_jit] by process and address */
	size_t nr_jit;
	uint64_t *offsets; /* [nr] scratch: the offsets of one group */
	bool late;         /* the recording is over, and may be of another machine */
	uint8_t *lacks;  /* [modules + 1] LACKS_*: what servers may have; NULL = nobody is asked */
	bool is_of_here; /* of late runs: it was of this host */
	bool kernel_is_asked; /* of late runs: whether the kernel was compared with the one that runs */
	bool kernel_is_here;
	struct buffer kallsyms; /* read once it is needed */
	struct buffer raw;      /* a name as stored */
	struct buffer pretty;   /* and for people */
};

/* Raises the limit of open files as far as it goes. Returns how many files may be kept: half of them. */
static uint32_t raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return FILES_LEAST;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			limit.rlim_cur = before;
	}
	return (uint32_t)MIN(MAX(limit.rlim_cur / 2, (rlim_t)FILES_LEAST), (rlim_t)UINT32_MAX / 2);
}

struct oc_symbolizer *oc_symbolizer_new(const struct oc_symbolizer_opts *opts)
{
	struct oc_symbolizer_opts o = { 0 };
	struct oc_symbolizer *s = calloc(1, sizeof(*s));
	uint32_t max_files = raise_file_limit();

	if (!s)
		return NULL;
	if (opts)
		memcpy(&o, opts, MIN(opts->size, sizeof(o)));
	s->files.max_file_bytes = o.max_file_bytes ? o.max_file_bytes : FILE_BYTES_DEFAULT;
	s->files.max_open = o.max_files ? o.max_files : max_files;
	s->servers = o.servers;
	s->debug_dir = strdup(o.debug_dir ? o.debug_dir : DEBUG_DIR_DEFAULT);
	if (!s->debug_dir || windows_symbols_init(&s->windows, &o)) {
		oc_symbolizer_free(s);
		return NULL;
	}
	return s;
}

void oc_symbolizer_free(struct oc_symbolizer *s)
{
	if (!s)
		return;
	module_files_done(&s->files);
	jit_processes_done(&s->jits);
	windows_symbols_done(&s->windows);
	free(s->debug_dir);
	free(s);
}

void oc_symbolizer_ask_kernel(struct oc_symbolizer *s, oc_kernel_symbol_fn fn, void *arg)
{
	s->kernel_symbol = fn;
	s->kernel_arg = arg;
}

/* ---- vDSO -------------------------------------------------------------------------------------------------- */

/* Opens the vDSO of this process; all processes of the same class have the same. Returns 0 or a negative errno. */
static int open_vdso(struct elf_file *elf)
{
	size_t size;
	const void *image = vdso_image(&size);

	return image ? elf_file_open_memory(elf, image, size) : -ENOENT;
}

/* True when the module is the same vDSO as ours, whose build-id it gets if it has none. */
static bool is_our_vdso(struct oc_machine *m, oc_module_id id, struct elf_file *elf)
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

/* ---- while recording --------------------------------------------------------------------------------------- */

int oc_symbolizer_keep(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id id, uint32_t pid)
{
	const struct oc_module *module = oc_machine_module(m, id);
	struct elf_file elf;

	if (!module)
		return 0;
	switch (module->type) {
	case OC_MODULE_FILE:
		return module_files_keep(&s->files, m, id, pid);
	case OC_MODULE_ANON:
		return jit_processes_note(&s->jits, module->process, pid);
	case OC_MODULE_VDSO:
		if (!module->build_id_size && !open_vdso(&elf)) {
			is_our_vdso(m, id, &elf);
			elf_file_close(&elf);
		}
		return 0;
	default:
		return 0;
	}
}

int oc_symbolizer_open(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id id, uint32_t pid)
{
	const struct oc_module *module = oc_machine_module(m, id);
	struct module_file_ref file;
	int rc, fd;

	if (!module || module->type != OC_MODULE_FILE)
		return -ENOENT;
	rc = module_files_get(&s->files, m, id, pid, &file);
	if (rc <= 0)
		return rc ? rc : -ENOENT;
	if (file.owned)
		return file.fd;
	fd = fcntl(file.fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static bool has_call_frames(const struct elf_file *elf)
{
	const struct elf_section *section = elf_file_section_by_name(elf, ".debug_frame");

	return section && section->type != SHT_NOBITS && section->size;
}

int oc_symbolizer_open_frames(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id id,
			      uint32_t pid)
{
	const struct oc_module *module = oc_machine_module(m, id);
	struct debug_search search = { .debug_dir = s->debug_dir,
				       .max_bytes = s->files.max_file_bytes };
	int fd __cleanup(cleanup_close) = oc_symbolizer_open(s, m, id, pid);
	struct elf_file elf, debug;
	struct stat st;
	int rc, debug_fd = -1;

	if (fd < 0 || fstat(fd, &st))
		return fd < 0 ? fd : -errno;
	search.path = oc_machine_string(m, module->path, NULL);
	search.pid = pid;
	rc = elf_file_open(&elf, fd, (uint64_t)st.st_size);
	if (rc)
		return rc == -ENOMEM ? rc : -ENOENT;
	rc = elf_file_load_sections(&elf);
	if (!rc)
		rc = debug_file_open(&elf, &search, has_call_frames, &debug, &debug_fd);
	if (rc == 1)
		elf_file_close(&debug);
	elf_file_close(&elf);
	return rc == 1 ? debug_fd : rc == -ENOMEM ? rc : -ENOENT;
}

int oc_symbolizer_process_exit(struct oc_symbolizer *s, struct oc_machine *m, oc_process_id process)
{
	return jit_processes_hold(&s->jits, m, process);
}

/* ---- naming ------------------------------------------------------------------------------------------------ */

/*
 * Puts the name for people of run->raw, of a kernel module if kmod_len is not 0, into run->pretty.
 * Cuts run->raw. Returns 0 or -ENOMEM.
 */
static int make_pretty(struct run *run, const char *kmod, size_t kmod_len)
{
	static const char plt[] = "@plt";
	char *name = run->raw.data;
	size_t len = run->raw.len;
	char *at = len > 1 && !kmod_len ? memchr(name + 1, '@', len - 1) : NULL;
	bool is_stub = at && !strcmp(at, plt);

	/* "memcpy@@GLIBC_2.14": which version it is does not concern people. */
	if (at) {
		*at = '\0';
		len = (size_t)(at - name);
	}
	if (!demangle(name, &run->pretty) && !run->pretty.error) {
		buffer_clear(&run->pretty);
		buffer_append(&run->pretty, name, len);
	}
	if (is_stub)
		buffer_puts(&run->pretty, plt);
	if (kmod_len)
		buffer_printf(&run->pretty, " [%.*s]", (int)kmod_len, kmod);
	return run->pretty.error;
}

/*
 * Makes the function called run->raw, of a kernel module if kmod_len is not 0.
 * Returns its id or -ENOMEM.
 */
static int64_t add_function(struct run *run, oc_module_id module, const char *kmod, size_t kmod_len)
{
	struct oc_function function = { .module = module };
	int64_t id;

	id = oc_machine_intern(run->m, run->raw.data, run->raw.len);
	if (id < 0)
		return id;
	function.system_name = (oc_string_id)id;
	if (make_pretty(run, kmod, kmod_len))
		return -ENOMEM;
	id = oc_machine_intern(run->m, run->pretty.data, run->pretty.len);
	if (id < 0)
		return id;
	function.name = (oc_string_id)id;
	return oc_machine_add_function(run->m, &function);
}

static int set_function(struct run *run, oc_location_id location, int64_t function)
{
	struct oc_line line = { .function = (oc_function_id)function };
	int rc;

	if (function < 0)
		return (int)function;
	rc = oc_machine_set_lines(run->m, location, &line, 1);
	return rc == -ENOMEM ? rc : 0;
}

static const uint64_t *offsets_of(struct run *run, const struct place *places, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		run->offsets[i] = places[i].offset;
	return run->offsets;
}

static void note_lack(struct run *run, oc_module_id module, uint8_t lack)
{
	if (run->lacks)
		run->lacks[module] |= lack;
}

/* Names places[nr] of one ELF file. Returns 0, -ENOMEM, or what made the file unusable. */
static int name_elf(struct run *run, struct elf_file *elf, const struct debug_search *search,
		    const struct place *places, size_t nr)
{
	oc_module_id module = places[0].group;
	struct file_symbols fs;
	const struct symbol *last = NULL;
	int64_t function = 0;
	int rc;

	rc = file_symbols_open(&fs, elf, search, offsets_of(run, places, nr), nr);
	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = file_symbols_get(&fs, i);

		if (!symbol)
			continue;
		if (!last || last->name != symbol->name) {
			rc = file_symbols_name(&fs, symbol, &run->raw);
			if (rc || !run->raw.len)
				continue;
			function = add_function(run, module, NULL, 0);
			last = symbol;
		}
		rc = set_function(run, places[i].location, function);
	}
	if (!rc && !fs.is_full)
		note_lack(run, module, LACKS_SYMBOLS);
	file_symbols_close(&fs);
	return rc;
}

static int name_vdso(struct run *run, const struct place *places, size_t nr)
{
	struct debug_search search = { .debug_dir = run->s->debug_dir };
	struct elf_file elf;
	int rc = 0;

	if (open_vdso(&elf))
		return 0;
	if (is_our_vdso(run->m, places[0].group, &elf))
		rc = name_elf(run, &elf, &search, places, nr);
	elf_file_close(&elf);
	return rc == -ENOMEM ? rc : 0;
}

/* Whether servers can be asked for the file of a module: an ELF file that its build-id tells from all others. */
static bool is_served(const struct oc_machine *m, const struct oc_module *module)
{
	return module->type == OC_MODULE_FILE && module->build_id_size >= BUILD_ID_LEAST &&
	       oc_machine_string(m, module->path, NULL)[0] == '/';
}

/* The pid of a process that the location was seen in, 0 = unknown. */
static oc_process_id process_of(const struct oc_machine *m, const struct oc_location *location)
{
	const struct oc_mapping *mapping = oc_machine_mapping(m, location->mapping);

	return mapping ? mapping->process : 0;
}

/* Opens a program that is not here from the folder of what servers gave. Returns 1, 0 = it is not there, or -ENOMEM. */
static int open_downloaded(struct run *run, const struct place *place, struct elf_file *ret_elf,
			   int *ret_fd)
{
	const struct oc_module *module = oc_machine_module(run->m, place->group);
	const struct oc_mapping *mapping =
		oc_machine_mapping(run->m, oc_machine_location(run->m, place->location)->mapping);
	uint32_t page_size = oc_machine_info(run->m)->page_size;
	int rc;

	if (!run->lacks || !is_served(run->m, module))
		return 0;
	rc = debug_file_open_program(symbol_servers_folder(run->s->servers), module->build_id,
				     module->build_id_size, run->s->files.max_file_bytes, ret_elf,
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

static int name_downloaded(struct run *run, const struct place *places, size_t nr,
			   const struct debug_search *search)
{
	struct elf_file elf;
	int fd = -1, rc = open_downloaded(run, places, &elf, &fd);

	if (!rc)
		note_lack(run, places[0].group, LACKS_PROGRAM | LACKS_SYMBOLS);
	if (rc != 1)
		return rc;
	rc = name_elf(run, &elf, search, places, nr);
	elf_file_close(&elf);
	close(fd);
	if (rc && rc != -ENOMEM)
		oc_machine_ledger(run->m)->notes[OC_NOTE_FILES_REFUSED]++;
	return rc == -ENOMEM ? rc : 1;
}

/* Returns 1 when the file was an ELF file, 0 when it was not or is not to be had, or -ENOMEM. */
static int name_file(struct run *run, const struct place *places, size_t nr)
{
	oc_module_id id = places[0].group;
	const struct oc_module *module = oc_machine_module(run->m, id);
	const struct oc_location *location = oc_machine_location(run->m, places[0].location);
	const struct oc_process *process = oc_machine_process(run->m, process_of(run->m, location));
	struct debug_search search = { .debug_dir = run->s->debug_dir,
				       .path = oc_machine_string(run->m, module->path, NULL),
				       .max_bytes = run->s->files.max_file_bytes };
	struct module_file_ref file;
	struct elf_file elf;
	int rc;

	if (run->lacks)
		search.cache_dir = symbol_servers_folder(run->s->servers);
	rc = module_files_get(&run->s->files, run->m, id, process && !run->late ? process->pid : 0,
			      &file);
	if (!rc)
		return name_downloaded(run, places, nr, &search);
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

/* Names places by what the kernel answers. Returns 0, -ENOENT when it knows none of them, or another error. */
static int name_by_asking(struct run *run, const struct place *places, size_t nr)
{
	struct oc_kernel_symbol symbol = { 0 };
	int64_t function = 0;
	bool is_any = !nr;
	int rc = 0;

	for (size_t i = 0; !rc && i < nr; i++) {
		uint64_t address = places[i].offset;

		/* Places are sorted, so those of a function follow each other. */
		if (!symbol.size || address - symbol.start >= symbol.size) {
			symbol.size = 0;
			rc = run->s->kernel_symbol(run->s->kernel_arg, address, &symbol);
			if (rc == -ENOENT) {
				rc = 0;
				continue;
			}
			if (rc)
				break;
			buffer_clear(&run->raw);
			buffer_append(&run->raw, symbol.name, symbol.name_len);
			if (run->raw.error)
				return -ENOMEM;
			function = add_function(run, places[i].group, symbol.module,
						symbol.module_len);
		}
		is_any = true;
		rc = set_function(run, places[i].location, function);
	}
	return rc ? rc : is_any ? 0 : -ENOENT;
}

/* Returns 0, -ENOMEM, or why there is nothing to read. */
static int read_kallsyms(struct run *run)
{
	int rc = run->kallsyms.len ? 0 : kernel_symbols_read(KALLSYMS, &run->kallsyms);

	if (rc)
		buffer_clear(&run->kallsyms);
	return rc;
}

/* Makes the function of a symbol of kallsyms. Returns its id, 0 when it cannot be in that module, or -ENOMEM. */
static int64_t kernel_function(struct run *run, oc_module_id module, const struct symbol *symbol)
{
	const char *name, *kmod;
	size_t kmod_len,
		len = kernel_symbols_name(&run->kallsyms, symbol->name, &name, &kmod, &kmod_len);

	if (run->late &&
	    !running_kernel_has(run->m, oc_machine_module(run->m, module), kmod, kmod_len))
		return 0;
	buffer_clear(&run->raw);
	buffer_append(&run->raw, name, len);
	return run->raw.error ? run->raw.error : add_function(run, module, kmod, kmod_len);
}

static int name_kernel(struct run *run, const struct place *places, size_t nr)
{
	struct symbol_match match __cleanup(symbol_match_done) = { 0 };
	const struct symbol *last = NULL;
	int64_t function = 0;
	int rc;

	if (run->s->kernel_symbol) {
		rc = name_by_asking(run, places, nr);
		if (!rc || rc == -ENOMEM)
			return rc;
	}
	rc = symbol_match_init(&match, offsets_of(run, places, nr), nr, SYMBOL_BEST,
			       kernel_symbols_weight, &run->kallsyms);
	if (rc)
		return rc;
	rc = read_kallsyms(run);
	if (!rc)
		rc = kernel_symbols_match(run->kallsyms.data, run->kallsyms.len, &match);
	if (rc) {
		oc_machine_ledger(run->m)->notes[OC_NOTE_KERNEL_SYMBOLS_HIDDEN] = 1;
		return rc == -ENOMEM ? rc : 0;
	}
	symbol_match_finish(&match);
	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = symbol_match_get(&match, i);

		if (!symbol)
			continue;
		if (!last || last->name != symbol->name)
			function = kernel_function(run, places[i].group, symbol);
		last = symbol;
		if (function)
			rc = set_function(run, places[i].location, function);
	}
	return rc;
}

/* Names places[nr] of one process by its perf map; group is the process, offset the address in it. */
static int name_jit(struct run *run, const struct place *places, size_t nr)
{
	oc_process_id process = places[0].group;
	struct symbol_match match __cleanup(symbol_match_done) = { 0 };
	const struct oc_process *facts = oc_machine_process(run->m, process);
	const struct buffer *text = NULL;
	const char *name;
	uint64_t skipped = 0;
	size_t len;
	int rc = 0;

	/* One that was not noted while it lived: its pid is only known to be still its own if it has not ended. */
	if (facts && facts->end_ns == UINT64_MAX)
		rc = jit_processes_note(&run->s->jits, process, facts->pid);
	if (!rc)
		rc = jit_processes_map(&run->s->jits, run->m, process, &text);
	if (rc || !text)
		return rc;
	rc = symbol_match_init(&match, offsets_of(run, places, nr), nr, SYMBOL_LATEST, NULL, NULL);
	if (rc)
		return rc;
	rc = perf_map_match(text->data, text->len, &match, &skipped);
	oc_machine_ledger(run->m)->notes[OC_NOTE_PERF_MAP_LINES] += skipped;
	if (rc == -E2BIG)
		oc_machine_ledger(run->m)->notes[OC_NOTE_PERF_MAPS_REFUSED]++;
	for (size_t i = 0; !rc && i < nr; i++) {
		const struct symbol *symbol = symbol_match_get(&match, i);

		if (!symbol)
			continue;
		len = perf_map_name(text, symbol->name, &name);
		buffer_clear(&run->raw);
		buffer_append(&run->raw, name, len);
		if (run->raw.error)
			return -ENOMEM;
		rc = set_function(
			run, places[i].location,
			add_function(run, oc_machine_location(run->m, places[i].location)->module,
				     NULL, 0));
	}
	jit_processes_drop(&run->s->jits, process);
	return rc == -E2BIG ? 0 : rc;
}

/* ---- the pass ---------------------------------------------------------------------------------------------- */

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Whether the kernel of the recording is the one that runs, asked once. */
static bool kernel_is_here(struct run *run)
{
	if (!run->kernel_is_asked && oc_machine_info(run->m)->kernel_text && !read_kallsyms(run))
		run->kernel_is_here = running_kernel_is(run->m, &run->kallsyms, KERNEL_NOTES);
	run->kernel_is_asked = true;
	return run->kernel_is_here;
}

/*
 * Whether code in a module can be named when the recording is over: a file or a vDSO that can be told from all others
 * by its build-id, or by its number on its own host, and the kernel if it still runs.
 */
static bool is_known_late(struct run *run, const struct oc_module *module)
{
	switch (module->type) {
	case OC_MODULE_FILE:
		return module->build_id_size ||
		       (run->is_of_here && module->device && module->inode);
	case OC_MODULE_VDSO:
		return module->build_id_size;
	case OC_MODULE_KERNEL:
		return kernel_is_here(run);
	default:
		return false;
	}
}

static int collect_places(struct run *run)
{
	uint32_t nr = oc_machine_nr_locations(run->m);

	run->places = malloc(((size_t)nr + 1) * sizeof(*run->places));
	run->jit = malloc(((size_t)nr + 1) * sizeof(*run->jit));
	run->offsets = malloc(((size_t)nr + 1) * sizeof(*run->offsets));
	if (run->s->servers)
		run->lacks = calloc((size_t)oc_machine_nr_modules(run->m) + 1, 1);
	if (!run->places || !run->jit || !run->offsets || (run->s->servers && !run->lacks))
		return -ENOMEM;
	for (oc_location_id id = 1; id <= nr; id++) {
		const struct oc_location *location = oc_machine_location(run->m, id);

		if (location->nr_lines ||
		    (run->late && !is_known_late(run, oc_machine_module(run->m, location->module))))
			continue;
		run->places[run->nr++] = (struct place){ .group = location->module,
							 .location = id,
							 .offset = location->offset };
	}
	qsort(run->places, run->nr, sizeof(*run->places), compare_places);
	return 0;
}

/* Puts places[nr] aside for perf maps, by the process they were seen in. */
static void defer_to_perf_maps(struct run *run, const struct place *places, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct oc_location *location =
			oc_machine_location(run->m, places[i].location);
		oc_process_id process = process_of(run->m, location);

		if (process)
			run->jit[run->nr_jit++] = (struct place){ .group = process,
								  .location = places[i].location,
								  .offset = location->address };
	}
}

static int name_module(struct run *run, const struct place *places, size_t nr)
{
	const struct oc_module *module = oc_machine_module(run->m, places[0].group);
	int rc = 0;

	switch (module->type) {
	case OC_MODULE_FILE:
		rc = name_file(run, places, nr);
		/* Memory shared under a name (memfd) can be JIT code that is mapped twice, to write and to run. */
		if (!rc && !run->late)
			defer_to_perf_maps(run, places, nr);
		return rc < 0 ? rc : 0;
	case OC_MODULE_KERNEL:
		return name_kernel(run, places, nr);
	case OC_MODULE_VDSO:
		return name_vdso(run, places, nr);
	case OC_MODULE_ANON:
		defer_to_perf_maps(run, places, nr);
		return 0;
	default:
		return 0;
	}
}

/* Calls name for each stretch of places of the same group. */
static int each_group(struct run *run, const struct place *places, size_t nr,
		      int (*name)(struct run *run, const struct place *places, size_t nr))
{
	for (size_t start = 0, end; start < nr; start = end) {
		int rc;

		for (end = start + 1; end < nr && places[end].group == places[start].group; end++)
			;
		rc = name(run, places + start, end - start);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- what servers have ------------------------------------------------------------------------------------- */

/* Leaves only places that have no name, of modules that `lack` is noted of. */
static void keep_unnamed(struct run *run, uint8_t lack)
{
	size_t nr = 0;

	for (size_t i = 0; i < run->nr; i++) {
		const struct place *place = &run->places[i];

		if (run->lacks[place->group] & lack &&
		    is_served(run->m, oc_machine_module(run->m, place->group)) &&
		    !oc_machine_location(run->m, place->location)->nr_lines)
			run->places[nr++] = *place;
	}
	run->nr = nr;
}

/* Whether a module still lacks its program, now that its debug file may have come. */
static int lacks_program(struct run *run, const struct place *place)
{
	struct elf_file elf;
	int fd, rc;

	if (!(run->lacks[place->group] & LACKS_PROGRAM))
		return 0;
	rc = open_downloaded(run, place, &elf, &fd);
	if (rc != 1)
		return rc ? rc : 1;
	elf_file_close(&elf);
	close(fd);
	return 0;
}

/* Asks for the debug files, or for the programs, that the modules of the places lack. Returns 0 or -ENOMEM. */
static int fetch(struct run *run, enum symbol_want_kind kind)
{
	struct symbol_want *wants __cleanup(cleanup_free) = calloc(run->nr, sizeof(*wants));
	oc_module_id *modules __cleanup(cleanup_free) = calloc(run->nr, sizeof(*modules));
	size_t nr = 0;
	int rc;

	if (!wants || !modules)
		return -ENOMEM;
	for (size_t i = 0; i < run->nr; i++) {
		const struct place *place = &run->places[i];
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
		run->lacks[modules[i]] |= wants[i].is_there ? HAS_NEWS : 0;
	return rc;
}

static int name_file_again(struct run *run, const struct place *places, size_t nr)
{
	int rc = name_file(run, places, nr);

	return rc < 0 ? rc : 0;
}

/* Downloads what may name the places that have no name yet, and names them. Returns 0 or -ENOMEM. */
static int name_by_servers(struct run *run)
{
	int rc;

	keep_unnamed(run, LACKS_SYMBOLS);
	if (!run->nr)
		return 0;
	rc = fetch(run, SYMBOL_WANT_DEBUG_INFO);
	rc = rc ? rc : fetch(run, SYMBOL_WANT_EXECUTABLE);
	if (rc)
		return rc;
	keep_unnamed(run, HAS_NEWS);
	return each_group(run, run->places, run->nr, name_file_again);
}

static int name_all(struct oc_symbolizer *s, struct oc_machine *m, bool late)
{
	struct run run = { .s = s, .m = m, .late = late };
	int rc;

	run.is_of_here = late && running_kernel_is_of_host(m);
	rc = collect_places(&run);
	if (!rc)
		rc = each_group(&run, run.places, run.nr, name_module);
	if (!rc && run.lacks)
		rc = name_by_servers(&run);
	if (!rc) {
		qsort(run.jit, run.nr_jit, sizeof(*run.jit), compare_places);
		rc = each_group(&run, run.jit, run.nr_jit, name_jit);
	}
	free(run.places);
	free(run.jit);
	free(run.offsets);
	free(run.lacks);
	buffer_done(&run.kallsyms);
	buffer_done(&run.raw);
	buffer_done(&run.pretty);
	return rc;
}

int oc_symbolizer_run(struct oc_symbolizer *s, struct oc_machine *m)
{
	return name_all(s, m, false);
}

int oc_symbolizer_run_late(struct oc_symbolizer *s, struct oc_machine *m)
{
	int rc = windows_symbols_name(&s->windows, m);

	return rc ? rc : name_all(s, m, true);
}
