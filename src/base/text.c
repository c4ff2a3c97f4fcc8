/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleaning text from outside, and strict number parsing.
 * Called through base/text.h.
 * Must not know where the text comes from.
 */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>

#include "base/hex.h"
#include "base/le.h"

#define TEN_YEARS_NS (10ULL * 366 * 86400 * 1000000000ULL)

/* Length of the valid UTF-8 sequence at s[len], 0 when there is none. *ret_cp is its code point. */
static size_t utf8_length(const unsigned char *s, size_t len, uint32_t *ret_cp)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t cp;
	size_t n;

	if (s[0] < 0x80) {
		*ret_cp = s[0];
		return 1;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2, cp = s[0] & 0x1f;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3, cp = s[0] & 0x0f;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4, cp = s[0] & 0x07;
	else
		return 0;
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < smallest[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return n;
}

static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

/* Whether eight bytes are all from 0x20 to 0x7e, as nearly all text is. The first that is not makes a top bit appear. */
static bool is_plain(const unsigned char *s)
{
	uint64_t eight = le64(s);

	return !((eight | (eight - 0x2020202020202020) | (eight + 0x0101010101010101)) &
		 0x8080808080808080);
}

bool text_is_clean(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n;

		if (len - i >= 8 && is_plain(s + i)) {
			i += 8;
			continue;
		}
		n = utf8_length(s + i, len - i, &cp);
		if (!n || is_control(cp))
			return false;
		i += n;
	}
	return true;
}

void text_clean(struct buffer *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = utf8_length(s + i, len - i, &cp);

		if (!n) {
			buffer_puts(out, "\xef\xbf\xbd");
			i++;
			continue;
		}
		if (cp == '\n')
			buffer_puts(out, "\\n");
		else if (cp == '\t')
			buffer_puts(out, "\\t");
		else if (is_control(cp))
			buffer_printf(out, "\\x%02x", cp);
		else
			buffer_append(out, text + i, n);
		i += n;
	}
}

void text_put_xml(struct buffer *out, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		const char *instead = NULL;
		size_t size = 1;

		if (c == '&')
			instead = "&amp;";
		else if (c == '<')
			instead = "&lt;";
		else if (c == '>')
			instead = "&gt;";
		else if (c == '"')
			instead = "&quot;";
		/* U+FFFE and U+FFFF are not XML characters. */
		else if (c == 0xef && i + 2 < len && !memcmp(text + i, "\xef\xbf", 2) &&
			 (unsigned char)text[i + 2] >= 0xbe)
			instead = "\xef\xbf\xbd", size = 3;
		if (!instead)
			continue;
		buffer_append(out, text + from, i - from);
		buffer_puts(out, instead);
		i += size - 1;
		from = i + 1;
	}
	buffer_append(out, text + from, len - from);
}

void text_put_file_name(struct buffer *out, const char *text, size_t max)
{
	size_t len = text_whole_characters(text, strlen(text), max);

	if (!len)
		buffer_puts(out, "unknown");
	for (size_t i = 0; i < len; i++) {
		bool bad = (unsigned char)text[i] < ' ' || strchr("/\\:*?\"<>|[]", text[i]) ||
			   (!i && strchr(".- ", text[i]));

		buffer_putc(out, bad ? '_' : text[i]);
	}
}

size_t text_whole_characters(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

bool text_is_windows_path(const char *path)
{
	return path[0] != '/' && strchr(path, '\\');
}

const char *text_base_name(const char *path)
{
	const char *end = strrchr(path, text_is_windows_path(path) ? '\\' : '/');

	return end && end[1] ? end + 1 : path;
}

int text_parse_u64(const char *text, int base, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (base == 16 && text[0] == '0' && (text[1] | 0x20) == 'x')
		text += 2;
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		int digit = hex_digit(*text);

		if (digit < 0 || digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(value, (uint64_t)base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			return -ERANGE;
	}
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int text_parse_range(const char **text, uint64_t max, uint64_t *ret_first, uint64_t *ret_last)
{
	size_t len = strcspn(*text, ",");
	char item[48]; /* two numbers of 20 digits */
	char *dash;
	int rc;

	if (len >= sizeof(item))
		return -EINVAL;
	memcpy(item, *text, len);
	item[len] = '\0';
	dash = strchr(item, '-');
	if (dash)
		*dash = '\0';
	rc = text_parse_u64(item, 10, max, ret_first);
	*ret_last = *ret_first;
	if (!rc && dash)
		rc = text_parse_u64(dash + 1, 10, max, ret_last);
	if (rc)
		return rc;
	if (*ret_first > *ret_last)
		return -EINVAL;
	*text = (*text)[len] ? *text + len + 1 : NULL;
	return 0;
}

/* Reads digits[.digits] from *text as a decimal number; *text then stands behind it. */
static int parse_decimal(const char **text, double *ret_value)
{
	const char *s = *text;
	double value = 0, scale = 1;
	bool digits = false;

	for (; isdigit((unsigned char)*s); s++, digits = true)
		value = value * 10 + (*s - '0');
	if (*s == '.') {
		for (s++; isdigit((unsigned char)*s); s++, digits = true) {
			scale /= 10;
			value += (*s - '0') * scale;
		}
	}
	if (!digits)
		return -EINVAL;
	*text = s;
	*ret_value = value;
	return 0;
}

int text_parse_decimal(const char *text, double max, double *ret_value)
{
	double value;

	if (parse_decimal(&text, &value) || *text)
		return -EINVAL;
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int text_parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "", 1e9 }, { "s", 1e9 },  { "ms", 1e6 },   { "us", 1e3 },
		{ "ns", 1 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	double value;

	if (parse_decimal(&text, &value))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text, units[i].unit))
			continue;
		value *= units[i].ns;
		if (value < 1 || value > (double)TEN_YEARS_NS)
			return -ERANGE;
		*ret_ns = (uint64_t)(value + 0.5);
		return 0;
	}
	return -EINVAL;
}

/* ---- dates and times ---- */

/* Reads exactly `nr` digits, a number from min to max, from *text, which then stands behind them. */
static bool take_digits(const char **text, unsigned int nr, int min, int max, int *ret_value)
{
	int value = 0;

	for (unsigned int i = 0; i < nr; i++, ++*text) {
		if (!isdigit((unsigned char)**text))
			return false;
		value = value * 10 + (**text - '0');
	}
	*ret_value = value;
	return value >= min && value <= max;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

static bool take_date(const char **text, struct tm *tm)
{
	if (!take_digits(text, 4, 1970, 2500, &tm->tm_year) || !take_char(text, '-') ||
	    !take_digits(text, 2, 1, 12, &tm->tm_mon) || !take_char(text, '-') ||
	    !take_digits(text, 2, 1, 31, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

static bool take_time(const char **text, struct tm *tm, uint64_t *ret_fraction_ns)
{
	uint64_t digit_ns = 100000000;

	*ret_fraction_ns = 0;
	if (!take_digits(text, 2, 0, 23, &tm->tm_hour) || !take_char(text, ':') ||
	    !take_digits(text, 2, 0, 59, &tm->tm_min))
		return false;
	if (!take_char(text, ':'))
		return true;
	if (!take_digits(text, 2, 0, 59, &tm->tm_sec))
		return false;
	if (!take_char(text, '.'))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text, digit_ns /= 10)
		*ret_fraction_ns += (uint64_t)(**text - '0') * digit_ns;
	return true;
}

/* Reads "Z", "+01:00" or "+0100"; *ret_local when there is nothing. */
static bool take_zone(const char **text, bool *ret_local, int *ret_offset_s)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	*ret_local = !**text;
	*ret_offset_s = 0;
	if (*ret_local || take_char(text, 'Z'))
		return true;
	if (!take_char(text, '+') && !take_char(text, '-'))
		return false;
	if (!take_digits(text, 2, 0, 14, &hours))
		return false;
	take_char(text, ':');
	if (!take_digits(text, 2, 0, 59, &minutes))
		return false;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

int text_parse_wall_time(const char *text, uint64_t *ret_ns)
{
	struct tm tm = { .tm_isdst = -1 };
	uint64_t fraction_ns;
	int offset_s, day;
	time_t seconds;
	bool local;

	if (!take_date(&text, &tm) || (!take_char(&text, 'T') && !take_char(&text, ' ')) ||
	    !take_time(&text, &tm, &fraction_ns) || !take_zone(&text, &local, &offset_s) || *text)
		return -EINVAL;
	day = tm.tm_mday;
	seconds = local ? mktime(&tm) : timegm(&tm);
	/* A day that the month does not have becomes one of the next. */
	if (tm.tm_mday != day)
		return -EINVAL;
	seconds -= offset_s;
	if (seconds < 0)
		return -EINVAL;
	*ret_ns = (uint64_t)seconds * 1000000000ULL + fraction_ns;
	return 0;
}

int text_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char suffixes[] = "kmgt";
	unsigned int shift = 0;
	char digits[24];
	uint64_t value;
	size_t len = strspn(text, "0123456789");
	const char *rest = text + len;
	int rc;

	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	rc = text_parse_u64(digits, 10, UINT64_MAX, &value);
	if (rc)
		return rc;
	if (*rest) {
		const char *found = strchr(suffixes, *rest | 0x20);

		if (found && *found) {
			shift = 10 * (unsigned int)(found - suffixes + 1);
			rest++;
		}
		if (strcmp(rest, "") && strcmp(rest, "B") && (!shift || strcmp(rest, "iB")))
			return -EINVAL;
	}
	if (shift && value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}
