# SPDX-License-Identifier: BSD-2-Clause
"""Names of what has no file, no disk entry or no time: JIT code, deleted programs, the vDSO, the kernel."""

import os
import shutil

from support import RATE, LiveTest, fixture, is_named, weight


class Symbols(LiveTest):
    def test_jit_code(self):
        result = self.record("-F", RATE, command=[fixture("jit"), 2000, self.truth_path])
        truth = self.truth()
        os.unlink(truth["map"])
        hot = weight(result.folded, containing="jit_hot(int, char const*)")
        warm = weight(result.folded, containing="jit_warm")

        self.note(f"hot {hot}, warm {warm} samples; true CPU seconds {truth['hot_s']:.2f}, {truth['warm_s']:.2f}")
        self.assert_near(hot, RATE * truth["hot_s"], 0.10, "hot")
        self.assert_near(warm, RATE * truth["warm_s"], 0.20, "warm")
        self.assertGreaterEqual(result.summary["notes"]["perf_map_lines_skipped"], 2)

    def test_a_program_that_was_deleted(self):
        program = shutil.copy(fixture("brief"), self.dir / "gone")
        process = self.start(program, 1500)
        recorder = self.start_recording("-F", RATE, "-p", process.pid)
        os.unlink(program)
        result = recorder.finish()
        self.assertGreater(weight(result.folded, containing="brief_leaf"), 500)

    def test_a_program_that_was_replaced_gives_no_wrong_names(self):
        """Another file of the same name lies there when symbols are read."""
        program = shutil.copy(fixture("twin_a"), self.dir / "changed")
        process = self.start(program, 1500)
        os.unlink(program)
        shutil.copy(fixture("twin_b"), program)
        result = self.start_recording("-F", RATE, "-p", process.pid).finish()
        self.assertEqual([s for s in result.folded if any(f.startswith("gamma_") for f in s.frames)], [])
        self.assertGreater(weight(result.folded, containing="alpha_leaf"), 500)

    def test_kernel_functions(self):
        result = self.record("-F", RATE, command=["dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=30000"])
        stacks = [s for s in result.folded if s.comm == "dd"]
        named = sum(s.count for s in stacks if s.frames and is_named(s.frames[-1]))
        self.assertGreater(named, 0.95 * weight(stacks))
        self.assertTrue(any("read" in f for s in stacks for f in s.frames))

    def test_kernel_functions_are_those_that_the_kernel_lists(self):
        work = "for i in 1 2; do find /usr/share /proc/self -ls >/dev/null 2>&1; done"
        result = self.record("-F", RATE, command=["sh", "-c", work])
        with open("/proc/kallsyms", encoding="utf-8") as file:
            known = {line.split()[2] for line in file}
        names = set()
        for stack in result.folded:
            entry = next((i for i, f in enumerate(stack.frames) if f.startswith(("entry_", "asm_", "el0"))), None)
            names |= set(stack.frames[entry:] if entry is not None else ())
        self.assertGreater(len(names & known), 20)
        self.assertEqual([name for name in names - known if is_named(name)], [])
