# SPDX-License-Identifier: BSD-2-Clause
"""One known recording in every format, read by tools fetched by scripts/install-readers: equal totals and weights.

A row of FORMATS is a format, the extension its reader knows it by, and the reader: it takes paths, and gives for each
a dictionary of self weight by function name. Weights are samples; a reader of times divides them by the period.
"""

import collections
import json
import os
import subprocess
import tempfile
import unittest

import firefox
import known_recording

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
    count, rest = divmod(weight, period_ns)
    if rest:
        raise AssertionError(f"{weight} ns is no multiple of the period")
    return count


def speedscope(paths, period_ns):
    results = []
    for result in node("speedscope.mjs", *paths):
        weights = collections.Counter()
        if result["schema"]:
            raise AssertionError(f"against speedscope's schema: {result['schema']}")
        for profile in result["profiles"]:
            for name, weight in profile["self"].items():
                weights[name] += samples_of(weight, period_ns)
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


FORMATS = [
    ("firefox", ".firefox.json", firefox_profiler),
    ("speedscope", ".speedscope.json", speedscope),
]


class Weights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.isdir(READERS):
            raise AssertionError("the readers are missing; run: scripts/install-readers")
        cls.folder = tempfile.TemporaryDirectory()
        cls.table = []

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()
        print(f"\n{'format':<16}{'recording':<12}{'samples':>8}{'functions':>10}")
        for row in cls.table:
            print("{:<16}{:<12}{:>8}{:>10}".format(*row))

    def path(self, name):
        return os.path.join(self.folder.name, name)

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

    def test_empty(self):
        paths = [self.path("empty" + extension) for _, extension, _ in FORMATS]
        for (name, _, _), path in zip(FORMATS, paths):
            known_recording.write(name, path, "empty")
        self.compare("empty", {}, paths, 1)


if __name__ == "__main__":
    unittest.main()
