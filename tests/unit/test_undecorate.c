/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize/undecorate.h: names by kind, and names that are made to waste time. test_pdb.py compares with llvm-undname.
 */
#include <criterion/criterion.h>

#include "base/macros.h"
#include "symbolize/undecorate.h"

static void expect(const char *name, bool is_x86, const char *want)
{
	struct buffer out = BUFFER_INIT;
	bool done = undecorate(name, is_x86, &out);

	cr_expect(want ? done && !strcmp(out.data, want) : !done, "%s: %s, not %s", name,
		  done ? out.data : "-", want ? want : "-");
	buffer_done(&out);
}

Test(undecorate, cplusplus)
{
	expect("?f@@YAHH@Z", false, "f");
	expect("?f@inner@outer@@YAHH@Z", false, "outer::inner::f");
	expect("??0Box@shapes@@QEAA@HH@Z", false, "shapes::Box::Box");
	expect("??1Box@shapes@@QEAA@XZ", false, "shapes::Box::~Box");
	expect("??HBox@@QEBAHH@Z", false, "Box::operator+");
	expect("??2@YAPEAX_K@Z", false, "operator new");
	expect("?f@?A0x1234@n@@YAXXZ", false, "n::`anonymous namespace'::f");
	expect("??$f@HPEBD$0?0@n@@YAXXZ", false, "n::f<int, char const *, -1>");
	expect("?f@?$vector@V?$list@H@@@@QEAAXXZ", false, "vector<class list<int>>::f");
	expect("?f@A@1@YAXXZ", false, "A::A::f");
}

Test(undecorate, calling_conventions)
{
	expect("_main", true, "main");
	expect("_callback@12", true, "callback");
	expect("@fast@8", true, "fast");
	expect("vector@@16", false, "vector");
	expect("_main", false, NULL);
	expect("plain", true, NULL);
	expect("_odd@x", true, NULL);
	expect("_@4", true, NULL);
}

Test(undecorate, what_is_not_known_stays)
{
	static const char *const names[] = { "",
					     "?",
					     "??",
					     "?f",
					     "?f@",
					     "?f@g",
					     "?1@",
					     "??0@",
					     "??$f@",
					     "??$f@H",
					     "??$f@P6AXXZ@@YAXXZ",
					     "?f@?1??g@@YAXXZ@4HA",
					     "??$?0H@Box@@QEAA@H@Z" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		expect(names[i], false, NULL);
}

/* Templates inside of each other, and references to long names: both would grow without end. */
Test(undecorate, hostile_names)
{
	struct buffer name = BUFFER_INIT, out = BUFFER_INIT;

	buffer_puts(&name, "?f@");
	for (int i = 0; i < 1300; i++)
		buffer_puts(&name, "?$a@");
	cr_assert_not(undecorate(name.data, false, &out));
	buffer_clear(&name);
	buffer_puts(&name, "??$f@");
	for (int i = 0; i < 400; i++)
		buffer_printf(&name, "V?$t@%s@@", i ? "V1@V1@V1@" : "H");
	buffer_puts(&name, "@@YAXXZ");
	undecorate(name.data, false, &out);
	cr_assert_lt(out.len, 4u << 20);
	buffer_done(&name);
	buffer_done(&out);
}
