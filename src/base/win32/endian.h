/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc's <endian.h> for Windows, which runs on little-endian machines only.
 * Found by the Windows build alone, through its include path.
 */
#ifndef BASE_WIN32_ENDIAN_H
#define BASE_WIN32_ENDIAN_H

#include <stdint.h>

#define htole16(x) ((uint16_t)(x))
#define htole32(x) ((uint32_t)(x))
#define htole64(x) ((uint64_t)(x))
#define le16toh(x) ((uint16_t)(x))
#define le32toh(x) ((uint32_t)(x))
#define le64toh(x) ((uint64_t)(x))

#endif
