/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the kernel that runs here is that of a recording, so that its list of symbols holds for it.
 * Used by the symbolizer for recordings that were read from files.
 */
#ifndef SYMBOLIZE_RUNNING_KERNEL_H
#define SYMBOLIZE_RUNNING_KERNEL_H

#include <onecollect/machine.h>

#include "base/buffer.h"

/* True when the recording is of a host of this name, with a kernel of this release. */
bool running_kernel_is_of_host(const struct oc_machine *m);

/*
 * True when the recording's kernel had the same build-id, or where it tells none is of the same release on the same
 * host, and its symbol _text was where it is now: a kernel lies elsewhere after each start.
 * kallsyms: the content of that file. notes_path: of the kernel's ELF notes.
 */
bool running_kernel_is(const struct oc_machine *m, const struct buffer *kallsyms,
		       const char *notes_path);

/*
 * True when a symbol of the kernel module kmod[kmod_len], length 0 = of the kernel itself, may name code in `module`:
 * what lies there now may have been loaded later.
 */
bool running_kernel_has(const struct oc_machine *m, const struct oc_module *module,
			const char *kmod, size_t kmod_len);

#endif
