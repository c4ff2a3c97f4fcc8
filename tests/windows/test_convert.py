# SPDX-License-Identifier: BSD-2-Clause
"""Conversions by the Windows build give the bytes that those by the Linux build give, for each format and each trace."""

import json
import os
import subprocess
import unittest

import etl_traces
import wine

WRITE_SAMPLE = os.path.join(wine.BUILD, "interop", "write_sample")


class Convert(wine.WineTest):
    def extensions(self):
        """The first extension of each output format."""
        rows = json.loads(self.run_linux("list", "formats", "--json").stdout)["formats"]
        return [row["extensions"][0] for row in rows if row["name"] != "perf-data"]

    def test_perf_data_is_for_linux(self):
        subprocess.run([WRITE_SAMPLE, "octrace", self.path("a.octrace")], check=True)
        self.assertIn("on Linux only", self.run_exe("convert", "a.octrace", "-o", "a.perf.data", status=4)[1])
        self.assertFalse(os.path.exists(self.path("a.perf.data")))

    def expect_equal_conversions(self, name):
        # One output a run: some formats carry the names of all files that were written before them.
        for extension in self.extensions():
            with self.subTest(input=name, format=extension):
                out = "out" + extension
                done = self.run_linux("convert", name, "-q", "-o", out)
                self.assertEqual(done.returncode, 0, done.stderr.decode())
                expected = self.read(out)
                os.remove(self.path(out))
                self.run_exe("convert", name, "-q", "-o", out)
                self.assertTrue(self.read(out) == expected, f"{len(self.read(out))} bytes, on Linux {len(expected)}")
                os.remove(self.path(out))

    def test_real_traces(self):
        etl_traces.need()
        for packed in etl_traces.names():
            self.expect_equal_conversions(etl_traces.unpack(packed, self.dir))

    def test_recordings_of_linux(self):
        for flags in ((), ("timeline", "two-kinds")):
            path = self.path("-".join(("sample", *flags)) + ".octrace")
            subprocess.run([WRITE_SAMPLE, "octrace", path, *flags], check=True)
            if flags:
                self.expect_equal_conversions(os.path.basename(path))
            else:
                self.assertEqual(self.run_exe("report", "sample.octrace")[0], self.run_linux("report", "sample.octrace").stdout)

    def test_reports_are_equal(self):
        etl_traces.need()
        for packed in etl_traces.names():
            name = etl_traces.unpack(packed, self.dir)
            self.assertEqual(self.run_exe("report", name)[0], self.run_linux("report", name).stdout, name)


if __name__ == "__main__":
    unittest.main()
