/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Taking off names what a compiler, a linker or a loader put there.
 * Called by the comparison of recordings.
 * Must not know where names come from.
 */
#include "export/function_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/macros.h"

/* Rust's legacy mangling ends in a 64-bit hash. */
#define RUST_HASH_DIGITS 16

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* How many characters at the end of name[len] are of a kind. */
static size_t tail_of(const char *name, size_t len, bool (*is)(char c))
{
	size_t nr = 0;

	while (nr < len && is(name[len - 1 - nr]))
		nr++;
	return nr;
}

static bool ends_with(const char *name, size_t len, const char *word)
{
	size_t size = strlen(word);

	return len > size && !memcmp(name + len - size, word, size);
}

/* The length of name[len] without one compiler's mark at its end; len when there is none. */
static size_t cut_mark(const char *name, size_t len)
{
	static const char *const words[] = { ".isra", ".constprop", ".part",      ".cold",
					     ".llvm", ".lto_priv",  ".localalias" };
	size_t digits = tail_of(name, len, is_digit), rest = len;

	if (digits && digits < len && name[len - digits - 1] == '.')
		rest = len - digits - 1;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (ends_with(name, rest, words[i]))
			return rest - strlen(words[i]);
	}
	return len;
}

/* The same for " [clone .part.0]", as demanglers write it, with one mark or several inside. */
static size_t cut_clone(const char *name, size_t len)
{
	static const char clone[] = " [clone ";
	size_t size = sizeof(clone) - 1, start = len - 1;
	size_t inner;

	if (len < size + 2 || name[len - 1] != ']')
		return len;
	while (start && name[start] != '[')
		start--;
	if (!start || len - start < size || memcmp(name + start - 1, clone, size))
		return len;
	inner = cut_mark(name + start, len - 1 - start);
	return inner < len - 1 - start ? start - 1 : len;
}

static size_t cut_rust_hash(const char *name, size_t len)
{
	size_t digits = tail_of(name, len, is_hex);

	if (digits == RUST_HASH_DIGITS && ends_with(name, len - digits, "::h"))
		return len - digits - 3;
	return len;
}

/* All marks at the end, in whatever order they were put there. */
static size_t cut_tail(const char *name, size_t len)
{
	size_t before;

	do {
		before = len;
		len = cut_clone(name, len);
		len = cut_mark(name, len);
		len = cut_rust_hash(name, len);
	} while (len < before);
	return len;
}

/* The length of the address that begins at name[at], with the character before it that joins it; 0 = none. */
static size_t address_at(const char *name, size_t len, size_t at)
{
	size_t end = at + 3;

	if (!strchr("+ @/", name[at]) || len - at < 4 || name[at + 1] != '0' || name[at + 2] != 'x')
		return 0;
	while (end < len && is_hex(name[end]))
		end++;
	return end > at + 3 ? end - at : 0;
}

static bool is_address(const char *name, size_t len)
{
	return len > 2 && name[0] == '0' && name[1] == 'x' && tail_of(name, len, is_hex) == len - 2;
}

void function_name_normalise(struct buffer *out, const char *name, size_t len)
{
	size_t from = 0, at = 0;

	buffer_clear(out);
	if (is_address(name, len)) {
		buffer_puts(out, "[unknown]");
		return;
	}
	len = cut_tail(name, len);
	while (at < len) {
		/* What begins a name is the name. */
		size_t size = at ? address_at(name, len, at) : 0;

		if (size)
			buffer_append(out, name + from, at - from);
		at += size ? size : 1;
		from = size ? at : from;
	}
	buffer_append(out, name + from, len - from);
}
