/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares unwind tables with what readelf prints of the same files: each row of each function, and each expression.
 *
 * usage: unwind_tables FILE...
 *        unwind_tables --debug DEBUGFILE FILE    the table of both, with what readelf says of DEBUGFILE
 *        unwind_tables                           file names on standard input, one a line
 *
 * Prints one line of JSON per file, differences on standard error. Exit status 1 when there were differences.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/buffer.h"
#include "base/json.h"
#include "base/macros.h"
#include "unwind/compiler.h"

extern char **environ;

#define COLUMNS_MAX   40
#define EXPLAINED_MAX 20 /* differences told in words, of one file */

/* How a row of readelf compares. */
enum verdict {
	SAME,
	UNSUPPORTED, /* a rule that cannot be expressed, and our table says so */
	OVERLAPPED,  /* another function begins inside this one and has its addresses */
	DEAD,        /* nothing can run there */
	BAD,         /* readelf and we cannot read the function */
	DIFFERENT,
	NR_VERDICTS
};
static const char *const verdict_names[NR_VERDICTS] = { "same", "unsupported", "overlapped",
							"dead", "bad",         "different" };

/* What the program remembers of a function while it reads. */
struct function {
	uint64_t offset; /* of its FDE */
	uint64_t start;
	uint64_t end;
	bool is_signal;
};

/* An expression that readelf shows in an FDE. */
struct expression {
	uint64_t offset;
	bool of_cfa;
	char text[160];
};

struct comparison {
	const char *path; /* that readelf reads */
	struct unwind_table *table;
	const char *section; /* the one that counts */
	bool in_section;
	bool cie_is_signal; /* of the last CIE; those with signal frames have few FDEs */
	struct function now;
	bool has_function;
	int nr_columns, fp_column, ra_column;
	/* The row before, which ends where the next one begins. */
	bool has_row;
	uint64_t row_start;
	char cfa[64], fp[64], ra[64];
	struct expression *expressions;
	size_t nr_expressions, expressions_cap;
	uint64_t *signal_cies;
	size_t nr_signal_cies, signal_cies_cap;
	struct function *functions;
	size_t nr_functions, functions_cap;
	uint64_t counts[NR_VERDICTS];
	uint64_t explained;
	uint64_t nr_pages; /* with rows, made one by one as well */
	bool failed;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- our side --------------------------------------------------------------------------------------------------- */

/* The rule for an address, and where another one may begin. */
static const struct unwind_rule *rule_at(const struct unwind_table *t, uint64_t address,
					 uint64_t *ret_end)
{
	uint64_t page = (address >> UNWIND_PAGE_SHIFT) - t->first_page;
	uint32_t low = address & 0xffff, from, to, first;

	*ret_end = (address | 0xffff) + 1;
	if (page >= t->nr_pages)
		return &t->rules[0];
	first = from = t->page_rows[page];
	to = t->page_rows[page + 1];
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (UNWIND_ROW_LOW(t->rows[middle]) <= low)
			from = middle + 1;
		else
			to = middle;
	}
	if (from < t->page_rows[page + 1])
		*ret_end = (address & ~0xffffULL) + UNWIND_ROW_LOW(t->rows[from]);
	return from == first ? &t->rules[0] : &t->rules[UNWIND_ROW_RULE(t->rows[from - 1])];
}

static bool is_executable(const struct unwind_table *t, uint64_t address)
{
	for (uint32_t i = 0; i < t->nr_segments; i++) {
		if (t->segments[i].executable && address >= t->segments[i].vaddr &&
		    address - t->segments[i].vaddr < t->segments[i].file_size)
			return true;
	}
	return false;
}

/* ---- as readelf writes it ---------------------------------------------------------------------------------------- */

static const char *const x86_names[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
					 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static void register_name(uint16_t machine, unsigned int number, char *name, size_t size)
{
	if (machine == EM_X86_64 && number < ARRAY_SIZE(x86_names))
		snprintf(name, size, "%s", x86_names[number]);
	else if (machine == EM_AARCH64 && number == 31)
		snprintf(name, size, "sp");
	else
		snprintf(name, size, "x%u", number);
}

static unsigned int fp_of(const struct comparison *c)
{
	return c->table->machine == EM_X86_64 ? 6 : 29;
}

static unsigned int sp_of(const struct comparison *c)
{
	return c->table->machine == EM_X86_64 ? 7 : 31;
}

/* True when the FDE has the expression "register + offset" and what follows it. */
static bool has_expression(const struct comparison *c, bool of_cfa, unsigned int reg, int64_t off,
			   const char *rest)
{
	char name[8], text[160];

	register_name(c->table->machine, reg, name, sizeof(name));
	snprintf(text, sizeof(text), "(DW_OP_breg%u (%s): %lld%s)", reg, name, (long long)off,
		 rest);
	for (size_t i = 0; i < c->nr_expressions; i++) {
		if (c->expressions[i].offset == c->now.offset &&
		    c->expressions[i].of_cfa == of_cfa && !strcmp(c->expressions[i].text, text))
			return true;
	}
	return false;
}

static bool cfa_expression_matches(const struct comparison *c, const struct unwind_rule *rule)
{
	char rest[128] = "; DW_OP_deref";

	switch (rule->cfa) {
	case UNWIND_CFA_PLT:
		snprintf(rest, sizeof(rest),
			 "; DW_OP_breg16 (rip): 0; DW_OP_lit15; DW_OP_and; DW_OP_lit%d; DW_OP_ge; "
			 "DW_OP_lit3; DW_OP_shl; DW_OP_plus",
			 rule->cfa_off);
		return has_expression(c, true, sp_of(c), 8, rest);
	case UNWIND_CFA_FP_DEREF:
		return has_expression(c, true, fp_of(c), rule->cfa_off, rest);
	case UNWIND_CFA_SP_DEREF:
		if (rule->reg)
			snprintf(rest, sizeof(rest), "; DW_OP_deref; DW_OP_plus_uconst: %u",
				 rule->reg);
		return has_expression(c, true, sp_of(c), rule->cfa_off, rest);
	case UNWIND_CFA_SP:
		return has_expression(c, true, sp_of(c), rule->cfa_off, "");
	case UNWIND_CFA_FP:
		return has_expression(c, true, fp_of(c), rule->cfa_off, "");
	case UNWIND_CFA_REG:
		return has_expression(c, true, rule->reg, rule->cfa_off, "");
	default:
		return false;
	}
}

static bool cfa_matches(const struct comparison *c, const struct unwind_rule *rule)
{
	char name[8], text[64];

	if (!strcmp(c->cfa, "exp"))
		return cfa_expression_matches(c, rule);
	if (rule->cfa != UNWIND_CFA_SP && rule->cfa != UNWIND_CFA_FP && rule->cfa != UNWIND_CFA_REG)
		return false;
	register_name(c->table->machine,
		      rule->cfa == UNWIND_CFA_SP   ? sp_of(c)
		      : rule->cfa == UNWIND_CFA_FP ? fp_of(c)
						   : rule->reg,
		      name, sizeof(name));
	snprintf(text, sizeof(text), "%s%+d", name, rule->cfa_off);
	return !strcmp(c->cfa, text);
}

static bool saved_matches(const struct comparison *c, const struct unwind_rule *rule, uint8_t kind,
			  int32_t off, const char *column)
{
	char text[64];

	if (!strcmp(column, "exp")) {
		if (kind == UNWIND_SAVED_AT_FP)
			return has_expression(c, false, fp_of(c), off, "");
		return kind == UNWIND_SAVED_AT_CFA && rule->cfa == UNWIND_CFA_SP &&
		       has_expression(c, false, sp_of(c), (int64_t)rule->cfa_off + off, "");
	}
	if (kind == UNWIND_SAVED_SAME)
		return !strcmp(column, "u") || !strcmp(column, "s");
	snprintf(text, sizeof(text), "c%+d", off);
	return kind == UNWIND_SAVED_AT_CFA && !strcmp(column, text);
}

/* True when the column says what no rule of ours can. */
static bool is_beyond_us(const struct comparison *c, const char *column, bool of_ra)
{
	if (!strcmp(column, "u") || !strcmp(column, "s"))
		return of_ra && c->table->machine == EM_X86_64 && column[0] == 's';
	return strncmp(column, "c-", 2) && strncmp(column, "c+", 2);
}

static enum verdict judge(const struct comparison *c, const struct unwind_rule *rule)
{
	bool is_x86 = c->table->machine == EM_X86_64;

	if (rule->cfa == UNWIND_CFA_UNKNOWN) {
		char sp[8], fp[8];
		bool plain;

		register_name(c->table->machine, sp_of(c), sp, sizeof(sp));
		register_name(c->table->machine, fp_of(c), fp, sizeof(fp));
		plain = !strncmp(c->cfa, sp, strlen(sp)) || !strncmp(c->cfa, fp, strlen(fp));
		return plain && !is_beyond_us(c, c->fp, false) && !is_beyond_us(c, c->ra, true)
			       ? DIFFERENT
			       : UNSUPPORTED;
	}
	if (rule->cfa == UNWIND_CFA_END)
		return !strcmp(c->ra, "u") ? SAME : DIFFERENT;
	if (rule->cfa == UNWIND_CFA_SIGNAL)
		return c->now.is_signal && (!is_x86 || !strcmp(c->cfa, "exp")) ? SAME : DIFFERENT;
	if (!cfa_matches(c, rule) || !saved_matches(c, rule, rule->fp, rule->fp_off, c->fp) ||
	    !saved_matches(c, rule, rule->ra, rule->ra_off, c->ra))
		return DIFFERENT;
	return is_x86 && rule->ra == UNWIND_SAVED_SAME ? DIFFERENT : SAME;
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

static int compare_starts(const void *a, const void *b)
{
	const struct function *f = a, *g = b;

	return f->start < g->start ? -1 : f->start > g->start;
}

/* True when another function begins in the present one, at or before `address`, or holds its beginning. */
static bool is_overlapped(const struct comparison *c, uint64_t address)
{
	for (size_t i = 0; i < c->nr_functions; i++) {
		const struct function *f = &c->functions[i];

		if (f->offset != c->now.offset && f->start <= address && c->now.start < f->end &&
		    (f->start >= c->now.start || f->end > c->now.start))
			return true;
	}
	return false;
}

static void explain(struct comparison *c, uint64_t address, const struct unwind_rule *rule)
{
	c->failed = true;
	if (c->explained++ >= EXPLAINED_MAX)
		return;
	fprintf(stderr,
		"%s: %#llx: readelf says cfa %s fp %s ra %s; the table kind %u reg %u %+d, fp "
		"%u%+d, ra %u%+d\n",
		c->path, (unsigned long long)address, c->cfa, c->fp, c->ra, rule->cfa, rule->reg,
		rule->cfa_off, rule->fp, rule->fp_off, rule->ra, rule->ra_off);
}

/* The row that began at row_start ends at `end`. */
static void finish_row(struct comparison *c, uint64_t end)
{
	enum verdict worst = SAME;

	if (!c->has_row)
		return;
	c->has_row = false;
	end = MIN(end, c->now.end);
	if (c->row_start >= end)
		return;
	if (!is_executable(c->table, c->row_start)) {
		c->counts[DEAD]++;
		return;
	}
	for (uint64_t at = c->row_start, next; at < end; at = next) {
		const struct unwind_rule *rule = rule_at(c->table, at, &next);
		enum verdict verdict = judge(c, rule);

		if (verdict == DIFFERENT && is_overlapped(c, at))
			verdict = OVERLAPPED;
		if (verdict == DIFFERENT)
			explain(c, at, rule);
		worst = MAX(worst, verdict);
	}
	c->counts[worst]++;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Runs readelf and calls fn for each line it prints. */
static void each_line(struct comparison *c, const char *option,
		      void (*fn)(struct comparison *c, char *line))
{
	char *argv[] = { "readelf", "--wide", (char *)option, "--", (char *)c->path, NULL };
	posix_spawn_file_actions_t actions;
	char *line = NULL;
	size_t cap = 0;
	int pipe_fds[2], status;
	pid_t pid;
	FILE *out;

	if (pipe2(pipe_fds, O_CLOEXEC) || posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO) ||
	    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0))
		die("readelf");
	errno = posix_spawnp(&pid, "readelf", &actions, NULL, argv, environ);
	if (errno)
		die("readelf");
	posix_spawn_file_actions_destroy(&actions);
	close(pipe_fds[1]);
	out = fdopen(pipe_fds[0], "r");
	if (!out)
		die("readelf");
	while (getline(&line, &cap, out) > 0)
		fn(c, line);
	free(line);
	fclose(out);
	if (waitpid(pid, &status, 0) != pid)
		die("readelf");
}

/* Follows section titles. Returns true when the line is in the section that counts. */
static bool follow_section(struct comparison *c, const char *line)
{
	if (!strncmp(line, "Contents of the ", 16)) {
		const char *name = line + 16;

		c->in_section = !strncmp(name, c->section, strlen(c->section)) &&
				name[strlen(c->section)] == ' ';
		c->has_function = false;
	}
	return c->in_section;
}

/* Reads "OFFSET LENGTH ID FDE cie=OFFSET pc=START..END". */
static bool parse_fde(struct comparison *c, const char *line, struct function *ret)
{
	unsigned long long offset, cie, start, end;

	if (sscanf(line, "%llx %*x %*x FDE cie=%llx pc=%llx..%llx", &offset, &cie, &start, &end) !=
	    4)
		return false;
	*ret = (struct function){ .offset = offset, .start = start, .end = end };
	for (size_t i = 0; i < c->nr_signal_cies; i++)
		ret->is_signal |= c->signal_cies[i] == cie;
	return true;
}

static void parse_columns(struct comparison *c, char *line)
{
	char *state = NULL;
	int column = 0;

	c->fp_column = c->ra_column = -1;
	for (char *word = strtok_r(line, " \n", &state); word;
	     word = strtok_r(NULL, " \n", &state)) {
		if (!strcmp(word, fp_of(c) == 6 ? "rbp" : "x29"))
			c->fp_column = column;
		else if (!strcmp(word, "ra"))
			c->ra_column = column;
		column++;
	}
	c->nr_columns = column;
}

static void parse_row(struct comparison *c, char *line)
{
	char *state = NULL, *end;
	int column = 0;
	uint64_t address = strtoull(line, &end, 16);

	if (end == line || *end != ' ')
		return;
	finish_row(c, address);
	snprintf(c->fp, sizeof(c->fp), "u");
	snprintf(c->ra, sizeof(c->ra), "u");
	for (char *word = strtok_r(line, " \n", &state); word;
	     word = strtok_r(NULL, " \n", &state)) {
		if (word[0] == '(')
			continue; /* the other name of a register */
		if (column == 1)
			snprintf(c->cfa, sizeof(c->cfa), "%s", word);
		else if (column == c->fp_column)
			snprintf(c->fp, sizeof(c->fp), "%s", word);
		else if (column == c->ra_column)
			snprintf(c->ra, sizeof(c->ra), "%s", word);
		column++;
	}
	if (column != c->nr_columns) {
		fprintf(stderr, "%s: %#llx: this row of readelf's has %d columns of %d\n", c->path,
			(unsigned long long)address, column, c->nr_columns);
		c->failed = true;
	}
	c->row_start = address;
	c->has_row = true;
}

/* A line of --debug-dump=frames-interp. */
static void interpreted_line(struct comparison *c, char *line)
{
	bool was_in = c->in_section;

	if (!follow_section(c, line)) {
		if (was_in)
			finish_row(c, UINT64_MAX);
		return;
	}
	if (strstr(line, " CIE ") || strstr(line, " FDE ") || line[0] == '\n') {
		finish_row(c, UINT64_MAX);
		c->has_function = line[0] != '\n' && parse_fde(c, line, &c->now);
	} else if (c->has_function && strstr(line, "LOC ")) {
		parse_columns(c, line);
	} else if (c->has_function) {
		parse_row(c, line);
	}
}

/* A line of --debug-dump=frames: functions, signal CIEs, expressions. */
static void raw_line(struct comparison *c, char *line)
{
	const char *text = strstr(line, "(DW_OP_");
	unsigned long long cie;

	if (!follow_section(c, line))
		return;
	if (strstr(line, " CIE")) {
		c->cie_is_signal = false;
		c->now.offset = strtoull(line, NULL, 16);
		c->has_function = false;
	} else if (strstr(line, "Augmentation: ") &&
		   strchr(strchr(line, '"') ? strchr(line, '"') : line, 'S')) {
		cie = c->now.offset;
		if (array_reserve(&c->signal_cies, &c->signal_cies_cap, c->nr_signal_cies + 1,
				  sizeof(*c->signal_cies)))
			die("memory");
		c->signal_cies[c->nr_signal_cies++] = cie;
	} else if (strstr(line, " FDE ") && parse_fde(c, line, &c->now)) {
		if (array_reserve(&c->functions, &c->functions_cap, c->nr_functions + 1,
				  sizeof(*c->functions)))
			die("memory");
		c->functions[c->nr_functions++] = c->now;
	} else if (text) {
		struct expression *e;
		size_t length = strcspn(text, "\n");

		if (array_reserve(&c->expressions, &c->expressions_cap, c->nr_expressions + 1,
				  sizeof(*c->expressions)))
			die("memory");
		e = &c->expressions[c->nr_expressions++];
		e->offset = c->now.offset;
		e->of_cfa = strstr(line, "DW_CFA_def_cfa_expression");
		snprintf(e->text, sizeof(e->text), "%.*s", (int)MIN(length, sizeof(e->text) - 1),
			 text);
	}
}

/* Bytes that readelf's functions cover. */
static uint64_t covered_bytes(struct comparison *c)
{
	uint64_t end = 0, sum = 0;

	qsort(c->functions, c->nr_functions, sizeof(*c->functions), compare_starts);
	for (size_t i = 0; i < c->nr_functions; i++) {
		const struct function *f = &c->functions[i];

		if (!is_executable(c->table, f->start) || f->end <= end)
			continue;
		sum += f->end - MAX(f->start, end);
		end = f->end;
	}
	return sum;
}

/* Rows of signal frames, described or found by their code. */
static uint64_t signal_rows(const struct unwind_table *t)
{
	uint64_t nr = 0;

	for (uint32_t i = 0; i < t->nr_rows; i++)
		nr += t->rules[UNWIND_ROW_RULE(t->rows[i])].cfa == UNWIND_CFA_SIGNAL;
	return nr;
}

static void print_result(struct comparison *c)
{
	const struct unwind_table_stats *s = &c->table->stats;
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "fdes", s->nr_fdes },
		{ "bad_fdes", s->bad_fdes },
		{ "overlapping", s->overlapping },
		{ "rows", c->table->nr_rows },
		{ "rules", c->table->nr_rules },
		{ "unknown_rows", s->unknown_rows },
		{ "signal_rows", signal_rows(c->table) },
		{ "covered_bytes", s->covered_bytes },
		{ "unknown_bytes", s->unknown_bytes },
		{ "readelf_covered_bytes", covered_bytes(c) },
		{ "table_bytes", unwind_table_bytes(c->table) },
		{ "pages_by_themselves", c->nr_pages },
	};
	struct buffer b = BUFFER_INIT;
	struct json j;

	json_init(&j, &b);
	json_object_begin(&j);
	json_key(&j, "file");
	json_string(&j, c->path);
	for (int i = 0; i < NR_VERDICTS; i++) {
		json_key(&j, verdict_names[i]);
		json_u64(&j, c->counts[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		json_key(&j, numbers[i].name);
		json_u64(&j, numbers[i].value);
	}
	json_object_end(&j);
	buffer_putc(&b, '\n');
	if (b.error)
		die("memory");
	fwrite(b.data, 1, b.len, stdout);
	buffer_done(&b);
}

/* A line for a file that has no table. Returns whether that is as it should be: it is damaged, or not for us. */
static bool print_no_table(const char *path, int rc)
{
	struct buffer b = BUFFER_INIT;
	struct json j;

	json_init(&j, &b);
	json_object_begin(&j);
	json_key(&j, "file");
	json_string(&j, path);
	json_key(&j, "no_table");
	json_u64(&j, 1);
	json_object_end(&j);
	buffer_putc(&b, '\n');
	if (b.error)
		die("memory");
	fwrite(b.data, 1, b.len, stdout);
	buffer_done(&b);
	fprintf(stderr, "%s: no table: %s\n", path, strerror(-rc));
	return rc == -EBADMSG || rc == -EOPNOTSUPP;
}

/* Compiles the table of a file and its debug file (NULL = none). Returns 0 or an error. */
static int compile(const char *path, const char *debug_path, struct unwind_table **ret_table)
{
	int fd __cleanup(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
	int debug_fd __cleanup(cleanup_close) =
		debug_path ? open(debug_path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0 || (debug_path && debug_fd < 0))
		return -errno;
	return unwind_table_compile(fd, debug_fd, ret_table, NULL);
}

static const struct unwind_rule *rule_of(const struct unwind_page_rows *page, uint32_t row)
{
	return &page->rules[UNWIND_ROW_RULE(page->rows[row])];
}

static bool pages_equal(const struct unwind_page_rows *a, const struct unwind_page_rows *b)
{
	if (a->nr_rows != b->nr_rows)
		return false;
	for (uint32_t i = 0; i < a->nr_rows; i++) {
		if (UNWIND_ROW_LOW(a->rows[i]) != UNWIND_ROW_LOW(b->rows[i]) ||
		    memcmp(rule_of(a, i), rule_of(b, i), sizeof(struct unwind_rule)) != 0)
			return false;
	}
	return true;
}

/* The rows of a page by its address; a table has none outside of its pages. */
static struct unwind_page_rows rows_at(const struct unwind_table *table, uint64_t page)
{
	struct unwind_page_rows rows = { 0 };

	if (page >= table->first_page && page - table->first_page < table->nr_pages &&
	    unwind_table_page(table, (uint32_t)(page - table->first_page), &rows))
		die("page");
	return rows;
}

/* Returns false when pages that are made one by one differ from those of the whole table, which is right. */
static bool compare_pages(struct comparison *c, const char *path)
{
	int fd __cleanup(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
	struct unwind_table *lazy;
	uint64_t first, last;
	bool equal = true;

	if (fd < 0 || lazy_open(fd, 0, &lazy) != 1)
		return true;
	first = c->table->nr_pages ? MIN(lazy->first_page, c->table->first_page) : lazy->first_page;
	last = MAX(lazy->first_page + lazy->nr_pages, c->table->first_page + c->table->nr_pages);
	for (uint64_t page = first; page < last; page++) {
		struct unwind_page_rows whole = rows_at(c->table, page);
		struct unwind_page_rows made = rows_at(lazy, page);

		c->nr_pages += made.nr_rows != 0;
		if (pages_equal(&whole, &made))
			continue;
		equal = false;
		fprintf(stderr, "%s: page %llx differs: %u rows, by itself %u\n", path,
			(unsigned long long)page << UNWIND_PAGE_SHIFT, whole.nr_rows, made.nr_rows);
	}
	unwind_table_free(lazy);
	return equal;
}

/* Returns false when the table differs from what readelf says, or from itself made page by page. */
static bool compare_file(const char *path, const char *debug_path)
{
	struct comparison c = { .path = debug_path ? debug_path : path, .section = ".eh_frame" };
	int rc = compile(path, debug_path, &c.table);

	if (rc)
		return print_no_table(path, rc);
	each_line(&c, "--debug-dump=frames", raw_line);
	if (!c.nr_functions) {
		c.section = ".debug_frame";
		c.in_section = false;
		each_line(&c, "--debug-dump=frames", raw_line);
	}
	c.in_section = c.has_function = false;
	each_line(&c, "--debug-dump=frames-interp", interpreted_line);
	finish_row(&c, UINT64_MAX);
	c.failed |= !debug_path && !compare_pages(&c, path);
	print_result(&c);
	unwind_table_free(c.table);
	free(c.expressions);
	free(c.signal_cies);
	free(c.functions);
	return !c.failed;
}

int main(int argc, char **argv)
{
	bool good = true;
	char *line = NULL;
	size_t cap = 0;
	ssize_t length;

	if (argc == 4 && !strcmp(argv[1], "--debug"))
		return compare_file(argv[3], argv[2]) ? 0 : 1;
	for (int i = 1; i < argc; i++)
		good &= compare_file(argv[i], NULL);
	while (argc == 1 && (length = getline(&line, &cap, stdin)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		good &= compare_file(line, NULL);
		fflush(stdout);
	}
	free(line);
	return good ? 0 : 1;
}
