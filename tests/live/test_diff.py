# SPDX-License-Identifier: BSD-2-Clause
"""Real recordings compared: of the same load nothing changed, of a load with a slower function it is that function."""

import itertools
import json
import subprocess

from support import RECORD_TRACE, LiveTest, fixture

# One function with 25 % of the work takes 26.8 % when it is a tenth slower. 40,000 samples tell that apart even when
# they say no more than a tenth of as many independent ones.
RATE_HZ = 4999
THREAD_MS = 4000
NR_THREADS = 2
SLOWER_PERCENT = 10
NR_RUNS = 3
OWN = {"parse", "lookup", "render", "reply"}


class Diff(LiveTest):
    def run_load(self, percent, *options):
        result = self.record("-F", RATE_HZ, *options, formats=("octrace",),
                             command=[fixture("slower"), THREAD_MS, NR_THREADS, percent])
        return result.outputs["octrace"]

    def diff(self, before, after, *options):
        command = [RECORD_TRACE, "diff", before, after, "-q", "--json", *options]
        return json.loads(subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE).stdout)

    @staticmethod
    def marked(comparison):
        return [f["name"] for f in comparison["functions"] if f["self"]["significant"] or f["total"]["significant"]]

    def check_same(self, before, after):
        """Whether anything is marked in a comparison of equal loads; their own functions must not be."""
        comparison = self.diff(before, after)
        marked = self.marked(comparison)
        sides = comparison["recordings"]
        self.note(f"same load: {marked or 'no significant change'}, {sides[0]['method']}, "
                  f"dispersions {[round(r['dispersion'] or 0, 2) for r in sides]}")
        # With Holm's correction over some 50 shares, that is less likely than 1 in 100 for all comparisons here.
        self.assertFalse(OWN & set(marked))
        return bool(marked)

    def check_slower(self, before, after):
        comparison = self.diff(before, after)
        lookup = next(f for f in comparison["functions"] if f["name"] == "lookup")["self"]
        self.note(f"slower: {lookup['change']:+.4f} +- {lookup['margin']:.4f}")
        self.assertTrue(lookup["significant"])
        self.assertGreater(lookup["change"], 0)
        return comparison

    def check_unjudged(self, before, after):
        comparison = self.diff(before, after)
        self.assertEqual(self.marked(comparison), [])
        lookup = next(f for f in comparison["functions"] if f["name"] == "lookup")["self"]
        self.assertGreater(lookup["change"], 0.02)
        text = subprocess.run([RECORD_TRACE, "diff", before, after, "-q"], check=True, timeout=60,
                              stdout=subprocess.PIPE, text=True).stdout
        self.assertIn("record-trace --timeline", text)

    def test_with_times(self):
        same = [self.run_load(0, "--timeline") for _ in range(NR_RUNS)]
        slower = [self.run_load(SLOWER_PERCENT, "--timeline") for _ in range(NR_RUNS - 1)]
        alarms = [self.check_same(*pair) for pair in itertools.combinations(same, 2)]
        # A pair may show a change of something else (an interrupt, a timer) in 5 of 100 cases.
        self.assertFalse(all(alarms))
        for pair in zip(same, slower):
            self.assertEqual(self.check_slower(*pair)["functions"][0]["name"], "lookup")
        # The common call tree holds all samples of both.
        folded, picture = self.dir / "x.diff.folded", self.dir / "x.svg"
        comparison = self.diff(same[0], slower[0], "-o", folded, "-o", picture)
        counts = [[int(n) for n in line.split()[-2:]] for line in folded.read_text(encoding="utf-8").splitlines()]
        self.assertEqual([sum(c) for c in zip(*counts)], [r["total"] for r in comparison["recordings"]])
        self.assertIn("rgb(240,", picture.read_text(encoding="utf-8"))

    def test_without_times(self):
        """Counts do not tell how much they vary, so that nothing is judged; the change is there to be seen."""
        same = [self.run_load(0, "--aggregate") for _ in range(2)]
        self.assertEqual(self.marked(self.diff(*same)), [])
        slower = self.run_load(3 * SLOWER_PERCENT, "--aggregate")
        self.check_unjudged(same[0], slower)
        # So it is for what recordings were converted to.
        converted = []
        for path in (same[0], slower):
            converted.append(self.dir / f"{len(converted)}.pb.gz")
            subprocess.run([RECORD_TRACE, "convert", path, "-q", "-o", converted[-1]], check=True, timeout=60)
        self.check_unjudged(*converted)
