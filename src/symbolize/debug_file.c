/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for a separate debug file and proves that it is the right one.
 * Called by the symbolizer and by file_symbols.c.
 * Must not know what is read from it.
 */
#include "symbolize/debug_file.h"

#include <elf.h>
#include <errno.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/macros.h"
#include "symbolize/target_file.h"

/* What is looked for, and by what it is known. */
struct hunt {
	uint64_t max_bytes;
	uint32_t pid; /* also looked for below the root of this process; 0 = only below ours */
	bool (*is_wanted)(const struct elf_file *elf);
	uint8_t id[ELF_BUILD_ID_MAX];
	int id_size;
	struct elf_file *elf; /* results */
	int *fd;
};

/* Opens `path` as debug file if it has the build-id. pid 0: below our own root. Returns as debug_file_open(). */
static int try_file(const struct hunt *hunt, uint32_t pid, const char *path)
{
	uint8_t id[ELF_BUILD_ID_MAX];
	struct target_file file;
	struct elf_file elf;
	int rc;

	if (pid)
		rc = target_open(pid, path, hunt->max_bytes, &file);
	else
		rc = target_open_own(path, hunt->max_bytes, &file);
	if (rc)
		return 0;
	rc = elf_file_open(&elf, file.fd, (uint64_t)file.st.st_size);
	if (!rc) {
		rc = elf_file_build_id(&elf, id);
		if (rc == hunt->id_size && !memcmp(id, hunt->id, (size_t)rc) &&
		    !elf_file_load_sections(&elf) && hunt->is_wanted(&elf)) {
			*hunt->elf = elf;
			*hunt->fd = file.fd;
			return 1;
		}
		elf_file_close(&elf);
	}
	close(file.fd);
	return rc == -ENOMEM ? rc : 0;
}

/* Tries a path in our own root and in the process's. */
static int try_path(const struct hunt *hunt, const char *path)
{
	int rc = try_file(hunt, 0, path);

	return rc || !hunt->pid ? rc : try_file(hunt, hunt->pid, path);
}

void debug_file_put_id_path(struct buffer *out, const uint8_t *id, int id_size, const char *suffix)
{
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	hex_text(id, (size_t)id_size, hex);
	buffer_printf(out, ".build-id/%.2s/%s%s", hex, hex + 2, suffix);
}

static void put_path(const struct hunt *hunt, const char *dir, const char *suffix,
		     struct buffer *out)
{
	buffer_clear(out);
	buffer_printf(out, "%s/", dir);
	debug_file_put_id_path(out, hunt->id, hunt->id_size, suffix);
}

/* Where GDB looks for a file by its name: beside the program, in a folder there, in the folder of debug files. */
static int try_debuglink(const struct hunt *hunt, struct elf_file *main,
			 const struct debug_search *search, struct buffer *path)
{
	struct buffer link __cleanup(buffer_done) = BUFFER_INIT;
	const char *slash = strrchr(search->path, '/');
	int rc = 0, dir;

	if (!slash || elf_file_debuglink(main, &link) != 1)
		return 0;
	dir = (int)MIN(slash - search->path, 4096);
	for (int i = 0; !rc && i < 3; i++) {
		buffer_clear(path);
		buffer_printf(path, "%s%.*s/%s%s", i == 2 ? search->debug_dir : "", dir,
			      search->path, i == 1 ? ".debug/" : "", link.data);
		rc = path->error ? path->error : try_path(hunt, path->data);
	}
	return rc;
}

int debug_file_open(struct elf_file *main, const struct debug_search *search,
		    bool (*is_wanted)(const struct elf_file *elf), struct elf_file *ret_elf,
		    int *ret_fd)
{
	struct hunt hunt = { .max_bytes = search->max_bytes,
			     .pid = search->pid,
			     .is_wanted = is_wanted,
			     .elf = ret_elf,
			     .fd = ret_fd };
	struct buffer path __cleanup(buffer_done) = BUFFER_INIT;
	int rc = 0;

	hunt.id_size = elf_file_build_id(main, hunt.id);
	if (hunt.id_size <= 1)
		return hunt.id_size == -ENOMEM ? hunt.id_size : 0;
	put_path(&hunt, search->debug_dir, ".debug", &path);
	if (!path.error)
		rc = try_path(&hunt, path.data);
	if (!rc && !path.error)
		rc = try_debuglink(&hunt, main, search, &path);
	if (!rc && !path.error && search->cache_dir) {
		put_path(&hunt, search->cache_dir, ".debug", &path);
		rc = path.error ? 0 : try_file(&hunt, 0, path.data);
	}
	return path.error ? path.error : rc;
}

static bool is_code(const struct elf_segment *segment)
{
	return segment->type == PT_LOAD && segment->flags & PF_X;
}

static bool has_code(const struct elf_file *elf)
{
	for (uint32_t i = 0; i < elf->nr_segments; i++) {
		if (is_code(&elf->segments[i]))
			return true;
	}
	return false;
}

int debug_file_open_program(const char *dir, const uint8_t *id, uint8_t id_size, uint64_t max_bytes,
			    struct elf_file *ret_elf, int *ret_fd)
{
	struct hunt hunt = { .max_bytes = max_bytes,
			     .is_wanted = has_code,
			     .id_size = MIN(id_size, ELF_BUILD_ID_MAX),
			     .elf = ret_elf,
			     .fd = ret_fd };
	struct buffer path __cleanup(buffer_done) = BUFFER_INIT;
	int rc = 0;

	memcpy(hunt.id, id, (size_t)hunt.id_size);
	for (int i = 0; !rc && i < 2; i++) {
		put_path(&hunt, dir, i ? ".debug" : "", &path);
		rc = path.error ? path.error : try_file(&hunt, 0, path.data);
	}
	return rc;
}

bool debug_file_place_code(struct elf_file *elf, uint64_t start, uint64_t end, uint64_t file_offset,
			   uint64_t page_size)
{
	struct elf_segment *code = NULL;
	uint64_t first, behind;

	for (uint32_t i = 0; i < elf->nr_segments; i++) {
		struct elf_segment *segment = &elf->segments[i];

		if (!is_code(segment))
			continue;
		if (segment->file_size)
			return true;
		if (code)
			return false;
		code = segment;
	}
	if (!code || __builtin_add_overflow(code->address, code->memory_size, &behind) ||
	    __builtin_add_overflow(behind, page_size - 1, &behind))
		return false;
	/* The kernel maps whole pages. */
	first = code->address & ~(page_size - 1);
	behind &= ~(page_size - 1);
	if (end - start != behind - first)
		return false;
	code->offset = file_offset;
	code->address = first;
	code->file_size = behind - first;
	return true;
}
