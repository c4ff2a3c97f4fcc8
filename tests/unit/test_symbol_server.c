/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be told of symbol servers without a network: the folder that keeps files (symbolize/symbol_cache.h), which names
 * are asked for (symbolize/symbol_server.h), and code of debug files (symbolize/debug_file.h).
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "symbolize/debug_file.h"
#include "symbolize/symbol_cache.h"
#include "symbolize/symbol_server.h"

/* ---- the folder ---------------------------------------------------------------------------------------------- */

struct fixture {
	char base[64];
	char path[128];
	struct symbol_cache cache;
};

static void set_up(struct fixture *f)
{
	struct oc_error err = { 0 };

	snprintf(f->base, sizeof(f->base), "/tmp/onecollect-test-XXXXXX");
	cr_assert(mkdtemp(f->base));
	snprintf(f->path, sizeof(f->path), "%s/a/b", f->base);
	cr_assert_eq(symbol_cache_open(&f->cache, f->path, &err), 0, "%s", err.message);
}

static void tear_down(struct fixture *f)
{
	char command[160];

	symbol_cache_close(&f->cache);
	snprintf(command, sizeof(command), "rm -r '%s'", f->base);
	cr_assert_eq(system(command), 0);
}

static unsigned int mode_of(const struct fixture *f, const char *name)
{
	struct stat st;
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	return stat(path, &st) ? 0 : st.st_mode & 07777;
}

static unsigned int mode_of_draft(const struct fixture *f, const struct symbol_draft *draft)
{
	char name[80];

	snprintf(name, sizeof(name), ".drafts/%s", draft->name);
	return mode_of(f, name);
}

Test(symbol_cache, keeps_whole_files_only)
{
	struct symbol_draft draft, other;
	struct fixture f;

	set_up(&f);
	cr_assert_eq(symbol_cache_begin(&f.cache, &draft), 0);
	f.cache.nr_drafts = 0; /* as somebody with the same pid would */
	cr_assert_eq(symbol_cache_begin(&f.cache, &other), 0);
	cr_assert_eq(write(draft.fd, "whole", 5), 5);
	cr_assert(!symbol_cache_has(&f.cache, "x.pdb/1/x.pdb"));
	cr_assert_eq(symbol_cache_keep(&f.cache, &draft, "x.pdb/1/x.pdb"), 0);
	cr_assert_eq(draft.fd, -1);
	cr_assert(symbol_cache_has(&f.cache, "x.pdb/1/x.pdb"));
	cr_assert(!symbol_cache_has(&f.cache, "x.pdb/1"));
	cr_assert_eq(mode_of(&f, "x.pdb/1/x.pdb"), 0600);
	cr_assert_eq(mode_of(&f, "x.pdb/1"), 0700);
	cr_assert_eq(mode_of_draft(&f, &other), 0600);
	symbol_cache_drop(&f.cache, &other);
	symbol_cache_drop(&f.cache, &other);
	cr_assert_eq(mode_of_draft(&f, &other), 0);
	tear_down(&f);
}

Test(symbol_cache, follows_no_links)
{
	struct symbol_draft draft;
	struct fixture f;

	set_up(&f);
	cr_assert_eq(symlinkat(f.base, f.cache.dir, "x.pdb"), 0);
	cr_assert_eq(symlinkat("/etc/passwd", f.cache.dir, "y.pdb"), 0);
	cr_assert(!symbol_cache_has(&f.cache, "y.pdb"));
	cr_assert_eq(symbol_cache_begin(&f.cache, &draft), 0);
	cr_assert_lt(symbol_cache_keep(&f.cache, &draft, "x.pdb/1"), 0);
	cr_assert_eq(mode_of_draft(&f, &draft), 0);
	tear_down(&f);
}

Test(symbol_cache, removes_what_killed_programs_left)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct symbol_draft draft, young;
	struct oc_error err = { 0 };
	struct fixture f;

	set_up(&f);
	cr_assert_eq(symbol_cache_begin(&f.cache, &draft), 0);
	cr_assert_eq(symbol_cache_begin(&f.cache, &young), 0);
	cr_assert_eq(futimens(draft.fd, old), 0);
	symbol_cache_close(&f.cache);
	cr_assert_eq(symbol_cache_open(&f.cache, f.path, &err), 0);
	cr_assert_eq(mode_of_draft(&f, &draft), 0);
	cr_assert_eq(mode_of_draft(&f, &young), 0600);
	close(draft.fd);
	close(young.fd);
	tear_down(&f);
}

Test(symbol_cache, refuses_a_folder_of_others)
{
	struct oc_error err = { 0 };
	struct symbol_cache cache;
	struct fixture f;

	set_up(&f);
	cr_assert_eq(chmod(f.path, 0720), 0);
	cr_assert_eq(symbol_cache_open(&cache, f.path, &err), -EPERM);
	symbol_cache_close(&cache);
	cr_assert_eq(symbol_cache_open(&cache, "", &err), -ENOENT);
	symbol_cache_close(&cache);
	tear_down(&f);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

struct told {
	char text[4096];
	size_t len;
};

static void take_sentence(void *arg, const char *text)
{
	struct told *told = arg;

	told->len += (size_t)snprintf(told->text + told->len, sizeof(told->text) - told->len,
				      "%s\n", text);
	cr_assert_lt(told->len, sizeof(told->text));
}

/* What the folder says of a want when there is no server; the notes of refused ones. */
static uint64_t refused(const struct fixture *f, const struct symbol_want *want, bool *ret_is_there)
{
	struct told told = { .len = 0 };
	const struct oc_symbol_servers_opts opts = {
		.size = sizeof(opts), .folder = f->path, .tell = take_sentence, .arg = &told
	};
	struct oc_symbol_servers *servers;
	struct oc_ledger ledger = { 0 };
	struct symbol_want copy = *want;
	struct oc_error err = { 0 };
	uint64_t others = 0;

	cr_assert_eq(oc_symbol_servers_new(&opts, &servers, &err), 0, "%s", err.message);
	cr_assert_eq(symbol_servers_fetch(servers, &copy, 1, &ledger), 0);
	oc_symbol_servers_free(servers);
	*ret_is_there = copy.is_there;
	for (int i = 0; i < OC_NOTE_COUNT; i++)
		others += i == OC_NOTE_SYMBOLS_REFUSED ? 0 : ledger.notes[i];
	cr_assert_eq(others, 0);
	cr_assert_eq(ledger.notes[OC_NOTE_SYMBOLS_REFUSED], told.len ? 1u : 0u);
	return ledger.notes[OC_NOTE_SYMBOLS_REFUSED];
}

Test(symbol_server, asks_for_plain_names_only)
{
	static const char *const good[] = { "a.pdb", "A b+c_d-e.1.PDB", "ntkrnlmp.pdb" };
	static const char *const bad[] = { "",         ".pdb",     "a",        "a.exe",
					   "..pdb",    "a..pdb",   "../a.pdb", "a/b.pdb",
					   "a\\b.pdb", "a%2f.pdb", "a\n.pdb",  "\xc3\xa9.pdb",
					   ".a.pdb",   "a?.pdb",   "a#.pdb",   "a:.pdb",
					   "a;.pdb",   "a\".pdb" };
	uint8_t id[PDB_ID_SIZE] = { 1, [19] = 2 };
	struct symbol_want want = { .kind = SYMBOL_WANT_PDB, .id = id, .id_size = sizeof(id) };
	struct fixture f;
	char longest[134];
	bool is_there;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		want.name = good[i];
		cr_assert_eq(refused(&f, &want, &is_there), 0, "%s", good[i]);
		cr_assert(!is_there);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		want.name = bad[i];
		cr_assert_eq(refused(&f, &want, &is_there), 1, "%s", bad[i]);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest + 129, ".pdb", 5);
	want.name = longest;
	cr_assert_eq(refused(&f, &want, &is_there), 1);
	want.name = longest + 5;
	cr_assert_eq(refused(&f, &want, &is_there), 0);
	want.id_size = 16;
	cr_assert_eq(refused(&f, &want, &is_there), 1);
	tear_down(&f);
}

Test(symbol_server, finds_what_is_kept)
{
	static const uint8_t id[PDB_ID_SIZE] = { 0xab, 0xcd, [19] = 0x1f };
	static const char key[] = "ABCD00000000000000000000000000001F";
	const struct symbol_want wants[] = {
		{ .kind = SYMBOL_WANT_PDB, .name = "a.pdb", .id = id, .id_size = sizeof(id) },
		{ .kind = SYMBOL_WANT_DEBUG_INFO, .id = id, .id_size = 8 },
		{ .kind = SYMBOL_WANT_EXECUTABLE, .id = id, .id_size = 2 },
	};
	const char *const paths[] = { NULL, ".build-id/ab/cd000000000000.debug",
				      ".build-id/ab/cd" };
	struct symbol_draft draft;
	struct fixture f;
	char path[160];
	bool is_there;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		snprintf(path, sizeof(path), "a.pdb/%s/a.pdb", key);
		cr_assert_eq(refused(&f, &wants[i], &is_there), 0);
		cr_assert(!is_there);
		cr_assert_eq(symbol_cache_begin(&f.cache, &draft), 0);
		cr_assert_eq(symbol_cache_keep(&f.cache, &draft, paths[i] ? paths[i] : path), 0);
		cr_assert_eq(refused(&f, &wants[i], &is_there), 0);
		cr_assert(is_there, "%zu", i);
	}
	tear_down(&f);
}

Test(symbol_server, refuses_what_is_no_address)
{
	static const char *const bad[] = {
		"",           "http:/x",    "https://",       "ftp://x/",       "file:///x",
		"http:///x",  "http://a@b", "http://a:b@c/d", "http://a/b?c=d", "http://a/b#c",
		"http://a b", "http://a\\b"
	};
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct oc_symbol_servers_opts opts = {
			.size = sizeof(opts), .urls = &bad[i], .nr_urls = 1, .folder = f.path
		};
		struct oc_symbol_servers *servers = NULL;
		struct oc_error err = { 0 };

		cr_assert_eq(oc_symbol_servers_new(&opts, &servers, &err), -EINVAL, "%s", bad[i]);
		cr_assert_null(servers);
		cr_assert(*err.message);
	}
	tear_down(&f);
}

/* ---- code of debug files --------------------------------------------------------------------------------------- */

Test(debug_file, places_code_by_its_mapping)
{
	struct elf_segment segments[] = {
		{ .type = PT_LOAD, .flags = PF_R, .file_size = 0x39c, .memory_size = 0x600 },
		{ .type = PT_LOAD,
		  .flags = PF_R | PF_X,
		  .address = 0x11040,
		  .memory_size = 0x1fd0 },
		{ .type = PT_LOAD, .flags = PF_R | PF_W, .address = 0x14000, .memory_size = 8 },
	};
	struct elf_file elf = { .segments = segments, .nr_segments = ARRAY_SIZE(segments) };
	uint64_t address = 0;

	/* Of another size than the code, which goes from 0x11000 to 0x14000. */
	cr_assert(!debug_file_place_code(&elf, 0x700000, 0x702000, 0x1000, 4096));
	cr_assert(!elf_file_address(&elf, 0x1234, &address));
	cr_assert(!debug_file_place_code(&elf, 0x700000, 0x703000, 0x1000, 65536));
	cr_assert(debug_file_place_code(&elf, 0x700000, 0x703000, 0x1000, 4096));
	cr_assert(elf_file_address(&elf, 0x1234, &address));
	cr_assert_eq(address, 0x11234);
	cr_assert(!elf_file_address(&elf, 0x4000, &address));
	/* It tells by itself now. */
	cr_assert(debug_file_place_code(&elf, 0, 1, 0, 4096));
}

Test(debug_file, places_no_code_that_is_in_doubt)
{
	struct elf_segment segments[] = {
		{ .type = PT_LOAD, .flags = PF_X, .address = 0x1000, .memory_size = 0x1000 },
		{ .type = PT_LOAD, .flags = PF_X, .address = 0x9000, .memory_size = 0x1000 },
	};
	struct elf_segment huge = {
		.type = PT_LOAD, .flags = PF_X, .address = -4096ULL, .memory_size = -1ULL
	};
	struct elf_file elf = { .segments = segments, .nr_segments = 2 };

	cr_assert(!debug_file_place_code(&elf, 0x1000, 0x2000, 0, 4096));
	elf = (struct elf_file){ .segments = &huge, .nr_segments = 1 };
	cr_assert(!debug_file_place_code(&elf, 0x1000, 0x2000, 0, 4096));
	elf.nr_segments = 0;
	cr_assert(!debug_file_place_code(&elf, 0x1000, 0x2000, 0, 4096));
}
