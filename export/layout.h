/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address space layouts: what is mapped where in one process, now and at every moment before.
 * Used by the files of the export machine that map, fork and resolve; knows addresses and ids of mappings only.
 */
#ifndef EXPORT_LAYOUT_H
#define EXPORT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onecollect/machine.h>

/*
 * A layout is a set of mappings that do not overlap, kept as a height-balanced tree whose nodes are shared between
 * processes and between moments: a change makes new nodes on the path to it and a new root. So a fork costs one
 * number, and the layout of any moment in the past is the root of that moment.
 */
struct layout_node {
	uint64_t start; /* of the mapping */
	oc_mapping_id mapping;
	uint32_t left; /* node ids, 0 = none */
	uint32_t right;
	uint32_t edit; /* the edit that made it; may be changed or reused during that edit only */
	uint32_t height;
};

/* Nodes lie in chunks of 1 << LAYOUT_NODE_SHIFT. */
#define LAYOUT_NODE_SHIFT 11

struct layout_version {
	uint64_t time_ns; /* root is valid from here to the next version */
	uint32_t root;
};

/* Pages of one layout in which addresses were resolved to nothing; beyond a limit all pages count. */
struct unknown_pages {
	uint64_t *pages; /* [nr], sorted */
	size_t nr;
	size_t cap;
	bool all;
};

struct layout {
	uint32_t first_root; /* from the beginning of the process to versions[0] */
	uint32_t root;       /* newest */
	uint32_t edit;       /* nodes of the newest root that belong to no other root */
	uint32_t generation; /* +1 when an address may resolve differently than before */
	uint64_t changed_ns; /* time of the newest root */
	struct layout_version *versions;
	size_t nr_versions;
	size_t cap_versions;
	struct unknown_pages *unknown; /* NULL = none */
};

/* A root is a node id, 0 = nothing mapped. */

/* The mapping of a root that holds address, or 0. */
oc_mapping_id layout_find(const struct oc_machine *m, uint32_t root, uint64_t address);
/* The first mapping of a root that ends above address, or 0. */
oc_mapping_id layout_next(const struct oc_machine *m, uint32_t root, uint64_t address);
/* The root of a layout at time_ns. */
uint32_t layout_root_at(const struct layout *layout, uint64_t time_ns);
/* Begins a process's layout with a root that others may use too. */
void layout_init(struct layout *layout, uint32_t root, uint64_t start_ns);
void layout_done(struct layout *layout);
/* The root of a layout at time_ns, for another layout to begin with. */
uint32_t layout_share(struct layout *layout, uint64_t time_ns);
/*
 * Ends what a process has mapped in [range->start, range->end) at range->since_ns, or at the layout's last change if
 * that is later; range->module != 0: and maps the range instead, unless it is mapped just so already. Process and module
 * must exist, start < end.
 * Returns the id of the mapping (0 = none was asked for), or -ENOMEM with nothing changed.
 */
int64_t layout_replace(struct oc_machine *m, const struct oc_mapping *range);
/*
 * Adds a node of a stored layout. left, right: nodes added before, 0 = none. Returns its id, -EINVAL when the tree would
 * not be in order or not be balanced, or -ENOMEM.
 */
int64_t layout_load_node(struct oc_machine *m, oc_mapping_id mapping, uint32_t left,
			 uint32_t right);
/* Adds the next version of a stored layout. Returns 0, -EINVAL when it is not later than the last one, or -ENOMEM. */
int layout_load_version(struct oc_machine *m, struct layout *layout, uint32_t root,
			uint64_t time_ns);
/* Remembers that an address of this layout resolved to nothing. Returns 0 or -ENOMEM. */
int layout_note_unknown(struct oc_machine *m, struct layout *layout, uint64_t address);
/* Forgets what layout_note_unknown() noted. */
void layout_forget_unknown(struct oc_machine *m, struct layout *layout);

#endif
