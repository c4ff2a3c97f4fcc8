/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading pprof profiles: labels of samples as processes, threads and attributes.
 * Called by pprof_read.c for each sample.
 * Must not know columns of values or code.
 */
#include "export/formats/pprof_read_private.h"

#include <errno.h>
#include <inttypes.h>

#include "base/array.h"
#include "base/macros.h"
#include "base/text.h"
#include "export/named.h"

/* The number of a label, which writers that cannot tell 0 from nothing write as text. False when it is none. */
static bool label_number(const struct pprof_reader *r, const struct pprof_label *label,
			 uint32_t *ret_number)
{
	const struct pprof_text *text = &r->profile.texts[label->text];
	char digits[16];
	uint64_t value;

	if (!label->text) {
		*ret_number = (uint32_t)label->number;
		return label->number >= 0 && label->number <= UINT32_MAX;
	}
	if (!text->len || text->len >= sizeof(digits))
		return false;
	snprintf(digits, sizeof(digits), "%.*s", (int)text->len, text->text);
	if (text_parse_u64(digits, 10, UINT32_MAX, &value))
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

static bool process_key_equal(const void *owner, uint32_t id, const void *wanted)
{
	return !memcmp((const struct pprof_process_key *)owner + id - 1, wanted,
		       sizeof(struct pprof_process_key));
}

static int64_t process_of(struct pprof_reader *r, const struct pprof_process_key *key)
{
	uint64_t hash = hash_bytes(key, sizeof(*key));
	uint32_t known =
		id_table_find(&r->process_ids, hash, process_key_equal, r->process_keys, key);
	const struct oc_process facts = { .ns_pid = key->ns_pid };
	size_t nr = r->process_ids.count;
	int64_t id;

	if (known)
		return r->processes[known - 1];
	if (array_reserve(&r->process_keys, &r->process_keys_cap, nr + 1, sizeof(*key)) ||
	    array_reserve(&r->processes, &r->processes_cap, nr + 1, sizeof(*r->processes)) ||
	    id_table_add(&r->process_ids, hash, (uint32_t)nr + 1))
		return -ENOMEM;
	id = named_process(r->m, key->pid, key->comm, key->container);
	if (id < 0)
		return id;
	r->process_keys[nr] = *key;
	r->processes[nr] = (oc_process_id)id;
	return oc_machine_process_set(r->m, (oc_process_id)id, &facts) ? -ENOMEM : id;
}

/* What the labels of a sample say of where it ran; labels that say other things become attributes. */
struct label_facts {
	struct pprof_process_key process;
	bool has_process, has_tid;
	uint32_t tid, ns_tid;
	uint32_t thread_name; /* index of the text */
};

/* Takes a label that says where the sample ran. Returns 1, 0 for another label, or -ENOMEM. */
static int take_fact(struct pprof_reader *r, const struct pprof_label *label,
		     struct label_facts *facts)
{
	int64_t text = 0;

	if (pprof_read_text_is(r, label->key, "pid"))
		return facts->has_process |= label_number(r, label, &facts->process.pid);
	if (pprof_read_text_is(r, label->key, "ns_pid"))
		return label_number(r, label, &facts->process.ns_pid);
	if (pprof_read_text_is(r, label->key, "tid"))
		return facts->has_tid = label_number(r, label, &facts->tid);
	if (pprof_read_text_is(r, label->key, "ns_tid"))
		return label_number(r, label, &facts->ns_tid);
	if (!label->text)
		return 0;
	if (pprof_read_text_is(r, label->key, "thread_name")) {
		facts->thread_name = label->text;
		return 1;
	}
	if (pprof_read_text_is(r, label->key, "comm")) {
		text = pprof_read_string(r, label->text);
		facts->process.comm = (oc_string_id)text;
	} else if (pprof_read_text_is(r, label->key, "container_id")) {
		text = pprof_read_string(r, label->text);
		facts->process.container = (oc_string_id)text;
	}
	facts->has_process |= text > 0;
	return text < 0 ? (int)text : text > 0;
}

/* "key", or "key (unit)" where the unit says something. */
static int64_t key_of(struct pprof_reader *r, const struct pprof_label *label)
{
	struct buffer text = BUFFER_INIT;
	const struct pprof_text *key = &r->profile.texts[label->key];
	const struct pprof_text *unit = &r->profile.texts[label->unit];
	int64_t id;

	if (label->text || !unit->len || pprof_read_text_is(r, label->key, "bytes") ||
	    (unit->len == key->len && !memcmp(unit->text, key->text, key->len)))
		return pprof_read_string(r, label->key);
	buffer_append(&text, key->text, key->len);
	buffer_puts(&text, " (");
	buffer_append(&text, unit->text, unit->len);
	buffer_putc(&text, ')');
	id = text.error ? text.error : oc_machine_intern(r->m, text.data, text.len);
	buffer_done(&text);
	return id;
}

static int add_attr(struct pprof_reader *r, const struct pprof_label *label)
{
	struct oc_attr attr = { .type = OC_ATTR_NUMBER, .value = (uint64_t)label->number };
	int64_t key = key_of(r, label), text = 0;
	char number[32];

	if (label->text) {
		text = pprof_read_string(r, label->text);
	} else if (label->number < 0) {
		snprintf(number, sizeof(number), "%" PRId64, label->number);
		text = oc_machine_intern(r->m, number, strlen(number));
	}
	if (key < 0 || text < 0)
		return -ENOMEM;
	if (array_reserve(&r->attrs, &r->attrs_cap, r->nr_attrs + 1, sizeof(*r->attrs)))
		return -ENOMEM;
	attr.key = (oc_string_id)key;
	if (text) {
		attr.type = OC_ATTR_STRING;
		attr.value = (uint64_t)text;
	}
	r->attrs[r->nr_attrs++] = attr;
	return 0;
}

/* A thread bears one name; other names of it become attributes of their samples. */
static int set_thread(struct pprof_reader *r, const struct label_facts *facts,
		      struct oc_sample *sample)
{
	const struct pprof_label name = { .text = facts->thread_name };
	int64_t id = facts->has_tid ? oc_machine_add_thread(r->m, sample->process, facts->tid) : 0;
	int64_t text = pprof_read_string(r, facts->thread_name);
	int64_t key = oc_machine_intern(r->m, "thread_name", strlen("thread_name"));
	struct oc_thread *thread;
	int rc;

	if (id < 0 || text < 0 || key < 0)
		return -ENOMEM;
	sample->thread = (oc_thread_id)id;
	thread = stable_array_by_id(&r->m->threads, sample->thread);
	if (thread && !thread->name)
		thread->name = (oc_string_id)text;
	if (thread && facts->ns_tid)
		thread->ns_tid = facts->ns_tid;
	if (!text || (thread && thread->name == text))
		return 0;
	rc = add_attr(r, &name);
	if (!rc)
		r->attrs[r->nr_attrs - 1].key = (oc_string_id)key;
	return rc;
}

int pprof_read_labels(struct pprof_reader *r, struct oc_sample *sample)
{
	struct label_facts facts = { 0 };
	int64_t id = 0;
	int rc = 0;

	r->nr_attrs = 0;
	for (size_t i = 0; i < r->sample.nr_labels; i++) {
		const struct pprof_label *label = &r->sample.labels[i];

		rc = take_fact(r, label, &facts);
		/* An empty text and a plain 0 are both written as nothing, and nothing is what pprof takes them for. */
		if (!rc && (label->text || label->number || label->unit))
			rc = add_attr(r, label);
		if (rc < 0)
			return rc;
	}
	/* Threads need a process, if one that nothing is known of. */
	if (facts.has_process || facts.has_tid)
		id = process_of(r, &facts.process);
	if (id < 0)
		return (int)id;
	sample->process = (oc_process_id)id;
	rc = set_thread(r, &facts, sample);
	if (rc)
		return rc;
	id = oc_machine_intern_attrs(r->m, r->attrs, r->nr_attrs, 0);
	sample->attrs = id > 0 ? (oc_attrs_id)id : 0;
	return (int)MIN(id, 0);
}
