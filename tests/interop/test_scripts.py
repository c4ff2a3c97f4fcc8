# SPDX-License-Identifier: BSD-2-Clause
"""The checks of scripts/ accept good trees and refuse bad ones, naming what is wrong. A check that cannot fail is none."""

import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOOD_C = """/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

int thing(int a);

int thing(int a)
{
	return a > 0 ? 0 : -EINVAL;
}
"""
GOOD_HEADER = """#ifndef ONECOLLECT_THING_H
#define ONECOLLECT_THING_H

#ifdef __cplusplus
extern "C" {
#endif

__attribute__((visibility("default"))) int oc_thing(int a);

#ifdef __cplusplus
}
#endif

#endif
"""


class TreeTest(unittest.TestCase):
    """Each test has a small tree of its own that all checks accept."""

    def setUp(self):
        self.tree = tempfile.mkdtemp(prefix="onecollect-scripts-")
        self.addCleanup(shutil.rmtree, self.tree)
        self.write("src/base/thing.c", GOOD_C)
        self.write("src/include/onecollect/thing.h", GOOD_HEADER)
        shutil.copy(os.path.join(ROOT, ".clang-format"), self.tree)

    def write(self, path, text):
        full = os.path.join(self.tree, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return full

    def run_check(self, name, *args, **env):
        return subprocess.run([os.path.join(ROOT, "scripts", name), *args], env=dict(os.environ, **env),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def accepts(self, name, *args):
        done = self.run_check(name, *(args or (self.tree,)))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def refuses(self, name, *said, args=None):
        done = self.run_check(name, *(args or (self.tree,)))
        self.assertNotEqual(done.returncode, 0, f"{name} accepted a bad tree")
        for text in said:
            self.assertIn(text, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class Includes(TreeTest):
    def test_good(self):
        self.write("src/linux/x.c", '#include <bpf/libbpf.h>\n#include "base/thing.h"\n#include "bpf/wire.h"\n')
        self.write("export/y.c", '#include <zlib.h>\n#include <onecollect/thing.h>\n#include "base/thing.h"\n')
        self.write("src/base/z_win32.c", "#include <windows.h>\n")
        self.write("src/base/thing.h", "")
        self.write("bpf/wire.h", "")
        self.accepts("check-includes")

    def test_edges_not_in_the_table(self):
        bad = {
            "src/base/a.c": '#include "linux/x.h"',
            "src/base/b.c": "#include <libelf.h>",
            "export/c.c": '#include "collector.h"',
            "export/d.c": '#include "bpf/wire.h"',
            "src/cli/e.c": "#include <bpf/libbpf.h>",
            "src/cli/f.c": '#include "symbolize/s.h"',
            "src/recording.c": '#include "linux/x.h"',
            "src/symbolize/g.c": '#include "collector.h"',
            "src/windows-etw/h.c": '#include "bpf/wire.h"',
            "src/include/onecollect/i.h": '#include "base/t.h"',
            "src/agent/j.c": '#include "cpu.skel.h"',
            "src/base/k.c": "#include <windows.h>",
            "src/windows-etw/l.c": "#include <evntrace.h>",
        }
        for path in ("src/linux/x.h", "src/collector.h", "bpf/wire.h", "src/symbolize/s.h", "src/base/t.h"):
            self.write(path, "")
        for path, line in bad.items():
            with self.subTest(path):
                full = self.write(path, line + "\n")
                self.refuses("check-includes", path + ":1:")
                os.remove(full)
        self.accepts("check-includes")

    def test_folder_not_in_the_table(self):
        self.write("src/new/a.c", "#include <stdio.h>\n")
        self.refuses("check-includes", "src/new/a.c")

    def test_empty_tree(self):
        shutil.rmtree(os.path.join(self.tree, "src"))
        self.refuses("check-includes", "no sources")


class Size(TreeTest):
    def function(self, name, lines, parameters="void"):
        return f"int {name}({parameters})\n{{\n" + "\treturn 0;\n" * (lines - 3) + "}\n"

    def test_good(self):
        self.write("src/base/long.c", self.function("just_right", 100))
        self.accepts("check-size")

    def test_long_function(self):
        self.write("src/base/long.c", "/*\n * x\n */\n" + self.function("too_long", 101))
        self.refuses("check-size", "src/base/long.c:too_long: 101 lines")

    def test_long_signature_counts(self):
        self.write("src/base/long.c", self.function("too_long", 100, "int a,\n\tint b"))
        self.refuses("check-size", "too_long: 101 lines")

    def test_long_bpf_program(self):
        head = 'SEC("perf_event")\nint cpu_sample(void *ctx)\n{\n'
        self.write("bpf/long.bpf.c", head + "\tx();\n" * 98 + "}\n")
        self.refuses("check-size", "bpf/long.bpf.c:cpu_sample: 102 lines")

    def test_long_file(self):
        self.write("src/base/long.c", "\n" * 1201)
        self.write("src/base/long.h", "\n" * 301)
        self.refuses("check-size", "src/base/long.c: 1201 lines", "src/base/long.h: 301 lines")

    def test_parameters(self):
        self.write("src/base/many.c", self.function("many", 4, "int a, int (*b)(int, int), int c, int d, int e, int f"))
        self.accepts("check-size")
        self.write("src/base/many.c", self.function("many", 4, ", ".join(f"int a{i}" for i in range(7))))
        self.refuses("check-size", "many: 7 parameters")

    def test_exceptions(self):
        self.write("src/base/long.h", "\n" * 310)
        self.write("scripts/size-exceptions", "# comment\nsrc/base/long.h 315 a reason\n")
        self.accepts("check-size")
        for line, said in (("src/base/long.h 305 a reason", "exception allows 305"),
                           ("src/base/long.h 400 a reason", "lower its exception"),
                           ("src/base/long.h 315", "not PATH"),
                           ("src/base/gone.h 315 a reason", "does not exist"),
                           ("src/base/thing.c 15 a reason", "need no exception")):
            with self.subTest(line):
                self.write("scripts/size-exceptions", f"src/base/long.h 315 a reason\n{line}\n")
                self.refuses("check-size", said)


class Layout(TreeTest):
    def test_good(self):
        self.accepts("check-format")

    def test_other_layout(self):
        self.write("src/base/thing.c", GOOD_C.replace("\treturn", "    return"))
        self.refuses("check-format", "src/base/thing.c:7:")


class Words(TreeTest):
    def test_good(self):
        self.write("README.md", "mkstemp(\"fileXXXXXX\"), <input placeholder=\"Search\">, gr\u00fc\u00df\n")
        self.accepts("check-words")

    def test_bad(self):
        for text in ("/* TO" + "DO: later */", "/* FIX" + "ME */", "X" + "XX", "a place" + "holder", "\x1b[0m", "a\rb",
                     "zero\u200bwidth", "\u202eback"):
            with self.subTest(ascii(text)):
                self.write("src/base/bad.c", "int a;\n" + text + "\n")
                self.refuses("check-words", "src/base/bad.c:2:")

    def test_not_utf8(self):
        with open(self.write("docs/a.md", ""), "wb") as file:
            file.write(b"gr\xfc\xdf\n")
        self.refuses("check-words", "docs/a.md:1:")


class Headers(TreeTest):
    def test_good(self):
        self.accepts("check-headers")

    def test_not_alone(self):
        self.write("src/base/alone.h", "size_t length(const char *text);\n")
        self.refuses("check-headers", "src/base/alone.h: does not compile alone")

    def test_not_cxx(self):
        self.write("src/include/onecollect/cxx.h", "int oc_thing(int class);\n")
        self.refuses("check-headers", "src/include/onecollect/cxx.h: is not C++")


class Scripts(TreeTest):
    def test_good(self):
        self.write("scripts/a", "#!/bin/sh\nset -eu\necho \"$1\"\n")
        self.write("scripts/b", "#!/usr/bin/env python3\nprint(1)\n")
        self.write("tests/bench/c.py", "print(1)\n")
        self.accepts("check-scripts")

    def test_shell(self):
        self.write(".ci/run", "#!/usr/bin/env bash\nrm -rf $1/\n")
        self.refuses("check-scripts", "SC2086")

    def test_python(self):
        self.write("scripts/b", "#!/usr/bin/env python3\nprint(1\n")
        self.refuses("check-scripts", "scripts/b:2: ")


class Symbols(TreeTest):
    def library(self, source):
        path = os.path.join(self.tree, "lib.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-fvisibility=hidden", "-x", "c", "-", "-o", path], input=source,
                       text=True, check=True)
        return path

    def check(self, header, source):
        api = '#define OC_API __attribute__((visibility("default")))\n'
        path = self.write("api.h", header)
        return self.library(api + source), path

    def test_good(self):
        header = "OC_API int oc_a(int x);\n/* OC_API int oc_gone(void); */\nOC_API const char *const *oc_b(\n\tint x);\n"
        source = "OC_API int oc_a(int x) { return x; }\nOC_API void *oc_b(int x) { return 0; }\nint hidden(void) { return 1; }"
        self.accepts("check-symbols", *self.check(header, source))

    def test_bad(self):
        declared = "OC_API int oc_a(int x);\n"
        cases = (
            (declared, "int oc_a(int x) { return x; }", "oc_a: declared OC_API, not exported"),
            (declared, "OC_API int oc_a(int x) { return x; }\nOC_API int oc_b;", "oc_b: exported, not declared"),
            ("OC_API int a(int x);\n", "OC_API int a(int x) { return x; }", "a: a public name without"),
            ("\n", "int x;", "no declarations"),
        )
        for header, source, said in cases:
            with self.subTest(said):
                self.refuses("check-symbols", said, args=self.check(header, source))


@unittest.skipUnless(os.path.exists("/sys/kernel/btf/vmlinux"), "the running kernel has no BTF")
class Vmlinux(TreeTest):
    GOOD = """#include <linux/types.h>
struct task_struct {
	int pid;
	unsigned int flags;
	char comm[8];
	struct mm_struct *mm;
	struct task_struct *group_leader;
};
struct task_struct___other { long no_such_field; };
struct upid { int nr; };
struct pid { unsigned int level; struct upid numbers[1]; };
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID };
"""

    def test_good(self):
        self.accepts("check-vmlinux", self.write("vmlinux.h", self.GOOD))

    def test_bad(self):
        cases = (
            ("int pid;", "int pid_number;", "pid_number: the kernel has no such field"),
            ("int pid;", "long pid;", "pid: 8 bytes here, 4 in the kernel"),
            ("int pid;", "int *pid;", "pid: ptr here, int in the kernel"),
            ("comm[8]", "comm[4096]", "comm: 4096 elements here"),
            ("struct mm_struct *mm", "struct file *mm", "mm: file here, mm_struct in the kernel"),
            ("unsigned int flags;", "unsigned int flags:3;", "flags: not a bitfield"),
            ("struct upid {", "struct no_such_type { int a; };\nstruct upid {", "no_such_type: the kernel has no such type"),
            ("PIDTYPE_PID,", "PIDTYPE_NONE,", "PIDTYPE_NONE: the kernel has no such value"),
            ("PIDTYPE_PID,", "PIDTYPE_PID = 5,", "PIDTYPE_PID: 5 here, 0 in the kernel"),
            ("int pid;", "int pid", "does not compile"),
        )
        for old, new, said in cases:
            with self.subTest(new):
                path = self.write("vmlinux.h", self.GOOD.replace(old, new, 1))
                self.refuses("check-vmlinux", said, args=(path,))

    def test_nothing_to_check(self):
        self.refuses("check-vmlinux", "defines no types", args=(self.write("vmlinux.h", "struct a;\n"),))


class Run(TreeTest):
    """tests/run itself: counts, time limits, exit status."""

    def suite(self, body, *options):
        self.write("tests/interop/test_it.py", "import time, unittest\nclass It(unittest.TestCase):\n" + body)
        shutil.copy(os.path.join(ROOT, "tests", "run"), os.path.join(self.tree, "tests", "run"))
        return subprocess.run([os.path.join(self.tree, "tests", "run"), *options, "interop"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)

    def test_passes(self):
        done = self.suite("    def test_a(self):\n        pass\n    def test_b(self):\n        pass\n")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "2 passed, 0 failed, 0 skipped"))

    def test_counts(self):
        done = self.suite("    def test_a(self):\n        pass\n    def test_b(self):\n        self.fail()\n"
                          "    def test_c(self):\n        raise OSError\n    def test_d(self):\n        self.skipTest('')\n")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "1 passed, 2 failed, 1 skipped"))

    def test_no_tests_is_a_failure(self):
        done = self.suite("    pass\n")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_a_crash_is_a_failure(self):
        done = self.suite("    def test_a(self):\n        import os\n        os.kill(os.getpid(), 9)\n")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_a_hanging_test_is_killed_with_its_children(self):
        pid_file = os.path.join(self.tree, "pid")
        done = self.suite("    def test_a(self):\n        import subprocess\n        child = subprocess.Popen(['sleep', '600'])\n"
                          f"        open({pid_file!r}, 'w').write(str(child.pid))\n        child.wait()\n", "--limit", "2")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertIn("killed after 2 s", done.stdout)
        with open(pid_file, encoding="utf-8") as file:
            stat = f"/proc/{file.read()}/stat"
        if os.path.exists(stat):
            with open(stat, encoding="utf-8") as file:
                self.assertEqual(file.read().rsplit(")", 1)[1].split()[0], "Z")

    def sanitized(self, body):
        program = os.path.join(self.tree, "build-san", "tests", "unit")
        os.makedirs(os.path.dirname(program))
        os.makedirs(os.path.join(self.tree, "tests"))
        shutil.copy(os.path.join(ROOT, "tests", "run"), os.path.join(self.tree, "tests", "run"))
        source = f"#include <criterion/criterion.h>\n#include <stdlib.h>\nvoid *volatile keep;\nTest(a, b) {{ {body} }}\n"
        subprocess.run(["gcc", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-x", "c", "-",
                        "-lcriterion", "-o", program], input=source, text=True, check=True)
        done = subprocess.run([os.path.join(self.tree, "tests", "run"), "unit-san"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout.splitlines()[-1]

    def test_sanitizers_are_heard(self):
        for body, passes in (("keep = malloc(9); free(keep);", True), ("keep = malloc(9); keep = NULL;", False),
                             ("char *p = malloc(4); keep = p; p[4] = 1; free(p);", False),
                             ("volatile int x = 2147483647; x += 1;", False)):
            with self.subTest(body):
                self.assertEqual(self.sanitized(body), (0, "1 passed, 0 failed, 0 skipped") if passes else
                                 (1, "0 passed, 1 failed, 0 skipped"))
                shutil.rmtree(os.path.join(self.tree, "build-san"))
                shutil.rmtree(os.path.join(self.tree, "tests"))

    def test_does_not_load(self):
        done = self.suite("    pass\nimport no_such_module\n")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))


if __name__ == "__main__":
    unittest.main()
