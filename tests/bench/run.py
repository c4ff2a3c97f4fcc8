#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures what recording costs, beside perf and bpftrace in the same run and against the project's budgets.

Runs of the tools are interleaved (A, B, C, A, B, C, ...) and medians are reported, so that drift of the machine hits
all alike. Writes build/bench/results.json and docs/benchmarks.md. Needs root; everything it starts is its own child.

usage: tests/bench/run.py [--quick] [--no-docs | --only MEASUREMENT | --pipelines]
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "live"), str(ROOT / "tests")]

import bpf_time  # noqa: E402
import conversions  # noqa: E402
import pipelines  # noqa: E402
import windows_traces  # noqa: E402
from support import BUILD, EPOLL_SYSCALLS, RECORD_TRACE, fixture  # noqa: E402

HZ = 999
BPFTRACE_PROGRAM = f"profile:hz:{HZ} {{ @[kstack, ustack, comm] = count(); }}"

# How long and how often, in full and with --quick.
PLANS = {
    False: {"load_ms": 5000, "load_runs": 4, "depth_s": 1.5, "depth_runs": 3, "start_runs": 5, "long_s": 30},
    True: {"load_ms": 2500, "load_runs": 2, "depth_s": 1.0, "depth_runs": 2, "start_runs": 3, "long_s": 10},
}


def poll_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.001)


def syscall_of(pid):
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
            word = f.read().split()[0]
    except OSError:
        return -1
    return int(word) if word.isdigit() else -1


def bpf_programs(pid):
    """{id: (run time in ns, runs)} of the programs that a process holds; statistics must be on."""
    ids = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            ids |= set(map(int, re.findall(r"^prog_id:\s*(\d+)", path.read_text(), re.M)))
        except OSError:
            pass
    tool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    text = subprocess.run([tool, "-j", "prog", "list"], check=True, stdout=subprocess.PIPE).stdout
    return {p["id"]: (p.get("run_time_ns", 0), p.get("run_cnt", 0)) for p in json.loads(text) if p["id"] in ids}


def map_bytes(pid):
    total = 0
    seen = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = path.read_text()
        except OSError:
            continue
        ident = re.search(r"^map_id:\s*(\d+)", text, re.M)
        memlock = re.search(r"^memlock:\s*(\d+)", text, re.M)
        if ident and memlock and ident.group(1) not in seen:
            seen.add(ident.group(1))
            total += int(memlock.group(1))
    return total


class Tool:
    """A profiler of the whole machine at HZ, started and stopped around a load."""

    def __init__(self, directory):
        self.directory = directory
        self.output = directory / f"{self.name}.{self.extension}"
        self.process = None

    def start(self, *extra):
        self.output.unlink(missing_ok=True)
        with open(self.directory / f"{self.name}.out", "wb") as out, open(self.directory / f"{self.name}.err", "wb") as err:
            begin = time.monotonic()
            self.process = subprocess.Popen([str(a) for a in self.argv(*extra)], stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL)
        poll_until(self.records, 30)
        return (time.monotonic() - begin) * 1000

    def stop(self):
        """Interrupts the tool and waits for it. Returns its resource usage and the milliseconds it took to end."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.wait(begin)

    def wait(self, begin):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode not in (0, -signal.SIGINT):
            raise RuntimeError(f"{self.name}: exit status {self.process.returncode}: "
                               f"{(self.directory / f'{self.name}.err').read_text()[-500:]}")
        return usage, (time.monotonic() - begin) * 1000


class RecordTrace(Tool):
    name = "record-trace"
    extension = "pb.gz"

    def argv(self, *extra):
        return [RECORD_TRACE, "-F", HZ, "--json", "--force", "-o", self.output, *extra]

    def records(self):
        return syscall_of(self.process.pid) in EPOLL_SYSCALLS

    def summary(self):
        return json.loads((self.directory / f"{self.name}.out").read_text().splitlines()[-1])

    def samples_and_bytes(self):
        summary = self.summary()
        return summary["kinds"]["cpu"]["kept"], summary["self"]["kernel_to_user_bytes"]

    def brief_argv(self, seconds):
        return [*self.argv(), "-d", f"{seconds}s"]


class RecordTraceFp(RecordTrace):
    name = "record-trace --unwind fp"

    def argv(self, *extra):
        return super().argv("--unwind", "fp", *extra)


class Perf(Tool):
    name = "perf record -g"
    extension = "data"

    def argv(self, *extra):
        return ["perf", "record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", HZ, "-o", self.output, *extra]

    def records(self):
        return self.output.exists() and syscall_of(self.process.pid) in (7, 271, 73)

    def samples_and_bytes(self):
        """Of the file: perf passes every byte of a sample through its ring buffers into it."""
        text = subprocess.run(["perf", "report", "--stats", "-i", self.output], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        samples = re.search(r"SAMPLE events:\s+(\d+)", text)
        return int(samples.group(1)) if samples else 0, self.output.stat().st_size

    def brief_argv(self, seconds):
        return [*self.argv(), "--", "sleep", seconds]


class Bpftrace(Tool):
    name = "bpftrace"
    extension = "txt"

    def argv(self, *extra):
        return ["bpftrace", "-o", self.output, "-e", " ".join([BPFTRACE_PROGRAM, *extra])]

    def records(self):
        return any(bpf_programs(self.process.pid)) and syscall_of(self.process.pid) in EPOLL_SYSCALLS

    def samples_and_bytes(self):
        return None, None

    def brief_argv(self, seconds):
        return self.argv(f"interval:s:{seconds} {{ exit(); }}")


TOOLS = (RecordTrace, Perf, Bpftrace)


def run_load(directory, depth, threads, rounds_ms):
    truth = directory / "load.json"
    subprocess.run([fixture("work"), str(depth), str(threads), str(rounds_ms), str(truth)], check=True)
    return json.loads(truth.read_text())


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


# ---- the measurements ----------------------------------------------------------------------------------------------


def measure_load(directory, plan, log):
    """Two busy threads under each tool and under none: own CPU, memory, bytes, time to stop, slowdown."""
    rows = {tool.name: [] for tool in TOOLS}
    base = []
    threads = os.cpu_count()
    for turn in range(plan["load_runs"]):
        log(f"load, turn {turn + 1} of {plan['load_runs']}")
        base.append(run_load(directory, 16, threads, plan["load_ms"])["cpu_s"])
        for tool in (t(directory) for t in TOOLS):
            start_ms = tool.start()
            load = run_load(directory, 16, threads, plan["load_ms"])
            maps = map_bytes(tool.process.pid)
            usage, stop_ms = tool.stop()
            samples, size = tool.samples_and_bytes()
            rows[tool.name].append({
                "start_ms": start_ms, "stop_ms": stop_ms, "work_cpu_s": load["cpu_s"], "work_wall_s": load["wall_s"],
                "own_cpu_s": usage.ru_utime + usage.ru_stime, "rss_bytes": usage.ru_maxrss * 1024, "map_bytes": maps,
                "bytes_per_sample": size / samples if samples else None,
            })
    result = {name: {key: median([r[key] for r in runs]) for key in runs[0]} for name, runs in rows.items()}
    for row in result.values():
        row["slowdown"] = row["work_cpu_s"] / median(base) - 1
    result["none"] = {"work_cpu_s": median(base), "spread": (max(base) - min(base)) / median(base)}
    return result


def depth_tools(directory):
    """By the way to unwind; ours first."""
    return {"fp": (RecordTraceFp(directory), Bpftrace(directory)), "eh_frame": (RecordTrace(directory),)}


def measure_depths(directory, plan, log):
    return bpf_time.measure(depth_tools(directory), bpf_programs, fixture, directory, plan, log)


def measure_starts(directory, plan, log):
    """Wall time of a recording of one second beyond that second, with nothing else to do: start + stop."""
    times = {tool.name: [] for tool in TOOLS}
    own = []
    for turn in range(plan["start_runs"]):
        log(f"start and stop, turn {turn + 1} of {plan['start_runs']}")
        for tool in (t(directory) for t in TOOLS):
            tool.output.unlink(missing_ok=True)
            begin = time.monotonic()
            with open(directory / f"{tool.name}.out", "wb") as out, open(directory / f"{tool.name}.err", "wb") as err:
                tool.process = subprocess.Popen([str(a) for a in tool.brief_argv(1)], stdout=out, stderr=err)
            _, wall_ms = tool.wait(begin)
            times[tool.name].append(wall_ms - 1000)
            if isinstance(tool, RecordTrace):
                own.append(tool.summary()["self"])
    result = {name: {"start_stop_ms": median(values)} for name, values in times.items()}
    result[RecordTrace.name].update({key: median([s[key] for s in own]) for key in ("start_ms", "stop_ms")})
    return result


def measure_long(directory, plan, log):
    """The recording that the budgets for memory and bytes are stated for."""
    log(f"a recording of {plan['long_s']} s")
    load = subprocess.Popen([fixture("shares"), str(plan["long_s"] + 5), "10", str(directory / "load.json")])
    tool = RecordTrace(directory)
    try:
        with open(directory / f"{tool.name}.out", "wb") as out, open(directory / f"{tool.name}.err", "wb") as err:
            tool.process = subprocess.Popen([str(a) for a in tool.brief_argv(plan["long_s"])], stdout=out, stderr=err)
        usage, _ = tool.wait(time.monotonic())
    finally:
        load.kill()
        load.wait()
    summary = tool.summary()
    samples, size = tool.samples_and_bytes()
    return {
        "seconds": plan["long_s"], "samples": samples, "bytes_per_sample": size / samples,
        "rss_bytes": usage.ru_maxrss * 1024, "map_bytes": summary["self"]["map_bytes"],
        "own_cpu_s": usage.ru_utime + usage.ru_stime, "lost": sum(summary["kinds"]["cpu"]["lost"].values()),
    }


def run_microbenchmarks(log):
    """Each program in build/bench prints one JSON object a line: {"name", "value", "unit", "budget" (may be null)}."""
    results = []
    for program in sorted((BUILD / "bench").iterdir() if (BUILD / "bench").is_dir() else ()):
        if program.is_file() and os.access(program, os.X_OK):
            log(program.name)
            out = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout
            results += [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return results


# ---- the verdict ---------------------------------------------------------------------------------------------------


def verdicts(r):
    """The budgets that apply, as (what, measured, budget, met)."""
    ours, perf = r["load"]["record-trace"], r["load"]["perf record -g"]
    rows = []

    def row(what, value, budget, unit, digits=1):
        rows.append({"what": what, "measured": f"{value:.{digits}f} {unit}", "budget": f"<= {budget:.{digits}f} {unit}",
                     "met": value <= budget})

    for what, ns, budget in bpf_time.verdicts(r["depths"], depth_tools(pathlib.Path())):
        row(what, ns, budget, "ns", 0)
    row("own CPU at 999 Hz, all CPUs busy", ours["own_cpu_s"], perf["own_cpu_s"] / 2, "s (half of perf record -g)", 3)
    row(f"bytes kernel to user per sample, {r['long']['seconds']} s", r["long"]["bytes_per_sample"], 8, "B")
    row(f"RSS + maps, {r['long']['seconds']} s", (r["long"]["rss_bytes"] + r["long"]["map_bytes"]) / 2**20, 64, "MiB")
    row("start, from exec to recording", ours["start_ms"], 150, "ms", 0)
    row("stop, from signal to files closed", ours["stop_ms"], 500, "ms", 0)
    for bench in r["micro"]:
        if bench.get("budget") is not None:
            row(bench["name"], bench["value"], bench["budget"], bench["unit"])
    return rows


def machine():
    """What the numbers depend on."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    facts = {
        "date": datetime.date.today().isoformat(),
        "cpu": f"{os.cpu_count()} x {cpu.group(1) if cpu else platform.machine()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 20} MiB",
        "kernel": platform.release(),
        "perf": version("perf", "--version"),
        "bpftrace": version("bpftrace", "--version"),
        "record-trace": version(RECORD_TRACE, "--version"),
    }
    return facts


def version(*argv):
    out = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return out.stdout.strip().splitlines()[0] if out.stdout.strip() else "unknown"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def number(value, form, missing="-"):
    return missing if value is None else format(value, form)


def document(r):
    """docs/benchmarks.md."""
    load, starts, plan = r["load"], r["starts"], r["plan"]
    tools = [t.name for t in TOOLS]
    peers = []
    fp = {RecordTrace.name: RecordTraceFp.name}

    def line_of(tool):
        return r["depths"].get(tool, {}).get("frames", {})

    for name, form, value in (
        ("own CPU, s (user + system)", ".3f", lambda t: load[t]["own_cpu_s"]),
        ("peak RSS, MiB", ".1f", lambda t: load[t]["rss_bytes"] / 2**20),
        ("BPF maps, MiB", ".1f", lambda t: load[t]["map_bytes"] / 2**20),
        ("bytes kernel to user per sample", ".1f", lambda t: load[t]["bytes_per_sample"]),
        ("slowdown of the load, %", ".1f", lambda t: load[t]["slowdown"] * 100),
        ("exec to recording, ms", ".0f", lambda t: load[t]["start_ms"]),
        ("signal to files closed, ms", ".0f", lambda t: load[t]["stop_ms"]),
        ("start + stop of a recording of 1 s, ms", ".0f", lambda t: starts[t]["start_stop_ms"]),
        ("BPF time per event by frame pointers, ns: base", ".0f", lambda t: line_of(fp.get(t, t)).get("base_ns")),
        ("per frame", ".1f", lambda t: line_of(fp.get(t, t)).get("per_frame_ns")),
        ("BPF time per event by .eh_frame, ns: base", ".0f", lambda t: line_of(t if t in fp else None).get("base_ns")),
        ("per frame", ".1f", lambda t: line_of(t if t in fp else None).get("per_frame_ns")),
    ):
        peers.append([name, *(number(value(t), form) for t in tools)])
    budgets = [[v["what"], v["measured"], v["budget"], "yes" if v["met"] else "**no**"] for v in r["budgets"]]
    micro = [[b["name"], f"{b['value']:.1f} {b['unit']}"] for b in r["micro"]]
    return f"""# Benchmarks

Measured by `sudo make bench`, which rewrites this page and `build/bench/results.json`. All tools ran in turn in the same
run; numbers are medians.

{table(["machine", ""], r["machine"].items())}
## Against the budgets

{table(["what", "measured", "budget", "met"], budgets)}
## Beside perf and bpftrace

The whole machine at {HZ} Hz; the load is one thread per CPU at the bottom of 16 frames, {plan["load_runs"]} runs of about
{plan["load_ms"] / 1000:.0f} s for each tool. The slowdown compares CPU seconds for the same work, {load["none"]["work_cpu_s"]:.2f} s without a
tool (runs of that differ by {load["none"]["spread"]:.1%}). BPF time is the kernel's own measurement
(`kernel.bpf_stats_enabled`), a line through {", ".join(map(str, bpf_time.DEPTHS))} frames: of a load with frame pointers
for `record-trace --unwind fp` and bpftrace, of the same load without them for record-trace as it is. The budgets of BPF time
(1.0 us + 30 ns per frame by frame pointers, 1.2 us + 45 ns by .eh_frame) are for a machine on which bpftrace costs
1.46 us + 34 ns per frame. In this run it cost {bpf_time.slowness(r["depths"]):.2f} times that, and the budgets are as many times larger.

{table(["", *tools], peers)}
Commands:

    record-trace -F {HZ} --json --force -o FILE.pb.gz
    perf record -q -a -g -e cpu-clock -F {HZ} -o FILE
    bpftrace -o FILE -e '{BPFTRACE_PROGRAM}'

Of bpftrace the kernel-to-user bytes are not counted; of perf they are the size of its file.

{pipelines.section(r["pipelines"])}
## Parts

{table(["what", "median"], micro)}"""


def measure_pipelines(directory, _plan, log):
    return pipelines.measure(directory, RECORD_TRACE, BUILD / "peers", fixture("work"), log)


MEASURES = {"starts": measure_starts, "depths": measure_depths, "load": measure_load, "long": measure_long,
            "pipelines": measure_pipelines}


def main():
    parser = argparse.ArgumentParser(description="Benchmarks of record-trace beside perf and bpftrace.")
    parser.add_argument("--quick", action="store_true", help="about two minutes instead of eight")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--only", choices=MEASURES, help="print what one of the measurements found, and write nothing")
    parser.add_argument("--pipelines", action="store_true", help="measure conversions of perf.data alone, and rewrite their "
                        "part of docs/benchmarks.md")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: recording the whole machine needs root; run: sudo make bench")
    plan = PLANS[args.quick]

    def log(text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="onecollect-bench-") as name:
        directory = pathlib.Path(name)
        if args.only:
            print(json.dumps(MEASURES[args.only](directory, plan, log), indent=1))
            return 0
        if args.pipelines:
            page = ROOT / "docs" / "benchmarks.md"
            page.write_text(pipelines.splice(page.read_text(), measure_pipelines(directory, plan, log)))
            return 0
        results = {"machine": machine(), "plan": plan}
        # First, while this process is small: Linux counts its memory into the peaks of the programs that it starts.
        for key, measure in MEASURES.items():
            results[key] = measure(directory, plan, log)
        results["micro"] = run_microbenchmarks(log)
        log("conversions")
        results["micro"] += conversions.measure(directory, BUILD / "bench" / "octrace", RECORD_TRACE)
        log("Windows traces")
        results["micro"] += windows_traces.measure(directory, BUILD / "bench" / "etl", RECORD_TRACE)
    results["budgets"] = verdicts(results)
    (BUILD / "bench").mkdir(parents=True, exist_ok=True)
    (BUILD / "bench" / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    if not args.no_docs:
        (ROOT / "docs").mkdir(exist_ok=True)
        (ROOT / "docs" / "benchmarks.md").write_text(document(results))
    for v in results["budgets"]:
        print(f"{'met ' if v['met'] else 'MISSED'} {v['what']}: {v['measured']} (budget {v['budget']})")
    return 0 if all(v["met"] for v in results["budgets"]) else 1


if __name__ == "__main__":
    sys.exit(main())
