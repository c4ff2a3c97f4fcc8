/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeds the walker: which image has what mapped where, and the unwind tables of that; and walks copied stacks.
 * Called by src/linux/drain.c in time order; takes mappings and files from the sink.
 * Must not know how the tables reach the kernel: it fills plain memory, and tells a map of images if there is one.
 *
 * Nothing is fed in advance. A sample of an image that the kernel's walker does not know arrives as a copy of its
 * stack; that publishes the image with the tables of its mappings, and from then on the kernel walks by itself.
 */
#ifndef LINUX_UNWIND_FEED_H
#define LINUX_UNWIND_FEED_H

#include "bpf/wire.h"
#include "collector.h"
#include "unwind/store.h"
#include "unwind/walk.h"

struct unwind_feed;

struct unwind_feed_opts {
	const struct unwind_memory *memory; /* alive as long as the feed */
	int images_fd; /* map from an image's name to struct unwind_image; -1 = the kernel walks nothing */
	void (*quiesce)(void *arg); /* see unwind_store_new() */
	void *quiesce_arg;
	uint64_t table_bytes; /* tables held in user space, at most */
	const char *cache;    /* directory of src/unwind/table_cache.h, borrowed; NULL = none */
};

struct unwind_feed_stats {
	uint64_t images_published;
	uint64_t images_refused; /* the map of images or the store of ranges was full */
	uint64_t tables_refused; /* over table_bytes, or damaged files */
	uint64_t tables;         /* at present */
	uint64_t table_bytes;    /* of them */
	uint64_t copies_walked;
	struct unwind_store_stats store;
};

/* The result of a walk over a copy. */
struct unwind_feed_stack {
	uint64_t frames[UNWIND_FRAMES_MAX]; /* leaf first */
	uint32_t nr;
	uint8_t state; /* as wire_key.user_state */
};

/* Returns 0, -ENOMEM, or what unwind_store_new() says. */
int unwind_feed_new(const struct unwind_feed_opts *opts, struct sink *sink,
		    struct unwind_feed **ret_feed);
/* Accepts NULL. */
void unwind_feed_free(struct unwind_feed *feed);

/*
 * Walks the stack of a copied sample, publishing its image first when it is the one that its process runs now.
 * process: what the sink calls the image. size: of the whole record, checked here.
 * Returns 0 with *ret_stack filled in, -EBADMSG (the record is shorter than it says), or -ENOMEM.
 */
int unwind_feed_walk(struct unwind_feed *feed, const struct wire_copy *copy, size_t size,
		     sink_process process, struct unwind_feed_stack *ret_stack);

/*
 * A process has mapped something executable from `start` to `end`, of which the sink knows already;
 * unwind_feed_publish() will tell the kernel. What is replaced makes samples doubtful until then.
 * Returns 0 or -ENOMEM.
 */
int unwind_feed_mapped(struct unwind_feed *feed, uint32_t pid, uint64_t time_ns, uint64_t start,
		       uint64_t end);
/* The image that a process ran is no more: it has ended or replaced its program. */
void unwind_feed_image_ended(struct unwind_feed *feed, uint32_t pid);
/* Publishes what has changed. To be called after each round of records. Returns 0 or -ENOMEM. */
int unwind_feed_publish(struct unwind_feed *feed);
/*
 * Addresses of a sample that may be those of what was mapped there before: then the kernel walked by the wrong tables,
 * or, of counted samples, nobody knows which ones came before.
 * time_ns: of the sample; 0 = it was counted. Returns false when there are none.
 */
bool unwind_feed_unsure(const struct unwind_feed *feed, uint32_t pid, sink_process process,
			uint64_t time_ns, uint64_t *ret_start, uint64_t *ret_end);
/* Whether a copy came so late that it was walked by what took the place of what was mapped at its time. */
bool unwind_feed_is_late(const struct unwind_feed *feed, uint32_t pid, sink_process process,
			 uint64_t time_ns);
/* All that was counted before flip_ns has been handed out. */
void unwind_feed_drained(struct unwind_feed *feed, uint64_t flip_ns);
/* Once a second: allows images a few more copies. */
void unwind_feed_tick(struct unwind_feed *feed);

void unwind_feed_stats(const struct unwind_feed *feed, struct unwind_feed_stats *ret_stats);

#endif
