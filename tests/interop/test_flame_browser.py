# SPDX-License-Identifier: BSD-2-Clause
"""The SVG and the HTML flame graph in a real browser: what they show equals the folded output of the same machine."""

import base64
import collections
import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import known_recording
from chromium import Browser

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WRITE_STACKS = os.path.join(ROOT, os.environ.get("O", "build"), "interop", "write_stacks")
SVG = "{http://www.w3.org/2000/svg}"
INFERNO = "{http://github.com/jonhoo/inferno}"

# Runs in each page before its own scripts; what a name managed to run would call it.
CANARY = "window.canaries = 0; window.canary = () => { window.canaries++; }; window.alert = window.canary;"
HOSTILE = [
    b"</script><script>canary()</script>",
    b"<img src=x onerror=canary()>",
    b"]]><script xmlns='http://www.w3.org/1999/xhtml'>canary()</script><![CDATA[",
    b"<!-- <script>",
    b"\"'`;canary();//${canary()}",
    b"new\nline\ttab\x1b[31m\x00nul",
    b"bad\xff\xfe\xc3utf-8 \xef\xbf\xbe\xef\xbf\xbf",
    b"sep\xe2\x80\xa8\xe2\x80\xa9 bidi\xe2\x80\xae",
    b"__proto__",
    b"constructor",
    b"&amp;&lt;script&gt;canary()",
    b"javascript:canary()",
    "größe<T>::операция 火焰 🔥".encode(),
    b"-1",
    b"L" * 65536,
]


def record(comm, pid, thread, tid, count, *frames):
    """One stack in the language of write_stacks; frames from root to leaf, each with its letter."""
    return b"\x1f".join([comm, b"%d" % pid, thread, b"%d" % tid, b"%d" % count, *frames]) + b"\x1e"


def plain_records():
    """Two programs, three processes, five threads; kernel, JIT and inlined frames; recursion."""
    run = [b"umain", b"urun"]
    node = [b"u_start\x1d/usr/bin/node", b"unode::Start()\x1d/usr/bin/node"]
    return b"".join(
        [
            record(b"server", 100, b"server", 100, 300, *run, b"ucompute", b"ihot_loop"),
            record(b"server", 100, b"worker", 101, 150, *run, b"ucompute", b"ihot_loop"),
            record(b"server", 100, b"worker", 101, 90, *run, b"urecurse", b"urecurse", b"urecurse"),
            record(b"server", 110, b"server", 110, 60, *run, b"uread", b"kdo_syscall_64", b"kvfs_read"),
            record(b"server", 110, b"server", 110, 25, *run, b"uread", b"kdo_syscall_64"),
            record(b"node", 200, b"node", 200, 200, *node, b"jJS:*handle /srv/app.js:12"),
            record(b"node", 200, b"node", 200, 40, *node, b"jJS:~parse /srv/app.js:99", b"umalloc\x1d/lib/libc.so.6"),
            record(b"node", 200, b"V8 Worker", 201, 30, *node, b"uCompute\x1d/usr/bin/node"),
            record(b"node", 200, b"V8 Worker", 202, 5),
        ]
    )


def hostile_records():
    """Names that want out of where they are put, as functions, modules, programs and threads; and a deep stack."""
    records = []
    for i, name in enumerate(HOSTILE):
        short = name[:200]
        frames = [b"umain", b"u" + name + b"\x1d" + short, b"j" + name + b"()", b"uleaf"]
        records.append(record(short, 1000 + i, short, 2000 + i, 10 + i, *frames))
    deep = []
    for i in range(500):
        deep += [b"uouter%d" % (i % 7), b"iinner%d" % i]
    records.append(record(b"deep", 3000, b"deep", 3000, 500, *deep))
    return b"".join(records)


def many_records(nr):
    """Stacks that make a tree of more than nr nodes."""
    return b"".join(
        record(b"app", 1 + i % 3, b"t", 1 + i % 9, 1 + i % 5, b"umain", b"ua%d" % (i % 40), b"ub%d" % (i % 997), b"uc%d" % i)
        for i in range(nr)
    )


class Folded:
    """What the folded output says."""

    def __init__(self, path):
        self.total = 0
        self.stacks = []
        self.selfs = collections.Counter()
        self.totals = collections.Counter()
        with open(path, encoding="utf-8", newline="\n") as file:
            for line in file.read().split("\n")[:-1]:
                stack, count = line.rsplit(" ", 1)
                comm, *frames = stack.split(";")
                frames = [re.sub(r"_\[[kij]\]$", "", frame) for frame in frames]
                self.add(comm, frames, int(count))

    def add(self, comm, frames, count):
        """Takes one line."""
        self.total += count
        self.stacks.append((comm, frames, count))
        if frames:
            self.selfs[frames[-1]] += count
        for name in set(frames):
            self.totals[name] += count

    def matched(self, pattern, flags=0):
        """Samples with a match anywhere in their stack, the program's name included."""
        regex = re.compile(pattern, flags)
        return sum(count for comm, frames, count in self.stacks if any(map(regex.search, [comm, *frames])))

    def tree(self, path_of):
        """Totals of a tree that puts each stack below path_of(comm, frames)."""
        nodes = collections.Counter()
        for comm, frames, count in self.stacks:
            path = path_of(comm, frames)
            for end in range(len(path) + 1):
                nodes[tuple(path[:end])] += count
        return nodes


normal = known_recording.in_folded


def by_name(sums):
    """Sums of window.onecollect by the names of the folded output, those of nothing left out."""
    result = collections.Counter()
    for name, value in sums.items():
        if value:
            result[normal(name)] += value
    return result


def tree_of(page):
    """Totals by path of the tree that the page shows."""
    nodes, path = collections.Counter(), []
    for depth, name, samples in page.evaluate("onecollect.tree()"):
        path[max(depth - 1, 0) :] = [normal(name)] if depth else []
        nodes[tuple(path)] += samples
    return nodes


class FlameCase(unittest.TestCase):
    """Writes outputs once per class and opens them in one browser."""

    records = staticmethod(plain_records)

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="onecollect-flame-")
        cls.addClassCleanup(cls.folder.cleanup)
        outputs = [f"{name}={cls.path(name)}" for name in ("svg", "html", "folded")]
        argv = [WRITE_STACKS, *outputs] if cls.records else [WRITE_STACKS, "--sample", *outputs]
        subprocess.run(argv, input=cls.records() if cls.records else b"", check=True)
        cls.folded = Folded(cls.path("folded"))
        cls.browser = cls.enterClassContext(Browser())

    @classmethod
    def path(cls, name):
        """Where an output is written."""
        return os.path.join(cls.folder.name, f"sample.{name}")

    def open(self, name, **options):
        """Opens an output; when the test ends, the page must have been quiet."""
        page = self.browser.open(f"file://{self.path(name)}", before=CANARY, **options)
        self.addCleanup(self.check_quiet, page)
        return page

    def check_quiet(self, page):
        """No error, no request, nothing that a name could run."""
        self.assertEqual(page.evaluate("window.canaries"), 0)
        self.assertEqual(page.errors, [])
        self.assertEqual(page.requests, [])
        page.close()


class Agreement:
    """What holds for every machine: the outputs say the same. Mixed into the cases below."""

    def choose(self, page, select, value):
        """Chooses an option of a <select>."""
        page.evaluate(f"(s => {{ s.value = '{value}'; s.dispatchEvent(new Event('change')); }})({select})")

    def group(self, page, grouping):
        """Chooses the first levels of the graph."""
        self.choose(page, "document.querySelector('#grouping')", grouping)
        self.assertEqual(page.evaluate("onecollect.view().grouping"), grouping)

    def test_html_totals_equal_the_folded_output(self):
        page = self.open("html")
        self.assertEqual(page.evaluate("onecollect.total"), self.folded.total)
        self.assertEqual(by_name(page.evaluate("onecollect.selfByFunction()")), self.folded.selfs)
        self.assertEqual(by_name(page.evaluate("onecollect.totalByFunction()")), self.folded.totals)

    def test_html_trees_equal_the_folded_output(self):
        page = self.open("html")
        self.assertEqual(tree_of(page), self.folded.tree(lambda comm, frames: [comm, *frames]))
        self.group(page, "none")
        self.assertEqual(tree_of(page), self.folded.tree(lambda comm, frames: frames))
        page.click("#callers")
        self.assertEqual(tree_of(page), self.folded.tree(lambda comm, frames: frames[::-1]))
        self.group(page, "program")
        self.assertEqual(tree_of(page), self.folded.tree(lambda comm, frames: [comm, *frames[::-1]]))
        page.click("#callees")
        self.assertEqual(tree_of(page), self.folded.tree(lambda comm, frames: [comm, *frames]))

    def read(self):
        """[(name, depth, x, w)] of the file, in its order."""
        subprocess.run(["xmllint", "--noout", self.path("svg")], check=True)
        root = xml.etree.ElementTree.parse(self.path("svg")).getroot()
        area = root.find(f"{SVG}svg[@id='frames']")
        frames = []
        for g in area:
            rect = g.find(f"{SVG}rect")
            title = g.find(f"{SVG}title").text
            place = [int(rect.get(INFERNO + key)) for key in "xw"]
            frames.append((normal(title[: title.rindex(" (")]), int(rect.get("y")), *place))
        bottom = frames[0][1]
        return int(area.get("total_samples")), [(name, (bottom - y) // 18, x, w) for name, y, x, w in frames]

    def test_svg_totals_equal_the_folded_output(self):
        total, frames = self.read()
        nodes, path = collections.Counter(), []
        for name, depth, _, width in frames:
            path[max(depth - 1, 0) :] = [name] if depth else []
            nodes[tuple(path)] += width
        self.assertEqual(total, self.folded.total)
        self.assertEqual(nodes, self.folded.tree(lambda comm, stack: [known_recording.in_svg(name) for name in (comm, *stack)]))

    def test_svg_frames_lie_inside_their_callers(self):
        _, frames = self.read()
        ends, rows = {}, {}
        for name, depth, x, width in frames:
            if depth:
                self.assertGreaterEqual(x, ends[depth - 1][0], name)
                self.assertLessEqual(x + width, ends[depth - 1][1], name)
            self.assertGreaterEqual(x, rows.get(depth, 0), name)
            rows[depth] = x + width
            ends[depth] = (x, x + width)


class Html(Agreement, FlameCase):
    """The interactive page, with names as programs have them."""

    def search(self, page, term):
        """Types a term into the search box."""
        page.key("f", ctrl=True)
        page.type(term)

    def test_groups_are_processes_and_threads(self):
        page = self.open("html")
        self.group(page, "process")
        first = {path[0]: total for path, total in tree_of(page).items() if len(path) == 1}
        self.assertEqual(first, {"server-100": 540, "server-110": 85, "node-200": 275})
        self.group(page, "thread")
        second = {path: total for path, total in tree_of(page).items() if len(path) == 2}
        self.assertEqual(
            second,
            {
                ("server-100", "server-100"): 300,
                ("server-100", "worker-101"): 240,
                ("server-110", "server-110"): 85,
                ("node-200", "node-200"): 240,
                ("node-200", "V8 Worker-201"): 30,
                ("node-200", "V8 Worker-202"): 5,
            },
        )

    def test_search_counts_each_sample_once(self):
        page = self.open("html")
        for term in ("recurse", "vfs_read|hot_loop", "^main$", "server", "JS:.*app", "nowhere"):
            with self.subTest(term=term):
                self.search(page, term)
                expected = self.folded.matched(term)
                self.assertEqual(page.evaluate("onecollect.matched()"), expected)
                text = page.evaluate("document.querySelector('#matched').textContent")
                self.assertEqual(text, f"{expected / self.folded.total * 100:.2f}%")
        page.key("Escape")
        self.assertIsNone(page.evaluate("onecollect.matched()"))

    def test_search_finds_the_same_among_callers(self):
        page = self.open("html")
        page.click("#callers")
        self.search(page, "recurse|do_syscall")
        self.assertEqual(page.evaluate("onecollect.matched()"), self.folded.matched("recurse|do_syscall"))

    def test_search_minds_case_until_told(self):
        page = self.open("html")
        self.search(page, "compute")
        self.assertEqual(page.evaluate("onecollect.matched()"), self.folded.matched("compute"))
        page.click("#ignorecase")
        self.assertEqual(page.evaluate("onecollect.matched()"), self.folded.matched("compute", re.I))
        self.assertGreater(self.folded.matched("compute", re.I), self.folded.matched("compute"))

    def test_a_broken_regex_is_said_to_be_one(self):
        page = self.open("html")
        self.search(page, "main(")
        self.assertEqual(page.evaluate("document.querySelector('#matched').textContent"), "not a regex")
        self.assertIsNone(page.evaluate("onecollect.matched()"))
        page.type(")")
        self.assertEqual(page.evaluate("onecollect.matched()"), self.folded.matched("main()"))

    def click_row(self, page, depth, x):
        """Clicks into the graph: into a row, x of its width from the left."""
        left, top, width, height = page.evaluate(
            "(r => [r.x, r.y, r.width, r.height])(document.querySelector('#canvas').getBoundingClientRect())"
        )
        icicle = page.evaluate("onecollect.view().icicle")
        y = 5 + 20 * (depth + 0.5)
        page.mouse(left + width * x, top + y if icicle else top + height - y)

    def test_clicks_zoom_and_keys_go_back(self):
        page = self.open("html")
        for orientation in ("flame", "icicle"):
            with self.subTest(orientation=orientation):
                page.click(f"#{orientation}")
                self.click_row(page, 1, 0.1)
                self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server"])
                self.assertEqual(page.evaluate("onecollect.view().samples"), 625)
                self.click_row(page, 3, 0.5)
                self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server", "main", "run"])
                page.key("Escape")
                self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server"])
                page.key("Backspace")
                self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all"])
                self.assertEqual(page.evaluate("onecollect.view().samples"), self.folded.total)

    def test_crumbs_lead_back(self):
        page = self.open("html")
        self.click_row(page, 4, 0.1)
        self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server", "main", "run", "compute"])
        page.click("#crumbs button:nth-of-type(3)")
        self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server", "main"])

    def test_arrows_walk_and_enter_zooms(self):
        page = self.open("html")
        for key in ("ArrowUp", "ArrowUp", "ArrowUp", "Enter"):
            page.key(key)
        self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server", "main"])
        for key in ("ArrowDown", "Enter"):
            page.key(key)
        self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "server"])
        for key in ("Escape", "Escape", "Home", "ArrowUp", "ArrowUp", "ArrowRight", "Enter"):
            page.key(key)
        self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all", "node"])
        for key in ("Escape", "Home"):
            page.key(key)
        self.assertEqual(page.evaluate("onecollect.view().zoom"), ["all"])

    def test_the_pointer_shows_details(self):
        page = self.open("html")
        page.evaluate("document.querySelector('#canvas').scrollIntoView()")
        box = page.evaluate("(r => [r.x, r.bottom])(document.querySelector('#canvas').getBoundingClientRect())")
        page.mouse(box[0] + 50, box[1] - 5 - 20 * 2.5, click=False)
        tip = page.evaluate("document.querySelector('#tip').innerText")
        self.assertIn("main", tip)
        self.assertIn("/usr/bin/sample", tip)
        self.assertIn("625", tip)

    def rows(self, page):
        """The table as text."""
        script = "Array.from(document.querySelectorAll('#rows tr[data-function]'), r => r.innerText.split('\\t'))"
        return [[cell.strip() for cell in row] for row in page.evaluate(script)]

    def test_the_table_is_sorted_filtered_and_scoped(self):
        page = self.open("html")
        self.assertEqual(self.rows(page)[0], ["50.00%", "50.00%", "hot_loop", "sample"])
        page.click("th[data-sort=total] button")
        self.assertEqual(self.rows(page)[0][1:3], ["69.44%", "main"])
        page.click("th[data-sort=name] button")
        names = [row[2] for row in self.rows(page)]
        self.assertEqual(names, sorted(self.folded.totals))
        page.evaluate("document.querySelector('#filter').focus()")
        page.type("^vfs|LIBC")
        self.assertEqual([row[2] for row in self.rows(page)], ["malloc", "vfs_read"])
        page.evaluate("(f => { f.value = ''; f.dispatchEvent(new Event('input')); f.blur(); })(filter)")
        self.click_row(page, 1, 0.1)
        self.assertEqual(page.evaluate("document.querySelector('#scope').textContent"), "in server")
        self.assertEqual([row[0] for row in self.rows(page) if row[2] == "hot_loop"], ["72.00%"])

    def test_a_row_is_found_in_the_graph(self):
        page = self.open("html")
        page.click("#rows tr[data-function]")
        self.assertEqual(page.evaluate("document.querySelector('#search').value"), "^hot_loop$")
        self.assertEqual(page.evaluate("onecollect.matched()"), 450)

    def test_light_and_dark(self):
        background = "getComputedStyle(document.body).backgroundColor"
        light, dark = self.open("html"), self.open("html", dark=True)
        self.assertEqual([light.evaluate("onecollect.view().dark"), dark.evaluate("onecollect.view().dark")], [False, True])
        colours = [light.evaluate(background), dark.evaluate(background)]
        self.assertNotEqual(*colours)
        light.show()
        light.click("#theme")
        dark.show()
        dark.key("t")
        self.assertEqual([light.evaluate(background), dark.evaluate(background)], colours[::-1])

    def test_facts_of_the_recording(self):
        page = self.open("html")
        page.click("#tab-recording")
        text = page.evaluate("document.querySelector('#recording').innerText")
        for part in ("sample-host", "record-trace --cpu -d 10s", "903", "900", "ring full", "raise --buffer", "broken"):
            self.assertIn(part, text)

    def test_one_global_and_it_cannot_be_changed(self):
        blank_path = os.path.join(self.folder.name, "blank.html")
        with open(blank_path, "w", encoding="utf-8") as file:
            file.write("<!DOCTYPE html><title>nothing</title>")
        page, blank = self.open("html"), self.browser.open(f"file://{blank_path}", before=CANARY)
        names = "Object.getOwnPropertyNames(window)"
        self.assertEqual(set(page.evaluate(names)) - set(blank.evaluate(names)), {"onecollect"})
        page.evaluate("window.onecollect = 1; onecollect.total = 2;")
        self.assertEqual(page.evaluate("onecollect.total"), self.folded.total)
        blank.close()

    def test_scripts_from_elsewhere_do_not_run(self):
        page = self.browser.open(f"file://{self.path('html')}", before=CANARY)
        page.evaluate("(s => { s.textContent = 'canary()'; document.body.append(s); })(document.createElement('script'))")
        page.evaluate("document.body.setAttribute('onclick', 'canary()'); document.body.click()")
        self.assertEqual(page.evaluate("window.canaries"), 0)
        page.wait_for("true")
        self.assertTrue(any("Content Security Policy" in error for error in page.errors), page.errors)
        page.close()


class Svg(FlameCase):
    """The image and its script."""

    def matched(self, page):
        """The text beside the search box."""
        return page.evaluate("document.querySelector('#matched').textContent")

    def search(self, page, term):
        """Types a term into the search box."""
        page.key("f", ctrl=True)
        page.type(term)

    def test_search(self):
        page = self.open("svg")
        for term in ("recurse", "vfs_read|hot_loop", "server", "nowhere"):
            with self.subTest(term=term):
                self.search(page, term)
                share = self.folded.matched(term) / self.folded.total * 100
                self.assertEqual(self.matched(page), f"Matched: {share:.2f}%")
        self.search(page, "compute")
        page.click("#ignorecase")
        share = self.folded.matched("compute", re.I) / self.folded.total * 100
        self.assertEqual(self.matched(page), f"Matched: {share:.2f}%")
        self.search(page, "[")
        self.assertEqual(self.matched(page), "not a regular expression")
        page.key("Escape")
        self.assertEqual(self.matched(page), "")

    def frame(self, name):
        """An expression for the first frame of that name."""
        return f"Array.from(document.querySelectorAll('#frames > g')).find(g => g.textContent.startsWith('{name} ('))"

    def test_click_zooms_and_escape_resets(self):
        page = self.open("svg")
        width = f"parseFloat({self.frame('recurse')}.querySelector('rect').getAttribute('width'))"
        shown = f"{self.frame('node')}.style.display"
        before = page.evaluate(width)
        box = page.evaluate(f"(r => [r.x + r.width / 2, r.y + 8])({self.frame('recurse')}.getBoundingClientRect())")
        page.mouse(*box)
        self.assertEqual(page.evaluate(width), 100)
        self.assertEqual(page.evaluate(shown), "none")
        page.click("#unzoom rect")
        self.assertAlmostEqual(page.evaluate(width), before, places=3)
        self.assertEqual(page.evaluate(shown), "")

    def test_keys_walk_and_zoom(self):
        page = self.open("svg")
        for key in ("ArrowUp", "ArrowUp", "ArrowUp"):
            page.key(key)
        self.assertTrue(page.evaluate("document.querySelector('#details').textContent").startswith("main (625 samples, 69.44%)"))
        page.key("Enter")
        self.assertEqual(page.evaluate(f"{self.frame('node')}.style.display"), "none")
        page.key("Home")
        self.assertEqual(page.evaluate(f"{self.frame('node')}.style.display"), "")

    def test_the_pointer_shows_details(self):
        page = self.open("svg")
        box = page.evaluate(f"(r => [r.x + r.width / 2, r.y + 8])({self.frame('hot_loop')}.getBoundingClientRect())")
        page.mouse(*box, click=False)
        self.assertEqual(page.evaluate("document.querySelector('#details').textContent"), "hot_loop (450 samples, 50.00%)")

    def test_the_width_is_that_of_the_window(self):
        page = self.open("svg", width=900)
        area = "document.querySelector('#frames').getBoundingClientRect().width"
        self.assertEqual(page.evaluate(area), 880)
        page.size(1600, 800)
        page.wait_for(f"{area} === 1580")


class Sample(Agreement, FlameCase):
    """The machine of the unit tests: addresses without names, samples without a stack."""

    records = None


class Hostile(Agreement, FlameCase):
    """Names that want out of where they are put; and a stack of 1,000 frames."""

    records = staticmethod(hostile_records)

    def hover_everywhere(self, page, width=1366, height=768):
        """Moves the pointer over the page, so that everything it can show is shown once."""
        for y in range(height - 42, 60, -80):
            for x in range(20, width, 260):
                page.mouse(x, y, click=False)

    def test_html_shows_everything(self):
        page = self.open("html")
        for grouping in ("none", "program", "process", "thread"):
            self.group(page, grouping)
            self.hover_everywhere(page)
        for control in ("#icicle", "#callers", "#tab-recording", "#tab-functions", "#help", "#keys button"):
            page.click(control)
        self.choose(page, "document.querySelector('#colouring')", "module")
        self.hover_everywhere(page)
        for _ in range(len(HOSTILE)):
            for key in ("ArrowDown", "ArrowRight", "Enter", "Enter"):
                page.key(key)
        for index in range(1, 15):
            page.click(f"#rows tr:nth-child({index + 1})")

    def test_html_finds_each_name(self):
        page = self.open("html")
        for name, count in page.evaluate("Object.entries(onecollect.totalByFunction())"):
            if len(name) < 1000 and not re.match("inner|outer", name):
                script = f"(s => {{ s.value = {json.dumps(f'^{re.escape(name)}$')}; s.dispatchEvent(new Event('input')); }})"
                page.evaluate(f"{script}(document.querySelector('#search'))")
                self.assertGreaterEqual(page.evaluate("onecollect.matched()"), count, name)

    def test_svg_shows_everything(self):
        page = self.open("svg")
        self.hover_everywhere(page)
        page.evaluate("window.scrollTo(0, 1e6)")
        self.hover_everywhere(page)
        for key in ("ArrowUp", "ArrowUp", "ArrowRight", "ArrowUp", "Enter"):
            page.key(key)
        page.key("f", ctrl=True)
        page.type("canary")
        share = self.folded.matched("canary") / self.folded.total * 100
        self.assertEqual(page.evaluate("document.querySelector('#matched').textContent"), f"Matched: {share:.2f}%")


class Empty(Agreement, FlameCase):
    """No samples at all."""

    records = staticmethod(lambda: b"")

    def test_html_has_nothing_to_show(self):
        page = self.open("html")
        for control in ("#icicle", "#callers", "#tab-recording", "#tab-functions", "#theme", "#canvas"):
            page.click(control)
        for key in ("ArrowUp", "ArrowLeft", "Enter", "Escape"):
            page.key(key)
        page.key("/")
        page.type("x")
        self.assertEqual(page.evaluate("onecollect.matched()"), 0)
        self.assertIn("No function", page.evaluate("document.querySelector('#rows').innerText"))

    def test_svg_has_a_root(self):
        page = self.open("svg")
        page.click("#frames g")
        self.assertEqual(page.evaluate("document.querySelector('#frames title').textContent"), "all (0 samples, 100.00%)")


class Many(FlameCase):
    """A tree of more than 100,000 nodes."""

    records = staticmethod(lambda: many_records(100000))

    def test_html(self):
        page = self.open("html")
        self.assertEqual(page.evaluate("onecollect.total"), self.folded.total)
        view = page.evaluate("onecollect.view()")
        self.assertGreater(view["nodes"], 100000)
        self.assertLess(view["drawn"], 10000)
        self.assertEqual(by_name(page.evaluate("onecollect.selfByFunction()")), self.folded.selfs)
        page.key("/")
        page.type("b12.*|c7$")
        self.assertEqual(page.evaluate("onecollect.matched()"), self.folded.matched("b12.*|c7$"))
        page.click("#callers")
        self.assertEqual(page.evaluate("onecollect.matched()"), self.folded.matched("b12.*|c7$"))

    def test_svg_says_what_it_leaves_out(self):
        page = self.open("svg")
        drawn = page.evaluate("document.querySelectorAll('#frames > g').length")
        left_out = int(page.evaluate("document.querySelector('#culled').dataset.nodes"))
        nodes = self.folded.tree(lambda comm, frames: [comm, *frames])
        self.assertGreater(left_out, 90000)
        self.assertEqual(drawn + left_out, len(nodes))
        self.assertIn(f"{left_out:,} frames narrower", page.evaluate("document.querySelector('#culled').textContent"))


class EmbedFile(unittest.TestCase):
    """The step that puts script and style into the program."""

    def embed(self, name, text):
        """Runs it on a file of that name."""
        with tempfile.TemporaryDirectory(prefix="onecollect-embed-") as folder:
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            argv = [os.path.join(ROOT, "scripts", "embed-file"), path]
            return subprocess.run(argv, capture_output=True, text=True, check=False)

    def test_the_hash_is_that_of_the_bytes(self):
        text = 'a("\\n\t");\n// größe\n'
        done = self.embed("my-file.js", text)
        self.assertEqual(done.returncode, 0, done.stderr)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        self.assertIn(f'#define MY_FILE_JS_SHA256 "{digest}"', done.stdout)
        self.assertIn("static const char my_file_js[]", done.stdout)
        self.assertIn('"a(\\"\\\\n\t\\");\\n"', done.stdout)

    def test_what_would_end_its_element_is_refused(self):
        for name, text in (("a.js", "x = '</SCRIPT>'"), ("a.js", "// <!--"), ("a.js", "]]>"), ("a.css", "/* </style> */")):
            with self.subTest(text=text):
                self.assertEqual(self.embed(name, text + "\n").returncode, 1)
        self.assertEqual(self.embed("a.js", "no newline").returncode, 1)
