/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flame graphs as one SVG file that opens in any browser, with search and zoom in an embedded script.
 * Called by the writers of flame graphs; look and behaviour come from svg/.
 * Must not know what the frames weigh.
 */
#include "export/formats/flame_svg.h"

#include <errno.h>
#include <inttypes.h>

#include <onecollect/format.h>
#include <onecollect/filter.h>
#include <onecollect/graph.h>
#include <onecollect/version.h>

#include "base/buffer.h"
#include "base/human.h"
#include "base/output.h"
#include "base/text.h"
#include "embed/svg/script.js.h"
#include "embed/svg/style.css.h"
#include "export/formats/flame.h"
#include "export/formats/formats_private.h"

/* Geometry in pixels of the image as it is without a script; the script makes the width fluid. */
#define IMAGE_WIDTH   1200
#define MARGIN        10
#define GRAPH_WIDTH   (IMAGE_WIDTH - 2 * MARGIN)
#define ROW_HEIGHT    18
#define FRAME_HEIGHT  17
#define HEADER_HEIGHT 64
#define FOOTER_HEIGHT 40

#define CULL_PX        0.1  /* narrower frames are not drawn, only counted */
#define CHAR_PX        7.1  /* mean width of a character at 12 px; on the safe side */
#define WIDE_PX        3    /* narrower frames have no border, which would hide them */
#define NAME_BYTES_MAX 4096 /* of one name in the file; each frame repeats its name */

struct svg {
	const struct flame_view *view;
	struct oc_output *out;
	struct buffer b;
	const struct oc_graph_node *nodes;
	uint32_t nr_nodes;
	uint64_t *starts; /* [nr_nodes]: samples to the left of each node */
	uint32_t max_depth;
	uint32_t nr_culled;
};

/* ---- text -------------------------------------------------------------------------------------------------- */

/* Appends as much of a name as fits into `px` pixels, or nothing when that would be too little to be of use. */
static void put_fitting(struct buffer *b, const char *name, size_t len, double px)
{
	double room = (px - 8) / CHAR_PX;
	size_t end = 0;

	if (room < 3)
		return;
	/* What is not ASCII may be twice as wide. */
	for (double used = 0; end < len; end++) {
		unsigned char c = (unsigned char)name[end];

		used += c < 0x80 ? 1 : (c & 0xc0) == 0x80 ? 0 : 2;
		if (used > room)
			break;
	}
	if (end == len) {
		text_put_xml(b, name, len);
		return;
	}
	text_put_xml(b, name, text_whole_characters(name, len, end > 2 ? end - 2 : 0));
	buffer_puts(b, "..");
}

/* Hands over what has been collected so far, so that the file never lies in memory as a whole. */
/* ---- the tree ---------------------------------------------------------------------------------------------- */

static uint64_t total_of(const struct svg *s)
{
	return s->nodes[0].total;
}

static double width_px(const struct svg *s, const struct oc_graph_node *node)
{
	return total_of(s) ? (double)node->total / (double)total_of(s) * GRAPH_WIDTH : GRAPH_WIDTH;
}

static bool is_drawn(const struct svg *s, uint32_t i)
{
	return i == 0 || width_px(s, &s->nodes[i]) >= CULL_PX;
}

/* The node after `i` in depth-first order, 0 at the end; `descend` false leaves out what is below it. */
static uint32_t next_node(const struct oc_graph_node *nodes, uint32_t i, bool descend)
{
	if (descend && nodes[i].first_child)
		return nodes[i].first_child;
	while (i && !nodes[i].next_sibling)
		i = nodes[i].parent;
	return nodes[i].next_sibling;
}

/* Gives every node its place and finds out how many rows are needed and how many nodes are too narrow. */
static int lay_out(struct svg *s)
{
	uint32_t i = 0;

	s->starts = calloc(s->nr_nodes, sizeof(*s->starts));
	if (!s->starts)
		return -ENOMEM;
	do {
		const struct oc_graph_node *node = &s->nodes[i];

		if (node->first_child)
			s->starts[node->first_child] = s->starts[i];
		if (node->next_sibling)
			s->starts[node->next_sibling] = s->starts[i] + node->total;
		if (!is_drawn(s, i))
			s->nr_culled++;
		else if (node->depth > s->max_depth)
			s->max_depth = node->depth;
		i = next_node(s->nodes, i, true);
	} while (i);
	return 0;
}

/* ---- parts of the file ------------------------------------------------------------------------------------- */

static void put_head(struct svg *s, uint32_t height)
{
	struct buffer *b = &s->b;

	buffer_printf(
		b,
		"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
		"<svg version=\"1.1\" width=\"%d\" height=\"%" PRIu32 "\" viewBox=\"0 0 %d %" PRIu32
		"\" xmlns=\"http://www.w3.org/2000/svg\" "
		"xmlns:fg=\"http://github.com/jonhoo/inferno\">\n"
		"<!-- Flame graph by onecollect %s. Open it in a browser to search and zoom. -->\n"
		"<style type=\"text/css\"><![CDATA[\n",
		IMAGE_WIDTH, height, IMAGE_WIDTH, height, OC_VERSION);
	buffer_append(b, style_css, sizeof(style_css) - 1);
	buffer_puts(b, "]]></style>\n"
		       "<rect id=\"background\" width=\"100%\" height=\"100%\"/>\n");
}

/* The controls are drawn after the frames, so that they stay on top of them when the script makes them stick. */
static void put_controls(struct svg *s, uint32_t height)
{
	struct buffer *b = &s->b;

	buffer_printf(b,
		      "<g id=\"header\">\n<rect class=\"bar\" width=\"100%%\" height=\"%d\"/>\n"
		      "<text id=\"title\" x=\"%d\" y=\"28\">",
		      HEADER_HEIGHT - 8, MARGIN + 2);
	s->view->put_title(b, s->view->arg);
	buffer_printf(b, "</text>\n<text id=\"subtitle\" x=\"%d\" y=\"46\">", MARGIN + 2);
	s->view->put_subtitle(b, s->view->arg);
	buffer_printf(
		b,
		"</text>\n</g>\n<g id=\"footer\" transform=\"translate(0,%" PRIu32 ")\">\n"
		"<rect class=\"bar\" y=\"8\" width=\"100%%\" height=\"%d\"/>\n"
		"<text id=\"details\" x=\"%d\" y=\"26\"></text>\n"
		"<text id=\"culled\" x=\"%d\" y=\"26\" text-anchor=\"end\" data-nodes=\"%" PRIu32
		"\">",
		height - FOOTER_HEIGHT, FOOTER_HEIGHT - 8, MARGIN + 2, IMAGE_WIDTH - MARGIN - 2,
		s->nr_culled);
	if (s->nr_culled) {
		human_count(b, s->nr_culled);
		buffer_printf(b, " frame%s narrower than %.1f px not drawn",
			      s->nr_culled == 1 ? "" : "s", CULL_PX);
	}
	buffer_puts(b, "</text>\n</g>\n");
}

static void put_frame(struct svg *s, uint32_t i)
{
	const struct oc_graph_node *node = &s->nodes[i];
	struct buffer *b = &s->b;
	double total = total_of(s) ? (double)total_of(s) : 1;
	double x = (double)s->starts[i] / total * 100;
	double percent = total_of(s) ? (double)node->total / total * 100 : 100;
	uint32_t y = HEADER_HEIGHT + (s->max_depth - node->depth) * ROW_HEIGHT;
	size_t len, shown;
	const char *name = s->view->name(s->view->arg, i, &len);

	if (i == 0)
		name = "all", len = 3;
	shown = text_whole_characters(name, len, NAME_BYTES_MAX);
	buffer_puts(b, width_px(s, node) >= WIDE_PX ? "<g class=\"wide\"><title>" : "<g><title>");
	text_put_xml(b, name, shown);
	buffer_puts(b, shown < len ? "... (" : " (");
	s->view->put_weight(b, s->view->arg, i);
	buffer_puts(b, ")</title><rect ");
	s->view->put_colour(b, s->view->arg, i);
	buffer_printf(b, " x=\"%.4f%%\" y=\"%" PRIu32 "\" width=\"%.4f%%\" height=\"%d\" ", x, y,
		      percent, FRAME_HEIGHT);
	buffer_printf(b, "fg:x=\"%" PRIu64 "\" fg:w=\"%" PRIu64 "\"/>", s->starts[i], node->total);
	if (width_px(s, node) >= 3 * CHAR_PX + 8) {
		buffer_printf(b, "<text x=\"%.4f%%\" y=\"%" PRIu32 "\" dx=\"4\">", x, y + 13);
		put_fitting(b, name, len, width_px(s, node));
		buffer_puts(b, "</text>");
	}
	buffer_puts(b, "</g>\n");
}

static int write_frames(struct svg *s)
{
	uint32_t i = 0;
	int rc = 0;

	buffer_printf(&s->b,
		      "<svg id=\"frames\" x=\"%d\" width=\"%d\" total_samples=\"%" PRIu64 "\">\n",
		      MARGIN, GRAPH_WIDTH, total_of(s));
	do {
		bool drawn = is_drawn(s, i);

		if (drawn)
			put_frame(s, i);
		rc = output_pass_on(s->out, &s->b, OUTPUT_PIECE_BYTES);
		i = next_node(s->nodes, i, drawn);
	} while (i && !rc);
	buffer_puts(&s->b, "</svg>\n");
	return rc;
}

static int write_file(struct svg *s)
{
	uint32_t height;
	int rc = lay_out(s);

	if (rc)
		return rc;
	height = HEADER_HEIGHT + (s->max_depth + 1) * ROW_HEIGHT + FOOTER_HEIGHT;
	put_head(s, height);
	rc = write_frames(s);
	if (rc)
		return rc;
	put_controls(s, height);
	buffer_puts(&s->b, "<script type=\"text/ecmascript\"><![CDATA[\n");
	buffer_append(&s->b, script_js, sizeof(script_js) - 1);
	buffer_puts(&s->b, "]]></script>\n</svg>\n");
	return output_pass_on(s->out, &s->b, 0);
}

int flame_svg_write(const struct flame_view *view, struct oc_output *out)
{
	struct svg s = {
		.view = view, .out = out, .nodes = view->nodes, .nr_nodes = view->nr_nodes
	};
	int rc = write_file(&s);

	free(s.starts);
	buffer_done(&s.b);
	return rc;
}
