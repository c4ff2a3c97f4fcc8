/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares the kernel of a recording with the one that runs.
 * Called by the symbolizer.
 * Must not know locations.
 */
#include "symbolize/running_kernel.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/elf_file.h"
#include "base/macros.h"
#include "base/text.h"
#include "symbolize/kernel_symbols.h"

#define NOTES_MAX ((size_t)64 * 1024)

/* As the sink of recordings and the readers call it. */
#define KERNEL_PATH "[kernel]"

static const struct oc_module *kernel_of(const struct oc_machine *m)
{
	for (oc_module_id id = 1; id <= oc_machine_nr_modules(m); id++) {
		const struct oc_module *module = oc_machine_module(m, id);

		if (module->type == OC_MODULE_KERNEL &&
		    !strcmp(oc_machine_string(m, module->path, NULL), KERNEL_PATH))
			return module;
	}
	return NULL;
}

static bool has_build_id(const struct oc_module *kernel, const char *notes_path)
{
	struct buffer notes __cleanup(buffer_done) = BUFFER_INIT;
	int fd __cleanup(cleanup_close) = open(notes_path, O_RDONLY | O_CLOEXEC);
	uint8_t id[ELF_BUILD_ID_MAX];
	int size;

	if (fd < 0 || buffer_read_fd(&notes, fd, NOTES_MAX))
		return false;
	size = elf_notes_build_id((const uint8_t *)notes.data, notes.len, id);
	return size == kernel->build_id_size && !memcmp(id, kernel->build_id, (size_t)size);
}

bool running_kernel_is_of_host(const struct oc_machine *m)
{
	const struct oc_recording_info *info = oc_machine_info(m);
	struct utsname here;
	/* "Linux RELEASE ARCH", as recordings say it. */
	char os[sizeof(here.sysname) + sizeof(here.release) + sizeof(here.machine)];

	if (uname(&here))
		return false;
	snprintf(os, sizeof(os), "%s %s %s", here.sysname, here.release, here.machine);
	return !strcmp(oc_machine_string(m, info->hostname, NULL), here.nodename) &&
	       !strcmp(oc_machine_string(m, info->os, NULL), os);
}

bool running_kernel_is(const struct oc_machine *m, const struct buffer *kallsyms,
		       const char *notes_path)
{
	uint64_t text = oc_machine_info(m)->kernel_text;
	const struct oc_module *kernel = kernel_of(m);

	if (!text || !kernel || !kallsyms->len ||
	    kernel_symbols_address(kallsyms->data, kallsyms->len, "_text") != text)
		return false;
	return kernel->build_id_size ? has_build_id(kernel, notes_path)
				     : running_kernel_is_of_host(m);
}

/* Names of modules have underscores where their files may have dashes. */
static bool is_same_name(const char *file, const char *kmod, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((file[i] == '-' ? '_' : file[i]) != kmod[i])
			return false;
	}
	return true;
}

bool running_kernel_has(const struct oc_machine *m, const struct oc_module *module,
			const char *kmod, size_t kmod_len)
{
	const char *path = oc_machine_string(m, module->path, NULL);
	const char *file = text_base_name(path);

	if (!kmod_len || !strcmp(path, KERNEL_PATH))
		return !kmod_len && !strcmp(path, KERNEL_PATH);
	if (path[0] == '[')
		return strlen(path) == kmod_len + 2 && is_same_name(path + 1, kmod, kmod_len);
	return strlen(file) > kmod_len && is_same_name(file, kmod, kmod_len) &&
	       !strncmp(file + kmod_len, ".ko", strlen(".ko"));
}
