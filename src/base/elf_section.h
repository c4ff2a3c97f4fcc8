/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of a section of an ELF file, unpacked when it is stored compressed.
 * Used for debug sections, which distributions compress; knows nothing of what is in them.
 */
#ifndef BASE_ELF_SECTION_H
#define BASE_ELF_SECTION_H

#include "base/buffer.h"
#include "base/elf_file.h"

/*
 * Appends the content of a section to *out.
 *
 * section: of f, with its sections loaded; SHT_NOBITS has no content.
 * max: most bytes that are read, and that come out.
 * Returns 0, -EFBIG (larger than max), -EBADMSG (beyond the end of the file, or damaged compression), -EOPNOTSUPP
 * (compressed by a method that we do not know), -ENOMEM, or an error of pread(2); *out may have grown then.
 * Source: ELF gABI, "Section Compression"; zlib and zstd.
 */
int elf_section_read(const struct elf_file *f, const struct elf_section *section, size_t max,
		     struct buffer *out);

#endif
