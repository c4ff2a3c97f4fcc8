# SPDX-License-Identifier: BSD-2-Clause
"""Small .etl traces that were not merged, of programs that a test has built: images by their headers, and samples.

The layouts are those of Windows 10, as tests/unit/etl_writer.c has them for unit tests.
"""

import struct

from etl_trace import HZ, START, buffer_of, log_header, perfinfo, wide

BASE = 0x7FF600000000
PID, TID = 8, 9
IMAGE_LOAD, THREAD_START, PROCESS_START, SAMPLE, IMAGE_LISTED = 0x030A, 0x0501, 0x0301, 0x0F2E, 0x1404


class Image:
    """What the headers of a program or library say."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        at, = struct.unpack_from("<I", data, 60)
        self.time_stamp, = struct.unpack_from("<I", data, at + 8)
        self.size, = struct.unpack_from("<I", data, at + 24 + 56)
        self.checksum, = struct.unpack_from("<I", data, at + 24 + 64)


class Trace:
    """Events in order of time, a millisecond apart, all of one process and thread on one processor."""

    def __init__(self, process):
        self.events = []
        self.event(PROCESS_START, 2, struct.pack("<QIIQI", 1, PID, 4, 0, 0) + process.encode() + b"\0" + wide(""))
        self.event(THREAD_START, 3, struct.pack("<II7QQ", PID, TID, *[0] * 8))

    def event(self, hook, version, payload):
        self.events.append(perfinfo(hook, version, payload, START + HZ // 1000 * (1 + len(self.events))))

    def image(self, path, image, hook=IMAGE_LOAD, base=BASE):
        """A list of what is loaded does not tell the time stamp."""
        stamp = image.time_stamp if hook == IMAGE_LOAD else 0
        self.event(hook, 3, struct.pack("<QQIIIIQQQ", base, image.size, PID, image.checksum, stamp, 0, base, 0, 0) + wide(path))

    def sample(self, address):
        self.event(SAMPLE, 2, struct.pack("<QII", address, TID, 1))

    def write(self, path):
        """One buffer with all of it."""
        with open(path, "wb") as file:
            file.write(buffer_of(0, [log_header(cpus=1), *self.events]))
