# SPDX-License-Identifier: BSD-2-Clause
"""What the events of the Universal providers mean, as TraceEvent takes them: processes, mappings, symbols, samples.

read(data) checks how they refer to each other, and gives totals and weights by function.
"""

import bisect
import collections
import json
import re
import struct
import uuid

from nettrace.container import LONG_MAX, VARUINT, Broken, File

RULES = {
    "universal-guid": "the Universal providers have the GUIDs that TraceEvent knows them by",
    "universal-fields": "fields of Universal events are those TraceEvent reads: VarUInt, and Array of UTF8CodeUnit",
    "universal-system-event": "events of Universal.System are those of ids 0 to 5, under their names",
    "universal-event-name": "events of Universal.Events have names",
    "sampling-rate": "a trace of CPU samples says ExpectedCPUSamplingRate",
    "process-unknown": "an event's process exists: ExistingProcess or ProcessCreate precedes it",
    "process-twice": "a process begins once before it exits",
    "process-existing": "ExistingProcess has the time of the first event, and no process precedes it under its id",
    "process-ended": "nothing happens in a process after its ProcessExit; only symbols, which have no time, may follow",
    "metadata-json": "SymbolMetadata is a JSON object with each key once; TraceEvent ignores silently what is not",
    "metadata-symbol-type": "SymbolMetadata is of type ELF or PE",
    "metadata-elf": "build_id is hexadecimal, debug_link a name, p_vaddr and p_offset are numbers and come together",
    "metadata-pe": "names of PE metadata are strings, signatures 32 hexadecimal digits, the rest numbers in range",
    "metadata-version": "VersionMetadata is empty or a JSON object",
    "metadata-reused": "the id of mapping metadata is not 0, and is given once",
    "mapping-metadata": "the metadata of a mapping precedes it",
    "mapping-range": "a mapping ends, inclusively, at or after its start, and is not half of all memory",
    "mapping-twice": "a process has a mapping once",
    "mapping-reused": "the id of a mapping that processes share means the same in each",
    "mapping-overlap": "the mappings that a process has at one time do not overlap",
    "symbol-mapping": "the mapping of a symbol precedes it",
    "symbol-range": "a symbol ends, inclusively, at or after its start",
    "symbol-outside": "a symbol lies in its mapping",
    "symbol-overlap": "symbols of a mapping do not overlap",
    "symbol-id": "a symbol's id is given once",
    "symbol-name": "a symbol has a name",
    "symbol-unused": "a symbol covers an address of some stack",
    "frame-unmapped": "each address of a stack lies in a mapping that its process had by then",
    "sample-value": "a CPU sample weighs something",
    "switch-value": "a switch was not away since before the ticks began",
}

SYSTEM, EVENTS = "Universal.System", "Universal.Events"
GUIDS = {SYSTEM: uuid.UUID("8c107b6c-79f8-5231-4de6-2a0e20a3f562").bytes_le,
         EVENTS: uuid.UUID("bc5e5d63-9799-5873-33d9-fba8316cef71").bytes_le}
NUMBER, STRING = "number", "string"
PROCESS_FIELDS = {"NamespaceId": NUMBER, "Name": STRING, "NamespaceName": STRING}
SYSTEM_EVENTS = {
    0: ("ExistingProcess", PROCESS_FIELDS),
    1: ("ProcessCreate", PROCESS_FIELDS),
    2: ("ProcessExit", {}),
    3: ("ProcessMapping", {"Id": NUMBER, "StartAddress": NUMBER, "EndAddress": NUMBER, "FileOffset": NUMBER,
                           "FileName": STRING, "MetadataId": NUMBER}),
    4: ("ProcessSymbol", {"Id": NUMBER, "MappingId": NUMBER, "StartAddress": NUMBER, "EndAddress": NUMBER,
                          "Name": STRING}),
    5: ("ProcessMappingMetadata", {"Id": NUMBER, "SymbolMetadata": STRING, "VersionMetadata": STRING}),
}
NO_STACK = "[no stack]"


class Process:
    """One life of a process id."""

    def __init__(self, pid, event):
        self.pid = pid
        self.start = event.time
        self.end = None
        self.name, self.namespace = event.values["Name"], event.values["NamespaceName"]
        self.namespace_id = event.values["NamespaceId"]
        self.mappings = {}  # by id
        self.starts, self.by_start = [], []  # of mappings, in order of their first address
        self.checked = set()  # stacks whose addresses have mappings

    def add(self, mapping):
        self.mappings[mapping.id] = mapping
        place = bisect.bisect_right(self.starts, mapping.first)
        self.starts.insert(place, mapping.first)
        self.by_start.insert(place, mapping)

    def mapping_of(self, address):
        """The mapping that was made last among those that cover it."""
        found = None
        for place in range(bisect.bisect_right(self.starts, address) - 1, -1, -1):
            mapping = self.by_start[place]
            if mapping.first <= address <= mapping.last and (found is None or mapping.order > found.order):
                found = mapping
        return found


class Mapping:
    def __init__(self, values, time, order):
        self.id, self.first, self.last = values["Id"], values["StartAddress"], values["EndAddress"]
        self.offset, self.file, self.metadata = values["FileOffset"], values["FileName"], values["MetadataId"]
        self.time, self.order = time, order
        self.symbols = []
        self.processes = []

    def same(self, other):
        return (self.first, self.last, self.offset, self.file, self.metadata) == \
            (other.first, other.last, other.offset, other.file, other.metadata)


class Symbol:
    def __init__(self, values, offset):
        self.id, self.mapping, self.name = values["Id"], values["MappingId"], values["Name"]
        self.first, self.last, self.offset = values["StartAddress"], values["EndAddress"], offset


class Trace:
    """All that a file says. self_weights: by kind, the sum of values by innermost function, as TraceEvent would show."""

    def __init__(self, data, allow_unmapped=False):
        self.file = File(data, check_fields)
        self.allow_unmapped = allow_unmapped
        self.first_time = None
        self.processes, self.alive = [], {}
        self.mappings, self.symbols, self.metadata = {}, {}, {}
        self.events, self.values = collections.Counter(), collections.Counter()  # by kind
        self.others = collections.Counter()  # events of other providers by provider/name
        self.threads, self.labels = collections.Counter(), collections.Counter()  # values of CPU samples by
        self.cpus = set()
        self.unmapped = 0  # frames of samples outside all mappings
        self.self_weights = {}
        self.leaves = collections.Counter()  # values by kind, process and innermost address
        self.addresses = {}  # of stacks, by process

    def run(self):
        for event in self.file.events():
            self.first_time = event.time if self.first_time is None else self.first_time
            if event.metadata.provider == SYSTEM:
                self.take_system(event)
            else:
                self.take_sample(event)
        self.resolve()
        return self

    @property
    def header(self):
        return self.file.header

    @property
    def dropped(self):
        return self.file.dropped

    def process_of(self, event, may_have_ended=False):
        process = self.alive.get(event.thread[0])
        if process is None:
            raise Broken("process-unknown", event.offset, f"{event.metadata.name} in process {event.thread[0]}")
        if process.end is not None and not may_have_ended:
            raise Broken("process-ended", event.offset, f"{event.metadata.name} in process {event.thread[0]}")
        return process

    def take_system(self, event):
        (self.take_process, self.take_process, self.take_exit, self.take_mapping, self.take_symbol,
         self.take_metadata)[event.metadata.event](event)

    def take_process(self, event):
        pid = event.thread[0]
        before = self.alive.get(pid)
        if before is not None and before.end is None:
            raise Broken("process-twice", event.offset, f"process {pid}")
        if event.metadata.event == 0 and (before is not None or event.time != self.first_time):
            raise Broken("process-existing", event.offset, f"process {pid} at {event.time}")
        self.alive[pid] = Process(pid, event)
        self.processes.append(self.alive[pid])

    def take_exit(self, event):
        self.process_of(event).end = event.time

    def take_metadata(self, event):
        at, values = event.offset, event.values
        if values["Id"] == 0 or values["Id"] in self.metadata:
            raise Broken("metadata-reused", at, f"id {values['Id']}")
        symbol = parse_json(values["SymbolMetadata"], "metadata-json", at)
        version = values["VersionMetadata"]
        if version:
            parse_json(version, "metadata-version", at)
        check_symbol_metadata(symbol, at)
        self.metadata[values["Id"]] = symbol

    def take_mapping(self, event):
        process, at = self.process_of(event), event.offset
        mapping = Mapping(event.values, event.time, len(process.mappings))
        if mapping.last < mapping.first or mapping.last - mapping.first >= LONG_MAX:
            raise Broken("mapping-range", at, f"{mapping.first:#x} to {mapping.last:#x}")
        if mapping.metadata and mapping.metadata not in self.metadata:
            raise Broken("mapping-metadata", at, f"id {mapping.metadata}")
        if mapping.id in process.mappings:
            raise Broken("mapping-twice", at, f"id {mapping.id}")
        known = self.mappings.setdefault(mapping.id, mapping)
        if not known.same(mapping):
            raise Broken("mapping-reused", at, f"id {mapping.id}: {mapping.file!r} and {known.file!r}")
        for other in process.mappings.values():
            if other.time == mapping.time and other.first <= mapping.last and mapping.first <= other.last:
                raise Broken("mapping-overlap", at, f"{mapping.first:#x} to {mapping.last:#x} {mapping.file!r} and "
                             f"{other.first:#x} to {other.last:#x} {other.file!r}")
        process.add(mapping)
        known.processes.append(process)

    def take_symbol(self, event):
        at = event.offset
        self.process_of(event, may_have_ended=True)
        symbol = Symbol(event.values, at)
        if symbol.id in self.symbols:
            raise Broken("symbol-id", at, f"id {symbol.id}")
        if not symbol.name:
            raise Broken("symbol-name", at, f"id {symbol.id}")
        if symbol.mapping not in self.mappings:
            raise Broken("symbol-mapping", at, f"id {symbol.mapping}")
        mapping = self.mappings[symbol.mapping]
        if symbol.last < symbol.first:
            raise Broken("symbol-range", at, f"{symbol.first:#x} to {symbol.last:#x}")
        if symbol.first < mapping.first or symbol.last > mapping.last:
            raise Broken("symbol-outside", at, f"{symbol.name!r} {symbol.first:#x} to {symbol.last:#x}")
        self.symbols[symbol.id] = symbol
        mapping.symbols.append(symbol)

    def take_sample(self, event):
        process, kind, at = self.process_of(event), event.metadata.name, event.offset
        if event.metadata.provider != EVENTS:
            self.others[event.metadata.provider + "/" + kind] += 1
        else:
            value = event.values["Value"]
            if kind == "cpu" and value == 0:
                raise Broken("sample-value", at, "it weighs 0")
            if kind == "cpu" and "ExpectedCPUSamplingRate" not in self.header.keys:
                raise Broken("sampling-rate", at, "it is missing")
            if kind == "cswitch" and value > event.time:
                raise Broken("switch-value", at, f"{value} ticks before {event.time}")
            self.count(event, process, kind, value)
        if event.stack and event.stack not in process.checked:
            self.check_stack(event, process)

    def count(self, event, process, kind, value):
        self.events[kind] += 1
        self.values[kind] += value
        self.leaves[kind, process, addresses_of(event.stack[:8])] += value
        self.threads[kind, event.thread] += value
        if event.cpu is not None:
            self.cpus.add(event.cpu)
        for label in event.labels:
            self.labels[label] += 1

    def check_stack(self, event, process):
        stack = addresses_of(event.stack)
        self.addresses.setdefault(process, set()).update(stack)
        outside = [address for address in stack if process.mapping_of(address) is None]
        if outside and not self.allow_unmapped:
            raise Broken("frame-unmapped", event.offset, f"{outside[0]:#x} in process {process.pid}")
        self.unmapped += len(outside)
        if not outside:
            process.checked.add(event.stack)

    def resolve(self):
        """Names for addresses. TraceEvent lets the first symbol that covers an address have it, whenever it was."""
        names, used = {}, set()
        for process in self.processes:
            names[process] = self.names_of(process, used)
        for symbol in self.symbols.values():
            if symbol.id not in used:
                raise Broken("symbol-unused", symbol.offset, f"{symbol.name!r} of mapping {symbol.mapping}")
        for (kind, process, address), value in self.leaves.items():
            name = names[process].get(address[0]) or unnamed(process, address[0]) if address else NO_STACK
            self.self_weights.setdefault(kind, collections.Counter())[name] += value

    def names_of(self, process, used):
        addresses = sorted(self.addresses.get(process, ()))
        names = {}
        symbols = sorted((symbol for mapping in process.mappings
                          for symbol in self.mappings[mapping].symbols), key=lambda symbol: symbol.offset)
        for mapping in process.mappings:
            check_overlap(self.mappings[mapping].symbols)
        for symbol in symbols:
            for place in range(bisect.bisect_left(addresses, symbol.first), len(addresses)):
                if addresses[place] > symbol.last:
                    break
                used.add(symbol.id)
                names.setdefault(addresses[place], symbol.name)
        return names


def check_fields(row):
    if row.provider not in GUIDS:
        return
    at = row.offset
    if row.optional.get("guid", GUIDS[row.provider]) != GUIDS[row.provider]:  # without it the name's hash is taken
        raise Broken("universal-guid", at, str(uuid.UUID(bytes_le=row.optional["guid"])))
    fields = {name: STRING if kind.is_string() else NUMBER if kind.code == VARUINT else kind.code
              for name, kind in row.fields}
    if row.provider == SYSTEM:
        name, wanted = SYSTEM_EVENTS.get(row.event, ("", None))
        if row.name != name:
            raise Broken("universal-system-event", at, f"event {row.event} is {row.name!r}")
        if list(fields.items()) != list(wanted.items()):
            raise Broken("universal-fields", at, f"{row.name} has {fields}")
        return
    if not row.name:
        raise Broken("universal-event-name", at, f"event {row.event}")
    if list(fields.items())[:1] != [("Value", NUMBER)]:
        raise Broken("universal-fields", at, f"{row.name} has {fields}")


def addresses_of(stack):
    return struct.unpack(f"<{len(stack) // 8}Q", stack)


def unnamed(process, address):
    mapping = process.mapping_of(address)
    if mapping is None or not mapping.file:
        return f"{address:#x}"
    name = re.split(r"[/\\]", mapping.file)[-1]
    return f"{name}+{address - mapping.first + mapping.offset:#x}"


def check_overlap(symbols):
    ordered = sorted(symbols, key=lambda symbol: symbol.first)
    for one, other in zip(ordered, ordered[1:]):
        if other.first <= one.last:
            raise Broken("symbol-overlap", max(one.offset, other.offset), f"{one.name!r} and {other.name!r}")


def parse_json(text, rule, at):
    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key is there twice")
        return dict(pairs)

    def refuse(word):
        raise ValueError(f"{word} is no number of JSON")

    try:
        value = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except ValueError as error:
        raise Broken(rule, at, f"{error}: {text!r}") from None
    if not isinstance(value, dict):
        raise Broken(rule, at, f"{text!r} is no object")
    return value


def is_address(value):
    """A number, or digits, or hexadecimal digits after 0x."""
    if isinstance(value, str):
        return re.fullmatch("0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19}", value) is not None
    return type(value) is int and 0 <= value < 2**64


def check_symbol_metadata(symbol, at):
    kind = symbol.get("type")
    if kind not in ("ELF", "PE"):
        raise Broken("metadata-symbol-type", at, repr(kind))
    strings = {"ELF": {"debug_link": None, "build_id": "([0-9a-f]{2})*"},
               "PE": {"name": None, "perfmap_name": None, "signature": "[0-9a-fA-F]{32}",
                      "perfmap_signature": "[0-9a-fA-F]{32}"}}[kind]
    limits = {"date_time": 2**63, "age": 2**31, "perfmap_version": 2**31, "text_offset": 2**32} if kind == "PE" else {}
    rule = "metadata-" + kind.lower()
    for key, value in symbol.items():
        if key in strings and not (isinstance(value, str) and (not strings[key] or re.fullmatch(strings[key], value))):
            raise Broken(rule, at, f"{key} is {value!r}")
        if key in limits and not (type(value) is int and 0 <= value < limits[key]):
            raise Broken(rule, at, f"{key} is {value!r}")
        if key in ("p_vaddr", "p_offset") and not is_address(value):
            raise Broken(rule, at, f"{key} is {value!r}")
    if kind == "ELF" and ("p_vaddr" in symbol) != ("p_offset" in symbol):
        raise Broken(rule, at, "p_vaddr and p_offset do not come together")


def read(data, allow_unmapped=False):
    """Reads a whole file, or raises Broken. allow_unmapped: frames may lie outside all mappings, and are counted."""
    return Trace(data, allow_unmapped).run()
