# SPDX-License-Identifier: BSD-2-Clause
"""What a sample costs in the kernel, by the kernel's own account of the BPF programs, with every CPU at the bottom of a
stack of known depth. Called by run.py, which has the tools.
"""

import contextlib
import os
import pathlib
import statistics
import subprocess
import time

DEPTHS = (8, 32, 96)
# Argument of unwind_deep -> frames of its stacks, by eu-stack: of all kinds, some larger than what is read at once.
MIXED = {14: 44, 97: 252}
STATS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
# nanoseconds = base + per_frame * frames
BUDGETS = {"fp": (1000, 30), "eh_frame": (1200, 45)}
# What bpftrace cost on the machine, and at the moment, that the budgets were made for. Both change by a factor of two
# from day to day on shared machines, so the budgets are as many times larger as bpftrace is dearer beside us.
PEER, PEER_COST = "bpftrace", (1460, 34)


def loads(fixture, truth):
    """(way to unwind, name of the row, frames, commands that keep all CPUs busy)."""
    cpus = os.cpu_count()
    for depth in DEPTHS:
        yield "fp", "frames", depth, [[fixture("work"), str(depth), str(cpus), "1000000", truth]]
        yield "eh_frame", "frames", depth, [[fixture("work_frameless"), str(depth), str(cpus), "1000000", truth]]
    for argument, depth in MIXED.items():
        yield "eh_frame", "frames of all kinds", depth, [[fixture("unwind_deep"), str(argument), "spin"]] * cpus


@contextlib.contextmanager
def running(commands):
    processes = [subprocess.Popen(argv, stdout=subprocess.DEVNULL) for argv in commands]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ns_per_event(tool, seconds, programs_of):
    """The first moment, in which each stack is new, is left out."""
    tool.start()
    time.sleep(0.5)
    first = programs_of(tool.process.pid)
    time.sleep(seconds)
    second = programs_of(tool.process.pid)
    tool.stop()
    ident = max(second, key=lambda i: second[i][1])
    return (second[ident][0] - first[ident][0]) / (second[ident][1] - first[ident][1])


def line_through(points):
    """Least squares: nanoseconds = base + per_frame * depth."""
    slope, base = statistics.linear_regression(list(points), list(points.values()))
    return {"ns": points, "per_frame_ns": slope, "base_ns": base}


def measure(tools, programs_of, fixture, directory, plan, log):
    """tools: way to unwind -> tools that do. Returns {tool: {row: line}}, in nanoseconds per event."""
    found = {}
    before = STATS.read_text()
    STATS.write_text("1")
    try:
        for turn in range(plan["depth_runs"]):
            for way, row, depth, commands in loads(fixture, str(directory / "load.json")):
                log(f"BPF time at {depth} {row}, {way}, turn {turn + 1} of {plan['depth_runs']}")
                with running(commands):
                    for tool in tools[way]:
                        ns = ns_per_event(tool, plan["depth_s"], programs_of)
                        found.setdefault(tool.name, {}).setdefault(row, {}).setdefault(depth, []).append(ns)
    finally:
        STATS.write_text(before)
    return {name: {row: line_through({depth: statistics.median(ns) for depth, ns in depths.items()})
                   for row, depths in rows.items()} for name, rows in found.items()}


def slowness(results):
    """How many times as much as then the peer costs now; 1 when it is cheaper."""
    factors = [ns / (PEER_COST[0] + PEER_COST[1] * depth) for depth, ns in results[PEER]["frames"]["ns"].items()]
    return max(1, statistics.median(factors))


def verdicts(results, tools):
    """(what, nanoseconds, budget) of our own tools, the first ones of each way."""
    for way, (base, per_frame) in BUDGETS.items():
        for row, line in results[tools[way][0].name].items():
            for depth, ns in line["ns"].items():
                budget = (base + per_frame * depth) * slowness(results)
                yield f"BPF time per on-CPU sample, {way}, {depth} {row}", ns, budget
