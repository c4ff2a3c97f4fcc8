# SPDX-License-Identifier: BSD-2-Clause
"""samply, which scripts/install-readers builds: it makes profiles for Firefox of what perf records."""

import contextlib
import os
import subprocess
import tempfile

HANG_S = 300  # longer than this means that it hangs, however busy the machine is


def run(readers, *args):
    program = os.path.join(readers, "bin", "samply")
    if not os.path.exists(program):
        raise AssertionError("samply is missing; run: scripts/install-readers")
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False, timeout=HANG_S)
    if done.returncode:
        raise AssertionError(f"samply {' '.join(args)}: {done.stderr[-2000:]}")
    return done.stdout


def version(readers):
    return run(readers, "--version").split()[-1]


@contextlib.contextmanager
def imported(readers, path):
    """A profile of a perf.data file, without names: they are looked up by who opens it."""
    with tempfile.TemporaryDirectory() as folder:
        profile = os.path.join(folder, "profile.json.gz")
        run(readers, "import", path, "--save-only", "--no-open", "-o", profile)
        yield profile
