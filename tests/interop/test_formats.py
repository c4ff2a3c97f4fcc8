# SPDX-License-Identifier: BSD-2-Clause
"""One known recording in every format, read by programs that are not ours: pprof and protoc."""

import collections
import gzip
import os
import re
import subprocess
import tempfile
import unittest

import debian_readers
import known_recording
import pprof_tool
from known_recording import ALL_SELF, NO_MAPPING, NO_SYMBOL, PERIOD_NS, SELF, TOTAL

class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def write(self, name, *flags):
        path = os.path.join(self.folder.name, "-".join(("sample", *flags)) + "." + name)
        known_recording.write(name, path, *flags)
        return path

    def folded(self, *flags):
        with open(self.write("folded", *flags), encoding="utf-8", newline="\n") as file:
            text = file.read()
        return [(line.rpartition(" ")[0], int(line.rpartition(" ")[2])) for line in text.splitlines()]


class Pprof(Formats):
    def test_samples(self):
        for flags in ((), ("timeline",)):
            with self.subTest(flags=flags):
                profile = pprof_tool.raw(self.write("pprof", *flags))
                self.assertEqual(profile["types"], ["samples/count", "cpu/nanoseconds"])
                self.assertEqual(len(profile["samples"]), 9)
                self.assertEqual(sum(values[0] for values, _, _ in profile["samples"]), TOTAL)
                self.assertEqual(sum(values[1] for values, _, _ in profile["samples"]), TOTAL * PERIOD_NS)

    def test_head(self):
        text = pprof_tool.raw(self.write("pprof"))["text"]
        self.assertIn("PeriodType: cpu nanoseconds", text)
        self.assertIn("Period: 1000000", text)
        self.assertIn("Duration: 2.5", text)
        self.assertIn("samples/count cpu/nanoseconds[dflt]", text)
        comments = pprof_tool.run("-comments", self.write("pprof"))
        for part in ("host: host.example", "command: record-trace", "101 samples kept of 104 taken", "3 (2.88 %) ring_full"):
            self.assertIn(part, comments)

    def test_labels(self):
        by_thread = collections.Counter()
        for values, _, labels in pprof_tool.raw(self.write("pprof"))["samples"]:
            by_thread[labels["pid"], labels["tid"], labels["comm"]] += values[0]
        self.assertEqual(by_thread, {("100", "100", "server"): 41, ("100", "101", "server"): 30,
                                     ("200", "200", "no;de </script>"): 25, ("200", "0", "no;de </script>"): 5})

    def test_mappings(self):
        mappings = [re.sub(" +", " ", line).strip() for line in pprof_tool.raw(self.write("pprof"))["mappings"]]
        self.assertTrue(mappings[0].split()[1] == "/usr/bin/server", "the busiest program comes first")
        self.assertEqual(sorted(mappings), sorted([
            "0x400000/0x410000/0x1000 /usr/bin/server ab01 [FN][FL][LN][IN]",
            "0x7f0000000000/0x7f0000010000/0x20000 /usr/lib/libc.so.6",
            "0x500000/0x510000/0x0 /usr/bin/node cd00000000000000000000000000000000000000 [FN]",
            "0x600000000000/0x600000010000/0x0 [anon] [FN]",
            "0xffffffff80000000/0xffffffff80010000/0x0 [kernel.kallsyms] [FN]",
        ]))

    def test_top(self):
        rows, total = pprof_tool.top(self.write("pprof"))
        self.assertEqual(total, TOTAL)
        for name, count in SELF.items():
            self.assertEqual(rows[name][0], count, name)
        self.assertEqual(rows["recurse"], (10, 10))
        self.assertEqual(rows["main"], (0, 71))
        self.assertEqual(rows["compute(int)"], (0, 50))
        self.assertEqual(rows["[libc.so.6]"][0], NO_SYMBOL)
        self.assertEqual(sum(flat for flat, _ in rows.values()), TOTAL)

    def test_two_kinds(self):
        path = self.write("pprof", "two-kinds")
        profile = pprof_tool.raw(path)
        self.assertEqual(profile["types"],
                         ["samples/count", "cpu/nanoseconds", "page_faults_events/count", "page_faults/bytes"])
        sums = [sum(values[i] for values, _, _ in profile["samples"]) for i in range(4)]
        self.assertEqual(sums, [TOTAL, TOTAL * PERIOD_NS, 9, 9 * 4096])
        self.assertEqual(pprof_tool.top(path, "page_faults_events")[0]["hot_loop"], (9, 9))

    def test_empty(self):
        self.assertEqual(pprof_tool.raw(self.write("pprof", "empty"))["samples"], [])

    def test_schema(self):
        """Google's own schema knows every field that is written."""
        with gzip.open(self.write("pprof", "two-kinds")) as file:
            data = file.read()
        done = subprocess.run(["protoc", "-I", os.path.dirname(pprof_tool.SCHEMA),
                               "--decode=perftools.profiles.Profile", pprof_tool.SCHEMA],
                              input=data, capture_output=True, check=True)
        text = done.stdout.decode()
        self.assertEqual(len(re.findall(r"^sample \{", text, re.M)), 9)
        self.assertEqual(len(re.findall(r"^sample_type \{", text, re.M)), 4)
        self.assertNotRegex(text, r"(?m)^\s*\d+[: ]", "a field number that the schema does not know")


class Otlp(Formats):
    def decode(self, *flags):
        return debian_readers.otlp(self.write("otlp", *flags))

    def profiles(self, data):
        for resource in data["resource_profiles"]:
            for scope in resource["scope_profiles"]:
                for profile in scope["profiles"]:
                    yield resource, profile

    def test_tables(self):
        data = self.decode("timeline", "two-kinds")
        tables = data["dictionary"][0]
        for name in ("mapping", "location", "function", "link", "attribute", "stack"):
            self.assertEqual(tables[name + "_table"][0], {}, name)
        strings = tables["string_table"]
        self.assertEqual(strings[0], "")
        self.assertEqual(len(strings), len(set(strings)))
        used = collections.Counter()
        kinds = set()
        for resource, profile in self.profiles(data):
            kinds.add(tuple(strings[profile["sample_type"][0][f"{part}_strindex"][0]] for part in ("type", "unit")))
            self.assertIn(resource["resource"][0]["attributes"][1]["value"][0]["int_value"], ([100], [200]))
            shapes = {(bool(s["values"]), bool(s["timestamps_unix_nano"])) for s in profile["samples"]}
            self.assertEqual(len(shapes), 1)
            keys = [(tuple(s["stack_index"]), tuple(s["attribute_indices"])) for s in profile["samples"]]
            self.assertEqual(len(keys), len(set(keys)), "samples that should be one")
            begin, length = profile["time_unix_nano"][0], profile["duration_nano"][0]
            for sample in profile["samples"]:
                used.update(sample["attribute_indices"])
                for time in sample["timestamps_unix_nano"]:
                    self.assertTrue(begin <= time < begin + length)
        self.assertEqual(kinds, {("samples", "count"), ("page_faults", "bytes")})
        names = {strings[tables["attribute_table"][index]["key_strindex"][0]] for index in used}
        self.assertEqual(names, {"thread.id", "thread.name", "cpu.logical_number"})


class Callgrind(Formats):
    def test_self_weights(self):
        for flags in ((), ("timeline",)):
            with self.subTest(flags=flags):
                rows, totals, _ = debian_readers.callgrind(self.write("callgrind", *flags))
                self.assertEqual(totals, [TOTAL])
                self.assertEqual(rows, {name.strip(): [count] for name, count in ALL_SELF.items()})

    def test_inclusive_weights_fold_recursion(self):
        rows, totals, _ = debian_readers.callgrind(self.write("callgrind"), "--inclusive=yes")
        self.assertEqual(totals, [TOTAL])
        self.assertEqual([rows[name] for name in ("main", "compute(int)", "recurse", "node::Start()", "read")],
                         [[71], [50], [10], [28], [7]])

    def test_two_kinds(self):
        rows, totals, _ = debian_readers.callgrind(self.write("callgrind", "two-kinds"))
        self.assertEqual(totals, [TOTAL, 9 * 4096])
        self.assertEqual(rows["hot_loop"], [50, 9 * 4096])

    def test_recursion(self):
        path = os.path.join(self.folder.name, "recursive.callgrind")
        expected = known_recording.write_recursive(("callgrind", path))
        rows, totals, _ = debian_readers.callgrind(path)
        self.assertEqual(rows, {name: [count] for name, count in expected.items()})
        for costs in debian_readers.callgrind(path, "--inclusive=yes")[0].values():
            self.assertLessEqual(costs, totals, "no function costs more than everything")

    def test_hostile_names(self):
        path = os.path.join(self.folder.name, "hostile.callgrind")
        known_recording.write_hostile(("callgrind", path))
        rows, totals, _ = debian_readers.callgrind(path)
        self.assertEqual(rows, {known_recording.in_callgrind(name): [count]
                                for name, count in known_recording.HOSTILE_SELF.items()})
        self.assertEqual(totals, [sum(known_recording.HOSTILE_SELF.values())])


class Folded(Formats):
    def test_lines(self):
        for flags in ((), ("timeline",), ("two-kinds",)):
            with self.subTest(flags=flags):
                lines = self.folded(*flags)
                self.assertEqual(sum(count for _, count in lines), TOTAL)
                stacks = [stack.split(";") for stack, _ in lines]
                self.assertEqual(stacks, sorted(stacks))
                self.assertEqual(len({stack for stack, _ in lines}), len(lines))
        self.assertEqual(self.folded("empty"), [])

    def test_same_self_weights_as_pprof(self):
        leaves = collections.Counter()
        for stack, count in self.folded():
            leaves[re.sub(r"_\[[kij]\]$", "", stack.split(";")[-1])] += count
        rows, _ = pprof_tool.top(self.write("pprof"))
        theirs = {name.replace(";", ":").rstrip(): flat for name, (flat, _) in rows.items() if flat}
        for name in SELF:
            plain = name.replace(";", ":").rstrip()
            self.assertEqual(leaves[plain], theirs[plain], name)
        self.assertEqual(sum(leaves.values()), sum(theirs.values()))
        self.assertEqual(leaves["libc.so.6+0x20123"], NO_SYMBOL)
        self.assertEqual(leaves["0xdead0000"], NO_MAPPING)


if __name__ == "__main__":
    unittest.main()
