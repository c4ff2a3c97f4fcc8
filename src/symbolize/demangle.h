/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C++ and Rust symbol names as people write them.
 * Used by the symbolizer for each name that becomes a function. Names come from hostile files.
 */
#ifndef SYMBOLIZE_DEMANGLE_H
#define SYMBOLIZE_DEMANGLE_H

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Puts the demangled form of `name` into *out (whose content is dropped): C++ with the parameters, so that overloads
 * stay apart, and without the return type; Rust (both manglings) without the hash. A suffix that a compiler added
 * (".cold", ".part.0") stays readable.
 *
 * Returns true, or false when the name is not a mangled one or too large (name longer than 16 KiB, result longer than
 * 64 KiB); then it is best shown as it is. out->error says when memory ran out.
 */
bool demangle(const char *name, struct buffer *out);

#endif
