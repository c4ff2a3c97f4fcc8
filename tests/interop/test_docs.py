# SPDX-License-Identifier: BSD-2-Clause
"""The documents tell the truth: README's commands run, its example compiles, its links and tables match the tree."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("O", "build")
BLOCK = re.compile(r"^```(\w+) (\w+)\n(.*?)^```", re.M | re.S)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def blocks(language, mark):
    """README's code blocks that begin with ```language mark."""
    return [text for lang, word, text in BLOCK.findall(read("README.md")) if (lang, word) == (language, mark)]


class Readme(unittest.TestCase):
    """Everything runs in an empty folder against an installation of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="onecollect-readme-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "O")}
        done = subprocess.run(["make", "install", f"O={BUILD}", f"DESTDIR={cls.folder}"], cwd=ROOT, env=env,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        prefix = os.path.join(cls.folder, "usr", "local")
        stub = os.path.join(cls.folder, "bin")
        os.mkdir(stub)
        with open(os.path.join(stub, "sudo"), "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nexec "$@"\n')  # the tests are root already, and may not have sudo
        os.chmod(os.path.join(stub, "sudo"), 0o755)
        cls.env = dict(os.environ, PATH=":".join((stub, os.path.join(prefix, "bin"), os.environ["PATH"])),
                       PKG_CONFIG_PATH=os.path.join(prefix, "lib", "pkgconfig"), PKG_CONFIG_SYSROOT_DIR=cls.folder,
                       LD_LIBRARY_PATH=os.path.join(prefix, "lib"))

    def setUp(self):
        self.work = tempfile.mkdtemp(dir=self.folder)

    def shell(self, script):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.work, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, f"{script}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_commands(self):
        scripts = blocks("sh", "run")
        self.assertGreaterEqual(len(scripts), 4)
        for script in scripts:
            with self.subTest(script):
                self.shell(script)
        made = set(os.listdir(self.work))
        named = set(re.findall(r"-o ([\w.-]+\.\w+)", "".join(scripts)))
        self.assertTrue(named)
        self.assertLessEqual(named, made)
        for name in named:
            self.assertGreater(os.path.getsize(os.path.join(self.work, name)), 0, name)

    def test_library_example(self):
        (source,) = blocks("c", "build")
        with open(os.path.join(self.work, "example.c"), "w", encoding="utf-8") as file:
            file.write(source)
        (command,) = re.findall(r"^cc example\.c .*$", read("README.md"), re.M)
        self.shell(command + " -Wall -Wextra -Werror && ./example")
        self.assertGreater(os.path.getsize(os.path.join(self.work, "library.pb.gz")), 0)

    def test_options_exist(self):
        shown = self.shell("record-trace --help-all")
        table = read("README.md").split("## What can be asked for")[1].split("| Extension")[0]
        for option in re.findall(r"^\| `(-[\w-]+)", table, re.M):
            if option != "--":
                self.assertRegex(shown, rf"(?m)(^|\s){option}\b", option)

    def test_extensions_are_the_formats(self):
        formats = json.loads(self.shell("record-trace list formats --json"))["formats"]
        shown = {extension for one in formats for extension in one["extensions"]}
        table = read("README.md").split("| Extension")[1].split("Exit codes")[0]
        cells = " ".join(re.findall(r"^\| (.*?) \|", table, re.M))
        self.assertEqual(set(re.findall(r"`(\.[\w.-]+)`", cells)), shown)


class Documents(unittest.TestCase):
    DOCUMENTS = ("README.md", "SECURITY.md", "CHANGELOG.md", os.path.join("docs", "internals.md"),
                 os.path.join("docs", "octrace.md"))

    def test_links(self):
        for name in self.DOCUMENTS:
            for target in re.findall(r"\]\(([^)#]+)\)", read(name)):
                if "://" not in target:
                    path = os.path.join(ROOT, os.path.dirname(name), target)
                    self.assertTrue(os.path.exists(path), f"{name}: {target}")

    def test_paths(self):
        """Whatever looks like a path of the tree is one."""
        tops = "bpf|vmlinux|src|export|tests|scripts|docs|onecollect"
        for name in self.DOCUMENTS:
            for path in re.findall(rf"`((?:{tops})/[\w./-]*)`", read(name)):
                found = [os.path.exists(os.path.join(ROOT, top, path)) for top in ("", "src/include")]
                self.assertTrue(any(found) or "NAME" in path or path.endswith("check-"), f"{name}: {path}")

    def test_functions(self):
        """Whatever looks like a function is one."""
        code = ""
        for top in ("src", "export", "bpf"):
            for folder, _, names in os.walk(os.path.join(ROOT, top)):
                for name in names:
                    code += read(folder, name)
        methods = {"poll", "lost", "free", "main", "stack_define"}
        for name in self.DOCUMENTS:
            for function in set(re.findall(r"`(\w+)\(\)`", read(name))) - methods:
                self.assertTrue(re.search(rf"\b{function}\(", code), f"{name}: {function}()")

    def test_folders_are_in_the_readme(self):
        tree = {name for name in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, name))}
        for name in tree - {".git", ".ci", "build", "build-san", "build-fuzz"}:
            self.assertIn(f"`{name}/", read("README.md"))

    def test_make_targets(self):
        makefiles = read("Makefile") + read("scripts/windows.mk")
        targets = set(re.findall(r"^([a-z0-9-]+):", makefiles, re.M))
        for name in self.DOCUMENTS:
            named = set(re.findall(r"(?:`|sudo )make ([a-z][a-z0-9-]+)", read(name)))
            self.assertLessEqual(named, targets, name)

    def test_manual_page(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", os.path.join(ROOT, "docs", "man", "record-trace.1")],
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class Demo(unittest.TestCase):
    def test_demo(self):
        done = subprocess.run([os.path.join(ROOT, "scripts", "demo"), os.path.join(ROOT, BUILD)], cwd=ROOT, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?i)hottest functions")
        for kind in (r"\.html", r"\.octrace"):
            (path,) = set(re.findall(rf"(/\S+{kind})$", done.stdout, re.M))
            self.assertGreater(os.path.getsize(path), 0)


if __name__ == "__main__":
    unittest.main()
