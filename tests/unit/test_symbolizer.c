/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * onecollect/symbolize.h: names of locations in files, the kernel, the vDSO and JIT code; proofs of files; the ledger.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <onecollect/symbolize.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/vdso.h"
#include "elf_image.h"

#define BASE 0x7f0000000000ULL

/* Code at 0x5000 in memory and 0x1000 in the file. */
static const struct elf_image_symbol symbols[] = {
	{ "_Z5firsti", 0x5010, 0x20, STT_FUNC, STB_GLOBAL, false, false },
	{ "second@@V1", 0x5040, 0x10, STT_FUNC, STB_GLOBAL, false, false },
	{ "open_ended", 0x5080, 0, STT_FUNC, STB_LOCAL, false, false },
	{ "elsewhere", 0x5060, 0x10, STT_FUNC, STB_GLOBAL, true, false },
	{ "data", 0x5060, 0x10, STT_FUNC, STB_GLOBAL, false, true },
	{ "$x", 0x5090, 0, STT_NOTYPE, STB_LOCAL, false, false },
};

static const struct elf_image image = {
	.address = 0x5000,
	.code_offset = 0x1000,
	.code_size = 0x100,
	.build_id_size = 4,
	.build_id = "\xaa\xbb\xcc\xdd",
	.symbols = symbols,
	.nr_symbols = ARRAY_SIZE(symbols),
};

struct fixture {
	struct oc_machine *m;
	struct oc_symbolizer *s;
	oc_process_id process;
	uint64_t time_ns;
};

static struct fixture fixture_new(const struct oc_symbolizer_opts *opts)
{
	struct fixture f = { .m = oc_machine_new(NULL),
			     .s = oc_symbolizer_new(opts),
			     .time_ns = 1000 };
	int64_t process = oc_machine_process_start(f.m, (uint32_t)getpid(), 0, 1);

	cr_assert_not_null(f.s);
	cr_assert_gt(process, 0);
	f.process = (oc_process_id)process;
	return f;
}

static void fixture_done(struct fixture *f)
{
	oc_symbolizer_free(f->s);
	oc_machine_free(f->m);
}

static oc_module_id add_module(struct fixture *f, enum oc_module_type type, const char *path)
{
	struct oc_module module = {
		.type = type, .path = (oc_string_id)oc_machine_intern(f->m, path, strlen(path))
	};
	int64_t id;

	if (type == OC_MODULE_ANON)
		module.process = f->process;
	id = oc_machine_add_module(f->m, &module);
	cr_assert_gt(id, 0);
	return (oc_module_id)id;
}

static oc_module_id add_file(struct fixture *f, const char *path, uint64_t device, uint64_t inode)
{
	struct oc_module module = { .type = OC_MODULE_FILE,
				    .path = (oc_string_id)oc_machine_intern(f->m, path,
									    strlen(path)),
				    .device = device,
				    .inode = inode };
	int64_t id = oc_machine_add_module(f->m, &module);

	cr_assert_gt(id, 0);
	return (oc_module_id)id;
}

static void map(struct fixture *f, oc_module_id module, uint64_t start, uint64_t size,
		uint64_t offset)
{
	struct oc_mapping mapping = { .process = f->process,
				      .module = module,
				      .start = start,
				      .end = start + size,
				      .file_offset = offset,
				      .since_ns = f->time_ns++,
				      .until_ns = UINT64_MAX };

	cr_assert_gt(oc_machine_add_mapping(f->m, &mapping), 0);
}

/* The location of one address as a sample's leaf. */
static oc_location_id locate(struct fixture *f, uint64_t address, uint32_t nr_kernel)
{
	int64_t callstack = oc_machine_intern_callstack(f->m, &address, 1, nr_kernel);
	int64_t stack = oc_machine_resolve(f->m, f->process, (oc_callstack_id)callstack);
	const oc_location_id *locations;
	uint32_t nr = 0;

	cr_assert_gt(stack, 0);
	locations = oc_machine_stack(f->m, (oc_stack_id)stack, &nr);
	cr_assert_eq(nr, 1);
	return locations[0];
}

static const struct oc_function *function_of(struct fixture *f, oc_location_id location)
{
	uint32_t nr;
	const struct oc_line *lines = oc_machine_location_lines(f->m, location, &nr);

	return nr ? oc_machine_function(f->m, lines[0].function) : NULL;
}

/* The name for people, or "-". */
static const char *name_of(struct fixture *f, oc_location_id location)
{
	const struct oc_function *function = function_of(f, location);

	return function ? oc_machine_string(f->m, function->name, NULL) : "-";
}

static uint64_t note(struct fixture *f, enum oc_note which)
{
	return oc_machine_ledger(f->m)->notes[which];
}

static void run(struct fixture *f)
{
	cr_assert_eq(oc_symbolizer_run(f->s, f->m), 0);
}

static void expect_names(struct fixture *f, const uint64_t *offsets, const char *const *want,
			 size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const char *name = name_of(f, locate(f, BASE + offsets[i], 0));

		cr_assert_str_eq(name, want[i], "offset %lx: %s", (unsigned long)offsets[i], name);
	}
}

static const uint64_t some_offsets[] = {
	0x00, 0x10, 0x2f, 0x30, 0x40, 0x4f, 0x50, 0x60, 0x80, 0xff
};
static const char *const some_names[] = { "-",          "first(int)", "first(int)", "-",
					  "second",     "second",     "-",          "-",
					  "open_ended", "open_ended" };

/* A file of our own process, kept while it was there. */
static oc_module_id map_image(struct fixture *f, const struct elf_image *what, char *path)
{
	oc_module_id module;
	struct stat st;

	elf_image_write(what, path);
	cr_assert_eq(stat(path, &st), 0);
	module = add_file(f, path, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	map(f, module, BASE, 0x1000, 0x1000);
	for (size_t i = 0; i < ARRAY_SIZE(some_offsets); i++)
		locate(f, BASE + some_offsets[i], 0);
	return module;
}

Test(symbolizer, names_places_of_a_deleted_file)
{
	struct fixture f = fixture_new(NULL);
	oc_module_id module;
	char path[32];
	const struct oc_module *facts;

	module = map_image(&f, &image, path);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(unlink(path), 0);
	run(&f);
	expect_names(&f, some_offsets, some_names, ARRAY_SIZE(some_offsets));
	facts = oc_machine_module(f.m, module);
	cr_assert_eq(facts->build_id_size, 4);
	cr_assert_eq(memcmp(facts->build_id, image.build_id, 4), 0);
	cr_assert_str_eq(oc_machine_string(f.m,
					   function_of(&f, locate(&f, BASE + 0x10, 0))->system_name,
					   NULL),
			 "_Z5firsti");
	cr_assert_str_eq(oc_machine_string(f.m,
					   function_of(&f, locate(&f, BASE + 0x40, 0))->system_name,
					   NULL),
			 "second@@V1");
	cr_assert_eq(note(&f, OC_NOTE_FILES_NOT_KEPT) + note(&f, OC_NOTE_FILES_REFUSED), 0);
	fixture_done(&f);
}

Test(symbolizer, stripped_file_is_module_and_offset)
{
	struct elf_image stripped = image;
	struct fixture f = fixture_new(NULL);
	char path[32], want[64];

	stripped.nr_symbols = 0;
	oc_symbolizer_keep(f.s, f.m, map_image(&f, &stripped, path), (uint32_t)getpid());
	run(&f);
	cr_assert_eq(oc_machine_finish(f.m), 0);
	snprintf(want, sizeof(want), "%s+0x1040", strrchr(path, '/') + 1);
	cr_assert_str_eq(
		oc_machine_string(f.m, oc_machine_location_name(f.m, locate(&f, BASE + 0x40, 0), 0),
				  NULL),
		want);
	unlink(path);
	fixture_done(&f);
}

Test(symbolizer, file_is_found_late_when_it_was_not_kept)
{
	struct oc_symbolizer_opts opts = { .size = sizeof(opts), .max_files = 1 };
	struct fixture f = fixture_new(&opts);
	char first[32], second[32];
	oc_module_id module;

	module = map_image(&f, &image, first);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_NOT_KEPT), 0);
	module = map_image(&f, &image, second);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_NOT_KEPT), 1);
	cr_assert_eq(oc_machine_module(f.m, module)->build_id_size, 4);
	run(&f);
	expect_names(&f, some_offsets, some_names, ARRAY_SIZE(some_offsets));
	unlink(first);
	unlink(second);
	fixture_done(&f);
}

Test(symbolizer, another_file_of_that_name_is_refused)
{
	struct fixture f = fixture_new(NULL);
	struct elf_image other = image;
	oc_module_id module;
	char path[32], replacement[32];

	module = map_image(&f, &image, path);
	other.build_id[0] = 0x11;
	elf_image_write(&other, replacement);
	cr_assert_eq(rename(replacement, path), 0);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_REFUSED), 1);
	/* Had again, for another process, it is still one file. */
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_REFUSED), 1);
	run(&f);
	cr_assert_str_eq(name_of(&f, locate(&f, BASE + 0x10, 0)), "-");
	/* The file comes back: what was counted is taken back. */
	cr_assert_eq(oc_machine_set_build_id(f.m, module, other.build_id, 4), 0);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_REFUSED), 0);
	run(&f);
	cr_assert_str_eq(name_of(&f, locate(&f, BASE + 0x10, 0)), "first(int)");
	unlink(path);
	fixture_done(&f);
}

Test(symbolizer, missing_and_large_files_are_counted)
{
	struct oc_symbolizer_opts opts = { .size = sizeof(opts), .max_file_bytes = 100 };
	struct fixture f = fixture_new(&opts);
	char path[32];

	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, map_image(&f, &image, path), (uint32_t)getpid()),
		     0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_REFUSED), 1);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, add_file(&f, "/nonexistent/file", 1, 2),
					(uint32_t)getpid()),
		     0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_NOT_KEPT), 1);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, add_file(&f, "anon_inode:[bpf-map]", 1, 3),
					(uint32_t)getpid()),
		     0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_NOT_KEPT), 1);
	run(&f);
	unlink(path);
	fixture_done(&f);
}

/* The symbol table claims more than the file holds. */
Test(symbolizer, damaged_file_is_counted_once)
{
	struct fixture f = fixture_new(NULL);
	oc_module_id module;
	char path[32];
	off_t size;

	module = map_image(&f, &image, path);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	size = (off_t)(image.code_offset + image.code_size + 10);
	cr_assert_eq(truncate(path, size), 0);
	run(&f);
	cr_assert_str_eq(name_of(&f, locate(&f, BASE + 0x10, 0)), "-");
	cr_assert_eq(note(&f, OC_NOTE_FILES_REFUSED), 1);
	unlink(path);
	fixture_done(&f);
}

/* ---- a program that was deleted while it runs ------------------------------------------------------------------ */

Test(symbolizer, deleted_program_is_read_from_its_process)
{
	struct fixture f = fixture_new(NULL);
	char self[4096], path[] = "/tmp/symbolizer.XXXXXX";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	oc_module_id module;
	struct stat st;
	int in, out;
	pid_t pid;

	(void)n;
	in = open("/bin/sleep", O_RDONLY);
	out = mkstemp(path);
	cr_assert_geq(out, 0);
	cr_assert_eq(fstat(in, &st), 0);
	while (copy_file_range(in, NULL, out, NULL, 1 << 20, 0) > 0)
		;
	cr_assert_eq(fchmod(out, 0700), 0);
	cr_assert_eq(fstat(out, &st), 0);
	close(in);
	close(out);
	pid = fork();
	if (!pid) {
		execl(path, path, "100", NULL);
		_exit(1);
	}
	/* The link names the new program as soon as exec is through. */
	do {
		char link[64];

		snprintf(link, sizeof(link), "/proc/%d/exe", pid);
		n = readlink(link, self, sizeof(self) - 1);
		cr_assert_gt(n, 0);
		self[n] = '\0';
	} while (strcmp(self, path));
	cr_assert_eq(unlink(path), 0);
	module = add_file(&f, path, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)pid), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_eq(note(&f, OC_NOTE_FILES_NOT_KEPT) + note(&f, OC_NOTE_FILES_REFUSED), 0);
	cr_assert_gt(oc_machine_module(f.m, module)->build_id_size, 0);
	fixture_done(&f);
}

/* ---- ourselves ------------------------------------------------------------------------------------------------ */

/* Finds what is mapped at an address of this process. */
static void own_mapping(const void *address, uint64_t *ret_start, uint64_t *ret_end,
			uint64_t *ret_offset, char *ret_path)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4400];

	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end, offset;

		ret_path[0] = '\0';
		if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %4095[^\n]", &start, &end, &offset,
			   ret_path) < 3)
			continue;
		if ((uint64_t)address < start || (uint64_t)address >= end)
			continue;
		*ret_start = start;
		*ret_end = end;
		*ret_offset = offset;
		fclose(maps);
		return;
	}
	cr_assert_fail("not mapped");
}

static void expect_own_name(const void *address, enum oc_module_type type, const char *want)
{
	struct fixture f = fixture_new(NULL);
	uint64_t start, end, offset;
	char path[4096];
	struct stat st = { 0 };
	oc_module_id module;
	oc_location_id location;

	own_mapping(address, &start, &end, &offset, path);
	if (type == OC_MODULE_FILE) {
		cr_assert_eq(stat(path, &st), 0);
		module = add_file(&f, path, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	} else {
		module = add_module(&f, type, path);
	}
	map(&f, module, start, end - start, offset);
	location = locate(&f, (uint64_t)address, 0);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_gt(oc_machine_module(f.m, module)->build_id_size, 0);
	run(&f);
	cr_assert_str_eq(name_of(&f, location), want);
	fixture_done(&f);
}

Test(symbolizer, names_its_own_functions)
{
	expect_own_name((const char *)expect_own_name + 1, OC_MODULE_FILE, "expect_own_name");
	expect_own_name((const char *)own_mapping, OC_MODULE_FILE, "own_mapping");
}

/* An address that the vDSO's own dynamic table gives a name. */
Test(symbolizer, names_the_vdso)
{
	static const char *const wanted[] = { "__vdso_clock_gettime", "__kernel_clock_gettime" };
	size_t size;
	const char *start = vdso_image(&size);
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)start;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(start + header->e_shoff);
	size_t checked = 0;

	cr_assert_not_null(start);
	for (int i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *table = (const Elf64_Sym *)(start + sections[i].sh_offset);

		if (sections[i].sh_type != SHT_DYNSYM)
			continue;
		for (size_t k = 0; k < sections[i].sh_size / sizeof(*table); k++) {
			const char *name =
				start + sections[sections[i].sh_link].sh_offset + table[k].st_name;

			if (strcmp(name, wanted[0]) && strcmp(name, wanted[1]))
				continue;
			expect_own_name(start + table[k].st_value, OC_MODULE_VDSO, name);
			checked++;
		}
	}
	cr_assert_eq(checked, 1);
}

/* ---- kernel ---------------------------------------------------------------------------------------------------- */

/* The address of a kernel symbol of /proc/kallsyms; 0 = hidden. */
static uint64_t kernel_address(const char *wanted)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long address, found = 0;
	char line[512], name[256];

	while (!found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx %*c %255s", &address, name) == 2 && !strcmp(name, wanted))
			found = address;
	}
	fclose(file);
	return found;
}

Test(symbolizer, names_the_kernel)
{
	struct fixture f = fixture_new(NULL);
	uint64_t address = kernel_address("schedule");
	struct oc_mapping mapping = { .process = 0,
				      .module = add_module(&f, OC_MODULE_KERNEL, "[kernel]"),
				      .start = 1ULL << 63,
				      .end = UINT64_MAX,
				      .file_offset = 1ULL << 63,
				      .until_ns = UINT64_MAX };
	oc_location_id location;

	cr_assert_gt(oc_machine_add_mapping(f.m, &mapping), 0);
	location = locate(&f, address ? address : 0xffffffff81000000, 1);
	run(&f);
	/* Where addresses are hidden from us that has to be said instead. */
	cr_assert_str_eq(name_of(&f, location), address ? "schedule" : "-");
	cr_assert_eq(note(&f, OC_NOTE_KERNEL_SYMBOLS_HIDDEN), !address);
	fixture_done(&f);
}

/* The list is matched once for the kernel and its modules together. */
Test(symbolizer, names_the_kernel_in_two_modules)
{
	static const char *const names[] = { "schedule", "vfs_read" };
	struct fixture f = fixture_new(NULL);
	uint64_t addresses[] = { kernel_address(names[0]), kernel_address(names[1]) };
	uint64_t border = MAX(addresses[0], addresses[1]);
	struct oc_mapping mapping = { .module = add_module(&f, OC_MODULE_KERNEL, "[kernel]"),
				      .start = 1ULL << 63,
				      .end = border,
				      .file_offset = 1ULL << 63,
				      .until_ns = UINT64_MAX };
	oc_location_id ids[ARRAY_SIZE(names)];

	/* Hidden: told by the test above. */
	if (border) {
		cr_assert_gt(oc_machine_add_mapping(f.m, &mapping), 0);
		mapping.module = add_module(&f, OC_MODULE_KERNEL, "[module]");
		mapping.start = mapping.file_offset = border;
		mapping.end = UINT64_MAX;
		cr_assert_gt(oc_machine_add_mapping(f.m, &mapping), 0);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			ids[i] = locate(&f, addresses[i] + 1, 1);
		run(&f);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			cr_assert_str_eq(name_of(&f, ids[i]), names[i]);
		cr_assert_neq(function_of(&f, ids[0])->module, function_of(&f, ids[1])->module);
	}
	fixture_done(&f);
}

struct answers {
	int rc;
	uint32_t asked;
};

/* One function of the kernel and one of a module; above, nothing. */
static int answer(void *arg, uint64_t address, struct oc_kernel_symbol *ret_symbol)
{
	struct answers *answers = arg;
	uint64_t offset = address & 0xffff;

	answers->asked++;
	if (answers->rc)
		return answers->rc;
	if (offset >= 0x200)
		return -ENOENT;
	*ret_symbol = (struct oc_kernel_symbol){
		.start = address - offset % 0x100, .size = 0x100, .name = "onetwo", .name_len = 3
	};
	if (offset >= 0x100) {
		ret_symbol->name += 3;
		ret_symbol->module = "ext4]";
		ret_symbol->module_len = 4;
	}
	return 0;
}

Test(symbolizer, asks_the_kernel)
{
	struct fixture f = fixture_new(NULL);
	struct oc_mapping mapping = { .process = 0,
				      .module = add_module(&f, OC_MODULE_KERNEL, "[kernel]"),
				      .start = 1ULL << 63,
				      .end = UINT64_MAX,
				      .file_offset = 1ULL << 63,
				      .until_ns = UINT64_MAX };
	struct answers answers = { 0 };
	oc_location_id ids[4];

	cr_assert_gt(oc_machine_add_mapping(f.m, &mapping), 0);
	ids[0] = locate(&f, 0xffffffff80000010, 1);
	ids[1] = locate(&f, 0xffffffff800000ff, 1);
	ids[2] = locate(&f, 0xffffffff80000100, 1);
	ids[3] = locate(&f, 0xffffffff80000200, 1);
	oc_symbolizer_ask_kernel(f.s, answer, &answers);
	run(&f);
	cr_assert_str_eq(name_of(&f, ids[0]), "one");
	cr_assert_str_eq(name_of(&f, ids[1]), "one");
	cr_assert_str_eq(name_of(&f, ids[2]), "two [ext4]");
	cr_assert_str_eq(name_of(&f, ids[3]), "-");
	cr_assert_eq(answers.asked, 3, "once for each function");
	fixture_done(&f);
}

/* Who cannot answer is not believed: then the list is read. */
Test(symbolizer, asks_a_kernel_that_does_not_answer)
{
	static const int reasons[] = { -ENOENT, -EPERM };
	uint64_t address = kernel_address("schedule");

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct fixture f = fixture_new(NULL);
		struct oc_mapping mapping = { .process = 0,
					      .module =
						      add_module(&f, OC_MODULE_KERNEL, "[kernel]"),
					      .start = 1ULL << 63,
					      .end = UINT64_MAX,
					      .file_offset = 1ULL << 63,
					      .until_ns = UINT64_MAX };
		struct answers answers = { .rc = reasons[i] };
		oc_location_id location;

		cr_assert_gt(oc_machine_add_mapping(f.m, &mapping), 0);
		location = locate(&f, address ? address : 0xffffffff81000000, 1);
		oc_symbolizer_ask_kernel(f.s, answer, &answers);
		run(&f);
		cr_assert_eq(answers.asked, 1);
		cr_assert_str_eq(name_of(&f, location), address ? "schedule" : "-");
		fixture_done(&f);
	}
}

/* ---- JIT code -------------------------------------------------------------------------------------------------- */

static void write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void perf_map_path(char path[40], uint32_t pid)
{
	snprintf(path, 40, "/tmp/perf-%u.map", pid);
}

Test(symbolizer, names_jit_code_by_perf_map)
{
	struct fixture f = fixture_new(NULL);
	oc_module_id module = add_module(&f, OC_MODULE_ANON, "[anon]");
	oc_location_id named, unnamed;
	char path[40];

	perf_map_path(path, (uint32_t)getpid());
	write_map(path, "7f0000000100 10 old\nnonsense\n7f0000000100 20 _Z3jitv\n");
	map(&f, module, BASE, 0x1000, BASE);
	named = locate(&f, BASE + 0x11f, 0);
	unnamed = locate(&f, BASE + 0x120, 0);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	run(&f);
	unlink(path);
	cr_assert_str_eq(name_of(&f, named), "jit()");
	cr_assert_str_eq(name_of(&f, unnamed), "-");
	cr_assert_eq(function_of(&f, named)->module, module);
	cr_assert_eq(note(&f, OC_NOTE_PERF_MAP_LINES), 1);
	cr_assert_eq(note(&f, OC_NOTE_PERF_MAPS_REFUSED), 0);
	fixture_done(&f);
}

Test(symbolizer, perf_map_read_at_exit_outlives_its_file)
{
	struct fixture f = fixture_new(NULL);
	oc_module_id module = add_module(&f, OC_MODULE_ANON, "[anon]");
	struct oc_process facts = { .ns_pid = 4000000000u }; /* no process has this pid */
	oc_location_id location;
	char path[40];

	cr_assert_eq(oc_machine_process_set(f.m, f.process, &facts), 0);
	perf_map_path(path, facts.ns_pid);
	write_map(path, "7f0000000100 20 first_run\n");
	map(&f, module, BASE, 0x1000, BASE);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(oc_symbolizer_process_exit(f.s, f.m, f.process), 0);
	write_map(path, "7f0000000100 20 somebody_else\n");
	location = locate(&f, BASE + 0x110, 0);
	run(&f);
	unlink(path);
	cr_assert_str_eq(name_of(&f, location), "first_run");
	fixture_done(&f);
}

Test(symbolizer, refused_perf_map_is_counted)
{
	struct fixture f = fixture_new(NULL);
	oc_module_id module = add_module(&f, OC_MODULE_ANON, "[anon]");
	char path[40];

	perf_map_path(path, (uint32_t)getpid());
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, module, (uint32_t)getpid()), 0);
	cr_assert_eq(oc_symbolizer_process_exit(f.s, f.m, f.process), 0);
	cr_assert_eq(oc_symbolizer_process_exit(f.s, f.m, f.process), 0);
	unlink(path);
	cr_assert_eq(note(&f, OC_NOTE_PERF_MAPS_REFUSED), 1);
	fixture_done(&f);
}

Test(symbolizer, exit_of_a_process_without_jit_code_reads_nothing)
{
	struct fixture f = fixture_new(NULL);
	char path[40];

	perf_map_path(path, (uint32_t)getpid());
	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(oc_symbolizer_process_exit(f.s, f.m, f.process), 0);
	cr_assert_eq(oc_symbolizer_process_exit(f.s, f.m, 0), 0);
	cr_assert_eq(oc_symbolizer_process_exit(f.s, f.m, 999), 0);
	unlink(path);
	cr_assert_eq(note(&f, OC_NOTE_PERF_MAPS_REFUSED), 0);
	fixture_done(&f);
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

Test(symbolizer, empty_machine_and_unknown_modules)
{
	struct fixture f = fixture_new(NULL);

	run(&f);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, 0, 1), 0);
	cr_assert_eq(oc_symbolizer_keep(f.s, f.m, 12345, 1), 0);
	locate(&f, 0x1234, 0);
	run(&f);
	run(&f);
	cr_assert_str_eq(name_of(&f, locate(&f, 0x1234, 0)), "-");
	fixture_done(&f);
	oc_symbolizer_free(NULL);
}

Test(symbolizer, files_are_closed_at_the_end)
{
	int before = open("/dev/null", O_RDONLY), after;
	struct fixture f = fixture_new(NULL);
	char path[32];

	oc_symbolizer_keep(f.s, f.m, map_image(&f, &image, path), (uint32_t)getpid());
	oc_symbolizer_keep(f.s, f.m, add_module(&f, OC_MODULE_ANON, "[anon]"), (uint32_t)getpid());
	run(&f);
	fixture_done(&f);
	unlink(path);
	after = open("/dev/null", O_RDONLY);
	cr_assert_eq(after, before + 1);
	close(before);
	close(after);
}
