/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base/os.h on Windows: what no command shows. Ends with 0 when all holds.
 * Run under wine by tests/windows/test_command.py, in an empty folder.
 */
#include <errno.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/os.h"

#define CHECK(condition)                                                             \
	do {                                                                         \
		if (!(condition)) {                                                  \
			printf("line %d: %s does not hold\n", __LINE__, #condition); \
			nr_failed++;                                                 \
		}                                                                    \
	} while (0)

static int nr_failed;

static void check_temporary(void)
{
	static const char text[] = "far away";
	const uint64_t far_away = (uint64_t)5 << 30;
	char back[sizeof(text)] = "";
	struct os_file file;
	int fd = os_open_temporary(NULL), other = os_open_temporary(".");

	CHECK(fd >= 0 && other >= 0 && fd != other);
	CHECK(os_write_at(fd, text, sizeof(text), 0) == sizeof(text));
	CHECK(os_write_at(other, text, sizeof(text), far_away) == sizeof(text));
	CHECK(os_read_at(other, back, sizeof(back), far_away) == sizeof(back));
	CHECK(!strcmp(back, text));
	CHECK(os_read_at(fd, back, sizeof(back), 4) == sizeof(text) - 4 && !strcmp(back, "away"));
	CHECK(os_read_at(fd, back, sizeof(back), sizeof(text)) == 0);
	CHECK(!os_file_of(other, &file) && file.type == OS_FILE_REGULAR &&
	      file.size == far_away + sizeof(text));
	close(fd);
	close(other);
	CHECK(os_open_temporary("no such folder") == -ENOENT);
}

static void make(const char *name, const char *text)
{
	int fd = os_open_new(name);

	CHECK(fd >= 0 && write(fd, text, (unsigned int)strlen(text)) == (int)strlen(text));
	close(fd);
}

static void check_publish(void)
{
	struct os_file file;
	int fd = os_open_new("new");

	CHECK(fd >= 0 && write(fd, "a\nb", 3) == 3);
	CHECK(os_open_new("new") == -EEXIST);
	make("taken", "longer than it");
	CHECK(os_publish(fd, "new", "taken", false) == -EEXIST);
	CHECK(!os_file_at("new", true, &file));
	CHECK(!os_publish(fd, "new", "taken", true));
	CHECK(os_file_at("new", true, &file) == -ENOENT);
	CHECK(!os_file_at("taken", true, &file) && file.size == 3);
	close(fd);
	CHECK(!os_remove("taken") && os_remove("taken") == -ENOENT);
	CHECK(os_open_read("taken") == -ENOENT && os_open_read(".") == -EISDIR);
}

/* "\xc3\xa4" is a letter outside ASCII. */
static int take_name(void *arg, const char *name)
{
	unsigned int *seen = arg;

	*seen += !strcmp(name, "one") ? 1 : !strcmp(name, "\xc3\xa4") ? 10 : 100;
	return *seen >= 1000 ? 7 : 0;
}

static void check_names(void)
{
	unsigned int seen = 0;

	make("one", "");
	make("\xc3\xa4", "");
	CHECK(os_each_name(".", take_name, &seen) == 0 && seen == 11);
	seen = 1000;
	CHECK(os_each_name(".", take_name, &seen) == 7);
	CHECK(os_each_name("no such folder", take_name, &seen) == -ENOENT);
	os_remove("one");
	os_remove("\xc3\xa4");
}

static void check_memory(void)
{
	const size_t size = 64u << 20;
	uint64_t before = os_peak_memory();
	volatile char *memory = malloc(size);

	CHECK(before > 1u << 20 && memory);
	for (size_t i = 0; memory && i < size; i += 4096)
		memory[i] = 1;
	CHECK(os_peak_memory() >= before + size / 2);
	free((void *)memory);
}

int main(void)
{
	os_prepare_streams();
	CHECK(os_same_name("C:\\\xc3\xa4.X", "c:\\\xc3\x84.x") && !os_same_name("C:\\a", "C:\\ab"));
	check_memory();
	check_temporary();
	check_publish();
	check_names();
	return nr_failed ? 1 : 0;
}
