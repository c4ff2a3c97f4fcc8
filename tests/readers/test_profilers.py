# SPDX-License-Identifier: BSD-2-Clause
"""Folded stacks of py-spy and async-profiler, as we read them: the same stacks with the same counts."""

import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import foreign_profile

READERS = foreign_profile.RECORD_TRACE.parent / "readers"
PROGRAMS = pathlib.Path(__file__).resolve().parent / "profilers"
ASYNC_PROFILER = READERS / "async-profiler" / {"x86_64": "linux-x64", "aarch64": "linux-arm64"}[os.uname().machine]


class Profilers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.path = self.dir / "theirs.txt"

    def run_program(self, *args):
        done = subprocess.run([str(arg) for arg in args], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def check(self, leaf, is_first_process=False):
        """The file comes back as it was. Returns its stacks."""
        theirs = foreign_profile.folded(self.path.read_text(encoding="utf-8"))
        ours = foreign_profile.folded(foreign_profile.convert(self.path, self.dir / "ours.folded"))
        if not is_first_process:
            ours = collections.Counter({stack.removeprefix("[unknown];").replace("[no stack]", ""): count
                                        for stack, count in ours.items()})
        self.assertEqual(ours, theirs)
        self.assertGreater(sum(count for stack, count in theirs.items() if leaf in stack.split(";")[-1]), 0)
        return theirs

    def test_py_spy(self):
        program = subprocess.Popen([sys.executable, PROGRAMS / "spin.py"])
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        for options in ([], ["--threads"], ["--native"]):
            with self.subTest(options=options):
                self.run_program(READERS / "python" / "bin" / "py-spy", "record", "-d", 1, "-r", 200, "-f", "raw",
                                 *options, "-o", self.path, "--pid", program.pid)
                self.check("leaf (")

    def test_async_profiler(self):
        self.run_program("javac", "-d", self.dir, PROGRAMS / "Spin.java")
        for options in ("", ",threads"):
            with self.subTest(options=options):
                agent = f"{ASYNC_PROFILER}/libasyncProfiler.so=start,event=itimer,interval=2ms,collapsed{options}"
                self.run_program("java", f"-agentpath:{agent},file={self.path}", "-cp", self.dir, "Spin")
                # With threads the first frame is one of them; it is taken for a process.
                self.check("Spin.leaf", is_first_process=bool(options))


if __name__ == "__main__":
    unittest.main()
