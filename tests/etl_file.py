# SPDX-License-Identifier: BSD-2-Clause
"""Small .etl traces that were not merged, of programs that a test has built: images by their headers, and samples.

The layouts are those of Windows 10, as tests/unit/etl_writer.c has them for unit tests.
"""

import struct

HZ = 10000000  # ticks of the raw clock
START = 1000  # raw time of the first event
FILETIME_START = 133000000000000000
BASE = 0x7FF600000000
PID, TID = 8, 9
IMAGE_LOAD, THREAD_START, PROCESS_START, SAMPLE, IMAGE_LISTED = 0x030A, 0x0501, 0x0301, 0x0F2E, 0x1404


def utf16(text):
    return text.encode("utf-16-le") + b"\0\0"


class Image:
    """What the headers of a program or library say."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        at, = struct.unpack_from("<I", data, 60)
        self.time_stamp, = struct.unpack_from("<I", data, at + 8)
        self.size, = struct.unpack_from("<I", data, at + 24 + 56)
        self.checksum, = struct.unpack_from("<I", data, at + 24 + 64)


def log_header(buffer_size):
    """What every trace begins with."""
    fixed = struct.pack("<IBBHIIQIIIIII II QQ", buffer_size, 10, 0, 0, 19045, 1, FILETIME_START + HZ, 156250, 0, 0, 0, 1, 8,
                        0, 2400, 0, 0)
    fixed += bytes(0xF8 - len(fixed))
    clock = struct.pack("<QQQII", FILETIME_START - 100 * HZ, HZ, FILETIME_START, 1, 0)
    payload = fixed + clock + utf16("test session") + utf16("test.etl")
    return struct.pack("<BBBBHHIIQQ", 0, 0, 2, 0xC0, 32 + len(payload), 0, 1, 2, START, 0) + payload


class Trace:
    """Events in order of time, a millisecond apart, all of one process and thread on one processor."""

    def __init__(self, process):
        self.events = []
        self.event(PROCESS_START, 2, struct.pack("<QIIQI", 1, PID, 4, 0, 0) + process.encode() + b"\0" + utf16(""))
        self.event(THREAD_START, 3, struct.pack("<II7QQ", PID, TID, *[0] * 8))

    def event(self, hook, version, payload):
        time = START + HZ // 1000 * (1 + len(self.events))
        event = struct.pack("<BBBBHHQ", version, 0, 17, 0xC0, 16 + len(payload), hook, time) + payload
        self.events.append(event + bytes(-len(event) % 8))

    def image(self, path, image, hook=IMAGE_LOAD, base=BASE):
        """A list of what is loaded does not tell the time stamp."""
        stamp = image.time_stamp if hook == IMAGE_LOAD else 0
        self.event(hook, 3, struct.pack("<QQIIIIQQQ", base, image.size, PID, image.checksum, stamp, 0, base, 0, 0) + utf16(path))

    def sample(self, address):
        self.event(SAMPLE, 2, struct.pack("<QII", address, TID, 1))

    def write(self, path):
        """One buffer, as long as it has to be."""
        events = b"".join(self.events)
        head = log_header(0)
        used = 0x48 + len(head) + -len(head) % 8 + len(events)
        size = -(-used // 4096) * 4096
        head = log_header(size)
        head += bytes(-len(head) % 8)
        buffer = struct.pack("<III", size, used, 0) + bytes(0x28 - 12) + struct.pack("<HHIIHH", 0, 0, 0, used, 0x20, 0)
        buffer += bytes(0x48 - len(buffer)) + head + events
        with open(path, "wb") as file:
            file.write(buffer + b"\xff" * (size - len(buffer)))
