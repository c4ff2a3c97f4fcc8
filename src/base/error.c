/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling in struct oc_error.
 * Called by every function that can explain a failure.
 * Must not log or exit.
 */
#include <onecollect/error.h>

#include <stdarg.h>

#include "base/macros.h"

int oc_error_set(struct oc_error *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return code;
}
