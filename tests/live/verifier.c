/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads every program of BPF object files alone and prints, as one JSON object, what the kernel's verifier says of it.
 * Called by tests/live/test_verifier.py, and by the script that runs in virtual machines (tests/vm).
 * Knows no program and no setting by name: each program is loaded with the settings the object has, with all switches
 * (constants of type bool) off, and with all of them on, because the verifier leaves out what a constant rules out.
 * Usage: verifier OBJECT...
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/macros.h"

#define LOG_STATS \
	4 /* BPF_LOG_STATS of include/linux/bpf_verifier.h: only the statistics, and errors */
#define LOG_BYTES (1u << 20)

static const char *const variants[] = { "default", "off", "on" };

static char log_text[LOG_BYTES];

static int print_warnings(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

/* Sets every bool of one section of constants. */
static void set_switches_of(const struct btf *btf, const struct btf_type *section, uint8_t *data,
			    size_t size, bool on)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(section);

	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);
		const struct btf_type *type =
			btf__type_by_id(btf, (uint32_t)btf__resolve_type(btf, var->type));

		if (type && btf_is_int(type) && btf_int_encoding(type) & BTF_INT_BOOL &&
		    info[i].offset < size)
			data[info[i].offset] = on;
	}
}

static int set_switches(struct bpf_object *object, bool on)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	struct bpf_map *map;

	/* An object without constants has no switches. */
	if (id < 0)
		return 0;
	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		size_t size = 0, len = strlen(name);
		void *data = (void *)bpf_map__initial_value(map, &size);

		if (len < 7 || strcmp(name + len - 7, ".rodata") != 0)
			continue;
		if (!data)
			return -EINVAL;
		set_switches_of(btf, btf__type_by_id(btf, (uint32_t)id), data, size, on);
	}
	return 0;
}

/* The number behind a word of the verifier's log; -1 = it is not there. */
static long long number_after(const char *word)
{
	const char *at = strstr(log_text, word);

	return at ? strtoll(at + strlen(word), NULL, 10) : -1;
}

/* One row: what was loaded, how it ended (0 or an errno), and the verifier's numbers, -1 where it gave none. */
static void print_row(const char *path, const char *program, const char *variant, int code,
		      uint64_t load_ns)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;

	printf("{\"program\":\"%.*s/%s\",\"variant\":\"%s\",\"errno\":%d,\"insns\":%lld,"
	       "\"peak_states\":%lld,\"verify_us\":%lld,\"load_us\":%llu}",
	       (int)strcspn(file, "."), file, program, variant, code, number_after("processed "),
	       number_after("peak_states "), number_after("verification time "),
	       (unsigned long long)(load_ns / 1000));
}

/* Leaves only program number `wanted` to be loaded; NULL = there is no such program. */
static struct bpf_program *choose_program(struct bpf_object *object, size_t wanted)
{
	struct bpf_program *program, *chosen = NULL;
	size_t i = 0;

	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_autoload(program, i == wanted);
		if (i++ == wanted)
			chosen = program;
	}
	return chosen;
}

/*
 * Loads one program of a file in one variant and prints its row. Returns 1, or 0 behind the last program, or a negative
 * errno value when the file cannot be read.
 */
static int load_one(const char *path, size_t wanted, size_t variant, const char *separator)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	uint64_t start;
	int rc;

	if (!object)
		return -errno;
	program = choose_program(object, wanted);
	rc = program && variant ? set_switches(object, variant == 2) : 0;
	if (!program || rc) {
		bpf_object__close(object);
		return rc;
	}
	log_text[0] = '\0';
	bpf_program__set_log_level(program, LOG_STATS);
	bpf_program__set_log_buf(program, log_text, sizeof(log_text));
	start = clock_monotonic_ns();
	rc = bpf_object__load(object);
	printf("%s", separator);
	print_row(path, bpf_program__name(program), variants[variant], -rc,
		  clock_monotonic_ns() - start);
	if (rc)
		fprintf(stderr, "verifier: %s: %s does not load: %s\n%s", path,
			bpf_program__name(program), strerror(-rc), log_text);
	bpf_object__close(object);
	return 1;
}

/* Loads all programs of a file in all variants. Returns 0 or a negative errno value. */
static int load_all(const char *path, const char **separator)
{
	for (size_t i = 0;; i++) {
		for (size_t variant = 0; variant < ARRAY_SIZE(variants); variant++) {
			int rc = load_one(path, i, variant, *separator);

			if (rc <= 0)
				return rc;
			*separator = ",\n";
		}
	}
}

int main(int argc, char **argv)
{
	const char *separator = "\n";
	struct utsname os;

	if (argc < 2 || uname(&os))
		return 2;
	libbpf_set_print(print_warnings);
	printf("{\"kernel\":\"%s\",\"programs\":[", os.release);
	for (int i = 1; i < argc; i++) {
		int rc = load_all(argv[i], &separator);

		if (rc) {
			fprintf(stderr, "verifier: %s: %s\n", argv[i], strerror(-rc));
			return 1;
		}
	}
	printf("]}\n");
	return 0;
}
