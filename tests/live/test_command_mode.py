# SPDX-License-Identifier: BSD-2-Clause
"""`record-trace -- COMMAND`: recorded from its first instruction, with its children, and its exit status is told."""

import os
import signal
import time

from support import RATE, LiveTest, fixture, poll_until, weight


class CommandMode(LiveTest):
    def test_nothing_of_a_short_command_is_missed(self):
        """At 4999 Hz a program of 100 ms that was attached to too late would miss samples."""
        short = self.record("-F", 4999, command=[fixture("execstorm"), 1, 1, self.truth_path, fixture("brief"), 100])
        cpu_s = self.truth()["cpu_s"]
        kept = weight(short.folded)

        self.note(f"{kept} samples of {cpu_s * 1000:.1f} ms at 4999 Hz")
        # Start and end of two programs on two CPUs each cut off part of a period.
        self.assertLessEqual(abs(kept - 4999 * cpu_s), 0.03 * 4999 * cpu_s + 5)
        self.assertGreaterEqual(weight(short.folded, comm="brief", containing="brief_leaf"), 0.97 * 500)

    def test_command_output_is_its_own(self):
        result = self.record(command=["sh", "-c", "echo to stdout; echo to stderr >&2"])
        self.assertEqual(result.out.splitlines()[0], "to stdout")
        self.assertIn("to stderr", result.err)

    def test_children_are_followed(self):
        result = self.record("-F", RATE, command=["sh", "-c", f"{fixture('brief')} 200 & {fixture('brief')} 300; wait"])
        samples = weight(result.folded, comm="brief")
        self.assert_near(samples, RATE * 0.5, 0.10, "samples of two children")

    def test_the_whole_machine_while_a_command_runs(self):
        load = self.start(fixture("brief"), 3000)
        result = self.record("-a", "-F", RATE, command=["sleep", "1"])
        samples = weight(result.folded, comm="brief")
        self.note(f"{samples} samples of what ran beside the command")
        self.assertGreater(samples, 0.1 * RATE)
        self.assertEqual(result.summary["command"], {"exit_status": 0})
        self.assertLess(result.summary["duration_ns"], 2.5e9)
        self.assertIsNone(load.poll())

    def test_exit_status_is_told(self):
        for status in (0, 3, 127):
            with self.subTest(status=status):
                result = self.record(command=[fixture("brief"), 20, status])
                self.assertEqual(result.summary["command"], {"exit_status": status})
                self.assertRegex(result.err, rf"exited with status {status}\b")
        result = self.record(command=["sh", "-c", "kill -SEGV $$"])
        self.assertEqual(result.summary["command"], {"signal": signal.SIGSEGV})
        self.assertRegex(result.err, r"killed by signal 11\b")

    def test_interrupt_reaches_the_command(self):
        """Ctrl-C stops the recording; the command must not be left running unseen."""
        recorder = self.start_recording(command=["sleep", "600"])
        child = poll_until(lambda: children_of(recorder.process.pid), 5, "the command runs")[0]
        time.sleep(0.2)
        result = recorder.stop()
        self.assertEqual(result.summary["outputs"][0]["samples"], result.cpu["kept"])
        poll_until(lambda: not os.path.exists(f"/proc/{child}"), 5, "the command has ended")

    def test_a_duration_ends_the_recording_of_a_command(self):
        start = time.monotonic()
        result = self.record("-d", "500ms", command=["sleep", "3"])
        self.assertLess(time.monotonic() - start, 2.9)
        self.assertLess(result.summary["duration_ns"], 1e9)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]
