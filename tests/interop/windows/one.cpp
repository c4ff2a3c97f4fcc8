/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Functions inlined into each other, hidden ones, exports, and two that the linker folds into one.
 */
#include "shared.hpp"
using namespace shapes;
volatile int shapes::Box::extra = 1;
extern "C" int _fltused = 0;
static volatile int sink;
static inline int inner(int v)
{
	sink = v;
	return v + 7;
}
static inline int outer(int v)
{
	int r = inner(v) * 2;
	sink = r;
	return r + inner(r);
}
namespace {
__declspec(noinline) int hidden(int v)
{
	for (int i = 0; i < v; i++)
		sink = sink + outer(i);
	return sink;
}
}
extern "C" __declspec(dllexport) int exported_c(int v)
{
	return hidden(v) + Box(v, 2).scaled(3);
}
__declspec(dllexport) int exported_cpp(int v, const char *text)
{
	return v + text[0] + folded(v) + (int)folded((unsigned)v);
}
