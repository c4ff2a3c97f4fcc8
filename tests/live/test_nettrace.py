# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of real programs as nettrace: nothing that the strict reader refuses, and the weights of folded stacks."""

import collections
import re

import nettrace
from support import RATE, LiveTest, fixture


class Nettrace(LiveTest):
    def compare(self, *args, **kwargs):
        """Records as both, and gives the trace."""
        result = self.record("-F", RATE, "--timeline", *args, formats=("nettrace", "folded"), **kwargs)
        trace = nettrace.read(result.outputs["nettrace"].read_bytes(), allow_unmapped=True)
        weights = collections.Counter()
        for line in result.outputs["folded"].read_bytes().decode().rstrip("\n").split("\n"):
            stack, _, count = line.rpartition(" ")
            weights[re.sub(r"_\[[kji]\]$", "", stack.rpartition(";")[2])] += int(count)
        self.assertGreater(sum(weights.values()), 0)
        self.assertEqual(trace.self_weights["cpu"], weights)
        self.assertEqual(trace.values["cpu"], result.cpu["kept"])
        self.assertEqual(trace.dropped, sum(result.cpu["lost"].values()))
        self.note(f"{len(trace.processes)} processes, {len(trace.mappings)} mappings, {len(trace.symbols)} symbols, "
                  f"{trace.values['cpu']} samples, {trace.unmapped} frames outside all mappings")
        return trace

    def test_whole_machine(self):
        """While short programs come and go."""
        self.start(fixture("execstorm"), 500, 2, self.truth_path, fixture("brief"), 5)
        trace = self.compare("-d", 2)
        self.assertGreater(sum(process.name == "brief" and process.end is not None for process in trace.processes), 20)

    def test_forks_and_execs(self):
        trace = self.compare(command=[fixture("forker"), 50, 4, 20, self.truth_path])
        lives = [process for process in trace.processes if process.name == "forker"]
        self.assertGreaterEqual(len(lives), 51)

    def test_generated_code(self):
        trace = self.compare(command=[fixture("jit"), 500, self.truth_path])
        self.assertTrue(any("jit" in name for name in trace.self_weights["cpu"]), trace.self_weights)

    def test_threads(self):
        trace = self.compare(command=[fixture("threads"), 500, self.truth_path])
        self.assertGreater(len({tid for _, (pid, tid, _) in trace.threads if tid}), 1)
