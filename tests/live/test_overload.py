# SPDX-License-Identifier: BSD-2-Clause
"""More samples than can be taken in: the recording still ends when it should, and every loss is counted."""

import os
import time

from support import LiveTest, fixture


class Overload(LiveTest):
    def check(self, *options):
        for _ in range(os.cpu_count()):
            self.start(fixture("work"), 20, 1, 10**6, self.truth_path)
        begin = time.monotonic()
        result = self.record("-d", "500ms", *options, status=None, formats=("pb.gz",))
        seconds = time.monotonic() - begin

        self.note(f"{' '.join(map(str, options))}: {seconds:.1f} s, due {result.cpu['due']}, taken {result.cpu['taken']}, "
                  f"lost {result.cpu['lost']}")
        self.assertLess(seconds, 90)
        self.assert_balanced(result.summary)
        # The reasons that would be bugs of ours.
        self.assertFalse({"unknown_stack", "unknown_task", "scratch"} & set(result.cpu["lost"]))
        self.assertEqual(result.pprof.total(), result.cpu["kept"])
        self.assertEqual(result.status, 5 if sum(result.cpu["lost"].values()) > 0.01 * result.cpu["taken"] else 0)

    def test_the_highest_rate_with_times(self):
        self.check("-F", 100000, "--timeline", "--buffer", "64k")

    def test_the_highest_rate_aggregated(self):
        self.check("-F", 100000)
