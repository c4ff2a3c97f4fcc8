/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The symbolizer: keeps what names will need while a recording runs. The pass that looks them up is naming.c.
 * Called by the recording and by the sink.
 * Must not know the operating system's events or any output format.
 */
#include "symbolize/symbolizer_private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

#define FILE_BYTES_DEFAULT (4ULL * 1024 * 1024 * 1024)
#define DEBUG_DIR_DEFAULT  "/usr/lib/debug"
#define FILES_LEAST        16u

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

/* The folders of the symbol path for ELF files too, as absolute paths: files are opened below our root. */
static int list_folders(struct oc_symbolizer *s)
{
	s->folders = calloc(s->windows.nr_named + 1, sizeof(*s->folders));
	if (!s->folders)
		return -ENOMEM;
	for (size_t i = 0; i < s->windows.nr_named; i++) {
		char *path = realpath(s->windows.path.folders[i].path, NULL);

		/* One that is not there was told of. */
		if (path)
			s->folders[s->nr_folders++] = path;
		else if (errno == ENOMEM)
			return -ENOMEM;
	}
	return 0;
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
	if (!s->debug_dir || windows_symbols_init(&s->windows, &o) || list_folders(s)) {
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
	for (size_t i = 0; i < s->nr_folders; i++)
		free(s->folders[i]);
	free(s->folders);
	free(s);
}

void oc_symbolizer_ask_kernel(struct oc_symbolizer *s, oc_kernel_symbol_fn fn, void *arg)
{
	s->kernel_symbol = fn;
	s->kernel_arg = arg;
}

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
		if (!module->build_id_size && !naming_open_vdso(&elf)) {
			naming_is_our_vdso(m, id, &elf);
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

struct debug_search symbolizer_search(const struct oc_symbolizer *s, const char *path)
{
	return (struct debug_search){ .folders = (const char *const *)s->folders,
				      .nr_folders = s->nr_folders,
				      .debug_dir = s->debug_dir,
				      .path = path,
				      .max_bytes = s->files.max_file_bytes };
}

int oc_symbolizer_open_frames(struct oc_symbolizer *s, struct oc_machine *m, oc_module_id id,
			      uint32_t pid)
{
	const struct oc_module *module = oc_machine_module(m, id);
	struct debug_search search =
		symbolizer_search(s, module ? oc_machine_string(m, module->path, NULL) : NULL);
	int fd __cleanup(cleanup_close) = oc_symbolizer_open(s, m, id, pid);
	struct elf_file elf, debug;
	struct stat st;
	int rc, debug_fd = -1;

	if (fd < 0 || fstat(fd, &st))
		return fd < 0 ? fd : -errno;
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
