/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names as programmers wrote them from names as Microsoft's compilers decorate them for the linker.
 * Used by the symbolizer.
 */
#ifndef SYMBOLIZE_UNDECORATE_H
#define SYMBOLIZE_UNDECORATE_H

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Puts the qualified name of a C++ function or variable, without its type and parameters, into *out (dropping what was
 * there); of C functions of 32-bit programs what calling conventions add is taken away.
 * is_x86: the program is one for 32-bit x86.
 * Returns false when the name is not decorated, or is in a way that is not known; then *out is worth nothing.
 * A failure of memory sticks in out->error.
 */
bool undecorate(const char *name, bool is_x86, struct buffer *out);

#endif
