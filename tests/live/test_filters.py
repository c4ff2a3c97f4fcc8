# SPDX-License-Identifier: BSD-2-Clause
"""Only what was asked for is recorded, and all of it: processes, their threads, names, cgroups, CPUs."""

import os
import pathlib
import shutil
import signal
import time

from support import RATE, LiveTest, cpu_seconds_of, fixture, poll_until, weight

CGROUP_ROOTS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")


class Filters(LiveTest):
    def assert_sampled(self, samples, cpu_s):
        """Most of what a process used is there; it used some while the recording started and ended."""
        self.assertGreater(samples, 0.3 * RATE * cpu_s)
        self.assertLess(samples, 1.05 * RATE * cpu_s + 20)

    def bystander(self, name="bystander", *wrap):
        """A busy process that nobody asked for, under a name of its own."""
        program = shutil.copy(fixture("work"), self.dir / name)
        return self.start(*wrap, program, 5, 1, 10**6, self.dir / f"{name}.truth")

    def test_all_threads_of_a_process_present_and_future(self):
        self.bystander()
        threads = self.start_stopped(fixture("threads"), 2500, self.truth_path)
        recorder = self.start_recording("-F", RATE, "-p", threads.pid, formats=("folded", "pb.gz"))
        threads.send_signal(signal.SIGCONT)
        result = recorder.finish()
        truth = self.truth()
        names = result.pprof.by_label("thread_name")

        self.note(f"{dict(names)}, true CPU seconds {truth['threads']}")
        self.assertLessEqual({s.comm for s in result.folded}, {"sh", "threads"})
        self.assertEqual(set(result.pprof.by_label("pid")), {threads.pid})
        for name, seconds in truth["threads"].items():
            self.assert_near(names[name], RATE * seconds, 0.10, name)
        self.assertGreater(truth["churned"], 20)

    def test_a_process_ends_the_recording_with_it(self):
        process = self.start(fixture("brief"), 700)
        recorder = self.start_recording("-p", process.pid)
        result = recorder.finish()
        self.assertLess(result.summary["duration_ns"], 5e9)
        self.assertGreater(weight(result.folded, comm="brief", containing="brief_leaf"), 100)

    def test_several_processes(self):
        self.bystander()
        pids = [self.bystander(f"asked-{i}").pid for i in range(3)]
        for args in ([a for p in pids for a in ("-p", p)], ["-p", ",".join(map(str, pids))]):
            with self.subTest(args=args):
                result = self.record("-d", "1s", *args)
                self.assertEqual({s.comm for s in result.folded}, {"asked-0", "asked-1", "asked-2"})

    def test_process_filter(self):
        self.bystander()
        early = self.bystander("wanted-early")
        before_s = cpu_seconds_of(early.pid)
        recorder = self.start_recording("-F", RATE, "--process-filter", "wanted-*")
        time.sleep(0.5)
        late = self.bystander("wanted-late")
        time.sleep(1.0)
        result = recorder.stop()
        stacks = result.folded

        self.assertEqual({s.comm for s in stacks}, {"wanted-early", "wanted-late"})
        self.assert_sampled(weight(stacks, comm="wanted-early"), cpu_seconds_of(early.pid) - before_s)
        self.assert_sampled(weight(stacks, comm="wanted-late"), cpu_seconds_of(late.pid))
        self.assertGreater(result.cpu["filtered"], 0)

    def test_cgroup(self):
        root = next(r for r in CGROUP_ROOTS if os.path.exists(f"{r}/cgroup.procs") and
                    os.path.exists(f"{r}/cgroup.controllers"))
        group = pathlib.Path(root, f"onecollect-test-{os.getpid()}")
        group.mkdir()
        self.addCleanup(poll_until, lambda: remove_cgroup(group), 10, "the cgroup is empty")
        inside = self.bystander("inside")
        self.addCleanup(inside.kill)
        self.bystander("outside")
        (group / "cgroup.procs").write_text(str(inside.pid))
        # A folder of the same name where the recorder runs is not what is meant.
        (self.dir / group.name).mkdir()
        for path in (group, group.name, f"/{group.name}"):
            with self.subTest(path=path):
                before_s = cpu_seconds_of(inside.pid)
                result = self.record("-d", "1s", "-F", RATE, "--cgroup", path, wrap=["env", "-C", self.dir])
                self.assertEqual({s.comm for s in result.folded}, {"inside"})
                self.assert_sampled(weight(result.folded), cpu_seconds_of(inside.pid) - before_s)

    def test_cpus(self):
        processes = [self.bystander(f"on-cpu-{cpu}", "taskset", "-c", cpu) for cpu in (0, 1)]
        time.sleep(0.2)
        before_s = cpu_seconds_of(processes[1].pid)
        result = self.record("-d", "1s", "-F", RATE, "--cpus", 1)

        self.assertNotIn("on-cpu-0", {s.comm for s in result.folded})
        self.assert_sampled(weight(result.folded, comm="on-cpu-1"), cpu_seconds_of(processes[1].pid) - before_s)
        self.assert_near(result.cpu["due"], RATE * result.summary["duration_ns"] / 1e9, 0.05, "due on one CPU")

    def test_everything_is_accounted_for(self):
        """Machine-wide, each tick that was due was idle, filtered, a sample, or never came (few where there is work).

        Some virtual machines stop the timer of a CPU that sleeps, so each has something to do.
        """
        for cpu in sorted(os.sched_getaffinity(0)):
            self.bystander(f"on-cpu-{cpu}", "taskset", "-c", cpu)
        result = self.record("-d", "2s", "-F", RATE)
        cpu = result.cpu
        self.assert_near(cpu["due"], RATE * os.cpu_count() * result.summary["duration_ns"] / 1e9, 0.05, "due")
        delivered = cpu["idle"] + cpu["filtered"] + cpu["taken"]
        self.assert_near(delivered + cpu["undelivered"], cpu["due"], 0.01, f"accounted for of {cpu}")
        self.assertLess(cpu["undelivered"], 0.2 * cpu["due"])
        self.assert_balanced(result.summary)

    def test_no_match_is_no_error_but_said(self):
        done = self.record("-d", "300ms", "--process-filter", "no-such-process-*")
        self.assertEqual(done.cpu["kept"], 0)


def remove_cgroup(group):
    try:
        group.rmdir()
    except OSError:
        return False
    return True
