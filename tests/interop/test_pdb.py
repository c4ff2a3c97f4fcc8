# SPDX-License-Identifier: BSD-2-Clause
"""Names and lines from PDB files agree with llvm-symbolizer and llvm-pdbutil, byte by byte of the code.

The images are built here, for x86-64, 32-bit x86 and arm64, by clang and lld; nothing of them is ever run.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import uuid

import etl_traces
import pprof_tool

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
SOURCES = os.path.join(ROOT, "tests", "interop", "windows")
NOTHING = [("-", "", "0", "0")]
MACHINES = ("x86_64", "i686", "aarch64")


def run(*argv, text=None):
    return subprocess.run(argv, input=text, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


def plain(name):
    """One spelling of what compilers write in two ways."""
    return re.sub(r">\s+(?=>)", ">", re.sub(r"\b(struct|class) ", "", name))


def without_parameters(name):
    """llvm-symbolizer names functions by their public symbols, which have parameters, and the way they are called."""
    name = plain(name)
    name = re.sub(r"^(public: |private: |protected: |static |virtual )*", "", name)
    depth, end = 0, len(name)
    name = re.sub(r" const$", "", name)
    if not name.endswith(")"):
        return name
    for at in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[at], 0)
        if depth == 0:
            end = at
            break
    return name[:end]


def build(folder, machine, optimize="-O2", linker=()):
    """Compiles and links the library for a machine; returns its path."""
    objects = []
    for source in ("one.cpp", "two.cpp"):
        out = os.path.join(folder, f"{source}.{machine}.obj")
        run("clang-14", f"--target={machine}-pc-windows-msvc", optimize, "-g", "-gcodeview", "-ffunction-sections",
            "-fno-exceptions", "-c", os.path.join(SOURCES, source), "-o", out)
        objects.append(out)
    image = os.path.join(folder, machine + ".dll")
    run("lld-link-14", "/dll", "/debug", "/nodefaultlib", "/entry:entry", "/opt:icf", f"/out:{image}",
        f"/pdb:{image[:-4]}.pdb", *linker, *objects)
    return image


class Site:
    """A function that was inlined, by llvm-pdbutil: stretches of the code that it was put into, as (start, end, line)."""

    def __init__(self, number, parent):
        self.number, self.parent, self.rows = number, parent, []

    def line_at(self, offset):
        """The line, behind the first one, of the last stretch that begins in front."""
        behind = [row for row in self.rows if row[0] <= offset]
        return max(behind)[2] if behind else None


class Procedure:
    def __init__(self, start, size, name):
        self.start, self.size, self.name, self.sites = start, size, name, []

    def sites_at(self, offset):
        """The sites that hold a place, the innermost first."""
        site = None
        for candidate in self.sites:  # a site comes behind the one that it is in
            if any(start <= offset < end for start, end, _ in candidate.rows):
                site = candidate
        result = []
        while site:
            result.append(site)
            site = site.parent
        return result


def read_procedures(dump, base):
    """Functions and their sites from `llvm-pdbutil dump --symbols`."""
    procedures, site, open_row, line = [], None, None, 0
    head = re.compile(r"S_[GL]PROC32(?:_ID)? \[size = \d+\] `(.*)`")
    place = re.compile(r"parent = 0, end = \d+, addr = 0001:(\d+), code size = (\d+)")
    note = re.compile(r"[0-9A-F]{4,} +(?:code 0x(\w+) \(\S+\))?(?:code end 0x(\w+) \(\S+\))? ?(?:line -?\d+ \((\S+)\))?$")
    name = None
    for text in dump.splitlines():
        found = head.search(text)
        if found:
            name = found[1]
        found = place.search(text)
        if found and name:
            procedures.append(Procedure(base + int(found[1]), int(found[2]), name))
            name, site = None, None
        found = re.search(r"inlinee = 0x(\w+)", text)
        if found:
            site, open_row, line = Site(int(found[1], 16), site), None, 0
            procedures[-1].sites.append(site)
        elif "S_INLINESITE_END" in text:
            site = site.parent
        found = note.match(text.strip())
        if not found or not site:
            continue
        line += int(found[3] or "0")
        offset = found[1] or found[2]
        if offset and open_row:
            site.rows.append((open_row[0], int(offset, 16), open_row[1]))
        if offset:
            open_row = (int(found[1], 16), line) if found[1] else None
    return procedures


def read_lines(dump, base):
    """(start, end, rows) of each stretch of code, rows (address, line), from `llvm-pdbutil dump -l`."""
    result = []
    for text in dump.splitlines():
        found = re.match(r"\s+0001:(\w+)-(\w+), line/addr entries", text)
        if found:
            result.append((base + int(found[1], 16), base + int(found[2], 16), []))
        elif result and re.match(r"\s+\d+ \w{8}", text):
            result[-1][2].extend((base + int(at, 16), int(line)) for line, at in re.findall(r"(\d+) (\w{8})", text))
    return result


class Image:
    """What other tools say of an image."""

    def __init__(self, path):
        self.path = path
        self.pdb = path[:-4] + ".pdb"
        headers = run("llvm-readobj-14", "--sections", path)
        text = re.search(r"Name: \.text .*?VirtualSize: 0x(\w+)\s+VirtualAddress: 0x(\w+)", headers, re.S)
        self.start, self.end = int(text[2], 16), int(text[2], 16) + int(text[1], 16)
        self.procedures = read_procedures(run("llvm-pdbutil-14", "dump", "--symbols", self.pdb), self.start)
        self.lines = read_lines(run("llvm-pdbutil-14", "dump", "-l", self.pdb), self.start)
        inlinees = run("llvm-pdbutil-14", "dump", "--il", self.pdb)
        self.inlinees = {int(m[1], 16): int(m[2]) for m in re.finditer(r"0x(\w+) \| +(\d+) \|", inlinees)}

    def inside(self):
        """Addresses inside of functions."""
        return sorted({a for p in self.procedures for a in range(p.start, p.start + p.size)})

    def theirs(self):
        """Frames of each address by llvm-symbolizer: (name, file, line), the innermost first."""
        text = "".join(f"0x{address:x}\n" for address in range(self.start, self.end))
        out = run("llvm-symbolizer-14", "--obj=" + self.path, "--relative-address", "--output-style=JSON", text=text)
        result = {}
        for line in out.splitlines():
            place = json.loads(line)
            frames = [(without_parameters(f["FunctionName"]), f["FileName"], f["Line"]) for f in place["Symbol"]]
            result[int(place["Address"], 16)] = frames
        return result

    def ours(self, path=None):
        """What we say by the PDB file, or by another file."""
        text = "".join(f"{address:x}\n" for address in range(self.start, self.end))
        return parse(run(os.path.join(BUILD, "interop", "symbolize_pdb"), path or self.pdb, text=text))

    def exports(self):
        """{address: names} of exported functions by llvm-readobj."""
        result = {}
        for name, address in re.findall(r"Name: (\S+)\s+RVA: 0x(\w+)", run("llvm-readobj-14", "--coff-exports", self.path)):
            result.setdefault(int(address, 16), set()).add(name)
        return result

    def unwound(self):
        """Starts of functions that can be unwound, by llvm-readobj."""
        text = run("llvm-readobj-14", "--unwind", self.path)
        base = int(re.search(r"ImageBase: 0x(\w+)", run("llvm-readobj-14", "--file-headers", self.path))[1], 16)
        return {int(m, 16) - base for m in re.findall(r"(?:StartAddress|Function): \(?0x(\w+)\)?", text)}

    def function_lines(self, address):
        """Lines of a place in the function itself: more than one where the linker made functions one."""
        result = set()
        for start, end, rows in self.lines:
            if start <= address < end:
                before = [line for at, line in rows if at <= address]
                result.add(before[-1] if before else rows[0][1])
        return result

    def inlined_lines(self, procedure, address):
        """Lines of a place in the functions inlined there, the innermost first."""
        offset = address - procedure.start
        return [self.inlinees[site.number] + site.line_at(offset) for site in procedure.sites_at(offset)]


def parse(out):
    result = {}
    for place in out.split("\n\n"):
        lines = place.strip("\n").split("\n")
        if lines[0]:
            result[int(lines[0], 16)] = [tuple(line.split("\t")) for line in lines[1:]]
    return result


class PdbTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.images = {machine: Image(build(cls.folder, machine)) for machine in MACHINES}

    def check_equal_to_llvm(self, image):
        """
        Functions and files of every byte are those of llvm-symbolizer, lines those that llvm-pdbutil lists.
        (Lines of inlined functions by llvm-symbolizer 14 are right only where a stretch of code begins.)
        """
        ours, theirs = image.ours(), image.theirs()
        wrong, depths = [], set()
        for address in image.inside():
            mine = [(plain(name), path, int(line)) for name, path, line, _ in ours.get(address, NOTHING)]
            depths.add(len(mine))
            # Of functions that the linker made one, any name is as right as another.
            here = [p for p in image.procedures if p.start <= address < p.start + p.size]
            want = theirs[address]
            names_agree = [f[:2] for f in mine[:-1]] == [f[:2] for f in want[:-1]] and mine[-1][1] == want[-1][1]
            function_agrees = mine[-1][0] in {plain(p.name) for p in here} and (len(here) > 1 or mine[-1][0] == want[-1][0])
            lines_agree = mine[-1][2] in image.function_lines(address) and \
                [f[2] for f in mine[:-1]] in [image.inlined_lines(p, address) for p in here]
            if not (names_agree and function_agrees and lines_agree):
                wrong.append((hex(address), mine, want, image.function_lines(address)))
        self.assertEqual(wrong[:5], [], f"{image.path}: {len(wrong)} of {len(image.inside())} differ")
        self.assertGreater(len(image.inside()), 1000)
        self.assertIn(3, depths)

    def check_row_starts(self, image):
        """Where a stretch of code begins llvm-symbolizer's lines are right, and ours the same."""
        ours, theirs = image.ours(), image.theirs()
        nr = 0
        for _, _, rows in image.lines:
            for address, _ in rows:
                if sum(at == address for _, _, others in image.lines for at, _ in others) > 1:
                    continue
                nr += 1
                self.assertEqual(int(ours[address][-1][2]), theirs[address][-1][2], hex(address))
        self.assertGreater(nr, 50)

    def test_functions_inlines_and_lines(self):
        for machine, image in self.images.items():
            with self.subTest(machine):
                self.check_equal_to_llvm(image)
                self.check_row_starts(image)

    def test_no_name_between_functions(self):
        """Padding between functions is nobody's."""
        for machine, image in self.images.items():
            with self.subTest(machine):
                self.assertEqual(set(image.ours()) - set(image.inside()), set())

    def test_other_optimizations(self):
        for level in ("-O1", "-Os"):
            with self.subTest(level):
                folder = os.path.join(self.folder, level)
                os.mkdir(folder)
                self.check_equal_to_llvm(Image(build(folder, "x86_64", level)))

    def test_page_sizes(self):
        """Larger blocks of the container change nothing."""
        for size in (8192, 16384, 32768):
            with self.subTest(size):
                folder = os.path.join(self.folder, str(size))
                os.mkdir(folder)
                image = Image(build(folder, "x86_64", linker=(f"/pdbpagesize:{size}",)))
                ours = image.ours()
                self.assertEqual(names(ours), names(self.images["x86_64"].ours()))

    def test_start_lines(self):
        """Where a function begins is the first line of its first byte; an inlined one, where llvm-pdbutil says."""
        for machine, image in self.images.items():
            with self.subTest(machine):
                ours = image.ours()
                for p in image.procedures:
                    first = {rows[0][1] for start, _, rows in image.lines if start == p.start}
                    self.assertIn(int(ours[p.start][-1][3]), first, p.name)
                inlined = {int(f[3]) for frames in ours.values() for f in frames[:-1]}
                self.assertTrue(inlined)
                self.assertLessEqual(inlined, set(image.inlinees.values()))


    def test_exports_only(self):
        """Without its PDB file an image names what it exports, from end to end, and no other function with known bounds."""
        for machine, image in self.images.items():
            with self.subTest(machine):
                exports, ours = image.exports(), image.ours(image.path)
                self.assertEqual(len(exports), 4)
                unwound = image.unwound() if machine == "x86_64" else set()
                for p in image.procedures:
                    got = {ours[a][0][0] if a in ours else None for a in range(p.start, p.start + p.size)}
                    if p.start in exports:
                        self.assertLessEqual(got, exports[p.start])
                    elif p.start in unwound:
                        self.assertEqual(got, {None}, p.name)
                if machine == "x86_64":
                    self.assertGreater(len(unwound - set(exports)), 3)


class TraceTest(unittest.TestCase):
    """From a trace of Windows and a PDB file made for one of its modules to names in a profile."""

    MODULE = "wow64cpu.dll"
    SOURCE = """
        extern "C" int entry(void *, int, void *) { return 1; }
        namespace made { __declspec(noinline) void here() { asm volatile(".fill 0x6000, 1, 0x90"); } }
        extern "C" __declspec(dllexport) void start() { made::here(); }
        """

    def make_pdb(self, folder, identity):
        """A PDB file with the GUID and age of the module of the trace."""
        source, image = os.path.join(folder, "made.cpp"), os.path.join(folder, "made.dll")
        with open(source, "w", encoding="utf-8") as file:
            file.write(self.SOURCE)
        run("clang-14", "--target=x86_64-pc-windows-msvc", "-O1", "-g", "-gcodeview", "-c", source, "-o", source + ".obj")
        run("lld-link-14", "/dll", "/debug", "/nodefaultlib", "/entry:entry", f"/out:{image}", source + ".obj")
        pdb = image[:-4] + ".pdb"
        guid = re.search(r"GUID: \{(.*)\}", run("llvm-pdbutil-14", "dump", "--summary", pdb))[1]
        with open(pdb, "rb") as file:
            content = file.read()
        old, new = uuid.UUID(guid).bytes_le, uuid.UUID(hex=identity[:32]).bytes_le
        self.assertEqual((content.count(old), identity[32:]), (1, "00000001"))
        os.remove(image)
        with open(pdb, "wb") as file:
            file.write(content.replace(old, new))

    def test_convert_with_symbol_path(self):
        etl_traces.need()
        trace = os.path.join(etl_traces.FOLDER, etl_traces.PERFVIEW)
        command = os.path.join(BUILD, "record-trace")
        with tempfile.TemporaryDirectory() as folder:
            before, after = os.path.join(folder, "before"), os.path.join(folder, "after")
            run(command, "-q", "convert", trace, "-o", before + ".folded", "-o", before + ".pb.gz")
            mappings = pprof_tool.raw(before + ".pb.gz")["text"]
            identity = re.search(re.escape("\\" + self.MODULE) + r" (\w{40})", mappings)[1]
            self.make_pdb(folder, identity)
            run(command, "-q", "convert", trace, "--symbol-path", f"/nowhere;{folder}", "-o", after + ".folded",
                "-o", after + ".pb.gz")
            with open(before + ".folded", encoding="utf-8") as file:
                unnamed = file.read()
            with open(after + ".folded", encoding="utf-8") as file:
                named = file.read()
            lines = pprof_tool.raw(after + ".pb.gz")["text"]
        places = re.compile(re.escape(self.MODULE) + r"\+0x\w+")
        self.assertGreater(len(places.findall(unnamed)), 10)
        self.assertEqual(places.findall(named), [])
        self.assertEqual(named.count("made::here"), len(places.findall(unnamed)))
        self.assertRegex(lines, r"made::here .*made\.cpp:3")


class UndecorateTest(unittest.TestCase):
    NAMES = """
        ?f@@YAHH@Z ?g@name@space@@3HA ??0Box@shapes@@QEAA@HH@Z ??1Box@shapes@@QEAA@XZ ??HBox@shapes@@QEBAHH@Z
        ??4Box@@QEAAAEAV0@AEBV0@@Z ??RBox@@QEAAXXZ ??2@YAPEAX_K@Z ??_V@YAXPEAX@Z ??_GBox@shapes@@UEAAPEAXI@Z
        ??_7Box@shapes@@6B@ ??$largest@H@shapes@@YAHHH@Z ??$f@PEBDAEAUS@n@@$09@@YAXXZ ??$f@$0BA@@@YAXXZ ??$f@$0?0@@YAXXZ
        ?push_back@?$vector@HV?$allocator@H@std@@@std@@QEAAX$$QEAH@Z
        ?f@?$A@V?$B@V?$C@_J@@@@PEAPEBD@@YAXXZ ?f@A@1@YAXXZ ?a@b@c@12@YAXXZ ??$?HH@Box@@QEAAHH@Z
        ?f@?A0x1234abcd@n@@YAXXZ ??$f@W4color@n@@@@YAXXZ ??$f@QEAUs@n@@V12@@@YAXXZ ??$f@X@@YAXXZ ??$f@$$V@@YAXXZ
        ??$f@_N_W_S_U_K@@YAXXZ""".split()

    def compare(self, names):
        theirs = run("llvm-undname-14", "--no-calling-convention", "--no-return-type", "--no-access-specifier",
                     "--no-member-type", "--no-variable-type", text="".join(name + "\n" for name in names))
        ours = run(os.path.join(BUILD, "interop", "undecorate_names"), text="".join(name + "\n" for name in names))
        theirs = [block.split("\n")[1] for block in theirs.strip("\n").split("\n\n")]
        self.assertEqual(len(theirs), len(names))
        for name, want, got in zip(names, theirs, ours.splitlines()):
            with self.subTest(name):
                want = without_parameters(re.sub("^const ", "", want))
                self.assertEqual(plain(got), want)

    def test_names_by_hand(self):
        self.compare(self.NAMES)

    def test_names_of_a_compiler(self):
        with tempfile.TemporaryDirectory() as folder:
            image = build(folder, "x86_64")
            publics = run("llvm-pdbutil-14", "dump", "--publics", image[:-4] + ".pdb")
        names = sorted({m[1] for m in re.finditer(r"S_PUB32 \[size = \d+\] `(\?[^`]*)`", publics)})
        self.assertGreater(len(names), 20)
        self.compare(names)


def names(places):
    return {address: [frame[0] for frame in frames] for address, frames in places.items()}
