/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a stack reaches its thread's first function.
 * Called by src/machine_sink.c.
 * Must not know how the stack was walked.
 */
#include "stack_end.h"

#include <string.h>
#include <strings.h>

#include <onecollect/stack_counts.h>

#include "base/macros.h"

/* The first function of a thread: what a complete stack ends in. C libraries (glibc, musl), Go, and static starts. */
static bool is_root_function(const char *name)
{
	static const char *const names[] = {
		"_start",
		"__libc_start_main",
		"__libc_start_call_main",
		"start_thread",
		"clone",
		"clone3",
		"__clone",
		"__clone3",
		"thread_start",
		"_start_c",
		"__libc_start_main_impl",
		"generic_start_main",
		"_dl_start_user",
		"_dl_start",
		"runtime.goexit",
		"runtime.goexit.abi0",
		"runtime.mstart",
		"runtime.mstart.abi0",
		"runtime.rt0_go",
		"runtime.rt0_go.abi0",
		"__vfork",
		"vfork",
	};
	size_t len = strcspn(name, "@"); /* symbol versions: __libc_start_main@@GLIBC_2.34 */

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && !strncmp(names[i], name, len))
			return true;
	}
	return false;
}

/* Where each thread of a Windows program begins; its file's name tells, with or without symbols. */
static bool is_root_module(const char *path)
{
	static const char ntdll[] = "\\ntdll.dll";
	size_t len = strlen(path);

	return len >= sizeof(ntdll) && path[0] != '/' &&
	       !strcasecmp(path + len - (sizeof(ntdll) - 1), ntdll);
}

enum oc_stack_reason stack_end(const struct oc_machine *m, oc_stack_id stack)
{
	uint32_t nr, nr_lines;
	const oc_location_id *locations = oc_machine_stack(m, stack, &nr);
	const struct oc_location *root;
	const struct oc_module *module;
	const struct oc_line *lines;

	if (!nr)
		return OC_STACK_NO_STACK;
	root = oc_machine_location(m, locations[nr - 1]);
	module = oc_machine_module(m, root->module);
	if (module->type == OC_MODULE_KERNEL)
		return OC_STACK_NO_STACK;
	if (module->type == OC_MODULE_UNKNOWN)
		return OC_STACK_NO_MAPPING;
	if (is_root_module(oc_machine_string(m, module->path, NULL)))
		return OC_STACK_COUNT;
	lines = oc_machine_location_lines(m, locations[nr - 1], &nr_lines);
	if (nr_lines) {
		const struct oc_function *f = oc_machine_function(m, lines[nr_lines - 1].function);

		if (is_root_function(oc_machine_string(m, f->system_name, NULL)))
			return OC_STACK_COUNT;
	}
	return OC_STACK_BROKEN;
}
