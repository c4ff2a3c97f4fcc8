/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads /proc/kallsyms.
 * Called by the symbolizer.
 * Must not know locations or functions. Source of the format: kernel/kallsyms.c, s_show().
 */
#include "symbolize/kernel_symbols.h"

#include <errno.h>
#include <fcntl.h>

#include "base/hex.h"
#include "base/macros.h"

/* kallsyms of a kernel with all modules is below 20 MiB; more is not kallsyms. */
#define TEXT_MAX ((size_t)256 * 1024 * 1024)
#define PAGE     4096ULL

int kernel_symbols_read(const char *path, struct buffer *out)
{
	int fd __cleanup(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : buffer_read_fd(out, fd, TEXT_MAX);
}

/* A line of kallsyms: "address type name[\t[module]]". */
struct line {
	uint64_t address;
	enum symbol_rank rank;
	const char *name; /* up to end, with the module; see name_len() */
	const char *end;
	const char *module; /* [module_len]; 0 = the kernel itself */
	size_t module_len;
};

static enum symbol_rank rank_of(char type)
{
	switch (type) {
	case 'T':
		return SYMBOL_GLOBAL;
	case 't':
		return SYMBOL_LOCAL;
	case 'W':
	case 'w':
		return SYMBOL_WEAK;
	default:
		return SYMBOL_BOUND; /* data */
	}
}

static const char *find_tab(const char *name, const char *end)
{
	return memchr(name, '\t', (size_t)(end - name));
}

static size_t name_len(const struct line *line)
{
	const char *tab = find_tab(line->name, line->end);

	return (size_t)((tab ? tab : line->end) - line->name);
}

/* Splits "name[\t[module]]" up to end. */
static void parse_name(const char *name, const char *end, struct line *line)
{
	const char *tab;

	line->name = name;
	line->end = end;
	line->module_len = 0;
	line->module = end;
	/* Most lines are of the kernel itself. */
	if (end == name || end[-1] != ']')
		return;
	tab = find_tab(name, end);
	if (tab && end - tab > 3 && tab[1] == '[') {
		line->module = tab + 2;
		line->module_len = (size_t)(end - 1 - line->module);
	}
}

/* Reads the line at *text, which then stands behind it. False = it is not of the form. */
static bool parse_line(const char **text, const char *end, struct line *line)
{
	const char *s = *text, *newline = memchr(s, '\n', (size_t)(end - s));
	const char *line_end = newline ? newline : end;
	uint64_t address = 0;
	int digit;

	*text = newline ? newline + 1 : end;
	for (; s < line_end && (digit = hex_digit(*s)) >= 0; s++)
		address = address << 4 | (uint64_t)digit;
	line->address = address;
	if (line_end - s < 4 || s[0] != ' ' || s[2] != ' ')
		return false;
	line->rank = rank_of(s[1]);
	parse_name(s + 3, line_end, line);
	return true;
}

static bool same_module(const struct line *a, const struct line *b)
{
	return a->module_len == b->module_len && !memcmp(a->module, b->module, a->module_len);
}

/*
 * Sizes are not told. The next symbol ends one; behind the last one of the kernel or a module, at `top`, there is nothing
 * to end it, so it is taken to reach to the end of the next page, as perf assumes as well.
 */
static void end_module(struct symbol_match *match, uint64_t top)
{
	if (top && top < UINT64_MAX - 2 * PAGE)
		symbol_match_limit(match, top, (top + 2 * PAGE - 1) & ~(PAGE - 1));
}

int kernel_symbols_match(const char *text, size_t len, struct symbol_match *match)
{
	const char *at = text, *end = text + len;
	struct line line, first = { .module = NULL };
	bool seen = false, visible = false;
	uint64_t top = 0;

	while (at < end) {
		struct symbol symbol;
		int rc;

		if (!parse_line(&at, end, &line))
			continue;
		if (!seen || !same_module(&line, &first)) {
			end_module(match, top);
			first = line;
			top = 0;
		}
		seen = true;
		if (!line.address)
			continue;
		visible = true;
		top = MAX(top, line.address);
		symbol = (struct symbol){ .start = line.address,
					  .limit = UINT64_MAX,
					  .name = (uint64_t)(line.name - text),
					  .rank = line.rank };
		rc = symbol_match_add(match, &symbol);
		if (rc)
			return rc;
	}
	end_module(match, top);
	return seen && !visible ? -EPERM : 0;
}

uint64_t kernel_symbols_address(const char *text, size_t len, const char *name)
{
	const char *at = text, *end = text + len;
	size_t wanted_len = strlen(name);
	struct line line;

	while (at < end) {
		if (parse_line(&at, end, &line) && !line.module_len &&
		    name_len(&line) == wanted_len && !memcmp(line.name, name, wanted_len))
			return line.address;
	}
	return 0;
}

size_t kernel_symbols_name(const struct buffer *text, uint64_t name, const char **ret_name,
			   const char **ret_module, size_t *ret_module_len)
{
	const char *start = text->data + name;
	const char *end = memchr(start, '\n', text->len - (size_t)name);
	struct line line;

	parse_name(start, end ? end : text->data + text->len, &line);
	*ret_name = start;
	*ret_module = line.module;
	*ret_module_len = line.module_len;
	return name_len(&line);
}

uint64_t kernel_symbols_weight(void *arg, uint64_t name)
{
	const char *text, *module;
	size_t module_len, len;

	len = kernel_symbols_name(arg, name, &text, &module, &module_len);
	return symbol_name_weight(text, len);
}
