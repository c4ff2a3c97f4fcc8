# SPDX-License-Identifier: BSD-2-Clause
"""A recorder killed with SIGKILL at any moment: the file of before, or the whole new one; and what it had, in a part."""

import json
import random
import signal
import subprocess
import time

from support import RECORD_TRACE, LiveTest, poll_until

KILLS = 20
DURATION_S = 1.5


class Killed(LiveTest):
    def report(self, path):
        done = subprocess.run([RECORD_TRACE, "report", path, "--json"], capture_output=True, text=True, timeout=60,
                              check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    def record_until(self, path, pid, seconds):
        """Starts a recording over an existing file and kills it. True when it had not ended by itself."""
        recorder = self.start(RECORD_TRACE, "-F", 4999, "--timeline", "-p", pid, "-d", f"{DURATION_S}s", "-q", "--force",
                              "-o", path)
        if random.random() < 0.75:  # else it may be killed before it has begun
            poll_until(lambda: list(self.dir.glob("*.part")) or recorder.poll() is not None, 60, "a part file")
        time.sleep(seconds)
        recorder.send_signal(signal.SIGKILL)
        recorder.wait(10)
        return recorder.returncode == -signal.SIGKILL

    def test_at_random_moments(self):
        path = self.dir / "a.octrace"
        busy = self.start("sh", "-c", "while :; do :; done")
        subprocess.run([RECORD_TRACE, "-p", str(busy.pid), "-d", "300ms", "-q", "-o", path], check=True)
        old = path.read_bytes()
        killed = parts = recovered = 0
        for _ in range(KILLS):
            seconds = random.uniform(0, DURATION_S + 1)
            killed += self.record_until(path, busy.pid, seconds)
            now = path.read_bytes()
            status, report, err = self.report(path)
            self.assertEqual(status, 0, err)
            self.assertNotIn("partial_input", report["ledger"]["notes"])
            self.assertTrue(now == old or report["total"] > 0)
            old = now
            for part in self.dir.glob("*.part"):
                parts += 1
                status, report, err = self.report(part)
                if part.stat().st_size < 24:
                    self.assertEqual(status, 1, err)
                else:
                    self.assertEqual(status, 0, err)
                    self.assertEqual(report["ledger"]["notes"].get("partial_input", 1), 1)
                    recovered += report["total"] > 0
                part.unlink()
        self.note(f"{killed} killed of {KILLS}, {parts} left a part, {recovered} of these with samples")
        self.assertGreater(killed, 0)

    def test_what_was_written_can_be_read_before_and_after_the_end(self):
        for mode in ("--timeline", "--aggregate"):
            with self.subTest(mode=mode):
                busy = self.start("sh", "-c", "while :; do :; done")
                recorder = self.start(RECORD_TRACE, mode, "-p", busy.pid, "-d", "60s", "-q", "-o",
                                      self.dir / f"{mode[2:]}.octrace")
                total = poll_until(lambda: self.total_of_part(mode), 30, "samples are in the file")
                later = poll_until(lambda: self.total_of_part(mode, total), 30, "more samples are in the file")
                recorder.send_signal(signal.SIGKILL)
                recorder.wait(10)
                self.assertGreaterEqual(self.total_of_part(mode), later)
                self.assertFalse((self.dir / f"{mode[2:]}.octrace").exists())

    def total_of_part(self, mode, more_than=0):
        """Samples in the part file; 0 while there is none with more than that."""
        parts = list(self.dir.glob(f"{mode[2:]}.*.part"))
        report = self.report(parts[0])[1] if parts else None
        return report["total"] if report and report["total"] > more_than else 0
