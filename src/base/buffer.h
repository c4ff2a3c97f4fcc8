/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing byte buffer with a sticky error.
 * Writers append without checking each call and look at `error` once; used for text and binary output.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* data[len] valid bytes, always followed by a NUL once data is not NULL; error is 0 or -ENOMEM, and then stays. */
struct buffer {
	char *data;
	size_t len;
	size_t cap;
	int error;
};

#define BUFFER_INIT \
	{           \
		0   \
	}

/* Frees the bytes and returns the buffer to its initial state. Accepts an all-zero buffer. */
void buffer_done(struct buffer *b);
/* Drops the content, keeps the memory; clears the error. */
void buffer_clear(struct buffer *b);
/* Makes room for `extra` more bytes (plus the NUL). Returns 0 or -ENOMEM, which also sticks. */
int buffer_reserve(struct buffer *b, size_t extra);
/* Appends size bytes of data[size]; a sticky error makes it do nothing. */
void buffer_append(struct buffer *b, const void *data, size_t size);
/* Appends a NUL-terminated string. */
void buffer_puts(struct buffer *b, const char *text);
/* Appends one byte. */
void buffer_putc(struct buffer *b, char c);
/* Appends a number in decimal digits; much faster than buffer_printf(). */
void buffer_put_u64(struct buffer *b, uint64_t value);
/* Appends formatted text, as printf(3). */
void buffer_printf(struct buffer *b, const char *fmt, ...) __printf_like(2, 3);

/*
 * Appends what read(2) gives from fd until the end of file.
 * Returns 0, -EFBIG (more than max bytes; the first max are appended), an error of read(2), or -ENOMEM.
 */
int buffer_read_fd(struct buffer *b, int fd, size_t max);

#endif
