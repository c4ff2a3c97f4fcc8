/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads every program of BPF object files alone and prints, as one JSON object, what the kernel's verifier says of it.
 * Called by tests/live/test_verifier.py, and by the script that runs in virtual machines (tests/vm).
 * Knows no program and no setting by name. Because the verifier leaves out what a constant rules out, each program is
 * loaded in several variants: with the settings that the object has, with all switches (constants of type bool) off, with
 * all of them on, and with all but one on, for one switch may stand in the way of what another one brings.
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
#include <unistd.h>

#include "base/clock.h"

/* BPF_LOG_STATS of the kernel's include/linux/bpf_verifier.h: only the statistics, and errors. */
#define LOG_STATS 4
#define LOG_BYTES (1u << 20)

/* From EVERY_ON on, all switches are on but number (variant - EVERY_ON - 1). */
enum { AS_IT_IS, EVERY_OFF, EVERY_ON, VARIANTS_MIN };
#define SWITCHES_MAX 64

#define SMALL_HASH 64

static char log_text[LOG_BYTES];

static int print_warnings(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, args) : 0;
}

/* The switches of an object. */
struct switches {
	uint8_t *bytes[SWITCHES_MAX];
	const char *names[SWITCHES_MAX];
	uint32_t nr;
};

/* Finds every bool of a section of constants, whose initial content is data[size]. */
static int find_switches_in(const struct btf *btf, const struct btf_type *section, uint8_t *data,
			    size_t size, struct switches *found)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(section);

	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);
		const struct btf_type *type =
			btf__type_by_id(btf, (uint32_t)btf__resolve_type(btf, (int)var->type));

		if (!type || !btf_is_int(type) || !(btf_int_encoding(type) & BTF_INT_BOOL))
			continue;
		if (info[i].offset >= size || found->nr == SWITCHES_MAX)
			return -E2BIG;
		found->bytes[found->nr] = data + info[i].offset;
		found->names[found->nr++] = btf__name_by_offset(btf, var->name_off);
	}
	return 0;
}

static int find_switches(struct bpf_object *object, struct switches *ret_switches)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	struct bpf_map *map;
	int rc = 0;

	ret_switches->nr = 0;
	/* An object without constants has no switches. */
	if (id < 0)
		return 0;
	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		size_t size = 0, len = strlen(name);
		void *data = (void *)bpf_map__initial_value(map, &size);

		if (data && len >= 7 && strcmp(name + len - 7, ".rodata") == 0)
			rc = rc ? rc
				: find_switches_in(btf, btf__type_by_id(btf, (uint32_t)id), data,
						   size, ret_switches);
	}
	return rc;
}

static void turn_switches(const struct switches *switches, uint32_t variant)
{
	for (uint32_t i = 0; variant != AS_IT_IS && i < switches->nr; i++)
		*switches->bytes[i] = variant != EVERY_OFF && variant != i + VARIANTS_MIN;
}

/* Sizes of hash tables and rings mean nothing to the verifier, and much for how long it takes to make them. */
static void shrink_maps(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		switch (bpf_map__type(map)) {
		case BPF_MAP_TYPE_RINGBUF:
			bpf_map__set_max_entries(map, (uint32_t)getpagesize());
			break;
		case BPF_MAP_TYPE_HASH:
		case BPF_MAP_TYPE_LRU_HASH:
		case BPF_MAP_TYPE_PERCPU_HASH:
		case BPF_MAP_TYPE_LRU_PERCPU_HASH:
			bpf_map__set_max_entries(map, SMALL_HASH);
			break;
		default:
			break;
		}
	}
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

static const char *variant_name(const struct switches *switches, uint32_t variant)
{
	static const char *const names[VARIANTS_MIN] = { "default", "all off", "all on" };
	static char text[128];

	if (variant < VARIANTS_MIN)
		return names[variant];
	snprintf(text, sizeof(text), "all but %s", switches->names[variant - VARIANTS_MIN]);
	return text;
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
 * Loads one program of a file in one variant, prints its row and tells its instructions. Returns 1, or 0 behind the last
 * program or variant, or a negative errno value when the file cannot be read.
 */
static int load_one(const char *path, size_t wanted, uint32_t variant, const char *separator,
		    long long *ret_insns)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	struct switches switches;
	uint64_t start;
	int rc;

	if (!object)
		return -errno;
	program = choose_program(object, wanted);
	rc = find_switches(object, &switches);
	if (rc || !program || variant >= VARIANTS_MIN + switches.nr) {
		bpf_object__close(object);
		return rc;
	}
	turn_switches(&switches, variant);
	shrink_maps(object);
	log_text[0] = '\0';
	bpf_program__set_log_level(program, LOG_STATS);
	bpf_program__set_log_buf(program, log_text, sizeof(log_text));
	start = clock_monotonic_ns();
	rc = bpf_object__load(object);
	*ret_insns = number_after("processed ");
	printf("%s", separator);
	print_row(path, bpf_program__name(program), variant_name(&switches, variant), -rc,
		  clock_monotonic_ns() - start);
	if (rc)
		fprintf(stderr, "verifier: %s: %s does not load: %s\n%s", path,
			bpf_program__name(program), strerror(-rc), log_text);
	bpf_object__close(object);
	return 1;
}

/*
 * Loads all programs of a file in all variants; a program that no switch matters to, in those that everything has.
 * Returns 0 or a negative errno value.
 */
static int load_all(const char *path, const char **separator)
{
	for (size_t i = 0;; i++) {
		long long insns = 0, first_insns = 0;
		bool is_varied = false;
		uint32_t variant;

		for (variant = 0; variant < VARIANTS_MIN || is_varied; variant++) {
			int rc = load_one(path, i, variant, *separator, &insns);

			if (rc < 0)
				return rc;
			if (rc == 0)
				break;
			*separator = ",\n";
			if (variant == 0)
				first_insns = insns;
			is_varied |= insns != first_insns;
		}
		/* No variant at all: there was no such program. */
		if (variant == 0)
			return 0;
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
