# SPDX-License-Identifier: BSD-2-Clause
"""Stacks of tens of KiB in a large program, whose unwind tables come in page by page, reach their roots."""

from support import RATE, LiveTest

NESTED = 120  # parentheses, each of which is some calls of the compiler's parser
FUNCTIONS = 400


class Deep(LiveTest):
    def test_compiler(self):
        expression = "(" * NESTED + "a" + "".join(f" + {i})" for i in range(NESTED))
        source = self.dir / "nested.c"
        source.write_text("".join(f"int f{i}(int a) {{ return {expression}; }}\n" for i in range(FUNCTIONS)))
        result = self.record("-F", RATE, command=["clang-14", "-O1", "-w", "-c", "-o", "/dev/null", str(source)])
        cpu = result.cpu

        self.note(f"{cpu['complete']} of {cpu['stacks']} stacks complete, {cpu['incomplete']}")
        self.assertGreater(cpu["stacks"], 300)
        self.assertGreaterEqual(cpu["complete"], 0.85 * cpu["stacks"])
        self.assert_balanced(result.summary)
