# SPDX-License-Identifier: BSD-2-Clause
"""Profiles that other programs wrote, as record-trace reads them: samples by kind, and folded stacks."""

import collections
import json
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECORD_TRACE = ROOT / os.environ.get("O", "build") / "record-trace"


def run(*args):
    return subprocess.run([str(arg) for arg in (RECORD_TRACE, *args)], capture_output=True, text=True, check=False,
                          timeout=60)


def convert(path, out, *options):
    done = run("convert", "-q", "--force", path, *options, "-o", out)
    if done.returncode:
        raise AssertionError(f"{path}: {done.stderr}")
    return pathlib.Path(out).read_text(encoding="utf-8")


def samples(path, folder):
    """The samples, a dictionary each, as the JSON lines have them."""
    return [json.loads(line) for line in convert(path, folder / "ours.jsonl").splitlines()]


def folded(text):
    """{stack: count} of folded stacks, as they stand there."""
    stacks = collections.Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        stacks[stack] += int(count)
    return stacks


def read_folded(path, folder):
    """{stack: count} of a file whose stacks begin with functions, read and written again."""
    stacks = collections.Counter()
    for stack, count in folded(convert(path, folder / "ours.folded")).items():
        stacks[re.sub(r"^\[unknown\];(\[no stack\]$)?", "", stack)] += count
    return stacks
