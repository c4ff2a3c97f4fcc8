# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's walker by unwind tables against eu-stack, address by address, on programs without frame pointers that stay
in one leaf: whatever instant a sample hits, the callers are the same. What the walk costs is printed, not judged.
"""

import itertools
import re
import subprocess

from support import BUILD, LiveTest, fixture

COMPLETE = 253  # WIRE_STACK_COMPLETE
TRUNCATED = 1  # WIRE_STACK_TRUNCATED
SECONDS = 2
FRAMES_MAX = 255
PYTHON = """
import functools
def down(n):
    if n == 0:
        print("ready", flush=True)
    while n == 0:
        pass
    return functools.reduce(lambda a, b: list(map(lambda _: down(n - 1), [b]))[0], [1, 2])
down(6)
"""


class Walk:
    """What unwind_walk saw: [(samples, state, (address, ...))] and the totals."""

    def __init__(self, text):
        self.stacks = []
        for line in text.splitlines():
            words = line.split()
            if words[0] == "stack":
                self.stacks.append((int(words[1]), int(words[2]), tuple(int(word, 16) for word in words[3:])))
        self.totals = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", text.splitlines()[-1])}


def walk(pid, way="tables"):
    done = subprocess.run([BUILD / "live" / "unwind_walk", str(pid), str(SECONDS), way], check=True, text=True,
                          stdout=subprocess.PIPE, timeout=60)
    return Walk(done.stdout)


def eu_stack(pid):
    """The addresses of the first thread's callers, by elfutils."""
    done = subprocess.run(["eu-stack", "-1", "-p", str(pid)], text=True, timeout=60, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return tuple(int(word, 16) for word in re.findall(r"^#\d+\s+0x([0-9a-f]+)", done.stdout, re.M))


class UnwindWalk(LiveTest):
    def start_busy(self, *argv):
        process = self.start(*argv, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process.pid

    def check(self, pid, leaves=4, deeper=2):
        """All stacks are complete, and from behind the leaves on those of eu-stack; the leaf may call a few functions more."""
        first = eu_stack(pid)
        seen = walk(pid)
        # What is the same at two instants; at the first one the program may still have been on its way to the leaf.
        same = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(reversed(first), reversed(eu_stack(pid)))))
        truth = tuple(address for address, _ in reversed(same))[leaves:]
        self.assertGreater(len(truth), len(first) - leaves - 8)
        samples = sum(count for count, _, _ in seen.stacks)
        self.assertGreater(samples, 10, "the program did not run")
        for count, state, addresses in seen.stacks:
            # The leaf is not in a stack where the sample hit user mode; functions that the leaf calls may be.
            self.assertEqual(addresses[-len(truth):], truth, f"{count} samples")
            self.assertEqual(state, COMPLETE)
            self.assertLessEqual(len(addresses), len(truth) + leaves + len(first) - len(same) + deeper)
        self.note(f"{len(truth)} frames, {samples} samples, {seen.totals['copies']} copies, "
                  f"{seen.totals['ns']} ns each")

    def test_frames_of_all_kinds(self):
        self.check(self.start_busy(fixture("unwind_deep"), 30, "spin"))

    def test_leaf_in_the_vdso(self):
        self.check(self.start_busy(fixture("unwind_deep"), 24, "vdso"), leaves=4)

    def test_leaf_in_the_kernel(self):
        self.check(self.start_busy(fixture("unwind_deep"), 18, "read"), leaves=4)

    def test_interpreter(self):
        self.check(self.start_busy("/usr/bin/python3", "-c", PYTHON), leaves=6, deeper=20)

    def test_more_frames_than_are_kept(self):
        seen = walk(self.start_busy(fixture("unwind_deep"), 300, "spin"))
        for _, state, addresses in seen.stacks:
            self.assertEqual(state, TRUNCATED)
            self.assertEqual(len(addresses), FRAMES_MAX)

    def test_copies_of_all_stacks(self):
        seen = walk(self.start_busy(fixture("unwind_deep"), 30, "spin"), "copy")
        self.assertEqual(seen.totals["samples"], 0)
        self.assertEqual(seen.totals["copies"], seen.totals["runs"])
