# SPDX-License-Identifier: BSD-2-Clause
"""Writes tests/verifier-baseline.json anew, from the running kernel and from those that `make check-kernels` boots."""

import json
import pathlib
import sys

import guest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
import verifier_stats

VERSIONS = ["6.1", "6.12"]


def report_of(version):
    return json.loads(guest.run_guest(version, "verifier")["verifier.out"])


def main():
    baseline = {}
    for report in [report_of(version) for version in VERSIONS] + [verifier_stats.report_here(guest.BUILD)]:
        failed = [row["program"] for row in report["programs"] if row["errno"]]
        if failed:
            sys.exit(f"no baseline written: on {report['kernel']} these do not load: {' '.join(failed)}")
        baseline[verifier_stats.version_of(report["kernel"])] = verifier_stats.largest(report)
        print("\n".join(verifier_stats.table(report)), flush=True)
    verifier_stats.save_baseline(baseline)


main()
