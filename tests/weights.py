# SPDX-License-Identifier: BSD-2-Clause
"""Known recordings in every format, each read by the program that it is for: equal totals and weights, in one table.

A Reader is a format, the extension by which it is known, and who reads it: a function that takes files, each a path and
the period of the recording, and gives for each the self weights by kind and function. CPU time counts in samples, other
kinds in what was measured. Here are the readers that Debian packages, which `make check` runs; tests/readers has all.
"""

import collections
import functools
import json
import os
import re
import subprocess
import tempfile
import zipfile

import chromium
import debian_readers
import known_recording
import nettrace
import octrace
import perf_tool
import pprof_tool

RECORD_TRACE = os.path.join(known_recording.BUILD, "record-trace")
HANG_S = debian_readers.HANG_S
UNNAMED = re.compile(r"(?:(.+)\+)?(0x[0-9a-f]+)")  # code without a symbol, in a module or in none
SOME_LOST = 5  # exit status when a machine is so busy that more than 1 % were lost


def in_samples(weight, period_ns):
    count = round(weight / period_ns)
    if abs(count * period_ns - weight) > 1:  # readers add up fractions
        raise AssertionError(f"{weight} ns is no multiple of the period")
    return count


def by_kind(rows, period_ns=1):
    """Weights of rows (kind, function, amount); what CPU time took becomes samples by its period."""
    weights = collections.defaultdict(collections.Counter)
    for kind, name, amount in rows:
        weights[kind][name] += amount
    if "cpu" in weights:
        weights["cpu"] = {name: in_samples(weight, period_ns) for name, weight in weights["cpu"].items()}
    return weights


def kind_of(title):
    """Formats without kinds have them in front of names, when there are several."""
    kind, colon, _ = title.partition(": ")
    return kind if colon and kind in known_recording.KINDS else "cpu"


def each(read):
    """A reader of files, of one that reads a single file."""
    return lambda files: [read(path, period_ns) for path, period_ns in files]


# ---- what a format can hold of a name

def same(name):
    return name


def pprof_name(name):
    """It shows the module of code without a symbol; the kernel is called there as perf calls it."""
    place = UNNAMED.fullmatch(name)
    if not place:
        return name
    return f"[{place[1]}]".replace("[[kernel]]", "[[kernel.kallsyms]]") if place[1] else "<unknown>"


def perfview_name(name):
    """The module stands in front of every function, so here it is the place in it."""
    place = UNNAMED.fullmatch(name)
    return place[2] if place else name


# ---- the readers

@each
def pprof(path, period_ns):
    del period_ns  # the number of samples is a column
    weights = {"cpu": pprof_tool.top(path)[0]}
    for column in pprof_tool.raw(path)["types"]:
        kind, _, unit = column.partition("/")
        if unit != "count" and kind != "cpu":
            weights[kind] = pprof_tool.top(path, kind, {"nanoseconds": "ns", "bytes": "B"}[unit])[0]
    return {kind: {name: flat for name, (flat, _) in rows.items()} for kind, rows in weights.items()}


@each
def strict_nettrace(path, period_ns):
    """Not foreign, but written without knowledge of the writer. Names that its 16 bits have no room for are cut."""
    del period_ns  # a CPU sample's value is a number of samples
    with open(path, "rb") as file:
        trace = nettrace.read(file.read(), allow_unmapped=True)
    return {{"cswitch": "off_cpu"}.get(kind, kind): {whole_name(name): weight for name, weight in weights.items()}
            for kind, weights in trace.self_weights.items()}


def whole_name(name):
    cut = re.fullmatch(r"(.*)\.\.\. \((\d+) bytes in all\)", name, re.S)
    for hostile in known_recording.HOSTILE_SELF if cut else ():
        if hostile.startswith(cut.group(1)) and len(hostile.encode()) == int(cut.group(2)):
            return hostile
    return name


@each
def second_octrace(path, period_ns):
    """Not foreign either: written from the specification alone."""
    del period_ns  # the number of samples is a column
    with open(path, "rb") as file:
        recording = octrace.Recording(file.read())
    kinds = recording.kinds()
    return by_kind((kinds[kind - 1], name, count if kinds[kind - 1] == "cpu" else value)
                   for kind, name, count, value in recording.self_amounts())


@each
def protoc(path, period_ns):
    del period_ns  # samples are counted
    return by_kind(("cpu" if kind == "samples" else kind, name, weight)
                   for kind, name, weight in debian_readers.otlp_weights(path))


@each
def jq(path, period_ns):
    del period_ns  # the number of samples is a field
    return by_kind((kind, (stack or ["[no stack]"])[0], count if kind == "cpu" else value)
                   for kind, count, value, stack
                   in debian_readers.json_lines(path, ".kind", ".count", ".value", ".stack"))


@each
def callgrind(path, period_ns):
    del period_ns  # an event is samples
    rows, _, events = debian_readers.callgrind(path)
    kinds = [re.sub("_(samples|bytes|nanoseconds)$", "", event) for event in events]
    return by_kind((kind, name, cost) for name, costs in rows.items() for kind, cost in zip(kinds, costs))


@each
def perfview(path, period_ns):
    """Frames are MODULE!FUNCTION, and code without a symbol has its place as function."""
    del period_ns  # the metric is samples
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            path = archive.extract("onecollect.perfview.xml", path + ".d")
    return by_kind(("cpu", frames[-1].partition("!")[2], float(metric))
                   for metric, _, frames in debian_readers.perfview(path))


@each
def perf(path, period_ns):
    """A name that only the recording knew is found by its address."""
    rows = []
    for sample in perf_tool.script(path):
        leaf = sample.frames[0] if sample.frames else perf_tool.Frame("0", "", 0, "")
        name = known_recording.ADDRESSES.get(int(leaf.address, 16), leaf.name)
        rows.append((sample.event, name, sample.period))
    return by_kind(rows, period_ns)


def flame_graph(read, files):
    """Widths are samples."""
    with chromium.Browser() as browser:
        return [{"cpu": read(browser, path)} for path, _ in files]


class Reader:
    """One row: a format, the extension of its file, who reads it, and what it is that it can say."""

    def __init__(self, name, extension, reader, version, read, shown=same, **limits):
        self.name, self.extension, self.reader, self.version, self.read = name, extension, reader, version, read
        self.shown = shown
        self.one_kind = limits.get("one_kind", False)  # of a recording with several, a file for each
        self.counts = limits.get("counts", False)  # it counts samples, also where others tell what was measured
        self.waits_ns = limits.get("waits_ns", 1)  # the unit of waits, where they are the kind of a file
        self.single = limits.get("single", False)  # and each as one, so that it needs a timeline
        self.one_a_time = limits.get("one_a_time", False)  # and of those of a thread that have the same time it keeps one
        self.named = limits.get("named", True)  # the file has names
        self.looks_up = limits.get("looks_up", False)  # where it has none, they are found for programs that are there
        self.places = limits.get("places", False)  # or addresses are shown


debian = functools.partial(functools.partial, debian_readers.version)
XML_READER = "mono XmlReader", debian("mono-runtime")
CHROMIUM = "Chromium", debian("chromium")

DEBIAN_READERS = [
    Reader("pprof", ".pb.gz", "pprof", debian("golang-github-google-pprof-dev"), pprof, pprof_name),
    Reader("svg", ".svg", *CHROMIUM, functools.partial(flame_graph, debian_readers.flame_svg), known_recording.in_svg,
           one_kind=True),
    Reader("html", ".html", *CHROMIUM, functools.partial(flame_graph, debian_readers.flame_html), one_kind=True),
    Reader("octrace", ".octrace", "octrace.py", lambda: "", second_octrace),
    Reader("nettrace", ".nettrace", "tests/nettrace", lambda: "", strict_nettrace),
    Reader("perfview-xml", ".perfview.xml", *XML_READER, perfview, perfview_name, one_kind=True,
           waits_ns=1000000),
    Reader("perfview-xml-zip", ".perfview.xml.zip", *XML_READER, perfview, perfview_name, one_kind=True,
           waits_ns=1000000),
    Reader("otlp", ".protoc.otlp", "protoc", debian("protobuf-compiler"), protoc),
    Reader("jsonl", ".jsonl", "jq", debian("jq"), jq),
    Reader("perf-data", ".perf.data", "perf script", debian("linux-perf"), perf, named=False, looks_up=True,
           places=True),
    Reader("callgrind", ".callgrind", "callgrind_annotate", debian("valgrind"), callgrind, known_recording.in_callgrind),
]


# ---- the recordings

class Recording:
    """What every format must say of one recording. make(format, path, kind) writes a file, of one kind unless None."""

    def __init__(self, name, expected, period_ns, make, **facts):
        self.name, self.expected, self.period_ns, self.make = name, expected, period_ns, make
        self.timeline = facts.get("timeline", False)
        self.addresses = facts.get("addresses", False)  # those of its leaves are known
        self.made_up = facts.get("made_up", True)  # threads have samples at the same time
        self.own = facts.get("own", ())  # the functions of its program, which exists, so that names can be looked up

    def suits(self, reader):
        """Whether a reader can say the same of it."""
        return (self.timeline or not reader.single) and not (self.made_up and reader.one_a_time)

    def kinds(self, reader):
        return list(self.expected) if reader.one_kind and len(self.expected) > 1 else [None]

    def expects(self, reader):
        """Weights by kind as a reader shows names; some are shown as one."""
        expected = self.expected
        if len(expected) > 1 and (reader.counts or reader.single):
            expected = known_recording.KIND_COUNTS
        shown = collections.defaultdict(collections.Counter)
        for kind, weights in expected.items():
            for name, weight in weights.items():
                shown[kind][reader.shown(name)] += weight // (reader.waits_ns if kind == "off_cpu" else 1)
        return dict(shown)

    def compared(self, reader, weights):
        """
        Who looks up names finds those of programs that are there, chooses among several of one place, and guesses where
        there are none: the program's own are compared, and the sum of the others.
        """
        if reader.named or reader.places and self.addresses:
            return weights
        own = self.own if reader.looks_up else ()
        compared = collections.defaultdict(collections.Counter)
        for kind, rows in weights.items():
            for name, weight in rows.items():
                compared[kind][name if name in own else "elsewhere"] += weight
        return compared

    def files(self, reader, folder):
        """(path, kind) of each file that a reader is given."""
        files = []
        for kind in self.kinds(reader):
            path = os.path.join(folder, self.name + ("-" + kind if kind else "") + reader.extension)
            self.make(reader.name, path, kind)
            files.append((path, kind))
        return files


def convert(source, *options):
    """Makes files of a recording that is there."""
    def make(name, path, kind):
        subprocess.run([RECORD_TRACE, "convert", "-q", "--force", source, *options, "--format", name, "-o", path,
                        *(["--kind", kind] if kind else [])], check=True, timeout=HANG_S)
    return make


def record_program(folder, name, *options):
    """Four functions that take known shares, recorded as they run. Without debug information: names are symbols."""
    program, path, truth = (os.path.join(folder, file) for file in ("shares", f"recorded-{name}.octrace", "truth.json"))
    subprocess.run(["objcopy", "--strip-debug", os.path.join(known_recording.BUILD, "fixtures", "shares"), program],
                   check=True)
    done = subprocess.run([RECORD_TRACE, "-q", "--timeline", *options, "-o", path, "--", program, "2", "2", truth],
                          capture_output=True, text=True, check=False, timeout=HANG_S)
    if done.returncode not in (0, SOME_LOST):
        raise AssertionError(f"record-trace: {done.stderr}")
    with open(path, "rb") as file:
        recording = octrace.Recording(file.read())
    with open(truth, encoding="utf-8") as file:
        functions = set(json.load(file)["functions"])
    return Recording(name, {"cpu": recording.self_weights()}, recording.tables["KIND"][0]["period"],
                     convert(path, *options), timeline=True, made_up=False, own=() if options else functions)


def all_recordings(folder):
    def sample(name, *flags, expected=known_recording.ALL_SELF):
        return Recording(name, {"cpu": expected}, known_recording.PERIOD_NS,
                         lambda name, path, _: known_recording.write(name, path, *flags),
                         timeline="timeline" in flags, addresses=True)

    kinds = os.path.join(folder, "several.octrace")
    known_recording.write("octrace", kinds, "timeline", "two-kinds", "waits")
    return [
        sample("counted"),
        sample("timeline", "timeline"),
        sample("empty", "empty", expected={}),
        Recording("kinds", known_recording.KINDS, known_recording.PERIOD_NS, convert(kinds),
                  timeline=True, addresses=True),
        Recording("hostile", {"cpu": known_recording.HOSTILE_SELF}, known_recording.HOSTILE_PERIOD_NS,
                  lambda name, path, _: known_recording.write_hostile((name, path))),
        Recording("recursive", {"cpu": known_recording.write_recursive()}, known_recording.HOSTILE_PERIOD_NS,
                  lambda name, path, _: known_recording.write_recursive((name, path))),
        record_program(folder, "program"),
        record_program(folder, "unnamed", "--no-symbols"),
    ]


def without_nothing(weights):
    """Functions and kinds that weigh nothing are as good as absent."""
    kept = {kind: {name: weight for name, weight in rows.items() if weight} for kind, rows in weights.items()}
    return {kind: rows for kind, rows in kept.items() if rows}


class Table:
    """Mixed into a test case: every recording in the format of each of its readers, and what they say, as a table."""

    maxDiff = 4000
    readers = DEBIAN_READERS

    @classmethod
    def setUpClass(cls):
        cls.rows = []
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.recordings = all_recordings(cls.folder)

    @classmethod
    def tearDownClass(cls):
        line = "{:<18}{:<39}{:<11}{:>8}{:>11}{:>7}"
        print("\n" + line.format("format", "reader", "recording", "samples", "functions", "equal"))
        for row in sorted(cls.rows, key=lambda row: row[:2]):
            print(line.format(*row))

    def test_weights(self):
        for reader in self.readers:
            with self.subTest(format=reader.name, reader=reader.reader):
                version = reader.version()  # what is missing says so first
                files = [(recording, path, kind) for recording in self.recordings if recording.suits(reader)
                         for path, kind in recording.files(reader, self.folder)]
                self.assertTrue(files)
                found = {recording: {} for recording, _, _ in files}
                results = reader.read([(path, recording.period_ns if kind in (None, "cpu") else 1)
                                       for recording, path, kind in files])
                for (recording, _, kind), weights in zip(files, results):
                    found[recording].update({kind: weights.get("cpu", {})} if kind else weights)
                for recording, weights in found.items():
                    self.compare(reader, version, recording, weights)

    def test_nothing_is_compared_with_nothing(self):
        empty = [recording.name for recording in self.recordings if not without_nothing(recording.expected)]
        self.assertEqual(empty, ["empty"])

    def compare(self, reader, version, recording, found):
        found = without_nothing(recording.compared(reader, found))
        expected = without_nothing(recording.compared(reader, recording.expects(reader)))
        self.rows.append((reader.name, f"{reader.reader} {version}", recording.name,
                          sum(found.get("cpu", {}).values()), sum(map(len, found.values())),
                          "yes" if found == expected else "NO"))
        with self.subTest(recording=recording.name):
            self.assertEqual(found, expected)
