/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks for a separate debug file and proves that it is the right one.
 * Called by src/symbolize/symbolizer.c and file_symbols.c.
 * Must not know what is read from it.
 */
#include "symbolize/debug_file.h"

#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "symbolize/target_file.h"

/* What is looked for, and by what it is known. */
struct hunt {
	const struct debug_search *search;
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
		rc = target_open(pid, path, hunt->search->max_bytes, &file);
	else
		rc = target_open_own(path, hunt->search->max_bytes, &file);
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

	return rc || !hunt->search->pid ? rc : try_file(hunt, hunt->search->pid, path);
}

int debug_file_open(struct elf_file *main, const struct debug_search *search,
		    bool (*is_wanted)(const struct elf_file *elf), struct elf_file *ret_elf,
		    int *ret_fd)
{
	struct hunt hunt = {
		.search = search, .is_wanted = is_wanted, .elf = ret_elf, .fd = ret_fd
	};
	struct buffer path __cleanup(buffer_done) = BUFFER_INIT;
	struct buffer link __cleanup(buffer_done) = BUFFER_INIT;
	const char *slash;
	int rc, dir;

	hunt.id_size = elf_file_build_id(main, hunt.id);
	if (hunt.id_size <= 1)
		return hunt.id_size == -ENOMEM ? hunt.id_size : 0;
	buffer_printf(&path, "%s/.build-id/%02x/", search->debug_dir, hunt.id[0]);
	for (int i = 1; i < hunt.id_size; i++)
		buffer_printf(&path, "%02x", hunt.id[i]);
	buffer_puts(&path, ".debug");
	if (path.error)
		return path.error;
	rc = try_path(&hunt, path.data);
	slash = strrchr(search->path, '/');
	if (rc || !slash || elf_file_debuglink(main, &link) != 1)
		return rc;
	dir = (int)MIN(slash - search->path, 4096);
	for (int i = 0; !rc && i < 3; i++) {
		buffer_clear(&path);
		buffer_printf(&path, "%s%.*s/%s%s", i == 2 ? search->debug_dir : "", dir,
			      search->path, i == 1 ? ".debug/" : "", link.data);
		rc = path.error ? path.error : try_path(&hunt, path.data);
	}
	return rc;
}
