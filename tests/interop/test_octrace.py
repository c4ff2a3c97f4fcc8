# SPDX-License-Identifier: BSD-2-Clause
"""Recordings as .octrace: read by a second reader, converted by the command, cut in the middle."""

import collections
import json
import os
import re
import subprocess
import tempfile
import unittest

import octrace
import pprof_tool

RECORD_TRACE = os.path.join(pprof_tool.BUILD, "record-trace")
WRITE_SAMPLE = os.path.join(pprof_tool.BUILD, "interop", "write_sample")
FLAGS = ((), ("timeline",), ("two-kinds",), ("timeline", "two-kinds"), ("empty",))
TOTAL, FAULTS = 101, 9


def read(path):
    with open(path, "rb") as file:
        return file.read()


class OctraceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def sample(self, extension, *flags):
        path = self.path("-".join(("sample", *flags)) + "." + extension)
        subprocess.run([WRITE_SAMPLE, extension, path, *flags], check=True)
        return path

    def run_cli(self, *args, status=0, stdin=b""):
        done = subprocess.run([RECORD_TRACE, *args], cwd=self.dir, input=stdin, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout, done.stderr.decode()

    def folded_weights(self, path):
        """Samples by leaf function, of folded stacks; the suffixes and the ':' for ';' are that format's."""
        weights = collections.Counter()
        for line in read(path).decode().splitlines():
            stack, _, count = line.rpartition(" ")
            weights[re.sub(r"_\[[kji]\]$", "", stack.rsplit(";", 1)[-1])] += int(count)
        return weights


class SecondReader(OctraceTest):
    def test_checksum_of_the_specification(self):
        """The test values that the authors of XXH64 publish."""
        self.assertEqual(octrace.xxh64(b""), 0xEF46DB3751D8E999)
        self.assertEqual(octrace.xxh64(b"Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1)

    def test_totals_and_self_weights_are_those_of_the_folded_stacks(self):
        for flags in FLAGS:
            with self.subTest(flags=flags):
                recording = octrace.Recording(read(self.sample("octrace", *flags)))
                self.assertTrue(recording.whole)
                weights = collections.Counter()
                for name, count in recording.self_weights().items():
                    weights[name.replace(";", ":").rstrip(" ")] += count
                self.assertEqual(weights, self.folded_weights(self.sample("folded", *flags)))
                self.assertEqual(weights.total(), 0 if "empty" in flags else TOTAL)

    def test_what_else_is_in_it(self):
        recording = octrace.Recording(read(self.sample("octrace", "timeline", "two-kinds")))
        info = recording.tables["INFO"][0]
        self.assertEqual(recording.text(info["hostname"]), "host.example")
        self.assertEqual(info["start_wall"], 1700000000123456789)
        self.assertEqual(info["aggregated"], 0)
        self.assertEqual(recording.kinds(), ["cpu", "page_faults"])
        self.assertEqual(recording.self_weights(2).total(), FAULTS)
        numbers = recording.numbers()
        self.assertEqual(numbers[1, 0], 2500000000)
        self.assertEqual(numbers[35, 1], numbers[36, 1] + numbers[256, 1])
        self.assertEqual((numbers[36, 1], numbers[256, 1]), (TOTAL, 3))
        self.assertEqual([p["pid"] for p in recording.tables["PROCESS"]], [100, 200])
        server = recording.tables["MODULE"][next(i for i, m in enumerate(recording.tables["MODULE"])
                                                 if recording.text(m["path"]) == "/usr/bin/server")]
        self.assertEqual([e["byte"] for e in server["list"]], [0xAB, 0x01])
        times = [s["time"] for s in recording.tables["SAMPLE"] if s["kind"] == 1]
        self.assertEqual(min(times), 5000000000)

    def test_layouts(self):
        """Each mapping of a process that never ended is in the tree of the process's last version."""
        recording = octrace.Recording(read(self.sample("octrace")))
        roots = {v["process"]: v["root"] for v in recording.tables["LAYOUT_VERSION"]}

        def walk(node):
            if not node:
                return []
            row = recording.row("LAYOUT_NODE", node)
            return walk(row["left"]) + [row["mapping"]] + walk(row["right"])

        for process in (0, 1, 2):
            expected = [i for i, m in enumerate(recording.tables["MAPPING"], 1)
                        if m["process"] == process and m["until"] == octrace.MASK]
            expected.sort(key=lambda i: recording.row("MAPPING", i)["start"])
            self.assertEqual(walk(roots[process]), expected)


class Convert(OctraceTest):
    def test_every_format_comes_out_as_if_it_had_been_written_at_once(self):
        formats = json.loads(self.run_cli("list", "formats", "--json")[0])["formats"]
        self.assertIn("octrace", [one["name"] for one in formats])
        for flags in FLAGS[:4]:
            source = self.sample("octrace", *flags)
            for one in formats:
                name = one["name"]
                if one["needs_times"] and "timeline" not in flags:
                    _, err = self.run_cli("convert", source, "-o", "none", "--format", name, status=2)
                    self.assertIn("--timeline", err)
                    continue
                with self.subTest(flags=flags, format=name):
                    self.run_cli("convert", source, "-o", "out", "--format", name, "--force")
                    self.assertEqual(read(self.path("out")), read(self.sample(name, *flags)))

    def test_several_outputs_and_json(self):
        out, _ = self.run_cli("convert", self.sample("octrace"), "-o", "a.svg", "-o", "a.pb.gz", "--json")
        ledger = json.loads(out)
        self.assertEqual([o["format"] for o in ledger["outputs"]], ["svg", "pprof"])
        self.assertEqual(ledger["kinds"]["cpu"]["kept"], TOTAL)
        self.assertEqual(pprof_tool.raw(self.path("a.pb.gz"))["types"][0], "samples/count")

    def test_through_pipes(self):
        out, _ = self.run_cli("convert", "-", "-o", "-", "--format", "folded", stdin=read(self.sample("octrace")))
        self.assertEqual(out, read(self.sample("folded")))

    def test_memory_budget(self):
        out, _ = self.run_cli("convert", self.sample("octrace", "timeline"), "--memory-budget", "1M", "-o", "-",
                              "--format", "folded")
        self.assertEqual(out, read(self.sample("folded")))

    def test_existing_files_are_left_alone(self):
        source = self.sample("octrace")
        self.run_cli("convert", source, "-o", "a.folded")
        _, err = self.run_cli("convert", source, "-o", "a.folded", status=1)
        self.assertIn("--force", err)

    def test_mistakes(self):
        source = self.sample("octrace")
        for args, status, text in ((("convert", source), 2, "-o"), (("convert",), 2, "convert FILE"),
                                   (("report",), 2, "report FILE"), (("report", "missing.octrace"), 1, "No such file"),
                                   (("report", self.dir), 1, "directory"),
                                   (("convert", source, "-o", "x.unknown"), 2, "extension"),
                                   (("convert", source, "-d", "5", "-o", "x.svg"), 2, "not an option of 'convert'"),
                                   (("report", source, "--force"), 2, "not an option of 'report'")):
            with self.subTest(args=args):
                out, err = self.run_cli(*args, status=status)
                self.assertEqual(out, b"")
                self.assertIn(text, err)

    def test_files_of_other_kinds(self):
        for content in (b"", b"hello\n", b"\x7fELF" + bytes(100), b"\x89OCTR\r\n\x1a", b"\x89OCTR\r\n\x1a" + bytes(99)):
            with open(self.path("x.octrace"), "wb") as file:
                file.write(content)
            with self.subTest(content[:12]):
                _, err = self.run_cli("report", "x.octrace", status=1)
                self.assertRegex(err, r"\Arecord-trace: error: 'x\.octrace' [^\n]+\n\Z")


class Report(OctraceTest):
    def test_report(self):
        out, err = self.run_cli("report", self.sample("octrace"))
        self.assertRegex(out.decode(), r"(?s)Hottest functions by self.* 49\.5% +50 .*hot_loop")
        self.assertIn("101 samples kept of 104 taken", err)
        self.assertIn("3 (2.88 %) ring_full", err)

    def test_json(self):
        out, _ = self.run_cli("report", self.sample("octrace"), "--json", "-q")
        report = json.loads(out)
        weights = {f["name"]: f["self"] for f in report["functions"] if f["self"]}
        self.assertEqual(weights, octrace.Recording(read(self.sample("octrace"))).self_weights())
        self.assertEqual((report["version"], report["kind"], report["total"]), (1, "cpu", TOTAL))
        self.assertEqual(report["ledger"]["kinds"]["cpu"]["lost"], {"ring_full": 3})


class Cut(OctraceTest):
    """Files that end early, as a recorder that was killed leaves them."""

    def test_at_each_chunk_and_beside(self):
        whole = read(self.sample("octrace", "timeline", "two-kinds"))
        ends = octrace.Recording(whole).ends
        kept = []
        for end in ends:
            for size in (end, end + 1, end + 39, end + 41):
                if size >= len(whole):
                    continue
                with open(self.path("cut.octrace"), "wb") as file:
                    file.write(whole[:size])
                second = octrace.Recording(whole[:size])
                self.assertFalse(second.whole)
                out, err = self.run_cli("report", "cut.octrace", "--json")
                report = json.loads(out)
                self.assertIn("ends early", err)
                self.assertEqual(report["ledger"]["notes"]["partial_input"], 1)
                cpu = report["ledger"]["kinds"].get("cpu", {"kept": 0, "taken": 0, "lost": {}})
                self.assertEqual(cpu["kept"], second.self_weights().total())
                self.assertEqual(cpu["taken"], cpu["kept"] + sum(cpu["lost"].values()))
                kept.append(cpu["kept"])
        self.assertGreater(len(kept), 50)
        self.assertEqual(kept, sorted(kept))
        self.assertEqual((kept[0], kept[-1]), (0, TOTAL))

    def test_damage_is_told_with_its_place(self):
        whole = bytearray(read(self.sample("octrace")))
        for _, _, offset in octrace.Recording(bytes(whole)).chunks:
            damaged = bytearray(whole)
            damaged[offset + octrace.CHUNK] ^= 0x40
            with open(self.path("damaged.octrace"), "wb") as file:
                file.write(damaged)
            with self.assertRaises(octrace.Damaged):
                octrace.Recording(bytes(damaged))
            _, err = self.run_cli("report", "damaged.octrace", status=1)
            self.assertIn(f"at byte {offset}:", err)


if __name__ == "__main__":
    unittest.main()
