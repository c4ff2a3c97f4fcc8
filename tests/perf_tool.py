# SPDX-License-Identifier: BSD-2-Clause
"""What Debian's perf says of a perf.data file."""

import collections
import re
import subprocess

HANG_S = 300  # longer than this means that it hangs, however busy the machine is
HEAD = re.compile(r"(.*?)\s+(-?\d+)/(-?\d+)\s+(\d+\.\d+):\s+(\d+)\s+(\S.*?):\s*$")
FRAME = re.compile(r"\s*([0-9a-f]+) (.*) \((.*)\)$")

Sample = collections.namedtuple("Sample", "comm pid tid time period event frames")  # frames: (address, name, file)


def run(*args):
    args = [str(arg) for arg in args]
    try:
        done = subprocess.run(["perf", *args], capture_output=True, check=False, timeout=HANG_S)
    except FileNotFoundError:
        raise AssertionError("perf is missing; run: sudo scripts/install-deps check") from None
    if done.returncode:
        raise AssertionError(f"perf {' '.join(args)}: {done.stderr.decode(errors='replace')[-1000:]}")
    return done.stdout.decode(errors="replace")


def script(path):
    """The samples of a file, their frames leaf first."""
    samples = []
    for block in run("script", "-i", path, "--no-inline", "--ns", "--max-stack", "2000",
                     "-F", "comm,pid,tid,time,period,event,ip,sym,dso").split("\n\n"):
        head, *lines = block.lstrip("\n").split("\n")
        if not head:
            continue
        frame = None
        if not lines:  # a sample without callchain has its address in the same line
            head, _, rest = head.rpartition(":")
            head, frame = head + ":", rest
        match = HEAD.match(head)
        if not match:
            raise AssertionError(f"perf script printed {head!r}")
        frames = [FRAME.match(line).groups() for line in ([frame] if frame and frame.strip() else lines) if line]
        comm, pid, tid, time, period, event = match.groups()
        samples.append(Sample(comm, int(pid), int(tid), time, int(period), event, frames))
    return samples


def report(path, *fields):
    """Rows of perf report, a list of the fields each."""
    text = run("report", "-i", path, "--stdio", "--no-children", "-g", "none", "-F", ",".join(fields), "-t", "|")
    return [[field.strip() for field in line.split("|")] for line in text.split("\n")
            if line.strip() and not line.startswith("#")]


def record(path, *args):
    """Runs perf record into a file."""
    run("record", "-q", "-o", path, *args)
