/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines from bytes and back.
 * Used by the tests of readers.
 */
#include "reading.h"

#include <criterion/criterion.h>

#include <string.h>

#include "base/macros.h"

struct oc_machine *reading_read(const char *reader, const void *data, size_t size,
				struct oc_error *ret_err)
{
	struct oc_machine *m = oc_machine_new(NULL);
	struct oc_input *in;
	int rc;

	*ret_err = (struct oc_error){ 0 };
	cr_assert_not_null(m);
	cr_assert_eq(oc_input_open_memory(data, size, &in), 0);
	rc = oc_reader_by_name(reader)->read(in, m, ret_err);
	cr_assert_eq(rc, ret_err->code, "%d, but %d: %s", rc, ret_err->code, ret_err->message);
	oc_input_close(in);
	if (rc) {
		oc_machine_free(m);
		return NULL;
	}
	cr_assert(oc_ledger_balanced(oc_machine_ledger_const(m)));
	cr_assert_eq(oc_machine_finish(m), 0);
	return m;
}

struct oc_machine *reading_folded(const char *text)
{
	struct oc_error err;
	struct oc_machine *m = reading_read("folded", text, strlen(text), &err);

	cr_assert_not_null(m, "%s", err.message);
	return m;
}

char *reading_write(const struct oc_machine *m, const char *format, size_t *ret_size)
{
	struct oc_error err = { 0 };
	struct oc_output *out;
	const void *data;
	size_t size;
	char *copy;

	cr_assert_eq(oc_output_open_memory(&out), 0);
	cr_assert_eq(oc_format_by_name(format)->write(m, out, &err), 0, "%s: %s", format,
		     err.message);
	data = oc_output_memory(out, &size);
	copy = malloc(size + 1);
	cr_assert_not_null(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	if (ret_size)
		*ret_size = size;
	oc_output_abort(out);
	return copy;
}

bool reading_sniff(const char *reader, const void *data, size_t size)
{
	return oc_reader_by_name(reader)->sniff(data, MIN(size, (size_t)OC_SNIFF_BYTES));
}
