# SPDX-License-Identifier: BSD-2-Clause
"""record-trace.exe as a command: help, exit codes, names outside ASCII, streams, files that exist."""

import os
import re
import subprocess
import unittest
import xml.etree.ElementTree

import wine

WRITE_SAMPLE = os.path.join(wine.BUILD, "interop", "write_sample")
SYSTEM_DLLS = {"advapi32.dll", "kernel32.dll", "msvcrt.dll", "user32.dll"}


class Command(wine.WineTest):
    def sample(self, name="sample.octrace"):
        subprocess.run([WRITE_SAMPLE, "octrace", self.path(name), "timeline"], check=True)
        return name

    def test_needs_no_dll_but_the_systems(self):
        text = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", wine.RECORD_TRACE_EXE], capture_output=True, check=True,
                              text=True).stdout
        names = {line.split()[-1].lower() for line in text.splitlines() if "DLL Name:" in line}
        self.assertTrue(names)
        self.assertLessEqual(names, SYSTEM_DLLS)

    def test_memory_is_protected(self):
        text = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", wine.RECORD_TRACE_EXE], capture_output=True, check=True,
                              text=True).stdout
        for flag in ("HIGH_ENTROPY_VA", "DYNAMIC_BASE", "NX_COMPAT"):
            self.assertIn(flag, text)
        # Without it the program would always lie where it was linked to, whatever the flags say.
        relocations = re.search(r"^Entry 5 \w+ (\w+) Base Relocation", text, re.MULTILINE)
        self.assertNotEqual(int(relocations[1], 16), 0)

    def test_manifest(self):
        """Resource 1 of type 24; windows.h calls it RT_MANIFEST."""
        with open(os.path.join(wine.ROOT, "src", "cli", "win32", "record-trace.manifest"), "rb") as file:
            wanted = file.read()
        self.assertEqual(xml.etree.ElementTree.fromstring(wanted).tag, "{urn:schemas-microsoft-com:asm.v1}assembly")
        with open(wine.RECORD_TRACE_EXE, "rb") as file:
            self.assertIn(wanted, file.read())
        for word in (b"longPathAware", b"activeCodePage", b'level="asInvoker"'):
            self.assertIn(word, wanted)

    def test_help_version_and_lists_are_those_of_linux(self):
        for args in (("--help",), ("--help-all",), ("--version",), ("list", "formats"), ("list", "formats", "--json"),
                     ("convert", "--help"), ("completion", "bash")):
            self.assertEqual(self.run_exe(*args)[0], self.run_linux(*args).stdout, args)

    def test_exit_codes_and_messages_are_those_of_linux(self):
        cases = [(("--no-such-option",), 2), (("list",), 2), (("convert",), 2), (("convert", "missing.octrace", "-o", "a.svg"), 1),
                 (("report", "missing.etl"), 1), (("convert", "x.octrace", "-o", "a.unknown"), 2), (("-d", "never"), 2)]
        for args, status in cases:
            _, message = self.run_exe(*args, status=status)
            self.assertEqual(message, self.run_linux(*args).stderr.decode().rstrip("\n"), args)

    def test_downloading_is_not_possible(self):
        for args in (("--symbol-server", "https://symbols.example.org"), ("--symbol-cache", "folder")):
            _, message = self.run_exe("report", self.sample(), *args, status=4)
            self.assertIn("not possible on Windows", message)

    def test_files_that_are_no_recordings(self):
        for name, content in (("empty", b""), ("text.etl", b"hello\n" * 100)):
            with open(self.path(name), "wb") as file:
                file.write(content)
            _, message = self.run_exe("report", name, status=1)
            self.assertEqual(message, self.run_linux("report", name).stderr.decode().rstrip("\n"))
        os.mkdir(self.path("folder"))
        self.assertIn("is a directory", self.run_exe("report", "folder", status=1)[1])

    def test_names_outside_ascii(self):
        name = self.sample("Aufnahme \u00e4\u00f6\u00fc \u65e5\u672c \U0001f600.octrace")
        os.mkdir(self.path("\u043f\u0430\u043f\u043a\u0430"))
        out = "\u043f\u0430\u043f\u043a\u0430/\u51fa\u529b.folded"
        self.run_exe("convert", name, "-q", "-o", out)
        self.assertIn(b";", self.read(out))
        self.assertEqual(os.listdir(self.path("\u043f\u0430\u043f\u043a\u0430")), ["\u51fa\u529b.folded"])
        self.assertIn("\u00e4.octrace'", self.run_exe("report", "fehlt \u00e4.octrace", status=1)[1])

    def test_paths_of_windows(self):
        self.sample()
        os.mkdir(self.path("sub"))
        self.run_exe("convert", "sample.octrace", "-q", "-o", "sub\\out.svg")
        self.assertTrue(os.path.exists(self.path("sub/out.svg")))
        self.run_exe("convert", ".\\sub\\..\\sample.octrace", "-q", "-o", "sub\\", "--format", "folded")
        self.assertEqual(len(os.listdir(self.path("sub"))), 2)
        for other in ("sub\\..\\a.svg", "A.SVG"):
            _, message = self.run_exe("convert", "sample.octrace", "-o", "a.svg", "-o", other, status=2)
            self.assertIn("names the same file", message)

    def test_long_paths(self):
        """Beyond 260 characters, with either separator."""
        self.sample()
        folder = "\\".join(["x" * 120] * 3)
        os.makedirs(self.path(folder.replace("\\", "/")))
        self.run_exe("convert", "sample.octrace", "-q", "-o", folder + "\\out.octrace")
        self.run_exe("convert", folder + "/out.octrace", "-q", "-o", "out.folded")
        self.run_exe("report", folder + "\\out.octrace", "--symbol-path", folder)
        self.assertIn(b";", self.read("out.folded"))
        self.assertEqual(os.listdir(self.path(folder.replace("\\", "/"))), ["out.octrace"])

    def test_devices_are_no_outputs(self):
        self.sample()
        for name in ("NUL", "nul", "CON", "sub\\NUL", "\\\\.\\NUL"):
            _, message = self.run_exe("convert", "sample.octrace", "--format", "folded", "-o", name, status=1)
            self.assertIn("is not a regular file", message)

    def test_files_that_exist(self):
        self.sample()
        with open(self.path("out.svg"), "wb") as file:
            file.write(b"before")
        self.assertIn("--force", self.run_exe("convert", "sample.octrace", "-o", "out.svg", status=1)[1])
        self.assertEqual(self.read("out.svg"), b"before")
        self.run_exe("convert", "sample.octrace", "-q", "--force", "-o", "out.svg")
        self.assertIn(b"<svg", self.read("out.svg"))
        self.assertEqual(sorted(os.listdir(self.dir)), ["out.svg", "sample.octrace"])

    def test_files_below_the_commands(self):
        output, _ = self.run_exe(exe=os.path.join(wine.BUILD_WINDOWS, "tests", "os_check.exe"))
        self.assertEqual(output, b"")
        self.assertEqual(os.listdir(self.dir), [])

    def test_streams_carry_bytes(self):
        self.sample()
        expected = self.run_linux("convert", "sample.octrace", "--format", "pprof", "-o", "-").stdout
        self.assertIn(b"\n", expected)
        self.assertEqual(self.run_exe("convert", "sample.octrace", "-q", "--format", "pprof", "-o", "-")[0], expected)
        self.assertEqual(self.run_exe("convert", "-", "-q", "--format", "pprof", "-o", "-", input=self.read("sample.octrace"))[0],
                         expected)

    def test_settings_from_the_environment(self):
        self.assertIn("ONECOLLECT_FREQUENCY", self.run_exe("-d", "1", env={"ONECOLLECT_FREQUENCY": "many"}, status=2)[1])


if __name__ == "__main__":
    unittest.main()
