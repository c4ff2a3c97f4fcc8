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

    def check_mode(self, *options, method):
        same = [self.run_load(0, *options) for _ in range(NR_RUNS)]
        slower = [self.run_load(SLOWER_PERCENT, *options) for _ in range(NR_RUNS - 1)]
        alarms = 0
        for before, after in itertools.combinations(same, 2):
            comparison = self.diff(before, after)
            self.assertEqual(comparison["recordings"][0]["method"], method)
            marked = self.marked(comparison)
            self.note(f"same load: {marked or 'no significant change'}, "
                      f"dispersion {comparison['recordings'][0]['dispersion']:.2f}")
            # That the work itself would seem changed is less likely than 1 in 100 for all pairs together.
            self.assertFalse(OWN & set(marked))
            alarms += bool(marked)
        # A pair may show a change of something else (an interrupt, a timer) in 5 of 100 cases; all of them do in 1 of 8,000.
        self.assertLess(alarms, NR_RUNS)
        for before, after in zip(same, slower):
            first = self.diff(before, after)["functions"][0]
            self.note(f"slower: {first['name']} {first['self']['change']:+.4f} +- {first['self']['margin']:.4f}")
            self.assertEqual(first["name"], "lookup")
            self.assertTrue(first["self"]["significant"])
            self.assertGreater(first["self"]["change"], 0)
        return same, slower

    def test_with_times(self):
        same, slower = self.check_mode("--timeline", method="slices")
        # The same comparison of what the recordings were converted to, and as pictures.
        converted = []
        for path in (same[0], slower[0]):
            converted.append(self.dir / f"{len(converted)}.pb.gz")
            subprocess.run([RECORD_TRACE, "convert", path, "-q", "-o", converted[-1]], check=True, timeout=60)
        folded = self.dir / "x.diff.folded"
        comparison = self.diff(*converted, "-o", folded, "-o", self.dir / "x.svg")
        self.assertEqual(comparison["functions"][0]["name"], "lookup")
        counts = [[int(n) for n in line.split()[-2:]] for line in folded.read_text(encoding="utf-8").splitlines()]
        self.assertEqual([sum(c) for c in zip(*counts)], [r["total"] for r in comparison["recordings"]])
        self.assertIn("rgb(240,", (self.dir / "x.svg").read_text(encoding="utf-8"))

    def test_without_times(self):
        self.check_mode("--aggregate", method="threads")
