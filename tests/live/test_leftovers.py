# SPDX-License-Identifier: BSD-2-Clause
"""However a recording ends, no program, map, link, process or half file of it stays behind."""

import glob
import json
import re
import shutil
import signal
import subprocess
import time

from support import RECORD_TRACE, LiveTest, Recorder, fixture, poll_until

OBJECTS = ("prog", "map", "link")


def bpf_objects():
    """Programs, maps and links in the kernel, as bpftool lists them: {(kind, id)}."""
    objects = set()
    tool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    for kind in OBJECTS:
        text = subprocess.run([tool, "-j", kind, "list"], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
        objects |= {(kind, item["id"]) for item in json.loads(text or "[]")}
    return objects


def held_objects(pid="*"):
    """Those that a process, or any, holds through a file descriptor."""
    held = set()
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path, encoding="ascii") as f:
                held |= {(kind, int(ident)) for kind, ident in re.findall(r"^(prog|map|link)_id:\s*(\d+)", f.read(), re.M)}
        except OSError:
            pass
    return held


class Leftovers(LiveTest):
    def setUp(self):
        super().setUp()
        self.before = bpf_objects()

    def strays(self):
        """Objects that are new and that nobody else on this machine holds."""
        return bpf_objects() - self.before - held_objects()

    def assert_nothing_left(self, expected_files):
        # The kernel frees maps and programs a grace period after their last user is gone.
        poll_until(lambda: not self.strays(), 10, "all objects of the recording are gone")
        files = {p.name for p in self.dir.iterdir()}
        self.assertEqual(files, set(expected_files))

    def test_the_check_sees_objects_while_recording(self):
        recorder = self.start_recording()
        mine = held_objects(recorder.process.pid)
        listed = bpf_objects()
        recorder.stop()
        self.assertLessEqual({"prog", "map"}, {kind for kind, _ in mine})
        self.assertLessEqual(mine, listed)

    def test_normal_end(self):
        result = self.record("-d", "500ms")
        self.assert_nothing_left([result.outputs["folded"].name])

    def test_sigterm_stops_and_writes(self):
        self.start(fixture("work"), 5, 1, 100000, self.truth_path)
        recorder = self.start_recording()
        time.sleep(0.5)
        recorder.process.send_signal(signal.SIGTERM)
        result = recorder.finish()
        self.assertGreater(result.cpu["kept"], 0)
        self.assert_nothing_left([result.outputs["folded"].name])

    def test_sigterm_in_every_phase(self):
        """At any moment of the start too, the answer is a whole file, or none when it could not take signals yet."""
        for delay_ms in (0, 2, 5, 10, 20, 40, 80, 160):
            recorder = Recorder(self)
            time.sleep(delay_ms / 1000)
            recorder.process.send_signal(signal.SIGTERM)
            result = recorder.finish(None)
            path = result.outputs["folded"]
            with self.subTest(delay_ms=delay_ms):
                if result.status == -signal.SIGTERM:
                    self.assertLessEqual(delay_ms, 10, "killed only before it could take signals")
                    self.assertFalse(path.exists())
                else:
                    self.assertEqual(result.status, 0, result.err)
                    self.assertEqual(sum(s.count for s in result.folded), result.cpu["kept"])
            path.unlink(missing_ok=True)
        self.assert_nothing_left([])

    def test_a_second_interrupt_gives_up(self):
        """A whole file or none: the second signal may come too late to matter."""
        for delay_ms in (0, 1, 5, 20):
            recorder = self.start_recording()
            recorder.process.send_signal(signal.SIGINT)
            time.sleep(delay_ms / 1000)
            recorder.process.send_signal(signal.SIGINT)
            result = recorder.finish(None)
            path = result.outputs["folded"]
            with self.subTest(delay_ms=delay_ms):
                self.assertIn(result.status, (0, 1), result.err)
                self.assertEqual(path.exists(), result.status == 0, result.err)
            path.unlink(missing_ok=True)
        self.assert_nothing_left([])

    def test_sigkill(self):
        recorder = self.start_recording()
        time.sleep(0.3)
        recorder.process.kill()
        recorder.process.wait()
        self.assert_nothing_left([])

    def test_sigkill_with_a_command(self):
        """The recorded command is not part of the recorder: it goes on, but nothing records it any more."""
        recorder = self.start_recording(command=[fixture("work"), 5, 1, 300, self.truth_path])
        recorder.process.kill()
        recorder.process.wait()
        poll_until(self.truth_path.exists, 10, "the command ends by itself")
        self.assert_nothing_left([self.truth_path.name])

    def test_failing_start(self):
        free = self.start("true")
        free.wait()
        for args in (["-p", free.pid], ["--cgroup", "/sys/fs/cgroup/there-is-none"], ["--", "/no/such/program"]):
            with self.subTest(args=args):
                result = self.record(status=1, summary=False, command=args[1:] if args[0] == "--" else (),
                                     *([] if args[0] == "--" else args))
                self.assertNotEqual(result.err, "")
        self.assert_nothing_left([])

    def test_unwritable_output(self):
        done = subprocess.run([RECORD_TRACE, "-q", "-d", "200ms", "-o", "/proc/no-such.folded"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("/proc/no-such.folded", done.stderr)
        self.assert_nothing_left([])

