# SPDX-License-Identifier: BSD-2-Clause
"""Recording: what wine says of ETW is not believed; with a DLL that stands in for ETW the whole way is gone through."""

import collections
import fcntl
import glob
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import etl_file
import etl_traces
import wine

sys.path.append(os.path.join(wine.ROOT, "tests", "interop"))
import test_pdb  # pylint: disable=wrong-import-position

STAND_IN = os.path.join(wine.BUILD_WINDOWS, "tests", "record-trace.exe")
NO_ETW = "ETW is not available here"


class WithoutEtw(wine.WineTest):
    def test_recording_says_so(self):
        _, message = self.run_exe("-d", "1", "-o", "out.svg", status=4)
        self.assertIn(NO_ETW, message)
        self.assertEqual(os.listdir(self.dir), [])

    def test_check_says_so(self):
        for args in (("check",), ("--etw-check",)):
            text = self.run_exe(*args, status=4)[0].decode()
            self.assertIn(NO_ETW, text)
            self.assertIn("ControlTraceW query", text)
        checks = json.loads(self.run_exe("check", "--json", status=4)[0])["checks"]
        self.assertEqual([row["state"] for row in checks if row["required"]], ["missing"])

    def test_what_windows_does_not_have(self):
        for args in (("--cgroup", "x"), ("--collector", "bpf"), ("--unwind", "fp"), ("--bpf-stats",), ("--aggregate",),
                     ("--unwind-cache", "x"), ("--unwind-budget", "16M"), ("--buffer", "4M"), ("--map-entries", "9"),
                     ("--symbol-server", "https://symbols.example.org"), ("--", "cmd")):
            _, message = self.run_exe("-d", "1", "-o", "out.svg", *args, status=4)
            self.assertIn("not possible on Windows", message)
        self.run_exe("--event", "sched:sched_switch", "-o", "out.svg", status=2)
        self.run_exe("-F", "9000", "-o", "out.svg", status=2)
        self.assertIn("there is no CPU 5000", self.run_exe("--cpus", "0,5000", "-o", "out.svg", status=2)[1])
        self.assertEqual(os.listdir(self.dir), [])


class WithStandIn(wine.WineTest):
    def setUp(self):
        super().setUp()
        etl_traces.need()
        self.trace = etl_traces.unpack("perfview-net452-x64.etl", self.dir)

    def temporary_files(self):
        return glob.glob(os.path.join(self.prefix, "drive_c", "users", "*", "Temp", "onecollect-*"))

    def record(self, *args, status=0, **env):
        """Records; no temporary file may be left."""
        result = self.run_exe(*args, exe=STAND_IN, status=status, env={"STAND_IN_TRACE": self.trace, **env})
        self.assertEqual(self.temporary_files(), [])
        return result

    def test_a_recording_is_the_conversion_of_its_trace(self):
        self.run_exe("convert", self.trace, "-q", "-o", "expected.folded")
        self.record("-d", "500ms", "-q", "-o", "out.folded", "-o", "out.octrace")
        self.assertEqual(self.read("out.folded"), self.read("expected.folded"))
        self.run_exe("convert", "out.octrace", "-q", "-o", "later.folded")
        self.assertEqual(self.read("later.folded"), self.read("expected.folded"))

    def test_the_summary(self):
        summary = json.loads(self.record("-d", "200ms", "--json", "-q", "-o", "out.svg", "--off-cpu",
                                         "--event", "etw:01234567-89ab-cdef-0123-456789abcdef:*:5:7")[0])
        self.assertEqual(summary["kinds"]["cpu"]["kept"], 6320)
        self.assertGreater(summary["self"]["peak_rss_bytes"], 4 << 20)
        self.assertEqual(summary["exit"], 0)

    def test_keep_etl(self):
        name = "behalten \u65e5\u672c.etl"
        self.record("-d", "200ms", "-q", "-o", "out.svg", "--keep-etl", name)
        self.assertEqual(self.read(name), self.read(self.trace))

    def test_keep_etl_replaces_nothing_unasked(self):
        with open(self.path("there.etl"), "wb") as file:
            file.write(b"before")
        os.mkdir(self.path("folder"))
        for name, status, text in (("there.etl", 1, "--force"), ("OUT.svg", 2, "names the same file"),
                                   ("folder", 1, "is a directory"), ("missing/a.etl", 1, "No such file"), ("NUL", 2, "regular")):
            self.assertIn(text, self.record("-d", "200ms", "-o", "out.svg", "--keep-etl", name, status=status)[1])
        self.assertEqual(self.read("there.etl"), b"before")
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(["folder", "there.etl", os.path.basename(self.trace)]))
        self.record("-d", "200ms", "-q", "-o", "out.svg", "--keep-etl", "there.etl", "--force")
        self.assertEqual(self.read("there.etl"), self.read(self.trace))

    def test_drive_letters_that_the_trace_does_not_tell(self):
        name = etl_traces.unpack("airbus-shutdown-kernel.etl.xz", self.dir)
        device, path = b"\\Device\\HarddiskVolume3\\Windows\\", b":\\Windows\\"
        # Has wine call a third drive what the trace calls the system's.
        subprocess.run(["wineserver", "-k", "-w"], env=self.env, check=False)
        os.symlink("/", os.path.join(self.prefix, "dosdevices", "e:"))
        self.run_exe("convert", name, "-q", "-o", "other.nettrace")
        self.record("-d", "200ms", "-q", "-o", "own.nettrace", STAND_IN_TRACE=name)
        self.assertEqual([text in self.read("other.nettrace") for text in (device, path)], [True, False])
        self.assertEqual([text in self.read("own.nettrace") for text in (device, path)], [False, True])

    def test_choosing_processes(self):
        self.run_exe("convert", self.trace, "-q", "--process", "3676", "-o", "expected.folded")
        self.record("-d", "200ms", "-q", "-p", "3676", "-o", "out.folded")
        self.assertTrue(self.read("out.folded"))
        self.assertEqual(self.read("out.folded"), self.read("expected.folded"))

    def test_a_session_left_behind(self):
        self.record("-d", "200ms", "-q", "-o", "out.svg", STAND_IN_STALE="1")

    def test_a_call_fails(self):
        for call, code, status, text in ((4, 5, 3, "Run as administrator"), (4, 1450, 1, "too many sessions"),
                                         (6, 120, 4, "not available"), (3, 5, 3, "interval"), (7, 87, 4, "methods of .NET")):
            _, message = self.record("-d", "200ms", "-o", "out.svg", status=status, STAND_IN_FAIL=f"{call}:{code}")
            self.assertIn(text, message)
            self.assertFalse(os.path.exists(self.path("out.svg")))

    def test_nothing_was_written(self):
        _, message = self.record("-d", "200ms", "-o", "out.svg", status=1, STAND_IN_TRACE="")
        self.assertIn("record-trace: error:", message)
        self.assertEqual(glob.glob(self.path("out*")), [])

    def test_ctrl_c_stops_and_finishes(self):
        """wine makes a console of a terminal, and of the character that Ctrl-C types the event that programs get."""
        keyboard, terminal = pty.openpty()
        self.addCleanup(os.close, keyboard)
        process = subprocess.Popen(["wine", STAND_IN, "-q", "-o", "out.folded"], cwd=self.dir,
                                   env={**self.env, "STAND_IN_TRACE": self.trace}, stdin=terminal, stdout=terminal,
                                   stderr=terminal, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(terminal)
        self.addCleanup(process.kill)
        began = time.monotonic()
        while not self.temporary_files() and time.monotonic() - began < wine.LIMIT_S:
            time.sleep(0.1)
        os.write(keyboard, b"\x03")
        self.assertEqual(process.wait(wine.LIMIT_S), 0)
        self.assertIn(b";", self.read("out.folded"))
        self.assertEqual(self.temporary_files(), [])

    def test_check(self):
        checks = json.loads(self.record("check", "--json")[0])["checks"]
        self.assertEqual({row["state"] for row in checks}, {"ok"})
        self.assertIn("6320 samples kept", checks[-1]["why"])


class Images(wine.WineTest):
    """A trace of this machine does not tell symbol files; they are read from the files that were loaded."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        built = tempfile.TemporaryDirectory()
        cls.addClassCleanup(built.cleanup)
        cls.library = test_pdb.build(built.name, "x86_64")
        image = test_pdb.Image(cls.library)
        names = image.ours()
        cls.functions = {p.start: names[p.start][0][0] for p in image.procedures}
        cls.app = os.path.join(cls.prefix, "drive_c", "windows", "App")
        os.mkdir(cls.app)

    def put(self, folder, ending):
        path = shutil.copy(self.library[:-4] + ending, folder)
        self.addCleanup(os.remove, path)

    def record(self, *args, where="\\SystemRoot\\App\\X86_64.DLL"):
        """Records what ends as a trace with a sample in each function. Returns samples by function, and what was told."""
        trace = etl_file.Trace("app.exe")
        trace.image(where, etl_file.Image(self.library), etl_file.IMAGE_LISTED)
        for start in self.functions:
            trace.sample(etl_file.BASE + start)
        trace.write(self.path("trace.etl"))
        _, told = self.run_exe("-d", "200ms", "-o", "out.folded", "--force", *args, exe=STAND_IN,
                               env={"STAND_IN_TRACE": "trace.etl"})
        selfs = collections.Counter()
        for line in self.read("out.folded").decode().splitlines():
            selfs[re.sub(r"_\[i\]$", "", line.rsplit(" ", 1)[0].split(";")[-1])] += 1
        self.assertEqual(sum(selfs.values()), len(self.functions))
        return selfs, told

    def test_symbol_file_beside_the_library(self):
        self.put(self.app, ".dll")
        self.put(self.app, ".pdb")
        for where in ("\\SystemRoot\\App\\X86_64.DLL", "\\??\\C:\\windows\\app\\x86_64.dll"):
            selfs, told = self.record(where=where)
            self.assertEqual(selfs, collections.Counter(self.functions.values()))
            self.assertNotIn("not used", told)

    def test_symbol_file_in_the_symbol_path(self):
        self.put(self.app, ".dll")
        os.mkdir(self.path("symbols"))
        self.put(self.path("symbols"), ".pdb")
        selfs, told = self.record("--symbol-path", "symbols;C:\\no such folder")
        self.assertEqual(selfs, collections.Counter(self.functions.values()))
        self.assertIn("'C:\\no such folder' is not used: there is no such folder", told)

    def test_exports(self):
        self.put(self.app, ".dll")
        self.assertEqual(self.record()[0]["exported_c"], 1)

    def test_identity_is_recorded(self):
        self.put(self.app, ".dll")
        os.mkdir(self.path("symbols"))
        self.put(self.path("symbols"), ".pdb")
        self.record("-o", "out.octrace")
        later = self.run_linux("convert", "out.octrace", "--symbol-path", "symbols", "--format", "folded", "-o", "-")
        self.assertIn(b"hidden", later.stdout, "places that the library does not export")

    def test_library_that_was_replaced(self):
        self.put(self.app, ".dll")
        with open(os.path.join(self.app, "x86_64.dll"), "r+b") as file:
            header = struct.unpack("<I", file.read(64)[60:])[0]
            file.seek(header + 24 + 56)
            file.write(struct.pack("<I", 0x100000))
        selfs, told = self.record()
        self.assertTrue(all(re.match(r"X86_64\.DLL\+0x", name) for name in selfs))
        self.assertIn("x86_64.dll' is not used: it is of another build", told.lower())

    def test_nothing_there(self):
        selfs, told = self.record()
        self.assertTrue(all(re.match(r"X86_64\.DLL\+0x", name) for name in selfs))
        self.assertNotIn("not used", told)


if __name__ == "__main__":
    unittest.main()
