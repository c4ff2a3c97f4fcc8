# SPDX-License-Identifier: BSD-2-Clause
"""Real Windows traces. They are not part of the project: tests look for them in a folder, and are skipped without it."""

import lzma
import os
import shutil
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(os.environ.get("ONECOLLECT_TEST_DATA", os.path.join(ROOT, "..", "shared", "data")), "etl")
# .NET programs under load, with stacks; what TraceEvent, the library of PerfView, makes of it is in BASELINE.
PERFVIEW = "perfview-net452-x64.etl"
BASELINE = os.path.join(FOLDER, "perfview-net452-x64.baseline.txt")
PERFVIEW_SAMPLES = 6320
PERFVIEW_PERIOD_NS = 1000000


def names():
    """Names of the traces that are here; some are packed."""
    found = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
    return [name for name in found if name.endswith((".etl", ".etl.xz"))]


def need():
    """To be called by tests that are nothing without them."""
    if not names():
        raise unittest.SkipTest(f"no traces in {FOLDER}; set ONECOLLECT_TEST_DATA to the folder that has them")


def unpack(name, folder):
    """Puts a trace into a folder. Returns its name there."""
    path = os.path.join(folder, name.removesuffix(".xz"))
    with (lzma.open if name.endswith(".xz") else open)(os.path.join(FOLDER, name), "rb") as packed, open(path, "wb") as out:
        shutil.copyfileobj(packed, out)
    return os.path.basename(path)
