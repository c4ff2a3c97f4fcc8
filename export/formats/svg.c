/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flame graph of a recording as an SVG image.
 * Called through oc_format_svg; the tree comes from onecollect/graph.h.
 * Must not know how it is drawn (flame_svg.c).
 */
#include <errno.h>
#include <inttypes.h>

#include <onecollect/format.h>
#include <onecollect/filter.h>
#include <onecollect/graph.h>

#include "base/human.h"
#include "base/text.h"
#include "export/formats/flame.h"
#include "export/formats/flame_svg.h"
#include "export/formats/formats_private.h"

struct svg {
	const struct oc_machine *m;
	const struct oc_graph *graph;
	const struct oc_graph_node *nodes;
};

static const char *name_of(const void *arg, uint32_t node, size_t *ret_len)
{
	const struct svg *s = arg;

	return oc_graph_name(s->graph, s->nodes[node].name, ret_len);
}

/* "1,234 samples", "3.5 ms". The first is what other people's viewers of such files look for. */
static void put_amount(struct buffer *b, const struct svg *s, uint64_t weight)
{
	switch (oc_graph_unit(s->graph)) {
	case OC_UNIT_NANOSECONDS:
		human_duration(b, weight);
		return;
	case OC_UNIT_BYTES:
		human_bytes(b, weight);
		return;
	case OC_UNIT_CYCLES:
		human_count(b, weight);
		buffer_puts(b, " cycles");
		return;
	default:
		human_count(b, weight);
		buffer_puts(b, weight == 1 ? " sample" : " samples");
	}
}

/* "1,234 samples of cpu at 999 Hz, 2 CPUs, 5.0 s", host, losses: what the graph is of. */
static void put_subtitle(struct buffer *b, const void *arg)
{
	const struct svg *s = arg;
	const struct oc_kind *kind = oc_graph_kind(s->graph);
	const struct oc_recording_info *info = oc_machine_info(s->m);
	const struct oc_ledger *ledger = oc_machine_ledger_const(s->m);
	uint64_t lost = kind ? oc_ledger_lost(&ledger->kinds[oc_machine_shown_kind(s->m) - 1]) : 0;

	put_amount(b, s, s->nodes[0].total);
	buffer_puts(b, " of ");
	text_put_xml(b, kind ? kind->name : "nothing", kind ? strlen(kind->name) : 7);
	if (kind && kind->period_ns)
		buffer_printf(b, " at %.0f Hz", 1e9 / (double)kind->period_ns);
	if (info->nr_cpus)
		buffer_printf(b, " on %" PRIu32 " CPU%s", info->nr_cpus,
			      info->nr_cpus == 1 ? "" : "s");
	if (info->end_mono_ns > info->start_mono_ns) {
		buffer_puts(b, " in ");
		human_duration(b, info->end_mono_ns - info->start_mono_ns);
	}
	buffer_puts(b, ", ");
	human_count(b, lost);
	buffer_puts(b, " lost");
}

static void put_title(struct buffer *b, const void *arg)
{
	const struct svg *s = arg;
	const struct oc_recording_info *info = oc_machine_info(s->m);
	size_t len;
	const char *host = oc_machine_string(s->m, info->hostname, &len);

	buffer_puts(b, "Flame graph");
	if (!len)
		return;
	buffer_puts(b, " of ");
	text_put_xml(b, host, text_whole_characters(host, len, 64));
}

/* "1,234 samples, 5.00%". */
static void put_weight(struct buffer *b, const void *arg, uint32_t node)
{
	const struct svg *s = arg;
	uint64_t weight = s->nodes[node].total, all = s->nodes[0].total;

	put_amount(b, s, weight);
	buffer_printf(b, ", %.2f%%", all ? (double)weight / (double)all * 100 : 100.0);
}

/* By kind of frame and name. */
static void put_colour(struct buffer *b, const void *arg, uint32_t node)
{
	const struct svg *s = arg;
	char letter = flame_letter(s->nodes[node].frame_kind);
	size_t len;
	const char *name = name_of(arg, node, &len);

	buffer_printf(b, "class=\"%c%u\"", letter, letter == 'g' ? 0 : flame_shade(name, len));
}

static int svg_write(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	struct svg s = { .m = m };
	struct flame_view view = {
		.arg = &s,
		.name = name_of,
		.put_title = put_title,
		.put_subtitle = put_subtitle,
		.put_weight = put_weight,
		.put_colour = put_colour,
	};
	struct oc_graph *graph;
	int rc = oc_graph_new(m, NULL, &graph);

	if (rc)
		return oc_error_set(err, rc, "cannot make a call tree of the samples: %s",
				    strerror(-rc));
	s.graph = graph;
	s.nodes = view.nodes = oc_graph_nodes(graph, &view.nr_nodes);
	rc = flame_svg_write(&view, out);
	if (rc == -ENOMEM)
		oc_error_set(err, rc, "out of memory while writing the flame graph");
	oc_graph_free(graph);
	return rc;
}

static const char *const svg_extensions[] = { ".svg", NULL };

const struct oc_format oc_format_svg = {
	.name = "svg",
	.description = "flame graph as an SVG image with search and zoom",
	.extensions = svg_extensions,
	.write = svg_write,
};
