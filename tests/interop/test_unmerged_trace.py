# SPDX-License-Identifier: BSD-2-Clause
"""Traces that were not merged: which symbol file a library has is read from the library, made here by clang and lld."""

import collections
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import etl_file
import known_recording
import nettrace
import perf_tool
import test_pdb

RECORD_TRACE = os.path.join(known_recording.BUILD, "record-trace")
PATH = "\\Device\\HarddiskVolume3\\App\\X86_64.DLL"


def set_checksum(path, checksum):
    """As other linkers do; Debian's lld leaves it out, and nobody looks whether it is right."""
    with open(path, "r+b") as file:
        file.seek(60)
        header, = struct.unpack("<I", file.read(4))
        file.seek(header + 24 + 64)
        file.write(struct.pack("<I", checksum))


class Unmerged(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.built = {}
        for name, linker, checksum in (("stamped", (), 0), ("summed", (), 0x12345), ("later", ("/timestamp:1234567890",), 0),
                                       ("changed", (), 0x12346)):
            folder = os.path.join(cls.folder.name, name)
            os.mkdir(folder)
            cls.built[name] = test_pdb.build(folder, "x86_64", linker=linker)
            set_checksum(cls.built[name], checksum)
        image = test_pdb.Image(cls.built["stamped"])
        names = image.ours()
        cls.functions = {p.start: names[p.start][0][0] for p in image.procedures}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def write(self, build, hook=etl_file.IMAGE_LOAD):
        """A trace with a sample in each function."""
        trace = etl_file.Trace("app.exe")
        trace.image(PATH, etl_file.Image(self.built[build]), hook)
        for start in self.functions:
            trace.sample(etl_file.BASE + start)
        path = os.path.join(self.dir, "trace.etl")
        trace.write(path)
        return path

    def put(self, build, *endings):
        """A folder with files of a build."""
        folder = tempfile.mkdtemp(dir=self.dir)
        for ending in endings:
            shutil.copy(self.built[build][:-4] + ending, folder)
        return folder

    def convert(self, trace, symbol_path):
        """Samples by innermost function, and what was told."""
        done = subprocess.run([RECORD_TRACE, "convert", trace, "--symbol-path", symbol_path, "--format", "folded", "-o", "-"],
                              capture_output=True, check=True, text=True, timeout=60)
        selfs = collections.Counter()
        for line in done.stdout.splitlines():
            stack, count = line.rsplit(" ", 1)
            selfs[re.sub(r"_\[i\]$", "", stack.split(";")[-1])] += int(count)
        self.assertEqual(sum(selfs.values()), len(self.functions))
        return selfs, done.stderr

    def expect_names(self, trace, symbol_path):
        selfs, told = self.convert(trace, symbol_path)
        self.assertEqual(selfs, collections.Counter(self.functions.values()))
        self.assertNotIn("not used", told)

    def expect_none(self, trace, symbol_path, reason):
        selfs, told = self.convert(trace, symbol_path)
        self.assertFalse([name for name in selfs if not re.fullmatch(r"X86_64\.DLL\+0x[0-9a-f]+", name)])
        self.assertIsNotNone(re.search(reason, told), told)

    def test_there_are_functions(self):
        self.assertGreater(len(self.functions), 8)
        stamped, summed = (etl_file.Image(self.built[name]) for name in ("stamped", "summed"))
        self.assertTrue(stamped.time_stamp and not stamped.checksum and summed.checksum)

    def test_by_time_stamp(self):
        self.expect_names(self.write("stamped"), self.put("stamped", ".dll", ".pdb"))

    def test_by_checksum(self):
        symbols = self.put("summed", ".dll", ".pdb")
        self.expect_names(self.write("summed"), symbols)
        self.expect_names(self.write("summed", etl_file.IMAGE_LISTED), symbols)

    def test_library_and_symbols_in_two_folders(self):
        self.expect_names(self.write("stamped"), self.put("stamped", ".pdb") + ";" + self.put("stamped", ".dll"))

    def test_of_another_build(self):
        for wrong in ("later", "summed"):
            self.expect_none(self.write("stamped"), self.put(wrong, ".dll", ".pdb"), r"\.dll' is not used: it is of another build")
        self.expect_none(self.write("summed"), self.put("changed", ".dll", ".pdb"), r"\.dll' is not used: it is of another build")

    def test_name_and_size_are_not_enough(self):
        """Of what is only listed, and has no checksum, nothing else is told."""
        trace = self.write("stamped", etl_file.IMAGE_LISTED)
        self.expect_none(trace, self.put("stamped", ".dll", ".pdb"), "")

    def test_symbols_without_the_library(self):
        self.expect_none(self.write("stamped"), self.put("stamped", ".pdb"), r"\.pdb' is not used: the trace does not tell")

    def test_library_without_symbols(self):
        selfs, _ = self.convert(self.write("stamped"), self.put("stamped", ".dll"))
        self.assertEqual(selfs["exported_c"], 1)

    def test_folder_that_is_not_there(self):
        missing = os.path.join(self.dir, "missing")
        self.expect_none(self.write("stamped"), missing, f"'{missing}' is not used: there is no such folder")
        known_recording.write("octrace", os.path.join(self.dir, "linux.octrace"))
        done = subprocess.run([RECORD_TRACE, "report", os.path.join(self.dir, "linux.octrace"), "--symbol-path", missing],
                              capture_output=True, check=True, text=True)
        self.assertIn("there is no such folder", done.stderr, "also where nothing has to be looked for")

    def test_identity_is_kept(self):
        """What was recorded can be named later, from the .octrace file."""
        later = os.path.join(self.dir, "later.octrace")
        subprocess.run([RECORD_TRACE, "convert", "-q", self.write("stamped"), "-o", later], check=True)
        self.expect_names(later, self.put("stamped", ".dll", ".pdb"))

    def test_symbol_file_in_other_formats(self):
        """Who looks for symbols by himself is told of the PDB file, under the name that the program tells."""
        symbols = self.put("stamped", ".dll", ".pdb")
        paths = [os.path.join(self.dir, name) for name in ("out.nettrace", "out.firefox.json")]
        subprocess.run([RECORD_TRACE, "convert", "-q", self.write("stamped"), "--symbol-path", symbols, "-o", paths[0], "-o",
                        paths[1]], check=True)
        summary = test_pdb.run("llvm-pdbutil-14", "dump", "--summary", os.path.join(symbols, "x86_64.pdb"))
        guid = re.search(r"GUID: \{(.*)\}", summary)[1].replace("-", "")
        with open(paths[0], "rb") as file:
            trace = nettrace.read(file.read(), allow_unmapped=True)
        self.assertEqual(list(trace.metadata.values()),
                         [{"type": "PE", "name": "x86_64.pdb", "signature": guid.lower(), "age": 1}])
        with open(paths[1], encoding="utf-8") as file:
            (library,) = json.load(file)["libs"]
        self.assertEqual((library["debugName"], library["breakpadId"]), ("x86_64.pdb", guid.upper() + "1"))

    def test_drivers_in_perf_data(self):
        """perf wants modules of the kernel in brackets."""
        base = 0xFFFFF80012340000
        trace = etl_file.Trace("System")
        trace.image("\\SystemRoot\\System32\\drivers\\some.sys", etl_file.Image(self.built["summed"]), base=base)
        trace.sample(base + 0x1000)
        paths = [os.path.join(self.dir, name) for name in ("driver.etl", "driver.perf.data")]
        trace.write(paths[0])
        subprocess.run([RECORD_TRACE, "convert", "-q", paths[0], "-o", paths[1]], check=True)
        (sample,) = perf_tool.script(paths[1])
        self.assertEqual([frame.file for frame in sample.frames], ["[some.sys]"])


if __name__ == "__main__":
    unittest.main()
