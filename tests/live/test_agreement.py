# SPDX-License-Identifier: BSD-2-Clause
"""The same load recorded by record-trace and by perf at the same time: the hottest functions agree.

Both samplers tick on the same execution, so shares differ by sampling noise only, provided that they do not keep step:
at equal rates the one that always comes second would always see code that runs with the caches the first one left
behind. So perf records at 999 Hz and we at 1013 Hz. Measures, over the functions among the 20 hottest of either tool:
- z, the difference of a function's shares in standard deviations of two binomial samples: at most 4.5 for each;
- the order of every pair of functions that perf separates by more than 6 standard deviations is the same in both
  (Kendall's tau over the pairs that noise cannot swap = 1). Spearman's rank correlation of all is printed.
"""

import collections
import itertools
import math
import os
import re
import signal
import statistics
import subprocess

from support import LiveTest, is_named, poll_until, state_of

PERF_RATE = 999
OUR_RATE = 1013
TOP = 20
Z_MAX = 4.5  # 4 loads x about 25 functions: 4.5 happens by chance once in 1,500 runs of this file
PAIR_SIGMA = 6  # the noise of both: 6 / sqrt(2) = 4.2 standard deviations of the difference between the tools


def plain(name):
    """Without what the one tool shows and the other does not: symbol versions and the parameters of C++ functions."""
    name = name.split("@")[0]
    depth = 0
    for i in reversed(range(len(name))) if name.endswith((")", ") const")) else ():
        depth += (name[i] == ")") - (name[i] == "(")
        if name[i] == "(" and depth == 0:
            return name[:i]
    return name


def label(name, module, offset):
    """What a leaf is counted under: its name; without one its module and page in the file."""
    # perf makes up names for the entries of procedure linkage tables.
    if is_named(name) and not name.endswith("@plt"):
        return plain(name)
    return f"[{os.path.basename(module)}+0x{offset & ~0xFFF:x}]"


def perf_functions(path):
    """Samples by leaf in a perf.data file. perf prints addresses of files as offsets in them."""
    text = subprocess.run(["perf", "script", "-i", path, "-F", "comm,ip,sym,dso"], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    totals = collections.Counter()
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        leaf = re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", lines[1]) if len(lines) > 1 else None
        totals[label(leaf.group(2), leaf.group(3), int(leaf.group(1), 16)) if leaf else "[]"] += 1
    return totals


def our_functions(profile):
    """The same of a pprof profile."""
    totals = collections.Counter()
    for s in profile.samples:
        name = label(s.frames[-1], s.leaf.module, s.leaf.offset) if s.frames else "[]"
        totals[name] += s.values[0]
    return totals


def spearman(perf, ours, names):
    """Rank correlation of two counts, mean ranks for ties."""
    def ranks(totals):
        ordered = sorted(names, key=lambda n: totals[n])
        values = [totals[n] for n in ordered]
        return [(values.index(totals[n]) + len(values) - 1 - values[::-1].index(totals[n])) / 2 for n in names]
    return statistics.correlation(ranks(perf), ranks(ours))


def z_score(a, n_a, b, n_b):
    p = (a + b) / (n_a + n_b)
    return abs(a / n_a - b / n_b) / math.sqrt(p * (1 - p) * (1 / n_a + 1 / n_b))


class Agreement(LiveTest):
    def compare(self, perf, ours):
        n_perf, n_ours = perf.total(), ours.total()
        top = {name for totals in (perf, ours) for name, _ in totals.most_common(TOP)}
        scores = {name: z_score(perf[name], n_perf, ours[name], n_ours) for name in top}
        worst = max(scores, key=scores.get)

        decided = same = 0
        for a, b in itertools.combinations(top, 2):
            difference = perf[a] - perf[b]
            if abs(difference) > PAIR_SIGMA * math.sqrt(perf[a] + perf[b]):
                decided += 1
                same += (ours[a] - ours[b]) * difference > 0
        self.note(f"{n_perf} samples by perf, {n_ours} by us; {len(top)} functions, worst z {scores[worst]:.2f} "
                  f"({worst}: {perf[worst] / n_perf:.4f} / {ours[worst] / n_ours:.4f}); "
                  f"{same} of {decided} decided pairs in the same order, rank correlation {spearman(perf, ours, top):.3f}")
        table = "\n".join(f"{perf[t]:8} {ours[t]:8} {scores[t]:6.2f} {t}" for t in sorted(top, key=lambda t: -perf[t]))
        self.assert_near(n_ours / OUR_RATE, n_perf / PERF_RATE, 0.05, f"seconds sampled\n{table}")
        self.assertLessEqual(scores[worst], Z_MAX, table)
        self.assertEqual(same, decided, table)

    def check(self, *command):
        """Runs a command that begins once both tools are attached to the shell it comes from."""
        shell = self.start_stopped(*command, cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        data = self.dir / "perf.data"
        # --buildid-mmap: without it perf 6.1 misreads, and dies of, what kernels write beside a tool that asks for build-ids.
        perf = self.start("perf", "record", "-q", "--buildid-mmap", "-e", "cpu-clock", "-F", PERF_RATE, "-g", "-o", data,
                          "-p", shell.pid, stderr=subprocess.DEVNULL)
        poll_until(lambda: data.exists() and state_of(perf.pid) == "S", 10, "perf records")
        recorder = self.start_recording("-F", OUR_RATE, "-p", shell.pid, formats=("pb.gz",))
        shell.send_signal(signal.SIGCONT)
        self.assertEqual(shell.wait(240), 0)

        result = recorder.finish()
        self.assertEqual(perf.wait(60), 0)
        self.compare(perf_functions(data), our_functions(result.pprof))
        self.assertEqual(result.cpu["lost"], {})

    def test_openssl_speed(self):
        self.check("openssl", "speed", "-seconds", "2", "-bytes", "8192", "sha256", "aes-256-cbc", "sha512")

    def test_sysbench(self):
        self.check("sysbench", "memory", "--threads=2", "--time=5", "--memory-block-size=4k",
                   "--memory-total-size=1T", "run")

    def test_python(self):
        program = ("import json, re, zlib\n"
                   "for i in range(110):\n"
                   "    d = {str(k): [k, k * 1.5, str(k) * 3] for k in range(4000)}\n"
                   "    t = json.dumps(d, indent=1)\n"
                   "    json.loads(t); zlib.compress(t.encode()); sorted(re.findall(r'[0-9]+', t))\n")
        self.check("/usr/bin/python3", "-c", program)

    def test_gcc(self):
        source = self.dir / "source.c"
        body = "\n".join(f"int f{i}(int *a, int n) {{ int s = {i}; for (int i = 0; i < n; i++) s += a[i] * (a[i] ^ s); "
                         f"switch (s & 7) {{ case 0: return s; case 1: return f(s, n); default: return s * n; }} }}"
                         for i in range(1500))
        source.write_text(f"int f(int, int);\n{body}\n")
        self.check("gcc", "-O2", "-c", source, "-o", self.dir / "out.o")

