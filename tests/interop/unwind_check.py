# SPDX-License-Identifier: BSD-2-Clause
"""Unwind tables compared with readelf, row by row: a sample for `make check`, every ELF file for `make check-tables`.

usage: unwind_check.py [FOLDER...]    every ELF file below (default /usr/lib /usr/bin /usr/sbin)
"""

import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, os.environ.get("O", "build"), "interop", "unwind_tables")
FOLDERS = ("/usr/lib", "/usr/bin", "/usr/sbin")
MACHINES = (62, 183)  # EM_X86_64, EM_AARCH64
UNSUPPORTED_MAX = 0.001  # of all rows
PROGRESS_FILES = 200


def is_ours(path):
    """True for programs and libraries, 64 bits, little-endian, of a machine that has tables."""
    try:
        with open(path, "rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return (head[:6] == b"\x7fELF\2\1" and int.from_bytes(head[16:18], "little") in (2, 3)
            and int.from_bytes(head[18:20], "little") in MACHINES)


def elf_files(folders):
    """Paths of ELF files below the folders, each file once."""
    seen = set()
    for top in folders:
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path) or "\n" in path:
                    continue
                key = os.stat(path).st_dev, os.stat(path).st_ino
                if key not in seen and is_ours(path):
                    seen.add(key)
                    yield path


def compare(paths):
    """Yields the result of each file; a dictionary, see unwind_tables.c. Raises when tables differ."""
    with subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
                          errors="surrogateescape") as process:
        for path in paths:
            print(path, file=process.stdin, flush=True)
            line = process.stdout.readline()
            if not line:
                break
            yield json.loads(line)
        process.stdin.close()
        process.stdout.read()
    if process.returncode:
        raise AssertionError(f"{PROGRAM} ended with {process.returncode}: tables differ from readelf's")


def total(results, verbose=False):
    """The sum of all numbers, and the number of files."""
    sums = {"files": 0}
    for result in results:
        sums["files"] += 1
        for name, value in result.items():
            if name != "file":
                sums[name] = sums.get(name, 0) + value
        if verbose and sums["files"] % PROGRESS_FILES == 0:
            print(sums["files"], "files,", sums["same"], "rows", file=sys.stderr, flush=True)
    return sums


def main():
    sums = total(compare(elf_files(sys.argv[1:] or FOLDERS)), verbose=True)
    rows = sum(sums.get(name, 0) for name in ("same", "unsupported", "overlapped", "dead", "different"))
    for name, value in sums.items():
        print(f"{name:<22} {value}")
    share = sums["unsupported"] / max(rows, 1)
    print(f"readelf's rows         {rows}\nunsupported            {share:.5%} of them")
    if not rows or share > UNSUPPORTED_MAX or sums["different"] or \
            sums["covered_bytes"] < sums["readelf_covered_bytes"]:
        sys.exit("check-tables: failed")


if __name__ == "__main__":
    main()
