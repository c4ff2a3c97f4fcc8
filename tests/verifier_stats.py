# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel's verifier says of each BPF program, compared with what it said when the baseline was written.

The baseline, tests/verifier-baseline.json, holds {kernel: {program: {insns, peak_states}}}; a kernel is MAJOR.MINOR, the
numbers are the largest over the variants that build/live/verifier loads. `make verifier-baseline` writes it anew.
"""

import json
import pathlib
import subprocess

BASELINE = pathlib.Path(__file__).resolve().parent / "verifier-baseline.json"
MEASURES = ("insns", "peak_states")
TOLERANCE = 0.25
# Verifiers of different kernels count differently. One that has no baseline is only kept from counting this many times
# what the most thorough of the known ones counts.
OTHER_KERNEL_FACTOR = 2
# Programs this small may grow by a few branches without telling anything.
SLACK = {"insns": 200, "peak_states": 20}
REMEDY = "if that is meant, run: sudo make verifier-baseline"


def report_here(build):
    """What the running kernel says of the objects in make's output folder. Needs root."""
    sources = sorted((BASELINE.parents[1] / "bpf").glob("*.bpf.c"))
    objects = [build / "bpf" / (path.stem + ".o") for path in sources]
    done = subprocess.run([build / "live" / "verifier", *objects], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def version_of(release):
    """6.1 of 6.1.0-56-cloud-amd64."""
    return ".".join(release.split("-")[0].split(".")[:2])


def largest(report):
    """{program: {measure: number}} over all variants in the output of build/live/verifier."""
    found = {}
    for row in report["programs"]:
        numbers = found.setdefault(row["program"], dict.fromkeys(MEASURES, 0))
        for measure in MEASURES:
            numbers[measure] = max(numbers[measure], row[measure])
    return found


def load_baseline():
    return json.loads(BASELINE.read_text(encoding="utf-8"))


def save_baseline(baseline):
    """One line for each program, so that a change shows as one."""
    kernels = []
    for kernel, programs in baseline.items():
        rows = ",\n".join(f"\t\t{json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in sorted(programs.items()))
        kernels.append(f"\t{json.dumps(kernel)}: {{\n{rows}\n\t}}")
    BASELINE.write_text("{\n" + ",\n".join(kernels) + "\n}\n", encoding="utf-8")


def limits_for(kernel, baseline):
    """{program: {measure: the most that is accepted}} on this kernel."""
    known = [baseline[kernel]] if kernel in baseline else list(baseline.values())
    factor = 1 + TOLERANCE if kernel in baseline else OTHER_KERNEL_FACTOR
    limits = {}
    for programs in known:
        for program, numbers in programs.items():
            row = limits.setdefault(program, dict.fromkeys(MEASURES, 0))
            for measure in MEASURES:
                row[measure] = max(row[measure], numbers[measure] * factor, numbers[measure] + SLACK[measure])
    return limits


def problems(report, baseline):
    """Sentences about programs that did not load, grew, are new, or are gone."""
    kernel = version_of(report["kernel"])
    limits = limits_for(kernel, baseline)
    found = []
    for row in report["programs"]:
        if row["errno"]:
            found.append(f"{row['program']} ({row['variant']}) does not load on {kernel}: errno {row['errno']}")
        elif row["insns"] < 1:
            found.append(f"{row['program']} ({row['variant']}): the verifier of {kernel} gave no statistics")
    measured = largest(report)
    for program in sorted(measured.keys() - limits.keys()):
        found.append(f"{program} has no baseline; {REMEDY}")
    for program in sorted(limits.keys() - measured.keys()):
        found.append(f"{program} has a baseline and is gone; {REMEDY}")
    for program in sorted(measured.keys() & limits.keys()):
        for measure, limit in limits[program].items():
            if measured[program][measure] > limit:
                found.append(f"{program}: {measure} on {kernel} is {measured[program][measure]}, "
                             f"more than {limit:.0f}; {REMEDY}")
    return found


def table(report):
    """A line for each program: its largest numbers and the longest that verifying and loading took."""
    lines = []
    for program, numbers in largest(report).items():
        rows = [row for row in report["programs"] if row["program"] == program]
        lines.append(f"{version_of(report['kernel'])} {program}: {numbers['insns']} insns, "
                     f"{numbers['peak_states']} peak states, "
                     f"verified in {max(row['verify_us'] for row in rows) / 1000:.1f} ms")
    return lines
