# SPDX-License-Identifier: BSD-2-Clause
"""Recordings whose every number is known, written in any format: what tests compare other people's readers with."""

import os
import random as random_module
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))

# The recording of tests/unit/sample_machine.h.
TOTAL = 101
PERIOD_NS = 1000000
# Samples by innermost function that has a name.
SELF = {
    "hot_loop": 50,
    "recurse": 10,
    "vfs_read": 7,
    "JS:~handle /app/x.js:1": 20,
    "evil;na me</script>\\n\"&' ": 5,
    "[no stack]": 2,
}
NO_SYMBOL, NO_MAPPING = 4, 3
# And by what is shown where there is none.
ALL_SELF = dict(SELF, **{"libc.so.6+0x20123": NO_SYMBOL, "0xdead0000": NO_MAPPING})

# What `write("timeline", "two-kinds", "waits")` adds to it: what was measured, by kind and innermost function.
KINDS = {"cpu": ALL_SELF, "page_faults": {"hot_loop": 9 * 4096}, "off_cpu": {"recurse": 200000000}}
# The same as samples.
KIND_COUNTS = {"cpu": ALL_SELF, "page_faults": {"hot_loop": 9}, "off_cpu": {"recurse": 1}}
# The names that the recording has for the addresses of its leaves, which perf.data has no place for: in memory, and in
# their files.
ADDRESSES = {
    0x400190: "hot_loop", 0x1190: "hot_loop", 0x400200: "recurse", 0x1200: "recurse",
    0xffffffff80000108: "vfs_read", 0x600000000040: "JS:~handle /app/x.js:1",
    0x108: "vfs_read", 0x40: "JS:~handle /app/x.js:1", 0x101: "evil;na me</script>\\n\"&' ",
    0x500101: "evil;na me</script>\\n\"&' ", 0: "[no stack]", 0xdead0000: "0xdead0000",
    0x7f0000000123: "libc.so.6+0x20123", 0x20123: "libc.so.6+0x20123",
}

# Function names as recorded, and as every output must show them.
HOSTILE_PERIOD_NS = 1001001
HOSTILE = {
    b"new\nline": "new\\nline",
    b"esc\x1b[2J": "esc\\x1b[2J",
    b"</script><script>alert(1)</script>": "</script><script>alert(1)</script>",
    b"quo\"te'back\\slash`${x}": "quo\"te'back\\slash`${x}",
    b"bad\xff\xfeutf8": "bad\ufffd\ufffdutf8",
    b"]]><!--&amp;%s%n": "]]><!--&amp;%s%n",
    "line\u2028separator \U0001f525".encode(): "line\u2028separator \U0001f525",
    b"L" * 65536: "L" * 65536,
    b" blank ": " blank ",
    b"semi;colon": "semi;colon",
    b"(7) fn=(8) calls=1 2": "(7) fn=(8) calls=1 2",
}
HOSTILE_SELF = {shown: 3 + number for number, shown in enumerate(HOSTILE.values())}


def in_folded(name):
    """A name as folded stacks have it: what ends a frame or, for some, a line is not in it."""
    return re.sub("[\u2028\u2029]", "\u2424", name.replace(";", ":")).rstrip(" ")


def in_svg(name):
    """A name as the SVG has it: without what XML cannot hold, and not endless."""
    data = name.encode()
    if len(data) > 4096:
        name = data[:4096].decode(errors="ignore") + "..."
    return name.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def in_callgrind(name):
    """A name as readers of callgrind show it: they drop blanks at its ends, and some would end the line at U+2028."""
    return name.strip().replace("\u2028", "\\u2028")


def write(name, path, *flags):
    """Writes the recording of sample_machine.h. flags: those of tests/interop/write_sample.c."""
    subprocess.run([os.path.join(BUILD, "interop", "write_sample"), name, path, *flags], check=True)


def write_hostile(*outputs):
    """Writes HOSTILE, each name as leaf, process, thread and module. outputs: (format, path)."""
    records = b""
    for number, name in enumerate(HOSTILE):
        count = HOSTILE_SELF[HOSTILE[name]]
        fields = [name, str(100 + number).encode(), name, str(100 + number).encode(), str(count).encode(),
                  b"uroot\x1d/lib/" + name, b"u" + name]
        records += b"\x1f".join(fields) + b"\x1e"
    subprocess.run([os.path.join(BUILD, "interop", "write_stacks"), *(f"{name}={path}" for name, path in outputs)],
                   input=records, check=True)


def write_recursive(*outputs):
    """Writes stacks of functions that call each other in circles. Returns the samples by innermost function."""
    random = random_module.Random(1)
    weights, records = {}, []
    for number in range(300):
        names = [f"f{random.randrange(8)}" for _ in range(random.randrange(1, 40))]
        thread = str(100 + number % 5)
        count = random.randrange(1, 20)
        weights[names[-1]] = weights.get(names[-1], 0) + count
        records.append("\x1f".join(["program", "100", "thread", thread, str(count), *("u" + name for name in names)]))
    subprocess.run([os.path.join(BUILD, "interop", "write_stacks"), *(f"{name}={path}" for name, path in outputs)],
                   input="".join(record + "\x1e" for record in records).encode(), check=True)
    return weights
