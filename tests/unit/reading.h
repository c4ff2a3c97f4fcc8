/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests of formats need: bytes through a reader into a machine, and what a writer makes of a machine.
 * Used by the tests of readers, of writers and of diff.
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
