/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps the files of modules open.
 * Called by the symbolizer.
 * Must not know symbols.
 */
#include "symbolize/module_files.h"

#include <errno.h>
#include <linux/limits.h>
#include <unistd.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/elf_file.h"

/* Processes that are asked for one file before it is given up; each costs some 10 us. */
#define ATTEMPTS_MAX 8

enum file_state {
	FILE_UNTRIED,
	FILE_KEPT,
	FILE_NAMELESS, /* nothing that has a file, such as "anon_inode:[bpf]"; not counted */
	FILE_NOT_KEPT, /* there, or not to be had */
	FILE_REFUSED,  /* there, but not the one mapped, too large, not regular or damaged */
};

struct module_file {
	int fd; /* for FILE_KEPT */
	enum file_state state;
	uint32_t pid; /* that mapped it last */
	uint32_t attempts;
	uint64_t size;
};

void module_files_done(struct module_files *files)
{
	for (size_t i = 0; i < files->nr; i++) {
		if (files->files[i].state == FILE_KEPT)
			close(files->files[i].fd);
	}
	free(files->files);
	files->files = NULL;
	files->nr = files->cap = files->nr_open = 0;
}

static struct module_file *file_of(struct module_files *files, oc_module_id module)
{
	if (array_reserve(&files->files, &files->cap, (size_t)module + 1, sizeof(*files->files)))
		return NULL;
	while (files->nr <= module)
		files->files[files->nr++] = (struct module_file){ .state = FILE_UNTRIED };
	return &files->files[module];
}

/* A later attempt may succeed, so what an earlier one counted is taken back. */
static void set_state(struct module_file *file, struct oc_machine *m, enum file_state state)
{
	uint64_t *notes = oc_machine_ledger(m)->notes;

	notes[OC_NOTE_FILES_NOT_KEPT] +=
		(state == FILE_NOT_KEPT) - (uint64_t)(file->state == FILE_NOT_KEPT);
	notes[OC_NOTE_FILES_REFUSED] +=
		(state == FILE_REFUSED) - (uint64_t)(file->state == FILE_REFUSED);
	file->state = state;
}

static bool has_identity(const struct oc_module *module)
{
	return module->build_id_size || module->inode;
}

/*
 * Is it the file of the module? Returns 0, with *ret_id and *ret_id_size for a build-id the module does not have yet;
 * -ESTALE = another one; or -ENOMEM.
 */
static int identify(const struct target_file *file, const struct oc_module *module, uint8_t *ret_id,
		    uint8_t *ret_id_size)
{
	struct elf_file elf;
	int size = 0;
	int rc;

	rc = elf_file_open(&elf, file->fd, (uint64_t)file->st.st_size);
	if (!rc) {
		size = elf_file_build_id(&elf, ret_id);
		elf_file_close(&elf);
	}
	if (rc == -ENOMEM || size == -ENOMEM)
		return -ENOMEM;
	size = MAX(size, 0);
	if (module->build_id_size)
		return size == module->build_id_size &&
				       !memcmp(ret_id, module->build_id, module->build_id_size)
			       ? 0
			       : -ESTALE;
	*ret_id_size = (uint8_t)size;
	if (module->inode)
		return target_same_file(file, module->device, module->inode) ? 0 : -ESTALE;
	/* Nothing to compare: what the process itself has under that name is the best there is. */
	return file->where == TARGET_IN_PROCESS && !module->deleted ? 0 : -ESTALE;
}

/* Opens the file of a module and proves it. Returns 0, -ESTALE, -ENOMEM or an error of target_open(). */
static int open_proven(const struct module_files *files, struct oc_machine *m, oc_module_id id,
		       uint32_t pid, struct target_file *ret_file)
{
	const struct oc_module *module = oc_machine_module(m, id);
	const char *path = oc_machine_string(m, module->path, NULL);
	uint8_t build_id[ELF_BUILD_ID_MAX], build_id_size = 0;
	int rc, by_path;

	by_path = target_open(pid, path, files->max_file_bytes, ret_file);
	if (!by_path) {
		rc = identify(ret_file, module, build_id, &build_id_size);
		if (!rc)
			goto out;
		close(ret_file->fd);
		by_path = rc;
	}
	/* A program that was deleted or replaced, or runs from memory, is still to be had from its process. */
	if (by_path == -ENOMEM || !has_identity(module) ||
	    target_open_executable(pid, files->max_file_bytes, ret_file))
		return by_path;
	rc = identify(ret_file, module, build_id, &build_id_size);
	if (rc) {
		close(ret_file->fd);
		return rc == -ENOMEM ? rc : by_path;
	}
out:
	if (build_id_size && !module->build_id_size)
		oc_machine_set_build_id(m, id, build_id, build_id_size);
	return 0;
}

static enum file_state state_of_error(int rc, const char *path)
{
	if (rc == -ESTALE || rc == -EFBIG)
		return FILE_REFUSED;
	if (path[0] != '/' || !strncmp(path, "/memfd:", 7) || !strncmp(path, "/dev/zero", 9) ||
	    !strncmp(path, "/SYSV", 5))
		return FILE_NAMELESS;
	return rc == -EINVAL ? FILE_REFUSED : FILE_NOT_KEPT;
}

int module_files_keep(struct module_files *files, struct oc_machine *m, oc_module_id id,
		      uint32_t pid)
{
	struct module_file *file = file_of(files, id);
	struct target_file target;
	int rc;

	if (!file)
		return -ENOMEM;
	if (file->state == FILE_KEPT || file->attempts >= ATTEMPTS_MAX)
		return 0;
	file->pid = pid;
	file->attempts++;
	rc = open_proven(files, m, id, pid, &target);
	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		set_state(file, m,
			  state_of_error(rc, oc_machine_string(m, oc_machine_module(m, id)->path,
							       NULL)));
		return 0;
	}
	if (files->nr_open >= files->max_open) {
		close(target.fd);
		set_state(file, m, FILE_NOT_KEPT);
		return 0;
	}
	file->fd = target.fd;
	file->size = (uint64_t)target.st.st_size;
	files->nr_open++;
	set_state(file, m, FILE_KEPT);
	return 0;
}

int module_files_get(struct module_files *files, struct oc_machine *m, oc_module_id id,
		     uint32_t pid, struct module_file_ref *ret_ref)
{
	struct module_file *file = file_of(files, id);
	struct target_file target;
	int rc;

	if (!file)
		return -ENOMEM;
	if (file->pid)
		pid = file->pid;
	if (file->state == FILE_KEPT) {
		*ret_ref =
			(struct module_file_ref){ .fd = file->fd, .size = file->size, .pid = pid };
		return 1;
	}
	rc = open_proven(files, m, id, pid, &target);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	*ret_ref = (struct module_file_ref){
		.fd = target.fd, .owned = true, .size = (uint64_t)target.st.st_size, .pid = pid
	};
	return 1;
}

void module_files_refuse(struct module_files *files, struct oc_machine *m, oc_module_id id)
{
	if (id < files->nr && files->files[id].state == FILE_KEPT) {
		close(files->files[id].fd);
		files->nr_open--;
		set_state(&files->files[id], m, FILE_REFUSED);
	} else {
		oc_machine_ledger(m)->notes[OC_NOTE_FILES_REFUSED]++;
	}
}
