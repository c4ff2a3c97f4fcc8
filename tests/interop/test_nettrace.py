# SPDX-License-Identifier: BSD-2-Clause
"""nettrace files of the writer, read by the strict reader of tests/nettrace; and that reader, by files that are wrong."""

import os
import struct
import tempfile
import unittest

import known_recording
import nettrace
from nettrace import maker
from nettrace.mutations import MUTATIONS


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
        for number, (rule, change) in enumerate(MUTATIONS):
            with self.subTest(rule=rule, number=number):
                data = maker.changed(change)
                self.assertNotEqual(data, maker.valid().encode())
                with self.assertRaises(nettrace.Broken) as caught:
                    nettrace.read(data)
                self.assertEqual(caught.exception.rule, rule, str(caught.exception))
                self.assertLessEqual(caught.exception.offset, len(data))

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
            for value in (0, 0x7F, 0x80, 0xFF):
                before, data[place] = data[place], value
                try:
                    nettrace.read(bytes(data))
                except nettrace.Broken:
                    refused += 1
                data[place] = before
        self.assertGreater(refused, len(data))


if __name__ == "__main__":
    unittest.main()
