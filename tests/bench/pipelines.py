# SPDX-License-Identifier: BSD-2-Clause
"""What it costs to make a profile or folded stacks of a perf.data file: `record-trace convert` beside pipelines of
`perf script`. Called by run.py. CPU seconds of all processes of a pipeline, medians of runs in turn."""

import datetime
import pathlib
import resource
import statistics
import subprocess
import time

SECONDS = 5
HZ = 4999
TURNS = 5
INFERNO = "inferno-collapse-perf"
TITLE = "## Converting perf.data"
PERF_COLLAPSE = pathlib.Path("/usr/lib/perf-core/scripts/python/stackcollapse.py")
AWK_COLLAPSE = pathlib.Path(__file__).with_name("collapse.awk")


def pipelines(record_trace, peers, source, out):
    """{what: command line}; all write their result to `out`, those of text as folded stacks."""
    # Without the period, by which inferno would weigh.
    script = f"perf script --no-inline -F comm,pid,tid,time,event,ip,sym,dso -i {source}"
    commands = {
        "record-trace convert, to .pb.gz": f"{record_trace} convert -q --force {source} -o {out}.pb.gz",
        "record-trace convert, to .folded": f"{record_trace} convert -q --force {source} -o {out}",
        "perf script, nothing behind it": f"{script} >/dev/null",
        f"perf script, {INFERNO}": f"{script} | {peers / 'bin' / INFERNO} >{out}",
        "perf script, awk": f"{script} | LC_ALL=C awk -f {AWK_COLLAPSE} >{out}",
        "perf script -s stackcollapse.py": f"perf script -i {source} -s {PERF_COLLAPSE} >{out}",
    }
    if not (peers / "bin" / INFERNO).exists():
        del commands[f"perf script, {INFERNO}"]
    return commands


def run(command):
    """CPU seconds of a command line and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def weight(path):
    return sum(int(line.rsplit(" ", 1)[1]) for line in path.read_text(errors="replace").splitlines())


def record(directory, load, source):
    """The whole machine, with calls, files and processes to be seen."""
    programs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                for command in ([load, "16", "1", str(SECONDS * 1000 + 2000), str(directory / "truth.json")],
                                ["timeout", str(SECONDS + 2), "sh", "-c",
                                 "while :; do find /usr/share -name '*.conf' | sort | md5sum; done"])]
    time.sleep(0.5)
    subprocess.run(["perf", "record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", str(HZ), "-o", source, "--", "sleep",
                    str(SECONDS)], check=True, stderr=subprocess.DEVNULL)
    for program in programs:
        program.wait()


def measure(directory, record_trace, peers, load, log):
    log(f"perf.data of {SECONDS} s")
    source, out = directory / "pipelines.perf.data", directory / "pipelines.folded"
    record(directory, load, source)
    commands = pipelines(record_trace, peers, source, out)
    seconds, weights = {what: [] for what in commands}, {}
    for turn in range(TURNS):
        log(f"pipelines, turn {turn + 1} of {TURNS}")
        for what, command in commands.items():
            seconds[what].append(run(command))
            if f"{out}.pb.gz" not in command and str(out) in command:
                weights[what] = weight(out)
    samples = weights["record-trace convert, to .folded"]
    # inferno leaves out samples whose stack is empty.
    if {count for what, count in weights.items() if INFERNO not in what} != {samples}:
        raise RuntimeError(f"the pipelines do not agree on the number of samples: {weights}")
    rows = {what: {"cpu_s": statistics.median(values), "least": min(values), "most": max(values),
                   "samples": weights.get(what)} for what, values in seconds.items()}
    return {"samples": samples, "bytes": source.stat().st_size, "rows": rows,
            "date": datetime.date.today().isoformat(), "turns": TURNS}


def section(result):
    """The part of docs/benchmarks.md."""
    ours = result["rows"]["record-trace convert, to .pb.gz"]["cpu_s"]
    lines = [TITLE, "",
             f"`perf record -a -g -e cpu-clock -F {HZ}` of {SECONDS} s, {result['samples']:,} samples in "
             f"{result['bytes'] / 2**20:.1f} MiB,", "made into a pprof profile or folded stacks with all names. CPU seconds of all "
             f"processes of a pipeline, medians of", f"{result['turns']} runs in turn ({result['date']}).", "",
             "| pipeline | CPU s | least and most | times ours | samples |", "|---|--:|---|--:|--:|"]
    for what, row in result["rows"].items():
        lines.append(f"| {what} | {row['cpu_s']:.3f} | {row['least']:.3f} to {row['most']:.3f} | "
                     f"{row['cpu_s'] / ours:.1f} | {row['samples'] or '-'} |")
    lines += ["", "`perf script` is given `--no-inline`, without which it takes longer. `tests/bench/collapse.awk` does what",
              "stackcollapse-perf.pl does, in 30 lines; stackcollapse.py is perf's own. pprof's converter, `perf_to_profile`, is in",
              "no package registry, so it is not measured. inferno leaves out samples without a stack.", ""]
    return "\n".join(lines)


def splice(text, result):
    """The page with this part anew."""
    start = text.index(TITLE)
    end = text.index("\n## ", start) + 1
    return text[:start] + section(result) + "\n" + text[end:]
