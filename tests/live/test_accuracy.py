# SPDX-License-Identifier: BSD-2-Clause
"""Known shares of CPU time come out as they are, and no sample is missing."""

from support import RATE, LiveTest, binomial_bound, fixture, weight

SHARES = {"take_half": 0.50, "take_quarter": 0.25, "take_fifteen": 0.15, "take_ten": 0.10}


class Accuracy(LiveTest):
    def test_shares_of_four_functions_in_ten_threads(self):
        result = self.record("-F", RATE, command=[fixture("shares"), 30, 10, self.truth_path])
        truth = self.truth()
        stacks = result.folded
        samples = {name: weight(stacks, containing=name) for name in SHARES}
        n = sum(samples.values())
        burnt = sum(truth["functions"].values())

        for name, share in SHARES.items():
            found = samples[name] / n
            bound = binomial_bound(share, n)
            self.note(f"{name}: {found:.4f}, true {truth['functions'][name] / burnt:.4f}, bound {bound:.4f}, n {n}")
            self.assertLessEqual(abs(found - share), bound, name)
            self.assertLessEqual(abs(found - truth["functions"][name] / burnt), bound, name)

        expected = RATE * truth["cpu_s"]
        self.note(f"{result.cpu['kept']} samples, rate x CPU seconds = {expected:.0f}")
        self.assert_near(result.cpu["kept"], expected, 0.02 + result.undelivered, "samples kept")
        self.assert_near(weight(stacks), expected, 0.02 + result.undelivered, "samples written")
        self.assert_balanced(result.summary)
        self.assertEqual(result.cpu["lost"], {}, "nothing is lost")
