/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The call tree of two recordings as a flame graph: red where the share grew, blue where it shrank.
 * Called by library users and the command line.
 * Must not know how trees are compared or drawn.
 *
 * A frame is as wide as the mean of its shares, so that what only one of the two has is seen as well.
 */
#include <onecollect/diff.h>

#include <errno.h>
#include <math.h>

#include "base/human.h"
#include "base/text.h"
#include "export/formats/flame_svg.h"

/* What both recordings together weigh, whatever they counted. */
#define WIDTH_TOTAL 2e15

struct diff_svg {
	const struct oc_diff_node *nodes;
	const struct oc_diff_info *info;
	struct oc_graph_node *drawn; /* the same tree, weighing what is drawn */
};

static double share(const struct diff_svg *s, uint64_t count, unsigned int side)
{
	return (double)count / (double)s->info->count[side];
}

static const char *name_of(const void *arg, uint32_t node, size_t *ret_len)
{
	const struct diff_svg *s = arg;

	*ret_len = strlen(s->nodes[node].name);
	return s->nodes[node].name;
}

static void put_title(struct buffer *b, const void *arg)
{
	(void)arg;
	buffer_puts(b, "Differential flame graph");
}

static void put_subtitle(struct buffer *b, const void *arg)
{
	const struct diff_svg *s = arg;
	const char *kind = s->info->kind[0]->name;

	human_count(b, s->info->count[0]);
	buffer_puts(b, " samples of ");
	text_put_xml(b, kind, strlen(kind));
	buffer_puts(b, " before, ");
	human_count(b, s->info->count[1]);
	buffer_puts(b, " after; red: larger share, blue: smaller; width: mean of both");
}

static void put_weight(struct buffer *b, const void *arg, uint32_t node)
{
	const struct diff_svg *s = arg;
	const struct oc_diff_node *n = &s->nodes[node];
	double before = 100 * share(s, n->total[0], 0), after = 100 * share(s, n->total[1], 1);

	buffer_printf(b, "%.2f%% before, %.2f%% after, %+.2f points", before, after,
		      after - before);
}

/* White for equal shares, full red or blue for frames that only one recording has. */
static void put_colour(struct buffer *b, const void *arg, uint32_t node)
{
	const struct diff_svg *s = arg;
	const struct oc_diff_node *n = &s->nodes[node];
	double before = share(s, n->total[0], 0), after = share(s, n->total[1], 1);
	double change = before + after > 0 ? (after - before) / (before + after) : 0;
	/* The root of it tells small changes of hot code apart as well. */
	int other = 240 - (int)(180 * sqrt(fabs(change)));

	buffer_printf(b, "fill=\"rgb(%d,%d,%d)\"", change < 0 ? other : 240, other,
		      change > 0 ? other : 240);
}

/* Children come behind their parents. */
static int draw_nodes(struct diff_svg *s, uint32_t nr)
{
	s->drawn = calloc(nr, sizeof(*s->drawn));
	if (!s->drawn)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++) {
		const struct oc_diff_node *n = &s->nodes[i];

		s->drawn[i] = (struct oc_graph_node){
			.frame_kind = n->frame_kind,
			.parent = n->parent,
			.first_child = n->first_child,
			.next_sibling = n->next_sibling,
			.depth = n->depth,
			.self = (uint64_t)(WIDTH_TOTAL / 2 *
					   (share(s, n->self[0], 0) + share(s, n->self[1], 1))),
		};
	}
	for (uint32_t i = nr; i-- > 0;) {
		s->drawn[i].total += s->drawn[i].self;
		if (i)
			s->drawn[s->drawn[i].parent].total += s->drawn[i].total;
	}
	return 0;
}

int oc_diff_write_svg(const struct oc_diff *d, struct oc_output *out)
{
	struct diff_svg s = { .info = oc_diff_info(d) };
	struct flame_view view = {
		.arg = &s,
		.name = name_of,
		.put_title = put_title,
		.put_subtitle = put_subtitle,
		.put_weight = put_weight,
		.put_colour = put_colour,
	};
	int rc;

	s.nodes = oc_diff_nodes(d, &view.nr_nodes);
	rc = draw_nodes(&s, view.nr_nodes);
	view.nodes = s.drawn;
	if (!rc)
		rc = flame_svg_write(&view, out);
	free(s.drawn);
	return rc;
}
