#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures how many user stacks reach their root, for us, perf and bpftrace on the same loads, one after the other.

Writes build/unwind/completeness.json and the section "Completeness" of docs/unwinding.md. Needs root.

usage: tests/unwind/completeness.py [--seconds S] [--no-docs] [PROGRAM...]

A stack counts as complete, for every tool alike, when its outermost address lies in a function that has no caller by its
call frame information (an undefined return address: _start, clone3), as libdw reads it; or is one of the calls by which
that function comes to main or to a thread's function: frame pointers rarely lead beyond.
"""

import argparse
import collections
import gzip
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time

import programs

sys.path.insert(0, str(programs.ROOT / "tests" / "live"))

from support import RECORD_TRACE, fields, integers  # noqa: E402

HZ = 999
KERNEL = 1 << 63
DOCS = programs.ROOT / "docs" / "unwinding.md"
HEADING = "## Completeness"
ROOTS = programs.BUILD / "unwind" / "roots"
# What a tool may take beyond the time it records.
PATIENCE_S = 120

# stacks: {user addresses, leaf first: samples}
Measured = collections.namedtuple("Measured", "stacks summary")


def run(argv, **kwargs):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False, **kwargs)
    if done.returncode not in (0, 5):  # 5: record-trace has lost samples, and says so in its summary
        raise RuntimeError(f"{argv[0]}: exit status {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def user_part(addresses):
    """The user addresses of a stack, leaf first, from one with its kernel part; () when it ends in none."""
    addresses = tuple(addresses)
    return tuple(a for a in addresses if a < KERNEL) if addresses and addresses[-1] < KERNEL else ()


# ---- the tools ------------------------------------------------------------------------------------------------------


def record_trace(pids, seconds, directory):
    path = directory / "ours.pb.gz"
    out = run([RECORD_TRACE, "--unwind", "auto", "-F", HZ, "-d", f"{seconds}s", "--json", "--force", "-o", path,
               *(a for pid in pids for a in ("-p", pid))])
    return Measured(pprof_stacks(gzip.decompress(path.read_bytes())), json.loads(out.splitlines()[-1]))


def pprof_stacks(data):
    locations, stacks = {}, []
    for number, value in fields(data):
        if number == 4:
            location = dict((n, v) for n, v in fields(value) if n in (1, 3))
            locations[location[1]] = location.get(3, 0)
        elif number == 2:
            stacks.append(value)
    measured = collections.Counter()
    for stack in stacks:
        ids, counts = [], []
        for number, value in fields(stack):
            if number == 1:
                ids += integers(value)
            elif number == 2:
                counts += integers(value)
        measured[user_part(locations[i] for i in ids)] += counts[0]
    return measured


def perf(mode):
    def measure(pids, seconds, directory):
        path = directory / "perf.data"
        run(["perf", "record", "-q", "--call-graph", mode, "-e", "cpu-clock", "-F", HZ, "-o", path, "-p",
             ",".join(map(str, pids)), "--", "sleep", seconds])
        text = run(["perf", "script", "-i", path, "--no-inline", "-F", "comm,ip,sym,dso"]).decode(errors="replace")
        biases = biases_of(pids[0])
        stacks = collections.Counter()
        for block in text.strip().split("\n\n"):
            frames = re.findall(r"^\s+([0-9a-f]+) .*\((.*)\)$", block, re.M)
            stacks[user_part(int(address, 16) + biases.get(file, 0) for address, file in frames)] += 1
        path.unlink()
        return Measured(stacks, None)
    return measure


def biases_of(pid):
    """{file: address in memory - offset in the file}: perf prints addresses of files as offsets in them."""
    biases = {}
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields_of = line.split(None, 5)
        if "x" in fields_of[1] and len(fields_of) == 6:
            biases[fields_of[5]] = int(line.split("-")[0], 16) - int(fields_of[2], 16)
    return biases


def bpftrace(pids, seconds, directory):
    chosen = " || ".join(f"pid == {pid}" for pid in pids)
    path = directory / "bpftrace.txt"
    run(["bpftrace", "-o", path, "-e",
         f"profile:hz:{HZ} /{chosen}/ {{ @[ustack(perf)] = count(); }} interval:s:{seconds} {{ exit(); }}"],
        env={**os.environ, "BPFTRACE_MAP_KEYS_MAX": "65536", "BPFTRACE_CACHE_USER_SYMBOLS": "1"})
    stacks = collections.Counter()
    for stack, count in re.findall(r"^@\[(.*?)\]: (\d+)$", path.read_text(errors="replace"), re.M | re.S):
        stacks[user_part(int(a, 16) for a in re.findall(r"^\s+([0-9a-f]+)\b", stack, re.M))] += int(count)
    return Measured(stacks, None)


TOOLS = {
    "record-trace": record_trace,
    "perf record -g": perf("fp"),
    "perf record --call-graph dwarf": perf("dwarf"),
    "bpftrace": bpftrace,
}


# ---- judging --------------------------------------------------------------------------------------------------------


def roots_among(pid, addresses):
    lines = "".join(f"{address:x}\n" for address in addresses)
    done = subprocess.run([ROOTS, str(pid)], input=lines, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=True)
    return {int(line, 16) for line in done.stdout.split()}


class Judge:
    """Tells complete stacks. What the outermost functions call is learnt from the stacks that have them."""

    def __init__(self, pid):
        self.pid = pid
        self.first_calls = set()

    def learn(self, stacks, roots):
        """The calls by which the C library comes from _start or clone3 to the program's own code: _start calls a
        function that calls another one that calls main, clone3 calls one that calls the thread's function."""
        starts = collections.Counter(stack[-1] for stack in stacks if stack and stack[-1] in roots)
        for stack in stacks:
            if stack and stack[-1] in starts:
                self.first_calls |= set(stack[-3:-1] if self.is_program_start(stack[-1]) else stack[-2:-1])

    def is_program_start(self, address):
        with open(f"/proc/{self.pid}/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                start, end = (int(x, 16) for x in line.split()[0].split("-"))
                if start <= address < end:
                    return line.rstrip("\n").endswith(os.readlink(f"/proc/{self.pid}/exe"))
        return False

    def share(self, stacks):
        roots = roots_among(self.pid, {stack[-1] for stack in stacks if stack})
        self.learn(stacks, roots)
        good = roots | {a + d for a in self.first_calls for d in (-1, 0, 1)}
        total = sum(stacks.values())
        return sum(nr for stack, nr in stacks.items() if stack and stack[-1] in good) / total if total else None


def measure(name, seconds, log):
    """{tool: {share, samples}} of one program, with what our ledger says."""
    result = {}
    with tempfile.TemporaryDirectory(prefix="onecollect-unwind-") as path:
        directory = pathlib.Path(path)
        with programs.running(name, directory) as pids:
            judge = Judge(pids[0])
            for tool, call in TOOLS.items():
                try:
                    measured = call(pids, seconds, directory)
                except (RuntimeError, subprocess.SubprocessError) as error:
                    log(f"{name}: {tool}: {error}")
                    result[tool] = {"share": None, "samples": 0}
                    continue
                result[tool] = {"share": judge.share(measured.stacks), "samples": sum(measured.stacks.values())}
                if measured.summary:
                    result["ledger"] = measured.summary["kinds"]["cpu"]
    return result


# ---- the table ------------------------------------------------------------------------------------------------------


def percent(value):
    return "-" if value is None else f"{value:.1%}" if value < 0.9995 else "100 %"


def reasons(ledger):
    stacks = ledger["stacks"] or 1
    parts = [f"{name} {nr / stacks:.1%}" for name, nr in sorted(ledger["incomplete"].items(), key=lambda i: -i[1])
             if nr / stacks >= 0.0005]
    return ", ".join(parts) or "-"


def versions():
    first = [run(argv).decode().splitlines()[0] for argv in (["perf", "--version"], ["bpftrace", "--version"])]
    return f"Linux {platform.release()}, {first[0]}, {first[1]}"


def section(results, seconds):
    rows = [f"| Program | Stacks | {' | '.join(TOOLS)} | Ours that do not, by reason |",
            "|---|--:|" + "--:|" * len(TOOLS) + "---|"]
    for name, result in results.items():
        rows.append(f"| {name} | {result['record-trace']['samples']} | "
                    + " | ".join(percent(result[tool]["share"]) for tool in TOOLS)
                    + f" | {reasons(result['ledger']) if 'ledger' in result else '-'} |")
    return f"""{HEADING}

How many user stacks reach their root: measured by `sudo make bench-unwind`, which rewrites this section. Each program
runs under a load (`tests/unwind/programs.py`) and is recorded by one tool after the other for {seconds} s at {HZ} Hz, at
the tools' defaults. A stack counts when its outermost address lies in a function that has no caller by its call frame
information, read by libdw, or in the C library's code between that one and `main` or a thread's function: the same rule
for every tool. {versions()}, {time.strftime("%B %Y")}.

{chr(10).join(rows)}

- musl as Debian builds it has neither call frame information nor frame pointers; see below.
- C++ and Rust: while an exception is thrown, libgcc overwrites its own frames with those of the handler.
- Truncated are stacks deeper than 255 frames, and, before the tables of a program are loaded, samples that come as
  copies of 16 KiB of their stack: mostly the first ones of a recording.
- Java code keeps a frame pointer only with `-XX:+PreserveFramePointer`.
- perf copies 8 KiB of each stack for `--call-graph dwarf`; deeper ones are cut.

Commands:

    record-trace --unwind auto -F {HZ} -d {seconds}s --json -o FILE.pb.gz -p PID
    perf record --call-graph fp|dwarf -e cpu-clock -F {HZ} -o FILE -p PID -- sleep {seconds}
    bpftrace -e 'profile:hz:{HZ} /pid == PID/ {{ @[ustack(perf)] = count(); }} interval:s:{seconds} {{ exit(); }}'
"""


def write_docs(text):
    """Replaces the section, or appends it."""
    old = DOCS.read_text(encoding="utf-8") if DOCS.exists() else "# Unwinding\n"
    start = old.find(HEADING + "\n")
    if start < 0:
        new = old.rstrip("\n") + "\n\n" + text
    else:
        end = old.find("\n## ", start)
        new = old[:start] + text + (old[end:] if end >= 0 else "")
    DOCS.write_text(new, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = {**programs.STARTS, **programs.MANAGED}
    parser.add_argument("--seconds", type=int, default=4, help="that each tool records each program")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/unwinding.md as it is")
    parser.add_argument("program", nargs="*", help="only these anew, the others as measured before; all when none is given: " + ", ".join(everything))
    args = parser.parse_args()
    if not set(args.program) <= set(everything):
        parser.error("no such program; there are: " + ", ".join(everything))
    if os.geteuid() != 0:
        sys.exit("completeness.py: recording needs root; run: sudo make bench-unwind")

    def log(text):
        print(f"bench-unwind: {text}", file=sys.stderr, flush=True)

    path = programs.BUILD / "unwind" / "completeness.json"
    results = json.loads(path.read_text()) if args.program and path.exists() else {}
    failed = 0
    for name in args.program or everything:
        try:
            results[name] = measure(name, args.seconds, log)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            log(f"{name}: {error}")
            failed += 1
            continue
        shares = ", ".join(f"{tool} {percent(results[name][tool]['share'])} of {results[name][tool]['samples']}"
                           for tool in TOOLS)
        log(f"{name}: {shares}; {reasons(results[name].get('ledger', {'stacks': 0, 'incomplete': {}}))}")
    path.write_text(json.dumps(results, indent=1) + "\n")
    if not args.no_docs and not failed and set(results) >= set(everything):
        write_docs(section({name: results[name] for name in everything}, args.seconds))
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
