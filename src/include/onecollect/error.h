/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one error type of libonecollect: a code for programs and a sentence for people.
 */
#ifndef ONECOLLECT_ERROR_H
#define ONECOLLECT_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared library exports; everything else is hidden. */
#if defined(__GNUC__) && !defined(_WIN32)
#define OC_API __attribute__((visibility("default")))
#else
#define OC_API
#endif

#define OC_ERROR_MESSAGE_MAX 512

/*
 * Filled in by a function that fails, when the caller passes one (NULL is always allowed).
 * code: the negative errno value that the function also returns; 0 while nothing failed.
 * message: one or more sentences, UTF-8, NUL-terminated: what failed, why, and what to do about it.
 */
struct oc_error {
	int code;
	char message[OC_ERROR_MESSAGE_MAX];
};

/*
 * Fills in *err and returns code, so that a function can end with `return oc_error_set(err, -EINVAL, ...)`.
 *
 * err: may be NULL.
 * code: negative errno value.
 * fmt: as printf(3); a longer text is cut.
 * Returns code. Thread rule: none, touches only *err.
 */
OC_API int oc_error_set(struct oc_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Process exit codes of record-trace, in one place so that scripts and libraries agree. */
enum oc_exit {
	OC_EXIT_OK = 0,
	OC_EXIT_FAILED = 1,
	OC_EXIT_USAGE = 2,
	OC_EXIT_PRIVILEGE = 3,
	OC_EXIT_UNSUPPORTED = 4,
	OC_EXIT_LOSSY = 5, /* outputs are written, but more than 1 % of the data was lost */
};

#ifdef __cplusplus
}
#endif

#endif
