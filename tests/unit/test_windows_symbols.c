/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Symbol files of Windows programs, from where they are found to names in a machine: symbolize/symbol_path.h,
 * symbolize/windows_symbols.h through onecollect/symbolize.h, and from a trace on.
 */
#include <criterion/criterion.h>

#include <sys/stat.h>
#include <unistd.h>

#include <onecollect/reader.h>
#include <onecollect/symbolize.h>

#include "base/image_id.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "etl_writer.h"
#include "pdb_image.h"
#include "pe_image.h"
#include "symbolize/windows_symbols.h"

#define BASE 0x7ff600000000ULL
#define APP  "C:\\Program Files\\App.Name\\App.exe"
#define KEY  "030201000504070608090A0B0C0D0E0F"

static char dir[64];

static void enter(void)
{
	snprintf(dir, sizeof(dir), "/tmp/onecollect-symbols-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void leave(void)
{
	char command[128];

	cr_assert_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(windows_symbols, .init = enter, .fini = leave);

/* ---- files --------------------------------------------------------------------------------------------------- */

static const struct pdb_image_function functions[] = {
	{ .name = "space::outer", .offset = 0x40, .size = 0x40, .line = 20, .inlined = "inner" },
};
static const struct pdb_image_public publics[] = { { "?f@space@@YAXXZ", 0x100, 2, 1 } };
static const struct pe_image_export exports[] = { { "?exported@@YAXXZ", 0x1040, NULL } };

static void put_file(const char *path, const struct buffer *bytes)
{
	FILE *file = fopen(path, "wb");

	cr_assert_not_null(file, "%s", path);
	cr_assert_eq(fwrite(bytes->data, 1, bytes->len, file), bytes->len);
	cr_assert_eq(fclose(file), 0);
}

static void put_pdb(const char *path, uint32_t age, bool is_stripped)
{
	const struct pdb_image image = { .age = age,
					 .functions = functions,
					 .nr_functions = is_stripped ? 0 : ARRAY_SIZE(functions),
					 .publics = publics,
					 .nr_publics = ARRAY_SIZE(publics) };
	struct buffer bytes = BUFFER_INIT;

	pdb_image_make(&image, &bytes);
	put_file(path, &bytes);
	buffer_done(&bytes);
}

#define IMAGE_SIZE 0x10000u

static void put_image(const char *path, uint32_t age, uint32_t checksum, uint32_t time_stamp)
{
	const struct pe_image image = { .size = IMAGE_SIZE,
					.checksum = checksum,
					.time_stamp = time_stamp,
					.age = age,
					.exports = exports,
					.nr_exports = ARRAY_SIZE(exports) };
	struct buffer bytes = BUFFER_INIT;

	pe_image_make(&image, &bytes);
	put_file(path, &bytes);
	buffer_done(&bytes);
}

static void make_dirs(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p '%s'", path);
	cr_assert_eq(system(command), 0);
}

/* ---- machines ------------------------------------------------------------------------------------------------ */

struct fixture {
	struct oc_machine *m;
	oc_process_id process;
	uint32_t nr_kernel; /* frames of a callstack that are the kernel's */
	char told[1024];
};

/* Adds what module says, at BASE, as the image that every test is about. */
static struct fixture fixture_of(struct oc_module module)
{
	struct fixture f = { .m = oc_machine_new(NULL) };
	struct oc_mapping mapping = { .start = BASE,
				      .end = BASE + IMAGE_SIZE,
				      .until_ns = UINT64_MAX };
	int64_t id;

	module.path = (oc_string_id)oc_machine_intern(f.m, APP, strlen(APP));
	f.process = (oc_process_id)oc_machine_process_start(f.m, 8, 0, 1);
	id = oc_machine_add_module(f.m, &module);
	cr_assert_gt(id, 0);
	mapping.module = (oc_module_id)id;
	mapping.process = module.type == OC_MODULE_KERNEL ? 0 : f.process;
	f.nr_kernel = module.type == OC_MODULE_KERNEL;
	cr_assert_gt(oc_machine_add_mapping(f.m, &mapping), 0);
	return f;
}

/* Of a trace that tells the symbol file. */
static struct fixture fixture_new(enum oc_module_type type, uint32_t age)
{
	struct oc_module module = { .type = type, .build_id_size = PDB_ID_SIZE };
	uint8_t guid[16];

	for (uint8_t i = 0; i < 16; i++)
		guid[i] = i;
	pdb_id_make(guid, age, module.build_id);
	return fixture_of(module);
}

/* Of one that tells what its headers say; both 0 = nothing of it. */
static struct fixture fixture_unmerged(uint32_t checksum, uint32_t time_stamp)
{
	const struct image_version version = { .size = IMAGE_SIZE,
					       .checksum = checksum,
					       .time_stamp = time_stamp };
	struct oc_module module = { .type = OC_MODULE_FILE };

	if (image_id_make(&version, image_id_name(APP), module.build_id))
		module.build_id_size = IMAGE_ID_SIZE;
	return fixture_of(module);
}

static oc_location_id locate(struct fixture *f, uint64_t offset)
{
	uint64_t address = BASE + offset;
	int64_t callstack = oc_machine_intern_callstack(f->m, &address, 1, f->nr_kernel);
	int64_t stack = oc_machine_resolve(f->m, f->process, (oc_callstack_id)callstack);
	uint32_t nr;

	cr_assert_gt(stack, 0);
	return oc_machine_stack(f->m, (oc_stack_id)stack, &nr)[0];
}

static void take_sentence(void *arg, const char *text)
{
	struct fixture *f = arg;
	size_t len = strlen(f->told);

	snprintf(f->told + len, sizeof(f->told) - len, "%s\n", text);
}

static void run(struct fixture *f, const char *symbol_path)
{
	const struct oc_symbolizer_opts opts = { .size = sizeof(opts),
						 .symbol_paths = &symbol_path,
						 .nr_symbol_paths = 1,
						 .tell = take_sentence,
						 .tell_arg = f };
	struct oc_symbolizer *s = oc_symbolizer_new(&opts);

	cr_assert_not_null(s);
	cr_assert_eq(oc_symbolizer_run_late(s, f->m), 0);
	oc_symbolizer_free(s);
}

/* "NAME FILE:LINE,START < NAME ..." of a location, the innermost function first. */
static void expect(const struct oc_machine *m, oc_location_id location, const char *want)
{
	struct buffer text = BUFFER_INIT;
	const struct oc_line *lines;
	uint32_t nr;

	lines = oc_machine_location_lines(m, location, &nr);
	for (uint32_t i = 0; i < nr; i++) {
		const struct oc_function *function = oc_machine_function(m, lines[i].function);

		buffer_printf(&text, "%s%s %s:%u,%u", i ? " < " : "",
			      oc_machine_string(m, function->name, NULL),
			      oc_machine_string(m, function->file, NULL), lines[i].line,
			      function->start_line);
	}
	cr_assert_str_eq(text.data ? text.data : "", want);
	buffer_done(&text);
}

static const char of_pdb[] =
	"space::inner C:\\src\\a.cpp:102,100 < space::outer C:\\src\\a.cpp:20,20";

/* Checks what was told, NULL = nothing, else a part of it; and frees the machine. */
static void expect_told(struct fixture *f, const char *told)
{
	if (told)
		cr_assert_not_null(strstr(f->told, told), "%s", f->told);
	else
		cr_assert_str_eq(f->told, "");
	cr_assert_eq(oc_machine_ledger(f->m)->notes[OC_NOTE_FILES_REFUSED], told != NULL);
	oc_machine_free(f->m);
}

/* Runs on a new machine; checks the name and what was told. */
static void expect_run(uint32_t age, const char *symbol_path, const char *want, const char *told)
{
	struct fixture f = fixture_new(OC_MODULE_FILE, age);
	oc_location_id location = locate(&f, 0x1060);

	run(&f, symbol_path);
	expect(f.m, location, want);
	expect_told(&f, told);
}

static void expect_unmerged(uint32_t checksum, uint32_t time_stamp, const char *want,
			    const char *told)
{
	struct fixture f = fixture_unmerged(checksum, time_stamp);
	oc_location_id location = locate(&f, 0x1060);

	run(&f, dir);
	expect(f.m, location, want);
	expect_told(&f, told);
}

/* As a recording on Windows does, where a name with a drive is that of a file; here it is one in this folder. */
static void expect_local(struct fixture f, const char *want, const char *told)
{
	const struct oc_symbolizer_opts opts = { .size = sizeof(opts),
						 .tell = take_sentence,
						 .tell_arg = &f };
	oc_location_id location = locate(&f, 0x1060);
	struct windows_symbols ws;

	cr_assert_eq(windows_symbols_init(&ws, &opts), 0);
	ws.is_local = true;
	cr_assert_eq(windows_symbols_name(&ws, f.m), 0);
	windows_symbols_done(&ws);
	expect(f.m, location, want);
	expect_told(&f, told);
}

/* ---- where files are found ----------------------------------------------------------------------------------- */

Test(windows_symbols, a_file_is_found_by_its_content)
{
	put_pdb("any name", 1, false);
	put_pdb("App.pdb.old", 2, true);
	expect_run(1, dir, of_pdb, NULL);
	expect_run(1, "/nowhere;;.", of_pdb, "'/nowhere' is not used: there is no such folder");
}

Test(windows_symbols, no_path_no_names)
{
	put_pdb("App.pdb", 1, false);
	expect_run(1, "", "", NULL);
}

Test(windows_symbols, of_another_build)
{
	put_pdb("app.PDB", 2, false);
	expect_run(1, dir, "", "of another build");
	expect_run(2, dir, of_pdb, NULL);
}

Test(windows_symbols, cache_of_a_symbol_server)
{
	make_dirs("App.pdb/" KEY "1A");
	put_pdb("App.pdb/" KEY "1A/App.pdb", 0x1a, false);
	expect_run(0x1a, dir, of_pdb, NULL);
	expect_run(0x1b, dir, "", NULL);
}

Test(windows_symbols, cache_in_two_tiers)
{
	FILE *mark;

	make_dirs("ap/App.pdb/" KEY "1");
	put_pdb("ap/App.pdb/" KEY "1/App.pdb", 1, false);
	expect_run(1, dir, "", NULL);
	mark = fopen("index2.txt", "w");
	cr_assert_not_null(mark);
	fclose(mark);
	expect_run(1, dir, of_pdb, NULL);
}

Test(windows_symbols, a_cache_may_hold_the_wrong_file)
{
	make_dirs("App.pdb/" KEY "1");
	put_pdb("App.pdb/" KEY "1/App.pdb", 2, false);
	expect_run(1, dir, "", "of another build");
}

Test(windows_symbols, compressed_files_and_pointers_are_told)
{
	struct buffer cabinet = BUFFER_INIT;

	buffer_puts(&cabinet, "MSCF");
	make_dirs("App.pdb/" KEY "1");
	make_dirs("App.pdb/" KEY "2");
	put_file("App.pdb/" KEY "1/App.pd_", &cabinet);
	put_file("App.pdb/" KEY "2/file.ptr", &cabinet);
	expect_run(1, dir, "", "compressed");
	expect_run(2, dir, "", "where the file is");
	buffer_done(&cabinet);
}

Test(windows_symbols, damaged_files_are_told_with_the_place)
{
	struct buffer bytes = BUFFER_INIT;
	const struct pdb_image image = { .age = 1 };

	pdb_image_make(&image, &bytes);
	bytes.len -= 600;
	put_file("App.pdb", &bytes);
	expect_run(1, dir, "", "0x28");
	buffer_done(&bytes);
}

/* Nothing of them is opened: a named pipe would never end. */
Test(windows_symbols, other_things_in_a_folder_do_no_harm, .timeout = 20)
{
	cr_assert_eq(mkfifo("pipe.pdb", 0600), 0);
	cr_assert_eq(symlink("loop", "loop"), 0);
	cr_assert_eq(symlink("/dev/zero", "zero.pdb"), 0);
	put_pdb("App.pdb", 1, false);
	expect_run(1, dir, of_pdb, NULL);
}

/* ---- what is named ------------------------------------------------------------------------------------------- */

Test(windows_symbols, exports_when_there_is_no_symbol_file)
{
	put_image("App.exe", 1, 0, 0);
	expect_run(1, dir, "exported :0,0", NULL);
	put_pdb("App.pdb", 1, false);
	expect_run(1, dir, of_pdb, NULL);
}

Test(windows_symbols, public_names_are_undecorated_and_drivers_named)
{
	struct fixture f = fixture_new(OC_MODULE_KERNEL, 1);
	oc_location_id location = locate(&f, 0x1104);
	const struct oc_line *line;
	uint32_t nr;

	put_pdb("driver.pdb", 1, true);
	run(&f, dir);
	cr_assert_str_eq(f.told, "");
	expect(f.m, location, "space::f :0,0");
	line = oc_machine_location_lines(f.m, location, &nr);
	cr_assert_str_eq(
		oc_machine_string(f.m, oc_machine_function(f.m, line->function)->system_name, NULL),
		"?f@space@@YAXXZ");
	oc_machine_free(f.m);
}

/* ---- traces that do not tell the symbol file ----------------------------------------------------------------- */

Test(windows_symbols, the_image_tells_the_symbol_file)
{
	put_pdb("some.pdb", 1, false);
	put_image("APP.exe", 1, 0x77, 0x5000);
	expect_unmerged(0x77, 0, of_pdb, NULL);
	expect_unmerged(0x77, 0x5000, of_pdb, NULL);
}

Test(windows_symbols, by_time_stamp_when_there_is_no_checksum)
{
	put_pdb("some.pdb", 1, false);
	put_image("App.exe", 1, 0, 0x5000);
	expect_unmerged(0, 0x5000, of_pdb, NULL);
	expect_unmerged(0, 0x5001, "", "App.exe' is not used: it is of another build");
}

Test(windows_symbols, an_image_without_a_symbol_file_has_exports)
{
	put_image("App.exe", 0, 0x77, 0);
	expect_unmerged(0x77, 0, "exported :0,0", NULL);
	expect_unmerged(0x78, 0, "", "another build");
}

Test(windows_symbols, a_name_and_a_size_are_not_enough)
{
	put_pdb("App.pdb", 1, false);
	put_image("App.exe", 1, 0, 0);
	expect_unmerged(0, 0, "", NULL);
}

Test(windows_symbols, an_image_of_another_name_is_another)
{
	put_image("Ap.exe", 1, 0x77, 0);
	expect_unmerged(0x77, 0, "", NULL);
}

Test(windows_symbols, a_symbol_file_alone_is_told_of)
{
	put_pdb("App.pdb", 1, false);
	expect_unmerged(0x77, 0, "", "App.pdb' is not used: the trace does not tell");
}

Test(windows_symbols, a_module_learns_its_identity)
{
	struct fixture f = fixture_unmerged(0x77, 0);
	struct fixture told = fixture_new(OC_MODULE_FILE, 1);

	put_image("App.exe", 1, 0x77, 0);
	locate(&f, 0x1060);
	run(&f, dir);
	cr_assert_eq(oc_machine_module(f.m, 1)->build_id_size, PDB_ID_SIZE);
	cr_assert_eq(memcmp(oc_machine_module(f.m, 1)->build_id,
			    oc_machine_module(told.m, 1)->build_id, PDB_ID_SIZE),
		     0);
	oc_machine_free(f.m);
	oc_machine_free(told.m);
}

/* ---- recordings of this machine ------------------------------------------------------------------------------ */

Test(windows_symbols, images_at_their_own_place)
{
	put_image(APP, 1, 0x77, 0);
	expect_local(fixture_unmerged(0x77, 0), "exported :0,0", NULL);
	expect_local(fixture_unmerged(0, 0), "exported :0,0", NULL);
	expect_local(fixture_unmerged(0x78, 0), "", APP "' is not used: it is of another build");
}

Test(windows_symbols, symbol_files_beside_them)
{
	put_image(APP, 1, 0x77, 0);
	put_pdb("C:\\Program Files\\App.Name\\a.pdb", 1, false);
	expect_local(fixture_unmerged(0x77, 0), of_pdb, NULL);
	put_pdb("C:\\Program Files\\App.Name\\a.pdb", 2, false);
	expect_local(fixture_unmerged(0x77, 0), "exported :0,0",
		     "a.pdb' is not used: it is of another build");
}

Test(windows_symbols, a_file_that_was_replaced)
{
	const struct pe_image image = { .size = IMAGE_SIZE + 0x1000, .age = 1 };
	struct buffer bytes = BUFFER_INIT;

	pe_image_make(&image, &bytes);
	put_file(APP, &bytes);
	expect_local(fixture_unmerged(0, 0), "", "another build");
	buffer_done(&bytes);
}

Test(windows_symbols, nothing_at_its_own_place)
{
	expect_local(fixture_unmerged(0x77, 0), "", NULL);
}

/* ---- from a trace on ----------------------------------------------------------------------------------------- */

static void put_event(struct etl_writer *w, uint64_t time, uint16_t hook, uint8_t version,
		      struct payload *p)
{
	etl_writer_perfinfo(
		w, &(struct etl_writer_event){ .time = time, .id = hook, .version = version }, p);
	payload_done(p);
}

/* The image's symbol file, the image, a thread, and a sample in the image. */
static void write_trace(struct etl_writer *w)
{
	static const uint8_t image_id[16] =
		"\xd7\x75\xe6\xb3\x54\x25\x18\x4f\x83\x0b\x27\x62\x73\x25\x60\xde";
	struct etl_writer_event e = { .time = 1010, .opcode = 36, .provider = image_id };
	struct payload p;

	etl_writer_init(w, 8, ETL_PLAIN);
	etl_writer_begin(w, 0);
	p = payload_for(w);
	payload_pointer(&p, BASE);
	payload_u32(&p, 8);
	for (uint8_t i = 0; i < 16; i++)
		payload_u8(&p, i);
	payload_u32(&p, 1);
	payload_text(&p, "D:\\build\\App.pdb");
	etl_writer_classic(w, &e, &p);
	payload_pointer(&p, BASE);
	payload_pointer(&p, 0x10000);
	payload_u32(&p, 8);
	payload_utf16(&p, "\\Device\\HarddiskVolume2\\App.exe");
	put_event(w, 1020, 0x140a, 1, &p);
	p = payload_for(w);
	payload_u32(&p, 8);
	payload_u32(&p, 9);
	for (int i = 0; i < 7; i++)
		payload_pointer(&p, 0);
	payload_u64(&p, 0);
	put_event(w, 1030, 0x0501, 3, &p);
	p = payload_for(w);
	payload_pointer(&p, BASE + 0x1060);
	payload_u32(&p, 9);
	payload_u32(&p, 1);
	put_event(w, 2000, 0x0f2e, 2, &p);
	etl_writer_end(w);
}

Test(windows_symbols, from_a_trace)
{
	struct fixture f = { .m = oc_machine_new(NULL) };
	const struct oc_reader *reader;
	struct oc_error err = { 0 };
	struct etl_writer w;
	uint32_t nr;

	write_trace(&w);
	put_file("trace.etl", &w.file);
	etl_writer_done(&w);
	make_dirs("symbols");
	put_pdb("symbols/App.pdb", 1, false);
	cr_assert_eq(oc_read_file("trace.etl", f.m, &reader, &err), 0, "%s", err.message);
	run(&f, "symbols");
	cr_assert_eq(oc_machine_nr_samples(f.m), 1);
	cr_assert_eq(oc_machine_nr_stacks(f.m), 1);
	expect(f.m, oc_machine_stack(f.m, 1, &nr)[0], of_pdb);
	oc_machine_free(f.m);
}
