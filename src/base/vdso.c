/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the vDSO is and how large.
 * Called by src/symbolize/ and src/linux/.
 */
#include "base/vdso.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

const void *vdso_image(size_t *ret_size)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	Elf64_Ehdr header;

	if (!image || sizeof(void *) != 8)
		return NULL;
	/* The kernel made it, so it is trusted to be as large as it says: the section headers are its last part. */
	memcpy(&header, image, sizeof(header));
	*ret_size = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
	return image;
}
