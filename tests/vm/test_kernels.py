# SPDX-License-Identifier: BSD-2-Clause
"""record-trace on other kernels than this machine's: Debian's 6.1 and 6.12 do all of it, 5.10 says what it cannot do.

Each kernel boots once, emulated, with its steps in tests/vm/init; the tests judge what it sent back. `make check-kernels`
fetches the kernels and runs this.
"""

import functools
import json
import pathlib
import sys
import tempfile
import unittest

import guest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "live"))
from support import Profile, binomial_bound, is_named, read_folded, self_weights, weight

import verifier_stats

RATE = 199  # as in tests/vm/init
SHARES = {"take_half": 0.50, "take_quarter": 0.25, "take_fifteen": 0.15, "take_ten": 0.10}
TOTAL_TOLERANCE = 0.03
# Four shares on three kernels in two ways: three deviations would fail one run in fifteen.
DEVIATIONS = 4
FALLBACK = "using perf-event, which walks stacks by frame pointers alone: "
# A thread's first function and its callees in the fixture without frame pointers; qsort_r() is the C library's.
FRAMELESS = ["_start", "main", "frameless_outer", "frameless_sort", "qsort_r", "frameless_compare", "frameless_leaf"]
REQUIRED = ["btf", "bpf-sampling", "perf-clock", "sideband", "children", "kernel-symbols", "cgroups"]


@functools.lru_cache(maxsize=None)
def results_of(version, steps):
    """What the kernel's only run sent; further askers get the same, or the same error."""
    try:
        return guest.run_guest(version, steps), None
    except guest.GuestError as error:
        return None, error


class KernelTest(unittest.TestCase):
    """Tests of one kernel; a subclass names it."""

    version = None
    steps = None

    @classmethod
    def setUpClass(cls):
        results, error = results_of(cls.version, cls.steps)
        if error:
            raise error
        cls.results = results

    def note(self, text):
        print(f"  {self.version}: {text}", flush=True)

    def text(self, name):
        return self.results[name].decode("utf-8")

    def said(self, step):
        return self.text(f"{step}.err")

    def assert_status(self, step, status=0):
        self.assertEqual(self.text(f"{step}.status").strip(), str(status), f"{step} said:\n{self.said(step)}")

    def summary(self, step):
        """The summary of a recording that ended well."""
        self.assert_status(step)
        summary = json.loads(self.text(f"{step}.out").splitlines()[-1])
        self.assertTrue(summary["balanced"], summary)
        for kind in summary["kinds"].values():
            self.assertEqual(kind["taken"], kind["kept"] + sum(kind["lost"].values()), kind)
            self.assertEqual(kind["stacks"], kind["complete"] + sum(kind["incomplete"].values()), kind)
            self.assertEqual(kind["lost"], {}, step)
        return summary

    def folded(self, step):
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.results[f"{step}.folded"])
            file.flush()
            return read_folded(file.name)

    def checks(self):
        return {check["name"]: check for check in json.loads(self.text("check.out"))["checks"]}

    def assert_shares(self, step):
        """The fixture's functions have their shares, and as many samples as CPU time was used."""
        cpu = self.summary(step)["kinds"]["cpu"]
        truth = json.loads(self.text(f"{step}.truth"))
        stacks = self.folded(step)
        samples = {name: weight(stacks, comm="shares", containing=name) for name in SHARES}
        n = sum(samples.values())
        burnt = sum(truth["functions"].values())
        expected = RATE * truth["cpu_s"]
        self.note(f"{step}: {cpu['kept']} samples, rate x CPU seconds = {expected:.0f}, "
                  f"shares {samples}")
        for name in SHARES:
            true = truth["functions"][name] / burnt
            self.assertLessEqual(abs(samples[name] / n - true), binomial_bound(true, n, DEVIATIONS), name)
        self.assertLessEqual(abs(cpu["kept"] - expected), TOTAL_TOLERANCE * expected)
        self.assertLess(cpu["undelivered"], 0.01 * cpu["due"])
        self.assertEqual(cpu["kept"], weight(stacks))
        self.assertEqual(cpu["kept"], Profile(self.results[f"{step}.pb.gz"]).total())
        self.assertGreater(n, 0.8 * cpu["kept"])

    def assert_only(self, step, comm):
        """Only the wanted one of two equal programs is there, whole: from the thread down to the recursion (the compiler drops one of its five frames)."""
        cpu = self.summary(step)["kinds"]["cpu"]
        stacks = self.folded(step)
        self.note(f"{step}: {cpu['kept']} samples of {cpu['due'] - cpu['undelivered']} delivered")
        self.assertEqual({s.comm for s in stacks}, {comm})
        self.assertGreater(cpu["kept"], 0.2 * RATE)
        whole = sum(s.count for s in stacks if s.frames.count("deeper") >= 4)
        self.assertGreater(whole, 0.9 * cpu["kept"])
        return cpu

    def assert_kernel_functions(self, step):
        """What dd makes the kernel do is there by name, below the system call that asked for it."""
        stacks = [s for s in self.folded(step) if s.comm == "dd"]
        reading = [s for s in stacks if {"ksys_read", "vfs_read", "read_zero"} <= set(s.frames)]
        self.assertGreater(weight(reading), 0.3 * weight(stacks))
        for stack in reading:
            callers = [stack.frames.index(name) for name in ("do_syscall_64", "ksys_read", "vfs_read", "read_zero")]
            self.assertEqual(callers, sorted(callers), stack)
        named = sum(count for name, count in self_weights(reading).items() if is_named(name))
        self.assertEqual(named, weight(reading))


class Modern:
    """A kernel on which everything works."""

    steps = "modern"

    def test_it_is_the_kernel_that_was_meant(self):
        self.assertEqual(verifier_stats.version_of(self.text("kernel.out")), self.version)

    def test_check_finds_what_recording_needs(self):
        self.assert_status("check")
        states = {name: check["state"] for name, check in self.checks().items()}
        self.assertEqual([states[name] for name in REQUIRED], ["ok"] * len(REQUIRED), states)

    def test_programs_load_and_have_not_outgrown_their_baseline(self):
        self.assert_status("verifier")
        report = json.loads(self.text("verifier.out"))
        for line in verifier_stats.table(report):
            self.note(line)
        self.assertEqual(verifier_stats.problems(report, verifier_stats.load_baseline()), [], self.said("verifier"))

    def test_known_shares_counted_in_the_kernel(self):
        self.assert_shares("aggregate")

    def test_known_shares_with_times(self):
        self.assert_shares("timeline")

    def test_only_who_was_asked_for(self):
        for step in ("pid", "filter", "cgroup"):
            with self.subTest(step=step):
                cpu = self.assert_only(step, "wanted")
                self.assertGreater(cpu["filtered"], 0)

    def test_stacks_are_whole_without_frame_pointers(self):
        cpu = self.summary("frameless")["kinds"]["cpu"]
        stacks = self.frameless("frameless")
        whole = sum(s.count for s in stacks if [name for name in s.frames if name in FRAMELESS] == FRAMELESS)
        self.note(f"frameless: {whole} of {weight(stacks)} stacks are whole, {cpu['complete']} of {cpu['stacks']} "
                  "with those of the dynamic loader")
        self.assertGreater(weight(stacks), 0.3 * RATE)
        self.assertGreaterEqual(whole, 0.97 * weight(stacks))
        self.assertGreaterEqual(cpu["complete"], whole)

    def test_by_frame_pointers_the_same_stacks_are_cut(self):
        self.summary("linked")
        self.assertEqual(weight(self.frameless("linked"), containing="main"), 0)

    def frameless(self, step):
        """The samples below the function that does the work."""
        return [s for s in self.folded(step) if s.comm == "frameless" and "frameless_leaf" in s.frames]

    def test_children_of_a_command(self):
        cpu = self.summary("children")["kinds"]["cpu"]
        truth = json.loads(self.text("children.truth"))
        found = weight(self.folded("children"), comm="forker", containing="child_leaf")
        self.note(f"children: {found} of {cpu['kept']} samples in {truth['children']} children")
        self.assertGreater(found, 0.5 * RATE * 0.02 * truth["children"])

    def test_the_whole_machine_with_the_kernel(self):
        self.summary("machine")
        self.assert_kernel_functions("machine")

    def test_without_privilege_the_setting_is_named(self):
        self.assert_status("refused", 3)
        self.assertRegex(self.said("refused"), "kernel.perf_event_paranoid")

    def test_without_privilege_own_commands_are_recorded_once_allowed(self):
        self.summary("fallback")
        self.assertRegex(self.said("fallback"), FALLBACK + ".*CAP_BPF")
        self.assertGreater(weight(self.folded("fallback"), comm="brief", containing="brief_leaf"), 0.5 * RATE)


class Debian12(Modern, KernelTest):
    version = "6.1"


class Debian12Backports(Modern, KernelTest):
    version = "6.12"


class Debian11(KernelTest):
    """A kernel without bpf_loop() (Linux 5.17): it says so, and what plain perf events can do is done."""

    version = "5.10"
    steps = "old"
    REASON = r"kernel 5\.10\.\S* is too old for our BPF programs, for --unwind=copy as well: they need bpf_loop\(\), which Linux 5\.17"

    def test_it_is_the_kernel_that_was_meant(self):
        self.assertEqual(verifier_stats.version_of(self.text("kernel.out")), self.version)

    def test_check_names_the_reason(self):
        self.assert_status("check", 4)
        check = self.checks()["bpf-sampling"]
        self.assertEqual(check["state"], "missing")
        self.assertRegex(check["why"], self.REASON)
        self.assertRegex(check["fix"], r"Linux 5\.17 or newer")

    def test_what_needs_bpf_is_refused(self):
        for step in ("insist", "cgroup"):
            with self.subTest(step=step):
                self.assert_status(step, 4)
                self.assertRegex(self.said(step), self.REASON)
                self.assertEqual(len(self.said(step).splitlines()), 1)
                self.assertNotIn(f"{step}.folded", self.results)

    def test_a_command_is_recorded_by_perf_events(self):
        self.assertRegex(self.said("aggregate"), "warning: " + FALLBACK + self.REASON)
        self.assert_shares("aggregate")

    def test_only_who_was_asked_for_is_recorded_by_perf_events(self):
        for step in ("pid", "filter"):
            with self.subTest(step=step):
                self.assert_only(step, "wanted")

    def test_the_whole_machine_is_recorded_by_perf_events(self):
        self.summary("machine")
        self.assertRegex(self.said("machine"), "warning: " + FALLBACK + self.REASON)
        self.assert_kernel_functions("machine")
