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
#include "base/text.h"
#include "symbolize/target_file.h"

/* What is looked for, and by what it is known. */
struct hunt {
	uint64_t max_bytes;
	uint32_t pid; /* also looked for below the root of this process; 0 = only below ours */
	bool (*is_wanted)(const struct elf_file *elf);
	uint8_t id[ELF_BUILD_ID_MAX];
	int id_size;
	struct buffer *other; /* gets the first file that is of another build; NULL = not wanted */
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
		bool is_same;

		rc = elf_file_build_id(&elf, id);
		is_same = rc == hunt->id_size && !memcmp(id, hunt->id, (size_t)rc);
		if (is_same && !elf_file_load_sections(&elf) && hunt->is_wanted(&elf)) {
			*hunt->elf = elf;
			*hunt->fd = file.fd;
			return 1;
		}
		if (!is_same && hunt->other && !hunt->other->len)
			buffer_puts(hunt->other, path);
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

/* Tries DIR/NAME and suffix, where the name is not one of another folder. */
static int try_name(const struct hunt *hunt, const char *dir, const char *name, const char *suffix,
		    struct buffer *path)
{
	if (!*name || strchr(name, '/'))
		return 0;
	buffer_clear(path);
	buffer_printf(path, "%s/%s%s", dir, name, suffix);
	return path->error ? path->error : try_file(hunt, 0, path->data);
}

/* Tries DIR/.build-id/xx/yyyy and suffix. */
static int try_id(const struct hunt *hunt, const char *dir, const char *suffix, struct buffer *path)
{
	put_path(hunt, dir, suffix, path);
	return path->error ? path->error : try_file(hunt, 0, path->data);
}

/* Ends a search with the result rc. other: a file with the right name only. Returns rc, or -ENOMEM. */
static int end_search(const struct debug_search *search, const struct buffer *other, int rc)
{
	if (rc || !other->len)
		return rc ? rc : other->error;
	if (search->tell)
		search->tell(search->tell_arg, other->data, SYMBOL_FILE_ANOTHER_BUILD);
	return 0;
}

/* link: what the debuglink says, "" = there is none. */
static int try_folders(const struct hunt *hunt, const struct debug_search *search, const char *link,
		       struct buffer *path)
{
	const char *name = search->path ? text_base_name(search->path) : "";
	int rc = 0;

	for (size_t i = 0; !rc && i < search->nr_folders; i++) {
		const char *dir = search->folders[i];

		rc = try_id(hunt, dir, ".debug", path);
		rc = rc ? rc : try_name(hunt, dir, link, "", path);
		rc = rc ? rc : try_name(hunt, dir, name, ".debug", path);
		rc = rc ? rc : try_name(hunt, dir, name, "", path);
	}
	return rc;
}

/* Where GDB looks for a file by its name: beside the program, in a folder there, in the folder of debug files. */
static int try_debuglink(const struct hunt *hunt, const struct debug_search *search,
			 const char *link, struct buffer *path)
{
	const char *slash = strrchr(search->path, '/');
	int rc = 0, dir;

	if (!slash || !*link)
		return 0;
	dir = (int)MIN(slash - search->path, 4096);
	for (int i = 0; !rc && i < 3; i++) {
		buffer_clear(path);
		buffer_printf(path, "%s%.*s/%s%s", i == 2 ? search->debug_dir : "", dir,
			      search->path, i == 1 ? ".debug/" : "", link);
		rc = path->error ? path->error : try_path(hunt, path->data);
	}
	return rc;
}

int debug_file_open(struct elf_file *main, const struct debug_search *search,
		    bool (*is_wanted)(const struct elf_file *elf), struct elf_file *ret_elf,
		    int *ret_fd)
{
	struct buffer path __cleanup(buffer_done) = BUFFER_INIT;
	struct buffer link __cleanup(buffer_done) = BUFFER_INIT;
	struct buffer other __cleanup(buffer_done) = BUFFER_INIT;
	struct hunt hunt = { .max_bytes = search->max_bytes,
			     .pid = search->pid,
			     .is_wanted = is_wanted,
			     .other = &other,
			     .elf = ret_elf,
			     .fd = ret_fd };
	const char *name;
	int rc;

	hunt.id_size = elf_file_build_id(main, hunt.id);
	if (hunt.id_size <= 1)
		return hunt.id_size == -ENOMEM ? hunt.id_size : 0;
	rc = elf_file_debuglink(main, &link);
	if (rc == -ENOMEM)
		return rc;
	name = rc == 1 ? link.data : "";
	rc = try_folders(&hunt, search, name, &path);
	hunt.other = NULL; /* elsewhere nobody put the file for us */
	if (!rc) {
		put_path(&hunt, search->debug_dir, ".debug", &path);
		rc = path.error ? path.error : try_path(&hunt, path.data);
	}
	rc = rc ? rc : try_debuglink(&hunt, search, name, &path);
	if (!rc && search->cache_dir)
		rc = try_id(&hunt, search->cache_dir, ".debug", &path);
	return end_search(search, &other, rc);
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

int debug_file_open_program(const struct debug_search *search, const uint8_t *id, uint8_t id_size,
			    struct elf_file *ret_elf, int *ret_fd)
{
	static const char *const suffixes[] = { "", ".debug" };
	struct buffer path __cleanup(buffer_done) = BUFFER_INIT;
	struct buffer other __cleanup(buffer_done) = BUFFER_INIT;
	const char *name = search->path ? text_base_name(search->path) : "";
	struct hunt hunt = { .max_bytes = search->max_bytes,
			     .is_wanted = has_code,
			     .id_size = MIN(id_size, ELF_BUILD_ID_MAX),
			     .other = &other,
			     .elf = ret_elf,
			     .fd = ret_fd };
	int rc = 0;

	memcpy(hunt.id, id, (size_t)hunt.id_size);
	/* Programs first, from all folders: a debug file may not tell where the code is. */
	for (size_t k = 0; !rc && k < ARRAY_SIZE(suffixes); k++) {
		hunt.other = &other;
		for (size_t i = 0; !rc && i < search->nr_folders; i++) {
			rc = try_id(&hunt, search->folders[i], suffixes[k], &path);
			rc = rc ? rc
				: try_name(&hunt, search->folders[i], name, suffixes[k], &path);
		}
		hunt.other = NULL;
		if (!rc && search->cache_dir)
			rc = try_id(&hunt, search->cache_dir, suffixes[k], &path);
	}
	return end_search(search, &other, rc);
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
