# SPDX-License-Identifier: BSD-2-Clause
"""Each fuzz target survives its stored inputs: seeds, and everything that once made it fail."""

import glob
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))


class CorpusTest(unittest.TestCase):
    def test_stored_inputs(self):
        targets = sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "fuzz_*.c")))
        self.assertTrue(targets)
        for target in targets:
            name = os.path.basename(target)[:-2]
            with self.subTest(name):
                inputs = sorted(glob.glob(os.path.join(ROOT, "tests", "fuzz", "corpus", name[5:], "*")))
                self.assertTrue(inputs, f"no stored inputs for {name}")
                program = os.path.join(BUILD, "replay", name)
                done = subprocess.run([program, *inputs], stdout=subprocess.PIPE, timeout=60, encoding="utf-8")
                self.assertEqual((done.returncode, done.stdout), (0, f"{len(inputs)} inputs\n"))
