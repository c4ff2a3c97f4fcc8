/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes decorated names apart: identifiers, scopes, operators, templates with simple arguments.
 * Called by the symbolizer.
 * Must not know where names come from. Source of the grammar: the comments of LLVM's MicrosoftDemangle.cpp.
 */
#include "symbolize/undecorate.h"

#include "base/macros.h"

#define INPUT_MAX  4096u
#define OUTPUT_MAX 16384u
#define SCOPES_MAX 64u
#define KNOWN_MAX  10u /* names that a digit refers back to */
#define DEPTH_MAX  32u /* of templates and pointers within each other */

/* A piece of the output buffer that names are put together in. */
struct piece {
	size_t at;
	size_t len;
};

/* Names that digits refer to; templates have lists of their own. */
struct known {
	struct piece names[KNOWN_MAX];
	uint32_t nr;
};

struct parser {
	const char *at;
	struct buffer *text; /* all names that were met, one behind the other */
	struct known *known;
	uint32_t depth;
	bool failed;
};

static bool parse_type(struct parser *p, struct buffer *out);
static bool parse_qualified(struct parser *p, struct buffer *out);

static bool fail(struct parser *p)
{
	p->failed = true;
	return false;
}

static bool take(struct parser *p, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(p->at, text, len))
		return false;
	p->at += len;
	return true;
}

/* Remembers what was just put behind text->data[from] as a name that may be referred to. */
static struct piece remember(struct parser *p, size_t from, bool can_be_known)
{
	struct piece piece = { .at = from, .len = p->text->len - from };

	for (uint32_t i = 0; can_be_known && i < p->known->nr; i++) {
		const struct piece *old = &p->known->names[i];

		if (old->len == piece.len &&
		    !memcmp(p->text->data + old->at, p->text->data + from, piece.len))
			return piece;
	}
	if (can_be_known && p->known->nr < KNOWN_MAX)
		p->known->names[p->known->nr++] = piece;
	return piece;
}

/* ---- operators --------------------------------------------------------------------------------------------- */

struct operator_name {
	const char *code;
	const char *name;
};

/* Longer codes in front of those that they begin with. "0" and "1" are handled apart. */
static const struct operator_name operators[] = {
	{ "__M", "operator co_await" },
	{ "__L", "operator co_await" },
	{ "_0", "operator/=" },
	{ "_1", "operator%=" },
	{ "_2", "operator>>=" },
	{ "_3", "operator<<=" },
	{ "_4", "operator&=" },
	{ "_5", "operator|=" },
	{ "_6", "operator^=" },
	{ "_7", "`vftable'" },
	{ "_8", "`vbtable'" },
	{ "_9", "`vcall'" },
	{ "_D", "`vbase dtor'" },
	{ "_E", "`vector deleting dtor'" },
	{ "_F", "`default ctor closure'" },
	{ "_G", "`scalar deleting dtor'" },
	{ "_H", "`vector ctor iterator'" },
	{ "_I", "`vector dtor iterator'" },
	{ "_U", "operator new[]" },
	{ "_V", "operator delete[]" },
	{ "2", "operator new" },
	{ "3", "operator delete" },
	{ "4", "operator=" },
	{ "5", "operator>>" },
	{ "6", "operator<<" },
	{ "7", "operator!" },
	{ "8", "operator==" },
	{ "9", "operator!=" },
	{ "A", "operator[]" },
	{ "C", "operator->" },
	{ "D", "operator*" },
	{ "E", "operator++" },
	{ "F", "operator--" },
	{ "G", "operator-" },
	{ "H", "operator+" },
	{ "I", "operator&" },
	{ "J", "operator->*" },
	{ "K", "operator/" },
	{ "L", "operator%" },
	{ "M", "operator<" },
	{ "N", "operator<=" },
	{ "O", "operator>" },
	{ "P", "operator>=" },
	{ "Q", "operator," },
	{ "R", "operator()" },
	{ "S", "operator~" },
	{ "T", "operator^" },
	{ "U", "operator|" },
	{ "V", "operator&&" },
	{ "W", "operator||" },
	{ "X", "operator*=" },
	{ "Y", "operator+=" },
	{ "Z", "operator-=" },
};

static const char *parse_operator(struct parser *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		if (take(p, operators[i].code))
			return operators[i].name;
	}
	return NULL;
}

/* ---- names ------------------------------------------------------------------------------------------------- */

/* An identifier up to its "@". */
static bool parse_identifier(struct parser *p, bool can_be_known, struct piece *ret)
{
	size_t len = strcspn(p->at, "@?"), from = p->text->len;

	if (!len || p->at[len] != '@')
		return fail(p);
	buffer_append(p->text, p->at, len);
	p->at += len + 1;
	*ret = remember(p, from, can_be_known);
	return true;
}

/* A number: "0" to "9" for 1 to 10, else hexadecimal digits "A" to "P" and "@"; "?" in front is the sign. */
static bool parse_number(struct parser *p, struct buffer *out)
{
	uint64_t value = 0;

	if (take(p, "?"))
		buffer_putc(out, '-');
	if (*p->at >= '0' && *p->at <= '9') {
		buffer_put_u64(out, (uint64_t)(*p->at++ - '0') + 1);
		return true;
	}
	for (int i = 0; i < 16 && *p->at >= 'A' && *p->at <= 'P'; i++)
		value = value << 4 | (uint64_t)(*p->at++ - 'A');
	if (!take(p, "@"))
		return fail(p);
	buffer_put_u64(out, value);
	return true;
}

static bool parse_argument(struct parser *p, struct buffer *out)
{
	if (take(p, "$0"))
		return parse_number(p, out);
	return parse_type(p, out);
}

/* Behind "?$": a name, arguments, "@". What is referred to inside is remembered inside only. */
static bool parse_template(struct parser *p, bool can_be_known, struct piece *ret)
{
	struct buffer whole __cleanup(buffer_done) = BUFFER_INIT;
	struct known *outer = p->known, inner = { .nr = 0 };
	struct piece name = { 0 };
	const char *operator_ = NULL;
	bool is_first = true, ok = true;
	size_t from;

	if (++p->depth > DEPTH_MAX)
		return fail(p);
	p->known = &inner;
	if (take(p, "?"))
		operator_ = parse_operator(p);
	else
		ok = parse_identifier(p, true, &name);
	if (operator_)
		buffer_puts(&whole, operator_);
	else if (ok && name.len)
		buffer_append(&whole, p->text->data + name.at, name.len);
	else
		ok = false;
	buffer_putc(&whole, '<');
	while (ok && !take(p, "@")) {
		/* An empty list of a variable number of arguments. */
		if (take(p, "$$V") || take(p, "$$Z") || take(p, "$S"))
			continue;
		if (!is_first)
			buffer_puts(&whole, ", ");
		is_first = false;
		ok = *p->at && parse_argument(p, &whole) && whole.len < OUTPUT_MAX;
	}
	buffer_putc(&whole, '>');
	p->known = outer;
	p->depth--;
	if (!ok || whole.error || p->text->len > OUTPUT_MAX)
		return fail(p);
	from = p->text->len;
	buffer_append(p->text, whole.data, whole.len);
	*ret = remember(p, from, can_be_known);
	return true;
}

/* A part of a qualified name. */
static bool parse_part(struct parser *p, struct piece *ret)
{
	size_t from = p->text->len;

	if (*p->at >= '0' && *p->at <= '9') {
		uint32_t number = (uint32_t)(*p->at++ - '0');

		if (number >= p->known->nr)
			return fail(p);
		*ret = p->known->names[number];
		return true;
	}
	if (take(p, "?$"))
		return parse_template(p, true, ret);
	if (take(p, "?A")) {
		size_t len = strcspn(p->at, "@");

		if (p->at[len] != '@')
			return fail(p);
		p->at += len + 1;
		buffer_puts(p->text, "`anonymous namespace'");
		*ret = remember(p, from, true);
		return true;
	}
	return parse_identifier(p, true, ret);
}

/* Appends the parts, the outermost first, with "::" between them. */
static void put_parts(const struct parser *p, const struct piece *parts, uint32_t nr,
		      struct buffer *out)
{
	while (nr--) {
		buffer_append(out, p->text->data + parts[nr].at, parts[nr].len);
		if (nr)
			buffer_puts(out, "::");
	}
}

/* Scopes up to "@", behind parts[*nr] that were read already. */
static bool parse_scopes(struct parser *p, struct piece *parts, uint32_t *nr)
{
	while (!take(p, "@")) {
		if (*nr == SCOPES_MAX || !*p->at || !parse_part(p, &parts[*nr]))
			return fail(p);
		(*nr)++;
	}
	return true;
}

static bool parse_qualified(struct parser *p, struct buffer *out)
{
	struct piece parts[SCOPES_MAX];
	uint32_t nr = 1;

	if (!parse_part(p, &parts[0]) || !parse_scopes(p, parts, &nr))
		return false;
	put_parts(p, parts, nr, out);
	return true;
}

/* ---- types ------------------------------------------------------------------------------------------------- */

static const char *builtin_type(struct parser *p)
{
	static const struct operator_name types[] = {
		{ "_N", "bool" },
		{ "_J", "__int64" },
		{ "_K", "unsigned __int64" },
		{ "_W", "wchar_t" },
		{ "_Q", "char8_t" },
		{ "_S", "char16_t" },
		{ "_U", "char32_t" },
		{ "$$T", "std::nullptr_t" },
		{ "C", "signed char" },
		{ "D", "char" },
		{ "E", "unsigned char" },
		{ "F", "short" },
		{ "G", "unsigned short" },
		{ "H", "int" },
		{ "I", "unsigned int" },
		{ "J", "long" },
		{ "K", "unsigned long" },
		{ "M", "float" },
		{ "N", "double" },
		{ "O", "long double" },
		{ "X", "void" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (take(p, types[i].code))
			return types[i].name;
	}
	return NULL;
}

/* A class, as what it is written behind: "class ". */
static const char *class_kind(struct parser *p)
{
	if (take(p, "V"))
		return "class ";
	if (take(p, "U"))
		return "struct ";
	if (take(p, "T"))
		return "union ";
	return take(p, "W4") ? "enum " : NULL;
}

/* Behind the letter of a pointer or reference: whether it has 64 bits, what it points to may be, and its type. */
static bool parse_target(struct parser *p, const char *sign, const char *own, struct buffer *out)
{
	static const char *const kinds[] = { "", " const", " volatile", " const volatile" };
	char kind;

	take(p, "E");
	kind = *p->at;
	if (kind < 'A' || kind > 'D')
		return fail(p);
	p->at++;
	if (!parse_type(p, out))
		return false;
	buffer_puts(out, kinds[kind - 'A']);
	buffer_puts(out, out->len && out->data[out->len - 1] == '*' ? "" : " ");
	buffer_puts(out, sign);
	buffer_puts(out, own);
	return true;
}

static bool parse_pointer(struct parser *p, struct buffer *out)
{
	if (take(p, "P"))
		return parse_target(p, "*", "", out);
	if (take(p, "Q"))
		return parse_target(p, "*", "const", out);
	if (take(p, "A"))
		return parse_target(p, "&", "", out);
	if (take(p, "$$Q"))
		return parse_target(p, "&&", "", out);
	return fail(p);
}

static bool parse_type(struct parser *p, struct buffer *out)
{
	const char *name;
	bool ok;

	if (p->failed || out->error || out->len > OUTPUT_MAX || ++p->depth > DEPTH_MAX)
		return fail(p);
	name = builtin_type(p);
	if (name) {
		buffer_puts(out, name);
		ok = true;
	} else {
		name = class_kind(p);
		if (name)
			buffer_puts(out, name);
		ok = name ? parse_qualified(p, out) : parse_pointer(p, out);
	}
	p->depth--;
	return ok;
}

/* ---- whole names ------------------------------------------------------------------------------------------- */

/* Behind the first "?". */
static bool parse_symbol(struct parser *p, struct buffer *out)
{
	struct piece parts[SCOPES_MAX] = { { 0 } };
	const char *operator_ = NULL;
	bool is_constructor = false, is_destructor = false, ok = true;
	uint32_t nr = 1;

	if (take(p, "?$")) {
		ok = parse_template(p, false, &parts[0]);
	} else if (take(p, "?0")) {
		is_constructor = true;
	} else if (take(p, "?1")) {
		is_destructor = true;
	} else if (take(p, "?")) {
		operator_ = parse_operator(p);
		ok = operator_ != NULL;
	} else {
		ok = parse_part(p, &parts[0]);
	}
	if (!ok || !parse_scopes(p, parts, &nr))
		return false;
	if (is_constructor || is_destructor) {
		if (nr < 2)
			return false;
		put_parts(p, parts + 1, nr - 1, out);
		buffer_puts(out, is_destructor ? "::~" : "::");
		buffer_append(out, p->text->data + parts[1].at, parts[1].len);
		return true;
	}
	if (!operator_) {
		put_parts(p, parts, nr, out);
		return true;
	}
	put_parts(p, parts + 1, nr - 1, out);
	buffer_puts(out, nr > 1 ? "::" : "");
	buffer_puts(out, operator_);
	return true;
}

/* "_name", "_name@12", "@name@8", "name@@16": C functions by calling convention. */
static bool undecorate_c(const char *name, bool is_x86, struct buffer *out)
{
	bool has_mark = is_x86 && (name[0] == '_' || name[0] == '@');
	const char *start = has_mark ? name + 1 : name, *at = strchr(start, '@');
	const char *digits = at && at[1] == '@' ? at + 2 : at ? at + 1 : NULL;
	size_t len = at ? (size_t)(at - start) : strlen(start);

	if (digits && (!*digits || digits[strspn(digits, "0123456789")]))
		return false;
	/* Only vector calls have numbers on 64-bit machines too. */
	if (!len || (at && !is_x86 && at[1] != '@') || (!has_mark && !at))
		return false;
	buffer_append(out, start, len);
	return true;
}

bool undecorate(const char *name, bool is_x86, struct buffer *out)
{
	struct buffer text __cleanup(buffer_done) = BUFFER_INIT;
	struct known known = { .nr = 0 };
	struct parser p = { .at = name + 1, .text = &text, .known = &known };

	buffer_clear(out);
	if (name[0] != '?')
		return undecorate_c(name, is_x86, out);
	if (strnlen(name, INPUT_MAX + 1) > INPUT_MAX)
		return false;
	if (!parse_symbol(&p, out))
		return false;
	if (text.error)
		out->error = text.error;
	return !out->error && out->len;
}
