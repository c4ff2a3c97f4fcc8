# SPDX-License-Identifier: BSD-2-Clause
"""record-trace.exe under wine, without a display, in a configuration of its own that is gone at the end."""

import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
BUILD_WINDOWS = os.path.join(BUILD, "windows")
RECORD_TRACE = os.path.join(BUILD, "record-trace")
RECORD_TRACE_EXE = os.path.join(BUILD_WINDOWS, "record-trace.exe")
LIMIT_S = 90


class WineTest(unittest.TestCase):
    """self.dir is empty, and the folder in which run() starts programs."""

    @classmethod
    def setUpClass(cls):
        prefix = tempfile.TemporaryDirectory()
        cls.addClassCleanup(prefix.cleanup)
        cls.prefix = prefix.name
        cls.env = {**os.environ, "WINEPREFIX": prefix.name, "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=",
                   "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        cls.env.pop("DISPLAY", None)
        cls.addClassCleanup(subprocess.run, ["wineserver", "-k"], env=cls.env, check=False)
        subprocess.run(["wineboot", "-i"], env=cls.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=LIMIT_S, check=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def run_linux(self, *args, **options):
        return subprocess.run([RECORD_TRACE, *args], cwd=self.dir, capture_output=True, timeout=LIMIT_S, check=False, **options)

    def run_exe(self, *args, status=0, exe=RECORD_TRACE_EXE, env=None, **options):
        """Runs the program, expects an exit code. Returns standard output and error."""
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        done = subprocess.run(["wine", exe, *args], cwd=self.dir, env={**self.env, **(env or {})}, capture_output=True,
                              timeout=LIMIT_S, check=False, **options)
        # wine itself misses its 32-bit half, which nothing here needs.
        text = "\n".join(line for line in done.stderr.decode().splitlines() if "wine" not in line)
        self.assertEqual(done.returncode, status, text)
        return done.stdout, text
