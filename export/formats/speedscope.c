/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * speedscope's own JSON: one sampled profile per thread and kind of sample.
 * Called through the format table.
 * Must not know how samples were recorded.
 *
 * With times a profile is a time line: where nothing was sampled, an empty stack has the weight. Sampled and not
 * evented, because an event takes several times the bytes of an index and readers show nothing more for it.
 */
#include <onecollect/format.h>

#include <errno.h>

#include "base/macros.h"
#include "export/amount.h"
#include "export/formats/formats_private.h"
#include "export/formats/json_output.h"
#include "export/frames.h"
#include "export/numbering.h"
#include "export/thread_samples.h"

#define SCHEMA "https://www.speedscope.app/file-format-schema.json"

enum { ROUND_SAMPLES, ROUND_WEIGHTS, NR_ROUNDS };

struct speedscope {
	const struct oc_machine *m;
	struct json_output out;
	struct numbering codes; /* index in shared.frames + 1 */
	struct frame_list frames;
	struct thread_axis axis;
	unsigned int round;
};

static const char *unit_name(const struct oc_kind *kind)
{
	switch (amount_unit(kind)) {
	case OC_UNIT_NANOSECONDS:
		return "nanoseconds";
	case OC_UNIT_BYTES:
		return "bytes";
	default:
		return "none";
	}
}

static int begin_profile(void *arg, const struct thread_group *group)
{
	struct speedscope *s = arg;
	struct json *j = &s->out.json;
	struct buffer title = BUFFER_INIT;
	int rc;

	thread_group_title(&title, s->m, group);
	json_object_begin(j);
	json_key(j, "type");
	json_string(j, "sampled");
	json_key(j, "name");
	json_string_len(j, title.data ? title.data : "", title.len);
	json_key(j, "unit");
	json_string(j, unit_name(oc_machine_kind(s->m, group->kind)));
	rc = title.error;
	buffer_done(&title);
	return rc;
}

static int begin_round(void *arg, const struct thread_group *group, unsigned int round)
{
	struct speedscope *s = arg;

	s->axis = thread_axis_begin(s->m, group);
	s->round = round;
	if (round != ROUND_SAMPLES)
		json_array_end(&s->out.json);
	json_key(&s->out.json, round == ROUND_SAMPLES ? "samples" : "weights");
	json_array_begin(&s->out.json);
	return 0;
}

static int write_stack(struct speedscope *s, oc_stack_id stack)
{
	struct json *j = &s->out.json;

	if (frame_list_fill(&s->frames, s->m, stack))
		return -ENOMEM;
	json_array_begin(j);
	for (size_t i = 0; i < s->frames.nr; i++)
		json_u64(j, number_of(&s->codes, code_of(s->m, &s->frames.frames[i])) - 1);
	json_array_end(j);
	return 0;
}

static int write_sample(void *arg, const struct thread_group *group, const struct oc_sample *sample)
{
	struct speedscope *s = arg;
	struct json *j = &s->out.json;
	uint64_t before = s->axis.end;
	struct thread_stretch stretch = thread_axis_next(&s->axis, s->m, sample);
	int rc = 0;

	(void)group;
	if (s->round == ROUND_WEIGHTS) {
		if (stretch.gap)
			json_u64(j, stretch.start - before);
		json_u64(j, stretch.end - stretch.start);
	} else {
		if (stretch.gap) {
			json_array_begin(j);
			json_array_end(j);
		}
		rc = write_stack(s, sample->stack);
	}
	return rc ? rc : json_output_flush(&s->out);
}

static int end_profile(void *arg, const struct thread_group *group)
{
	struct speedscope *s = arg;
	struct json *j = &s->out.json;

	(void)group;
	json_array_end(j);
	json_key(j, "startValue");
	json_u64(j, 0);
	json_key(j, "endValue");
	json_u64(j, s->axis.end);
	json_object_end(j);
	return json_output_flush(&s->out);
}

static int write_frames(struct speedscope *s)
{
	struct json *j = &s->out.json;
	int rc = 0;

	json_array_begin(j);
	for (uint32_t i = 0; i < s->codes.nr && !rc; i++) {
		struct code code = code_describe(s->m, s->codes.ids[i]);

		json_object_begin(j);
		json_key(j, "name");
		json_string_len(j, code.name, code.name_len);
		if (code.function && code.function->file) {
			json_key(j, "file");
			json_machine_string(j, s->m, code.function->file);
		} else if (code.module) {
			json_key(j, "file");
			json_machine_string(j, s->m, code.module->path);
		}
		if (code.function && code.function->file && code.function->start_line) {
			json_key(j, "line");
			json_u64(j, code.function->start_line);
		}
		json_object_end(j);
		rc = json_output_flush(&s->out);
	}
	json_array_end(j);
	return rc;
}

static int write_document(struct speedscope *s, const struct thread_samples *ts)
{
	const struct oc_recording_info *info = oc_machine_info(s->m);
	const struct thread_visitor visitor = {
		.nr_rounds = NR_ROUNDS,
		.begin = begin_profile,
		.round = begin_round,
		.sample = write_sample,
		.end = end_profile,
		.arg = s,
	};
	struct json *j = &s->out.json;
	int rc;

	json_object_begin(j);
	json_key(j, "$schema");
	json_string(j, SCHEMA);
	if (info->tool) {
		json_key(j, "exporter");
		json_machine_string(j, s->m, info->tool);
	}
	if (info->hostname) {
		json_key(j, "name");
		json_machine_string(j, s->m, info->hostname);
	}
	if (ts->nr) {
		json_key(j, "activeProfileIndex");
		json_u64(j, 0);
	}
	json_key(j, "profiles");
	json_array_begin(j);
	rc = thread_samples_visit(ts, &visitor);
	json_array_end(j);
	json_key(j, "shared");
	json_object_begin(j);
	json_key(j, "frames");
	if (!rc)
		rc = write_frames(s);
	json_object_end(j);
	json_object_end(j);
	return rc;
}

static int write_speedscope(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct speedscope s = { .m = m };
	struct thread_samples ts;
	int rc, end_rc;

	rc = thread_samples_init(&ts, m);
	if (!rc)
		rc = numbering_init(&s.codes, code_count(m));
	if (rc) {
		oc_error_set(err, rc, "cannot prepare a speedscope profile: %s", strerror(-rc));
	} else {
		json_output_begin(&s.out, out, 0);
		rc = write_document(&s, &ts);
		end_rc = json_output_end(&s.out);
		rc = rc ? rc : end_rc;
	}
	thread_samples_done(&ts);
	numbering_done(&s.codes);
	free(s.frames.frames);
	return rc;
}

const struct oc_format oc_format_speedscope = {
	.name = "speedscope",
	.description = "speedscope profile, one time line or call tree per thread",
	.extensions = (const char *const[]){ ".speedscope.json", ".speedscope", NULL },
	.write = write_speedscope,
};
