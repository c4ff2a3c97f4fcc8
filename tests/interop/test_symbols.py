# SPDX-License-Identifier: BSD-2-Clause
"""Names of addresses agree with what readelf and eu-addr2line say of the same files, for every symbol they know.

The program under test names file offsets; readelf's program headers turn the addresses of the other tools into offsets.
"""

import bisect
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
NO_DEBUG_DIR = "/nonexistent"


def run(*argv, text=None):
    return subprocess.run(argv, input=text, stdout=subprocess.PIPE, check=True, encoding="utf-8",
                          errors="surrogateescape").stdout


def newest_cc1():
    return run("gcc", "-print-prog-name=cc1").strip()


class Segments:
    """Address to file offset, from readelf's list of program headers."""

    def __init__(self, path):
        row = re.compile(r"\s+LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x\w+ (.{3}) ")
        found = [row.match(line) for line in run("readelf", "-lW", path).splitlines()]
        self.list = [(int(m[2], 16), int(m[1], 16), int(m[3], 16)) for m in found if m and "E" in m[4]]

    def offset(self, address):
        for start, offset, size in self.list:
            if start <= address < start + size:
                return address - start + offset
        return None


class Symbols:
    """Function symbols by readelf: which names cover an address, and where symbols start."""

    def __init__(self, path, dynamic):
        table = run("readelf", "-sW", "--dyn-syms" if dynamic else "--syms", path)
        wanted = ".dynsym" if dynamic else ".symtab"
        self.functions, starts, here = [], set(), False
        for line in table.splitlines():
            if line.startswith("Symbol table"):
                here = f"'{wanted}'" in line
            field = line.split()
            if not here or len(field) < 8 or not field[0].endswith(":") or field[6] in ("UND", "Ndx", "ABS"):
                continue
            start = int(field[1], 16)
            if field[3] in ("FUNC", "IFUNC", "NOTYPE"):
                starts.add(start)
            if field[3] in ("FUNC", "IFUNC"):
                self.functions.append((start, int(field[2], 0), re.sub("@.*", "", field[7])))
        self.functions.sort()
        self.starts = sorted(starts)
        self.sized_starts = {start for start, size, _ in self.functions if size}

    def covering(self, addresses):
        """For each address the names of the symbols with a size that cover it."""
        result, active, at = {}, [], 0
        for address in sorted(addresses):
            while at < len(self.functions) and self.functions[at][0] <= address:
                active.append(self.functions[at])
                at += 1
            active = [symbol for symbol in active if address < symbol[0] + symbol[1]]
            result[address] = {name for _, _, name in active}
        return result

    def open_ended(self, address):
        """True when the last symbol in front of the address has no size, so that it may hold the address."""
        at = bisect.bisect_right(self.starts, address) - 1
        return at >= 0 and self.starts[at] not in self.sized_starts

    def places(self):
        """First, middle and last byte of each function, and the bytes right in front and behind."""
        result = set()
        for start, size, _ in self.functions:
            result |= {start - 1, start, start + size // 2, start + max(size, 1) - 1, start + size}
        return result


class SymbolsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.program = os.path.join(BUILD, "interop", "symbolize_file")

    def names(self, path, addresses, debug_dir=NO_DEBUG_DIR):
        """Our name of each address of the file; None = none."""
        segments = Segments(path)
        offsets = {}
        for address in addresses:
            offset = segments.offset(address)
            if offset is not None:
                offsets[offset] = address
        out = run(self.program, path, debug_dir, text="".join(f"{offset:x}\n" for offset in sorted(offsets)))
        result = {}
        for line in out.splitlines():
            offset, _, name = line.partition(" ")
            result[offsets[int(offset, 16)]] = None if name == "-" else re.sub("(?<=.)@(?!plt$).*", "", name)
        self.assertEqual(len(result), len(offsets))
        return result

    def compare(self, path, symbols, names):
        """Where symbols with a size cover an address one of them is named; elsewhere nothing that ends before it."""
        wrong = []
        covering = symbols.covering(names)
        for address, name in names.items():
            if covering[address] and name not in covering[address]:
                wrong.append((hex(address), name, sorted(covering[address])[:4]))
            elif covering[address] or name is None or name.endswith("@plt"):
                continue
            elif not symbols.open_ended(address):
                wrong.append((hex(address), name, "nothing covers it"))
        self.assertEqual(wrong[:10], [], f"{path}: {len(wrong)} of {len(names)} differ")
        self.assertGreater(len(names), 0)

    def check_dynamic(self, path):
        symbols = Symbols(path, dynamic=True)
        self.compare(path, symbols, self.names(path, symbols.places()))

    def check_full(self, path):
        symbols = Symbols(path, dynamic=False)
        self.compare(path, symbols, self.names(path, symbols.places()))

    def test_stripped_files(self):
        """What the system installs has dynamic symbols only."""
        for path in ("/lib/x86_64-linux-gnu/libc.so.6", os.path.realpath("/usr/bin/python3"), newest_cc1()):
            with self.subTest(path):
                self.check_dynamic(path)

    def test_unstripped_file(self):
        self.check_full(os.path.join(BUILD, "tests", "unit"))

    def test_separate_debug_file(self):
        """Stripped copies are named through debug files found by build-id, exactly as the unstripped file."""
        path = os.path.join(BUILD, "tests", "unit")
        stripped = os.path.join(self.folder, "stripped")
        debug_dir = os.path.join(self.folder, "debug")
        build_id = re.search(r"Build ID: (\w+)", run("readelf", "-nW", path))[1]
        debug = os.path.join(debug_dir, ".build-id", build_id[:2], build_id[2:] + ".debug")
        os.makedirs(os.path.dirname(debug))
        run("objcopy", "--only-keep-debug", path, debug)
        run("strip", "-o", stripped, path)
        places = Symbols(path, dynamic=False).places()
        self.assertEqual(self.names(stripped, places, debug_dir), self.names(path, places))
        self.assertNotEqual(self.names(stripped, places), self.names(path, places))

    def test_mini_debuginfo(self):
        """A stripped copy with .gnu_debugdata is named like the unstripped file, where functions have a size."""
        path = os.path.join(BUILD, "tests", "unit")
        packed = os.path.join(self.folder, "mini")
        stripped = os.path.join(self.folder, "with-mini")
        run("objcopy", "--strip-debug", "--only-keep-debug", path, packed)
        run("xz", "--keep", "--force", packed)
        run("strip", "-o", stripped, path)
        run("objcopy", "--add-section", f".gnu_debugdata={packed}.xz", stripped)
        symbols = Symbols(path, dynamic=False)
        self.compare(stripped, symbols, self.names(stripped, symbols.places()))

    def test_addr2line_agrees(self):
        """eu-addr2line, another reader, names the same function inside of each."""
        path = os.path.join(BUILD, "tests", "unit")
        symbols = Symbols(path, dynamic=False)
        ours = self.names(path, {start + size // 2 for start, size, _ in symbols.functions if size})
        covering = symbols.covering(ours)
        out = run("eu-addr2line", "-S", "-e", path, *map(hex, ours)).splitlines()[::2]
        self.assertEqual(len(out), len(ours))
        differing = []
        for (address, name), theirs in zip(ours.items(), out):
            theirs = re.sub(r"[@+].*", "", theirs)
            if theirs != name and not {theirs, name} <= covering[address]:
                differing.append((hex(address), name, theirs))
        self.assertEqual(differing[:10], [])

    def build(self, name, *flags):
        """A small program with a function whose code is known to be at a place of its own."""
        source = os.path.join(self.folder, "small.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write("""
                __attribute__((noinline)) int known_function(int a) { return a * 3 + 1; }
                static __attribute__((noinline)) int hidden_function(int a) { return a ^ 77; }
                int puts(const char *text);
                int getpid(void);
                int main(int argc, char **argv) { return puts(argv[0]) + known_function(hidden_function(getpid() + argc)); }
                """)
        path = os.path.join(self.folder, name)
        run("cc", "-O1", source, "-o", path, *flags)
        return path

    def test_kinds_of_programs(self):
        """PIE or not, static, segments whose address is not their offset, sections far from each other."""
        kinds = {
            "pie": ["-pie"],
            "no-pie": ["-no-pie"],
            "static": ["-static"],
            "shifted": ["-no-pie", "-Wl,-Ttext-segment=0x10000000"],
            "separate": ["-Wl,-z,separate-code"],
            "together": ["-Wl,-z,noseparate-code"],
            "far": ["-Wl,--section-start=.text=0x20000000", "-no-pie"],
        }
        for name, flags in kinds.items():
            with self.subTest(name):
                path = self.build(name, *flags)
                symbols = Symbols(path, dynamic=False)
                names = self.names(path, symbols.places())
                self.compare(path, symbols, names)
                self.assertIn("known_function", names.values())
                self.assertIn("hidden_function", names.values())

    def test_stubs_of_the_linkage_table(self):
        """objdump names the stubs of .plt and .plt.sec by decoding them."""
        for name, flags in {"lazy": ["-Wl,-z,lazy"], "now": ["-Wl,-z,now"], "cet": ["-fcf-protection", "-Wl,-z,ibtplt"]}.items():
            with self.subTest(name):
                path = self.build("plt-" + name, *flags)
                stubs = re.findall(r"^(\w+) <(\w+@plt)>:$", run("objdump", "-d", path), re.M)
                wanted = {int(start, 16): stub for start, stub in stubs}
                self.assertIn("puts@plt", wanted.values())
                ours = self.names(path, set(wanted) | {start + 15 for start in wanted})
                for start, stub in wanted.items():
                    if stub not in ("__cxa_finalize@plt",):
                        self.assertEqual((ours[start], ours[start + 15]), (stub, stub))

    def test_stripped_program_has_no_names(self):
        """Without symbols there is no name, least of all that of a neighbour."""
        path = self.build("whole", "-Wl,--export-dynamic-symbol=known_function")
        symbols = Symbols(path, dynamic=False)
        stripped = os.path.join(self.folder, "bare")
        run("strip", "-o", stripped, path)
        names = self.names(stripped, symbols.places())
        inside = {address for address, found in symbols.covering(names).items() if "known_function" in found}
        self.assertTrue(inside)
        dynamic = Symbols(stripped, dynamic=True)
        for address, name in names.items():
            if name is not None and not name.endswith("@plt") and not dynamic.open_ended(address):
                self.assertIn(address, inside, name)
