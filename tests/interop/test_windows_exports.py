# SPDX-License-Identifier: BSD-2-Clause
"""A real Windows trace in the formats that Debian's tools read; the flame graphs are opened in a browser."""

import collections
import os
import re
import subprocess
import tempfile
import unittest

import etl_traces
import perf_tool
import test_flame_browser as flame
import weights
import windows_exports
from chromium import Browser

METHOD = "System.DateTime.GetDatePart"


class Flame(flame.Agreement, flame.FlameCase):
    """The pages say what the folded stacks say, name by name."""

    @classmethod
    def setUpClass(cls):
        etl_traces.need()
        cls.folder = tempfile.TemporaryDirectory(prefix="onecollect-windows-")
        cls.addClassCleanup(cls.folder.cleanup)
        windows_exports.convert(*map(cls.path, ("svg", "html", "folded")))
        cls.folded = flame.Folded(cls.path("folded"))
        cls.browser = cls.enterClassContext(Browser())

    def test_a_method_is_found(self):
        page = self.open("html")
        self.assertEqual(page.evaluate("onecollect.total"), etl_traces.PERFVIEW_SAMPLES)
        for term in (re.escape(METHOD), "Test.Program.Main", "ntoskrnl.exe"):
            with self.subTest(term=term):
                page.key("f", ctrl=True)
                page.type(term)
                expected = self.folded.matched(term)
                self.assertGreater(expected, 500)
                self.assertEqual(page.evaluate("onecollect.matched()"), expected)
                page.key("Escape")


class Weights(windows_exports.Exports, unittest.TestCase):
    readers = weights.DEBIAN_READERS

    def test_perf_finds_files(self):
        """Debian's perf: addresses and files, no names of ours."""
        samples = perf_tool.script(self.path(".perf.data"))
        self.assertEqual(collections.Counter(sample.comm for sample in samples).most_common(1)[0][0], "Test.x64.exe")
        files = collections.Counter(frame.file for sample in samples for frame in sample.frames)
        for name in ("[ntoskrnl.exe]", "[tcpip.sys]", "C:\\Windows\\System32\\ntdll.dll"):
            self.assertGreater(files[name], 10, name)
        self.assertFalse([name for name in files if "\\Device\\" in name])


class Damaged(unittest.TestCase):
    def test_cut_traces(self):
        """What is in front of the cut is kept; where it was is told. Unit tests cut all traces, and turn bits over."""
        etl_traces.need()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        with open(os.path.join(etl_traces.FOLDER, etl_traces.PERFVIEW), "rb") as file:
            whole = file.read()
        before, path = 0, os.path.join(folder.name, "cut.etl")
        for size in (100, *range(10000, len(whole), 600000)):
            with open(path, "wb") as file:
                file.write(whole[:size])
            done = subprocess.run([weights.RECORD_TRACE, "convert", path, "--format", "folded", "-o", "-"],
                                  capture_output=True, check=False, text=True, timeout=weights.HANG_S)
            self.assertRegex(done.stderr, "offset 0x[0-9a-f]+")
            self.assertEqual(done.returncode, 1 if size == 100 else 0)
            kept = sum(int(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines())
            self.assertGreaterEqual(kept, before)
            before = kept
        self.assertGreater(before, etl_traces.PERFVIEW_SAMPLES * 3 // 4)


if __name__ == "__main__":
    unittest.main()
