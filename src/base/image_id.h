/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which build of a Windows program, library or driver was loaded, as far as its headers tell when nothing is said of its
 * symbol file. Used by the reader of Windows traces and by the symbolizer; the same 16 bytes are the build-id of the module.
 */
#ifndef BASE_IMAGE_ID_H
#define BASE_IMAGE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_ID_SIZE   16
#define IMAGE_PAGE_SIZE 4096u /* on x86, x86-64 and arm64 alike */

/* What the headers of an image and the events of its loading both say. */
struct image_version {
	uint32_t size;     /* in memory; whole pages are compared */
	uint32_t checksum; /* 0 = the linker left it out */
	uint32_t
		time_stamp; /* 0 = left out; events that list what was loaded before do not tell it */
};

/*
 * The part of an identity that stands for the name of the file without its folders, in which capital and small letters
 * are the same. path: of the file, with separators of either kind.
 */
uint32_t image_id_name(const char *path);
/*
 * Puts an identity together: the size, the checksum or else the time stamp, and the name.
 * name: by image_id_name().
 * Returns false when there is neither checksum nor time stamp: size and name alone are no identity.
 */
bool image_id_make(const struct image_version *version, uint32_t name,
		   uint8_t ret_id[IMAGE_ID_SIZE]);

/* Pages that an image of `size` bytes takes. */
uint32_t image_pages(uint32_t size);

#endif
