# SPDX-License-Identifier: BSD-2-Clause
"""The formats that write a text for each sample: JSON lines read by jq, and the text of perf script by its grammar."""

import collections
import os
import re
import subprocess
import tempfile
import unittest

import debian_readers
import test_flame_browser as flame

PERIOD_NS = 1001001  # of write_stacks
# What stackcollapse-perf.pl takes for the head of a sample and for a frame of it.
HEAD = re.compile(r"(\S.*?)\s+(\d+)/(\d+)(?: \[(\d{3,})\])? (\d+\.\d{6}): (\d+) (\S+?): $")
FRAME = re.compile(r"\s*(\w+) (.+) \((.*)\)$")


class SampleText(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, records):
        """One recording in a format, and what its folded stacks say."""
        paths = [os.path.join(self.folder.name, "x." + extension) for extension in (name, "folded")]
        subprocess.run([flame.WRITE_STACKS, f"{name}={paths[0]}", f"folded={paths[1]}"], input=records, check=True)
        return paths[0], flame.Folded(paths[1])

    def check_same(self, stacks, folded):
        """stacks: (frames from leaf to root, count)."""
        mine, theirs = collections.Counter(), collections.Counter()
        for frames, count in stacks:
            mine[tuple(map(flame.normal, reversed(frames)))] += count
        for _, frames, count in folded.stacks:
            theirs[tuple(map(flame.normal, frames))] += count
        self.assertEqual(sum(mine.values()), folded.total)
        self.assertEqual(mine, theirs)

    def test_jsonl(self):
        for records in (flame.plain_records(), flame.hostile_records()):
            path, folded = self.write("jsonl", records)
            rows = debian_readers.json_lines(path, ".stack", ".count", "(.modules | length)")
            for stack, _, nr_modules in rows:
                self.assertEqual(len(stack), nr_modules)
            self.check_same([(stack or ["[no stack]"], count) for stack, count, _ in rows], folded)

    def perf_samples(self, path):
        with open(path, encoding="utf-8", newline="\n") as file:
            for block in file.read().split("\n\n")[:-1]:
                head, *frames = block.split("\n")
                self.assertRegex(head, HEAD)
                self.assertGreater(len(frames), 0)
                yield HEAD.match(head), [FRAME.match(frame) for frame in frames]

    def test_perf_script(self):
        for records in (flame.plain_records(), flame.hostile_records()):
            path, folded = self.write("perf-script", records)
            stacks = []
            for head, frames in self.perf_samples(path):
                count, rest = divmod(int(head[6]), PERIOD_NS)
                self.assertEqual(rest, 0)
                stacks.append(([frame[2] for frame in frames], count))
            self.check_same(stacks, folded)

    def test_perf_script_times(self):
        path = os.path.join(self.folder.name, "t.perf-script.txt")
        subprocess.run([os.path.join(os.path.dirname(flame.WRITE_STACKS), "write_sample"), "perf-script", path, "timeline"],
                       check=True)
        heads = [head for head, _ in self.perf_samples(path)]
        self.assertEqual(len(heads), 101)
        self.assertEqual([float(head[5]) for head in heads], sorted(float(head[5]) for head in heads))
        self.assertEqual({head[4] for head in heads}, {"000", "001"})


if __name__ == "__main__":
    unittest.main()
