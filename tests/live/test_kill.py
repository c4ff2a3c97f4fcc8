# SPDX-License-Identifier: BSD-2-Clause
"""A recorder killed with SIGKILL at any moment: the file of before, or the whole new one; and what it had, in a part."""

import json
import random
import signal
import subprocess
import time

from support import RECORD_TRACE, LiveTest, poll_until

KILLS_RECORDING = 100
KILLS_CONVERTING = 100
# Most recordings are short, so that many are killed at their begin or while the file is finished; some last until
# parts of it have been written.
DURATION_S = 0.4
LONG_S = 1.6
LONG_EVERY = 6
# Those that are written once a recording is over; one that draws, one with times, one that is packed.
CONVERTED = ("x.pb.gz", "x.html", "x.nettrace", "x.perfetto-trace", "x.firefox.json.gz")


class Killed(LiveTest):
    def report(self, path):
        done = subprocess.run([RECORD_TRACE, "report", path, "--json"], capture_output=True, text=True, timeout=60,
                              check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    def record_until(self, path, pid, duration, seconds):
        """Starts a recording over an existing file and kills it. True when it had not ended by itself."""
        recorder = self.start(RECORD_TRACE, "-F", 4999, "--timeline", "-p", pid, "-d", f"{duration}s", "-q", "--force",
                              "-o", path)
        if random.random() < 0.75:  # else it may be killed before it has begun
            poll_until(lambda: list(self.dir.glob("a.*.part")) or recorder.poll() is not None, 60, "a part file")
        time.sleep(seconds)
        recorder.send_signal(signal.SIGKILL)
        recorder.wait(10)
        return recorder.returncode == -signal.SIGKILL

    def test_while_recording(self):
        path = self.dir / "a.octrace"
        busy = self.start("sh", "-c", "while :; do :; done")
        subprocess.run([RECORD_TRACE, "-p", str(busy.pid), "-d", "300ms", "-q", "-o", path], check=True)
        old = path.read_bytes()
        killed = parts = recovered = 0
        for number in range(KILLS_RECORDING):
            duration = DURATION_S if number % LONG_EVERY else LONG_S
            killed += self.record_until(path, busy.pid, duration, random.uniform(0, duration + 0.3))
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
        self.note(f"{killed} killed of {KILLS_RECORDING}, {parts} left a part, {recovered} of these with samples")
        self.assertGreater(killed, KILLS_RECORDING / 4)

    def convert(self, source, path, seconds=None):
        """Converts, or is killed after so many seconds. True when it was."""
        process = self.start(RECORD_TRACE, "convert", "-q", "--force", source, "-o", path)
        if seconds is not None:
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
        process.wait(60)
        self.assertIn(process.returncode, (0, -signal.SIGKILL) if seconds is not None else (0,))
        return process.returncode != 0

    def test_while_converting(self):
        source = self.dir / "a.octrace"
        busy = self.start("python3", "-c", "while True: sum(range(99))")
        subprocess.run([RECORD_TRACE, "-p", str(busy.pid), "-F", "4999", "--timeline", "-d", "2s", "-q", "-o", source],
                       check=True)
        killed = new = 0
        for name in CONVERTED:
            path = self.dir / name
            start = time.monotonic()
            self.convert(source, path)
            length = time.monotonic() - start
            whole = path.read_bytes()
            for _ in range(KILLS_CONVERTING // len(CONVERTED)):
                path.write_bytes(b"old")
                killed += self.convert(source, path, random.uniform(0, length * 1.1))
                new += path.read_bytes() != b"old"
                self.assertIn(path.read_bytes(), (b"old", whole))
        self.note(f"{killed} killed of {KILLS_CONVERTING}, {new} times the new file was there, whole")
        self.assertGreater(killed, KILLS_CONVERTING / 4)

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
