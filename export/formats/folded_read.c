/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading folded stacks, "root;...;leaf count", as record-trace, stackcollapse-*.pl, inferno and py-spy write them.
 * Called through the table of input formats. The text is hostile: its lines are bounded, its names cleaned.
 * Must not know how stacks were recorded.
 *
 * Nothing in the file says what its first frames are. They are taken for process names, as most tools write them, unless
 * a line shows that they are functions (is_function()). That is decided once for the file, so it is read twice.
 */
#include <onecollect/graph.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/macros.h"
#include "base/u64_map.h"
#include "export/formats/readers_private.h"
#include "export/named.h"

/* A stack of 1,024 frames with names of 16 KiB; beyond it no tool that reads the format works. */
#define LINE_MAX_BYTES ((size_t)16 << 20)
#define BLOCK_BYTES    ((size_t)64 << 10)
/* Fractions are read to this many digits; the kind then counts thousandths. */
#define FRACTION_DIGITS 3
#define FRACTION_SCALE  1000

struct span {
	const char *text;
	size_t len;
};

/* A line taken apart. Count in thousandths. */
struct line {
	struct span stack;
	uint64_t count;
	bool has_fraction;
	bool has_two_counts;
};

/* What all lines have in common; found on the first way through. */
struct traits {
	uint64_t nr_lines;
	uint64_t nr_two_counts;
	bool has_fraction;
	bool has_functions_first;
};

struct folded_reader {
	const struct oc_input *in;
	struct oc_machine *m;
	struct oc_error *err;
	struct buffer text; /* not yet taken apart */
	uint64_t offset;    /* of the input, behind `text` */
	uint64_t nr_line;   /* from 1 */
	bool is_cut;        /* the last line was written in part */
	struct traits traits;
	oc_kind_id kind;
	uint64_t total;
	uint64_t nr_truncated;                  /* samples of stacks that were cut */
	struct u64_map processes;               /* comm -> process */
	struct u64_map functions;               /* name << 3 | kind -> function */
	oc_module_id modules[OC_FRAME_JIT + 1]; /* by kind of frame; 0 = not needed so far */
	struct oc_line *lines;                  /* of the stack at hand, root first */
	enum oc_frame_kind *kinds;              /* of each */
	size_t nr, lines_cap, kinds_cap;
	oc_location_id *stack; /* leaf first */
	size_t stack_cap;
};

/* ---- one line ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes the last blank-separated word off; the rest ends without blanks. False when there is no other word. */
static bool split_last_word(struct span *text, struct span *ret_word)
{
	size_t end = text->len, start;

	while (end && text->text[end - 1] == ' ')
		end--;
	for (start = end; start && text->text[start - 1] != ' '; start--)
		;
	*ret_word = (struct span){ text->text + start, end - start };
	while (start && text->text[start - 1] == ' ')
		start--;
	text->len = start;
	return start > 0;
}

/* Reads "12" or "12.345" as thousandths; digits beyond the third round. Returns 0, -EINVAL or -ERANGE. */
static int parse_count(struct span word, uint64_t *ret_thousandths, bool *ret_fraction)
{
	uint64_t value = 0;
	size_t i = 0, digits = 0;
	bool ok = word.len && is_digit(word.text[0]);

	for (; ok && i < word.len && is_digit(word.text[i]); i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(word.text[i] - '0'), &value))
			return -ERANGE;
	}
	if (__builtin_mul_overflow(value, FRACTION_SCALE, &value) || value > INT64_MAX)
		return -ERANGE;
	*ret_fraction = false;
	if (ok && i < word.len && word.text[i] == '.' && i + 1 < word.len) {
		uint64_t unit = FRACTION_SCALE;

		for (i++; i < word.len && is_digit(word.text[i]); i++, digits++) {
			uint64_t digit = (uint64_t)(word.text[i] - '0');

			*ret_fraction |= digit != 0;
			unit /= 10;
			value += digits < FRACTION_DIGITS ? digit * unit : 0;
			value += digits == FRACTION_DIGITS && digit >= 5;
		}
		ok = digits > 0;
	}
	*ret_thousandths = value;
	return ok && i == word.len ? 0 : -EINVAL;
}

/* Takes a line without its end apart. Returns 0, or -EINVAL or -ERANGE when it is no folded stack. */
static int parse_line(struct span text, struct line *ret_line)
{
	struct line line = { .stack = text };
	struct span word, before;
	uint64_t count;
	bool fraction;
	int rc;

	/* A count behind a blank alone is py-spy's of a sample without a stack. */
	if (!split_last_word(&line.stack, &word) && (!text.len || text.text[0] != ' '))
		return -EINVAL;
	rc = parse_count(word, &line.count, &line.has_fraction);
	if (rc)
		return rc;
	before = line.stack;
	line.has_two_counts =
		split_last_word(&before, &word) && !parse_count(word, &count, &fraction);
	*ret_line = line;
	return 0;
}

/* Takes the first frame off a stack. False when there is none left. */
static bool next_frame(struct span *stack, struct span *ret_frame)
{
	const char *end;

	if (!stack->text)
		return false;
	end = memchr(stack->text, ';', stack->len);
	*ret_frame = (struct span){ stack->text, end ? (size_t)(end - stack->text) : stack->len };
	if (end)
		*stack = (struct span){ end + 1, stack->len - ret_frame->len - 1 };
	else
		*stack = (struct span){ 0 };
	return true;
}

/* The kind that the mark at a frame's end says; the mark is taken off. */
static enum oc_frame_kind take_mark(struct span *frame)
{
	const char *mark = frame->text + frame->len - 4;
	enum oc_frame_kind kind = OC_FRAME_USER;

	if (frame->len < 4 || mark[0] != '_' || mark[1] != '[' || mark[3] != ']')
		return OC_FRAME_USER;
	if (mark[2] == 'k')
		kind = OC_FRAME_KERNEL;
	else if (mark[2] == 'j')
		kind = OC_FRAME_JIT;
	else if (mark[2] == 'i')
		kind = OC_FRAME_INLINE;
	if (kind != OC_FRAME_USER)
		frame->len -= 4;
	return kind;
}

static bool span_has(struct span text, const char *part)
{
	return memmem(text.text, text.len, part, strlen(part));
}

/* "java/lang/Thread.run", as JVM profilers write functions. */
static bool is_of_jvm(struct span frame)
{
	const char *slash = memchr(frame.text, '/', frame.len);
	size_t behind = slash ? frame.len - (size_t)(slash - frame.text) : 0;
	const char *dot = slash ? memchr(slash, '.', behind) : NULL;
	char next = dot && dot + 1 < frame.text + frame.len ? dot[1] : '\0';

	return isalpha((unsigned char)next) || next == '<' || next == '_' || next == '$';
}

/* The functions that threads begin with; no program is called so. */
static bool is_root(struct span frame)
{
	static const char *const roots[] = { "_start",       "start_thread",      "clone3",
					     "__clone3",     "__libc_start_main", "<module>",
					     "runtime.main", "runtime.goexit" };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		if (frame.len == strlen(roots[i]) && !memcmp(frame.text, roots[i], frame.len))
			return true;
	}
	return false;
}

/*
 * Whether the first frame of a stack cannot be a process: it runs itself, it has a frame's mark, it is one that threads
 * begin with, or it is written as functions are ("main (app.py:3)", "core::main").
 */
static bool is_function(struct span stack)
{
	struct span frame;

	next_frame(&stack, &frame);
	return !stack.text || take_mark(&frame) != OC_FRAME_USER || span_has(frame, " (") ||
	       span_has(frame, "::") || is_root(frame) || is_of_jvm(frame);
}

/* ---- all lines ---- */

static int bad_line(struct folded_reader *r, int rc)
{
	if (rc == -ENOMEM)
		return oc_error_set(r->err, rc, "out of memory while reading '%s'",
				    oc_input_name(r->in));
	if (rc == -ERANGE || rc == -EFBIG)
		return oc_error_set(r->err, -EFBIG,
				    "line %" PRIu64 " of '%s' makes the sum of all counts larger "
				    "than any recording",
				    r->nr_line, oc_input_name(r->in));
	return oc_error_set(r->err, -EBADMSG,
			    "line %" PRIu64 " of '%s' is not 'frame;frame;... count'", r->nr_line,
			    oc_input_name(r->in));
}

/* Appends the next block. Returns its bytes, 0 at the end, or a negative errno value. */
static int64_t fill(struct folded_reader *r)
{
	int64_t n;

	if (r->text.len > LINE_MAX_BYTES)
		return oc_error_set(r->err, -EFBIG,
				    "line %" PRIu64 " of '%s' is longer than 16 MiB",
				    r->nr_line + 1, oc_input_name(r->in));
	if (buffer_reserve(&r->text, BLOCK_BYTES))
		return bad_line(r, -ENOMEM);
	n = oc_input_read_at(r->in, r->offset, r->text.data + r->text.len, BLOCK_BYTES);
	if (n < 0)
		return oc_error_set(r->err, (int)n, "cannot read '%s': %s", oc_input_name(r->in),
				    strerror((int)-n));
	r->text.len += (size_t)n;
	r->offset += (uint64_t)n;
	return n;
}

typedef int (*line_fn)(struct folded_reader *r, const struct line *line);

static int take_line(struct folded_reader *r, struct span text, bool has_end, line_fn fn)
{
	struct line line;
	int rc;

	r->nr_line++;
	if (text.len && text.text[text.len - 1] == '\r')
		text.len--;
	if (!text.len)
		return 0;
	rc = parse_line(text, &line);
	/* A writer that was killed leaves a line like that. */
	if (rc && !has_end) {
		r->is_cut = true;
		return 0;
	}
	rc = rc ? rc : fn(r, &line);
	return rc ? bad_line(r, rc) : 0;
}

static int each_line(struct folded_reader *r, line_fn fn)
{
	size_t searched = 0;
	int64_t n = 1;
	int rc = 0;

	r->offset = 0;
	r->nr_line = 0;
	buffer_clear(&r->text);
	while (!rc && n > 0) {
		size_t start = 0;
		const char *end;

		n = fill(r);
		if (n < 0)
			return (int)n;
		while (!rc &&
		       (end = memchr(r->text.data + searched, '\n', r->text.len - searched))) {
			size_t len = (size_t)(end - r->text.data) - start;

			rc = take_line(r, (struct span){ r->text.data + start, len }, true, fn);
			start += len + 1;
			searched = start;
		}
		r->text.len -= start;
		memmove(r->text.data, r->text.data + start, r->text.len);
		searched = r->text.len;
	}
	if (!rc && r->text.len)
		rc = take_line(r, (struct span){ r->text.data, r->text.len }, false, fn);
	return rc;
}

/* ---- the first way through ---- */

static int look_at_line(struct folded_reader *r, const struct line *line)
{
	struct traits *t = &r->traits;

	t->nr_lines++;
	t->nr_two_counts += line->has_two_counts;
	t->has_fraction |= line->has_fraction;
	t->has_functions_first |= is_function(line->stack);
	return 0;
}

/* ---- the second way: what lines become ---- */

static int64_t intern_name(struct folded_reader *r, struct span text)
{
	static const struct span unknown = { "[unknown]", sizeof("[unknown]") - 1 };

	text = text.len ? text : unknown;
	return oc_machine_intern(r->m, text.text, text.len);
}

static int64_t module_of(struct folded_reader *r, enum oc_frame_kind kind)
{
	enum oc_module_type type = kind == OC_FRAME_KERNEL ? OC_MODULE_KERNEL
				   : kind == OC_FRAME_JIT  ? OC_MODULE_ANON
							   : OC_MODULE_UNKNOWN;
	int64_t id = r->modules[kind];

	if (id)
		return id;
	id = named_module(r->m, type);
	if (id > 0)
		r->modules[kind] = (oc_module_id)id;
	return id;
}

static int64_t function_of(struct folded_reader *r, struct span name, enum oc_frame_kind kind)
{
	int64_t id = intern_name(r, name), module = module_of(r, kind);
	uint64_t key = (uint64_t)id << 3 | kind;
	const uint64_t *known = id > 0 ? u64_map_find(&r->functions, key) : NULL;
	struct oc_function function = { 0 };

	if (id < 0 || module < 0)
		return id < 0 ? id : module;
	if (known)
		return (int64_t)*known;
	function.name = (oc_string_id)id;
	function.module = (oc_module_id)module;
	id = oc_machine_add_function(r->m, &function);
	if (id > 0 && u64_map_set(&r->functions, key, (uint64_t)id))
		return -ENOMEM;
	return id;
}

static int add_frame(struct folded_reader *r, struct span frame)
{
	enum oc_frame_kind kind = take_mark(&frame);
	int64_t function;

	/* What is inlined is so into the frame before it, and of its kind. The outermost frame cannot be. */
	if (kind == OC_FRAME_INLINE && !r->nr)
		kind = OC_FRAME_USER;
	function = function_of(r, frame, kind);
	if (function < 0)
		return (int)function;
	if (array_reserve(&r->lines, &r->lines_cap, r->nr + 1, sizeof(*r->lines)) ||
	    array_reserve(&r->kinds, &r->kinds_cap, r->nr + 1, sizeof(*r->kinds)))
		return -ENOMEM;
	r->lines[r->nr] = (struct oc_line){ .function = (oc_function_id)function };
	r->kinds[r->nr++] = kind;
	return 0;
}

/* The process of a comm, 0 for the name that writers give to none. */
static int64_t process_of(struct folded_reader *r, struct span frame)
{
	int64_t comm = intern_name(r, frame), id;
	const uint64_t *known = comm > 0 ? u64_map_find(&r->processes, (uint64_t)comm) : NULL;

	if (comm < 0)
		return comm;
	if (known)
		return (int64_t)*known;
	if (!strcmp(oc_machine_string(r->m, (oc_string_id)comm, NULL), "[unknown]"))
		return 0;
	id = named_process(r->m, 0, (oc_string_id)comm, 0);
	if (id > 0 && u64_map_set(&r->processes, (uint64_t)comm, (uint64_t)id))
		return -ENOMEM;
	return id;
}

/* One location of lines[first..last), the last of them innermost. */
static int64_t location_of(struct folded_reader *r, size_t first, size_t last)
{
	struct oc_line lines[OC_STACK_FRAMES_MAX];
	struct oc_location at = { .module = r->modules[r->kinds[first]] };
	uint32_t nr = (uint32_t)(last - first);

	for (uint32_t i = 0; i < nr; i++)
		lines[i] = r->lines[last - 1 - i];
	return named_location(r->m, &at, lines, nr);
}

/* Interns the frames that add_frame() collected, without those beyond what a stack may have. */
static int64_t intern_stack(struct folded_reader *r, uint64_t count)
{
	size_t first = 0, last;
	uint32_t nr = 0;

	if (r->nr > OC_STACK_FRAMES_MAX) {
		first = r->nr - OC_STACK_FRAMES_MAX;
		r->nr_truncated += count;
		if (r->kinds[first] == OC_FRAME_INLINE)
			r->kinds[first] = OC_FRAME_USER;
	}
	if (array_reserve(&r->stack, &r->stack_cap, MAX(r->nr - first, 1), sizeof(*r->stack)))
		return -ENOMEM;
	for (last = r->nr; last > first;) {
		size_t from = last - 1;
		int64_t id;

		while (r->kinds[from] == OC_FRAME_INLINE)
			from--;
		if (!r->modules[r->kinds[from]] && module_of(r, r->kinds[from]) < 0)
			return -ENOMEM;
		id = location_of(r, from, last);
		if (id < 0)
			return id;
		r->stack[nr++] = (oc_location_id)id;
		last = from;
	}
	return stack_intern(r->m, r->stack, nr);
}

static int add_line(struct folded_reader *r, const struct line *line)
{
	struct span stack = line->stack, frame;
	struct oc_sample sample = { .kind = r->kind, .cpu = UINT32_MAX };
	int64_t id = 0;
	int rc = 0;

	sample.count = r->traits.has_fraction ? line->count : line->count / FRACTION_SCALE;
	sample.value = sample.count;
	if (!sample.count)
		return 0;
	if (__builtin_add_overflow(r->total, sample.count, &r->total) || r->total > INT64_MAX)
		return -EFBIG;
	if (!r->traits.has_functions_first) {
		next_frame(&stack, &frame);
		id = process_of(r, frame);
		if (id < 0)
			return (int)id;
		sample.process = (oc_process_id)id;
	}
	/* What writers put where there was no stack is none. */
	r->nr = 0;
	if (!line->stack.len)
		stack.text = NULL;
	if (r->traits.has_functions_first || stack.len != strlen("[no stack]") ||
	    memcmp(stack.text, "[no stack]", stack.len)) {
		while (!rc && next_frame(&stack, &frame))
			rc = add_frame(r, frame);
		id = rc ? rc : intern_stack(r, sample.count);
		if (id < 0)
			return (int)id;
		sample.stack = (oc_stack_id)id;
	}
	rc = oc_machine_add_sample(r->m, &sample);
	return MIN(rc, 0);
}

/* ---- the file ---- */

static int add_kind(struct folded_reader *r)
{
	struct oc_kind kind = { .name = "samples", .unit = OC_UNIT_COUNT };
	int64_t id;

	if (r->traits.has_fraction)
		snprintf(kind.name, sizeof(kind.name), "weight_thousandths");
	id = oc_machine_add_kind(r->m, &kind);
	if (id < 0)
		return oc_error_set(r->err, (int)id, "the machine takes no more kinds");
	r->kind = (oc_kind_id)id;
	return 0;
}

static void finish(struct folded_reader *r)
{
	const struct oc_recording_info info = { .aggregated = true };
	struct oc_ledger *ledger = oc_machine_ledger(r->m);
	struct oc_ledger_kind *row = &ledger->kinds[r->kind - 1];

	oc_machine_set_info(r->m, &info);
	row->taken = row->kept + oc_ledger_lost(row);
	row->stacks = r->nr_truncated;
	row->incomplete[OC_STACK_TRUNCATED] = r->nr_truncated;
	ledger->notes[OC_NOTE_PARTIAL_INPUT] += r->is_cut;
}

static int read_lines(struct folded_reader *r)
{
	int rc = each_line(r, look_at_line);

	if (rc)
		return rc;
	if (!r->traits.nr_lines)
		return oc_error_set(r->err, -EBADMSG, "'%s' holds no stack", oc_input_name(r->in));
	if (r->traits.nr_two_counts == r->traits.nr_lines)
		return oc_error_set(r->err, -EOPNOTSUPP,
				    "'%s' holds two counts a line, the difference of two profiles; "
				    "give the two profiles themselves",
				    oc_input_name(r->in));
	rc = add_kind(r);
	if (!rc)
		rc = each_line(r, add_line);
	if (!rc)
		finish(r);
	return rc;
}

static int read_folded(const struct oc_input *in, struct oc_machine *m, struct oc_error *err)
{
	struct folded_reader r = { .in = in, .m = m, .err = err };
	int rc;

	if (m->nr_kinds || m->samples.nr_samples)
		return oc_error_set(err, -EINVAL, "the machine to read '%s' into is not empty",
				    oc_input_name(in));
	rc = read_lines(&r);
	buffer_done(&r.text);
	u64_map_done(&r.processes);
	u64_map_done(&r.functions);
	free(r.lines);
	free(r.kinds);
	free(r.stack);
	return rc;
}

/* Text without control characters; bytes above ASCII may be of any encoding. */
static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.text[i];

		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

/* The beginning of a line that is longer than what sniff() sees: a deep stack, and nothing that opens other formats. */
static bool may_begin_line(struct span text)
{
	size_t nr_frames = 0;

	for (size_t i = 0; i < text.len; i++)
		nr_frames += text.text[i] == ';' && i + 1 < text.len && text.text[i + 1] != ' ';
	return is_plain(text) && nr_frames >= 8 && !strchr("{<#/\"' ", text.text[0]);
}

/*
 * Every line must be a stack with its count, and one must have several frames: lines that end in a number are in many a
 * text.
 */
static bool sniff(const void *head, size_t size)
{
	const char *p = head, *end = p + size;
	bool has_frames = false;

	/* No stack begins with a blank, but the other lines of many a listing. */
	if (size > 1 && *p == ' ' && !is_digit(p[1]))
		return false;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		struct span text = { p, (size_t)((newline ? newline : end) - p) };
		struct line line;

		p = newline ? newline + 1 : end;
		if (text.len && text.text[text.len - 1] == '\r')
			text.len--;
		if (!newline && size == OC_SNIFF_BYTES)
			return is_plain(text) && (has_frames || may_begin_line(text));
		if (!text.len)
			continue;
		if (!is_plain(text))
			return false;
		if (parse_line(text, &line))
			return !newline && has_frames && memchr(text.text, ';', text.len);
		has_frames |= memchr(line.stack.text, ';', line.stack.len) != NULL;
	}
	return has_frames;
}

const struct oc_reader oc_reader_folded = {
	.name = "folded",
	.description = "folded stacks, one line each",
	.sniff = sniff,
	.read = read_folded,
};
