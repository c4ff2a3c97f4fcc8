# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of perf read here, and recordings of ours read by perf: equal totals, and weights of what both name."""

import collections
import os
import subprocess

import perf_tool
from support import RECORD_TRACE, LiveTest, fixture, is_named, read_folded, self_weights, weight

TAKERS = ("take_half", "take_quarter", "take_fifteen", "take_ten")
RATE = 997


class PerfData(LiveTest):
    def convert(self, source, extension="folded"):
        path = self.dir / f"{source.name}.{extension}"
        subprocess.run([RECORD_TRACE, "convert", source, "-q", "-o", path], check=True, timeout=60)
        return path

    def record_with_perf(self, name, *options):
        path = self.dir / f"{name}.data"
        perf_tool.record(path, "-e", "cpu-clock", *options, "--", fixture("shares"), 1, 2, self.truth_path)
        return path

    def leaves(self, samples):
        """Samples by the function that was hit, of the program alone: its names have no aliases."""
        return collections.Counter(s.frames[0].name for s in samples
                                   if s.frames and os.path.basename(s.frames[0].file) == "shares")

    def check_equal(self, path, stacks):
        samples = perf_tool.script(path)
        self.assertGreater(len(samples), 0)
        self.assertEqual(weight(stacks), len(samples))
        theirs = {name: count for name, count in self.leaves(samples).items() if name in TAKERS}
        ours = self_weights(stacks)
        self.assertEqual({name: ours[name] for name in theirs}, theirs)
        self.assertEqual(set(theirs), set(TAKERS))
        self.note(f"{len(samples)} samples, {sum(theirs.values())} of them in functions that are compared")

    def test_recordings_of_perf(self):
        for name, options in (("frame-pointers", ["-F", RATE, "-g"]), ("packed", ["-F", RATE, "-g", "-z"]),
                              ("period", ["-g", "-c", "1000000"]),
                              ("copies", ["-F", RATE, "--call-graph", "dwarf,4096"]),
                              ("build-ids", ["-F", RATE, "-g", "--buildid-mmap"])):
            with self.subTest(name=name):
                path = self.record_with_perf(name, *options)
                self.check_equal(path, read_folded(self.convert(path)))

    def test_pipe(self):
        path = self.dir / "pipe.data"
        with open(path, "wb") as file:
            subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(RATE), "-g", "-o", "-", "--",
                            fixture("shares"), "1", "2", self.truth_path], stdout=file, check=True, timeout=60)
        self.check_equal(path, read_folded(self.convert(path)))

    def test_copies_are_walked_to_their_root(self):
        path = self.record_with_perf("copies", "-F", RATE, "--call-graph", "dwarf")
        stacks = read_folded(self.convert(path))
        roots = ("_start", "clone3", "__clone3", "clone", "start_thread")
        rooted = [s for s in stacks if s.frames and s.frames[0] in roots]
        self.note(f"{weight(rooted)} of {weight(stacks)} stacks reach their root")
        self.assertGreater(weight(rooted), 0.95 * weight(stacks))

    def test_ours_read_by_perf(self):
        for options in ((), ("--timeline",)):
            with self.subTest(options=options):
                result = self.record("-F", RATE, *options, formats=("octrace", "folded"),
                                     command=[fixture("shares"), 1, 2, self.truth_path])
                path = self.convert(result.outputs["octrace"], "perf.data")
                period_ns = 10**9 // RATE
                ours = self_weights(result.folded)
                theirs = collections.Counter()
                for sample in perf_tool.script(path):
                    theirs[sample.frames[0].name if sample.frames else ""] += round(sample.period / period_ns)
                self.assertEqual(sum(theirs.values()), weight(result.folded))
                for name in TAKERS:
                    self.assertEqual(theirs[name], ours[name], name)
                self.assertEqual(sum(theirs[name] for name in theirs if is_named(name)),
                                 sum(ours[name] for name in ours if is_named(name)))
                by_report = sum(int(row[0]) for row in perf_tool.report(path, "period"))
                self.assertEqual(round(by_report / period_ns), weight(result.folded))

    def test_there_and_back(self):
        result = self.record("-F", RATE, "--timeline", formats=("octrace", "folded"),
                             command=[fixture("shares"), 1, 2, self.truth_path])
        path = self.convert(result.outputs["octrace"], "perf.data")
        back = read_folded(self.convert(path))
        self.assertEqual(weight(back), weight(result.folded))
        in_program = lambda stacks: collections.Counter(
            {name: count for name, count in self_weights(stacks).items() if name in TAKERS})
        self.assertEqual(in_program(back), in_program(result.folded))
        self.assertEqual(collections.Counter(len(s.frames) for s in back for _ in range(s.count)),
                         collections.Counter(len(s.frames) for s in result.folded for _ in range(s.count)))
