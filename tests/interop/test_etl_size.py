# SPDX-License-Identifier: BSD-2-Clause
"""Windows traces of different lengths: all samples arrive, and memory does not grow with the file."""

import json
import os
import subprocess
import tempfile
import unittest

import etl_trace
import pprof_tool

RECORD_TRACE = os.path.join(pprof_tool.BUILD, "record-trace")
PEAK_MEMORY = os.path.join(pprof_tool.BUILD, "fixtures", "peak_memory")
SIZES = (64 << 20, 256 << 20)
# Beside what is as large for every trace: 40 bytes for a buffer and 24 for the definition of a stack's key, which lie in
# arrays that grow by half and are copied when they do.
BYTES_PER_BUFFER = (40 + 24 * etl_trace.KEYS) * 2.5


class EtlSizeTest(unittest.TestCase):
    def convert(self, folder, size):
        """(peak memory in bytes, buffers) of a conversion whose samples go to a temporary file beyond 1 MiB."""
        trace, out, used = (os.path.join(folder, name) for name in ("long.etl", "long.folded", "used.json"))
        samples, buffers = etl_trace.write(trace, size)
        argv = [RECORD_TRACE, "convert", "--json", "--force", "--memory-budget", "1M", trace, "-o", out]
        answer = subprocess.run([PEAK_MEMORY, used, *argv], stdout=subprocess.PIPE, check=True).stdout
        with open(used, encoding="utf-8") as file:
            usage = json.load(file)
        self.assertEqual(usage["status"], 0)
        kept = json.loads(answer)["kinds"]["cpu"]
        self.assertEqual((kept["taken"], kept["kept"], kept["stacks"]), (samples, samples, samples))
        with open(out, encoding="utf-8") as file:
            frames = [line.rpartition(" ") for line in file]
        self.assertEqual(sum(int(count) for _, _, count in frames), samples)
        self.assertEqual({stack.count(";") for stack, _, _ in frames}, {etl_trace.FRAMES})
        return usage["peak_bytes"], buffers

    def test_memory_is_that_of_a_trace_a_quarter_as_long(self):
        with tempfile.TemporaryDirectory() as folder:
            short, few = self.convert(folder, SIZES[0])
            long, many = self.convert(folder, SIZES[1])
        self.assertLess(long - short, (many - few) * BYTES_PER_BUFFER)


if __name__ == "__main__":
    unittest.main()
