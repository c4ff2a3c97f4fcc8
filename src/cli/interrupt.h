/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ctrl-C and its relatives: the first asks the recording to stop and finish, the second ends everything now.
 * Used by cmd_record.c alone. Signals have no owner to pass state to, so this is the one place with a static.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

struct oc_recording;

/* From now on SIGINT, SIGTERM and SIGHUP are counted; SIGPIPE only makes writes fail. Returns 0 or -errno. */
int interrupt_install(void);
/* Passes signals on to a recording, those that have come already included; NULL ends it. */
void interrupt_watch(struct oc_recording *rec);
/* How many of the signals have come, and the number of the last one (0 = none). */
unsigned int interrupt_count(void);
int interrupt_last_signal(void);

#endif
