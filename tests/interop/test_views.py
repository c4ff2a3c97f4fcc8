# SPDX-License-Identifier: BSD-2-Clause
"""What the command makes of files that were recorded before: samples chosen for every format, and views."""

import collections
import json
import os
import subprocess
import tempfile
import unittest

import known_recording as known
import octrace
import pprof_tool

RECORD_TRACE = os.path.join(known.BUILD, "record-trace")
SERVER, NODE = 71, 30  # samples by process


class ViewsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def sample(self, *flags):
        path = self.path("-".join(("sample", *flags)) + ".octrace")
        known.write("octrace", path, *flags)
        return path

    def run_cli(self, *args, status=0, **env):
        done = subprocess.run([RECORD_TRACE, *args], cwd=self.dir, capture_output=True, timeout=60, check=False,
                              env=dict(os.environ, **env))
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode(), done.stderr.decode()

    def folded(self, *args):
        """Samples by process in folded stacks made of a file."""
        out, _ = self.run_cli("convert", "-q", *args, "--format", "folded", "-o", "-")
        weights = collections.Counter()
        for line in out.splitlines():
            stack, _, count = line.rpartition(" ")
            weights[stack.split(";", 1)[0]] += int(count)
        return weights

    def total(self, *args):
        return self.folded(*args).total()

    def ledger(self, *args):
        out, _ = self.run_cli("report", "-q", "--json", *args)
        ledger = json.loads(out)["ledger"]
        self.assertTrue(ledger["balanced"])
        return ledger


class Filters(ViewsTest):
    def test_each_option(self):
        cases = (
            (("--process", "server"), SERVER),
            (("--process", "200"), NODE),
            (("--process", "server", "--process", "node"), known.TOTAL),
            (("--thread", "101"), 30),
            (("--module", "libc*"), 11),
            (("--function", "^main$"), SERVER),
            (("--function", "^main$", "--ignore", "hot_loop|^recurse"), 11),
            (("--ignore", "^main$"), NODE),
            (("--kind", "cpu"), known.TOTAL),
        )
        for flags in ((), ("timeline",)):
            recording = self.sample(*flags)
            for options, samples in cases:
                with self.subTest(flags=flags, options=options):
                    self.assertEqual(self.total(recording, *options), samples)
                    cpu = self.ledger(recording, *options)["kinds"]["cpu"]
                    self.assertEqual((cpu["kept"], cpu["filtered"]), (samples, known.TOTAL - samples))

    def test_every_format_obeys(self):
        recording = self.sample("timeline")
        formats = json.loads(self.run_cli("list", "formats", "--json")[0])
        names = [f["name"] for f in formats["formats"]]
        self.assertGreater(len(names), 10)
        for name in names:
            with self.subTest(format=name):
                some, everything = self.path(name + ".some"), self.path(name + ".all")
                self.run_cli("convert", recording, "--process", "server", "--format", name, "-o", some)
                self.run_cli("convert", recording, "--format", name, "-o", everything)
                self.assertNotEqual(os.path.getsize(some), 0)
                with open(some, "rb") as a, open(everything, "rb") as b:
                    self.assertNotEqual(a.read(), b.read())

    def test_pprof_and_octrace_of_a_selection(self):
        recording = self.sample("timeline")
        self.run_cli("convert", recording, "--process", "server", "-o", "s.pb.gz", "-o", "s.octrace")
        samples = pprof_tool.raw(self.path("s.pb.gz"))["samples"]
        self.assertEqual(sum(values[0] for values, _, _ in samples), SERVER)
        with open(self.path("s.octrace"), "rb") as file:
            again = octrace.Recording(file.read())
        self.assertEqual(again.self_weights().total(), SERVER)
        # A selection of a selection: both are told.
        ledger = self.ledger("s.octrace", "--function", "recurse")
        self.assertEqual(ledger["kinds"]["cpu"]["kept"], 10)
        self.assertEqual(ledger["kinds"]["cpu"]["filtered"], known.TOTAL - 10)
        self.assertEqual(ledger["notes"]["not_selected"], known.TOTAL - 10)

    def test_time_ranges(self):
        recording = self.sample("timeline")
        first, rest = self.total(recording, "--time-range", "..7ms"), self.total(recording, "--time-range", "7ms..")
        self.assertEqual(first + rest, known.TOTAL)
        self.assertGreater(min(first, rest), 0)
        # The recording began at 2023-11-14 22:13:20.123456789 UTC.
        for start in ("2023-11-14T22:13:20.130456789Z", "2023-11-14T23:13:20.130456789+01:00", "2023-11-14 22:13:20.130456789"):
            out, _ = self.run_cli("convert", "-q", recording, "--time-range", start + "..", "--format", "folded", "-o", "-",
                                  TZ="UTC")
            self.assertEqual(sum(int(line.rpartition(" ")[2]) for line in out.splitlines()), rest, start)

    def test_what_makes_no_sense_is_said_and_exits_with_2(self):
        timeline, counts = self.sample("timeline"), self.sample()
        cases = (
            (timeline, ("--time-range", "5s"), "is not a range of time"),
            (timeline, ("--time-range", ".."), "is not a range of time"),
            (timeline, ("--time-range", "x..y"), "is not a range of time"),
            (timeline, ("--time-range", "5s..2s"), "ends before it begins"),
            (timeline, ("--function", "("), "is not a regular expression"),
            (timeline, ("--ignore", "["), "is not a regular expression"),
            (timeline, ("--attr", "host"), "KEY=VALUE"),
            (timeline, ("--unwind", "--function", "x"), "by process only"),
            (counts, ("--time-range", "1s..2s"), "without times"),
            (counts, ("--cpus", "0"), "without CPUs"),
            ("missing.octrace", ("--function", "("), "is not a regular expression"),
        )
        for recording, options, message in cases:
            with self.subTest(options=options):
                out, err = self.run_cli("report", recording, *options, status=2)
                self.assertIn(message, err)
                self.assertEqual(out, "")

    def test_what_matches_nothing_is_said_and_the_output_is_empty_but_valid(self):
        recording = self.sample("timeline")
        for options, message in (
            (("--process", "nobody", "--thread", "101"), "none matches --process"),
            (("--ignore", "."), "all match --ignore"),
            (("--process", "server", "--thread", "200"), "none matches all of them"),
            (("--time-range", "1h.."), "none matches --time-range"),
        ):
            with self.subTest(options=options):
                _, err = self.run_cli("convert", recording, *options, "-o", "none.pb.gz", "--force")
                self.assertIn(message, err)
                self.assertEqual(pprof_tool.raw(self.path("none.pb.gz"))["samples"], [])


class Reports(ViewsTest):
    def report(self, *args):
        return self.run_cli("report", "-q", self.sample("two-kinds"), *args)[0]

    def json(self, *args):
        return json.loads(self.report("--json", *args))

    def test_tree(self):
        lines = self.report("--view", "tree").splitlines()
        self.assertEqual(lines[:7], [
            "Call tree: 101 samples of cpu",
            " total    self  function",
            " 70.3%    0.0%  + server",
            " 70.3%    0.0%  | main",
            " 49.5%    0.0%  | + compute(int)",
            " 49.5%   49.5%  | | hot_loop [inlined]",
            "  9.9%    0.0%  | + recurse",
        ])
        # What has less is left out, and what then is alone is no branch any more.
        self.assertEqual(self.report("--view", "tree", "--min-percent", "25").splitlines()[2:], [
            " 70.3%    0.0%  + server",
            " 70.3%    0.0%  | main",
            " 49.5%    0.0%  | compute(int)",
            " 49.5%   49.5%  | hot_loop [inlined]",
            " 29.7%    0.0%  + no;de </script>",
            " 27.7%    0.0%    node::Start()",
        ])
        self.assertEqual(self.report("--view", "tree", "--limit", "2").splitlines()[2:], [
            " 70.3%    0.0%  + server",
            " 70.3%    0.0%  | main",
            "more rows are left out; raise --limit to see them",
        ])

    def test_tree_as_json_is_all_of_it(self):
        answer = self.json("--view", "tree")
        nodes = answer["nodes"]
        self.assertEqual((answer["kind"], answer["total"]), ("cpu", known.TOTAL))
        self.assertEqual(sum(n["self"] for n in nodes), known.TOTAL)
        self.assertEqual(sum(n["total"] for n in nodes if "parent" not in n), known.TOTAL)
        for number, node in enumerate(nodes):
            self.assertLess(node.get("parent", -1), number)
            below = sum(n["total"] for n in nodes if n.get("parent") == number)
            self.assertEqual(node["total"], node["self"] + below)

    def test_callers_and_callees(self):
        self.assertEqual(self.report("--view", "callers", "--of", "vfs_read").splitlines(), [
            "Callers of vfs_read: 7 of 101 samples of cpu",
            " total  function",
            "  6.9%  vfs_read [kernel]",
            "  6.9%  do_syscall_64 [kernel]",
            "  6.9%  read",
            "  6.9%  main",
        ])
        # Part of one name is enough; each sample of a recursion counts once.
        answer = self.json("--view", "callees", "--of", "recu")
        self.assertEqual(answer["of"], "recurse")
        self.assertEqual([n["total"] for n in answer["nodes"]], [10, 10, 10])
        main = self.json("--view", "callees", "--of", "main")["nodes"]
        self.assertEqual((main[0]["name"], main[0]["total"]), ("main", SERVER))

    def test_breakdowns(self):
        self.assertEqual(self.report("--by", "process").splitlines()[2:], [
            " 70.3%         71       100  server",
            " 29.7%         30       200  no;de </script>",
        ])
        self.assertEqual([(t["tid"], t["total"]) for t in self.json("--by", "thread")["threads"]],
                         [(100, 41), (101, 30), (200, 25), (0, 5)])
        modules = {m["module"]: (m["self"], m["total"]) for m in self.json("--by", "module")["modules"]}
        self.assertEqual(modules["/usr/bin/server"], (60, SERVER))
        self.assertEqual(modules["/usr/lib/libc.so.6"], (4, 11))
        self.assertEqual(modules["[no stack]"], (2, 2))
        self.assertEqual(sum(own for own, _ in modules.values()), known.TOTAL)
        self.assertEqual([(k["kind"], k["total"]) for k in self.json("--by", "kind")["kinds"]],
                         [("cpu", known.TOTAL), ("page_faults", 9)])
        self.assertEqual(self.report("--by", "process", "--limit", "1").splitlines()[3:],
                         ["1 more rows are left out; --limit shows more"])
        self.assertEqual(len(self.json("--by", "module", "--min-percent", "10")["modules"]), 4)

    def test_limits_of_the_table_of_functions(self):
        self.assertEqual(len(self.json("--limit", "3")["functions"]), 3)
        self.assertTrue(all(f["total"] >= 10.1 for f in self.json("--min-percent", "10")["functions"]))
        self.assertEqual(self.report("--limit", "1").splitlines()[3], "")

    def test_views_are_of_what_is_selected(self):
        answer = self.json("--view", "tree", "--process", "server", "--ignore", "hot_loop")
        self.assertEqual(answer["total"], SERVER - known.SELF["hot_loop"])
        faults = self.json("--by", "process", "--kind", "page_faults")
        self.assertEqual((faults["kind"], faults["total"]), ("page_faults", 9))

    def test_what_makes_no_sense_together(self):
        for options, message in (
            (("--view", "callers"), "need --of"),
            (("--of", "main"), "--of goes with"),
            (("--view", "tree", "--by", "process"), "--by goes with"),
            (("--unwind", "--by", "process"), "view of its own"),
            (("--view", "callees", "--of", "e"), "a part of several names"),
            (("--view", "callees", "--of", "zzz"), "no function"),
            (("--min-percent", "101"), "percentage"),
            (("--limit", "0"), "out of range"),
            (("--view", "sideways"), "not known"),
        ):
            with self.subTest(options=options):
                self.assertIn(message, self.run_cli("report", self.sample(), *options, status=2)[1])

    def test_without_samples(self):
        for options in ((), ("--view", "tree"), ("--by", "process"), ("--by", "module"), ("--by", "kind")):
            with self.subTest(options=options):
                self.run_cli("report", self.sample("empty"), *options)
                self.run_cli("report", "--json", self.sample("empty"), *options)
