/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks symbol servers for files.
 * Called by the symbolizer.
 * Must not know what symbols are looked for. Names come from traces and bytes from the network: neither is believed.
 */
#include "symbolize/symbol_server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/elf_file.h"
#include "base/hex.h"
#include "base/id_table.h"
#include "base/macros.h"
#include "base/pdb_id.h"
#include "base/u64_map.h"
#include "symbolize/debug_file.h"
#include "symbolize/http_get.h"
#include "symbolize/pdb_file.h"
#include "symbolize/symbol_cache.h"

#define SERVERS_MAX     16
#define URL_BYTES_MAX   1024u
#define NAME_BYTES_MAX  128u
#define TIME_DEFAULT_NS (120ULL * 1000000000ULL)
#define TIME_MAX_NS     (3600ULL * 1000000000ULL) /* see DRAFT_OLD_S in symbol_cache.c */
#define BYTES_DEFAULT   (4ULL << 30)
#define STALL_S_MAX     15u
/* A server that fails so often in a row is not asked again. */
#define FAILURES_MAX 3u
/* Sentences on files; the rest is counted only. */
#define TOLD_MAX 20u

struct server {
	char *url;         /* without a slash at its end */
	uint32_t failures; /* in a row */
	bool is_off;
};

struct oc_symbol_servers {
	struct server servers[SERVERS_MAX];
	uint32_t nr_servers;
	struct symbol_cache cache;
	struct http http;
	struct u64_map asked; /* hashes of paths below the folder; the value means nothing */
	uint64_t left_ns;     /* of the time for downloads */
	uint64_t left_bytes;
	uint32_t told;
	atomic_bool cancelled;
	void (*tell)(void *arg, const char *text);
	void (*begin)(void *arg, uint32_t nr_files);
	void *arg;
};

/* What the worst was that happened to a file, worst last. */
enum outcome { OUTCOME_NOT_FOUND, OUTCOME_FAILED, OUTCOME_REFUSED, OUTCOME_DOWNLOADED };

enum job_state { JOB_WAITS, JOB_RUNS, JOB_ENDED };

/* A file on its way. */
struct job {
	struct symbol_want *want;
	enum job_state state;
	enum outcome outcome;
	uint32_t server; /* that is asked now, or next */
	struct symbol_draft draft;
	int error; /* why bytes could not be taken */
	char path[SYMBOL_CACHE_PATH_SIZE];
};

/* State of one fetch. */
struct fetch {
	struct oc_symbol_servers *s;
	struct job *jobs; /* [nr] */
	size_t nr;
	size_t first; /* no job before it waits */
	struct buffer url;
	uint64_t deadline_ns;
	bool is_broken; /* the folder cannot take more */
};

static void tell(struct oc_symbol_servers *s, const char *fmt, ...) __printf_like(2, 3);

static void tell(struct oc_symbol_servers *s, const char *fmt, ...)
{
	char text[OC_ERROR_MESSAGE_MAX];
	va_list args;

	if (!s->tell)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	s->tell(s->arg, text);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

/* Good for a file's name and for a URL, whoever thought of it. */
static bool is_plain_name(const char *name)
{
	size_t len = strnlen(name, NAME_BYTES_MAX + 1);

	if (len < 5 || len > NAME_BYTES_MAX || *name == '.' || strstr(name, "..") ||
	    strcasecmp(name + len - 4, ".pdb"))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
		    !strchr("._-+ ", c))
			return false;
	}
	return true;
}

/* Where the folder keeps the file. Returns false when there is no such place: the name, or the id, is not one to be used. */
static bool put_path(const struct symbol_want *want, char path[SYMBOL_CACHE_PATH_SIZE])
{
	struct buffer text __cleanup(buffer_done) = BUFFER_INIT;
	char key[PDB_ID_KEY_SIZE];

	if (want->kind == SYMBOL_WANT_PDB) {
		if (want->id_size != PDB_ID_SIZE || !is_plain_name(want->name))
			return false;
		pdb_id_key(want->id, key);
		buffer_printf(&text, "%s/%s/%s", want->name, key, want->name);
	} else {
		if (want->id_size < 2 || want->id_size > ELF_BUILD_ID_MAX)
			return false;
		debug_file_put_id_path(&text, want->id, want->id_size,
				       want->kind == SYMBOL_WANT_DEBUG_INFO ? ".debug" : "");
	}
	if (text.error || text.len >= SYMBOL_CACHE_PATH_SIZE)
		return false;
	memcpy(path, text.data, text.len + 1);
	return true;
}

static void put_escaped(struct buffer *out, const char *name)
{
	for (; *name; name++) {
		if (*name == ' ' || *name == '+')
			buffer_printf(out, "%%%02X", *name);
		else
			buffer_putc(out, *name);
	}
}

/* Sources: Microsoft's "Using SymStore"; debuginfod(8). */
static void put_url(const struct server *server, const struct symbol_want *want, struct buffer *out)
{
	char key[PDB_ID_KEY_SIZE], hex[2 * ELF_BUILD_ID_MAX + 1];

	buffer_clear(out);
	buffer_printf(out, "%s/", server->url);
	if (want->kind == SYMBOL_WANT_PDB) {
		pdb_id_key(want->id, key);
		put_escaped(out, want->name);
		buffer_printf(out, "/%s/", key);
		put_escaped(out, want->name);
		return;
	}
	hex_text(want->id, want->id_size, hex);
	buffer_printf(out, "buildid/%s/%s", hex,
		      want->kind == SYMBOL_WANT_DEBUG_INFO ? "debuginfo" : "executable");
}

/* ---- what came ----------------------------------------------------------------------------------------------- */

static int check_pdb(int fd, uint64_t size, const struct symbol_want *want, struct oc_error *err)
{
	const struct byte_source source = { .fd = fd, .size = size };
	struct pdb_file pdb;
	int rc = pdb_open(&pdb, &source, err);

	if (rc == -ENOEXEC)
		return oc_error_set(err, -EBADMSG, "it is not a PDB file");
	if (rc)
		return rc;
	if (memcmp(pdb.id, want->id, PDB_ID_SIZE))
		rc = oc_error_set(err, -EBADMSG, "it is of another build than was asked for");
	pdb_close(&pdb);
	return rc;
}

static int check_elf(int fd, uint64_t size, const struct symbol_want *want, struct oc_error *err)
{
	uint8_t id[ELF_BUILD_ID_MAX];
	struct elf_file elf;
	int rc = elf_file_open(&elf, fd, size), id_size;

	if (rc)
		return oc_error_set(err, rc == -ENOMEM ? rc : -EBADMSG,
				    "it is not a sound ELF file");
	id_size = elf_file_build_id(&elf, id);
	elf_file_close(&elf);
	if (id_size == -ENOMEM)
		return id_size;
	if (id_size != want->id_size || memcmp(id, want->id, want->id_size))
		return oc_error_set(err, -EBADMSG, "it is of another build than was asked for");
	return 0;
}

/* Whether the finished file is what was asked for. Returns 0, -EBADMSG with *err, or another negative errno value. */
static int check_draft(const struct job *job, struct oc_error *err)
{
	struct stat st;

	if (job->draft.fd < 0)
		return oc_error_set(err, -EBADMSG, "it is empty");
	if (fstat(job->draft.fd, &st))
		return -errno;
	if (job->want->kind == SYMBOL_WANT_PDB)
		return check_pdb(job->draft.fd, (uint64_t)st.st_size, job->want, err);
	return check_elf(job->draft.fd, (uint64_t)st.st_size, job->want, err);
}

/* ---- a job --------------------------------------------------------------------------------------------------- */

static void tell_of(struct fetch *f, const struct job *job, const char *why)
{
	put_url(&f->s->servers[job->server], job->want, &f->url);
	if (!f->url.error && ++f->s->told <= TOLD_MAX)
		tell(f->s, "'%s' is not used: %s", f->url.data, why);
}

/* The next server's turn, if there is one. */
static void go_on(struct fetch *f, struct job *job, enum outcome outcome)
{
	job->outcome = MAX(job->outcome, outcome);
	job->server++;
	job->state = job->server < f->s->nr_servers && outcome != OUTCOME_DOWNLOADED ? JOB_WAITS
										     : JOB_ENDED;
	if (job->state == JOB_WAITS)
		f->first = MIN(f->first, (size_t)(job - f->jobs));
}

static void take_file(struct fetch *f, struct job *job)
{
	struct oc_error err = { 0 };
	int rc = check_draft(job, &err);

	if (!rc) {
		rc = symbol_cache_keep(&f->s->cache, &job->draft, job->path);
		if (rc) {
			oc_error_set(&err, rc, "it cannot be kept in '%s': %s", f->s->cache.path,
				     strerror(-rc));
			f->is_broken = true;
		}
	}
	if (rc) {
		tell_of(f, job, *err.message ? err.message : strerror(-rc));
		go_on(f, job, rc == -EBADMSG ? OUTCOME_REFUSED : OUTCOME_FAILED);
		return;
	}
	job->want->is_there = true;
	go_on(f, job, OUTCOME_DOWNLOADED);
}

/* Bytes came that are not taken: the limit of all downloads is reached, or the disk is full. */
static void give_up_own(struct fetch *f, struct job *job)
{
	char why[128];

	if (job->error == -EFBIG) {
		tell_of(f, job,
			"the limit of bytes for downloads is reached; raise --symbol-limit");
		go_on(f, job, OUTCOME_REFUSED);
		return;
	}
	snprintf(why, sizeof(why), "it cannot be written: %s", strerror(-job->error));
	tell_of(f, job, why);
	f->is_broken = true;
	go_on(f, job, OUTCOME_FAILED);
}

static void note_failure(struct fetch *f, const struct job *job)
{
	struct server *server = &f->s->servers[job->server];

	if (++server->failures < FAILURES_MAX || server->is_off)
		return;
	server->is_off = true;
	tell(f->s, "'%s' failed %u times in a row and is not asked any more", server->url,
	     FAILURES_MAX);
}

static void on_done(void *arg, void *request_arg, enum http_end end, const char *why)
{
	struct fetch *f = arg;
	struct job *job = request_arg;

	if (end == HTTP_END_DONE || end == HTTP_END_NOT_FOUND || end == HTTP_END_REFUSED)
		f->s->servers[job->server].failures = 0;
	switch (end) {
	case HTTP_END_DONE:
		take_file(f, job);
		break;
	case HTTP_END_NOT_FOUND:
		go_on(f, job, OUTCOME_NOT_FOUND);
		break;
	case HTTP_END_REFUSED:
		tell_of(f, job, why);
		go_on(f, job, OUTCOME_REFUSED);
		break;
	case HTTP_END_FAILED:
		tell_of(f, job, why);
		note_failure(f, job);
		go_on(f, job, OUTCOME_FAILED);
		break;
	case HTTP_END_OWN:
		give_up_own(f, job);
		break;
	case HTTP_END_STOPPED:
		job->state = JOB_WAITS;
		break;
	}
	symbol_cache_drop(&f->s->cache, &job->draft);
}

static int on_write(void *arg, void *request_arg, const void *data, size_t size)
{
	struct fetch *f = arg;
	struct job *job = request_arg;
	const char *at = data;

	job->error = size > f->s->left_bytes ? -EFBIG : 0;
	if (!job->error && job->draft.fd < 0)
		job->error = symbol_cache_begin(&f->s->cache, &job->draft);
	while (!job->error && size) {
		ssize_t n = write(job->draft.fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			job->error = n < 0 ? -errno : -EIO;
			break;
		}
		at += n;
		size -= (size_t)n;
		f->s->left_bytes -= (size_t)n;
	}
	return job->error;
}

static bool on_stop(void *arg)
{
	const struct fetch *f = arg;

	return f->is_broken || f->url.error || atomic_load(&f->s->cancelled) ||
	       clock_monotonic_ns() >= f->deadline_ns;
}

/* Passes over servers that are not asked any more. Returns whether one is left. */
static bool has_server(struct fetch *f, struct job *job)
{
	while (job->state == JOB_WAITS && f->s->servers[job->server].is_off)
		go_on(f, job, OUTCOME_FAILED);
	return job->state == JOB_WAITS;
}

static bool on_next(void *arg, struct http_request *ret_request)
{
	struct fetch *f = arg;

	for (; f->first < f->nr; f->first++) {
		struct job *job = &f->jobs[f->first];

		if (job->state != JOB_WAITS || !has_server(f, job))
			continue;
		put_url(&f->s->servers[job->server], job->want, &f->url);
		if (f->url.error)
			return false;
		job->state = JOB_RUNS;
		*ret_request = (struct http_request){
			.url = f->url.data,
			.max_bytes = f->s->left_bytes,
			.arg = job,
		};
		return true;
	}
	return false;
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

/* Makes a job of a file that is neither there nor was asked for before. Returns 0 or -ENOMEM. */
static int add_job(struct fetch *f, struct symbol_want *want, struct oc_ledger *ledger)
{
	struct oc_symbol_servers *s = f->s;
	struct job *job = &f->jobs[f->nr];
	uint64_t hash;

	*job = (struct job){ .want = want, .draft = { .fd = -1 } };
	want->is_there = false;
	if (!put_path(want, job->path)) {
		ledger->notes[OC_NOTE_SYMBOLS_REFUSED]++;
		if (++s->told <= TOLD_MAX)
			tell(s, "'%.100s' is not asked for: it is no plain name of a PDB file",
			     want->name ? want->name : "");
		return 0;
	}
	want->is_there = symbol_cache_has(&s->cache, job->path);
	hash = hash_bytes(job->path, strlen(job->path)) | 1;
	if (want->is_there || !s->nr_servers || u64_map_find(&s->asked, hash))
		return 0;
	f->nr++;
	return u64_map_set(&s->asked, hash, 1);
}

static void count(const struct fetch *f, struct oc_ledger *ledger)
{
	static const enum oc_note notes[] = {
		[OUTCOME_NOT_FOUND] = OC_NOTE_SYMBOLS_NOT_FOUND,
		[OUTCOME_FAILED] = OC_NOTE_SYMBOLS_FAILED,
		[OUTCOME_REFUSED] = OC_NOTE_SYMBOLS_REFUSED,
		[OUTCOME_DOWNLOADED] = OC_NOTE_SYMBOLS_DOWNLOADED,
	};
	size_t left = 0;

	for (size_t i = 0; i < f->nr; i++) {
		const struct job *job = &f->jobs[i];
		bool is_left = job->state != JOB_ENDED;

		left += is_left;
		ledger->notes[notes[is_left ? OUTCOME_FAILED : job->outcome]]++;
	}
	if (left)
		tell(f->s, "%zu symbol files were not downloaded: %s", left,
		     f->is_broken ? "they cannot be kept"
		     : atomic_load(&f->s->cancelled)
			     ? "it was interrupted"
			     : "the time for it is over (--symbol-timeout)");
}

static int run_jobs(struct fetch *f, struct oc_ledger *ledger)
{
	const struct http_client client = {
		.next = on_next,
		.write = on_write,
		.done = on_done,
		.stop = on_stop,
		.arg = f,
	};
	struct oc_symbol_servers *s = f->s;
	uint64_t began_ns = clock_monotonic_ns();
	int rc;

	if (s->begin)
		s->begin(s->arg, (uint32_t)f->nr);
	f->deadline_ns = began_ns + s->left_ns;
	rc = http_run(&s->http, &client);
	count(f, ledger);
	s->left_ns -= MIN(s->left_ns, clock_monotonic_ns() - began_ns);
	return rc ? rc : f->url.error;
}

int symbol_servers_fetch(struct oc_symbol_servers *s, struct symbol_want *wants, size_t nr,
			 struct oc_ledger *ledger)
{
	struct fetch f = { .s = s, .jobs = calloc(nr + 1, sizeof(*f.jobs)) };
	char path[SYMBOL_CACHE_PATH_SIZE];
	int rc = f.jobs ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < nr; i++)
		rc = add_job(&f, &wants[i], ledger);
	if (!rc && f.nr)
		rc = run_jobs(&f, ledger);
	/* Two modules can want one file. */
	for (size_t i = 0; !rc && f.nr && i < nr; i++)
		wants[i].is_there |= put_path(&wants[i], path) && symbol_cache_has(&s->cache, path);
	buffer_done(&f.url);
	free(f.jobs);
	return rc;
}

void symbol_servers_put_path(const struct oc_symbol_servers *s, const struct symbol_want *want,
			     struct buffer *out)
{
	char path[SYMBOL_CACHE_PATH_SIZE];

	buffer_clear(out);
	buffer_printf(out, "%s/%s", s->cache.path, put_path(want, path) ? path : "");
}

const char *symbol_servers_folder(const struct oc_symbol_servers *s)
{
	return s->cache.path;
}

/* ---- the servers --------------------------------------------------------------------------------------------- */

/* "http://host/path" with nothing in it that would be meant for another purpose than naming a place. */
static int check_url(const char *url, struct oc_error *err)
{
	size_t scheme = !strncasecmp(url, "https://", 8)  ? 8
			: !strncasecmp(url, "http://", 7) ? 7
							  : 0;
	const char *host = url + scheme;

	if (!scheme || !*host || *host == '/' || strlen(url) > URL_BYTES_MAX)
		return oc_error_set(err, -EINVAL,
				    "'%.200s' is no symbol server; give its address, as "
				    "https://symbols.example.org/path",
				    url);
	if (memchr(host, '@', strcspn(host, "/")))
		return oc_error_set(
			err, -EINVAL,
			"the address of a symbol server must not hold a password: it would "
			"be kept in recordings and shown to other users");
	for (const char *at = host; *at; at++) {
		if (*at <= ' ' || *at > '~' || strchr("?#\\\"<>", *at))
			return oc_error_set(err, -EINVAL,
					    "'%.200s' has a character that is not possible in the "
					    "address of a symbol server",
					    url);
	}
	return 0;
}

static int add_server(struct oc_symbol_servers *s, const char *url, struct oc_error *err)
{
	size_t len = strlen(url);
	int rc = check_url(url, err);

	if (rc)
		return rc;
	if (s->nr_servers == SERVERS_MAX)
		return oc_error_set(err, -EINVAL, "more than %d symbol servers", SERVERS_MAX);
	while (url[len - 1] == '/')
		len--;
	s->servers[s->nr_servers].url = strndup(url, len);
	if (!s->servers[s->nr_servers].url)
		return oc_error_set(err, -ENOMEM, "out of memory");
	s->nr_servers++;
	return 0;
}

static int open_servers(struct oc_symbol_servers *s, const struct oc_symbol_servers_opts *o,
			struct oc_error *err)
{
	uint64_t stall_s;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < o->nr_urls; i++)
		rc = add_server(s, o->urls[i], err);
	if (rc)
		return rc;
	s->left_ns = o->max_ns ? o->max_ns : TIME_DEFAULT_NS;
	s->left_bytes = o->max_bytes ? o->max_bytes : BYTES_DEFAULT;
	if (s->left_ns > TIME_MAX_NS)
		return oc_error_set(err, -EINVAL, "downloads may take an hour at most");
	if (!o->folder || !*o->folder)
		return oc_error_set(err, -EINVAL,
				    "there is no folder to keep symbol files in; set HOME, or name "
				    "one with --symbol-cache");
	rc = symbol_cache_open(&s->cache, o->folder, err);
	if (rc || !s->nr_servers)
		return rc;
	/* One that stalls must leave time for the others. */
	stall_s = s->left_ns / 4 / 1000000000ULL;
	return http_open(&s->http, (unsigned int)MAX(MIN(stall_s, STALL_S_MAX), 1u), err);
}

int oc_symbol_servers_new(const struct oc_symbol_servers_opts *opts,
			  struct oc_symbol_servers **ret_servers, struct oc_error *err)
{
	struct oc_symbol_servers *s = calloc(1, sizeof(*s));
	struct oc_symbol_servers_opts o = { 0 };
	int rc;

	if (!s)
		return oc_error_set(err, -ENOMEM, "out of memory");
	memcpy(&o, opts, MIN(opts->size, sizeof(o)));
	s->cache.dir = s->cache.drafts = -1;
	s->tell = o.tell;
	s->begin = o.begin;
	s->arg = o.arg;
	rc = open_servers(s, &o, err);
	if (rc) {
		oc_symbol_servers_free(s);
		return rc;
	}
	*ret_servers = s;
	return 0;
}

void oc_symbol_servers_free(struct oc_symbol_servers *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->nr_servers; i++)
		free(s->servers[i].url);
	http_close(&s->http);
	symbol_cache_close(&s->cache);
	u64_map_done(&s->asked);
	free(s);
}

void oc_symbol_servers_cancel(struct oc_symbol_servers *s)
{
	atomic_store(&s->cancelled, true);
}
