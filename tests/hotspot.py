# SPDX-License-Identifier: BSD-2-Clause
"""What hotspot makes of a perf.data file, without its window.

Hotspot leaves the reading to a program of its own, hotspot-perfparser, and draws what that streams to it: messages that
define strings, places, symbols and events, and samples that refer to them. This reads that stream as hotspot does.
"""

import collections
import glob
import os
import struct
import subprocess
import tempfile

PARSER = "/usr/lib/*/libexec/hotspot-perfparser"
MAGIC = b"QPERFSTREAM\0"
LOCATION, SYMBOL, STRING, LOST, ERROR, ATTRIBUTES, SAMPLE = 3, 4, 5, 6, 8, 11, 13
HANG_S = 300
NONE = -1

Sample = collections.namedtuple("Sample", "pid tid time event cost address leaf")


class Stream:
    """The samples of a stream, and what hotspot would warn of."""

    def __init__(self, data):
        self.strings, self.symbols, self.events = {}, {}, {}
        self.addresses, self.parents = {}, {}
        self.samples, self.lost = [], 0
        if data[:len(MAGIC)] != MAGIC:
            raise AssertionError("no stream of hotspot-perfparser")
        at = len(MAGIC) + 4  # and the version of Qt's encoding
        while at < len(data):
            size, = struct.unpack_from("<I", data, at)
            self.message(data[at + 4:at + 4 + size])
            at += 4 + size

    def message(self, body):
        """Takes one message. All numbers in it are big-endian; what follows them is for later versions."""
        kind = body[0]
        if kind == STRING:
            number, size = struct.unpack_from(">iI", body, 1)
            self.strings[number] = body[9:9 + size].decode(errors="replace")
        elif kind == LOCATION:
            number, self.addresses[number], _, _, _, _, self.parents[number] = struct.unpack_from(">iQiIiii", body, 1)
        elif kind == SYMBOL:
            number, self.symbols[number] = struct.unpack_from(">ii", body, 1)
        elif kind == ATTRIBUTES:
            number, _, _, self.events[number] = struct.unpack_from(">iIQi", body, 1)
        elif kind == LOST:
            self.lost += struct.unpack_from(">Q", body, 21)[0]
        elif kind == SAMPLE:
            self.sample(body)

    def sample(self, body):
        pid, tid, time, _, depth = struct.unpack_from(">IIQII", body, 1)
        frames = struct.unpack_from(f">{depth}i", body, 25)
        costs, = struct.unpack_from(">I", body, 26 + 4 * depth)
        for number in range(costs):
            event, cost = struct.unpack_from(">iQ", body, 30 + 4 * depth + 12 * number)
            leaf = (self.addresses[frames[0]], self.name(frames[0])) if frames else (0, "")
            self.samples.append(Sample(pid, tid, time, self.text(self.events[event]), cost, *leaf))

    def text(self, number):
        return self.strings[number] if number != NONE else ""

    def name(self, location):
        """The symbol at a place, or at the place that it is inlined into when it has none."""
        while location != NONE:
            if self.text(self.symbols.get(location, NONE)):
                return self.text(self.symbols[location])
            location = self.parents.get(location, NONE)
        return ""


def read(path):
    parser = glob.glob(PARSER)
    if not parser:
        raise AssertionError("hotspot is missing; run: sudo scripts/install-deps interop")
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "stream")
        done = subprocess.run([*parser, "--input", path, "--output", output], capture_output=True, check=False,
                              timeout=HANG_S, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise AssertionError(f"hotspot-perfparser: {done.stderr.decode(errors='replace')[-1000:]}")
        with open(output, "rb") as file:
            return Stream(file.read())
