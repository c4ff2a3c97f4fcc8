/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts functions into the machine, under the names that symbol tables have and those for people.
 * Called by the parts of a symbolize pass.
 * Must not know where names come from.
 */
#include "symbolize/symbolizer_private.h"

#include <errno.h>
#include <string.h>

#include "symbolize/demangle.h"

/*
 * Puts the name for people of run->raw, of a kernel module if kmod_len is not 0, into run->pretty.
 * Cuts run->raw. Returns 0 or -ENOMEM.
 */
static int make_pretty(struct naming_run *run, const char *kmod, size_t kmod_len)
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

int64_t naming_add_function(struct naming_run *run, oc_module_id module, const char *kmod,
			    size_t kmod_len)
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

int naming_set_function(struct naming_run *run, oc_location_id location, int64_t function)
{
	struct oc_line line = { .function = (oc_function_id)function };
	int rc;

	if (function < 0)
		return (int)function;
	rc = oc_machine_set_lines(run->m, location, &line, 1);
	return rc == -ENOMEM ? rc : 0;
}

const uint64_t *naming_offsets(struct naming_run *run, const struct naming_place *places, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		run->offsets[i] = places[i].offset;
	return run->offsets;
}
