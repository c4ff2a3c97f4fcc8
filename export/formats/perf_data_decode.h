/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of the kernel in a perf.data file: samples, and what all other records carry at their end.
 * Used by src/perf_data_tell.c; must not know the container.
 * Source: include/uapi/linux/perf_event.h, enum perf_event_sample_format and enum perf_event_type.
 */
#ifndef FORMATS_PERF_DATA_DECODE_H
#define FORMATS_PERF_DATA_DECODE_H

#include "export/formats/perf_data_file.h"

/* How to find out which event a record is of. */
struct perf_data_layout {
	uint64_t sample_type; /* of the first event */
	bool has_identifier;  /* of all events */
	bool sample_id_all;
};

/* Whose record it is, when and where. What the record does not tell is 0, the CPU UINT32_MAX. */
struct perf_data_id {
	uint32_t pid;
	uint32_t tid;
	uint64_t time_ns;
	uint64_t id; /* of the event; 0 = unknown */
	uint32_t cpu;
};

struct perf_data_sample {
	struct perf_data_id id;
	uint32_t event;
	uint64_t ip;
	uint64_t period;
	bool has_callchain;
	const uint8_t *ips; /* [nr_ips] numbers of 64 bits, not aligned; with context markers */
	uint64_t nr_ips;
	uint64_t regs_abi;    /* enum perf_sample_regs_abi; 0 = there was no user part */
	const uint8_t *regs;  /* one number for each bit of the event's sample_regs_user */
	const uint8_t *stack; /* [stack_size], from the user's stack pointer on */
	uint64_t stack_size;  /* of it, what could be copied */
};

/* Looks at the events of a file. */
void perf_data_layout_init(struct perf_data_layout *ret_layout, const struct perf_data_file *file);

/* When a record happened, for ordering; 0 = it does not tell. */
uint64_t perf_data_time(const struct perf_data_layout *layout, const struct perf_data_file *file,
			const struct perf_data_record *record);
/* What stands at the end of a record that is no sample. Returns 0 or -EBADMSG. */
int perf_data_decode_id(const struct perf_data_layout *layout,
			const struct perf_data_record *record, struct perf_data_id *ret_id);
/* Takes a sample apart; what it holds is borrowed from the record. Returns 0 or -EBADMSG. */
int perf_data_decode_sample(const struct perf_data_layout *layout,
			    const struct perf_data_file *file,
			    const struct perf_data_record *record,
			    struct perf_data_sample *ret_sample);

/* Bytes at the end of each record that is no sample. */
size_t perf_data_id_bytes(const struct perf_data_layout *layout);

#endif
