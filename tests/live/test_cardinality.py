# SPDX-License-Identifier: BSD-2-Clause
"""Many distinct stacks: none is lost by default, and what tiny tables lose is counted to the unit."""

import re

from support import LiveTest, fixture, weight

RATE = 4999
PATHS = 100000
REPEAT = 4  # calls per digit, as in deep.c


def path_number(frames):
    """The path that a stack of deep.c visits, or None."""
    digits = [f[-1] for f in frames if re.fullmatch(r"digit_\d", f)]
    if len(digits) != 5 * REPEAT:
        return None
    groups = [set(digits[i:i + REPEAT]) for i in range(0, len(digits), REPEAT)]
    return int("".join(g.pop() for g in groups)) if all(len(g) == 1 for g in groups) else None


class Cardinality(LiveTest):
    def test_100000_distinct_stacks(self):
        # A visit of 230 us without a break holds at least one tick of 200 us.
        result = self.record("-F", RATE, command=[fixture("deep"), PATHS, 230, 2, self.truth_path])
        truth = self.truth()
        found = {path_number(s.frames) for s in result.folded} - {None}

        self.note(f"{len(found)} of {truth['paths']} paths, {result.cpu['kept']} samples, "
                  f"maps {result.summary['self']['map_bytes'] >> 20} MiB")
        self.assertEqual(result.cpu["lost"], {})
        self.assert_balanced(result.summary)
        # A tick that the hypervisor did not deliver hit no path; nothing else may be missing.
        missed = result.cpu["undelivered"]
        self.assertGreaterEqual(len(found), PATHS - missed)
        self.assert_near(result.cpu["kept"], RATE * truth["cpu_s"], 0.04 + result.undelivered, "samples kept")

    def check_loss(self, reason, *options):
        """What is missing of the samples that must have been taken is counted, under its reason."""
        tiny = self.record("-F", RATE, *options, status=None, formats=("folded", "pb.gz"),
                           command=[fixture("deep"), 20000, 230, 2, self.truth_path])
        truth = self.truth()
        lost = tiny.cpu["lost"]

        self.note(f"{' '.join(map(str, options))}: taken {tiny.cpu['taken']}, kept {tiny.cpu['kept']}, lost {lost}")
        self.assertGreater(lost.get(reason, 0), 0, lost)
        self.assert_balanced(tiny.summary)
        self.assert_near(tiny.cpu["taken"], RATE * truth["cpu_s"], 0.10, "samples taken")
        self.assertEqual(weight(tiny.folded), tiny.cpu["kept"])
        self.assertEqual(tiny.pprof.total(), tiny.cpu["kept"])
        self.assertEqual(tiny.status, 5 if sum(lost.values()) > 0.01 * tiny.cpu["taken"] else 0)
        self.assertTrue(any(f"{lost[reason]:,} " in c and reason in c for c in tiny.pprof.comments), tiny.pprof.comments)

    def test_tiny_tables_count_what_they_lose(self):
        self.check_loss("counts_full", "--map-entries", 64)

    def test_a_tiny_ring_counts_what_it_loses(self):
        self.check_loss("ring_full", "--buffer", "4k")
