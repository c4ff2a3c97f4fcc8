# SPDX-License-Identifier: BSD-2-Clause
"""perf.data as perf itself reads it: totals, weights and processes of known recordings."""

import collections
import os
import tempfile
import unittest

import known_recording
import perf_tool
from known_recording import PERIOD_NS, TOTAL

# The leaves of the known recording, as perf shows addresses that have no symbol for it: in their file.
LEAVES = {
    ("/usr/bin/server", 0x1190): known_recording.SELF["hot_loop"],
    ("/usr/bin/server", 0x1200): known_recording.SELF["recurse"],
    ("[kernel]", 0xffffffff80000108): known_recording.SELF["vfs_read"],
    ("[JIT] tid 200", 0x600000000040): known_recording.SELF["JS:~handle /app/x.js:1"],
    ("/usr/lib/libc.so.6", 0x20123): known_recording.NO_SYMBOL,
    ("[unknown]", 0xdead0000): known_recording.NO_MAPPING,
    ("[unknown]", 0x500101): 5,  # of a thread with the number 0, which perf takes for the idle task
    ("[unknown]", 0): known_recording.SELF["[no stack]"],
}


class PerfData(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def write(self, *flags):
        path = os.path.join(self.folder.name, "-".join(("sample", *flags)) + ".perf.data")
        known_recording.write("perf-data", path, *flags)
        return path

    def test_report(self):
        for flags in ((), ("timeline",)):
            with self.subTest(flags=flags):
                weights, counts = collections.Counter(), 0
                rows = perf_tool.report(self.write(*flags), "sample", "period", "dso", "sym")
                for number, period, dso, symbol in rows:
                    address = int(symbol.split()[-1], 16)
                    # Where the kernel that runs has no code perf knows the file of the first sample only.
                    dso = "[kernel]" if symbol.startswith("[k]") or address >> 63 else dso
                    weights[dso, address] += int(period) // PERIOD_NS
                    counts += int(number)
                self.assertEqual(sum(weights.values()), TOTAL)
                # A sample that was counted often is one with a longer period.
                self.assertEqual(counts, TOTAL if flags else 9)
                expected = collections.Counter()
                for (path, address), count in LEAVES.items():
                    expected[path if path[0] == "[" else os.path.basename(path), address] += count
                self.assertEqual(weights, expected)

    def test_script(self):
        samples = perf_tool.script(self.write("timeline"))
        self.assertEqual(len(samples), TOTAL)
        self.assertEqual({sample.event for sample in samples}, {"cpu"})
        self.assertEqual({sample.period for sample in samples}, {PERIOD_NS})
        self.assertEqual(collections.Counter((s.comm, s.pid, s.tid) for s in samples), {
            ("server", 100, 100): 41, ("work;er\\n1", 100, 101): 30, ("no;de </script>", 200, 200): 25,
            ("no;de </script>", 200, 0): 5})
        times = [sample.time for sample in samples]
        self.assertEqual(times, sorted(times))
        callers = collections.Counter(s.frames[1].file for s in samples if len(s.frames) > 1)
        self.assertEqual(callers["/usr/bin/server"], 64)
        self.assertEqual(callers["/usr/bin/node"], 23)

    def test_kinds_are_events(self):
        path = self.write("timeline", "two-kinds", "waits")
        events = collections.Counter()
        for sample in perf_tool.script(path):
            events[sample.event] += sample.period
        self.assertEqual(events, {"cpu": TOTAL * PERIOD_NS, "page_faults": 9 * 4096, "off_cpu": 200000000})

    def test_head(self):
        text = perf_tool.run("report", "-i", self.write("timeline"), "--header-only")
        for line in ("hostname : host.example", "os release : 6.1.0-test", "arch : x86_64", "nrcpus online : 2",
                     "cmdline : record-trace --cpu -o x.pb.gz", "time of first sample : 5.000000",
                     "event : name = cpu, , id = { 1 }, type = 1", "clockid: monotonic (1)"):
            self.assertIn("# " + line, text)
        build_ids = perf_tool.run("buildid-list", "-i", self.write("timeline"))
        self.assertIn("ab01", build_ids)

    def test_losses(self):
        text = perf_tool.run("report", "-i", self.write("timeline"), "--stdio")
        self.assertIn("Total Lost Samples: 3", text)

    def test_empty(self):
        self.assertEqual(perf_tool.script(self.write("empty")), [])

    def test_hostile_names(self):
        path = os.path.join(self.folder.name, "hostile.perf.data")
        known_recording.write_hostile(("perf-data", path))
        weights = {comm: int(period) // known_recording.HOSTILE_PERIOD_NS
                   for period, comm in perf_tool.report(path, "period", "comm")}
        expected = {name[:4095].strip(): count for name, count in known_recording.HOSTILE_SELF.items()}
        self.assertEqual(weights, expected)


if __name__ == "__main__":
    unittest.main()
