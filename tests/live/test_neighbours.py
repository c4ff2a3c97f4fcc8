# SPDX-License-Identifier: BSD-2-Clause
"""Other profilers on the same machine go on working, and so do we beside them."""

import subprocess

from support import RATE, LiveTest, fixture, weight


class Neighbours(LiveTest):
    def perf_record(self, *options):
        """Records a program with perf and returns the number of samples that perf itself reads from its file."""
        data = self.dir / "perf.data"
        subprocess.run(["perf", "record", "-q", *options, "-e", "cpu-clock", "-F", str(RATE), "-g", "-o", data, "--",
                        "sh", "-c", f"{fixture('brief')} 300; ls /"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        text = subprocess.run(["perf", "script", "-i", data, "-F", "comm,ip,sym"], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return text.count("brief_leaf")

    def test_perf_beside_us(self):
        for options in ((), ("--buildid-mmap",)):
            with self.subTest(options=options):
                recorder = self.start_recording("-F", RATE)
                self.assertGreater(self.perf_record(*options), 200)
                stacks = recorder.stop().folded
                self.assertGreater(weight(stacks, comm="brief", containing="brief_leaf"), 200)

    def test_two_of_us(self):
        first = self.start_recording("-F", RATE)
        second = self.record("-F", RATE, command=[fixture("brief"), 300])
        stacks = first.stop().folded
        self.assertGreater(weight(stacks, comm="brief", containing="brief_leaf"), 250)
        self.assertGreater(weight(second.folded, comm="brief", containing="brief_leaf"), 250)
