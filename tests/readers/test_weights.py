# SPDX-License-Identifier: BSD-2-Clause
"""One known recording in every format, read by tools fetched by scripts/install-readers: equal totals and weights.

A row of FORMATS is a format, the extension its reader knows it by, and the reader: it takes paths, and gives for each
a dictionary of self weight by function name. Weights are samples; a reader of times divides them by the period.
"""

import collections
import json
import os
import re
import subprocess
import tempfile
import unittest

import firefox
import known_recording
import nettrace
import parquet

READERS = os.path.join(known_recording.BUILD, "readers")
HERE = os.path.dirname(os.path.abspath(__file__))


def node(script, *args, timeout=120):
    """What a script of this folder prints as its last line, which is JSON."""
    done = subprocess.run(["node", os.path.join(HERE, script), READERS, *args], capture_output=True, text=True,
                          check=False, timeout=timeout)
    if done.returncode:
        raise AssertionError(f"{script}: exit status {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.rstrip("\n").split("\n")[-1])


def samples_of(weight, period_ns):
    count = round(weight / period_ns)
    if abs(count * period_ns - weight) > 1:  # readers add up fractions
        raise AssertionError(f"{weight} ns is no multiple of the period")
    return count


def speedscope(paths, period_ns):
    results = []
    for result in node("speedscope.mjs", *paths):
        weights = collections.Counter()
        if result["schema"]:
            raise AssertionError(f"against speedscope's schema: {result['schema']}")
        for profile in result["profiles"]:
            unit = {"microseconds": 1000, "milliseconds": 1000000}.get(profile["unit"], 1)
            for name, weight in profile["self"].items():
                weights[name] += samples_of(weight * unit, period_ns)
        results.append(weights)
    return results


def firefox_profiler(paths, period_ns):
    del period_ns  # it counts samples itself
    results = []
    for path in paths:
        weights = collections.Counter()
        with firefox.Session(READERS, path) as session:
            for thread in session.threads():
                for row in session.functions(thread):
                    weights[row["name"]] += row["selfSamples"]
        results.append(weights)
    return results


SELF_SQL = """select f.name, count(*) from perf_sample s left join stack_profile_callsite c on s.callsite_id = c.id
    left join stack_profile_frame f on c.frame_id = f.id group by f.name"""
# What the recording lost is written, so that the application says so; nothing else may be wrong with a file.
PROBLEMS_SQL = """select name, value from stats where severity in ('error', 'data_loss') and value > 0
    and name != 'perf_cpu_lost_records'"""


def trace_processor(paths, *queries):
    """Rows of each query for each file; a file with which something is wrong is a failure."""
    answers = node("perfetto.mjs", PROBLEMS_SQL, *queries, "--", *paths)
    for path, (problems, *_) in zip(paths, answers):
        if problems:
            raise AssertionError(f"trace processor on {path}: {problems}")
    return [rows for _, *rows in answers]


def perfetto(paths, period_ns):
    del period_ns  # it counts samples
    return [dict(rows) for rows, in trace_processor(paths, SELF_SQL)]


def collector(paths, period_ns):
    """The data model of OpenTelemetry's collector."""
    del period_ns  # samples are counted
    done = subprocess.run([os.path.join(READERS, "otlp-reader"), *paths], capture_output=True, text=True, check=False,
                          timeout=60)
    if done.returncode:
        raise AssertionError(f"otlp-reader: {done.stderr}")
    return [result.get("samples", {}) for result in json.loads(done.stdout)]


SLICES_SQL = """select s.name, sum(s.dur - ifnull((select sum(c.dur) from slice c where c.parent_id = s.id), 0))
    from slice s group by s.name"""


def chrome_trace(paths, period_ns):
    return [{name: samples_of(weight, period_ns) for name, weight in rows if weight}
            for rows, in trace_processor(paths, SLICES_SQL)]


def strict_nettrace(paths, period_ns):
    """Not foreign, but written without knowledge of the writer. Names that its 16 bits have no room for are cut."""
    del period_ns  # a CPU sample's value is a number of samples
    results = []
    for path in paths:
        with open(path, "rb") as file:
            trace = nettrace.read(file.read(), allow_unmapped=True)
        results.append({whole_name(name): weight for name, weight in trace.self_weights.get("cpu", {}).items()})
    return results


def whole_name(name):
    cut = re.fullmatch(r"(.*)\.\.\. \((\d+) bytes in all\)", name, re.S)
    for hostile in known_recording.HOSTILE_SELF if cut else ():
        if hostile.startswith(cut.group(1)) and len(hostile.encode()) == int(cut.group(2)):
            return hostile
    return name


def tables(paths, period_ns):
    del period_ns  # the number of samples is a column
    return [parquet.weights(path) for path in paths]


FORMATS = [
    ("chrome", ".json", chrome_trace),
    ("otlp", ".otlp", collector),
    ("cpuprofile", ".cpuprofile", speedscope),
    ("firefox", ".firefox.json", firefox_profiler),
    ("nettrace", ".nettrace", strict_nettrace),
    ("parquet", ".parquet", tables),
    ("perfetto", ".perfetto-trace", perfetto),
    ("speedscope", ".speedscope.json", speedscope),
]


class Recordings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(READERS):
            raise AssertionError("the readers are missing; run: scripts/install-readers")
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)


class Weights(Recordings):
    table = []

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        print(f"\n{'format':<16}{'recording':<12}{'samples':>8}{'functions':>10}")
        for row in cls.table:
            print("{:<16}{:<12}{:>8}{:>10}".format(*row))

    def compare(self, recording, expected, paths, period_ns):
        for (name, _, read), path in zip(FORMATS, paths):
            with self.subTest(format=name, recording=recording):
                weights = {function: weight for function, weight in read([path], period_ns)[0].items() if weight}
                self.assertEqual(weights, expected)
                self.table.append((name, recording, sum(weights.values()), len(weights)))

    def test_sample(self):
        for recording, flags in (("counted", []), ("timeline", ["timeline"])):
            paths = [self.path(recording + extension) for _, extension, _ in FORMATS]
            for (name, _, _), path in zip(FORMATS, paths):
                known_recording.write(name, path, *flags)
            self.compare(recording, known_recording.ALL_SELF, paths, known_recording.PERIOD_NS)

    def test_hostile_names(self):
        paths = [self.path("hostile" + extension) for _, extension, _ in FORMATS]
        known_recording.write_hostile(*((name, path) for (name, _, _), path in zip(FORMATS, paths)))
        self.compare("hostile", known_recording.HOSTILE_SELF, paths, known_recording.HOSTILE_PERIOD_NS)

    def test_recursion(self):
        paths = [self.path("recursive" + extension) for _, extension, _ in FORMATS]
        expected = known_recording.write_recursive(*((name, path) for (name, _, _), path in zip(FORMATS, paths)))
        self.compare("recursive", expected, paths, known_recording.HOSTILE_PERIOD_NS)

    def test_empty(self):
        paths = [self.path("empty" + extension) for _, extension, _ in FORMATS]
        for (name, _, _), path in zip(FORMATS, paths):
            known_recording.write(name, path, "empty")
        self.compare("empty", {}, paths, 1)


PERF_TEXT_SQL = """select rtrim(f.name), count(*) from cpu_profile_stack_sample s
    join stack_profile_callsite c on s.callsite_id = c.id join stack_profile_frame f on c.frame_id = f.id group by 1"""


class PerfScript(Recordings):
    def test_sample(self):
        """It counts samples and has no weights, so only a timeline says the same."""
        path = self.path("timeline.perf-script.txt")
        known_recording.write("perf-script", path, "timeline")
        ((rows,),) = trace_processor([path], PERF_TEXT_SQL)
        expected = {name.rstrip(): weight for name, weight in known_recording.SELF.items()}
        expected["[unknown]"] = known_recording.NO_SYMBOL + known_recording.NO_MAPPING
        self.assertEqual(dict(rows), expected)


class Perfetto(Recordings):
    def test_threads_and_losses(self):
        path = self.path("kinds.pftrace")
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
