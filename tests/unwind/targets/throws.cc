/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C++ to be stopped at random instants: exceptions through frames with destructors, virtual calls, callbacks from the
 * standard library. Usage: throws SECONDS
 */
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace
{

volatile uint64_t sink;
uint64_t random_state = 88172645463325252ULL;

unsigned int pick(unsigned int below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return static_cast<unsigned int>(random_state >> 20) % below;
}

struct error : std::runtime_error {
	error(int left, int catch_at) : std::runtime_error("thrown at " + std::to_string(left)), catch_at(catch_at)
	{
	}
	int catch_at;
};

/* Has work to do while a frame is being unwound. */
class guard
{
      public:
	explicit guard(int left) : text(static_cast<size_t>(left) % 40 + 20, 'x')
	{
	}
	NOINLINE ~guard()
	{
		for (char c : text)
			sink = sink + static_cast<uint64_t>(c);
	}

      private:
	std::string text;
};

NOINLINE void descend(int left);

struct step {
	virtual ~step() = default;
	virtual void run(int left) = 0;
};

struct guarded : step {
	NOINLINE void run(int left) override
	{
		guard g(left);
		descend(left - 1);
	}
};

struct catching : step {
	NOINLINE void run(int left) override
	{
		try {
			guard g(left);
			descend(left - 1);
		} catch (const error &e) {
			sink = sink + std::string(e.what()).size();
			if (e.catch_at > left)
				throw;
		}
	}
};

struct sorting : step {
	NOINLINE void run(int left) override
	{
		std::vector<int> v = { 5, 3, 9, 1 };
		bool first = true;

		std::sort(v.begin(), v.end(), [&](int a, int b) {
			if (first) {
				first = false;
				descend(left - 1);
			}
			return a < b;
		});
		sink = sink + static_cast<uint64_t>(v[0]);
	}
};

struct calling : step {
	NOINLINE void run(int left) override
	{
		std::function<void(int)> f = [](int l) { descend(l - 1); };
		std::map<std::string, int> m;

		for (int i = 0; i < 8; i++)
			m["key " + std::to_string(i * left)] = i;
		f(left);
		sink = sink + m.size();
	}
};

NOINLINE void leaf(int left)
{
	if (pick(8) == 0)
		throw error(left, static_cast<int>(pick(20)));
	std::ostringstream out;

	for (unsigned int i = pick(20); i; i--)
		out << i << ' ' << 1.5 * i;
	sink = sink + out.str().size();
}

const std::vector<std::unique_ptr<step>> &steps()
{
	static std::vector<std::unique_ptr<step>> all = [] {
		std::vector<std::unique_ptr<step>> v;
		v.push_back(std::make_unique<guarded>());
		v.push_back(std::make_unique<catching>());
		v.push_back(std::make_unique<sorting>());
		v.push_back(std::make_unique<calling>());
		return v;
	}();
	return all;
}

NOINLINE void descend(int left)
{
	if (left <= 0)
		leaf(left);
	else
		steps()[pick(4)]->run(left);
	__asm__ volatile("" ::: "memory");
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	const time_t end = time(nullptr) + atoi(argv[1]);

	while (time(nullptr) < end) {
		try {
			descend(static_cast<int>(pick(20)));
		} catch (const error &e) {
			sink = sink + 1;
		}
	}
	return 0;
}
