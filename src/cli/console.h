/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two streams that a person reads: whether they are terminals, how wide, with colours or not; and messages.
 * Made once by main() and passed to the commands. Only messages go through it, results are printed to stdout.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cli/options.h"

struct stream {
	bool terminal;
	bool color;
	unsigned int width; /* columns; 0 = no limit */
};

struct console {
	struct stream out;
	struct stream err;
	enum verbosity verbosity;
};

enum style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_WARN, STYLE_BAD };

/* Looks at both streams. env: NULL-terminated; NO_COLOR and TERM count while color is COLOR_AUTO. */
void console_init(struct console *c, enum color_when color, enum verbosity verbosity,
		  char *const *env);

/* Messages on stderr, one line each, cleaned: always; unless quiet; unless quiet; only when verbose. */
void console_error(const struct console *c, const char *fmt, ...) __printf_like(2, 3);
void console_warn(const struct console *c, const char *fmt, ...) __printf_like(2, 3);
void console_note(const struct console *c, const char *fmt, ...) __printf_like(2, 3);
void console_detail(const struct console *c, const char *fmt, ...) __printf_like(2, 3);

/* A warning as a callback of the library. console: a struct console, not changed. */
void console_tell(void *console, const char *text);

/* Flushes standard output. Returns 0, or the negative errno value of a failed write after having said so. */
int console_flush(const struct console *c);
/* Prints a buffer to standard output, or says that memory is out. Returns 0, -ENOMEM or as console_flush(). */
int console_print(const struct console *c, const struct buffer *text);

/* Escape sequences that begin and end a style; "" without colours. */
const char *style_begin(const struct stream *s, enum style style);
const char *style_end(const struct stream *s, enum style style);

/*
 * Appends text cut to `width` columns ("..." stands for the rest) and, with pad, filled up with blanks to it.
 * text: clean UTF-8; one code point counts as one column. width 0 = no limit.
 */
void text_fit(struct buffer *out, const char *text, unsigned int width, bool pad);
/*
 * Appends lines of text, each broken at blanks into ones of at most `width` columns, of which all but the first begin with
 * `indent` blanks. A word that is longer than a line stays whole. text: clean UTF-8. width 0 = no limit.
 */
void text_wrap(struct buffer *out, const char *text, unsigned int width, unsigned int indent);
/* Appends a word of a command line as a shell needs it, in quotes when it must be. */
void text_shell_word(struct buffer *out, const char *word);
/* Number of code points of clean UTF-8. */
unsigned int text_columns(const char *text);

#endif
