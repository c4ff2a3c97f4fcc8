/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A class, templates and functions to be inlined, for the symbol files that test_pdb.py has made. Never run.
 */
#pragma once
namespace shapes {
struct Box {
	int w, h;
	Box(int a, int b);
	~Box();
	int area() const;
	static int count(int n);
	int operator+(int n) const;
	inline int scaled(int k) const
	{
		return twice(w * k) + h;
	}
	static inline int twice(int v)
	{
		return v * 2 + extra;
	}
	static volatile int extra;
};
template <typename T> T largest(T a, T b)
{
	return a > b ? a : b;
}
static inline int twice_or_thrice(int v)
{
	if (v & 1)
		return Box::twice(v);
	return Box::twice(v) + v;
}
template <typename T> __declspec(noinline) T folded(T a)
{
	return a * 3 + Box::extra;
}
}
