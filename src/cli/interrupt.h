/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ctrl-C and its relatives: the first asks a recording to stop and finish, the second ends everything now. Commands that
 * write what is there already have nothing to finish: the first ends them, and no half-written file is left.
 * Used by the commands that write files. Signals have no owner to pass state to, so this is the one place with a static.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

struct oc_recording;

/*
 * From now on SIGINT, SIGTERM and SIGHUP are counted, and all but the first `spare` of them cancel all outputs; SIGPIPE and
 * SIGXFSZ only make writes fail. Returns 0 or -errno.
 */
int interrupt_install(unsigned int spare);
/* Passes signals on to a recording, those that have come already included; NULL ends it. */
void interrupt_watch(struct oc_recording *rec);
/* How many of the signals have come, and the number of the last one (0 = none). */
unsigned int interrupt_count(void);
int interrupt_last_signal(void);

#endif
