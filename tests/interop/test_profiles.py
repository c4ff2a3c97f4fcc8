# SPDX-License-Identifier: BSD-2-Clause
"""Profiles of Go's runtime and of gperftools, and odd ones that pprof's own package writes, as we read them and as that
package does: the same stacks with the same weights and labels, for each type of sample."""

import collections
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import foreign_profile
import pprof_tool

STACK_MAX = 1024
SHARES = foreign_profile.RECORD_TRACE.parent / "fixtures" / "shares"
PROFILER = {"x86_64": "/usr/lib/x86_64-linux-gnu", "aarch64": "/usr/lib/aarch64-linux-gnu"}[os.uname().machine]
# Counts of what the type behind them measures.
COUNTS = {"samples/count": "cpu", "contentions/count": "delay"}
SCALES = {"milliseconds": 10**6, "microseconds": 10**3, "seconds": 10**9, "kilobytes": 2**10, "megabytes": 2**20}
# Those of our own labels that are no attributes here.
FACTS = ("tid",)


def is_named(frame):
    return frame != "[unknown]" and "+0x" not in frame and not frame.startswith("0x")


def kinds_of(types):
    """{kind: (column of its counts or None, column of its values, scale)} of a profile's types."""
    kinds, columns = {}, list(enumerate(types))
    while columns:
        index, name = columns.pop(0)
        value = index
        if columns and COUNTS.get(name) == columns[0][1].split("/")[0]:
            value, name = columns.pop(0)
        kind, _, unit = name.partition("/")
        kinds[kind] = (index if value != index else None, value, SCALES.get(unit, 1))
    return kinds


class Profiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = pprof_tool.go_build(os.path.join(pprof_tool.FOLDER, "profiles"), "./tests/interop/profiles")
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def make(self, command):
        folder = self.path / command
        folder.mkdir()
        subprocess.run([self.program, command, folder], check=True, timeout=60)
        return sorted(folder.iterdir())

    def dump(self, path):
        out = subprocess.run([self.program, "dump", path], check=True, capture_output=True, timeout=60).stdout
        return json.loads(out)

    def theirs(self, dump):
        """{kind: {(stack, labels): [count, value]}}; what is all zero is no sample."""
        by_kind = {}
        for kind, (count_column, value_column, scale) in kinds_of(dump["types"]).items():
            rows = by_kind[kind] = collections.defaultdict(lambda: [0, 0])
            for sample in dump["samples"]:
                value = sample["values"][value_column] * scale
                count = sample["values"][count_column] if count_column is not None else value
                if not value and not count:
                    continue
                labels = tuple(sorted((key, text) for key, texts in sample["labels"].items() for text in texts))
                row = rows[tuple(sample["stack"][:STACK_MAX]), labels]
                row[0] += count
                row[1] += value
        return {kind: dict(rows) for kind, rows in by_kind.items() if rows}

    def ours(self, path):
        by_kind = {}
        for sample in foreign_profile.samples(path, self.path):
            labels = [(key, str(value)) for key, value in sample.get("attributes", [])]
            labels += [(key, str(sample[key])) for key in FACTS if key in sample]
            stack = tuple(frame if is_named(frame) else "" for frame in sample["stack"])
            row = by_kind.setdefault(sample["kind"], {}).setdefault((stack, tuple(sorted(labels))), [0, 0])
            row[0] += sample["count"]
            row[1] += sample["value"]
        return by_kind

    def check(self, path):
        dump = self.dump(path)
        expected = self.theirs(dump)
        ours = self.ours(path)
        self.assertEqual(ours, expected)
        # The tool itself has the same total, for the types that it does not scale.
        for index, name in enumerate(dump["types"]):
            if dump["samples"] and name.endswith("/count"):
                _, total = pprof_tool.top(path, name.split("/")[0])
                self.assertEqual(total, sum(sample["values"][index] for sample in dump["samples"]))
        return expected

    def test_go_runtime(self):
        seen = {}
        for path in self.make("work"):
            with self.subTest(profile=path.name):
                seen[path.name] = self.check(path)
        self.assertEqual(set(seen["heap.pb.gz"]), {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"})
        cpu = seen["cpu.pb.gz"]["cpu"]
        hot = [labels for (stack, labels) in cpu if "main.spin" in stack and stack.count("main.recurse") == 41]
        self.assertIn((("request", "a;b"), ("tenant", "größe")), hot)
        self.assertTrue(any("main.inlined" in stack for stack, _ in cpu))
        self.assertTrue(seen["mutex.pb.gz"]["delay"])

    def test_odd_profiles(self):
        refused = {"negative": "negative value", "too_much": "add up to more", "many_types": "20 types of samples"}
        nr = 0
        for path in self.make("odd"):
            name = path.name.split(".")[0]
            with self.subTest(profile=path.name):
                if name in refused:
                    done = foreign_profile.run("report", path)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(refused[name], done.stderr)
                else:
                    self.check(path)
                nr += 1
        self.assertEqual(nr, 33)

    def test_what_is_not_followed_is_said(self):
        folder = self.path / "notes"
        folder.mkdir()
        subprocess.run([self.program, "odd", folder], check=True, timeout=60)
        for name, note in (("filters", "frame_filters_ignored"), ("deep", "truncated")):
            done = foreign_profile.run("report", "--json", folder / f"{name}.pb.gz")
            self.assertIn(note, done.stdout)
        done = foreign_profile.run("report", folder / "none.pb.gz")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_cut_profile_is_refused(self):
        folder = self.path / "cut"
        folder.mkdir()
        subprocess.run([self.program, "odd", folder], check=True, timeout=60)
        whole = (folder / "labels.pb.gz").read_bytes()
        cut = folder / "cut.pb.gz"
        for size in (len(whole) - 1, len(whole) // 2):
            cut.write_bytes(whole[:size])
            done = foreign_profile.run("report", cut)
            self.assertEqual(done.returncode, 1)
            self.assertIn("ends early", done.stderr)

    def test_counts_are_compared_and_not_judged(self):
        folder = self.path / "diff"
        folder.mkdir()
        subprocess.run([self.program, "odd", folder], check=True, timeout=60)
        for pair in (("labels", "filters"), ("inlined_lines", "inlined_lines")):
            done = foreign_profile.run("diff", *(folder / f"{name}.pb.gz" for name in pair))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Not judged: counts without times do not tell chance from change", done.stdout)
            self.assertIn("--timeline", done.stdout)
            self.assertNotIn("*", done.stdout)

    def test_gperftools(self):
        legacy = self.path / "legacy.prof"
        env = dict(os.environ, LD_PRELOAD=f"{PROFILER}/libprofiler.so.0", CPUPROFILE=str(legacy), CPUPROFILE_FREQUENCY="500")
        subprocess.run([SHARES, "1", "2", self.path / "truth.json"], env=env, check=True, capture_output=True, timeout=60)
        modern = self.path / "modern.pb.gz"
        pprof_tool.run("-proto", f"-output={modern}", str(legacy))
        expected = self.check(modern)
        self.assertGreater(sum(count for count, _ in expected["cpu"].values()), 0)
        text = subprocess.run(["google-pprof", "--collapsed", SHARES, legacy], check=True, capture_output=True, text=True,
                              timeout=60).stdout
        collapsed = self.path / "collapsed.txt"
        collapsed.write_text(text, encoding="utf-8")
        self.assertEqual(foreign_profile.read_folded(collapsed, self.path), foreign_profile.folded(text))


if __name__ == "__main__":
    unittest.main()
