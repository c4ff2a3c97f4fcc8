# SPDX-License-Identifier: BSD-2-Clause
"""What the live tests share: running record-trace and the programs it records, and reading what it wrote.

The readers of pprof and folded files here are independent of the writers under test.
"""

import collections
import fcntl
import gzip
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("O", "build"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD
RECORD_TRACE = BUILD / "record-trace"
RATE = 999

# What a command under test may take beyond what it was asked to, before it counts as hanging.
PATIENCE_S = 180

EPOLL_SYSCALLS = {"x86_64": {232, 281, 441}, "aarch64": {22, 441}}[os.uname().machine]


def fixture(name):
    return str(BUILD / "fixtures" / name)


def poll_until(condition, seconds, what):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def stat_of(pid):
    """The fields of /proc/PID/stat from the state on, [] when the process has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return []


def state_of(pid):
    """The letter of a process's state, '' when it has gone."""
    return (stat_of(pid) or [""])[0]


def cpu_seconds_of(pid):
    """What all threads of a living process have used, to 10 ms."""
    return sum(map(int, stat_of(pid)[11:13])) / os.sysconf("SC_CLK_TCK")


class LiveTest(unittest.TestCase):
    """A test on the real kernel. It needs root and BTF, and fails without: a skipped proof is none."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("the live tests need root")
        if not os.path.exists("/sys/kernel/btf/vmlinux"):
            raise AssertionError("the live tests need a kernel with BTF")
        if not RECORD_TRACE.exists():
            raise AssertionError(f"{RECORD_TRACE} is not built")

    # Tests that change the machine under the feet of others are alone on it, even among several runs of the suite.
    alone = False

    def setUp(self):
        lock = open(os.path.join(tempfile.gettempdir(), "onecollect-live-tests.lock"), "w", encoding="ascii")
        self.addCleanup(lock.close)
        fcntl.flock(lock, fcntl.LOCK_EX if self.alone else fcntl.LOCK_SH)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="onecollect-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.truth_path = self.dir / "truth.json"

    def truth(self):
        return json.loads(self.truth_path.read_text())

    def start(self, *argv, **kwargs):
        """Starts a process that does not outlive the test."""
        process = subprocess.Popen([str(a) for a in argv], **kwargs)
        self.addCleanup(end, process)
        return process

    def start_stopped(self, *argv, **kwargs):
        """Starts a process that waits to be continued before it becomes the program."""
        process = self.start("sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *argv, **kwargs)
        poll_until(lambda: state_of(process.pid) == "T", 5, "the shell stops")
        return process

    def record(self, *args, formats=("folded",), status=0, **kwargs):
        """Runs record-trace to its end and reads what it wrote."""
        recorder = Recorder(self, *args, formats=formats, **kwargs)
        return recorder.finish(status)

    def start_recording(self, *args, formats=("folded",), **kwargs):
        """Starts record-trace and returns when it records."""
        recorder = Recorder(self, *args, formats=formats, **kwargs)
        recorder.wait_until_recording()
        return recorder

    def note(self, text):
        """Prints a measured value: the numbers are part of the proof."""
        print(f"  {self.id().split('.', 1)[1]}: {text}", flush=True)

    def assert_balanced(self, summary):
        """taken = kept + lost and stacks = complete + incomplete, for every kind."""
        for name, kind in summary["kinds"].items():
            self.assertEqual(kind["taken"], kind["kept"] + sum(kind["lost"].values()), f"{name}: {kind}")
            self.assertEqual(kind["stacks"], kind["complete"] + sum(kind["incomplete"].values()), f"{name}: {kind}")

    def assert_near(self, value, expected, relative, what):
        self.assertLessEqual(abs(value - expected), relative * expected,
                             f"{what}: {value} is not within {relative:.1%} of {expected}")


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


class Recorder:
    """A run of record-trace. `wrap` is put before it (setpriv ...); the outputs go to the test's directory."""

    def __init__(self, test, *args, formats=("folded",), wrap=(), command=(), summary=True, env=None):
        self.test = test
        self.outputs = {name: test.dir / f"{len(os.listdir(test.dir))}.{name}" for name in formats}
        argv = [*wrap, RECORD_TRACE, "--force", *args]
        if summary:
            argv += ["--json"]
        for path in self.outputs.values():
            argv += ["-o", path]
        if command:
            argv += ["--", *command]
        self.process = test.start(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, **(env or {})})

    def wait_until_recording(self):
        """Recording begins before the first wait for data."""
        poll_until(self._waits_for_data, 10, "record-trace waits for data")

    def _waits_for_data(self):
        if self.process.poll() is not None:
            raise AssertionError(f"record-trace ended early: {self.process.stderr.read()}")
        try:
            with open(f"/proc/{self.process.pid}/syscall", encoding="ascii") as f:
                call = f.read().split()[0]
        except OSError:
            return False
        return call.isdigit() and int(call) in EPOLL_SYSCALLS

    def stop(self, status=0):
        self.process.send_signal(signal.SIGINT)
        return self.finish(status)

    def finish(self, status=0):
        """Waits for the end; status None accepts any."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError("record-trace hangs") from None
        if status is not None:
            self.test.assertEqual(self.process.returncode, status, f"exit status; said:\n{err}")
        return Result(self.process.returncode, out, err, self.outputs)


class Result:
    """What a run of record-trace left: exit status, texts, files."""

    def __init__(self, status, out, err, outputs):
        self.status = status
        self.out = out
        self.err = err
        self.outputs = outputs

    @property
    def summary(self):
        """The JSON object on standard output; what a recorded command printed comes before it."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def cpu(self):
        return self.summary["kinds"]["cpu"]

    @property
    def undelivered(self):
        """The share of the ticks that never came: the hypervisor gave the CPU to others, or the CPU was away."""
        return self.cpu["undelivered"] / self.cpu["due"]

    @property
    def folded(self):
        return read_folded(self.outputs["folded"])

    @property
    def pprof(self):
        return Profile(self.outputs["pb.gz"].read_bytes())


Stack = collections.namedtuple("Stack", "comm frames count")


def read_folded(path):
    """The lines `comm;root;...;leaf count` of a folded file, as Stacks with frames root first, without their marks."""
    stacks = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        text, count = line.rsplit(" ", 1)
        comm, *frames = text.split(";")
        stacks.append(Stack(comm, tuple(re.sub(r"_\[[kji]\]$", "", f) for f in frames), int(count)))
    return stacks


def weight(stacks, comm=None, containing=None):
    """Samples of the stacks of a process name that contain a function."""
    return sum(s.count for s in stacks
               if (comm is None or s.comm == comm) and (containing is None or containing in s.frames))


def self_weights(stacks):
    """Samples by function that was running; a stack without frames counts under ''."""
    totals = collections.Counter()
    for s in stacks:
        totals[s.frames[-1] if s.frames else ""] += s.count
    return totals


def is_named(frame):
    """Whether a frame has a name, and not just a module and an offset or an address."""
    return not re.search(r"(\+|^)0x[0-9a-f]+$", frame) and frame not in ("", "[unknown]")


def binomial_bound(p, n, z=3):
    return z * math.sqrt(p * (1 - p) / n)


# ---- pprof ---------------------------------------------------------------------------------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """The (number, value) pairs of a protobuf message; a value is an integer or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError("field beyond the end of its message")
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def integers(value):
    """The values of a repeated integer field, packed or not."""
    if isinstance(value, int):
        return [value]
    values, at = [], 0
    while at < len(value):
        item, at = varint(value, at)
        values.append(item)
    return values


# frames: names, root first; leaf: the Place of the last one, None without frames.
PprofSample = collections.namedtuple("PprofSample", "frames values labels leaf")
Place = collections.namedtuple("Place", "names module offset")


class Profile:
    """A pprof profile (google/pprof proto/profile.proto) with names in place of indices; frames root first."""

    def __init__(self, data):
        groups = collections.defaultdict(list)
        for number, value in fields(gzip.decompress(data)):
            groups[number].append(value)
        self.strings = [s.decode("utf-8") for s in groups[6]]
        if self.strings[0] != "":
            raise ValueError("string 0 is not empty")
        self.sample_types = [self._value_type(v) for v in groups[1]]
        self.mappings = {f[1]: f for f in map(dict, map(fields, groups[3]))}
        self.functions = {}
        for f in map(dict, map(fields, groups[5])):
            self.functions[f[1]] = self.strings[f.get(2, 0)]
        self.locations = dict(map(self._location, groups[4]))
        self.samples = [self._sample(v) for v in groups[2]]
        self.time_ns = (groups[9] or [0])[0]
        self.duration_ns = (groups[10] or [0])[0]
        self.period_type = self._value_type(groups[11][0]) if groups[11] else None
        self.period = (groups[12] or [0])[0]
        self.comments = [self.strings[i] for v in groups[13] for i in integers(v)]

    def _value_type(self, data):
        f = dict(fields(data))
        return self.strings[f.get(1, 0)], self.strings[f.get(2, 0)]

    def _location(self, data):
        """A location's id and its Place; the offset is that in the mapped file."""
        ident, mapping, address, lines = 0, {}, 0, []
        for number, value in fields(data):
            if number == 1:
                ident = value
            elif number == 2:
                mapping = self.mappings[value]
            elif number == 3:
                address = value
            elif number == 4:
                lines.append(self.functions[dict(fields(value))[1]])
        offset = address - mapping.get(2, 0) + mapping.get(4, 0)
        return ident, Place(lines or [f"0x{address:x}"], self.strings[mapping.get(5, 0)], offset)

    def _sample(self, data):
        places, values, labels = [], [], {}
        for number, value in fields(data):
            if number == 1:
                places += [self.locations[i] for i in integers(value)]
            elif number == 2:
                values += integers(value)
            elif number == 3:
                f = dict(fields(value))
                key = self.strings[f[1]]
                if key in labels:
                    raise ValueError(f"label {key} twice")
                labels[key] = self.strings[f[2]] if 2 in f else f.get(3, 0)
        if len(values) != len(self.sample_types):
            raise ValueError("number of values is not that of the sample types")
        frames = tuple(reversed([name for place in places for name in place.names]))
        return PprofSample(frames, values, labels, places[0] if places else None)

    def total(self, value=0):
        return sum(s.values[value] for s in self.samples)

    def by_label(self, key):
        totals = collections.Counter()
        for s in self.samples:
            totals[s.labels.get(key)] += s.values[0]
        return totals
