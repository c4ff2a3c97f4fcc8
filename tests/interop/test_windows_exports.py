# SPDX-License-Identifier: BSD-2-Clause
"""A real Windows trace in the formats that Debian's tools read; the flame graphs are opened in a browser."""

import collections
import json
import os
import re
import subprocess
import tempfile
import unittest

import debian_readers
import etl_traces
import known_recording
import octrace
import perf_tool
import test_flame_browser as flame
from chromium import Browser

OUTPUTS = ("svg", "html", "folded", "callgrind", "jsonl", "perfview.xml", "perf.data", "perf-script.txt", "octrace")
RECORD_TRACE = os.path.join(known_recording.BUILD, "record-trace")
METHOD = "System.DateTime.GetDatePart"


def convert(folder):
    argv = [RECORD_TRACE, "convert", "-q", os.path.join(etl_traces.FOLDER, etl_traces.PERFVIEW)]
    for extension in OUTPUTS:
        argv += ["-o", os.path.join(folder, "sample." + extension)]
    subprocess.run(argv, check=True, timeout=120)


class Flame(flame.Agreement, flame.FlameCase):
    """The pages say what the folded stacks say, name by name."""

    @classmethod
    def setUpClass(cls):
        etl_traces.need()
        cls.folder = tempfile.TemporaryDirectory(prefix="onecollect-windows-")
        cls.addClassCleanup(cls.folder.cleanup)
        convert(cls.folder.name)
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


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        etl_traces.need()
        cls.folder = tempfile.TemporaryDirectory(prefix="onecollect-windows-")
        cls.addClassCleanup(cls.folder.cleanup)
        convert(cls.folder.name)
        cls.selfs = flame.Folded(cls.path("folded")).selfs

    @classmethod
    def path(cls, extension):
        return os.path.join(cls.folder.name, "sample." + extension)

    def check_selfs(self, found):
        """Weights by innermost function are those of the folded stacks."""
        mine, theirs = collections.Counter(), collections.Counter()
        for weights, names in ((mine, self.selfs), (theirs, found)):
            for name, weight in names.items():
                weights[flame.normal(name)] += weight
        self.assertEqual({k: (theirs[k], mine[k]) for k in theirs | mine if theirs[k] != mine[k]}, {})

    def test_folded(self):
        self.assertEqual(sum(self.selfs.values()), etl_traces.PERFVIEW_SAMPLES)
        self.assertEqual(self.selfs[METHOD], 1856)

    def test_callgrind(self):
        rows, totals, _ = debian_readers.callgrind(self.path("callgrind"))
        self.assertEqual(totals, [etl_traces.PERFVIEW_SAMPLES])
        self.check_selfs({name: costs[0] for name, costs in rows.items()})

    def test_jsonl(self):
        selfs = collections.Counter()
        with open(self.path("jsonl"), encoding="utf-8") as file:
            for row in map(json.loads, file):
                if "stack" in row:
                    selfs[row["stack"][0]] += row.get("count", 1)
        self.check_selfs(selfs)

    def test_perfview(self):
        selfs = collections.Counter()
        for metric, _, frames in debian_readers.perfview(self.path("perfview.xml")):
            module, _, name = frames[-1].partition("!")
            if name.startswith("0x") and module != "Unknown":
                name = f"{module}+{name}"
            selfs[name] += int(metric)
        self.check_selfs(selfs)

    def test_perf(self):
        """Debian's perf: addresses and files, no names of ours."""
        samples = perf_tool.script(self.path("perf.data"))
        self.assertEqual(len(samples), etl_traces.PERFVIEW_SAMPLES)
        self.assertEqual(collections.Counter(sample.comm for sample in samples).most_common(1)[0][0], "Test.x64.exe")
        files = collections.Counter(frame.file for sample in samples for frame in sample.frames)
        for name in ("[ntoskrnl.exe]", "[tcpip.sys]", "C:\\Windows\\System32\\ntdll.dll"):
            self.assertGreater(files[name], 10, name)
        self.assertFalse([name for name in files if "\\Device\\" in name])

    def test_perf_script(self):
        """Blocks of a head and frames, the innermost first, as scripts read them."""
        selfs = collections.Counter()
        with open(self.path("perf-script.txt"), encoding="utf-8") as file:
            for block in file.read().split("\n\n")[:-1]:
                name = re.fullmatch(r"\s*[0-9a-f]+ (.*) \(.*\)", block.split("\n")[1])[1]
                selfs[name] += 1
        self.assertEqual(sum(selfs.values()), etl_traces.PERFVIEW_SAMPLES)
        for name, weight in selfs.items():
            if name not in ("[unknown]", "[no stack]"):
                self.assertEqual(weight, self.selfs[name], name)
        self.assertEqual(selfs[METHOD], self.selfs[METHOD])

    def test_octrace(self):
        """The specification's own reader."""
        with open(self.path("octrace"), "rb") as file:
            recording = octrace.Recording(file.read())
        self.assertTrue(recording.whole)
        selfs = collections.Counter()
        for name, weight in recording.self_weights().items():
            selfs[name.rpartition("\\")[2]] += weight
        self.check_selfs(selfs)

    def test_cut_traces(self):
        """What is in front of the cut is kept; where it was is told. Unit tests cut all traces, and turn bits over."""
        with open(os.path.join(etl_traces.FOLDER, etl_traces.PERFVIEW), "rb") as file:
            whole = file.read()
        before, path = 0, self.path("cut.etl")
        for size in (100, *range(10000, len(whole), 600000)):
            with open(path, "wb") as file:
                file.write(whole[:size])
            done = subprocess.run([RECORD_TRACE, "convert", path, "--format", "folded", "-o", "-"], capture_output=True,
                                  check=False, text=True, timeout=60)
            self.assertRegex(done.stderr, "offset 0x[0-9a-f]+")
            self.assertEqual(done.returncode, 1 if size == 100 else 0)
            kept = sum(int(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines())
            self.assertGreaterEqual(kept, before)
            before = kept
        self.assertGreater(before, etl_traces.PERFVIEW_SAMPLES * 3 // 4)


if __name__ == "__main__":
    unittest.main()
