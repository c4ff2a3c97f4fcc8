/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints what discovery tells the sink, one line per call, until SIGTERM or -d; for tests/live/test_discovery.py.
 * "ready" follows the first scan. The last line says what it cost: done bytes=N scan_us=N user_s=X system_s=X
 * Built by `make`, see the Makefile's live programs.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/text.h"
#include "fake_sink.h"
#include "linux/cpus.h"
#include "linux/sideband.h"

#define TICK_MS   20
#define IN_FLIGHT 2000000u
#define LOOK_NS   100000000u

static volatile sig_atomic_t stop;

struct dump {
	struct fake_sink sink;
	struct sideband *sideband;
	struct event_queue queue;
	struct cpu_list cpus; /* opened */
	struct cpu_list online;
	uint64_t end_ns;
	uint64_t scan_ns;
	uint64_t next_look_ns;
	bool quiet;
};

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int die(const char *what, int code, const char *detail)
{
	fprintf(stderr, "sideband_dump: %s: %s\n", what,
		detail && *detail ? detail : strerror(-code));
	return 1;
}

static int handle(void *arg, enum event_source source, uint64_t time_ns, const void *data,
		  size_t size)
{
	struct dump *d = arg;

	(void)source;
	return sideband_handle(d->sideband, time_ns, data, size);
}

static void print_lines(struct dump *d)
{
	if (d->sink.log.len && !d->quiet)
		fwrite(d->sink.log.data, 1, d->sink.log.len, stdout);
	fflush(stdout);
	fake_sink_take(&d->sink);
}

static int drain(struct dump *d, uint64_t horizon_ns, struct oc_error *err)
{
	int r = sideband_read(d->sideband, &d->queue);

	r = r ? r : event_queue_dispatch(&d->queue, horizon_ns, handle, d);
	if (!r && sideband_rescan_due(d->sideband))
		r = sideband_scan(d->sideband, clock_monotonic_ns(), err);
	print_lines(d);
	return r;
}

/* As a collector does it: a CPU that was away gets its event again. */
static void reopen_cpus(struct dump *d)
{
	struct cpu_list now = { 0 };
	uint64_t now_ns = clock_monotonic_ns();

	if (now_ns < d->next_look_ns || cpu_list_online(&now))
		return;
	d->next_look_ns = now_ns + LOOK_NS;
	for (uint32_t i = 0; i < d->cpus.nr; i++) {
		uint32_t cpu = d->cpus.cpus[i];

		if (cpu_list_has(&now, cpu) && !cpu_list_has(&d->online, cpu) &&
		    !sideband_reopen_cpu(d->sideband, cpu))
			printf("reopened %u\n", cpu);
		if (!cpu_list_has(&now, cpu) && cpu_list_has(&d->online, cpu))
			printf("away %u\n", cpu);
	}
	cpu_list_done(&d->online);
	d->online = now;
}

static int run(struct dump *d, struct sideband_opts *opts, struct oc_error *err)
{
	uint64_t before;
	int r = sideband_open(opts, &d->sink.sink, &d->sideband, err);

	if (r)
		return r;
	before = clock_monotonic_ns();
	r = sideband_scan(d->sideband, before, err);
	d->scan_ns = clock_monotonic_ns() - before;
	print_lines(d);
	printf("ready\n");
	fflush(stdout);
	while (!r && !stop && clock_monotonic_ns() < d->end_ns) {
		struct epoll_event event;

		if (epoll_wait(opts->epoll_fd, &event, 1, TICK_MS) < 0 && errno != EINTR)
			return -errno;
		r = drain(d, clock_monotonic_ns() - IN_FLIGHT, err);
		reopen_cpus(d);
	}
	return r ? r : drain(d, UINT64_MAX, err);
}

static int parse_args(struct dump *d, struct sideband_opts *opts, uint32_t *pids, int argc,
		      char **argv)
{
	uint64_t number;
	int option;

	while ((option = getopt(argc, argv, "d:p:qr:t")) != -1) {
		if (option == 'q')
			d->quiet = true;
		else if (option == 't')
			d->sink.with_times = true;
		else if (option == 'd' && !text_parse_duration(optarg, &number))
			d->end_ns = clock_monotonic_ns() + number;
		else if (option == 'r' && !text_parse_u64(optarg, 10, 1 << 16, &number))
			opts->ring_pages = (uint32_t)number;
		else if (option == 'p' && opts->nr_pids < 64 &&
			 !text_parse_u64(optarg, 10, INT32_MAX, &number))
			pids[opts->nr_pids++] = (uint32_t)number;
		else
			return die("usage: sideband_dump [-q] [-t] [-d DURATION] [-r PAGES] [-p "
				   "PID]...",
				   -EINVAL, NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t pids[64];
	struct dump d = { .end_ns = UINT64_MAX };
	struct sideband_opts opts = { .pids = pids, .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	struct oc_error err = { 0 };
	double user_s, system_s;
	int r;

	fake_sink_init(&d.sink);
	if (parse_args(&d, &opts, pids, argc, argv))
		return 2;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	r = cpu_list_online(&d.cpus);
	r = r ? r : cpu_list_online(&d.online);
	opts.cpus = d.cpus.cpus;
	opts.nr_cpus = d.cpus.nr;
	r = r ? r : run(&d, &opts, &err);
	if (r)
		r = die("failed", r, err.message);
	clock_self_cpu(&user_s, &system_s);
	printf("done bytes=%llu scan_us=%llu user_s=%.6f system_s=%.6f\n",
	       d.sideband ? (unsigned long long)sideband_bytes(d.sideband) : 0,
	       (unsigned long long)d.scan_ns / 1000, user_s, system_s);
	sideband_free(d.sideband);
	event_queue_done(&d.queue);
	cpu_list_done(&d.cpus);
	cpu_list_done(&d.online);
	fake_sink_done(&d.sink);
	close(opts.epoll_fd);
	return r;
}
