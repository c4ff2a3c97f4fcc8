# SPDX-License-Identifier: BSD-2-Clause
"""A second reader of .octrace files, written from docs/octrace.md alone; every rule of that page is checked."""

import collections
import struct
import subprocess

KERNEL = 1  # type of module
MASK = 2**64 - 1
HEADER, CHUNK, TRAILER = 24, 40, 16
OPTIONAL = 1 << 31

# name, row columns, element columns, has ids, may change
TABLES = {
    1: ("INFO", "start:8 start_wall:8 start_boot:8 end:8 cpus:4 page_size:4 aggregated:1 hostname:4 os:4 command:4 tool:4",
        "", False, False),
    2: ("STRING", "n:4", "byte:1", True, False),
    3: ("KIND", "unit:1 period:8 n:4", "byte:1", True, False),
    4: ("PROCESS", "pid:4 ns_pid:4 generation:4 parent:4 comm:4 exe:4 container:4 cgroup:4 start:8 end:8", "", True, True),
    5: ("THREAD", "process:4 tid:4 ns_tid:4 name:4", "", True, True),
    6: ("MODULE", "type:1 deleted:1 path:4 process:4 device:8 inode:8 n:4", "byte:1", True, True),
    7: ("MAPPING", "process:4 module:4 start:8 end:8 offset:8 since:8 until:8", "", True, True),
    8: ("FUNCTION", "name:4 system_name:4 file:4 start_line:4 module:4", "", True, False),
    9: ("LOCATION", "module:4 mapping:4 offset:8 address:8", "", True, False),
    10: ("LINES", "location:4 n:4", "function:4 line:4", False, False),
    11: ("STACK", "n:4", "location:4", True, False),
    12: ("ATTRS", "parent:4 n:4", "key:4 type:1 value:8", True, False),
    13: ("LINK", "attrs:4 other:4", "", False, False),
    14: ("SPAN", "name:4 start:8 end:8 parent:4", "", True, False),
    15: ("SAMPLE", "time:8 count:8 value:8 kind:1 process:4 thread:4 stack:4 attrs:4 cpu:4", "", False, False),
    16: ("LAYOUT_NODE", "mapping:4 left:4 right:4", "", True, False),
    17: ("LAYOUT_VERSION", "process:4 time:8 root:4", "", False, False),
    18: ("LEDGER", "item:4 kind:4 value:8", "", False, False),
    19: ("END", "type:4 rows:4 offset:8", "rows:8 count:8 value:8", False, False),
    20: ("STACK_COUNTS", "process:4 reason:1 count:8", "", False, False),
    21: ("SYMBOL_FILE", "module:4 name:4", "", False, False),
}
FORMATS = {1: "B", 4: "I", 8: "Q"}
# What a column refers to; 0 is none everywhere.
REFERENCES = {
    "parent": None, "comm": "STRING", "exe": "STRING", "container": "STRING", "cgroup": "STRING", "hostname": "STRING",
    "os": "STRING", "command": "STRING", "tool": "STRING", "path": "STRING", "name": "STRING", "system_name": "STRING",
    "file": "STRING", "key": "STRING", "process": "PROCESS", "module": "MODULE", "mapping": "MAPPING",
    "function": "FUNCTION", "location": "LOCATION", "thread": "THREAD", "stack": "STACK", "attrs": "ATTRS",
    "other": "ATTRS", "left": "LAYOUT_NODE", "right": "LAYOUT_NODE", "root": "LAYOUT_NODE",
}


class Damaged(Exception):
    pass


def rotate(x, bits):
    return (x << bits | x >> (64 - bits)) & MASK


def xxh64(data):
    """XXH64 with seed 0, as its specification describes it."""
    p1, p2, p3, p4, p5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                          0x27D4EB2F165667C5)

    def mix(acc, lane):
        return rotate((acc + lane * p2) & MASK, 31) * p1 & MASK

    at, size = 0, len(data)
    if size >= 32:
        accs = [(p1 + p2) & MASK, p2, 0, -p1 & MASK]
        while at + 32 <= size:
            accs = [mix(acc, lane) for acc, lane in zip(accs, struct.unpack_from("<4Q", data, at))]
            at += 32
        h = sum(rotate(acc, bits) for acc, bits in zip(accs, (1, 7, 12, 18))) & MASK
        for acc in accs:
            h = ((h ^ mix(0, acc)) * p1 + p4) & MASK
    else:
        h = p5
    h = (h + size) & MASK
    while at + 8 <= size:
        h = (rotate(h ^ mix(0, struct.unpack_from("<Q", data, at)[0]), 27) * p1 + p4) & MASK
        at += 8
    if at + 4 <= size:
        h = (rotate(h ^ struct.unpack_from("<I", data, at)[0] * p1 & MASK, 23) * p2 + p3) & MASK
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ byte * p5 & MASK, 11) * p1 & MASK
    h = (h ^ h >> 33) * p2 & MASK
    h = (h ^ h >> 29) * p3 & MASK
    return h ^ h >> 32


def unzstd(data):
    return subprocess.run(["zstd", "-d", "-c", "-q"], input=data, stdout=subprocess.PIPE, check=True).stdout


class Recording:
    """tables[NAME]: list of rows, each a dict; a list of a row stands under "list". `whole` is False for a cut file."""

    def __init__(self, data):
        self.data = data
        self.tables = collections.defaultdict(list)
        self.info = {}
        self.ledger = {}
        self.chunks = []  # (type, rows, offset)
        self.ends = [HEADER]  # where whole chunks end
        self.whole = False
        self.header()
        at = HEADER
        while self.chunk(at):
            at = self.ends[-1]

    def header(self):
        if len(self.data) < HEADER or self.data[:8] != b"\x89OCTR\r\n\x1a":
            raise Damaged("no file header")
        major, _, size, checksum = struct.unpack_from("<HHIQ", self.data, 8)
        if (major, size, checksum) != (1, HEADER, xxh64(self.data[:16])):
            raise Damaged("file header")

    def chunk(self, at):
        head = self.data[at:at + CHUNK]
        if len(head) < CHUNK or head == bytes(CHUNK):
            return False
        magic, kind, rows, elements, first, raw, stored, packed, checksum = struct.unpack("<4s7IQ", head)
        if magic != b"OCch" or raw > 64 << 20 or stored > raw or packed > 1:
            raise Damaged(f"chunk header at {at}")
        content = self.data[at + CHUNK:at + CHUNK + stored]
        if len(content) < stored:
            return False
        if checksum != xxh64(head[:32] + content):
            raise Damaged(f"checksum at {at}")
        self.ends.append(at + CHUNK + stored)
        if kind not in TABLES:
            if not kind & OPTIONAL:
                raise Damaged(f"type {kind} at {at}")
            return True
        content = unzstd(content) if packed else content
        if len(content) != raw:
            raise Damaged(f"size at {at}")
        self.table(kind, rows, elements, first, content, at)
        return kind != 19

    @staticmethod
    def columns(names, count, content, at):
        columns = {}
        for column in names.split():
            name, width = column.split(":")
            columns[name] = struct.unpack_from(f"<{count}{FORMATS[int(width)]}", content, at)
            at += count * int(width)
        return columns, at

    def table(self, kind, rows, elements, first, content, at):
        name, row_names, element_names, has_ids, may_change = TABLES[kind]
        columns, end = self.columns(row_names, rows, content, 0)
        lists, end = self.columns(element_names, elements, content, end)
        if end != len(content):
            raise Damaged(f"columns at {at}")
        if kind == 19:
            self.end(columns, lists, rows, elements, at)
            return
        self.chunks.append((kind, rows, at))
        known = self.tables[name]
        if has_ids and not (1 <= first <= len(known) + 1 if may_change else first == len(known) + 1):
            raise Damaged(f"ids at {at}")
        if kind in (1, 18):
            known.clear()
        used, time = 0, 0
        for i in range(rows):
            row = {column: values[i] for column, values in columns.items()}
            if "n" in row:
                row["list"] = [{column: values[k] for column, values in lists.items()}
                               for k in range(used, used + row["n"])]
                used += row["n"]
            if kind == 15:
                time = row["time"] = (time + row["time"]) & MASK
            self.check(name, row, at)
            if has_ids and first + i <= len(known):
                known[first + i - 1] = row
            else:
                known.append(row)
        if used != elements:
            raise Damaged(f"elements at {at}")

    def check(self, name, row, at):
        for part in (row, *row.get("list", ())):
            for column, value in part.items():
                target = REFERENCES.get(column, "")
                if target is None:
                    target = name
                if target and value > len(self.tables[target]):
                    raise Damaged(f"{name}.{column} = {value} at {at}")

    def end(self, columns, totals, rows, kinds, at):
        if rows and list(zip(columns["type"], columns["rows"], columns["offset"])) != self.chunks:
            raise Damaged("index")
        for kind in range(kinds):
            samples = [s for s in self.tables["SAMPLE"] if s["kind"] == kind + 1]
            sums = (len(samples), sum(s["count"] for s in samples), sum(s["value"] for s in samples) & MASK)
            if sums != (totals["rows"][kind], totals["count"][kind], totals["value"][kind]):
                raise Damaged("totals")
        if self.data[self.ends[-1]:] == struct.pack("<Q", at) + b"OCTREND\n":
            self.whole = True
        elif len(self.data) - self.ends[-1] >= TRAILER:
            raise Damaged("trailer")

    # ---- what the rows mean

    def row(self, table, number):
        return self.tables[table][number - 1] if number else None

    def text(self, number):
        return bytes(e["byte"] for e in self.row("STRING", number)["list"]).decode() if number else ""

    def kinds(self):
        return [bytes(e["byte"] for e in kind["list"]).decode() for kind in self.tables["KIND"]]

    def numbers(self):
        return {(row["item"], row["kind"]): row["value"] for row in self.tables["LEDGER"]}

    def lines(self):
        return {row["location"]: row["list"] for row in self.tables["LINES"]}

    def place(self, number):
        """What is shown of a place without a function, as the other formats show it."""
        location = self.row("LOCATION", number)
        module = self.row("MODULE", location["module"])
        if module["type"] in (3, 4):
            return f"0x{location['offset']:x}"
        offset, path, mapping = location["offset"], self.text(module["path"]), self.row("MAPPING", location["mapping"])
        if module["type"] == KERNEL and mapping and not path.startswith("["):
            offset -= mapping["start"]
        return f"{path.rsplit('/', 1)[-1]}+0x{offset:x}"

    def leaf(self, number, lines):
        if not number:
            return "[no stack]"
        location = self.row("STACK", number)["list"][0]["location"]
        if location not in lines:
            return self.place(location)
        function = self.row("FUNCTION", lines[location][0]["function"])
        return self.text(function["name"] or function["system_name"])

    def self_amounts(self):
        """(kind, innermost function, samples, value) of each row of samples."""
        lines = self.lines()
        for sample in self.tables["SAMPLE"]:
            yield sample["kind"], self.leaf(sample["stack"], lines), sample["count"], sample["value"]

    def self_weights(self, kind=1):
        """Samples by the function they hit."""
        weights = collections.Counter()
        for kind_of, name, count, _ in self.self_amounts():
            if kind_of == kind:
                weights[name] += count
        return weights
