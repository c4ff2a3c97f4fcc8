# SPDX-License-Identifier: BSD-2-Clause
"""Recordings of perf of many forms, sample by sample beside `perf script`: the same samples with the same frames, and
names that are the same or differ for a reason that the test knows. Then the folded stacks are those samples added up."""

import bisect
import collections
import contextlib
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import perf_tool
from support import RECORD_TRACE, LiveTest, fixture, is_named

RATE = 997
TRACING = pathlib.Path("/sys/kernel/tracing")
# Names that are not explained; of the whole machine, programs may be replaced while the test looks at them.
UNEXPLAINED_MAX = {"mine": 0.005, "all": 0.01}
CLOCK_READER = "import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
LAZY_BINDING = "_dl_runtime_resolve"
ROOTS = ("_start", "clone")


@functools.lru_cache(maxsize=None)
def symbols(path):
    """({name: address}, [(start, end)]) of an ELF file and its separate debug file."""
    files, by_name, ranges = [path], {}, []
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=False).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)
    if build_id:
        files.append(f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug")
    for file in files:
        table = subprocess.run(["readelf", "-sW", file], capture_output=True, text=True, errors="replace", check=False)
        for row in (line.split() for line in table.stdout.splitlines()):
            if len(row) >= 8 and row[0][:-1].isdigit() and row[3] in ("FUNC", "NOTYPE", "IFUNC") and row[6] != "UND":
                start = int(row[1], 16)
                by_name.setdefault(row[7].split("@")[0], start)
                ranges.append((start, start + int(row[2], 0)))
    return by_name, sorted(set(ranges))


@functools.lru_cache(maxsize=None)
def kernel_symbols():
    """{name: address}; of a name that is there several times the last."""
    rows = (line.split() for line in pathlib.Path("/proc/kallsyms").read_text(encoding="ascii").splitlines())
    return {row[2]: int(row[0], 16) for row in rows}


def plain(name):
    """A name without the kernel's module, versions, clones, qualifiers and arguments, of which perf prints none."""
    name = re.sub(r"@.*", "", re.sub(r" \[[^]]*\]", "", name))
    name = re.sub(r"( (const|volatile|&|&&))+$", "", name)
    depth = 0
    for at in range(len(name) - 1, 0, -1):
        if not name.endswith(")"):
            break
        depth += (name[at] == ")") - (name[at] == "(")
        if not depth:
            return name if name[at:] == "(anonymous namespace)" else name[:at]
    return name


def is_same(ours, theirs):
    """Ours may have what a template returns before it."""
    ours, theirs = plain(ours), plain(theirs)
    return ours == theirs or ours.endswith(" " + theirs)


def is_alias(ours, theirs, dso):
    table = kernel_symbols() if dso.startswith("[kernel") else symbols(dso)[0] if dso.startswith("/") else {}
    return table.get(plain(ours), ours) == table.get(plain(theirs), theirs)


def is_behind_symbol(theirs, offset, dso):
    """Whether perf took the nearest symbol before, which ends earlier."""
    by_name, ranges = symbols(dso)
    start = by_name.get(plain(theirs))
    if start is None:
        return True  # not one of the file's: a stub that perf made up, or the file was replaced
    place = bisect.bisect_right(ranges, (start, 1 << 64)) - 1
    return place < 0 or start + offset >= ranges[place][1]


def why(ours, frame, is_leaf, stack):
    """In one word, how a frame of ours comes to have another name than perf's; "" = that is not known."""
    address, theirs, offset, dso = frame
    if not is_named(ours):
        if any("execve" in name for name in stack):
            return "exec"  # perf keeps what was mapped before
        return "nearest" if not dso.startswith("[") and is_behind_symbol(theirs, offset, dso) else ""
    if theirs == "[unknown]":
        return "perf has none"
    if is_same(ours, theirs):
        return "same"
    # perf names the address behind the call, which may be the next function.
    if not is_leaf and offset == 0:
        return "next"
    if is_alias(ours, theirs, dso):
        return "alias"
    # Stubs of calls into libraries have no symbols; perf takes the one before them.
    return "nearest" if ours.endswith("@plt") and is_behind_symbol(theirs, offset, dso) else ""


def key_of(sample):
    seconds, _, ns = sample.time.partition(".")
    return sample.tid % 2**32, int(seconds) * 10**9 + int(ns), sample.event


class PerfStacks(LiveTest):
    def setUp(self):
        super().setUp()
        self.reasons = collections.Counter()
        self.unexplained = []

    def perf_record(self, *options, command=None):
        path = self.dir / "perf.data"
        perf_tool.record(path, *options, *(["--", *command] if command else []))
        return path

    def shares(self, seconds=1):
        return [fixture("shares"), seconds, 2, self.truth_path]

    def convert(self, path, extension, *options):
        out = path.with_suffix("." + extension)
        subprocess.run([RECORD_TRACE, "convert", path, "-q", "--force", *options, "-o", out], check=True, timeout=60)
        return out

    def compare_names(self, ours, frames, stack):
        for index, (name, frame) in enumerate(zip(ours, frames)):
            if not is_named(name) and frame.name == "[unknown]":
                continue
            reason = why(name, frame, index == 0, stack)
            self.reasons[reason or "?"] += 1
            if not reason:
                self.unexplained.append((name, *frame))

    def compare(self, sample, ours, is_walk):
        """A sample of perf's with one of ours."""
        stack, frames = ours["stack"], list(sample.frames)
        # What is beyond the last code that is mapped is no caller.
        while len(frames) > len(stack) and frames[-1].file == "[unknown]":
            frames.pop()
        if not frames:
            # perf drops all of a chain in which a frame pointer led to a number that is kept for markers.
            self.reasons["chain dropped"] += 1
        elif is_walk and len(frames) != len(stack):
            # Both walked, and one came further; ours stops where a frame is found by another register, and at the root.
            self.reasons["deeper" if len(stack) > len(frames) else "shallower"] += 1
            if len(stack) < len(frames) and not stack[-1].startswith((LAZY_BINDING, *ROOTS)):
                self.unexplained.append((stack[-1], *frames[len(stack)]))
        elif len(stack) != len(frames):
            self.unexplained.append(("of different depth", stack, frames))
        self.compare_names(stack, frames, stack)

    def check(self, path, whose="mine", is_walk=False):
        theirs = perf_tool.script(path)
        rows = [json.loads(line) for line in self.convert(path, "jsonl").read_text(encoding="utf-8").splitlines()]
        ours = collections.defaultdict(list)
        for row in rows:
            ours[row["tid"], row["time_ns"], row["kind"]].append(row)
        self.assertGreater(len(theirs), 0)
        self.assertEqual(sum(row["count"] for row in rows if row["kind"].startswith("cpu-clock")),
                         sum(sample.event.startswith("cpu-clock") for sample in theirs))
        self.assertEqual(len(rows), len(theirs))
        for sample in theirs:
            self.compare(sample, ours[key_of(sample)].pop(0), is_walk)
        self.note(f"{len(theirs)} samples, {sum(len(s.frames) for s in theirs)} frames; names: {dict(self.reasons)}")
        most = UNEXPLAINED_MAX[whose] * sum(self.reasons.values())
        self.assertLessEqual(len(self.unexplained), most, collections.Counter(self.unexplained).most_common(5))
        self.check_folded(path, rows)
        return theirs, rows

    def check_folded(self, path, rows):
        """The folded stacks of each kind are its samples, added up."""
        for kind in sorted({row["kind"] for row in rows}):
            expected = collections.Counter()
            for row in rows:
                if row["kind"] == kind:
                    frames = [name.replace(";", ":") for name in reversed(row["stack"])]
                    expected[tuple([row.get("comm", "[unknown]").replace(";", ":"), *frames])] += row["count"]
            folded = collections.Counter()
            for line in self.convert(path, "folded", "--kind", kind).read_text(encoding="utf-8").splitlines():
                text, count = line.rsplit(" ", 1)
                comm, *frames = text.split(";")
                folded[tuple([comm, *(re.sub(r"_\[[kji]\]$", "", frame) for frame in frames)])] += int(count)
            self.assertEqual(folded, expected)

    def test_whole_machine(self):
        load = self.start(*self.shares(4))
        theirs, _ = self.check(self.perf_record("-a", "-g", "-e", "cpu-clock", "-F", RATE, command=["sleep", "2"]), "all")
        self.assertGreater(sum(sample.pid == load.pid for sample in theirs), 0)
        self.assertGreater(sum(sample.frames[0].file.startswith("[kernel") for sample in theirs if sample.frames), 0)

    def test_kernel_is_named(self):
        path = self.perf_record("-g", "-e", "cpu-clock", "-F", RATE,
                                command=["sh", "-c", "head -c 1000000000 /dev/zero >/dev/null"])
        theirs, rows = self.check(path)
        kernel = [name for row in rows for name, module in zip(row["stack"], row["modules"]) if module == "[kernel]"]
        self.assertGreater(len(kernel), 0)
        named = sum(map(is_named, kernel))
        self.note(f"{named} of {len(kernel)} frames in the kernel are named")
        self.assertEqual(named, len(kernel))

    def test_tracepoints(self):
        with tracefs():
            for options in (["-e", "sched:sched_switch", "-g"], ["-e", "raw_syscalls:sys_enter"]):
                with self.subTest(options=options):
                    self.check(self.perf_record(*options, command=self.shares()))

    def test_several_events(self):
        events = "cpu-clock,page-faults,context-switches"
        _, rows = self.check(self.perf_record("-e", events, "-g", command=self.shares()))
        self.assertEqual({row["kind"] for row in rows}, set(events.split(",")))

    def test_copied_stacks(self):
        self.check(self.perf_record("-e", "cpu-clock", "-F", RATE, "--call-graph", "dwarf", command=self.shares()),
                   is_walk=True)

    def test_one_process(self):
        load = self.start(*self.shares(4))
        theirs, _ = self.check(self.perf_record("-e", "cpu-clock", "-F", RATE, "-g", "-p", load.pid,
                                                command=["sleep", "1"]))
        self.assertEqual({sample.pid for sample in theirs}, {load.pid})

    def test_vdso(self):
        path = self.perf_record("-e", "cpu-clock", "-F", RATE, "-g", command=[sys.executable, "-c", CLOCK_READER])
        _, rows = self.check(path)
        names = collections.Counter(name for row in rows for name, module in zip(row["stack"], row["modules"])
                                    if module == "[vdso]")
        self.note(f"in the vDSO: {dict(names)}")
        self.assertTrue({"__vdso_clock_gettime", "clock_gettime"} & set(names))

    def test_files_without_build_id(self):
        program = self.dir / "nameless"
        subprocess.run(["objcopy", "--remove-section=.note.gnu.build-id", fixture("shares"), program], check=True)
        path = self.perf_record("-e", "cpu-clock", "-F", RATE, "-g", command=[program, 1, 2, self.truth_path])
        _, rows = self.check(path)
        self.assertIn("take_half", {name for row in rows for name in row["stack"]})
        # Another file under that name is not taken for it.
        os.replace(shutil.copy(program, self.dir / "other"), program)
        stacks = self.convert(path, "folded").read_text(encoding="utf-8")
        self.assertNotIn("take_half", stacks)
        self.assertIn("nameless+0x", stacks)

    def test_per_thread(self):
        """Such samples have no time, so they are compared as sums."""
        path = self.perf_record("-e", "cpu-clock", "-F", RATE, "-g", "--per-thread",
                                command=["sh", "-c", "i=0; while [ $i -lt 1000000 ]; do i=$((i + 1)); done"])
        theirs = perf_tool.script(path, time=False)
        depths = collections.Counter()
        for sample in theirs:
            frames = list(sample.frames)
            while len(frames) > 1 and frames[-1].file == "[unknown]":
                frames.pop()
            depths[sample.comm, max(len(frames), 1)] += 1
        ours = collections.Counter()
        for line in self.convert(path, "jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            self.assertNotIn("time_ns", row)
            ours[row["comm"], len(row["stack"])] += row["count"]
        self.assertEqual(sum(ours.values()), len(theirs))
        self.assertEqual(ours, depths)

    def test_directory(self):
        path = self.dir / "threads.data"
        perf_tool.record(path, "-e", "cpu-clock", "--threads", "--", *self.shares())
        for says in ("record without --threads", f"is '{path}/data' in it"):
            done = subprocess.run([RECORD_TRACE, "report", path], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stderr)
            (path / "data.0").unlink(missing_ok=True)  # what is left is as `perf record --kcore` has it


@contextlib.contextmanager
def tracefs():
    """perf finds tracepoints there; mounted for as long as it is needed where it is not."""
    mine = not (TRACING / "events").exists()
    if mine:
        subprocess.run(["mount", "-t", "tracefs", "nodev", TRACING], check=True)
    try:
        yield
    finally:
        if mine:
            subprocess.run(["umount", TRACING], check=True)
