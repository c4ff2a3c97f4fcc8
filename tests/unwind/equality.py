#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares our stacks with libdw's on real programs under load, stopped at random instants. One row for each.

usage: tests/unwind/equality.py [--stops N] [--seconds S] [PROGRAM...]

stacks   of threads that were not where they had been at the stop before
same     stacks with the same addresses, all of them
full     stacks of ours that end at a frame that has no caller, by its call frame information
cut      stacks of libdw's that ended in an address without code, which is no frame; they count without it
classes  differences by class, see tests/unwind/compare.c; "wrong" has no explanation and fails, and so do less than
         99.5 % of the stacks that are the same, or fewer stops than asked for
"""

import argparse
import json
import subprocess
import sys
import tempfile

import programs

PROGRAMS = {**programs.STARTS, **programs.CHURN}

COLUMNS = "{:<14} {:>6} {:>7} {:>9} {:>8} {:>8} {:>8} {:>8} {:>6}  {}"


def compare(pids, stops, seconds):
    """What compare says of these processes, and its examples of differences."""
    done = subprocess.run([*programs.NICE, programs.COMPARE, str(stops), str(seconds), *map(str, pids)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=seconds + 60, check=False)
    if not done.stdout:
        raise RuntimeError(f"compare: exit status {done.returncode}: {done.stderr[-1000:]}")
    return json.loads(done.stdout), done.stderr


def judge(name, stops, seconds):
    """Runs a program under load and compares. Returns (the result, examples)."""
    with tempfile.TemporaryDirectory(prefix="onecollect-unwind-") as directory:
        with programs.running(name, directory) as pids:
            result, examples = compare(pids, stops, seconds)
    result["good"] = result["good"] and result["stops"] >= stops
    return result, examples


def row(name, result):
    stacks = max(1, result["stacks"])
    classes = " ".join(f"{kind}={nr}" for kind, nr in result["kinds"].items() if nr and kind != "same")
    return COLUMNS.format(name, result["stops"], result["stacks"], result["distinct"], result["frames"], result["deepest"],
                          f"{result['kinds']['same'] / stacks:.2%}", f"{result['complete'] / stacks:.2%}",
                          result["cut"], classes + ("" if result["good"] else "  FAILED"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=1000, help="random instants for each program")
    parser.add_argument("--seconds", type=int, default=25, help="at most, for each program")
    parser.add_argument("program", nargs="*", help="all when none is given: " + ", ".join(PROGRAMS))
    args = parser.parse_args()
    if not set(args.program) <= set(PROGRAMS):
        parser.error("no such program; there are: " + ", ".join(PROGRAMS))
    failed = []
    print(COLUMNS.format("program", "stops", "stacks", "distinct", "frames", "deepest", "same", "full", "cut", "classes"),
          flush=True)
    for name in args.program or PROGRAMS:
        try:
            result, examples = judge(name, args.stops, args.seconds)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            failed.append(name)
            print(f"{name}: {error}", flush=True)
            continue
        print(row(name, result), flush=True)
        if not result["good"]:
            failed.append(name)
            print(examples, flush=True)
    print(f"{len(args.program or PROGRAMS) - len(failed)} programs passed, {len(failed)} failed"
          + (": " + ", ".join(failed) if failed else ""), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
