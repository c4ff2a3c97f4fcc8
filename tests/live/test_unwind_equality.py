# SPDX-License-Identifier: BSD-2-Clause
"""Our stacks are libdw's: a few programs, stopped at 100 random instants each. `make check-unwind` does the whole list."""

import pathlib
import sys

from support import LiveTest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "unwind"))

import equality  # noqa: E402

STOPS = 100


class Equality(LiveTest):
    def check(self, name):
        result, examples = equality.judge(name, STOPS, seconds=30)
        self.note(f"{result['kinds']['same']} of {result['stacks']} stacks are the same, {result['distinct']} different ones,"
                  f" up to {result['deepest']} frames; {result['complete']} reach their root")
        self.assertTrue(result["good"], f"{result}\n{examples}")
        self.assertGreater(result["deepest"], 15)

    def test_c_without_frame_pointers(self):
        self.check("C")

    def test_python(self):
        self.check("python3")

    def test_bash(self):
        self.check("bash")
