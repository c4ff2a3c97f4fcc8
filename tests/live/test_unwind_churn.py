# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of programs that change what is mapped a thousand times a second: no stack shows a call that there is not.

Which chains of calls there can be is known by construction (tests/unwind/targets/churn*.c). A stack that begins at
_start must be one of them, and one that does not must be a piece of one; functions of the system may only be where
something of ours calls them. Names are those that were right when the sample was taken, hence --timeline.

ONECOLLECT_CHURN_S seconds for each (6 when not said). While they run, what unwinding by tables takes beyond unwinding by
frame pointers, memory, mappings and open files, must not grow: both record the same processes at the same time.
"""

import collections
import os
import pathlib
import re
import signal
import time

from support import BUILD, RATE, LiveTest

SECONDS = int(os.environ.get("ONECOLLECT_CHURN_S", "6"))
# Growth in the last two thirds of the time. RSS varies by what the allocator returns when.
GROWTH_MAX = {"rss_kib": 8192, "mappings": 16, "files": 16}
EXECS_PER_S = 3000  # more than there is time for: each works for 300 us
CHURN = BUILD / "unwind" / "churn"

# From main on. Functions of the system may follow after any of the first; the chains in the second place call nothing.
A = ("a_enter", "a_middle", "a_leaf")
B = ("b_enter", "b_middle", "b_leaf")
P = ("p_enter", "p_middle", "p_leaf")
GENERATED = ("[generated]", "[generated]")


def chain_functions(name):
    return tuple(f"{name}_{part}" for part in ("enter", "middle", "leaf"))


LEGAL = {
    "dlopen": [(("main", "churn_dlopen"), A), (("main", "churn_dlopen"), B)],
    "remap": [(("main", "churn_remap"), A), (("main", "churn_remap"), GENERATED)],
    "processes": [(("main", "churn_processes", "run_child"), P)],
    "exec": [(("main",), chain_functions("e")), (("main",), chain_functions("f"))],
}
# What frames are full of: where it stands for a caller, a frame was found with the table of other code.
DECOY = "decoy"
OURS = {DECOY} | {name for chains in LEGAL.values() for chain in chains for part in chain for name in part}


def read_stacks(path, comm):
    """(user frames, root first, count) of a folded file with marks, of processes called comm*."""
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        text, count = line.rsplit(" ", 1)
        name, *frames = text.split(";")
        if name.startswith(comm):
            yield [token(frame) for frame in frames if not frame.endswith("_[k]")], int(count)


def token(frame):
    """Our function's name; "[generated]"; "_start"; or "" for a function of the system."""
    if frame.startswith("[anon]"):
        return "[generated]"
    name = re.sub(r"\..*|_\[[a-z]\]$", "", frame)
    return name if name in OURS or name == "_start" else ""


def is_legal(stack, chains):
    """Whether a stack is a chain from _start on, or a piece of one up to its leaf."""
    if stack[:1] == ["_start"]:
        rest = without_system(stack[1:])
        return any(is_start_of(rest, calling, leaves) for calling, leaves in chains)
    if not any(stack):
        return True
    rest = without_system(stack)
    if len(rest) < len(stack) and rest[0] != "main":
        return False
    return any(is_start_of(rest, calling[skip:], leaves[max(0, skip - len(calling)):])
               for calling, leaves in chains for skip in range(len(calling) + len(leaves)))


def without_system(stack):
    """A stack from its first function of ours on."""
    first = next((i for i, name in enumerate(stack) if name), len(stack))
    return stack[first:]


def is_start_of(stack, calling, leaves):
    """Whether a stack goes along calling + leaves, then on in the system if it has not come to the leaves."""
    nr = 0
    whole = calling + leaves
    while nr < len(stack) and nr < len(whole) and stack[nr] == whole[nr]:
        nr += 1
    return nr == len(stack) or nr <= len(calling) and not any(stack[nr:])


def holdings(pid):
    """What a process holds: {name in GROWTH_MAX: number}."""
    proc = pathlib.Path(f"/proc/{pid}")
    status = (proc / "status").read_text(encoding="ascii")
    return {
        "rss_kib": int(re.search(r"^VmRSS:\s*(\d+)", status, re.M).group(1)),
        "mappings": len((proc / "maps").read_bytes().splitlines()),
        "files": len(os.listdir(proc / "fd")),
    }


class Churn(LiveTest):
    def judge(self, mode, path, comm):
        total = complete = 0
        wrong = collections.Counter()
        for stack, count in read_stacks(path, comm):
            total += count
            complete += count if stack[:1] == ["_start"] else 0
            if not is_legal(stack, LEGAL[mode]):
                wrong[";".join(name or "-" for name in stack)] += count
        self.note(f"{mode}: {total} stacks, {complete / max(1, total):.1%} from _start on, {sum(wrong.values())} wrong")
        self.assertGreater(total, 100)
        self.assertGreater(complete, total / 20)
        self.assertEqual(wrong, {})

    def churn(self, mode, comm, *argv):
        process = self.start_stopped(*argv)
        recorders = {way: self.start_recording("-F", RATE, "--timeline", "--unwind", way, "-p", process.pid,
                                               formats=("folded" if way == "auto" else "svg",))
                     for way in ("auto", "fp")}
        process.send_signal(signal.SIGCONT)
        growth = self.watch(recorders)
        if mode == "exec":  # counts, and a busy machine may be far from the end
            # Empty in the middle of an exec, and of one that has ended.
            path = pathlib.Path(f"/proc/{process.pid}/cmdline")
            words = next((words for words in (path.read_bytes().split(b"\0") for _ in range(1000)) if len(words) > 2), None)
            self.note(f"{EXECS_PER_S * SECONDS - int(words[1]) if words else EXECS_PER_S * SECONDS} execs")
            process.kill()
        self.assertIn(process.wait(60), (0, -9))
        results = {way: recorder.finish(None) for way, recorder in recorders.items()}
        self.note(f"{mode}: growth beyond that of frame pointers: {growth}")
        self.judge(mode, results["auto"].outputs["folded"], comm)
        self.assert_balanced(results["auto"].summary)
        for name, most in GROWTH_MAX.items():
            self.assertLess(growth[name], most, name)

    def watch(self, recorders):
        """By how much the difference between the recorders' holdings grows in the last two thirds of the time."""
        def differences():
            auto, fp = (holdings(recorders[way].process.pid) for way in ("auto", "fp"))
            return {name: auto[name] - fp[name] for name in auto}
        time.sleep(SECONDS / 3)
        first = differences()
        time.sleep(SECONDS * 2 / 3 - 1)
        return {name: last - first[name] for name, last in differences().items()}

    def test_dlopen(self):
        """Two libraries in turn at one address."""
        self.churn("dlopen", "churn", CHURN, "dlopen", SECONDS)

    def test_remap(self):
        """Generated code and a file's code in turn at one address."""
        self.churn("remap", "churn", CHURN, "remap", SECONDS)

    def test_exec(self):
        """One process that becomes one of two programs, in turn."""
        self.churn("exec", "churn_exec", BUILD / "unwind" / "churn_exec_a", EXECS_PER_S * SECONDS, 600000)

    def test_processes(self):
        """Two thousand processes of one program."""
        self.churn("processes", "churn", CHURN, "processes", SECONDS, 2000)
