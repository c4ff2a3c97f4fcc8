# SPDX-License-Identifier: BSD-2-Clause
"""Blocks and rows of a nettrace file. Everything that TraceEvent refuses, misreads or leaves to luck is an error.

events(data) yields each event with its references resolved. It must not know what any provider's events mean.
"""

import datetime
import struct

RULES = {
    # the file
    "magic": "a file begins with the eight bytes 'Nettrace'",
    "version": "the reserved word is 0, the version 6.0",
    "block-truncated": "a block is as long as its header says",
    "block-kind": "kinds are 0 to 8",
    "trace-first": "the first block is the Trace block",
    "trace-once": "there is one Trace block",
    "end-missing": "the last block is EndOfStream",
    "end-size": "EndOfStream has no payload",
    "end-trailing": "nothing follows EndOfStream",
    # primitives
    "varint-canonical": "a variable length integer has no more bytes than it needs",
    "varint-range": "a variable length integer fits its type",
    "string-utf8": "strings are valid UTF-8",
    "string-nul": "strings hold no NUL",
    # the Trace block
    "trace-size": "the Trace block is as long as its fields",
    "trace-date": "the date exists, and the day of the week, Sunday being 0, is that day's",
    "trace-sync": "ticks are not negative",
    "trace-frequency": "there are ticks in a second",
    "trace-pointer-size": "pointers have eight bytes",
    "trace-key": "keys are there once and not empty",
    "trace-number": "TraceEvent takes HardwareThreadCount, ProcessId and ExpectedCPUSamplingRate when they fit an int",
    "trace-thread-count": "HardwareThreadCount is there",
    "trace-page-size": "SystemPageSize, a power of two, is there: TraceEvent turns addresses into those of ELF files by it",
    # Metadata
    "metadata-header": "the header of a Metadata block has no bytes",
    "metadata-row-size": "a metadata row is as long as it says",
    "metadata-id": "metadata ids are from 1 to 2^31 - 1",
    "metadata-redefined": "a metadata id is defined once",
    "metadata-provider": "a provider has a name",
    "metadata-event-id": "TraceEvent keeps 16 bits of an event id",
    "metadata-event-twice": "a provider has one event of an id, and one of a name: TraceEvent finds them by either",
    "metadata-event-name": "TraceEvent cuts 'Start' and 'Stop' off the end of a name that comes without an opcode",
    "metadata-field-size": "a field's description is as long as it says",
    "metadata-field-name": "the fields of an event have names, each its own",
    "metadata-type": "type codes are those of version 6",
    "metadata-type-located": "what RelLoc and DataLoc point to is made of elements of a fixed size",
    "metadata-type-count": "an array of fixed length has elements, and fits into a payload",
    "metadata-optional-size": "optional metadata is as long as it says",
    "metadata-optional-kind": "kinds of optional metadata are 1 and 3 to 9",
    "metadata-optional-twice": "optional metadata other than keys and values is there once",
    # Thread and RemoveThread
    "thread-row-size": "a thread row is as long as it says",
    "thread-redeclared": "a thread's index is declared once until it is removed or flushed",
    "thread-info-kind": "what is said of a thread is of kind 1 to 4",
    "thread-info-twice": "a thread's name and ids are said once",
    "thread-no-id": "a thread has the ids of its process and of itself",
    "thread-id-range": "TraceEvent keeps 31 bits of an id",
    "thread-removed-unknown": "only a declared thread is removed",
    # Stack
    "stack-size": "a Stack block is as long as its stacks",
    "stack-first-id": "stack ids begin at 1, for 0 is no stack, and stay below 2^31",
    "stack-count": "a Stack block has as many stacks as it says",
    "stack-pointers": "a stack is whole pointers",
    "stack-limit": "TraceEvent keeps 65535 bytes of a stack and its header, which is 8190 frames",
    "stack-redeclared": "a stack id is declared once between sequence points",
    # LabelList
    "label-size": "a LabelList block is as long as its lists",
    "label-first-index": "label list ids begin at 1, for 0 is no labels, and stay below 2^31",
    "label-count": "a LabelList block has as many lists as it says",
    "label-kind": "labels are of kind 1 to 10",
    "label-key": "labels have keys, each its own in a list",
    "label-negative": "labels are zig-zag numbers, and none of ours is negative: what reads so was written plainly",
    "label-redeclared": "a label list id is declared once between sequence points",
    # SequencePoint
    "sequence-size": "a SequencePoint block is as long as its fields",
    "sequence-flags": "flags of a sequence point are 1 and 2",
    "sequence-order": "the times of sequence points increase",
    "sequence-time": "what precedes a sequence point in the file is not later than it",
    "sequence-thread": "a sequence point lists declared threads",
    "sequence-last": "a sequence point ends the trace, and tells when it ended",
    # Event
    "event-block-size": "an Event block holds a header and whole rows",
    "event-header-size": "the header of an Event block has 20 bytes",
    "event-block-flags": "rows are compressed, the form that TraceEvent reads as it is described",
    "event-none": "an Event block has at least one event",
    "event-min": "the least time in a block is that of an event in it",
    "event-max": "the greatest time in a block is that of an event in it",
    "event-row-flags": "flag 32 of a row has no meaning",
    "event-metadata": "an event's metadata precedes it",
    "event-thread": "an event's thread is declared",
    "event-capture-thread": "the thread that captured an event is declared",
    "event-capture-change": "TraceEvent takes notice of another capturing thread only where an event is sorted",
    "event-processor": "TraceEvent keeps one byte of a processor's number, so a label tells a higher one; 2^32 - 1 is none",
    "event-processor-mixed": "all events of a metadata row have a processor or none does: TraceEvent would show an old one",
    "event-stack": "an event's stack is declared since the last sequence point",
    "event-label": "an event's label list is declared since the last sequence point",
    "event-time-range": "times fit 63 bits",
    "event-before-sync": "no event precedes the start of the trace",
    "event-before-sequence": "no event precedes the sequence point before it",
    "event-order": "no event precedes a sorted one, nor one of the same capturing thread, that is before it in the file",
    "event-sequence": "sequence numbers of a capturing thread do not go back",
    "event-payload-limit": "TraceEvent keeps 65535 bytes of a payload",
    "event-payload-size": "a payload is as long as its fields",
    "event-payload-boolean": "truth is 0 or 1",
    "event-payload-located": "what RelLoc and DataLoc point to lies in the payload, in whole elements",
}

END, TRACE, EVENT, METADATA, SEQUENCE, STACK, THREAD, REMOVE_THREAD, LABELS = range(9)

OBJECT, STRING16, ARRAY, VARINT, VARUINT, FIXED_ARRAY, UTF8, RELLOC, DATALOC, BOOL8 = 1, 18, 19, 20, 21, 22, 23, 24, 25, 26
BOOL32 = 3
SCALARS = {BOOL32: "<I", 4: "<H", 5: "<b", 6: "<B", 7: "<h", 8: "<H", 9: "<i", 10: "<I", 11: "<q", 12: "<Q", 13: "<f",
           14: "<d", 16: "<8h", 17: "<16s", UTF8: "<B", BOOL8: "<B"}
PROCESSOR_LABEL = "onecollect.cpu"
NO_PROCESSOR = 0xFFFFFFFF
PAYLOAD_MAX = 65535
STACK_BYTES_MAX = (65535 - 8) // 8 * 8
INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1


class Broken(Exception):
    """A rule is broken: its name, where in the file, and how."""

    def __init__(self, rule, offset, how=""):
        super().__init__(f"{rule} at 0x{offset:x}: {how}")
        self.rule = rule
        self.offset = offset


class Cursor:
    """Reads part of the file; to reach past its end breaks the rule that the part is read under."""

    __slots__ = ("data", "pos", "end", "rule")

    def __init__(self, data, pos, end, rule):
        self.data, self.pos, self.end, self.rule = data, pos, end, rule

    def fail(self, rule, how):
        raise Broken(rule, self.pos, how)

    def take(self, count):
        pos = self.pos
        if count > self.end - pos:
            raise Broken(self.rule, pos, f"{count} bytes are wanted, {self.end - pos} are there")
        self.pos = pos + count
        return self.data[pos:pos + count]

    def part(self, count, rule):
        pos = self.pos
        self.pos = pos + len(self.take(count))
        return Cursor(self.data, pos, pos + count, rule)

    def fixed(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def number(self, layout):
        return self.fixed(layout)[0]

    def u8(self):
        return self.take(1)[0]

    def varuint(self, bits=64):
        data, pos, end = self.data, self.pos, self.end
        value = shift = 0
        while True:
            if pos >= end:
                raise Broken(self.rule, pos, "a number is cut")
            byte = data[pos]
            pos += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= 70:
                raise Broken("varint-range", self.pos, "more than ten bytes")
        if shift > 7 and byte == 0:
            raise Broken("varint-canonical", self.pos, f"{value} in {pos - self.pos} bytes")
        if value >> bits:
            raise Broken("varint-range", self.pos, f"{value} does not fit {bits} bits")
        self.pos = pos
        return value

    def varint(self):
        value = self.varuint()
        return (value >> 1) ^ -(value & 1)

    def text(self, raw, at):
        try:
            text = bytes(raw).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Broken("string-utf8", at, str(error)) from None
        if "\0" in text:
            raise Broken("string-nul", at, repr(text))
        return text

    def string(self):
        at = self.pos
        return self.text(self.take(self.varuint(32)), at)

    def finish(self, how, rule=None):
        if self.pos != self.end:
            self.fail(rule or self.rule, f"{self.end - self.pos} bytes after {how}")


class Header:
    """What the Trace block says."""

    def __init__(self, cursor):
        at = cursor.pos
        year, month, weekday, day, hour, minute, second, millisecond = cursor.fixed("<8h")
        try:
            self.start = datetime.datetime(year, month, day, hour, minute, second, millisecond * 1000)
        except ValueError as error:
            raise Broken("trace-date", at, str(error)) from None
        if weekday != self.start.isoweekday() % 7:
            raise Broken("trace-date", at, f"{self.start.date()} is day {self.start.isoweekday() % 7}, not {weekday}")
        self.sync, self.frequency, pointer_size, count = cursor.fixed("<qqii")
        if self.sync < 0:
            raise Broken("trace-sync", at, f"sync at {self.sync}")
        if self.frequency <= 0:
            raise Broken("trace-frequency", at, f"frequency {self.frequency}")
        if pointer_size != 8:
            raise Broken("trace-pointer-size", at, f"pointer size {pointer_size}")
        if count < 0:
            raise Broken("trace-size", at, f"{count} keys")
        self.keys = {}
        for _ in range(count):
            at = cursor.pos
            key, value = cursor.string(), cursor.string()
            if not key or key in self.keys:
                raise Broken("trace-key", at, repr(key))
            self.keys[key] = value
            self.check(key, value, at)
        cursor.finish("the keys")
        if "HardwareThreadCount" not in self.keys:
            raise Broken("trace-thread-count", at, "it is missing")
        if "SystemPageSize" not in self.keys:
            raise Broken("trace-page-size", at, "it is missing")

    @staticmethod
    def check(key, value, at):
        plain = value.isascii() and value.isdigit() and str(int(value)) == value
        if key in ("HardwareThreadCount", "ProcessId", "ExpectedCPUSamplingRate"):
            if not plain or int(value) > INT_MAX or (int(value) == 0 and key != "ProcessId"):
                raise Broken("trace-number", at, f"{key}={value!r}")
        if key == "SystemPageSize" and (not plain or int(value) & (int(value) - 1) or not 0 < int(value) < 2**64):
            raise Broken("trace-page-size", at, f"{value!r}")


class Type:
    """The type of a field: its code, and for arrays and objects what they are made of. size: None = not fixed."""

    def __init__(self, cursor, depth=0):
        self.code = cursor.u8()
        self.element = self.count = self.fields = self.size = None
        if depth > 8:
            cursor.fail("metadata-type", "too deep")
        if self.code in SCALARS:
            self.size = struct.calcsize(SCALARS[self.code])
        elif self.code in (ARRAY, FIXED_ARRAY, RELLOC, DATALOC):
            self.element = Type(cursor, depth + 1)
            self.take_element(cursor)
        elif self.code == OBJECT:
            self.fields = fields_of(cursor, depth + 1)
            sizes = [kind.size for _, kind in self.fields]
            self.size = None if None in sizes else sum(sizes)
        elif self.code not in (STRING16, VARINT, VARUINT):
            cursor.fail("metadata-type", f"code {self.code}")

    def take_element(self, cursor):
        if self.code in (RELLOC, DATALOC):
            self.size = 4
            if self.element.size is None or self.element.size == 0:
                cursor.fail("metadata-type-located", f"of type {self.element.code}")
        if self.code == FIXED_ARRAY:
            self.count = cursor.number("<H")
            if self.element.size is not None:
                self.size = self.count * self.element.size
            if self.count == 0 or (self.size or 0) > PAYLOAD_MAX:
                cursor.fail("metadata-type-count", f"{self.count} elements, {self.size} bytes")

    def is_string(self):
        return self.code == ARRAY and self.element.code == UTF8


def fields_of(cursor, depth=0):
    names = set()
    fields = []
    for _ in range(cursor.number("<H")):
        field = cursor.part(cursor.number("<H"), "metadata-field-size")
        name = field.string()
        if not name or name in names:
            field.fail("metadata-field-name", repr(name))
        names.add(name)
        fields.append((name, Type(field, depth)))
        field.finish("a field's type")
    return fields


class Metadata:
    """One row of a Metadata block."""

    def __init__(self, cursor):
        self.offset = cursor.pos
        self.id = cursor.varuint(32)
        if not 0 < self.id <= INT_MAX:
            cursor.fail("metadata-id", f"id {self.id}")
        self.provider = cursor.string()
        if not self.provider:
            cursor.fail("metadata-provider", "it is empty")
        self.event = cursor.varuint(32)
        if self.event > 0xFFFF:
            cursor.fail("metadata-event-id", f"event {self.event}")
        self.name = cursor.string()
        self.fields = fields_of(cursor)
        self.optional = self.read_optional(cursor.part(cursor.number("<H"), "metadata-optional-size"))
        cursor.finish("optional metadata")
        if self.name.lower().endswith(("start", "stop")) and "opcode" not in self.optional:
            cursor.fail("metadata-event-name", repr(self.name))

    @staticmethod
    def read_optional(cursor):
        values = {}
        readers = {1: ("opcode", cursor.u8), 3: ("keywords", lambda: cursor.number("<Q")),
                   4: ("template", cursor.string), 5: ("description", cursor.string),
                   6: ("key", lambda: (cursor.string(), cursor.string())), 7: ("guid", lambda: bytes(cursor.take(16))),
                   8: ("level", cursor.u8), 9: ("version", cursor.u8)}
        while cursor.pos < cursor.end:
            kind = cursor.u8()
            if kind not in readers:
                cursor.fail("metadata-optional-kind", f"kind {kind}")
            name, take = readers[kind]
            if name in values and name != "key":
                cursor.fail("metadata-optional-twice", name)
            values[name] = take()
        return values


class Payload:
    """Decodes the payload of one event by its fields, down to the last byte."""

    def __init__(self, data, pos, end):
        self.start = pos
        self.cursor = Cursor(data, pos, end, "event-payload-size")
        self.located = []  # (begin, end) of what lies elsewhere in the payload

    def fields(self, fields):
        values = {name: self.value(kind) for name, kind in fields}
        reached = self.cursor.pos
        for begin, end in sorted(self.located):
            if begin > reached:
                break
            reached = max(reached, end)
        if reached != self.cursor.end:
            raise Broken("event-payload-size", reached, f"{self.cursor.end - reached} bytes after the fields")
        return values

    def value(self, kind):
        cursor = self.cursor
        if kind.code == VARUINT:
            return cursor.varuint()
        if kind.code == VARINT:
            return cursor.varint()
        if kind.code == ARRAY:
            return self.array(kind, cursor.number("<H"))
        if kind.code == FIXED_ARRAY:
            return self.array(kind, kind.count)
        if kind.code == OBJECT:
            return {name: self.value(field) for name, field in kind.fields}
        if kind.code == STRING16:
            return self.string16()
        if kind.code in (RELLOC, DATALOC):
            return self.elsewhere(kind)
        values = cursor.fixed(SCALARS[kind.code])
        if kind.code in (BOOL8, BOOL32) and values[0] > 1:
            cursor.fail("event-payload-boolean", str(values[0]))
        return values[0] if len(values) == 1 else values

    def array(self, kind, count):
        """A string is text; bytes that lie in a fixed length may be padded, and are what somebody else wrote."""
        if kind.element.code == UTF8:
            at = self.cursor.pos
            raw = self.cursor.take(count)
            return self.cursor.text(raw, at) if kind.code == ARRAY else bytes(raw)
        return [self.value(kind.element) for _ in range(count)]

    def string16(self):
        units = []
        while True:
            unit = self.cursor.take(2)
            if unit == b"\0\0":
                return b"".join(units).decode("utf-16-le", "surrogatepass")
            units.append(unit)

    def elsewhere(self, kind):
        word = self.cursor.number("<I")
        size = word >> 16
        begin = (word & 0xFFFF) + (self.cursor.pos if kind.code == RELLOC else self.start)
        if begin < self.start or begin + size > self.cursor.end or size % kind.element.size:
            self.cursor.fail("event-payload-located", f"{size} bytes at {begin - self.start}")
        self.located.append((begin, begin + size))
        part = Payload(self.cursor.data, begin, begin + size)
        return part.array(kind, size // kind.element.size)


class Event:
    """One event. stack: addresses, leaf first, as bytes; thread: (pid, tid, name); labels: (key, value) pairs."""

    __slots__ = ("offset", "metadata", "time", "cpu", "thread", "stack", "labels", "values")


class Row:
    """The header of the row before: what a compressed row leaves out is as it was."""

    __slots__ = ("metadata", "sequence", "capture", "cpu", "thread", "stack", "time", "labels", "size")

    def __init__(self):
        self.metadata = self.sequence = self.capture = self.cpu = self.thread = self.stack = self.time = 0
        self.labels = self.size = 0

    def read(self, cursor):
        """Takes the next row's header in; returns whether it is sorted."""
        flags = cursor.u8()
        if flags & 32:
            cursor.fail("event-row-flags", f"flags {flags}")
        if flags & 1:
            self.metadata = cursor.varuint(32)
        if flags & 2:
            self.sequence += cursor.varuint(32)
            self.capture = cursor.varuint()
            self.cpu = cursor.varuint(32)
        self.sequence = (self.sequence + 1) & 0xFFFFFFFF
        if flags & 4:
            self.thread = cursor.varuint()
        if flags & 8:
            self.stack = cursor.varuint(32)
        self.time += cursor.varuint()
        if flags & 16:
            self.labels = cursor.varuint(32)
        if flags & 128:
            self.size = cursor.varuint(32)
        return bool(flags & 64)


class File:
    """State of reading one file. check_metadata(row) may refuse a row of metadata."""

    def __init__(self, data, check_metadata):
        self.data = data
        self.check_metadata = check_metadata
        self.header = None
        self.metadata, self.threads, self.stacks, self.labels = {}, {}, {}, {}
        self.sequences = {}  # last sequence number by thread index
        self.captured = {}  # time of the last event by capturing thread
        self.capture = None  # the capturing thread that TraceEvent takes the next event to be of
        self.sorted_time = self.last_time = 0
        self.sequence_time = None
        self.with_processor = {}  # by metadata id
        self.dropped = 0
        self.blocks = dict.fromkeys(range(9), 0)

    def events(self):
        head = Cursor(self.data, 0, len(self.data), "magic")
        if head.take(8) != b"Nettrace":
            raise Broken("magic", 0, repr(bytes(self.data[:8])))
        head.rule = "version"
        if head.fixed("<III") != (0, 6, 0):
            raise Broken("version", 8, repr(bytes(self.data[8:20])))
        kind = last = None
        while kind != END:
            if head.pos == head.end:
                raise Broken("end-missing", head.pos, f"the last block is of kind {kind}")
            last = kind
            head.rule = "block-truncated"
            word = head.number("<I")
            kind = word >> 24
            if kind > LABELS:
                raise Broken("block-kind", head.pos - 4, f"kind {kind}")
            if (kind == TRACE) != (self.header is None):
                raise Broken("trace-once" if self.header else "trace-first", head.pos - 4, f"kind {kind}")
            self.blocks[kind] += 1
            block = head.part(word & 0xFFFFFF, "block-truncated")
            if kind == EVENT:
                yield from self.read_events(block)
            elif kind != END:
                self.read_block(kind, block)
        if block.pos != block.end:
            raise Broken("end-size", block.pos, f"{block.end - block.pos} bytes")
        head.finish("EndOfStream", "end-trailing")
        if last != SEQUENCE:
            raise Broken("sequence-last", head.pos, f"the last block is of kind {last}")

    def read_block(self, kind, block):
        readers = {TRACE: ("trace-size", self.read_trace), METADATA: ("metadata-row-size", self.read_metadata),
                   SEQUENCE: ("sequence-size", self.read_sequence), STACK: ("stack-size", self.read_stacks),
                   THREAD: ("thread-row-size", self.read_threads),
                   REMOVE_THREAD: ("thread-row-size", self.read_removals), LABELS: ("label-size", self.read_labels)}
        block.rule, read = readers[kind]
        read(block)

    def read_trace(self, block):
        self.header = Header(block)
        self.sorted_time = self.header.sync

    def read_metadata(self, block):
        if block.number("<H"):
            block.fail("metadata-header", "it has bytes")
        while block.pos < block.end:
            row = Metadata(block.part(block.number("<H"), "metadata-row-size"))
            if row.id in self.metadata:
                raise Broken("metadata-redefined", row.offset, f"id {row.id}")
            for other in self.metadata.values():
                if row.provider == other.provider and (row.event == other.event or row.name == other.name):
                    raise Broken("metadata-event-twice", row.offset, f"{row.provider}/{row.name} {row.event}")
            self.check_metadata(row)
            self.metadata[row.id] = row

    def read_threads(self, block):
        while block.pos < block.end:
            row = block.part(block.number("<H"), "thread-row-size")
            index = row.varuint()
            if index in self.threads:
                row.fail("thread-redeclared", f"index {index}")
            self.threads[index] = self.read_thread(row)

    @staticmethod
    def read_thread(row):
        known = {}
        while row.pos < row.end:
            kind = row.u8()
            if not 1 <= kind <= 4:
                row.fail("thread-info-kind", f"kind {kind}")
            if kind == 4:
                row.string(), row.string()
                continue
            if kind in known:
                row.fail("thread-info-twice", f"kind {kind}")
            known[kind] = row.string() if kind == 1 else row.varuint()
            if kind != 1 and known[kind] > INT_MAX:
                row.fail("thread-id-range", str(known[kind]))
        if 2 not in known or 3 not in known:
            row.fail("thread-no-id", f"of kinds {sorted(known)}")
        return known[2], known[3], known.get(1, "")

    def read_removals(self, block):
        while block.pos < block.end:
            index, sequence = block.varuint(), block.varuint(32)
            if index not in self.threads:
                block.fail("thread-removed-unknown", f"index {index}")
            self.count_dropped(block, index, sequence)
            del self.threads[index]
            self.sequences.pop(index, None)

    def read_stacks(self, block):
        first, count = block.fixed("<II")
        if not 1 <= first <= INT_MAX - count:
            block.fail("stack-first-id", f"{count} from id {first}")
        for number in range(first, first + count):
            if block.pos == block.end:
                block.fail("stack-count", f"{number - first} of {count}")
            size = block.number("<I")
            if size % 8:
                block.fail("stack-pointers", f"{size} bytes")
            if size > STACK_BYTES_MAX:
                block.fail("stack-limit", f"{size} bytes")
            if number in self.stacks:
                block.fail("stack-redeclared", f"id {number}")
            self.stacks[number] = bytes(block.take(size))
        block.finish(f"{count} stacks", "stack-count")

    def read_labels(self, block):
        first, count = block.fixed("<II")
        if not 1 <= first <= INT_MAX - count:
            block.fail("label-first-index", f"{count} from index {first}")
        for number in range(first, first + count):
            if block.pos == block.end:
                block.fail("label-count", f"{number - first} of {count}")
            if number in self.labels:
                block.fail("label-redeclared", f"index {number}")
            self.labels[number] = self.read_label_list(block)
        block.finish(f"{count} lists", "label-count")

    @staticmethod
    def read_label_list(block):
        """The labels of one list. What TraceEvent knows by kind has its kind's name as key."""
        known = {1: ("ActivityId", lambda: bytes(block.take(16))), 2: ("RelatedActivityId", lambda: bytes(block.take(16))),
                 3: ("TraceId", lambda: bytes(block.take(16))), 4: ("SpanId", lambda: block.number("<Q")),
                 7: ("OpCode", block.u8), 8: ("Keywords", lambda: block.number("<Q")), 9: ("Level", block.u8),
                 10: ("Version", block.u8)}
        labels = {}
        while True:
            byte = block.u8()
            kind = byte & 0x7F
            if kind in (5, 6):
                key = block.string()
                value = block.string() if kind == 5 else block.varint()
            elif kind in known:
                key, take = known[kind]
                value = take()
            else:
                block.fail("label-kind", f"kind {kind}")
            if not key or key in labels:
                block.fail("label-key", repr(key))
            if kind == 6 and value < 0:
                block.fail("label-negative", f"{key} is {value}")
            labels[key] = value
            if byte & 0x80:
                return tuple(labels.items())

    def read_sequence(self, block):
        time, flags, count = block.fixed("<QII")
        if flags & ~3:
            block.fail("sequence-flags", f"flags {flags}")
        if self.sequence_time is not None and time <= self.sequence_time:
            block.fail("sequence-order", f"{time} after {self.sequence_time}")
        if time < self.last_time or time < self.header.sync:
            block.fail("sequence-time", f"{time}, after an event at {self.last_time}")
        for _ in range(count):
            index, sequence = block.varuint(), block.varuint(32)
            if index not in self.threads:
                block.fail("sequence-thread", f"index {index}")
            self.count_dropped(block, index, sequence)
        block.finish("the threads")
        self.sequence_time = self.sorted_time = time
        self.stacks, self.labels = {}, {}
        if flags & 1:
            self.threads, self.sequences, self.captured, self.capture = {}, {}, {}, None
        if flags & 2:
            self.metadata, self.with_processor = {}, {}

    def count_dropped(self, cursor, index, sequence):
        """sequence: the last number that the thread gave out."""
        missing = (sequence - self.sequences.get(index, 0)) & 0xFFFFFFFF
        if missing > INT_MAX:
            cursor.fail("event-sequence", f"{sequence} of thread {index} after {self.sequences.get(index, 0)}")
        self.dropped += missing
        self.sequences[index] = sequence

    def read_events(self, block):
        block.rule = "event-block-size"
        size, flags, least, greatest = block.fixed("<HHqq")
        if size != 20:
            block.fail("event-header-size", f"{size} bytes")
        if flags != 1:
            block.fail("event-block-flags", f"flags {flags}")
        if block.pos == block.end:
            block.fail("event-none", "it has none")
        row = Row()
        first, before = None, 0
        self.capture = None  # TraceEvent looks up that of a block's first event
        while block.pos < block.end:
            event = Event()
            event.offset = block.pos
            is_sorted = row.read(block)
            self.check_time(event, row, before, is_sorted)
            before = row.time
            first = row.time if first is None else first
            self.check_capture(event, row, is_sorted)
            self.resolve(event, row)
            if row.size > PAYLOAD_MAX:
                block.fail("event-payload-limit", f"{row.size} bytes")
            pos = block.pos
            block.take(row.size)
            event.values = Payload(self.data, pos, block.pos).fields(event.metadata.fields)
            yield event
        if first != least:
            raise Broken("event-min", block.pos, f"{least}, and the first event is at {first}")
        if row.time != greatest:
            raise Broken("event-max", block.pos, f"{greatest}, and the last event is at {row.time}")

    def check_time(self, event, row, before, is_sorted):
        at = event.offset
        if row.time > LONG_MAX:
            raise Broken("event-time-range", at, f"{row.time}, {row.time - before} after the one before")
        if row.time < self.header.sync:
            raise Broken("event-before-sync", at, f"{row.time} before {self.header.sync}")
        if self.sequence_time is not None and row.time < self.sequence_time:
            raise Broken("event-before-sequence", at, f"{row.time} before {self.sequence_time}")
        if row.time < max(self.sorted_time, self.captured.get(row.capture, 0)):
            raise Broken("event-order", at, f"{row.time} after {self.sorted_time}")
        self.captured[row.capture] = row.time
        self.last_time = max(self.last_time, row.time)
        if is_sorted:
            self.sorted_time = row.time

    def check_capture(self, event, row, is_sorted):
        at = event.offset
        if row.capture not in self.threads:
            raise Broken("event-capture-thread", at, f"index {row.capture}")
        if not is_sorted and self.capture not in (None, row.capture):
            raise Broken("event-capture-change", at, f"from {self.capture} to {row.capture}")
        self.capture = row.capture
        last = self.sequences.get(row.capture, 0)
        missing = (row.sequence - 1 - last) & 0xFFFFFFFF
        if missing > INT_MAX:
            raise Broken("event-sequence", at, f"{row.sequence} of thread {row.capture} after {last}")
        self.dropped += missing
        self.sequences[row.capture] = row.sequence

    def resolve(self, event, row):
        at = event.offset
        if row.metadata not in self.metadata:
            raise Broken("event-metadata", at, f"id {row.metadata}")
        if row.thread not in self.threads:
            raise Broken("event-thread", at, f"index {row.thread}")
        if row.stack and row.stack not in self.stacks:
            raise Broken("event-stack", at, f"id {row.stack}")
        if row.labels and row.labels not in self.labels:
            raise Broken("event-label", at, f"index {row.labels}")
        event.metadata, event.time = self.metadata[row.metadata], row.time
        event.cpu = None if row.cpu == NO_PROCESSOR else row.cpu
        event.thread = self.threads[row.thread]
        event.stack = self.stacks[row.stack] if row.stack else b""
        event.labels = self.labels[row.labels] if row.labels else ()
        self.check_processor(at, row, event.labels)

    def check_processor(self, at, row, labels):
        known = row.cpu != NO_PROCESSOR
        if known and row.cpu > 255 and (PROCESSOR_LABEL, row.cpu) not in labels:
            raise Broken("event-processor", at, f"processor {row.cpu}")
        if self.with_processor.setdefault(row.metadata, known) != known:
            raise Broken("event-processor-mixed", at, f"metadata {row.metadata}")
