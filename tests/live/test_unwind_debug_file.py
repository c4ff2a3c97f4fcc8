# SPDX-License-Identifier: BSD-2-Clause
"""Programs without .eh_frame are unwound by the .debug_frame of their separate debug file, if that is theirs."""

import pathlib
import shutil
import subprocess

from support import RATE, LiveTest, weight

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
CHAIN = ["main", "frameless_outer", "frameless_sort"]


class DebugFile(LiveTest):
    def make(self, folder, *flags):
        """A stripped program that its debug file lies beside; (program, debug file)."""
        folder = self.dir / folder
        folder.mkdir()
        program, debug = folder / "frameless", folder / "frameless.debug"
        subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-fomit-frame-pointer", "-Wl,--build-id",
                        "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", *flags, FIXTURES / "frameless.c",
                        "-o", program], check=True)
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        subprocess.run(["strip", program], check=True)
        subprocess.run(["objcopy", f"--add-gnu-debuglink={debug.name}", program.name], cwd=folder, check=True)
        return program, debug

    def share_of_whole_stacks(self, program, *options):
        result = self.record("-F", RATE, *options, command=[program, 1500])
        stacks = [s for s in result.folded if s.comm == "frameless" and "frameless_leaf" in s.frames]
        self.assertGreater(weight(stacks), 100)
        self.assert_balanced(result.summary)
        return sum(s.count for s in stacks if s.frames[0] == "_start" and
                   [f for f in s.frames if f in CHAIN] == CHAIN) / weight(stacks)

    def test_with_and_without(self):
        program, debug = self.make("with")
        share = self.share_of_whole_stacks(program)
        self.note(f"{share:.1%} of the stacks are whole")
        self.assertGreater(share, 0.95)

        # Another program's: neither its names nor its frames are taken.
        shutil.copy(self.make("other", "-O1")[1], debug)
        result = self.record("-F", RATE, command=[program, 500])
        self.assertEqual([s for s in result.folded if s.comm == "frameless" and set(CHAIN) & set(s.frames)], [])

    def test_in_the_symbol_path(self):
        program, debug = self.make("stripped")
        elsewhere = self.dir / "elsewhere"
        elsewhere.mkdir()
        shutil.move(debug, elsewhere)
        share = self.share_of_whole_stacks(program, "--symbol-path", elsewhere)
        self.note(f"{share:.1%} of the stacks are whole")
        self.assertGreater(share, 0.95)
