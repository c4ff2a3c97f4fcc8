# SPDX-License-Identifier: BSD-2-Clause
"""A CPU is unplugged and comes back while recording: sampling on it resumes within two seconds."""

import shutil
import signal
import subprocess
import time

from support import RATE, LiveTest, cpu_seconds_of, fixture, weight

CPU = 1


def set_online(online):
    subprocess.run(["chcpu", "-e" if online else "-d", str(CPU)], check=True, stdout=subprocess.DEVNULL)


class Hotplug(LiveTest):
    alone = True

    def setUp(self):
        super().setUp()
        self.addCleanup(set_online, True)
        set_online(True)

    def next_phase(self, process, seconds):
        process.send_signal(signal.SIGUSR1)
        time.sleep(seconds)

    def test_sampling_resumes_within_two_seconds(self):
        process = self.start(fixture("phases"), CPU, self.truth_path)
        recorder = self.start_recording("-F", RATE, "-p", process.pid)
        time.sleep(0.7)
        set_online(False)
        self.next_phase(process, 0.7)  # phase 1: on another CPU
        set_online(True)
        self.next_phase(process, 2.0)  # phase 2: the two seconds that are allowed
        self.next_phase(process, 1.0)  # phase 3: must be complete
        process.send_signal(signal.SIGTERM)
        result = recorder.finish()
        seconds = self.truth()["phases"]
        samples = [weight(result.folded, containing=f"phase_{i}") for i in range(4)]

        gap = seconds[2] - samples[2] / RATE
        self.note(f"samples {samples}, CPU seconds {seconds}; {gap:.2f} s without samples after the return")
        self.assertGreater(seconds[3], 0.1)
        for phase in (0, 1, 3):
            # The recording began after phase 0 did; moves between phases and CPUs blur the edges.
            self.assertGreaterEqual(samples[phase], 0.85 * RATE * seconds[phase], f"phase {phase}")
        self.assertGreaterEqual(result.summary["notes"]["cpu_reopened"], 1)

    def test_an_absence_too_short_to_be_seen(self):
        """The CPU is back before anybody looks; its events are dead all the same."""
        process = self.start(fixture("phases"), CPU, self.truth_path)
        recorder = self.start_recording("-F", RATE, "-p", process.pid)
        time.sleep(0.3)
        set_online(False)
        set_online(True)
        self.next_phase(process, 2.0)
        self.next_phase(process, 1.0)  # phase 2: must be complete
        process.send_signal(signal.SIGTERM)
        result = recorder.finish()
        samples = weight(result.folded, containing="phase_2")
        self.note(f"{samples} samples, {self.truth()['phases'][2]} CPU seconds")
        self.assertGreaterEqual(samples, 0.9 * RATE * self.truth()["phases"][2])
        self.assertGreaterEqual(result.summary["notes"]["cpu_reopened"], 1)

    def test_programs_started_on_a_returned_cpu(self):
        """Processes and mappings are found there too, also when that CPU is not one of those sampled."""
        twins = [shutil.copy(fixture(f"twin_{x}"), self.dir / f"returned_{x}") for x in "ab"]
        for options in ((), ("--cpus", 0)):
            with self.subTest(options=options):
                recorder = self.start_recording("-F", RATE, *options)
                set_online(False)
                time.sleep(0.3)
                set_online(True)
                time.sleep(2.0)
                move = f"taskset -p -c 0 $$ > /dev/null; exec {fixture('brief')} 300"
                subprocess.run(["taskset", "-c", str(CPU), twins[0], "50", "1"], check=True)
                subprocess.run(["taskset", "-c", str(CPU), "sh", "-c", move], check=True)
                stacks = recorder.stop().folded
                self.assertGreater(weight(stacks, comm="brief", containing="brief_leaf"), 200)
                mixed = [s for s in stacks if s.comm == "returned_b" and any(f.startswith("alpha_") for f in s.frames)]
                self.assertEqual(mixed, [])

    def test_programs_replaced_where_nobody_listens(self):
        """Until the CPU is found to be back nothing tells of an exec there; no image is taken for another all the same."""
        for twin in "ab":
            shutil.copy(fixture(f"twin_{twin}"), self.dir / f"twin_{twin}")
        recorder = self.start_recording("-F", 4999)
        for _ in range(4):
            set_online(False)
            set_online(True)
            subprocess.run(["taskset", "-c", str(CPU), self.dir / "twin_a", "3", "300"], check=True)
        stacks = recorder.stop().folded
        for comm, prefix, other in (("twin_a", "alpha_", "gamma_"), ("twin_b", "gamma_", "alpha_")):
            mine = [s for s in stacks if s.comm == comm]
            own = sum(s.count for s in mine if any(f.startswith(prefix) for f in s.frames))
            self.note(f"{comm}: {own} of {weight(mine)} samples in its own functions")
            self.assertGreater(own, 0.2 * weight(mine))  # the rest ran before it was found to be back
            self.assertEqual([s for s in mine if any(f.startswith(other) for f in s.frames)], [])

    def test_a_cpu_that_is_offline_at_the_start(self):
        set_online(False)
        work = self.start(fixture("work"), 5, 1, 10**6, self.truth_path)
        before_s = cpu_seconds_of(work.pid)
        result = self.record("-F", RATE, "-d", "1s")
        self.assertGreater(weight(result.folded, comm="work"), 0.3 * RATE * (cpu_seconds_of(work.pid) - before_s))
        self.assert_near(result.cpu["due"], RATE * result.summary["duration_ns"] / 1e9, 0.05, "due on the other CPU")
