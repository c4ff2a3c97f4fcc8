/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of functions without what differs from build to build or from run to run.
 * Used where recordings are compared; knows nothing of them.
 */
#ifndef EXPORT_FUNCTION_NAME_H
#define EXPORT_FUNCTION_NAME_H

#include <stddef.h>

#include "base/buffer.h"

/*
 * Replaces `out` with the name that name[len] is compared by:
 * - marks of compilers go: .isra.0 .constprop.0 .part.0 .cold .llvm.123 .lto_priv.0, and the same as " [clone .cold]";
 * - Rust's hash goes: "::h" and 16 hexadecimal digits at the end;
 * - addresses go: "+0x1a2b" behind a name (code without a symbol falls to its module), " 0x7f..", "@0x..", "/0x..";
 *   a name that is nothing but an address is "[unknown]".
 * Arguments of templates stay. A failure sticks in out->error.
 */
void function_name_normalise(struct buffer *out, const char *name, size_t len);

#endif
