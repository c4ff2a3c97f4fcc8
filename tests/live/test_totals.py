# SPDX-License-Identifier: BSD-2-Clause
"""One recording, four formats: equal totals, and equal self weights of every function."""

import collections
import json
import pathlib
import re
import sys
import xml.etree.ElementTree

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import pprof_tool  # noqa: E402
from support import RATE, LiveTest, fixture, read_folded, self_weights  # noqa: E402


def folded_weights(path):
    return self_weights(read_folded(path))


def pprof_weights(profile):
    totals = collections.Counter()
    for s in profile.samples:
        totals[s.frames[-1] if s.frames else ""] += s.values[0]
    return totals


def svg_weights(path):
    """From what the picture shows: a frame's own weight is its width less the widths of those that stand on it."""
    root = xml.etree.ElementTree.parse(path).getroot()
    frames = next(e for e in root.iter() if "total_samples" in e.attrib)
    rows = []
    for g in frames:
        rect = next((e for e in g if e.tag.endswith("rect")), None)
        title = next((e.text for e in g if e.tag.endswith("title")), "")
        if rect is not None:
            x, width = (next(int(v) for k, v in rect.attrib.items() if k.endswith(key)) for key in ("}x", "}w"))
            rows.append((float(rect.get("y")), x, width, re.sub(r" \([^()]*\)$", "", title)))
    heights = sorted({r[0] for r in rows}, reverse=True)
    totals = collections.Counter()
    for y, x, width, name in rows:
        level = heights.index(y)
        above = heights[level + 1] if level + 1 < len(heights) else None
        own = width - sum(w for y2, x2, w, _ in rows if y2 == above and x <= x2 < x + width)
        # Below level 2 there are no functions: the root and the processes.
        totals["" if level < 2 else name] += own
    return int(frames.get("total_samples")), +totals


def html_weights(path):
    """From the data that the page carries."""
    page = path.read_text(encoding="utf-8")
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1)
    data = json.loads(text)
    names = data["functions"][0::3]
    functions = [None, *data["frames"][1::2]]
    totals = collections.Counter()
    for frame, count in zip(data["samples"][1::3], data["samples"][2::3]):
        totals[names[functions[frame]] if frame else ""] += count
    return data["total"], totals


class Totals(LiveTest):
    def check(self, *options):
        # Few enough samples that the picture leaves no frame out as too narrow.
        result = self.record("-F", RATE, *options, formats=("folded", "pb.gz", "svg", "html"),
                             command=[fixture("shares"), 3, 4, self.truth_path])
        kept = result.cpu["kept"]
        folded = folded_weights(result.outputs["folded"])
        profile = result.pprof
        svg_total, svg = svg_weights(result.outputs["svg"])
        html_total, page = html_weights(result.outputs["html"])

        self.note(f"{kept} samples, {len(folded)} functions with own weight")
        self.assertGreater(kept, 300)
        self.assertEqual(result.cpu["lost"], {})
        self.assertEqual({"folded": folded.total(), "pprof": profile.total(), "svg": svg_total, "html": html_total},
                         dict.fromkeys(("folded", "pprof", "svg", "html"), kept))
        self.assertEqual(pprof_weights(profile), folded)
        self.assertEqual(page, folded)
        self.assertEqual(svg, folded)
        self.assertEqual([o["samples"] for o in result.summary["outputs"]], [kept] * 4)
        self.assertEqual(profile.sample_types, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(profile.total(1), kept * profile.period)
        self.assertEqual(profile.period, round(1e9 / RATE))

        self.check_stock_pprof(result.outputs["pb.gz"], kept, folded)

    def check_stock_pprof(self, path, kept, folded):
        """The stock pprof program: the same total, and the same weight of each function that has a name."""
        rows, total = pprof_tool.top(path)
        flat = {name: row[0] for name, row in rows.items() if row[0]}
        named = {name: weight for name, weight in folded.items() if name in flat}

        self.assertEqual(sum(values[0] for values, _, _ in pprof_tool.raw(path)["samples"]), kept)
        self.assertEqual(total, kept)
        self.assertEqual({name: flat[name] for name in named}, named)
        self.assertGreater(sum(named.values()), 0.95 * kept)

    def test_aggregated(self):
        self.check("--aggregate")

    def test_timeline(self):
        self.check("--timeline")
