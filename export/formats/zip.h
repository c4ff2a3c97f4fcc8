/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing an output as a ZIP archive of one file, piece by piece.
 * Used by format writers; knows no format.
 */
#ifndef FORMATS_ZIP_H
#define FORMATS_ZIP_H

#include "export/formats/gzip.h"

/* Embedded, large. The first error sticks in `error` and makes everything after it do nothing. */
struct zip {
	struct gzip deflate;
	struct oc_output *out;
	const char *name;
	uint16_t date, time;
	uint32_t crc;
	int error;
};

/*
 * Begins the archive and its file. name: of the file, ASCII, stays the caller's. wall_ns: its time, since 1970.
 * level: 1 (fast) to 9 (small).
 */
void zip_init(struct zip *z, struct oc_output *out, const char *name, uint64_t wall_ns, int level);
/* Adds data[size] to the file. */
void zip_write(struct zip *z, const void *data, size_t size);
/*
 * Ends the file and the archive and frees what they needed, also after an error.
 * Returns 0, the first error, or -EFBIG: the file is too large for the sizes of the format, 4 GiB.
 */
int zip_finish(struct zip *z);

#endif
