# SPDX-License-Identifier: BSD-2-Clause
"""Without privilege, one's own processes are recorded through plain perf events, and one line says so."""

import os
import pathlib
import pwd
import shutil

from support import RATE, LiveTest, RECORD_TRACE, fixture, weight


class Fallback(LiveTest):
    def setUp(self):
        super().setUp()
        nobody = pwd.getpwnam("nobody")
        self.wrap = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        os.chown(self.dir, nobody.pw_uid, nobody.pw_gid)
        self.programs = {}
        for path in (RECORD_TRACE, fixture("brief"), fixture("shares")):
            copy = shutil.copy(path, self.dir)
            os.chmod(copy, 0o755)
            self.programs[os.path.basename(path)] = copy

    def notices(self, result):
        return [line for line in result.err.splitlines() if "perf" in line]

    def test_own_command(self):
        result = self.record("-F", RATE, wrap=self.wrap, formats=("folded", "pb.gz"),
                             command=[self.programs["shares"], 2, 4, self.truth_path])
        stacks = result.folded
        self.note(f"{weight(stacks)} samples; said: {result.err.strip()!r}")
        self.assertEqual(len(self.notices(result)), 1, result.err)
        self.assert_near(weight(stacks), RATE * self.truth()["cpu_s"], 0.12, "samples")
        self.assertGreater(weight(stacks, comm="shares", containing="take_half"), 0.45 * weight(stacks))
        self.assertEqual(result.pprof.total(), weight(stacks))
        self.assert_balanced(result.summary)

    def test_time_in_the_kernel_that_is_not_allowed_is_told(self):
        """Such a recording of dd has next to no samples."""
        refused = int(pathlib.Path("/proc/sys/kernel/perf_event_paranoid").read_text()) > 1
        result = self.record("-F", RATE, wrap=self.wrap,
                             command=["dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=5000"])
        self.note(f"{weight(result.folded)} samples in {result.summary['duration_ns'] / 1e9:.1f} s")
        self.assertEqual(result.summary["notes"].get("kernel_left_out", 0), refused)
        self.assertEqual("kernel_left_out: " in result.err, refused)

    def test_capabilities_that_are_not_those_of_the_machine(self):
        """In a user namespace all capabilities are there, and only loading a program shows that they are no use."""
        os.chown(self.dir, os.getuid(), os.getgid())  # nobody is not there
        result = self.record("-F", RATE, wrap=["unshare", "-Ur"], command=[fixture("brief"), 500])
        self.assertGreater(weight(result.folded, containing="brief_leaf"), 0.3 * RATE)
        self.assertIn("using perf-event", result.err)
        self.assertEqual(len([line for line in result.err.splitlines() if "warning" in line]), 1, result.err)

    def test_own_process(self):
        process = self.start(*self.wrap, self.programs["brief"], 1500)
        recorder = self.start_recording("-F", RATE, "-p", process.pid, wrap=self.wrap)
        result = recorder.finish()
        self.assertGreater(weight(result.folded, containing="brief_leaf"), 300)
        self.assertEqual(len(self.notices(result)), 1, result.err)

    def test_whole_machine_is_refused(self):
        result = self.record("-d", "200ms", wrap=self.wrap, status=3, summary=False)
        self.assertRegex(result.err, "CAP_BPF|CAP_PERFMON|root|sudo|setcap")
        self.assertFalse(result.outputs["folded"].exists())

    def test_a_process_of_another_user_is_refused(self):
        process = self.start(fixture("brief"), 3000)
        result = self.record("-d", "200ms", "-p", process.pid, wrap=self.wrap, status=3, summary=False)
        self.assertIn(str(process.pid), result.err)
