# SPDX-License-Identifier: BSD-2-Clause
"""A real Windows trace in every format, read by tools fetched by scripts/install-readers: equal weights, names, paths.

The functions' weights are those that the stock pprof tool reads; every other reader has to find the same.
"""

import collections
import json
import os
import re
import subprocess
import tempfile
import unittest

import etl_traces
import known_recording
import nettrace
import pprof_tool
import test_weights

MAPPING = re.compile(r"0x(\w+)/0x\w+/0x(\w+) (.*) (\w*) (?:\[\w+\])*")  # and what it has
LOCATION = re.compile(r"0x(\w+)(?: M=(\d+))?(?: (.*) :0(?::0)? s=0)?")
PATH = re.compile(r"[A-Z]:\\|\\\\")
# All whose files have names, but for those that make one of several unnamed places of a module.
READERS = [reader for reader in test_weights.Weights.readers if reader.named and reader.name not in ("pprof", "perf-script")]
BUSIEST = ("3676", "Test.x64.exe", 5129)

# A function that the kernel called back: between frames of the kernel files of the process are not looked for, but readers
# of nettrace files look at the address alone.
CALLED_BACK = {"nettrace": {"0x77657cf1": "wow64.dll+0x7cf1"}}


def base_name(name):
    """
    What stands for a place without a name, without the folders of its module, which one reader leaves there, and without
    the name of the kernel, which pprof does not show.
    """
    return name.rpartition("\\")[2].removeprefix("[kernel]+") if re.search(r"\+0x[0-9a-f]+$", name) else name


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


class Profile:
    """A pprof file: samples with the names of their frames, the leaf first."""

    def __init__(self, path):
        raw = pprof_tool.raw(path)
        self.mappings = [MAPPING.fullmatch(line).groups() for line in raw["mappings"]]
        names = {number: self.name(text) for number, text in raw["locations"].items()}
        self.samples = [(values[0], [names[number] for number in numbers], labels)
                        for values, numbers, labels in raw["samples"]]

    def name(self, text):
        address, number, name = LOCATION.fullmatch(text).groups()
        if name:
            return name
        start, offset, path, _ = self.mappings[int(number) - 1] if number else ("0", "0", "", "")
        address = int(address, 16)
        if not PATH.match(path):
            return f"0x{address:x}"
        return path.rpartition("\\")[2] + f"+0x{address - int(start, 16) + int(offset, 16):x}"

    def self_weights(self):
        result = collections.Counter()
        for count, frames, _ in self.samples:
            result[frames[0] if frames else "[no stack]"] += count
        return result


class WindowsTrace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        etl_traces.need()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        outputs = {reader.name: os.path.join(folder.name, "trace" + reader.extension) for reader in READERS}
        cls.outputs = dict(outputs, pprof=os.path.join(folder.name, "trace.pb.gz"))
        argv = [os.path.join(known_recording.BUILD, "record-trace"), "convert", "-q",
                os.path.join(etl_traces.FOLDER, etl_traces.PERFVIEW)]
        for path in cls.outputs.values():
            argv += ["-o", path]
        subprocess.run(argv, check=True, timeout=test_weights.HANG_S)
        cls.profile = Profile(cls.outputs["pprof"])

    def test_self_weights_are_those_of_pprof(self):
        expected = self.profile.self_weights()
        self.assertEqual(sum(expected.values()), etl_traces.PERFVIEW_SAMPLES)
        self.assertGreater(len(expected), 1000)
        table = []
        for reader in READERS:
            with self.subTest(format=reader.name, reader=reader.reader):
                found = collections.Counter()
                (result,) = reader.read([(self.outputs[reader.name], etl_traces.PERFVIEW_PERIOD_NS)])
                for function, weight in result["cpu"].items():
                    found[base_name(function)] += weight
                wanted = collections.Counter()
                for function, weight in expected.items():
                    wanted[reader.shown(CALLED_BACK.get(reader.name, {}).get(function, function))] += weight
                self.assertEqual({k: (found[k], wanted[k]) for k in found | wanted if found[k] != wanted[k]}, {})
                table.append((reader.name, reader.reader, sum(found.values()), len(expected)))
        print(f"\n{'format':<18}{'reader':<22}{'samples':>8}{'functions':>10}")
        for row in table:
            print("{:<18}{:<22}{:>8}{:>10}".format(*row))

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
        with open(self.outputs["firefox"], encoding="utf-8") as file:
            libraries = {library["path"]: library for library in json.load(file)["libs"]}
        for start, _, path, identity in self.profile.mappings:
            if int(start, 16) in theirs:
                guid, age = theirs[int(start, 16)]
                self.assertTrue(identity.startswith(guid) and int(identity[32:], 16) == age, path)
                self.assertEqual(libraries[path]["breakpadId"], f"{identity[:32].upper()}{age:X}")
                compared += 1
        self.assertGreaterEqual(compared, 4)
        self.assertEqual(libraries["C:\\Windows\\System32\\ntdll.dll"]["debugName"], "ntdll.pdb")

    def test_processes_and_threads(self):
        by_process = collections.Counter()
        by_thread = collections.Counter()
        for count, _, labels in self.profile.samples:
            by_process[labels["pid"], labels["comm"]] += count
            by_thread[int(labels["pid"]), int(labels["tid"])] += count
        self.assertEqual(by_process.most_common(1), [(BUSIEST[:2], BUSIEST[2])])
        (rows,), = test_weights.trace_processor(
            [self.outputs["perfetto"]],
            "select ifnull(p.pid, 0), t.tid, count(*) from perf_sample s join thread t using (utid)"
            " left join process p using (upid) group by 1, 2")
        self.assertEqual({(pid, tid): count for pid, tid, count in rows}, dict(by_thread))

    def test_nettrace_has_drives(self):
        with open(self.outputs["nettrace"], "rb") as file:
            trace = nettrace.read(file.read(), allow_unmapped=True)
        files = {mapping.file for process in trace.processes for mapping in process.mappings.values()}
        self.assertIn("C:\\Windows\\System32\\ntdll.dll", files)
        for path in files:
            self.assertRegex(path, r"^([A-Z]:\\|\\\\|\[|$)")
            self.assertNotIn("\\Device\\", path)


if __name__ == "__main__":
    unittest.main()
