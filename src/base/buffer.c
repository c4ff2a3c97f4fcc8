/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing byte buffer with a sticky error.
 * Called through base/buffer.h.
 * Must not know what the bytes mean.
 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

void buffer_done(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer)BUFFER_INIT;
}

void buffer_clear(struct buffer *b)
{
	b->len = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

int buffer_reserve(struct buffer *b, size_t extra)
{
	size_t need, want;
	char *grown;

	if (b->error)
		return b->error;
	if (__builtin_add_overflow(b->len, extra, &need) || need == SIZE_MAX)
		return b->error = -ENOMEM;
	if (need < b->cap)
		return 0;
	want = MAX(need + 1, b->cap + b->cap / 2);
	want = MAX(want, (size_t)256);
	grown = realloc(b->data, want);
	if (!grown)
		return b->error = -ENOMEM;
	b->data = grown;
	b->cap = want;
	b->data[b->len] = '\0';
	return 0;
}

void buffer_append(struct buffer *b, const void *data, size_t size)
{
	if (!size || buffer_reserve(b, size))
		return;
	memcpy(b->data + b->len, data, size);
	b->len += size;
	b->data[b->len] = '\0';
}

void buffer_puts(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text));
}

void buffer_putc(struct buffer *b, char c)
{
	if (buffer_reserve(b, 1))
		return;
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void buffer_put_u64(struct buffer *b, uint64_t value)
{
	char digits[20]; /* of UINT64_MAX */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buffer_append(b, digits + at, sizeof(digits) - at);
}

void buffer_printf(struct buffer *b, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n <= 0 || buffer_reserve(b, (size_t)n))
		return;
	va_start(args, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
}

int buffer_read_fd(struct buffer *b, int fd, size_t max)
{
	size_t piece = 64 * 1024;

	for (size_t left = max;;) {
		ssize_t n;

		/* One byte more than allowed tells a file of exactly max bytes from a larger one. */
		piece = MIN(piece, left < SIZE_MAX ? left + 1 : left);
		if (buffer_reserve(b, piece))
			return -ENOMEM;
		n = read(fd, b->data + b->len, piece);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		b->len += MIN((size_t)n, left);
		b->data[b->len] = '\0';
		if ((size_t)n > left)
			return -EFBIG;
		if (!n)
			return 0;
		left -= (size_t)n;
		piece = 1024 * 1024;
	}
}
