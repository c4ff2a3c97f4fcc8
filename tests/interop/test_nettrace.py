# SPDX-License-Identifier: BSD-2-Clause
"""nettrace files of the writer, read by the strict reader of tests/nettrace; and that reader, by files that are wrong."""

import os
import subprocess
import tempfile
import unittest

import known_recording
import nettrace
from nettrace import maker
from nettrace.container import SEQUENCE, STACK
from nettrace.mutations import MUTATIONS
from nettrace.universal import SYSTEM, SYSTEM_EVENTS


class Reader(unittest.TestCase):
    """Of files that maker.py makes."""

    def test_valid(self):
        trace = nettrace.read(maker.valid().encode())
        self.assertEqual(trace.self_weights, {
            "cpu": {"hot": 1 + 3, "memcpy": 2, "server+0x1150": 1, "[no stack]": 4}, "cswitch": {"hot": 15}})
        self.assertEqual(trace.dropped, 2)
        self.assertEqual([(process.pid, process.name, process.start - maker.SYNC, process.end and
                           process.end - maker.SYNC) for process in trace.processes],
                         [(100, "server", 0, 130), (200, "node", 0, None), (300, "child", 45, 50),
                          (100, "again", 140, None)])
        self.assertEqual(trace.labels["Version", 3], 1)
        self.assertEqual(trace.others, {"sched/sched_switch": 1})

    def test_each_rule_is_broken(self):
        self.assertEqual(set(nettrace.RULES), {rule for rule, _ in MUTATIONS})

    def test_mutations(self):
        valid = maker.valid().encode()
        for number, (rule, change) in enumerate(MUTATIONS):
            with self.subTest(rule=rule, number=number):
                data = maker.changed(change)
                self.assertNotEqual(data, valid)
                with self.assertRaises(nettrace.Broken) as caught:
                    nettrace.read(data)
                self.assertEqual(caught.exception.rule, rule, str(caught.exception))
                self.assertLessEqual(caught.exception.offset, len(data))

    def test_processors_above_a_byte(self):
        def tell(file, told):
            file.blocks[maker.AT_LABELS].rows.append([maker.label(6, "onecollect.cpu", told)])
            row = file.blocks[maker.AT_SAMPLES].rows[0]
            row.cpu, row.labels = 300, 3

        self.assertIn(300, nettrace.read(maker.changed(lambda file: tell(file, 300))).cpus)
        with self.assertRaises(nettrace.Broken) as caught:
            nettrace.read(maker.changed(lambda file: tell(file, 44)))
        self.assertEqual(caught.exception.rule, "event-processor")

    def test_truncated(self):
        data = maker.valid().encode()
        for length in range(len(data)):
            with self.subTest(length=length), self.assertRaises(nettrace.Broken):
                nettrace.read(data[:length])

    def test_damaged(self):
        """Whatever a byte becomes, the file is read or refused by a rule; no other error."""
        data = bytearray(maker.valid().encode())
        refused = 0
        for place in range(len(data)):
            for flipped in (0x80, 0x01):
                before = data[place]
                data[place] ^= flipped
                try:
                    nettrace.read(bytes(data))
                except nettrace.Broken:
                    refused += 1
                data[place] = before
        self.assertGreater(refused, len(data))


class Writer(unittest.TestCase):
    """What the project's writer makes of recordings whose every number is known."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "x.nettrace")

    def read(self, **kwargs):
        with open(self.path, "rb") as file:
            return nettrace.read(file.read(), **kwargs)

    def sample(self, *flags):
        known_recording.write("nettrace", self.path, *flags)
        with self.assertRaises(nettrace.Broken) as caught:
            self.read()
        self.assertEqual(caught.exception.rule, "frame-unmapped")  # it has samples of such an address
        return self.read(allow_unmapped=True)

    def test_sample(self):
        for flags, unmapped in (((), 1), (("timeline",), known_recording.NO_MAPPING)):
            with self.subTest(flags=flags):
                trace = self.sample(*flags)
                self.assertEqual(trace.self_weights, {"cpu": known_recording.ALL_SELF})
                self.assertEqual(trace.values, {"cpu": known_recording.TOTAL})
                self.assertEqual(trace.unmapped, unmapped)
                self.assertEqual(trace.dropped, 3)
                self.assertEqual({thread[:2]: value for (_, thread), value in trace.threads.items()},
                                 {(100, 100): 41, (100, 101): 30, (200, 200): 25, (200, 0): 5})
                self.assertEqual({(process.pid, process.name, process.namespace) for process in trace.processes},
                                 {(100, "server", ""), (200, "no;de </script>", "c0ffee")})

    def test_descriptions(self):
        """The events of both providers are described, and files by JSON."""
        trace = self.sample("timeline", "waits")
        rows = {(row.provider, row.event, row.name) for row in trace.file.metadata.values()}
        for number, (name, _) in SYSTEM_EVENTS.items():
            self.assertIn((SYSTEM, number, name), rows)
        self.assertEqual({name for provider, _, name in rows if provider != SYSTEM}, {"cpu", "cswitch"})
        self.assertIn({"type": "ELF", "build_id": "ab01", "p_vaddr": "0x1000", "p_offset": "0x1000"},
                      trace.metadata.values())

    def test_kinds(self):
        trace = self.sample("timeline", "two-kinds", "waits")
        self.assertEqual(trace.events, {"cpu": known_recording.TOTAL, "page_faults": 9, "cswitch": 1})
        self.assertEqual(trace.self_weights["cswitch"], {"recurse": 200000000})
        self.assertEqual(trace.self_weights["page_faults"], {"hot_loop": 9 * 4096})
        self.assertEqual(trace.dropped, 3 * 3)

    def test_empty(self):
        known_recording.write("nettrace", self.path, "empty")
        trace = self.read()
        self.assertEqual((trace.events, trace.symbols, len(trace.processes)), ({}, {}, 2))

    def test_hostile_names(self):
        known_recording.write_hostile(("nettrace", self.path))
        expected = dict(known_recording.HOSTILE_SELF)
        weight = expected.pop("L" * 65536)
        weights = self.read().self_weights["cpu"]
        (cut,) = set(weights) - set(expected)
        self.assertRegex(cut, r"\AL{64000,}\.\.\. \(65536 bytes in all\)\Z")  # payloads have 16 bits of length
        self.assertEqual(weights, {**expected, cut: weight})

    def test_recursion(self):
        expected = known_recording.write_recursive(("nettrace", self.path))
        self.assertEqual(self.read().self_weights["cpu"], expected)

    def test_more_than_a_block_in_one_moment(self):
        """Samples that were only counted are all of one moment, and sequence points must not be."""
        records = []
        for number in range(16384):
            frames = [f"uf{number % 7}", *(f"ug{number >> bit & 1}{bit}" for bit in range(14) for _ in range(5))]
            records.append("\x1f".join(["program", "100", "program", "100", "1", *frames]))
        subprocess.run([os.path.join(known_recording.BUILD, "interop", "write_stacks"), "nettrace=" + self.path],
                       input="".join(record + "\x1e" for record in records).encode(), check=True)
        trace = self.read()
        self.assertEqual(trace.values["cpu"], 16384)
        self.assertGreaterEqual(trace.file.blocks[STACK], 3)
        self.assertEqual(trace.file.blocks[SEQUENCE], 3)  # at the start, at that moment, at the end


if __name__ == "__main__":
    unittest.main()
