# SPDX-License-Identifier: BSD-2-Clause
"""Each BPF program loads on this kernel in all its variants, at a price for the verifier that has not grown."""

import copy
import unittest

from support import BUILD, LiveTest

import verifier_stats


class Verifier(LiveTest):
    def test_no_program_has_outgrown_its_baseline(self):
        report = verifier_stats.report_here(BUILD)
        for line in verifier_stats.table(report):
            self.note(line)
        self.assertEqual(verifier_stats.problems(report, verifier_stats.load_baseline()), [])


class Comparison(unittest.TestCase):
    """The comparison itself: it must be able to fail."""

    REPORT = {"kernel": "6.1.0-56-cloud-amd64", "programs": [
        {"program": "a/b", "variant": "on", "errno": 0, "insns": 10000, "peak_states": 500, "verify_us": 1}]}
    BASELINE = {"6.1": {"a/b": {"insns": 9000, "peak_states": 450}}}

    def changed(self, **numbers):
        report = copy.deepcopy(self.REPORT)
        report["programs"][0].update(numbers)
        return verifier_stats.problems(report, self.BASELINE)

    def test_within_the_tolerance(self):
        self.assertEqual(self.changed(), [])
        self.assertEqual(self.changed(insns=11250), [])

    def test_each_measure_is_looked_at(self):
        self.assertRegex(self.changed(insns=11251)[0], "a/b: insns on 6.1 is 11251, more than 11250; .* make")
        self.assertRegex(self.changed(peak_states=563)[0], "a/b: peak_states")

    def test_programs_that_fail_are_new_or_are_gone(self):
        self.assertRegex(self.changed(errno=22)[0], r"a/b \(on\) does not load on 6.1: errno 22")
        self.assertRegex(self.changed(insns=-1)[0], "no statistics")
        self.assertEqual([text.split(";")[0] for text in self.changed(program="a/c")],
                         ["a/c has no baseline", "a/b has a baseline and is gone"])

    def test_a_kernel_without_a_baseline_has_twice_the_room(self):
        other = {**self.REPORT, "kernel": "7.0.1"}
        self.assertEqual(verifier_stats.problems(other, self.BASELINE), [])
        other["programs"] = [{**self.REPORT["programs"][0], "insns": 18001}]
        self.assertRegex(verifier_stats.problems(other, self.BASELINE)[0], "a/b: insns on 7.0 is 18001")
