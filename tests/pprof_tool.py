# SPDX-License-Identifier: BSD-2-Clause
"""The stock pprof tool and programs of ours with its packages, built from Debian's source package, and what its reports
say."""

import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
FOLDER = os.path.join(BUILD, "interop")
HANG_S = 300  # longer than this means that it hangs, however busy the machine is
GOPATH = "/usr/share/gocode"
SOURCE = os.path.join(GOPATH, "src/github.com/google/pprof")
SCHEMA = os.path.join(SOURCE, "proto/profile.proto")


def tool():
    """Path of the pprof program; builds it (seconds, no network) when it is not there yet."""
    path = os.path.join(FOLDER, "pprof")
    return path if os.path.exists(path) else go_build(path, "github.com/google/pprof")


def go_build(path, what):
    """Builds a package, or a folder of Go files that may use pprof's packages, with what Debian has."""
    # Debian's own compiler first: a newer one elsewhere may have given up on builds without modules.
    go = shutil.which("go", path="/usr/bin") or shutil.which("go")
    if not go or not os.path.isdir(SOURCE):
        raise AssertionError("pprof cannot be built; run: sudo scripts/install-deps check")
    os.makedirs(FOLDER, exist_ok=True)
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": FOLDER,
        "GO111MODULE": "off",
        "GOFLAGS": "-p=2",
        "GOPATH": GOPATH,
        "GOCACHE": os.path.join(FOLDER, "go-cache"),
    }
    made = path + f".{os.getpid()}"
    done = subprocess.run([go, "build", "-o", made, what], env=env, cwd=ROOT, capture_output=True, text=True, check=False,
                          timeout=HANG_S)
    if done.returncode:
        raise AssertionError(f"{what} does not build: {done.stderr}")
    os.replace(made, path)
    return path


def run(*args):
    """Standard output of pprof, which must not fail and must not look for symbols on this machine."""
    env = dict(os.environ, HOME=FOLDER, PPROF_TMPDIR=FOLDER)
    done = subprocess.run([tool(), "-symbolize=none", *args], env=env, capture_output=True, text=True, check=False,
                          timeout=HANG_S)
    if done.returncode:
        raise AssertionError(f"pprof {' '.join(args)}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def raw(path):
    """The profile as `pprof -raw` shows it: types, samples [(values, location ids, labels)], locations, mappings."""
    profile = {"types": [], "samples": [], "locations": {}, "mappings": [], "text": run("-raw", path)}
    section = ""
    for line in profile["text"].split("\n"):
        if line in ("Samples:", "Locations", "Mappings"):
            section = line
        elif section == "Samples:" and not profile["types"]:
            profile["types"] = line.replace("[dflt]", "").split()
        elif section == "Samples:" and re.match(r"^[ \d]+:", line):
            values, _, ids = line.partition(":")
            profile["samples"].append(([int(v) for v in values.split()], [int(i) for i in ids.split()], {}))
        elif section == "Samples:":
            profile["samples"][-1][2].update(re.findall(r"([\w.]+):\[([^\]]*)\]", line))
        elif section == "Locations":
            number, _, rest = line.strip().partition(": ")
            if number.isdigit():
                profile["locations"][int(number)] = rest
        elif section == "Mappings" and line:
            profile["mappings"].append(line.partition(": ")[2])
    return profile


def top(path, sample_index="samples", unit=""):
    """{function: (flat, cumulative)} of `pprof -top`, in whole units, and the total it states."""
    text = run("-top", "-nodecount=100000", "-nodefraction=0", "-edgefraction=0", f"-sample_index={sample_index}",
               f"-unit={unit or 'minimum'}", path)
    number = rf"(\d+)(?:{unit})?" if unit else r"(\d+)"
    total = re.search(rf"of {number} total", text)
    rows = {}
    for line in text.split("\n"):
        row = re.match(rf"\s*{number}\s+[\d.]+%\s+[\d.]+%\s+{number}\s+[\d.]+%  (.*)$", line)
        if row:
            rows[row[3].replace(" (inline)", "")] = (int(row[1]), int(row[2]))
    return rows, int(total[1]) if total else 0
