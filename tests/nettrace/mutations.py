# SPDX-License-Identifier: BSD-2-Clause
"""Each rule of the reader, and changes of the valid file of maker.py that break it: a name of the rule, and how.

A change gets a File of maker.py and changes it in place.
"""

import struct

from nettrace import maker as m

LONG = b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"  # a number in more than ten bytes
MUTATIONS = []


def breaks(rule):
    def add(change):
        MUTATIONS.append((rule, change))
        return change
    return add


def on(rule, place, change):
    """change: of the block at this place."""
    MUTATIONS.append((rule, lambda file: change(file.blocks[place])))


def on_row(rule, place, number, change):
    """change: of this row of that block."""
    MUTATIONS.append((rule, lambda file: change(file.blocks[place].rows[number])))


def put(name, value):
    return lambda part: setattr(part, name, value)


def add(name, value):
    return lambda part: setattr(part, name, getattr(part, name) + value)


def put_item(name, number, value):
    def change(part):
        getattr(part, name)[number] = value
    return change


def put_key(key, value):
    def change(block):
        block.keys = [(name, value if name == key else old) for name, old in block.keys]
    return change


def drop_key(key):
    def change(block):
        block.keys = [pair for pair in block.keys if pair[0] != key]
    return change


# The file.
breaks("magic")(put("magic", b"nettrace"))
breaks("magic")(put("magic", b"Nettrac\0"))
for version in ((1, 6, 0), (0, 5, 0), (0, 7, 0), (0, 6, 1)):
    breaks("version")(put("version", version))
on("block-truncated", m.AT_END, put("size_error", 1))
breaks("block-truncated")(lambda file: file.blocks.__setitem__(m.AT_END, m.Part(encode=lambda: b"\0\0\0")))
on("block-kind", m.AT_STACKS, put("kind", 9))
on("block-kind", m.AT_STACKS, put("kind", 255))
breaks("trace-first")(lambda file: file.blocks.insert(0, file.blocks[m.AT_SEQUENCE]))
breaks("trace-once")(lambda file: file.blocks.insert(1, file.blocks[0]))
breaks("end-missing")(lambda file: file.blocks.pop())
on("end-size", m.AT_END, put("extra", b"\0"))
breaks("end-trailing")(put("extra", b"\0"))

# Primitives.
on_row("varint-canonical", m.AT_THREADS, 1, put("index", b"\x81\x00"))
on_row("varint-canonical", m.AT_SAMPLES, 0, put("payload", [b"\x81\x80\x00"]))
on_row("varint-range", m.AT_METADATA, 0, put("id", b"\x81\x80\x80\x80\x10"))
on_row("varint-range", m.AT_SAMPLES, 0, put("payload", [b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"]))
on_row("varint-range", m.AT_SAMPLES, 0, put("payload", [LONG]))
on("string-utf8", m.AT_TRACE, put_key("Host", b"\x01\xff"))
on_row("string-utf8", m.AT_THREADS, 2, put_item("items", 2, b"\x01\x02\xc3\x28"))
on_row("string-utf8", m.AT_START, m.START_SERVER, put("payload", m.process_payload(b"\x03\x00\xed\xa0\x80")))
on("string-nul", m.AT_TRACE, put_key("Host", "h\0"))
on_row("string-nul", m.AT_START, m.START_SERVER, put("payload", m.process_payload("server\0")))

# The Trace block.
on("trace-size", m.AT_TRACE, put("extra", b"\0"))
on("trace-size", m.AT_TRACE, put_key("Host", b"\x7fh"))
on("trace-date", m.AT_TRACE, put("date", (2026, 11, 5, 21, 10, 20, 30, 400)))
on("trace-date", m.AT_TRACE, put("date", (2026, 2, 1, 30, 10, 20, 30, 400)))
on("trace-date", m.AT_TRACE, put("date", (2026, 11, 6, 21, 24, 20, 30, 400)))
on("trace-date", m.AT_TRACE, put("date", (2026, 11, 6, 21, 10, 20, 30, 1000)))
on("trace-date", m.AT_TRACE, put("date", (2026, 11, 7, 22, 10, 20, 30, 400)))  # Sunday is 0
on("trace-sync", m.AT_TRACE, put("sync", -1))
on("trace-frequency", m.AT_TRACE, put("frequency", 0))
on("trace-pointer-size", m.AT_TRACE, put("pointer_size", 4))
on("trace-key", m.AT_TRACE, lambda block: block.keys.append(("Host", "h")))
on("trace-key", m.AT_TRACE, lambda block: block.keys.append(("", "h")))
for text in ("2147483648", "0", "two", "-1", " 1", "\u0661"):
    on("trace-number", m.AT_TRACE, put_key("HardwareThreadCount", text))
    on("trace-number", m.AT_TRACE, put_key("ExpectedCPUSamplingRate", text))
on("trace-number", m.AT_TRACE, lambda block: block.keys.append(("ProcessId", "2147483648")))
on("trace-thread-count", m.AT_TRACE, drop_key("HardwareThreadCount"))
on("trace-page-size", m.AT_TRACE, drop_key("SystemPageSize"))
on("trace-page-size", m.AT_TRACE, put_key("SystemPageSize", "4095"))
on("trace-page-size", m.AT_TRACE, put_key("SystemPageSize", "0"))
on("sampling-rate", m.AT_TRACE, drop_key("ExpectedCPUSamplingRate"))

# Metadata.
on("metadata-header", m.AT_METADATA, put("header", b"\0\0"))
on_row("metadata-row-size", m.AT_METADATA, 0, put("extra", b"\0"))
on_row("metadata-row-size", m.AT_METADATA, 8, put("size_error", 1))
on("metadata-row-size", m.AT_METADATA, put("extra", b"\1"))
on_row("metadata-id", m.AT_METADATA, 0, put("id", 0))
on_row("metadata-id", m.AT_METADATA, 0, put("id", 2**31))
on_row("metadata-redefined", m.AT_METADATA, 1, put("id", m.CPU))
on_row("metadata-provider", m.AT_METADATA, 8, put("provider", ""))
on_row("metadata-event-id", m.AT_METADATA, 1, put("event", 65536))
on_row("metadata-event-twice", m.AT_METADATA, 1, put("event", 1))
on_row("metadata-event-twice", m.AT_METADATA, 1, put("name", "cpu"))
on_row("metadata-event-name", m.AT_METADATA, 1, put("name", "gcStart"))
on_row("metadata-event-name", m.AT_METADATA, 1, put("name", "gc_stop"))
on_row("metadata-field-size", m.AT_METADATA, 0, lambda row: setattr(row.fields[0], "extra", b"\0"))
on_row("metadata-field-size", m.AT_METADATA, 0, lambda row: setattr(row.fields[0], "size_error", -1))
on_row("metadata-field-name", m.AT_METADATA, 0, lambda row: setattr(row.fields[0], "name", ""))
on_row("metadata-field-name", m.AT_METADATA, 2, lambda row: setattr(row.fields[2], "name", "Name"))
for code in (0, 2, 15, 27, 255):
    on_row("metadata-type", m.AT_METADATA, 0, lambda row, code=code: setattr(row.fields[0], "type", bytes([code])))
on_row("metadata-type", m.AT_METADATA, 8, lambda row: setattr(row.fields[0], "type", b"\x16" * 12))
for code in (b"\x18", b"\x19"):
    for element in (b"\x12", b"\x15", b"\x13\x17", b"\x01\x00\x00"):
        on_row("metadata-type-located", m.AT_METADATA, 8,
               lambda row, kind=code + element: setattr(row.fields[11], "type", kind))
on_row("metadata-type-count", m.AT_METADATA, 8, lambda row: setattr(row.fields[1], "type", b"\x16\x17\0\0"))
on_row("metadata-type-count", m.AT_METADATA, 8, lambda row: setattr(row.fields[1], "type", b"\x16\x0c\0\x20"))
on_row("metadata-optional-size", m.AT_METADATA, 0, lambda row: setattr(row.optional, "size_error", -1))
on_row("metadata-optional-size", m.AT_METADATA, 8, lambda row: setattr(row.optional, "items", [b"\x03\0\0"]))
for kind in (0, 2, 10):
    on_row("metadata-optional-kind", m.AT_METADATA, 0, lambda row, kind=kind: row.optional.items.append(bytes([kind])))
on_row("metadata-optional-twice", m.AT_METADATA, 8, lambda row: row.optional.items.append(b"\x08\x04"))

# Threads.
on_row("thread-row-size", m.AT_THREADS, 5, put("size_error", 1))
on_row("thread-row-size", m.AT_THREADS, 1, put_item("items", 1, b"\x03\x80"))
on_row("thread-redeclared", m.AT_THREADS, 2, put("index", 1))
breaks("thread-redeclared")(lambda file: file.blocks.insert(m.AT_SAMPLES, file.blocks[m.AT_THREADS]))
on_row("thread-info-kind", m.AT_THREADS, 1, lambda row: row.items.append(b"\0"))
on_row("thread-info-kind", m.AT_THREADS, 1, lambda row: row.items.append(b"\5"))
on_row("thread-info-twice", m.AT_THREADS, 1, lambda row: row.items.append(b"\2\1"))
on_row("thread-no-id", m.AT_THREADS, 1, lambda row: row.items.pop())
on_row("thread-no-id", m.AT_THREADS, 0, lambda row: row.items.pop(0))
on_row("thread-id-range", m.AT_THREADS, 1, put_item("items", 0, b"\2" + m.varuint(2**31)))
on("thread-removed-unknown", m.AT_REMOVE, put("rows", [(6, 0)]))
on("thread-removed-unknown", m.AT_REMOVE, put("rows", [(5, 0), (5, 0)]))

# Stacks.
on("stack-size", m.AT_STACKS, lambda block: setattr(block, "rows", [m.Part(encode=lambda: struct.pack("<I", 16) + b"\0" * 8)]))
on("stack-size", m.AT_STACKS, put("encode", lambda: b"\4\0\0\5\1\0\0\0"))
on("stack-first-id", m.AT_STACKS, put("first", 0))
on("stack-first-id", m.AT_STACKS, put("first", 2**31 - 1))
on("stack-count", m.AT_STACKS, put("count_error", 1))
on("stack-count", m.AT_STACKS, put("count_error", -1))
on_row("stack-pointers", m.AT_STACKS, 1, put("extra", b"\0" * 4))
on_row("stack-limit", m.AT_STACKS, 1, put("addresses", [0x400110] * 8191))
breaks("stack-redeclared")(lambda file: file.blocks.insert(m.AT_SAMPLES, file.blocks[m.AT_STACKS_2]))

# Label lists.
on("label-size", m.AT_LABELS, put("rows", [[(6, b"\1a\x80")]]))
on("label-size", m.AT_LABELS, put("rows", [[(5, b"\1a\2v")]]))
on("label-size", m.AT_LABELS, put("rows", [[(3, bytes(15))]]))
on("label-first-index", m.AT_LABELS, put("first", 0))
on("label-count", m.AT_LABELS, put("count_error", 1))
on("label-count", m.AT_LABELS, put("count_error", -1))
on("label-kind", m.AT_LABELS, put("rows", [[(0, b"")]]))
on("label-kind", m.AT_LABELS, put("rows", [[(11, b"\1a\2")]]))
on("label-key", m.AT_LABELS, put("rows", [[m.label(5, "", "v")]]))
on("label-key", m.AT_LABELS, put("rows", [[m.label(5, "a", "v"), m.label(6, "a", 1)]]))
on("label-negative", m.AT_LABELS, put("rows", [[m.label(6, "Version", b"\3")]]))  # 3, not zig-zag
breaks("label-redeclared")(lambda file: file.blocks.insert(m.AT_SAMPLES, file.blocks[m.AT_LABELS]))

# Sequence points.
on("sequence-size", m.AT_MIDDLE, put("extra", b"\0"))
on("sequence-size", m.AT_MIDDLE, put("threads", [(0, b"")]))
on("sequence-flags", m.AT_MIDDLE, put("flags", 4))
breaks("sequence-order")(lambda file: file.blocks.insert(m.AT_LAST, m.sequence(m.SYNC + 200, 0)))
breaks("sequence-order")(lambda file: file.blocks.insert(m.AT_THREADS_2, m.sequence(m.SYNC + 99, 0)))
on("sequence-time", m.AT_MIDDLE, put("time", m.SYNC + 49))
on("sequence-time", m.AT_SEQUENCE, put("time", m.SYNC - 1))
on("sequence-thread", m.AT_MIDDLE, put("threads", [(5, 0)]))
breaks("sequence-last")(lambda file: file.blocks.pop(m.AT_LAST))

# Events.
on("event-block-size", m.AT_SAMPLES_2, put("extra", b"\xdf"))
on_row("event-block-size", m.AT_SAMPLES_2, 3, put("size", 200))
breaks("event-block-size")(lambda file: file.blocks.insert(m.AT_START, m.Part(encode=lambda: b"\4\0\0\2\x14\0\1\0")))
on("event-header-size", m.AT_START, put("header_size", 24))
on("event-header-size", m.AT_START, put("header_size", 18))
on("event-block-flags", m.AT_START, put("flags", 0))
on("event-block-flags", m.AT_START, put("flags", 3))
on("event-none", m.AT_START, put("rows", []))
on("event-min", m.AT_SAMPLES, put("min_error", -1))
on("event-max", m.AT_SAMPLES, put("max_error", 1))
on_row("event-row-flags", m.AT_SAMPLES, 0, put("flags", 0xFF))
on_row("event-metadata", m.AT_SAMPLES, 0, put("metadata", 10))
on_row("event-metadata", m.AT_SAMPLES, 0, put("metadata", 0))
breaks("event-metadata")(lambda file: file.blocks.insert(m.AT_SAMPLES_2, file.blocks.pop(m.AT_METADATA)))
on("event-metadata", m.AT_MIDDLE, put("flags", 3))
on_row("event-thread", m.AT_SAMPLES, 0, put("thread", 6))
on_row("event-thread", m.AT_SAMPLES_2, 0, put("thread", 2))  # flushed
breaks("event-thread")(lambda file: file.blocks.insert(m.AT_SAMPLES, file.blocks.pop(m.AT_REMOVE)))
on_row("event-capture-thread", m.AT_SAMPLES, 0, put("capture", 6))
breaks("event-capture-thread")(lambda file: file.blocks[m.AT_THREADS_2].rows.pop(0))
on_row("event-capture-change", m.AT_SAMPLES, 1, lambda row: (put("capture", 1)(row), put("flags", 0x9F)(row)))
on_row("event-processor", m.AT_SAMPLES, 0, put("cpu", 256))
on_row("event-processor-mixed", m.AT_SAMPLES, 1, put("cpu", 0xFFFFFFFF))
on_row("event-stack", m.AT_SAMPLES, 0, put("stack", 4))
on_row("event-stack", m.AT_SAMPLES_2, 0, put("stack", 2))  # of before the sequence point
on_row("event-label", m.AT_SAMPLES, 0, put("labels", 3))
on_row("event-label", m.AT_SAMPLES_2, 0, put("labels", 1))
on_row("event-time-range", m.AT_SAMPLES_2, 3, put("time", m.varuint(2**63)))
on_row("event-time-range", m.AT_SAMPLES_2, 3, put("time", m.varuint(2**64 - 1)))  # one tick back


@breaks("event-before-sync")
def before_sync(file):
    del file.blocks[m.AT_SEQUENCE]
    file.blocks[m.AT_START - 1].rows[0].time = m.SYNC - 1


@breaks("event-before-sequence")
def before_sequence(file):
    file.blocks[m.AT_SEQUENCE].time = m.SYNC + 1


@breaks("event-before-sequence")
def before_middle(file):
    file.blocks[m.AT_SAMPLES_2].rows[0].time = m.SYNC + 99


@breaks("event-order")
def blocks_swapped(file):
    file.blocks[m.AT_START].rows[-1].time = m.SYNC + 11


@breaks("event-order")
def captured_out_of_order(file):
    """No event is sorted, and the same thread captured them."""
    for place in (m.AT_START, m.AT_SAMPLES):
        for row in file.blocks[place].rows:
            row.flags = 0x9F
    file.blocks[m.AT_START].rows[-1].time = m.SYNC + 11


on_row("event-sequence", m.AT_SAMPLES, 0, put("sequence", 9))
on("event-sequence", m.AT_MIDDLE, put("threads", [(0, 17)]))
on("event-sequence", m.AT_REMOVE, put("rows", [(0, 17)]))
on_row("event-payload-limit", m.AT_SAMPLES, 0, put("payload", [b"\0" * 65536]))
on_row("event-payload-size", m.AT_SAMPLES, 0, put("payload", [b"\1\1"]))  # undeclared bytes
on_row("event-payload-size", m.AT_SAMPLES, 0, put("payload", []))
on_row("event-payload-size", m.AT_START, m.START_SERVER_MAP, lambda row: row.payload.append(b"\0\0\0\0"))
on_row("event-payload-size", m.AT_START, m.START_SERVER, put("payload", m.process_payload(b"\x40\0server")))
on_row("event-payload-size", m.AT_SAMPLES, 3, lambda row: row.payload.append(b"\0"))
on_row("event-payload-boolean", m.AT_SAMPLES, 3, put_item("payload", 2, b"\2"))
on_row("event-payload-boolean", m.AT_SAMPLES, 3, put_item("payload", 3, struct.pack("<I", 256)))
on_row("event-payload-located", m.AT_SAMPLES, 3, put_item("payload", 11, struct.pack("<I", 200 << 16 | 4)))
on_row("event-payload-located", m.AT_SAMPLES, 3, put_item("payload", 12, struct.pack("<I", 3 << 16 | 2)))

# The Universal providers.
on_row("universal-guid", m.AT_METADATA, 0, lambda row: row.optional.items.__setitem__(0, b"\7" + m.SYSTEM_GUID))
on_row("universal-guid", m.AT_METADATA, 2, lambda row: row.optional.items.__setitem__(0, b"\7" + bytes(16)))
on_row("universal-fields", m.AT_METADATA, 2, lambda row: setattr(row.fields[1], "type", b"\x17"))
on_row("universal-fields", m.AT_METADATA, 0, lambda row: setattr(row.fields[0], "type", b"\x14"))
on_row("universal-fields", m.AT_METADATA, 0, lambda row: setattr(row.fields[0], "name", "Weight"))
on_row("universal-fields", m.AT_METADATA, 5, lambda row: row.fields.insert(1, m.field("ProcessId", m.VARUINT)))
on_row("universal-fields", m.AT_METADATA, 0, lambda row: row.fields.insert(0, m.field("First", m.VARUINT)))
on_row("universal-system-event", m.AT_METADATA, 2, put("event", 6))
on_row("universal-system-event", m.AT_METADATA, 2, put("name", "ProcessExisting"))
on_row("universal-event-name", m.AT_METADATA, 0, put("name", ""))
on_row("process-unknown", m.AT_START, m.START_SERVER, lambda row: setattr(row, "thread", 5))
on_row("process-unknown", m.AT_SAMPLES, 0, put("thread", 0))
on_row("process-twice", m.AT_START, m.START_NODE, put("thread", 1))
on_row("process-twice", m.AT_SAMPLES, 4, put("thread", 1))
on_row("process-existing", m.AT_SAMPLES, 4, put("metadata", m.EXISTING))
on_row("process-ended", m.AT_SAMPLES_2, 1, lambda row: (put("metadata", m.EXIT)(row), put("payload", [])(row)))
on_row("process-ended", m.AT_SAMPLES_2, 0, lambda row: (put("metadata", m.EXIT)(row), put("payload", [])(row)))
for text in ("", "{", '{"type":"ELF","debug_link":"a"b"}', '{"type":"ELF","type":"ELF"}', '["ELF"]', '{"type":"ELF",}',
             '{"type":"PE","age":NaN}', '{"type":"ELF","debug_link":"a\nb"}'):
    on_row("metadata-json", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(1, text)))
on_row("metadata-symbol-type", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(1, {"build_id": "ab"})))
on_row("metadata-symbol-type", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(1, {"type": "MachO"})))
for wrong in ({"build_id": "abc"}, {"build_id": "xy"}, {"debug_link": 1}, {"p_vaddr": "1000x"}, {"p_offset": -1},
              {"p_offset": None}):
    on_row("metadata-elf", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(1, {**m.ELF, **wrong})))
on_row("metadata-elf", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(1, {"type": "ELF", "p_vaddr": "0x0"})))
for wrong in ({"signature": "0" * 31}, {"name": 5}, {"age": -1}, {"perfmap_signature": None}, {"text_offset": 2**32},
              {"date_time": "5"}):
    on_row("metadata-pe", m.AT_START, m.START_PE, put("payload", m.metadata_payload(2, {**m.PE, **wrong})))
on_row("metadata-version", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(1, m.ELF, "1.2")))
on_row("metadata-reused", m.AT_START, m.START_ELF, put("payload", m.metadata_payload(0, m.ELF)))
on_row("metadata-reused", m.AT_START, m.START_PE, put("payload", m.metadata_payload(1, m.PE)))


def mapping(rule, place, *values):
    on_row(rule, m.AT_START, place, put("payload", m.mapping_payload(*values)))


def symbol(rule, place, *values):
    on_row(rule, m.AT_START, place, put("payload", m.symbol_payload(*values)))


mapping("mapping-metadata", m.START_SERVER_MAP, 1, *m.SERVER, 0x1000, "/usr/bin/server", 3)
breaks("mapping-metadata")(lambda file: file.blocks[m.AT_START].rows.append(file.blocks[m.AT_START].rows.pop(m.START_ELF)))
mapping("mapping-range", m.START_SERVER_MAP, 1, 0x400000, 0x3FFFFF, 0x1000, "/usr/bin/server", 1)
mapping("mapping-range", m.START_SERVER_MAP, 1, 0, 2**64 - 1, 0x1000, "/usr/bin/server", 1)
mapping("mapping-twice", m.START_SHARED, 1, *m.SHARED, 0, "/usr/lib/libc.so.6", 0)
mapping("mapping-reused", m.START_SHARED_2, 3, *m.SHARED, 0, "/usr/lib/libm.so.6", 0)
mapping("mapping-reused", m.START_SHARED_2, 3, m.SHARED[0] + 0x1000, m.SHARED[1] + 0x1000, 0, "/usr/lib/libc.so.6", 0)
mapping("mapping-overlap", m.START_SERVER_MAP, 1, 0x400000, m.SHARED[0], 0x1000, "/usr/bin/server", 1)
symbol("symbol-mapping", m.START_SYMBOL, 0, 9, 0x400100, 0x4001FF, "hot")
breaks("symbol-mapping")(lambda file: file.blocks[m.AT_START].rows.append(
    file.blocks[m.AT_START].rows.pop(m.START_SERVER_MAP)))
symbol("symbol-range", m.START_SYMBOL, 0, 1, 0x4001FF, 0x4000FF, "hot")
symbol("symbol-outside", m.START_SYMBOL, 0, 1, 0x400100, 0x410000, "hot")
symbol("symbol-outside", m.START_SYMBOL, 0, 1, 0x3FFFFF, 0x4001FF, "hot")
symbol("symbol-overlap", m.START_SYMBOL_2, 1, 1, 0x4001FF, 0x400200, "cold")
symbol("symbol-id", m.START_SYMBOL_2, 0, 3, 0x7F0000000100, 0x7F0000000110, "memcpy")
symbol("symbol-name", m.START_SYMBOL, 0, 1, 0x400100, 0x4001FF, "")
symbol("symbol-unused", m.START_SYMBOL, 0, 1, 0x400200, 0x4002FF, "cold")
on_row("frame-unmapped", m.AT_STACKS, 0, put("addresses", [0x400110, 0x300000]))


@breaks("frame-unmapped")
def mapped_too_late(file):
    rows = file.blocks[m.AT_SAMPLES].rows
    rows[5].time = rows[6].time
    rows[5], rows[6] = rows[6], rows[5]


on_row("sample-value", m.AT_SAMPLES, 0, put("payload", [b"\0"]))
on_row("switch-value", m.AT_SAMPLES, 2, put("payload", [m.varuint(m.SYNC + 31)]))
