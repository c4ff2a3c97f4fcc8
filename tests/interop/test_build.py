# SPDX-License-Identifier: BSD-2-Clause
"""The Makefile rebuilds what it must and nothing else, and the installed library is usable through pkg-config."""

import csv
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import known_recording

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("O", "build")


def make(*args, **env):
    """Runs make in the tree as if the caller had typed it: variables of an outer make do not reach it."""
    clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O", "SAN")}
    done = subprocess.run(["make", *args], cwd=ROOT, env=dict(clean, **env), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise AssertionError(f"make {' '.join(args)}: {done.stdout}{done.stderr}")
    return done


def would_build(changed):
    """What `make tests` would make again if this file were newer, relative to the output folder."""
    output = make("-n", f"O={BUILD}", "-W", changed, "tests").stdout
    return set(re.findall(rf"(?: -o|rcsD|object|>) {BUILD}/(\S+)", output))


class Incremental(unittest.TestCase):
    def test_nothing_to_do_after_a_build(self):
        self.assertEqual(make("-q", f"O={BUILD}", "tests").returncode, 0)

    def test_header(self):
        built = would_build("src/base/buffer.h")
        self.assertLessEqual({"obj/src/base/buffer.o", "obj/src/base/text.o", "libonecollect.a", "tests/unit"}, built)
        self.assertNotIn("obj/src/base/clock.o", built)
        self.assertFalse([path for path in built if path.startswith("bpf/")])

    def test_public_header(self):
        self.assertLessEqual({"obj/src/base/error.o", "libonecollect.a"}, would_build("src/include/onecollect/error.h"))

    def test_kernel_headers(self):
        for header in ("bpf/wire.h", "bpf/maps.bpf.h", "vmlinux/vmlinux.h"):
            with self.subTest(header):
                built = would_build(header)
                self.assertLessEqual({"bpf/cpu.bpf.o", "skel/cpu.skel.h", "libonecollect.a"}, built)
                self.assertTrue([path for path in built if path.startswith("obj/src/linux/")])
                self.assertFalse([path for path in built if path.startswith("obj/src/base/")])

    def test_source(self):
        built = would_build("src/base/clock.c")
        self.assertEqual([path for path in built if path.startswith("obj/")], ["obj/src/base/clock.o"])

    def test_flags(self):
        with tempfile.TemporaryDirectory() as out:
            target = f"{out}/obj/src/base/arena.o"
            self.assertIn("arena.o", make(f"O={out}", target).stdout)
            self.assertEqual(make("-q", f"O={out}", target).returncode, 0)
            self.assertEqual(make("-q", f"O={out}", "CFLAGS=-O1", target).returncode, 1)

    def test_removed_source(self):
        with tempfile.TemporaryDirectory() as out:
            few = ["GEN_C=", f"O={out}", f"{out}/libonecollect.a"]
            make("LIB_SRC=src/base/arena.c src/base/array.c", *few)
            make("LIB_SRC=src/base/arena.c", *few)
            members = subprocess.run(["ar", "t", f"{out}/libonecollect.a"], capture_output=True, text=True, check=True)
            self.assertEqual(members.stdout.split(), ["arena.o"])

    def test_quiet_and_verbose(self):
        quiet = make("-n", f"O={BUILD}", "-W", "src/base/clock.c", f"{BUILD}/obj/src/base/clock.o").stdout
        self.assertIn("printf", quiet)
        verbose = make("-n", "V=1", f"O={BUILD}", "-W", "src/base/clock.c", f"{BUILD}/obj/src/base/clock.o").stdout
        self.assertNotIn("printf", verbose)
        self.assertIn(" -c src/base/clock.c ", verbose)


class Installation(unittest.TestCase):
    """Into a folder of its own, once, as a packager does it: PREFIX=/usr below DESTDIR."""

    @classmethod
    def setUpClass(cls):
        cls.dest = tempfile.mkdtemp(prefix="onecollect-install-")
        cls.addClassCleanup(shutil.rmtree, cls.dest)
        cls.args = [f"O={BUILD}", "PREFIX=/usr", f"DESTDIR={cls.dest}"]
        make("install", *cls.args)
        cls.addClassCleanup(make, f"O={BUILD}", "all")  # the .pc file of the usual PREFIX again

    def path(self, *parts):
        return os.path.join(self.dest, "usr", *parts)

    def pkg_config(self, *args):
        env = dict(os.environ, PKG_CONFIG_PATH=self.path("lib", "pkgconfig"), PKG_CONFIG_SYSROOT_DIR=self.dest)
        done = subprocess.run(["pkg-config", *args, "onecollect"], env=env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def files(self):
        return {os.path.relpath(os.path.join(folder, name), self.dest)
                for folder, _, names in os.walk(self.dest) for name in names}

    def version(self):
        return self.pkg_config("--modversion")[0]

    def test_files(self):
        files = self.files()
        self.assertLessEqual({"usr/bin/record-trace", "usr/lib/libonecollect.a", "usr/lib/libonecollect.so",
                              f"usr/lib/libonecollect.so.{self.version()}", "usr/lib/pkgconfig/onecollect.pc",
                              "usr/include/onecollect/recording.h", "usr/share/man/man1/record-trace.1"}, files)
        public = set(os.listdir(os.path.join(ROOT, "src", "include", "onecollect")))
        self.assertEqual({os.path.basename(path) for path in files if path.startswith("usr/include/")}, public)

    def test_links(self):
        soname = "libonecollect.so." + self.version().split(".", maxsplit=1)[0]
        self.assertEqual(os.readlink(self.path("lib", "libonecollect.so")), soname)
        self.assertEqual(os.readlink(self.path("lib", soname)), f"libonecollect.so.{self.version()}")
        dynamic = subprocess.run(["readelf", "-d", self.path("lib", soname)], capture_output=True, text=True, check=True)
        self.assertIn(f"[{soname}]", dynamic.stdout)

    def test_hardening(self):
        for name in (("bin", "record-trace"), ("lib", "libonecollect.so")):
            with self.subTest(name[1]):
                output = subprocess.run(["readelf", "-hldW", self.path(*name)], capture_output=True, text=True, check=True)
                self.assertIn("DYN (", output.stdout)
                self.assertIn("GNU_RELRO", output.stdout)
                self.assertIn("NOW", output.stdout)
                self.assertRegex(output.stdout, r"GNU_STACK\s+\S+ \S+ \S+ \S+ \S+ RW ")

    def test_command_runs(self):
        done = subprocess.run([self.path("bin", "record-trace"), "--version"], capture_output=True, text=True, check=True)
        self.assertIn(self.version(), done.stdout)

    def compile(self, compiler, link):
        source = ('#include <onecollect/machine.h>\n#include <onecollect/recording.h>\n#include <onecollect/version.h>\n'
                  '#include <stdio.h>\nint main(void) { struct oc_machine *m = oc_machine_new(NULL);\n'
                  'oc_machine_free(m); return !m || printf("%s\\n", oc_version()) < 0; }\n')
        program = self.path("program")
        argv = [*compiler, "-Wall", "-Wextra", "-Werror", "-", *self.pkg_config("--cflags"), *link, "-o", program]
        done = subprocess.run(argv, input=source, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        env = dict(os.environ, LD_LIBRARY_PATH=self.path("lib"))
        done = subprocess.run([program], env=env, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), self.version())
        os.remove(program)

    def test_shared_library(self):
        self.compile(["gcc", "-std=c11", "-x", "c"], self.pkg_config("--libs"))

    def test_static_library(self):
        link = [":".join(("-l", "libonecollect.a")) if arg == "-lonecollect" else arg
                for arg in self.pkg_config("--static", "--libs")]
        self.compile(["gcc", "-std=c11", "-x", "c"], link)

    def test_example_of_a_custom_format(self):
        program, source, out = self.path("csv_format"), self.path("sample.octrace"), self.path("sample.csv")
        known_recording.write("octrace", source)
        argv = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", os.path.join(ROOT, "examples", "csv_format.c"),
                *self.pkg_config("--cflags", "--libs"), "-o", program]
        subprocess.run(argv, check=True)
        env = dict(os.environ, LD_LIBRARY_PATH=self.path("lib"))
        subprocess.run([program, source, out], env=env, check=True)
        with open(out, encoding="utf-8", newline="") as file:
            weights = {row["function"]: int(row["self"]) for row in csv.DictReader(file) if row["self"] != "0"}
        self.assertEqual(weights, known_recording.ALL_SELF)
        bad = subprocess.run([program, os.devnull, out], env=env, capture_output=True, text=True, check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("/dev/null", bad.stderr)
        for path in (program, source, out):
            os.remove(path)

    def test_uninstall(self):
        dest = tempfile.mkdtemp(prefix="onecollect-uninstall-")
        self.addCleanup(shutil.rmtree, dest)
        make("install", *self.args[:2], f"DESTDIR={dest}")
        make("uninstall", *self.args[:2], f"DESTDIR={dest}")
        left = [name for _, _, names in os.walk(dest) for name in names]
        self.assertEqual(left, [])
        self.assertFalse(os.path.exists(os.path.join(dest, "usr/include/onecollect")))


class Dependencies(unittest.TestCase):
    def install_deps(self, *args):
        return subprocess.run([os.path.join(ROOT, "scripts", "install-deps"), *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)

    def test_print(self):
        packages = self.install_deps("--print").stdout.split()
        self.assertIn("libbpf-dev", packages)
        self.assertIn("libcriterion-dev", packages)
        self.assertNotIn("libcriterion-dev", self.install_deps("--print", "build").stdout.split())

    def test_all_present_says_nothing(self):
        done = self.install_deps("build", "check")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_unknown_group(self):
        self.assertEqual(self.install_deps("no-such-group").returncode, 2)

    def test_every_linked_library_has_a_package(self):
        with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as file:
            wanted = re.search(r"^PKGS +:= (.*)", file.read(), re.M).group(1).split()
        packages = self.install_deps("--print", "build").stdout.split()
        for name in wanted:
            path = subprocess.run(["pkg-config", "--variable=pcfiledir", name], capture_output=True, text=True, check=True)
            owner = subprocess.run(["dpkg-query", "-S", os.path.join(path.stdout.strip(), name + ".pc")],
                                   capture_output=True, text=True, check=True).stdout.split(":")[0]
            self.assertIn(owner, packages)


if __name__ == "__main__":
    unittest.main()
