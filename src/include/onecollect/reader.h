/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Input formats: a format is a name, a look at the first bytes, and one function that fills a machine from a file.
 * The counterpart of onecollect/format.h.
 */
#ifndef ONECOLLECT_READER_H
#define ONECOLLECT_READER_H

#include <stdbool.h>

#include <onecollect/input.h>
#include <onecollect/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/* So many bytes from the beginning of an input are shown to sniff(), fewer when it is shorter. */
#define OC_SNIFF_BYTES 4096

struct oc_reader {
	const char
		*name; /* "octrace"; equal to the name of the output format, where there is one */
	const char *description; /* one line, for `list formats` */
	/* True when an input that begins with head[size] is of this format. The first reader that says so gets it. */
	bool (*sniff)(const void *head, size_t size);
	/*
	 * Fills an empty machine; hooks on samples may be there already. What an input lacks stays unknown (0).
	 * A file that ends early (its writer was killed) gives what is there, and raises the note PARTIAL_INPUT.
	 * The ledger becomes that of the recording where the input has one; else taken = kept = what was read.
	 * Of a file that is damaged but can be read in part, too, the rest is there: *err then has a sentence that names the
	 * offset, and -EBADMSG as its code, though 0 is returned.
	 * Returns 0 or a negative errno value with a sentence in *err that names the offset: -EBADMSG (damaged, or not
	 * of this format), -EOPNOTSUPP (of a newer version), -EFBIG (larger than any recording could be), -EINVAL (the
	 * machine is not empty), -ENOMEM, -EIO, ... After a failure the machine is of no use but to be freed.
	 */
	int (*read)(const struct oc_input *in, struct oc_machine *m, struct oc_error *err);
};

/* The readers built in: array of *ret_nr pointers, static, in the order in which they are tried. */
OC_API const struct oc_reader *const *oc_readers(size_t *ret_nr);
/* The reader called `name`, or NULL. */
OC_API const struct oc_reader *oc_reader_by_name(const char *name);
/* The reader for the content of `in`; NULL when no reader knows it or it cannot be read, with *err filled in. */
OC_API const struct oc_reader *oc_reader_for(const struct oc_input *in, struct oc_error *err);

/*
 * Reads a file into an empty machine: opens, sniffs, reads, runs the parsed hooks. The machine is not finished, so that
 * names may still be added; oc_machine_finish() is the caller's.
 *
 * path: "-" is standard input. m: empty, see struct oc_reader.
 * err: with code 0; filled in on failure, and where the file is damaged but could be read in part. May be NULL.
 * ret_reader: the format that it was; may be NULL.
 * Returns 0 or a negative errno value, as oc_input_open() and struct oc_reader.
 */
OC_API int oc_read_file(const char *path, struct oc_machine *m, const struct oc_reader **ret_reader,
			struct oc_error *err);

#ifdef __cplusplus
}
#endif

#endif
