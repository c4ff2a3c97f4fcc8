/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages, colours and widths.
 * Called by main() and by every command.
 * Must not know what the messages are about.
 */
#include "cli/console.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/os.h"
#include "base/text.h"

#define ELLIPSIS     "..."
#define ELLIPSIS_LEN 3u

static const char *env_text(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	}
	return "";
}

static void stream_init(struct stream *s, int fd, enum color_when color, char *const *env)
{
	bool dumb = !strcmp(env_text(env, "TERM"), "dumb");

	memset(s, 0, sizeof(*s));
	s->terminal = isatty(fd) && !dumb;
	s->color = color == COLOR_ALWAYS ||
		   (color == COLOR_AUTO && s->terminal && !*env_text(env, "NO_COLOR"));
	if (s->terminal)
		s->width = os_terminal_columns(fd);
}

void console_init(struct console *c, enum color_when color, enum verbosity verbosity,
		  char *const *env)
{
	stream_init(&c->out, STDOUT_FILENO, color, env);
	stream_init(&c->err, STDERR_FILENO, color, env);
	c->verbosity = verbosity;
}

const char *style_begin(const struct stream *s, enum style style)
{
	static const char *const codes[] = {
		[STYLE_NONE] = "",         [STYLE_BOLD] = "\033[1m",  [STYLE_DIM] = "\033[2m",
		[STYLE_GOOD] = "\033[32m", [STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[31m",
	};

	return s->color ? codes[style] : "";
}

const char *style_end(const struct stream *s, enum style style)
{
	return s->color && style != STYLE_NONE ? "\033[0m" : "";
}

/* One write for the whole line, so that lines of several programs do not mix. */
static void message(const struct console *c, enum style style, const char *label, const char *fmt,
		    va_list args)
{
	struct buffer line = BUFFER_INIT;
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, args);
	buffer_printf(&line, "record-trace: %s%s%s", style_begin(&c->err, style), label,
		      style_end(&c->err, style));
	/* Names of files and programs may hold anything, commands for the terminal included. */
	text_clean(&line, text, strlen(text));
	buffer_putc(&line, '\n');
	if (!line.error)
		fwrite(line.data, 1, line.len, stderr);
	fflush(stderr);
	buffer_done(&line);
}

void console_error(const struct console *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(c, STYLE_BAD, "error: ", fmt, args);
	va_end(args);
}

void console_warn(const struct console *c, const char *fmt, ...)
{
	va_list args;

	if (c->verbosity == VERBOSITY_QUIET)
		return;
	va_start(args, fmt);
	message(c, STYLE_WARN, "warning: ", fmt, args);
	va_end(args);
}

void console_note(const struct console *c, const char *fmt, ...)
{
	va_list args;

	if (c->verbosity == VERBOSITY_QUIET)
		return;
	va_start(args, fmt);
	message(c, STYLE_NONE, "", fmt, args);
	va_end(args);
}

void console_detail(const struct console *c, const char *fmt, ...)
{
	va_list args;

	if (c->verbosity != VERBOSITY_VERBOSE)
		return;
	va_start(args, fmt);
	message(c, STYLE_NONE, "", fmt, args);
	va_end(args);
}

void console_tell(void *console, const char *text)
{
	console_warn(console, "%s", text);
}

int console_flush(const struct console *c)
{
	int rc;

	if (!ferror(stdout) && !fflush(stdout))
		return 0;
	rc = errno ? -errno : -EIO;
	console_error(c, "cannot write to standard output: %s", strerror(-rc));
	return rc;
}

int console_print(const struct console *c, const struct buffer *text)
{
	if (text->error) {
		console_error(c, "out of memory");
		return text->error;
	}
	errno = 0;
	fwrite(text->data, 1, text->len, stdout);
	return console_flush(c);
}

/* The byte behind the first `columns` code points, or the end. */
static const char *skip_columns(const char *text, unsigned int columns)
{
	while (*text && columns--) {
		text++;
		while ((*text & 0xc0) == 0x80)
			text++;
	}
	return text;
}

unsigned int text_columns(const char *text)
{
	unsigned int columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

void text_fit(struct buffer *out, const char *text, unsigned int width, bool pad)
{
	unsigned int columns = text_columns(text);

	if (!width || columns <= width) {
		buffer_puts(out, text);
	} else if (width <= ELLIPSIS_LEN) {
		buffer_append(out, text, (size_t)(skip_columns(text, width) - text));
		columns = width;
	} else {
		buffer_append(out, text, (size_t)(skip_columns(text, width - ELLIPSIS_LEN) - text));
		buffer_puts(out, ELLIPSIS);
		columns = width;
	}
	for (; pad && columns < width; columns++)
		buffer_putc(out, ' ');
}

/* Appends one line, text[len] without its end. */
static void wrap_line(struct buffer *out, const char *text, size_t len, unsigned int width,
		      unsigned int indent)
{
	unsigned int column = 0;
	size_t at = 0;

	while (at < len) {
		/* Blanks belong to the word behind them, so that columns stay as they are. */
		size_t blanks = strspn(text + at, " ");
		size_t word = strcspn(text + at + blanks, " \n");
		unsigned int columns = (unsigned int)blanks;

		for (size_t i = 0; i < word; i++)
			columns += (text[at + blanks + i] & 0xc0) != 0x80;
		if (column > indent && column + columns > width) {
			buffer_printf(out, "\n%*s", (int)indent, "");
			column = indent;
			at += blanks;
			columns -= (unsigned int)blanks;
			blanks = 0;
		}
		buffer_append(out, text + at, blanks + word);
		column += columns;
		at += blanks + word;
	}
}

void text_wrap(struct buffer *out, const char *text, unsigned int width, unsigned int indent)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (width)
			wrap_line(out, text, len, width, indent);
		else
			buffer_append(out, text, len);
		text += len;
		if (*text)
			buffer_putc(out, *text++);
	}
}

void text_shell_word(struct buffer *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";

	if (*word && !word[strspn(word, plain)]) {
		buffer_puts(out, word);
		return;
	}
	buffer_putc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buffer_puts(out, "'\\''");
		else
			buffer_putc(out, *word);
	}
	buffer_putc(out, '\'');
}
