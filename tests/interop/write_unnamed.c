/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes a recording of code that has no names yet, as of another machine, for test_symbol_server.py.
 * Usage: write_unnamed PATH. Standard input has a module a line, fields separated by tabs: its path, its build-id in
 * hexadecimal with a colon and the name of its symbol file behind it, if that is to be known, size and file offset of its
 * one mapping, then offsets in the mapping, each a sample of one frame. Numbers are hexadecimal.
 */
#include <onecollect/format.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/text.h"
#include "interop/tool.h"

#define FIELDS_MAX 64
#define BASE       0x10000000ULL

static uint64_t number(const char *text)
{
	uint64_t value;

	check(text_parse_u64(text, 16, UINT64_MAX, &value), "a number is not one");
	return value;
}

static void take_build_id(struct oc_machine *m, char *hex, struct oc_module *module)
{
	char *name = strchr(hex, ':');
	char pair[3] = "";

	if (name) {
		*name++ = '\0';
		module->symbol_file =
			(oc_string_id)check(oc_machine_intern(m, name, strlen(name)), "intern");
	}

	for (; hex[0] && hex[1] && module->build_id_size < OC_BUILD_ID_MAX; hex += 2) {
		memcpy(pair, hex, 2);
		module->build_id[module->build_id_size++] = (uint8_t)number(pair);
	}
}

static void add_sample(struct oc_machine *m, oc_process_id process, uint64_t address)
{
	struct oc_sample sample = { .kind = 1, .cpu = UINT32_MAX, .process = process };
	int64_t callstack = check(oc_machine_intern_callstack(m, &address, 1, 0), "callstack");

	sample.thread = (oc_thread_id)check(oc_machine_add_thread(m, process, 1), "add_thread");
	sample.stack = (oc_stack_id)check(
		oc_machine_resolve(m, process, (oc_callstack_id)callstack), "resolve");
	sample.count = sample.value = 1;
	check(oc_machine_add_sample(m, &sample), "add_sample");
}

static void add_module(struct oc_machine *m, oc_process_id process, uint32_t number_of_module,
		       char **fields, uint32_t nr)
{
	struct oc_module module = { .type = OC_MODULE_FILE };
	struct oc_mapping mapping = { .process = process, .since_ns = 1, .until_ns = UINT64_MAX };

	if (nr < 4)
		fail("a module has less than four fields");
	module.path =
		(oc_string_id)check(oc_machine_intern(m, fields[0], strlen(fields[0])), "intern");
	take_build_id(m, fields[1], &module);
	mapping.module = (oc_module_id)check(oc_machine_add_module(m, &module), "add_module");
	mapping.start = BASE * (number_of_module + 1ULL);
	mapping.end = mapping.start + number(fields[2]);
	mapping.file_offset = number(fields[3]);
	check(oc_machine_add_mapping(m, &mapping), "add_mapping");
	for (uint32_t i = 4; i < nr; i++)
		add_sample(m, process, mapping.start + number(fields[i]));
}

/* Cuts a line into its fields. */
static uint32_t split(char *line, char **fields)
{
	uint32_t nr = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *at = line; at; nr++) {
		char *tab = strchr(at, '\t');

		if (nr == FIELDS_MAX)
			fail("a module has too many fields");
		if (tab)
			*tab++ = '\0';
		fields[nr] = at;
		at = tab;
	}
	return nr;
}

int main(int argc, char **argv)
{
	static const struct oc_kind cpu = { .name = "cpu", .period_ns = 1000000 };
	const struct oc_recording_info info = {
		.start_mono_ns = 1,
		.end_mono_ns = 2,
		.nr_cpus = 1,
		.page_size = 4096,
		.aggregated = true,
	};
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_process facts = { 0 };
	struct oc_error err = { 0 };
	char line[4096], *fields[FIELDS_MAX];
	oc_process_id process;

	if (argc != 2 || !m)
		fail("usage: write_unnamed PATH");
	check(oc_machine_add_kind(m, &cpu), "add_kind");
	process = (oc_process_id)check(oc_machine_process_start(m, 1, 0, 1), "process");
	facts.comm = (oc_string_id)check(oc_machine_intern(m, "app", 3), "intern");
	check(oc_machine_process_set(m, process, &facts), "process_set");
	for (uint32_t i = 0; fgets(line, sizeof(line), stdin); i++)
		add_module(m, process, i, fields, split(line, fields));
	oc_machine_set_info(m, &info);
	check(oc_machine_finish(m), "finish");
	if (oc_format_write_file(oc_format_by_name("octrace"), m, argv[1], true, NULL, &err))
		fail(err.message);
	oc_machine_free(m);
	return 0;
}
