# SPDX-License-Identifier: BSD-2-Clause
"""Processes in a PID namespace are told by both ids: the one outside and the one they know themselves."""

import os

from support import RATE, LiveTest, fixture, weight


class PidNamespace(LiveTest):
    def test_inner_and_outer_ids(self):
        result = self.record("-F", RATE, formats=("folded", "pb.gz"),
                             command=["unshare", "--pid", "--fork", "--mount-proc", fixture("brief"), 500])
        samples = [s for s in result.pprof.samples if s.labels["comm"] == "brief"]

        self.assertGreater(weight(result.folded, comm="brief", containing="brief_leaf"), 400)
        self.assertEqual({s.labels["ns_pid"] for s in samples}, {1})
        self.assertEqual(len({s.labels["pid"] for s in samples}), 1)
        self.assertGreater(samples[0].labels["pid"], 1)

    def test_perf_map_of_a_namespace(self):
        """A runtime names its map after the id that it knows itself."""
        result = self.record("-F", RATE, command=["unshare", "--pid", "--fork", "--mount-proc", fixture("jit"), 1000,
                                                  self.truth_path])
        os.unlink(self.truth()["map"])
        self.assertGreater(weight(result.folded, containing="jit_warm"), 30)
