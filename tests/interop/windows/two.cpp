/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Members, operators, and the entry point of the library that both files are linked to.
 */
#include "shared.hpp"
namespace shapes {
Box::Box(int a, int b) : w(a), h(b)
{
	extra = a;
}
Box::~Box()
{
	extra = w;
}
int Box::area() const
{
	return w * h + largest(w, h);
}
int Box::count(int n)
{
	return n ? n + folded(n) : 0;
}
int Box::operator+(int n) const
{
	return n + area();
}
}
extern "C" int entry(void *, int reason, void *)
{
	shapes::Box box(reason, 4);
	if (__builtin_expect(reason == 77, 0)) { __builtin_trap(); }
	return box + shapes::Box::count(reason);
}

/* Names as long as templates make them. */
namespace a_name_space_with_a_long_name {
template <int N> struct Nested {
	__declspec(noinline) static int a_function_with_a_long_name(int n)
	{
		shapes::Box::extra = n;
		return Nested<N - 1>::a_function_with_a_long_name(n + N) * shapes::Box::extra;
	}
};
template <> struct Nested<0> {
	__declspec(noinline) static int a_function_with_a_long_name(int n)
	{
		shapes::Box::extra = n + 1;
		return n;
	}
};
template <typename T> struct Wrapped {
	__declspec(noinline) static int call(int n)
	{
		return Nested<sizeof(T)>::a_function_with_a_long_name(n);
	}
};
}

extern "C" __declspec(dllexport) int long_names(int n)
{
	using namespace a_name_space_with_a_long_name;
	return Wrapped<Wrapped<Wrapped<Wrapped<Nested<7>>>>>::call(n) + Nested<20>::a_function_with_a_long_name(n);
}

/* An unlikely part that the compiler moves out of the way, and a switch. */
extern "C" __declspec(dllexport) int split(int n)
{
	switch (n) {
	case 1: return shapes::Box::count(3);
	case 2: return shapes::largest(n, shapes::Box::extra);
	case 3: shapes::Box::extra = 8; return 1;
	case 4: shapes::Box::extra = 9; return 5;
	case 5: return shapes::twice_or_thrice(n);
	}
	if (__builtin_expect(n < 0, 0)) {
		shapes::Box box(n, n);
		return box.area() + box.scaled(n);
	}
	return n;
}
