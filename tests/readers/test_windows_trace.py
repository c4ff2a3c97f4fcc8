# SPDX-License-Identifier: BSD-2-Clause
"""A real Windows trace in every format, read by tools fetched by scripts/install-readers: equal weights, names, paths."""

import collections
import json
import os
import re
import unittest

import etl_traces
import nettrace
import test_weights
import weights
import windows_exports
from windows_exports import PATH

BUSIEST = ("3676", "Test.x64.exe", 5129)


def methods_of_baseline():
    """Methods of .NET that the other decoder names; it cuts long names."""
    with open(etl_traces.BASELINE, encoding="utf-8", errors="replace") as file:
        found = re.findall(r"MethodNamespace=([^;]*); MethodName=([^;]*);", file.read())
    return {f"{space}.{name}" for space, name in found if not (space + name).count("...")}


def symbol_files_of_baseline():
    """{base of an image: (beginning of the GUID, age)}."""
    with open(etl_traces.BASELINE, encoding="utf-8", errors="replace") as file:
        found = re.findall(r"DbgID_RSDS .*ImageBase=0x(\w+); GuidSig=([0-9a-f-]+)\.\.\.; Age=(\d+);", file.read())
    return {int(base, 16): (guid.replace("-", ""), int(age)) for base, guid, age in found}


class WindowsTrace(windows_exports.Exports, unittest.TestCase):
    readers = test_weights.FETCHED_READERS + [reader for reader in weights.DEBIAN_READERS if reader.name == "nettrace"]

    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(test_weights.READERS_FOLDER):
            raise AssertionError("the readers are missing; run: scripts/install-readers")
        super().setUpClass()

    def test_methods_of_dotnet_have_names(self):
        """Compiled while the trace ran, or listed at its end."""
        frames = collections.Counter(name for count, names, _ in self.profile.samples for name in set(names) for _ in range(count))
        both = methods_of_baseline() & set(frames)
        self.assertIn("Test.Program.Main", both)
        self.assertGreater(frames["Test.Program.Main"], 4900, "the loop that the program is there for")
        self.assertEqual(self.profile.self_weights()["System.DateTime.GetDatePart"], 1856)
        for name in ("PerfView.App.Main", "System.Windows.Application.RunDispatcher", "System.AppDomain.SetupDomain"):
            self.assertGreater(frames[name], 10, name)

    def test_modules_have_names(self):
        """Files are on drives, or on a network; nothing is on a device of the kernel."""
        files = {path: int(start, 16) for start, _, path, _ in self.profile.mappings if not path.startswith("[")}
        self.assertGreater(len(files), 100)
        for path in files:
            self.assertRegex(path, PATH)
            self.assertNotIn("\\Device\\", path)
        kernel = {path for path, start in files.items() if start >> 63}
        for path in ("C:\\Windows\\system32\\ntoskrnl.exe", "C:\\Windows\\system32\\hal.dll",
                     "C:\\Windows\\System32\\drivers\\tcpip.sys", "C:\\Windows\\System32\\win32k.sys"):
            self.assertIn(path, kernel)
        outside = sum(count for count, frames, _ in self.profile.samples
                      if frames and re.fullmatch("0xf{5,}[0-9a-f]+", frames[0]))
        self.assertLess(outside, etl_traces.PERFVIEW_SAMPLES * 2 // 100, "the kernel's own samples are in its modules")

    def test_symbol_files(self):
        """Modules have the identity of their PDB files, in the profile as in Firefox Profiler's list of libraries."""
        theirs, compared = symbol_files_of_baseline(), 0
        with open(self.path(".firefox.json"), encoding="utf-8") as file:
            libraries = {library["path"]: library for library in json.load(file)["libs"]}
        for start, _, path, identity in self.profile.mappings:
            if int(start, 16) in theirs:
                guid, age = theirs[int(start, 16)]
                self.assertTrue(identity.startswith(guid) and int(identity[32:], 16) == age, path)
                self.assertEqual(libraries[path]["breakpadId"], f"{identity[:32].upper()}{age:X}")
                compared += 1
        self.assertGreaterEqual(compared, 4)
        for path, symbols in (("System32\\ntdll.dll", "ntdll.pdb"), ("SysWOW64\\ntdll.dll", "wntdll.pdb"),
                              ("system32\\ntoskrnl.exe", "ntkrnlmp.pdb")):
            self.assertEqual(libraries["C:\\Windows\\" + path]["debugName"], symbols)
        with open(self.path(".otlp"), "rb") as file:
            self.assertNotIn(b"build_id.gnu", file.read(), "which is that of ELF files")

    def test_processes_and_threads(self):
        by_process = collections.Counter()
        by_thread = collections.Counter()
        for count, _, labels in self.profile.samples:
            by_process[labels["pid"], labels["comm"]] += count
            by_thread[int(labels["pid"]), int(labels["tid"])] += count
        self.assertEqual(by_process.most_common(1), [(BUSIEST[:2], BUSIEST[2])])
        (rows,), = test_weights.trace_processor(
            [self.path(".perfetto-trace")],
            "select ifnull(p.pid, 0), t.tid, count(*) from perf_sample s join thread t using (utid)"
            " left join process p using (upid) group by 1, 2")
        self.assertEqual({(pid, tid): count for pid, tid, count in rows}, dict(by_thread))

    def test_nettrace_has_drives(self):
        with open(self.path(".nettrace"), "rb") as file:
            trace = nettrace.read(file.read(), allow_unmapped=True)
        mappings = [mapping for process in trace.processes for mapping in process.mappings.values()]
        files = {mapping.file for mapping in mappings}
        ntdll = next(mapping for mapping in mappings if mapping.file == "C:\\Windows\\System32\\ntdll.dll")
        symbols = trace.metadata[ntdll.metadata]
        self.assertEqual(symbols, {"type": "PE", "name": "ntdll.pdb", "age": 2,
                                   "signature": "6048fdb62dcd41c18835594844ce7143"})
        self.assertIn("C:\\Windows\\System32\\ntdll.dll", files)
        kernel = next(mapping for mapping in mappings if mapping.file == "C:\\Windows\\system32\\ntoskrnl.exe")
        self.assertEqual(trace.metadata[kernel.metadata]["name"], "ntkrnlmp.pdb", "as the trace tells")
        for path in files:
            self.assertRegex(path, r"^([A-Z]:\\|\\\\|\[|$)")
            self.assertNotIn("\\Device\\", path)


if __name__ == "__main__":
    unittest.main()
