/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes through a reader of an input format into a machine, and machines as folded text: what tests of readers need.
 * Used by test_folded_read.c, test_pprof_read.c and test_diff.c.
 */
#ifndef TESTS_READING_H
#define TESTS_READING_H

#include <onecollect/format.h>
#include <onecollect/reader.h>

/* Reads data[size] with the reader called `reader`. Returns a finished machine, or NULL with *ret_err filled in. */
struct oc_machine *reading_read(const char *reader, const void *data, size_t size,
				struct oc_error *ret_err);
/* The same of a text; a test that expects it to be readable fails otherwise. */
struct oc_machine *reading_folded(const char *text);
/* What a format writes of a machine, NUL-terminated, to be freed with free(3). */
char *reading_write(const struct oc_machine *m, const char *format, size_t *ret_size);
/* Whether the reader called `reader` takes data[size] for its own. */
bool reading_sniff(const char *reader, const void *data, size_t size);

#endif
