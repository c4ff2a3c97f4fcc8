/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Demangling with libiberty, with bounds.
 * Called by the symbolizer.
 * Must not know where names come from.
 */
#include "symbolize/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>

#include "base/macros.h"

#define INPUT_MAX  (16u * 1024)
#define OUTPUT_MAX (64u * 1024)

struct sink {
	struct buffer *out;
	jmp_buf too_long;
};

static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] & 0x80)
			return false;
	}
	return true;
}

/*
 * A name of a hundred bytes can refer to parts of itself so often that the result has exabytes, and the demangler
 * cannot be told to stop, so it is left by longjmp(). That leaks nothing: it keeps everything on its stack, but for an
 * identifier in Rust's punycode, which is the only text outside ASCII and is let through.
 */
static void take_text(const char *text, size_t len, void *arg)
{
	struct sink *sink = arg;

	if (sink->out->len + len > OUTPUT_MAX) {
		if (is_ascii(text, len))
			longjmp(sink->too_long, 1);
		return;
	}
	buffer_append(sink->out, text, len);
}

bool demangle(const char *name, struct buffer *out)
{
	struct sink sink = { .out = out };
	size_t len;
	int done;

	buffer_clear(out);
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R'))
		return false;
	len = strnlen(name, INPUT_MAX + 1);
	if (len > INPUT_MAX)
		return false;
	if (setjmp(sink.too_long))
		return false;
	/* The old Rust mangling is valid C++ mangling as well; what tells them apart is the hash at the end. */
	done = rust_demangle_callback(name, DMGL_NO_OPTS, take_text, &sink);
	if (!done && name[1] == 'Z') {
		buffer_clear(out);
		done = cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP,
						  take_text, &sink);
	}
	return done && !out->error && out->len;
}
