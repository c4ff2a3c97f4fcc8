# SPDX-License-Identifier: BSD-2-Clause
"""Processes that are gone before anybody can look: they have names, and never those of another program."""

from support import RATE, LiveTest, fixture, is_named, weight

# The functions of twin_a and twin_b, which lie at the same addresses.
TWINS = {"twin_a": "alpha_", "twin_b": "gamma_"}


class ShortProcesses(LiveTest):
    def share_named(self, stacks):
        """The share of samples in which every frame has a name."""
        named = sum(s.count for s in stacks if s.frames and all(map(is_named, s.frames)))
        return named / weight(stacks)

    def test_2000_runs_of_a_program_of_20_ms(self):
        result = self.record("-F", RATE, command=[fixture("execstorm"), 2000, 2, self.truth_path, fixture("brief"), 20])
        stacks = [s for s in result.folded if s.comm == "brief"]
        n = weight(stacks)

        share = self.share_named(stacks)
        known = weight(stacks, containing="brief_leaf") / n
        self.note(f"{n} samples, {share:.2%} with names throughout, {known:.2%} in its own function")
        self.assert_near(weight(result.folded), RATE * self.truth()["cpu_s"], 0.06 + result.undelivered, "samples")
        self.assertGreaterEqual(share, 0.90)
        self.assertGreaterEqual(known, 0.85)
        self.assertEqual(result.cpu["lost"], {})

    def check_twins(self, stacks):
        """No function of the one program under the name of the other."""
        for comm, prefix in TWINS.items():
            other = next(p for c, p in TWINS.items() if c != comm)
            mine = [s for s in stacks if s.comm == comm]
            own = sum(s.count for s in mine if any(f.startswith(prefix) for f in s.frames))
            mixed = [s for s in mine if any(f.startswith(other) for f in s.frames)]

            self.note(f"{comm}: {own} of {weight(mine)} samples in its own functions, {len(mixed)} foreign")
            self.assertEqual(mixed, [])
            self.assertGreater(own, 0.5 * weight(mine))
        strangers = [s for s in stacks if s.comm not in TWINS and any(f.startswith(("alpha_", "gamma_")) for f in s.frames)]
        self.assertEqual(strangers, [])

    def test_exec_of_a_twin(self):
        result = self.record("-F", 4999, formats=("folded", "pb.gz"), command=[fixture("twin_a"), 4, 500])
        self.check_twins(result.folded)
        for s in result.pprof.samples:
            other = TWINS["twin_b" if s.labels["comm"] == "twin_a" else "twin_a"]
            self.assertFalse([f for f in s.frames if f.startswith(other)], s)

    def test_one_pid_for_two_programs(self):
        result = self.record("-F", 4999, command=[fixture("reuse"), 400, 5, fixture("twin_a"), fixture("twin_b"),
                                                  self.truth_path])
        truth = self.truth()
        self.assertGreater(truth["runs"], 200)
        self.assert_near(weight(result.folded), 4999 * truth["cpu_s"], 0.06 + result.undelivered, "samples")
        self.check_twins([s for s in result.folded if s.comm in TWINS])

    def test_exec_storm_seen_machine_wide(self):
        recorder = self.start_recording("-F", 4999)
        storms = [self.start(fixture("execstorm"), 300, 1, self.dir / f"truth-{twin}", fixture(twin), 3) for twin in TWINS]
        for storm in storms:
            self.assertEqual(storm.wait(60), 0)
        self.check_twins([s for s in recorder.stop().folded if s.comm in TWINS])

    def test_fork_storm_without_exec(self):
        result = self.record("-F", RATE, command=[fixture("forker"), 1000, 2, 5, self.truth_path])
        stacks = result.folded
        known = weight(stacks, comm="forker", containing="child_main")

        self.note(f"{known} of {weight(stacks)} samples in the children's function")
        self.assert_near(weight(stacks), RATE * self.truth()["cpu_s"], 0.06 + result.undelivered, "samples")
        self.assertGreaterEqual(known, 0.85 * weight(stacks))
        self.assertGreaterEqual(self.share_named(stacks), 0.90)
