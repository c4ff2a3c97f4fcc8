# SPDX-License-Identifier: BSD-2-Clause
"""--symbol-path for ELF files: debug files and programs in the folders of the user, by build-id and by name.

The recordings are of no machine: the program lies where they say, or it does not.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from hidden_program import Program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
RECORD_TRACE = os.path.join(BUILD, "record-trace")
WRITE_UNNAMED = os.path.join(BUILD, "interop", "write_unnamed")
NAMES = ["hidden_deep", "hidden_high"]


class SymbolPath(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="onecollect-test-")
        cls.addClassCleanup(shutil.rmtree, cls.made)
        cls.program = Program(cls.made)
        cls.other = Program(cls.made, 1)
        # The file that the link names lies beside the program only while the link is made.
        cls.linked, debug = os.path.join(cls.made, "linked"), os.path.join(cls.made, "linked.dbg")
        shutil.copy(cls.program.debug, debug)
        subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", cls.program.stripped, cls.linked], check=True)
        os.unlink(debug)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="onecollect-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def put(self, file, name):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(file, path)
        return path

    def names(self, line, *folders, cwd=None):
        """The functions of a report with these folders, and the files that are not used, with the reason."""
        path = os.path.join(self.folder, "unnamed.octrace")
        subprocess.run([WRITE_UNNAMED, path], input=line, check=True, encoding="utf-8")
        done = subprocess.run([RECORD_TRACE, "report", path, "--json", "--symbol-path", ";".join(folders or [self.folder])],
                              capture_output=True, encoding="utf-8", cwd=cwd, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.refused = answer["ledger"]["notes"].get("files_refused", 0)
        return sorted(f["name"] for f in answer["functions"]), re.findall(r"'(.*)' is not used: (.*)", done.stderr)

    def build_id_path(self, suffix):
        return f".build-id/{self.program.id[:2]}/{self.program.id[2:]}{suffix}"

    def test_the_debug_file_of_a_program_that_is_here(self):
        """By build-id, by the name in its debuglink, by its own name; or a copy of it that was not stripped."""
        line = self.program.line(self.linked)
        self.assertNotEqual(self.names(line)[0], NAMES)
        for file, name in ((self.program.debug, self.build_id_path(".debug")), (self.program.debug, "linked.dbg"),
                           (self.program.debug, "linked.debug"), (self.program.full, "linked")):
            with self.subTest(name=name):
                path = self.put(file, name)
                self.assertEqual(self.names(line), (NAMES, []))
                os.unlink(path)

    def test_a_program_that_is_not_here(self):
        for file, name in ((self.program.full, self.build_id_path("")), (self.program.debug, self.build_id_path(".debug")),
                           (self.program.full, "program"), (self.program.debug, "program.debug")):
            with self.subTest(name=name):
                path = self.put(file, name)
                self.assertEqual(self.names(self.program.line()), (NAMES, []))
                os.unlink(path)

    def test_the_program_and_its_debug_file(self):
        """Where the mapping does not tell what the debug file's offsets mean, the program does."""
        self.put(self.program.debug, "program.debug")
        line = self.program.line(map_size=0x100000)
        self.assertNotEqual(self.names(line)[0], NAMES)
        self.put(self.program.stripped, "program")
        self.assertEqual(self.names(line)[0], NAMES)

    def test_a_relative_folder(self):
        self.put(self.program.full, "some/program")
        self.assertEqual(self.names(self.program.line(), "nowhere", "some", cwd=self.folder)[0], NAMES)

    def test_another_build_is_told_of(self):
        path = self.put(self.other.full, "program")
        names, unused = self.names(self.program.line())
        self.assertTrue(all("+0x" in name for name in names), names)
        self.assertEqual(unused, [(path, "it is of another build than the program")])
        self.assertEqual(self.refused, 1)
        # Not when the right one is there as well.
        self.put(self.program.full, "right/program")
        self.assertEqual(self.names(self.program.line(), self.folder, os.path.join(self.folder, "right")), (NAMES, []))

    def test_a_folder_that_is_not_there(self):
        self.assertEqual(self.names(self.program.line(), "/nowhere/at/all")[1],
                         [("/nowhere/at/all", "there is no such folder")])

    def test_what_is_no_program(self):
        """Folders, pipes, texts and names that lead elsewhere."""
        os.mkdir(os.path.join(self.folder, "program.debug"))
        os.mkfifo(os.path.join(self.folder, "program"))
        self.assertTrue(all("+0x" in name for name in self.names(self.program.line())[0]))
        os.unlink(os.path.join(self.folder, "program"))
        self.put(__file__, "program")
        for path in ("/nowhere/program", "/nowhere/..", "/"):
            self.assertTrue(all("+0x" in name for name in self.names(self.program.line(path))[0]), path)


if __name__ == "__main__":
    unittest.main()
