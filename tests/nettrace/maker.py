# SPDX-License-Identifier: BSD-2-Clause
"""Makes a valid nettrace file of few bytes that has everything in it, in a form that tests can change at any place.

Wherever a number or a string stands, bytes may stand instead and are written as they are.
"""

import copy
import json
import struct
import uuid

END, TRACE, EVENT, METADATA, SEQUENCE, STACK, THREAD, REMOVE_THREAD, LABELS = range(9)
SYNC = 1000000
VARUINT, TEXT = b"\x15", b"\x13\x17"
SYSTEM_GUID = uuid.UUID("8c107b6c-79f8-5231-4de6-2a0e20a3f562").bytes_le
EVENTS_GUID = uuid.UUID("bc5e5d63-9799-5873-33d9-fba8316cef71").bytes_le


def varuint(value):
    if isinstance(value, bytes):
        return value
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def varint(value):
    return value if isinstance(value, bytes) else varuint(value << 1 if value >= 0 else ~value << 1 | 1)


def string(text):
    if isinstance(text, bytes):
        return text
    raw = text.encode()
    return varuint(len(raw)) + raw


def short_string(text):
    """As payloads hold them."""
    if isinstance(text, bytes):
        return text
    raw = text.encode()
    return struct.pack("<H", len(raw)) + raw


class Part:
    """Named values, all of which a test may replace."""

    def __init__(self, **values):
        self.__dict__.update(values)


class Sized(Part):
    """A part that a 16 bit length precedes. size_error: what is added to that length."""

    size_error = 0
    extra = b""

    def encode(self):
        raw = self.body() + self.extra
        return struct.pack("<H", len(raw) + self.size_error) + raw


class Field(Sized):
    def body(self):
        return string(self.name) + self.type


def field(name, type_bytes):
    return Field(name=name, type=type_bytes)


def fields(parts):
    return struct.pack("<H", len(parts)) + b"".join(part.encode() for part in parts)


class Optional(Sized):
    def body(self):
        return b"".join(self.items)


class MetadataRow(Sized):
    def body(self):
        return (varuint(self.id) + string(self.provider) + varuint(self.event) + string(self.name) +
                fields(self.fields) + self.optional.encode())


class ThreadRow(Sized):
    def body(self):
        return varuint(self.index) + b"".join(self.items)


def thread(index, pid, tid, name=None):
    items = [b"\x02" + varuint(pid), b"\x03" + varuint(tid)]
    if name is not None:
        items.append(b"\x01" + string(name))
    return ThreadRow(index=index, items=items)


class Stack(Part):
    def encode(self):
        raw = struct.pack(f"<{len(self.addresses)}Q", *self.addresses) + self.extra
        return struct.pack("<I", len(raw)) + raw


def stack(*addresses):
    return Stack(addresses=list(addresses), extra=b"")


class Event(Part):
    """time: absolute; sequence: what is added besides 1; size: None = that of the payload."""

    def encode(self, before):
        payload = b"".join(self.payload)
        size = len(payload) if self.size is None else self.size
        delta = self.time if isinstance(self.time, bytes) else varuint(self.time - before)
        return (bytes([self.flags]) + varuint(self.metadata) + varuint(self.sequence) + varuint(self.capture) +
                varuint(self.cpu) + varuint(self.thread) + varuint(self.stack) + delta + varuint(self.labels) +
                varuint(size) + payload)


def event(metadata, thread_index, time, payload, **values):
    part = Event(metadata=metadata, thread=thread_index, time=time, payload=payload, flags=0xDF, sequence=0, capture=0,
                 cpu=0, stack=0, labels=0, size=None)
    part.__dict__.update(values)
    return part


class Block(Part):
    """size_error: what is added to the size in the header. extra: bytes at the end."""

    def __init__(self, kind, **values):
        super().__init__(kind=kind, size_error=0, extra=b"", **values)

    def encode(self):
        raw = getattr(self, f"body{self.kind}", lambda: b"")() + self.extra
        return struct.pack("<I", len(raw) + self.size_error | self.kind << 24) + raw

    def body1(self):
        head = struct.pack("<8hqqii", *self.date, self.sync, self.frequency, self.pointer_size, len(self.keys))
        return head + b"".join(string(key) + string(value) for key, value in self.keys)

    def body2(self):
        times = [row.time for row in self.rows if isinstance(row.time, int)] or [0]
        rows, before = b"", 0
        for row in self.rows:
            rows += row.encode(before)
            before = row.time if isinstance(row.time, int) else before
        return struct.pack("<HHqq", self.header_size, self.flags, times[0] + self.min_error,
                           times[-1] + self.max_error) + rows

    def body3(self):
        return struct.pack("<H", len(self.header)) + self.header + b"".join(row.encode() for row in self.rows)

    def body4(self):
        return struct.pack("<QII", self.time, self.flags, len(self.threads)) + b"".join(
            varuint(index) + varuint(sequence) for index, sequence in self.threads)

    def body5(self):
        return struct.pack("<II", self.first, len(self.rows) + self.count_error) + b"".join(
            row.encode() for row in self.rows)

    def body6(self):
        return b"".join(row.encode() for row in self.rows)

    def body7(self):
        return b"".join(varuint(index) + varuint(sequence) for index, sequence in self.rows)

    def body8(self):
        lists = b""
        for labels in self.rows:
            for number, (kind, content) in enumerate(labels):
                lists += bytes([kind | (0x80 if number == len(labels) - 1 else 0)]) + content
        return struct.pack("<II", self.first, len(self.rows) + self.count_error) + lists


def events(*rows):
    return Block(EVENT, header_size=20, flags=1, min_error=0, max_error=0, rows=list(rows))


def label(kind, key, value):
    return kind, string(key) + (string(value) if kind == 5 else varint(value))


ELF = {"type": "ELF", "build_id": "ab01", "debug_link": "server.debug", "p_vaddr": "0x1000", "p_offset": "0x1000"}
PE = {"type": "PE", "name": "a.pdb", "date_time": 5, "age": 1, "signature": "0" * 32, "perfmap_signature": "1" * 32,
      "perfmap_version": 1, "perfmap_name": "a.r2rmap", "text_offset": 512}


def metadata_payload(number, symbol, version=""):
    return [varuint(number), short_string(symbol if isinstance(symbol, str) else json.dumps(symbol)),
            short_string(version)]


def mapping_payload(number, first, last, offset, name, metadata):
    return [varuint(number), varuint(first), varuint(last), varuint(offset), short_string(name), varuint(metadata)]


def symbol_payload(number, mapping, first, last, name):
    return [varuint(number), varuint(mapping), varuint(first), varuint(last), short_string(name)]


def process_payload(name="server", namespace_id=7, namespace="box"):
    return [varuint(namespace_id), short_string(name), short_string(namespace)]


CPU, CSWITCH, EXISTING, CREATE, EXIT, MAPPING, SYMBOL, MAPPING_METADATA, TRACEPOINT = range(1, 10)

PROCESS_FIELDS = [("NamespaceId", VARUINT), ("Name", TEXT), ("NamespaceName", TEXT)]
TRACEPOINT_FIELDS = [
    ("state", b"\x07"), ("comm", b"\x16\x17" + struct.pack("<H", 16)), ("flag", b"\x1a"), ("flag32", b"\x03"),
    ("wide", b"\x12"), ("signed", b"\x14"), ("ratio", b"\x0e"), ("guid", b"\x11"), ("when", b"\x10"),
    ("pair", b"\x01" + fields([field("a", b"\x06"), field("b", b"\x0a")])), ("list", b"\x13\x15"),
    ("relative", b"\x18\x17"), ("absolute", b"\x19\x08"),
]


def tracepoint_payload():
    """Values of TRACEPOINT_FIELDS; the last two lie at the end, and say where."""
    head = [struct.pack("<h", -2), b"server".ljust(16, b"\0"), b"\x01", struct.pack("<I", 1), "wide\0".encode("utf-16-le"),
            varint(-3), struct.pack("<d", 0.5), bytes(range(16)), struct.pack("<8h", 2026, 1, 4, 1, 0, 0, 0, 0),
            struct.pack("<BI", 1, 2), struct.pack("<H", 2) + varuint(300) + varuint(5)]
    reached = sum(map(len, head))
    return [*head, struct.pack("<I", 3 << 16 | 4), struct.pack("<I", 4 << 16 | reached + 8 + 3), b"abc", b"\1\0\2\0"]


def row(number, provider, event_id, name, described, *optional):
    return MetadataRow(id=number, provider=provider, event=event_id, name=name,
                       fields=[field(*parts) for parts in described], optional=Optional(items=list(optional)))


def metadata_block():
    system = "Universal.System"
    guid, own_guid = b"\x07" + SYSTEM_GUID, b"\x07" + EVENTS_GUID
    return Block(METADATA, header=b"", rows=[
        row(CPU, "Universal.Events", 1, "cpu", [("Value", VARUINT)], own_guid),
        row(CSWITCH, "Universal.Events", 2, "cswitch", [("Value", VARUINT)]),
        row(EXISTING, system, 0, "ExistingProcess", PROCESS_FIELDS, guid),
        row(CREATE, system, 1, "ProcessCreate", PROCESS_FIELDS, guid),
        row(EXIT, system, 2, "ProcessExit", [], guid),
        row(MAPPING, system, 3, "ProcessMapping", [("Id", VARUINT), ("StartAddress", VARUINT), ("EndAddress", VARUINT),
                                                   ("FileOffset", VARUINT), ("FileName", TEXT),
                                                   ("MetadataId", VARUINT)], guid),
        row(SYMBOL, system, 4, "ProcessSymbol", [("Id", VARUINT), ("MappingId", VARUINT), ("StartAddress", VARUINT),
                                                 ("EndAddress", VARUINT), ("Name", TEXT)], guid),
        row(MAPPING_METADATA, system, 5, "ProcessMappingMetadata", [("Id", VARUINT), ("SymbolMetadata", TEXT),
                                                                    ("VersionMetadata", TEXT)], guid),
        row(TRACEPOINT, "sched", 300, "sched_switch", TRACEPOINT_FIELDS, b"\x01\x05", b"\x03" + bytes(8),
            b"\x04" + string("from {comm}"), b"\x05" + string("a switch"), b"\x06" + string("k") + string("v"),
            b"\x08\x04", b"\x09\x01"),
    ])


def sequence(time, flags, *threads):
    return Block(SEQUENCE, time=time, flags=flags, threads=list(threads))


# Places of the blocks of valid().
(AT_TRACE, AT_METADATA, AT_SEQUENCE, AT_STACKS, AT_THREADS, AT_LABELS, AT_START, AT_SAMPLES, AT_REMOVE, AT_MIDDLE,
 AT_THREADS_2, AT_STACKS_2, AT_SAMPLES_2, AT_LAST, AT_END) = range(15)
# Places of the events in the block at AT_START.
START_SERVER, START_NODE, START_ELF, START_PE, START_SERVER_MAP, START_NODE_MAP, START_SHARED, START_SHARED_2 = range(8)
START_SYMBOL, START_SYMBOL_2 = 8, 9

SERVER = (0x400000, 0x40FFFF)
SHARED = (0x7F0000000000, 0x7F0000000FFF)


class File(Part):
    def encode(self):
        return self.magic + struct.pack("<III", *self.version) + b"".join(block.encode() for block in self.blocks) + \
            self.extra


def valid():
    """A whole trace: two processes that share a mapping, a third that begins and ends, two sequence points within."""
    start = events(
        event(EXISTING, 1, SYNC, process_payload("server")),
        event(EXISTING, 3, SYNC, process_payload("node", 0, "")),
        event(MAPPING_METADATA, 0, SYNC, metadata_payload(1, ELF, '{"type":"deb"}')),
        event(MAPPING_METADATA, 0, SYNC, metadata_payload(2, PE)),
        event(MAPPING, 1, SYNC, mapping_payload(1, *SERVER, 0x1000, "/usr/bin/server", 1)),
        event(MAPPING, 3, SYNC, mapping_payload(2, 0x500000, 0x50FFFF, 0, "/usr/lib/app.dll", 2)),
        event(MAPPING, 1, SYNC, mapping_payload(3, *SHARED, 0, "/usr/lib/libc.so.6", 0)),
        event(MAPPING, 3, SYNC, mapping_payload(3, *SHARED, 0, "/usr/lib/libc.so.6", 0)),
        event(SYMBOL, 1, SYNC, symbol_payload(0, 1, 0x400100, 0x4001FF, "hot")),
        event(SYMBOL, 1, SYNC, symbol_payload(1, 3, 0x7F0000000100, 0x7F0000000110, "memcpy")),
    )
    samples = events(
        event(CPU, 2, SYNC + 10, [varuint(1)], sequence=10, stack=1, labels=1, cpu=1),
        event(CPU, 4, SYNC + 20, [varuint(2)], stack=2),
        event(CSWITCH, 2, SYNC + 30, [varuint(15)], stack=1, labels=2),
        event(TRACEPOINT, 2, SYNC + 40, tracepoint_payload()),
        event(CREATE, 5, SYNC + 45, process_payload("child")),
        event(MAPPING, 5, SYNC + 45, mapping_payload(4, *SERVER, 0x1000, "/usr/bin/server", 1)),
        event(CPU, 5, SYNC + 46, [varuint(1)], stack=3),
        event(EXIT, 5, SYNC + 50, []),
    )
    later = events(
        event(CPU, 1, SYNC + 110, [varuint(3)], stack=1),
        event(CPU, 1, SYNC + 120, [varuint(4)]),
        event(EXIT, 1, SYNC + 130, []),
        event(CREATE, 1, SYNC + 140, process_payload("again")),
    )
    trace = Block(TRACE, date=(2026, 11, 6, 21, 10, 20, 30, 400), sync=SYNC, frequency=10**9, pointer_size=8, keys=[
        ("HardwareThreadCount", "2"), ("ExpectedCPUSamplingRate", "1000000"), ("SystemPageSize", "4096"), ("Host", "h")])
    return File(magic=b"Nettrace", version=(0, 6, 0), extra=b"", blocks=[
        trace,
        metadata_block(),
        sequence(SYNC, 1),
        Block(STACK, first=1, count_error=0, rows=[stack(0x400110, 0x7F0000000105, 0x7F0000000200),
                                                   stack(0x7F0000000110), stack(0x400150)]),
        Block(THREAD, rows=[thread(0, 0, 0), thread(1, 100, 0), thread(2, 100, 101, "worker"), thread(3, 200, 0),
                            thread(4, 200, 200), thread(5, 300, 300)]),
        Block(LABELS, first=1, count_error=0, rows=[
            [label(5, "container", "box"), label(6, "Version", 3)],
            [(1, bytes(16)), (2, bytes(16)), (3, bytes(16)), (4, bytes(8)), (7, b"\x01"), (8, bytes(8)), (9, b"\x04"),
             (10, b"\x02"), label(6, "bytes", 5)]]),
        start,
        samples,
        Block(REMOVE_THREAD, rows=[(5, 0)]),
        sequence(SYNC + 100, 1, (0, 20)),
        Block(THREAD, rows=[thread(0, 0, 0), thread(1, 100, 100)]),
        Block(STACK, first=1, count_error=0, rows=[stack(0x400120)]),
        later,
        sequence(SYNC + 200, 3),
        Block(END),
    ])


def changed(change):
    """The bytes of the valid file after change(file), which changes it in place."""
    file = copy.deepcopy(valid())
    change(file)
    return file.encode()
