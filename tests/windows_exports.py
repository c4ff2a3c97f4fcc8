# SPDX-License-Identifier: BSD-2-Clause
"""A real Windows trace in every format: what the stock pprof tool reads of it, and that other readers find the same."""

import collections
import os
import re
import subprocess
import tempfile

import etl_traces
import pprof_tool
import weights

MAPPING = re.compile(r"0x(\w+)/0x\w+/0x(\w+) (.*) (\w*) (?:\[\w+\])*")  # and what it has
LOCATION = re.compile(r"0x(\w+)(?: M=(\d+))?(?: (.*) :0(?::0)? s=0)?")
PATH = re.compile(r"[A-Z]:\\|\\\\")
# Formats whose readers show a place without a name as its module and the offset in it, in the kernel too.
WITH_PLACES = {"speedscope", "firefox", "perfetto", "otlp", "chrome", "parquet", "cpuprofile", "nettrace", "jsonl", "html"}
# A function that the kernel called back: between frames of the kernel files of the process are not looked for, but readers
# of nettrace files look at the address alone.
CALLED_BACK = {"nettrace": {"0x77657cf1": "wow64.dll+0x7cf1"}}


def base_name(name):
    """
    What stands for a place without a name, without the folders of its module, which one reader leaves there, and without
    the name of the kernel, which pprof does not show.
    """
    return name.rpartition("\\")[2].removeprefix("[kernel]+") if re.search(r"\+0x[0-9a-f]+$", name) else name


def shown(reader, name):
    """A name as a reader shows it; one of text takes what is behind a + for an offset."""
    return reader.shown(name).partition("+")[0] if reader.name == "perf-script" else reader.shown(name)


class Profile:
    """A pprof file: samples with the names of their frames, the leaf first."""

    def __init__(self, path):
        raw = pprof_tool.raw(path)
        self.mappings = [MAPPING.fullmatch(line).groups() for line in raw["mappings"]]
        names = {number: self.name(text) for number, text in raw["locations"].items()}
        self.samples = [(values[0], [names[number] for number in numbers], labels)
                        for values, numbers, labels in raw["samples"]]

    def name(self, text):
        address, number, name = LOCATION.fullmatch(text).groups()
        if name:
            return name
        start, offset, path, _ = self.mappings[int(number) - 1] if number else ("0", "0", "", "")
        address = int(address, 16)
        if not PATH.match(path):
            return f"0x{address:x}"
        return path.rpartition("\\")[2] + f"+0x{address - int(start, 16) + int(offset, 16):x}"

    def self_weights(self):
        result = collections.Counter()
        for count, frames, _ in self.samples:
            result[frames[0] if frames else "[no stack]"] += count
        return result


def convert(*paths):
    argv = [weights.RECORD_TRACE, "convert", "-q", os.path.join(etl_traces.FOLDER, etl_traces.PERFVIEW)]
    for path in paths:
        argv += ["-o", path]
    subprocess.run(argv, check=True, timeout=weights.HANG_S)


class Exports:
    """Mixed into a test case: the trace in the format of each of its readers, and as a profile."""

    maxDiff = 4000
    readers = ()

    @classmethod
    def setUpClass(cls):
        etl_traces.need()
        folder = tempfile.TemporaryDirectory(prefix="onecollect-windows-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        paths = {cls.path(reader.extension) for reader in cls.readers} | {cls.path(".pb.gz")}
        convert(*sorted(paths))
        cls.profile = Profile(cls.path(".pb.gz"))

    @classmethod
    def path(cls, extension):
        return os.path.join(cls.folder, "trace" + extension)

    def test_self_weights(self):
        """Functions with names weigh the same everywhere; and so does each place without one, where it is shown."""
        expected = self.profile.self_weights()
        self.assertEqual(sum(expected.values()), etl_traces.PERFVIEW_SAMPLES)
        self.assertGreater(len(expected), 1000)
        rows = []
        for reader in self.readers:
            with self.subTest(format=reader.name, reader=reader.reader):
                reader.version()  # what is missing says so first
                (kinds,) = reader.read([(self.path(reader.extension), etl_traces.PERFVIEW_PERIOD_NS)])
                ((kind, found),) = kinds.items()
                if kind != "cpu":  # one reader has its own name for the event, and tells times
                    found = {name: weights.in_samples(time, etl_traces.PERFVIEW_PERIOD_NS) for name, time in found.items()}
                if not reader.one_a_time:
                    self.assertEqual(sum(found.values()), etl_traces.PERFVIEW_SAMPLES)
                compared = self.compare(reader, expected, found) if reader.named else 0
                rows.append((reader.name, reader.reader, sum(found.values()), compared))
        print()
        for row in [("format", "reader", "samples", "compared"), *rows]:
            print("{:<18}{:<28}{:>8}{:>10}".format(*row))

    def compare(self, reader, expected, found):
        """Returns how many functions and places were compared."""
        mine, theirs = collections.Counter(), collections.Counter()
        for name, weight in expected.items():
            if not weights.UNNAMED.fullmatch(name):
                mine[shown(reader, name)] += weight
            elif reader.name in WITH_PLACES:
                mine[CALLED_BACK.get(reader.name, {}).get(name, name)] += weight
        for name, weight in found.items():
            theirs[base_name(name)] += weight
        self.assertEqual({name: theirs[name] for name in mine if theirs[name] != mine[name]},
                         {name: mine[name] for name in mine if theirs[name] != mine[name]})
        return len(mine)
