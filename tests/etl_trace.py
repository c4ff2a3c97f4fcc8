# SPDX-License-Identifier: BSD-2-Clause
"""Writes Windows traces of any length, for tests of what reading one costs; etl_file.py writes small ones of these parts.

Four processors take turns with buffers of 64 KiB. Each buffer has samples with stacks of their own, samples with stacks
by key, the definitions of these keys, and disk events, which are most of the bytes. The layouts are those of
docs/windows.md's sources: evntrace.h, ntwmi.h and the MOF classes of the kernel logger.
"""

import array
import struct

BUFFER_BYTES = 65536
HEADER_BYTES = 0x48
CPUS = 4
HZ = 10_000_000
START = 1000          # raw time of the log header
SPAN = 200_000        # ticks that a buffer covers: 20 ms
SAMPLES = 40          # in a buffer with stacks of their own, and as many with stacks by key
KEYS = 4
FRAMES = 32
PID = 4242
KERNEL = 0xFFFFF80000000000
IMAGE = 0x7FF600000000
FILETIME = 133_000_000_000_000_000


def system(hook, version, payload, time=START):
    return struct.pack("<HBBHHIIQQ", version, 2, 0xC0, 32 + len(payload), hook, 1, 2, time, 0) + payload


def perfinfo(hook, version, payload, time):
    return struct.pack("<HBBHHQ", version, 17, 0xC0, 16 + len(payload), hook, time) + payload


def wide(text):
    return text.encode("utf-16-le") + b"\0\0"


def buffer_of(cpu, events):
    """A buffer that is not compressed; each event begins at a multiple of 8."""
    data = b"".join(e + bytes(-len(e) % 8) for e in events)
    used = HEADER_BYTES + len(data)
    assert used <= BUFFER_BYTES
    header = bytearray(HEADER_BYTES)
    struct.pack_into("<II", header, 0, BUFFER_BYTES, used)
    struct.pack_into("<H", header, 0x28, cpu)
    struct.pack_into("<IH", header, 0x30, used, 0x20)
    return bytes(header) + data + b"\xff" * (BUFFER_BYTES - used)


def log_header(cpus=CPUS):
    """What every trace begins with."""
    head = struct.pack("<IBBHIIQIIIIIIII", BUFFER_BYTES, 10, 0, 0, 19045, cpus, FILETIME + 10**9, 156250, 0, 0, 0, 1, 8, 0, 2400)
    tail = struct.pack("<QQQII", FILETIME - 100 * HZ, HZ, FILETIME, 1, 0)
    return system(0, 0, head.ljust(0xF8, b"\0") + tail + wide("long") + wide("long.etl"))


def listing():
    """One process with an image and a thread for each processor."""
    process = struct.pack("<QIIIiQI", 1, PID, 4, 1, 0, 0, 0) + bytes(4) + b"busy.exe\0" + wide("busy.exe") + wide("") + wide("")
    image = struct.pack("<QQI12x8x16x", IMAGE, 1 << 24, PID) + wide("\\Device\\HarddiskVolume2\\busy.exe")
    kernel = struct.pack("<QQI12x8x16x", KERNEL, 1 << 24, 0) + wide("\\SystemRoot\\system32\\ntoskrnl.exe")
    threads = [system(0x0503, 3, struct.pack("<II56x8x", PID, 100 + cpu) + wide(f"worker {cpu}")) for cpu in range(CPUS)]
    return [system(0x0303, 4, process), system(0x1403, 3, image), system(0x1403, 3, kernel), *threads]


def stack(base, kind):
    return struct.pack(f"<{FRAMES}Q", *(base + 64 * (kind * 31 + i * (i + kind % 7)) % (1 << 22) for i in range(FRAMES)))


def samples(cpu, variant):
    """Events with times from 0 to SPAN, in order, and the definitions of their keys."""
    events = []
    step = SPAN // (2 * SAMPLES + 1)
    who = (PID, 100 + cpu)
    for i in range(2 * SAMPLES):
        time, kind = i * step, variant * SAMPLES + i // 2
        events.append(perfinfo(0x0F2E, 2, struct.pack("<QIHBB", IMAGE + 64 * kind, who[1], 1, 0, 0), time))
        if i % 2:
            events.append(perfinfo(0x1820, 2, struct.pack("<QII", time, *who) + stack(IMAGE, kind), time + 1))
        else:
            key = 1 + cpu * KEYS + i // 2 % KEYS
            events.append(perfinfo(0x1826, 2, struct.pack("<QIIQ", time, *who, key), time + 1))
    end = SPAN - 1
    return events + [perfinfo(0x1824, 2, struct.pack("<Q", 1 + cpu * KEYS + i) + stack(IMAGE, 1000 + variant * KEYS + i), end)
                     for i in range(KEYS)]


def event_time(event):
    return struct.unpack_from("<Q", event, 16 if event[2] == 2 else 8)[0]


class Template:
    """A buffer and the places of its times, which are moved for each copy."""

    def __init__(self, cpu, variant):
        events = samples(cpu, variant)
        room = BUFFER_BYTES - HEADER_BYTES - sum(len(e) + -len(e) % 8 for e in events)
        disk = len(system(0x0A0A, 3, bytes(52))) + 4
        nr = room // disk
        events += [system(0x0A0A, 3, bytes(52), i * SPAN // nr) for i in range(nr)]
        events.sort(key=event_time)
        self.words = array.array("Q", buffer_of(cpu, events))
        self.places = []
        at = HEADER_BYTES
        for e in events:
            self.places.append((at + (16 if e[2] == 2 else 8)) // 8)
            if e[2] == 17 and struct.unpack_from("<H", e, 6)[0] in (0x1820, 0x1826):
                self.places.append((at + 16) // 8)
            at += len(e) + -len(e) % 8
        self.moved_by = 0

    def at(self, time):
        by, words = time - self.moved_by, self.words
        for place in self.places:
            words[place] += by
        self.moved_by = time
        return words


def write(path, size):
    """Writes a trace of at least `size` bytes. Returns how many samples and buffers it has."""
    variants = [[Template(cpu, variant) for cpu in range(CPUS)] for variant in range(8)]
    nr = 0
    with open(path, "wb") as file:
        file.write(buffer_of(0, [log_header()]))
        file.write(buffer_of(0, listing()))
        while file.tell() < size:
            for template in variants[nr // CPUS % len(variants)]:
                template.at(START + 1 + nr // CPUS * SPAN).tofile(file)
                nr += 1
    return nr * 2 * SAMPLES, nr + 2
