# SPDX-License-Identifier: BSD-2-Clause
"""What Debian's perf says of a perf.data file."""

import collections
import re
import subprocess

HANG_S = 300  # longer than this means that it hangs, however busy the machine is
HEAD = re.compile(r"(.*?)\s+(-?\d+)/(-?\d+)\s+(?:(\d+\.\d+):\s+)?(\d+)\s+(\S.*?):\s*([0-9a-f]+ .* \(.*\))?$")
FRAME = re.compile(r"\s*([0-9a-f]+) (.*) \((.*)\)$")
OFFSET = re.compile(r"(.*)\+0x([0-9a-f]+)$")

Sample = collections.namedtuple("Sample", "comm pid tid time period event frames")  # frames: Frame, leaf first
Frame = collections.namedtuple("Frame", "address name offset file")


def run(*args):
    args = [str(arg) for arg in args]
    try:
        done = subprocess.run(["perf", *args], capture_output=True, check=False, timeout=HANG_S)
    except FileNotFoundError:
        raise AssertionError("perf is missing; run: sudo scripts/install-deps check") from None
    if done.returncode:
        raise AssertionError(f"perf {' '.join(args)}: {done.stderr.decode(errors='replace')[-1000:]}")
    return done.stdout.decode(errors="replace")


def to_frame(match):
    address, name, file = match.groups()
    offset = OFFSET.match(name)
    return Frame(address, offset[1] if offset else name, int(offset[2], 16) if offset else 0, file)


def script(path, time=True):
    """The samples of a file, their frames leaf first; without times (None) of a recording that has none."""
    fields = ["comm", "pid", "tid", *(["time"] if time else []), "period", "event", "ip", "sym", "symoff", "dso"]
    samples = []
    for line in run("script", "-i", path, "--no-inline", "--ns", "--max-stack", "2000", "-F",
                    ",".join(fields)).split("\n"):
        frame = FRAME.match(line) if line.startswith("\t") else None
        if frame:
            samples[-1].frames.append(to_frame(frame))
        elif line.strip():
            match = HEAD.match(line)
            if not match:
                raise AssertionError(f"perf script printed {line!r}")
            comm, pid, tid, at, period, event, only = match.groups()
            # A sample without callchain has its address in the same line.
            frames = [to_frame(FRAME.match(only))] if only else []
            samples.append(Sample(comm.strip(), int(pid), int(tid), at, int(period), event, frames))
    return samples


def report(path, *fields):
    """Rows of perf report, a list of the fields each."""
    text = run("report", "-i", path, "--stdio", "--no-children", "-g", "none", "-F", ",".join(fields), "-t", "|")
    return [[field.strip() for field in line.split("|")] for line in text.split("\n")
            if line.strip() and not line.startswith("#")]


def record(path, *args):
    """Runs perf record into a file."""
    run("record", "-q", "-o", path, *args)
