# SPDX-License-Identifier: BSD-2-Clause
"""Measures `record-trace convert` on timeline recordings of 1 and 10 million samples: CPU time, memory, and whether
ten times the samples take ten times as long. Called by run.py; the recordings come from build/bench/octrace."""

import os
import subprocess

SIZES = (1_000_000, 10_000_000)
BUDGET_MIB = 256  # --memory-budget: beyond it samples go to a temporary file
OTHER_MIB = 64    # what may be there beside samples: names, stacks, the groups of a format, the program itself
# Per format: nanoseconds of CPU time a sample, which is 2 million and 500,000 samples a second.
NS_PER_SAMPLE = {"pb.gz": 500, "perfetto-trace": 2000, "nettrace": 2000}
NONLINEAR = 1.3


def run(argv):
    """(CPU seconds, peak RSS in MiB) of a command that must succeed."""
    process = subprocess.Popen([str(a) for a in argv])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, argv)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(directory, generator, record_trace):
    """Rows as the microbenchmarks print them: {"name", "value", "unit", "budget"}."""
    rows, seconds = [], {}

    def row(name, value, unit, budget):
        rows.append({"name": name, "value": value, "unit": unit, "budget": budget})

    for size in SIZES:
        source = directory / f"{size}.octrace"
        subprocess.run([generator, source, str(size)], check=True)
        for extension, budget in NS_PER_SAMPLE.items():
            out = directory / f"out.{extension}"
            argv = [record_trace, "convert", "-q", "--no-symbols", "--force", "--memory-budget", f"{BUDGET_MIB}M",
                    source, "-o", out]
            seconds[extension, size], mib = run(argv)
            if size == SIZES[-1]:
                row(f"convert {size:,} samples to .{extension}, CPU time per sample",
                    seconds[extension, size] * 1e9 / size, "ns", budget)
                row(f"convert {size:,} samples to .{extension}, peak RSS", mib, "MiB", BUDGET_MIB + OTHER_MIB)
            out.unlink()
        source.unlink()
    for extension in NS_PER_SAMPLE:
        factor = seconds[extension, SIZES[-1]] / seconds[extension, SIZES[0]] * SIZES[0] / SIZES[-1]
        row(f"convert to .{extension}, cost of a sample, 10 million beside 1 million", factor, "times", NONLINEAR)
    return rows
