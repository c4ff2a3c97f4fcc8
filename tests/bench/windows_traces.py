# SPDX-License-Identifier: BSD-2-Clause
"""Measures reading Windows traces: the speed of real ones, where there are any, and whether time is linear and memory
bounded for one of 2 GiB. Called by run.py; build/bench/etl measures the real ones."""

import json
import lzma
import os
import pathlib
import shutil
import subprocess

import etl_trace
from support import fixture

SIZES = (256 << 20, 2048 << 20)
BYTES_MIN = 1 << 20      # a real trace below that would be measured by what opening a file costs
BUDGET_MIB = 16          # --memory-budget: samples beyond it go to a temporary file
OTHER_MIB = 16           # 40 bytes for a buffer, 24 for the definition of a stack's key, names, the program itself
NS_PER_BYTE = 1e9 / 300e6  # 300 MB/s
NONLINEAR = 1.3


def real_traces(directory):
    """Paths of the traces below $ONECOLLECT_TEST_DATA, unpacked."""
    folder = pathlib.Path(os.environ.get("ONECOLLECT_TEST_DATA", "../shared/data")) / "etl"
    for path in sorted(folder.glob("*.etl*")):
        if path.suffix == ".etl":
            yield path
        elif path.suffix == ".xz":
            unpacked = directory / path.stem
            with lzma.open(path) as source, open(unpacked, "wb") as target:
                shutil.copyfileobj(source, target)
            yield unpacked


def measure_real(directory, program):
    rows = []
    for path in real_traces(directory):
        if path.stat().st_size >= BYTES_MIN:
            out = subprocess.run([program, path], check=True, stdout=subprocess.PIPE, text=True).stdout
            rows += [json.loads(line) for line in out.splitlines()]
    return rows


def run(directory, argv):
    """(CPU seconds, peak RSS in MiB) of a command that must succeed."""
    used = directory / "used.json"
    subprocess.run([fixture("peak_memory"), used, *argv], check=True)
    usage = json.loads(used.read_text())
    if usage["status"]:
        raise subprocess.CalledProcessError(usage["status"], argv)
    return usage["cpu_s"], usage["peak_bytes"] / 2**20


def measure_long(directory, record_trace):
    rows, seconds, peak = [], [], []
    trace, out = directory / "long.etl", directory / "long.folded"
    for size in SIZES:
        etl_trace.write(trace, size)
        argv = [record_trace, "convert", "-q", "--force", "--memory-budget", f"{BUDGET_MIB}M", trace, "-o", out]
        cpu_s, mib = run(directory, argv)
        seconds.append(cpu_s / size)
        peak.append(mib)
        rows.append({"name": f"convert an .etl trace of {size >> 20} MiB, CPU time per byte", "value": cpu_s * 1e9 / size,
                     "unit": "ns", "budget": NS_PER_BYTE})
        rows.append({"name": f"convert an .etl trace of {size >> 20} MiB, peak RSS", "value": mib, "unit": "MiB",
                     "budget": BUDGET_MIB + OTHER_MIB})
    trace.unlink()
    out.unlink()
    times = SIZES[1] // SIZES[0]
    rows.append({"name": f"convert an .etl trace, cost of a byte, {times} times as long", "value": seconds[1] / seconds[0],
                 "unit": "times", "budget": NONLINEAR})
    return rows


def measure(directory, program, record_trace):
    """Rows as the microbenchmarks print them: {"name", "value", "unit", "budget"}."""
    return measure_real(directory, program) + measure_long(directory, record_trace)
