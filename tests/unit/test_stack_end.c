/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/stack_end.c: which outermost functions end a whole stack.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <onecollect/machine.h>

#include "stack_end.h"

static oc_string_id text(struct oc_machine *m, const char *s)
{
	return (oc_string_id)oc_machine_intern(m, s, strlen(s));
}

/* What is said of a stack of one frame, in a function of that name or, with NULL, in code without one. */
static enum oc_stack_reason end_in(const char *name, enum oc_module_type type)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_module module = { .type = type, .path = text(m, "/bin/program") };
	oc_process_id process = (oc_process_id)oc_machine_process_start(m, 7, 0, 1);
	struct oc_mapping mapping = {
		.process = process,
		.module = (oc_module_id)oc_machine_add_module(m, &module),
		.start = 0x1000,
		.end = 0x2000,
		.until_ns = UINT64_MAX,
	};
	uint64_t address = 0x1100;
	oc_callstack_id frames = (oc_callstack_id)oc_machine_intern_callstack(m, &address, 1, 0);
	enum oc_stack_reason reason;
	oc_stack_id stack;

	cr_assert_gt(oc_machine_add_mapping(m, &mapping), 0);
	stack = (oc_stack_id)oc_machine_resolve(m, process, frames);
	if (name) {
		struct oc_function f = { .name = text(m, name),
					 .system_name = text(m, name),
					 .module = mapping.module };
		struct oc_line line = { .function =
						(oc_function_id)oc_machine_add_function(m, &f) };

		cr_assert_eq(oc_machine_set_lines(m, oc_machine_nr_locations(m), &line, 1), 0);
	}
	reason = stack_end(m, stack);
	oc_machine_free(m);
	return reason;
}

Test(stack_end, first_functions_of_threads)
{
	static const char *const whole[] = {
		"_start",         "clone3",
		"start_thread",   "__libc_start_main@@GLIBC_2.34",
		"runtime.goexit", "runtime.goexit.abi0",
		"runtime.mstart", "runtime.mstart.abi0",
	};
	static const char *const broken[] = { "main",    "_start_", "start",
					      "_star",   "",        "runtime.systemstack.abi0",
					      "x@_start" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		cr_assert_eq(end_in(whole[i], OC_MODULE_FILE), OC_STACK_COUNT, "%s", whole[i]);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		cr_assert_eq(end_in(broken[i], OC_MODULE_FILE), OC_STACK_BROKEN, "%s", broken[i]);
	cr_assert_eq(end_in(NULL, OC_MODULE_FILE), OC_STACK_BROKEN);
}

Test(stack_end, code_that_is_no_program)
{
	cr_assert_eq(end_in("_start", OC_MODULE_KERNEL), OC_STACK_NO_STACK);
	cr_assert_eq(end_in(NULL, OC_MODULE_UNKNOWN), OC_STACK_NO_MAPPING);
}
