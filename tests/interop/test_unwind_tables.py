# SPDX-License-Identifier: BSD-2-Clause
"""Unwind tables agree with readelf, and pages compiled one by one with those of the whole table: of programs built here in
every manner, and of a sample of what is installed.

`make check-tables` compares every program and library of the machine.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import unwind_check

# The oddest: hand-written call frames, signal frames, realigned frames, expressions; and some large ones.
SAMPLE = ("/lib64/ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libcrypto.so.3", "libgmp.so.10", "libstdc++.so.6",
          "libgcc_s.so.1", "libelf.so.1", "libcriterion.so.3", "/bin/bash", "/usr/bin/perl", "/usr/bin/python3",
          "/usr/bin/gdb", "/usr/bin/openssl", "/lib/ld-musl-x86_64.so.1")
LIBRARIES = "/usr/lib/x86_64-linux-gnu"

SOURCE = r"""
#include <alloca.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
int sink(void *p);
__attribute__((noinline)) int plain(int n) { return n * 2; }
__attribute__((noinline)) int dynamic(int n) { char *p = alloca(n); memset(p, n, n); return sink(p) + p[n / 2]; }
__attribute__((noinline)) int aligned(int n)
{
	_Alignas(64) volatile char b[256];
	char *p = alloca(n);
	b[n & 255] = 1;
	return sink(p) + sink((void *)b) + b[n & 255];
}
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
__attribute__((noinline)) int sorts(int *v, int n) { qsort(v, n, sizeof(*v), compare); return v[0] + plain(n); }
int sink(void *p) { return p != 0; }
static void handler(int n) { (void)n; }
int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(SIGUSR1, &action, NULL);
	return sorts(&argc, 1) + dynamic(argc) + aligned(argc) + (argv[0] == 0);
}
"""


def compare(*argv):
    """What the program under test prints of one file. Raises when the table differs."""
    result = subprocess.run([unwind_check.PROGRAM, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            encoding="utf-8", check=False)
    if result.returncode:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)


class Built(unittest.TestCase):
    """Programs built in different manners."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.source = os.path.join(cls.folder, "mix.c")
        with open(cls.source, "w", encoding="utf-8") as file:
            file.write(SOURCE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def build(self, compiler, *options):
        path = os.path.join(self.folder, "mix")
        subprocess.run([compiler, "-O2", *options, "-o", path, self.source], check=True)
        return path

    def check(self, *argv, least=20):
        result = compare(*argv)
        self.assertEqual(result["bad_fdes"] + result["overlapped"], 0, result)
        self.assertGreater(result["same"], least, result)
        self.assertLessEqual(result["unsupported"] / result["same"], unwind_check.UNSUPPORTED_MAX, result)
        return result

    def test_position_independent(self):
        result = self.check(self.build("gcc", "-pie", "-fPIE"))
        self.assertEqual(result["covered_bytes"], result["readelf_covered_bytes"])

    def test_at_a_fixed_address(self):
        self.check(self.build("gcc", "-no-pie", "-fno-pie", "-fomit-frame-pointer", "-mavx2"))

    def test_with_frame_pointers(self):
        self.check(self.build("clang-14", "-fno-omit-frame-pointer"))

    def test_lld(self):
        path = self.build("clang-14", "-fuse-ld=lld-14")
        headers = subprocess.run(["readelf", "-lW", path], stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
        code = [line.split() for line in headers.splitlines() if "LOAD" in line and " R E " in line]
        self.assertTrue(any(row[1][-8:] != row[2][-8:] for row in code), "p_vaddr shall differ from p_offset")
        self.check(path)

    def test_sections_moved_apart(self):
        self.check(self.build("gcc", "-no-pie", "-Wl,--section-start=.text=0x2345000"))

    def test_static_glibc(self):
        result = self.check(self.build("gcc", "-static"), least=5000)
        self.assertEqual(result["signal_rows"], 1, result)

    def test_static_musl(self):
        """musl has next to no call frame information; its signal trampoline is found by its code."""
        result = self.check(self.build("musl-gcc", "-static"), least=10)
        self.assertEqual(result["signal_rows"], 1, result)
        result = self.check(self.build("gcc", "-pie", "-fPIE"))
        self.assertEqual(result["signal_rows"], 0, result)

    def test_many_sections(self):
        self.check(self.build("gcc", "-ffunction-sections", "-Wl,--gc-sections"))

    def test_arm64(self):
        path = os.path.join(self.folder, "mix-arm64.so")
        subprocess.run(["clang-14", "--target=aarch64-linux-gnu", "-isystem", "/usr/aarch64-linux-gnu/include", "-O2",
                        "-mbranch-protection=standard", "-shared", "-fPIC", "-nostdlib", "-fuse-ld=lld-14",
                        "-fasynchronous-unwind-tables", "-o", path, self.source], check=True)
        self.check(path, least=10)

    def test_debug_frame_alone(self):
        quiet = ("-fno-asynchronous-unwind-tables", "-fno-exceptions", "-nostartfiles", "-Wl,-e,main", "-g")
        for options in (("-gdwarf-2",), ("-gdwarf-4",), ("-gdwarf-5",), ("-gdwarf-4", "-gdwarf64"), ("-gz=zlib",)):
            with self.subTest(options):
                self.check(self.build("gcc", *quiet, *options), least=10)

    def test_separate_debug_file(self):
        path = self.build("gcc", "-fno-asynchronous-unwind-tables", "-fno-exceptions", "-nostartfiles", "-Wl,-e,main",
                          "-g")
        for compression in ("none", "zlib", "zstd"):
            with self.subTest(compression):
                debug, stripped = path + ".debug", path + ".stripped"
                subprocess.run(["objcopy", "--only-keep-debug", "--compress-debug-sections=" + compression, path,
                                debug], check=True)
                subprocess.run(["strip", "-o", stripped, path], check=True)
                self.check("--debug", debug, stripped, least=10)
        self.assertEqual(compare(stripped)["rows"], 0, "without its debug file nothing describes it")


class Installed(unittest.TestCase):
    """A sample of the machine's programs and libraries."""

    def test_sample(self):
        paths = [os.path.realpath(os.path.join(LIBRARIES, name)) for name in SAMPLE]
        paths = sorted({path for path in paths if os.path.exists(path)})
        self.assertGreater(len(paths), 5)
        sums = unwind_check.total(unwind_check.compare(paths))
        self.assertEqual(sums["different"] + sums["bad"] + sums["bad_fdes"], 0, sums)
        self.assertGreaterEqual(sums["covered_bytes"], sums["readelf_covered_bytes"], sums)
        self.assertGreater(sums["pages_by_themselves"], 100)
        rows = sums["same"] + sums["unsupported"]
        self.assertGreater(rows, 100000)
        self.assertLessEqual(sums["unsupported"] / rows, unwind_check.UNSUPPORTED_MAX, sums)


if __name__ == "__main__":
    unittest.main()
