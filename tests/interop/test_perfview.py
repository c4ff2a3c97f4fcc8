# SPDX-License-Identifier: BSD-2-Clause
"""PerfView's stack files, read with the XML reader that PerfView uses, by xmllint and by Python's zipfile."""

import collections
import os
import subprocess
import tempfile
import unittest
import zipfile

import debian_readers
import test_flame_browser as flame


class PerfView(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def write(self, records):
        """The paths of one recording as PerfView's file, that zipped, and as folded stacks."""
        paths = [os.path.join(self.folder.name, name) for name in ("x.perfview.xml", "x.perfview.xml.zip", "x.folded")]
        formats = ("perfview-xml", "perfview-xml-zip", "folded")
        subprocess.run([flame.WRITE_STACKS, *(f"{f}={p}" for f, p in zip(formats, paths))], input=records, check=True)
        return paths

    def check_same(self, records):
        """The file holds what the folded stacks of the same recording hold."""
        xml, _, path = self.write(records)
        subprocess.run(["xmllint", "--huge", "--noout", xml], check=True)
        folded = flame.Folded(path)
        samples = debian_readers.perfview(xml)
        selfs, stacks = collections.Counter(), collections.Counter()
        for metric, time, frames in samples:
            self.assertEqual(time, "", "counted samples have no time")
            self.assertRegex(frames[0], r"^Process64 .* \(\d+\)$")
            self.assertRegex(frames[1], r"^Thread \(\d+\)")
            code = [self.normal(frame.partition("!")[2]) for frame in frames[2:]]
            selfs[code[-1]] += int(metric)
            stacks[self.normal(frames[0][10:].rpartition(" (")[0]), *code] += int(metric)
        theirs = collections.Counter()
        for comm, frames, count in folded.stacks:
            theirs[self.normal(comm), *map(self.normal, frames)] += count
        self.assertEqual(sum(selfs.values()), folded.total)
        self.assertEqual(selfs, collections.Counter({self.normal(k): v for k, v in folded.selfs.items()}))
        self.assertEqual(stacks, theirs)
        return samples

    @staticmethod
    def normal(name):
        """A name as both files can hold it."""
        return flame.normal(name.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"))

    def test_plain(self):
        names = {frame for _, _, frames in self.check_same(flame.plain_records()) for frame in frames}
        for name in ("Process64 server (100)", "Thread (101) worker", "[kernel]!vfs_read", "libc.so.6!malloc",
                     "sample!hot_loop", "node!node::Start()", "Unknown![no stack]"):
            self.assertIn(name, names)

    def test_hostile(self):
        """Names that want to be XML, or to be shown as something else, are only names."""
        self.check_same(flame.hostile_records())

    def test_many(self):
        self.assertGreater(len(self.check_same(flame.many_records(20000))), 15000)

    def test_zipped(self):
        xml, path, _ = self.write(flame.hostile_records())
        with zipfile.ZipFile(path) as archive, open(xml, "rb") as file:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), ["onecollect.perfview.xml"])
            self.assertEqual(archive.read("onecollect.perfview.xml"), file.read())

    def test_times(self):
        """The times of a timeline, in milliseconds since its start."""
        path = os.path.join(self.folder.name, "t.perfview.xml")
        subprocess.run([os.path.join(os.path.dirname(flame.WRITE_STACKS), "write_sample"), "perfview-xml", path, "timeline"],
                       check=True)
        times = [float(time) for _, time, _ in debian_readers.perfview(path)]
        self.assertEqual(len(times), 101)
        self.assertEqual(times, sorted(times))
        self.assertEqual(times[:2], [0.0, 0.0001], "thread 0 at once, threads 100 after as many nanoseconds")


if __name__ == "__main__":
    unittest.main()
