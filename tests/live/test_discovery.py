#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Discovery of processes and mappings on the real kernel: what build/live/sideband_dump says of real processes."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import support

DUMP = str(support.BUILD / "live" / "sideband_dump")
TASK_LIFE = support.fixture("task_life")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]


class Dump:
    """A running sideband_dump; its lines so far are in self.lines."""

    def __init__(self, *args, prefix=(), binary=DUMP):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [*prefix, binary, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def __enter__(self):
        self.wait_for("^ready$")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.stop()
        self.process.stderr.close()
        self.process.stdout.close()

    def wait_for(self, pattern, timeout=20):
        """The first line that matches, waiting for it."""
        seen = 0
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    if re.search(pattern, line):
                        return line
                seen = len(self.lines)
                if time.monotonic() > deadline or (self.process.poll() is not None and not self.reader.is_alive()):
                    raise AssertionError(f"no line matches {pattern!r}; the last are:\n" + "\n".join(self.lines[-30:]))
                self.changed.wait(0.1)

    def stop(self):
        """Ends it; returns the lines after "ready"."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        self.reader.join(20)
        return self.lines[self.lines.index("ready") + 1 :] if "ready" in self.lines else []


def of_pid(lines, pid):
    """The lines about one process, the pid left out."""
    pattern = re.compile(rf"^(\w+) {pid}(?:/(\d+))?(?: |$)(.*)")
    return [(m.group(1), m.group(3)) for m in map(pattern.match, lines) if m]


def kinds(events):
    """The kinds of events, mappings and facts left out."""
    return [kind for kind, _ in events if kind in ("start", "exec", "exit", "unknown")]


def file_identity(path):
    """Device and inode as sideband_dump prints them."""
    status = os.stat(path)
    return f"dev={status.st_dev:x} ino={status.st_ino}"


def running():
    """The pids of all processes that have not ended."""
    pids = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                if file.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                    pids.add(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return pids


def start_fixture(*args, **kwargs):
    return subprocess.Popen(
        [TASK_LIFE, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **kwargs
    )


def finish(process):
    process.stdin.close()
    process.stdout.close()
    process.wait(20)


class Records(support.LiveTest):
    def test_pipeline(self):
        """Each process of a shell's pipeline is born, replaces its program, maps, and ends, in this order."""
        with Dump("-t") as dump:
            shell = subprocess.Popen(["sh", "-c", "/bin/true | /bin/cat; exit 0"])
            shell.wait(20)
            dump.wait_for(rf" exit {shell.pid}$")
            lines = dump.stop()
        times = [int(line.split()[0]) for line in lines if re.match(r"\d{2,} ", line)]
        self.assertEqual(times, sorted(times))
        lines = [line.split(" ", 1)[1] for line in lines if re.match(r"\d+ ", line)]
        children = [int(m.group(1)) for m in (re.match(rf"start (\d+) parent={shell.pid}$", x) for x in lines) if m]
        self.assertEqual(len(children), 2, lines)
        for pid, program in [(shell.pid, "sh"), *zip(children, ["true", "cat"])]:
            events = of_pid(lines, pid)
            self.assertEqual(kinds(events), ["start", "exec", "exit"], events)
            self.assertIn(("exec", f"comm={program}"), events)
            maps = [rest for kind, rest in events if kind == "map"]
            self.assertTrue(any("/libc" in rest for rest in maps), maps)
            self.assertTrue(any(rest.endswith("[vdso]") for rest in maps), maps)
        exe = os.path.realpath("/bin/cat")
        self.assertIn(f"facts {children[1]} exe={exe}", lines)

    def test_files_of_mappings(self):
        """The devices and inodes in the records are those of the files."""
        with Dump() as dump:
            child = subprocess.Popen(["/bin/cat", os.devnull])
            child.wait(20)
            dump.wait_for(rf"^exit {child.pid}$")
            events = of_pid(dump.stop(), child.pid)
        found = {}
        for kind, rest in events:
            match = re.match(r"\S+ \+\w+ (dev=\w+ ino=\w+) (/\S+)$", rest)
            if kind == "map" and match:
                found[match.group(2)] = match.group(1)
        self.assertGreaterEqual(len(found), 3, events)
        for path, file in found.items():
            self.assertEqual(file, file_identity(path), path)

    def test_dlopen(self):
        """A library loaded later appears, as the file it is."""
        library = os.path.realpath("/usr/lib/x86_64-linux-gnu/libz.so.1")
        with Dump() as dump:
            child = start_fixture("dlopen", library)
            child.stdout.readline()
            time.sleep(0.3)
            self.assertFalse([x for x in dump.lines if library in x and f"map {child.pid} " in x])
            child.stdin.write("go\n")
            child.stdout.readline()
            line = dump.wait_for(rf"^map {child.pid} .*{re.escape(library)}$")
            finish(child)
        self.assertIn(file_identity(library), line)

    def test_names(self):
        """prctl(PR_SET_NAME) of a process and of a thread."""
        with Dump() as dump:
            child = start_fixture("rename", "new name)")
            dump.wait_for(rf"^thread {child.pid}/{child.pid} name=new name\)$")
            dump.wait_for(rf"^facts {child.pid} comm=new name\)$")
            finish(child)
            child = start_fixture("thread", "worker\n7")
            tid = int(child.stdout.readline().split()[1])
            dump.wait_for(rf"^thread {child.pid}/{tid} name=worker\\n7$")
            finish(child)

    def test_leader_ends_first(self):
        """A process has ended with its last thread, not with its first."""
        with Dump("-t") as dump:
            child = start_fixture("leader-exits")
            line = dump.wait_for(rf" exit {child.pid}$")
            start = dump.wait_for(rf" start {child.pid} ")
            finish(child)
            lines = dump.stop()
        self.assertGreater(int(line.split()[0]) - int(start.split()[0]), 190_000_000)
        self.assertEqual(len([x for x in lines if x.endswith(f" exit {child.pid}")]), 1)

    def test_thread_execs(self):
        """A thread that is not the first replaces the program: one process, one end."""
        with Dump() as dump:
            child = start_fixture("thread-execs", "/bin/true")
            dump.wait_for(rf"^exit {child.pid}$")
            finish(child)
            events = of_pid(dump.stop(), child.pid)
        self.assertEqual(kinds(events), ["start", "exec", "exec", "exit"], events)

    def test_thousand_short_processes(self):
        """None of 1,000 processes of 1 ms is missed, nor any of their programs or ends."""
        with Dump() as dump:
            pids = []
            for _ in range(1000):
                pids.append(os.posix_spawn("/bin/true", ["true"], os.environ))
                os.waitpid(pids[-1], 0)
            dump.wait_for(rf"^exit {pids[-1]}$")
            lines = dump.stop()
        self.assertFalse([x for x in lines if "sideband_lost" in x])
        told = {}
        for line in lines:
            match = re.match(r"(start|exec|exit) (\d+)", line)
            if match:
                told.setdefault(int(match.group(2)), []).append(match.group(1))
        self.assertEqual(len(set(pids)), 1000)
        for pid in pids:
            self.assertEqual(told.get(pid), ["start", "exec", "exit"], pid)


class Scan(support.LiveTest):
    def test_running_process(self):
        """What runs already is found with all facts, its mappings as /proc shows them."""
        child = start_fixture("dlopen", "unused")
        self.addCleanup(finish, child)
        child.stdout.readline()
        with open(f"/proc/{child.pid}/maps", encoding="utf-8") as file:
            # The vsyscall page is the kernel's.
            want = [x.split(maxsplit=5) for x in file if "x" in x.split()[1] and "[vsyscall]" not in x]
        with Dump() as dump:
            lines = dump.lines[: dump.lines.index("ready")]
        start = [x for x in lines if x.startswith(f"start {child.pid} ")]
        self.assertEqual(len(start), 1)
        self.assertRegex(start[0], rf" ns_pid={child.pid} comm=task_life exe={re.escape(TASK_LIFE)} cgroup=/")
        maps = [rest for kind, rest in of_pid(lines, child.pid) if kind == "map"]
        self.assertEqual([x.split()[0].split("-") for x in maps], [x[0].split("-") for x in want])
        for told, line in zip(maps, want):
            path = line[5].strip() if len(line) > 5 else ""
            self.assertTrue(told.endswith(" " + path), (told, line))
            if path.startswith("/"):
                info = os.stat(path)
                self.assertIn(f" dev={info.st_dev:x} ino={info.st_ino} ", told)
            self.assertEqual(int(re.search(r"\+(\w+)", told).group(1), 16), int(line[2], 16))

    def test_all_processes(self):
        """Everything that runs before and after the scan is in it; kernel threads have no mappings."""

        before = running()
        with Dump() as dump:
            lines = dump.lines[: dump.lines.index("ready")]
        both = before & running()
        told = {int(x.split()[1]) for x in lines if x.startswith("start ")}
        self.assertFalse(both - told)
        self.assertIn("start 2 comm=kthreadd", lines)
        self.assertFalse(of_pid([x for x in lines if x.startswith("map ")], 2))

    def test_odd_paths(self):
        """Blanks, newlines and deletion."""
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "a b\nc (x)")
            shutil.copy("/bin/sleep", program)
            child = subprocess.Popen([program, "60"])
            try:
                time.sleep(0.1)
                os.unlink(program)
                with Dump() as dump:
                    lines = dump.lines[: dump.lines.index("ready")]
            finally:
                child.kill()
                child.wait()
        name = program.replace("\n", "\\n")
        start = next(x for x in lines if x.startswith(f"start {child.pid} "))
        self.assertIn(f"comm=a b\\nc (x) exe={name} cgroup=", start)
        self.assertTrue([x for x in lines if x.startswith(f"map {child.pid} ") and x.endswith(f"{name} (deleted)")])

    def test_pid_namespace(self):
        """The pid inside is the innermost one."""
        outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "60"])
        try:
            time.sleep(0.3)
            with open(f"/proc/{outer.pid}/task/{outer.pid}/children", encoding="utf-8") as file:
                inner = int(file.read().split()[0])
            with Dump() as dump:
                lines = dump.lines[: dump.lines.index("ready")]
        finally:
            outer.kill()
            outer.wait()
        self.assertIn("ns_pid=1 comm=sleep", next(x for x in lines if x.startswith(f"start {inner} ")))

    def test_lost_records(self):
        """With buffers of one page and a reader that stands still records are lost; a scan makes up for them."""
        goes = subprocess.Popen(["sleep", "60"])
        with Dump("-r", "1") as dump:
            dump.process.send_signal(signal.SIGSTOP)
            for _ in range(100):
                subprocess.run(["/bin/true"], check=True)
            goes.kill()
            goes.wait()
            comes = subprocess.Popen(["sleep", "60"])
            try:
                time.sleep(0.2)
                dump.process.send_signal(signal.SIGCONT)
                time.sleep(0.2)
                # The kernel tells of the loss with the next record that fits into the same CPU's buffer.
                for cpu in sorted(os.sched_getaffinity(0)):
                    subprocess.run(["taskset", "-c", str(cpu), "/bin/true"], check=True)
                dump.wait_for(r"^note sideband_lost \d+$")
                # Of one on another CPU, whose buffer had room, the birth is told and only the rest was lost.
                dump.wait_for(rf"^(start|exec) {comes.pid} .*comm=sleep")
                dump.wait_for(rf"^map {comes.pid} .*/libc")
                dump.wait_for(rf"^exit {goes.pid}$")
            finally:
                comes.kill()
                comes.wait()
            dump.wait_for(rf"^exit {comes.pid}$")


class Hotplug(support.LiveTest):
    alone = True

    def test_cpu_comes_back(self):
        """After a CPU was away its processes are told of again."""
        self.addCleanup(subprocess.run, ["chcpu", "-e", "1"], stdout=subprocess.DEVNULL, check=False)
        with Dump() as dump:
            subprocess.run(["chcpu", "-d", "1"], stdout=subprocess.DEVNULL, check=True)
            dump.wait_for("^away 1$")
            child = subprocess.Popen(["/bin/true"])
            child.wait(20)
            dump.wait_for(rf"^exit {child.pid}$")
            subprocess.run(["chcpu", "-e", "1"], stdout=subprocess.DEVNULL, check=True)
            dump.wait_for("^reopened 1$", 2)
            child = subprocess.Popen(["taskset", "-c", "1", "/bin/true"])
            child.wait(20)
            dump.wait_for(rf"^exit {child.pid}$")
            events = of_pid(dump.stop(), child.pid)
        self.assertEqual(kinds(events), ["start", "exec", "exec", "exit"], events)


class Unprivileged(support.LiveTest):
    """As user nobody, who may look at processes of his own only."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.dump = shutil.copy(DUMP, self.folder)
        self.program = shutil.copy(TASK_LIFE, self.folder)

    def test_own_process(self):
        child = subprocess.Popen(
            [*NOBODY, self.program, "spin", "0.05"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd="/",
        )
        child.stdout.readline()
        with Dump("-p", str(child.pid), prefix=NOBODY, binary=self.dump) as dump:
            other = subprocess.Popen(["/bin/true"])
            other.wait(20)
            child.stdin.write("go\n")
            finish(child)
            dump.wait_for(rf"^exit {child.pid}$")
            lines = dump.stop()
        scanned = dump.lines[: dump.lines.index("ready")]
        self.assertTrue([x for x in scanned if x.startswith(f"start {child.pid} ") and "comm=task_life" in x])
        self.assertTrue([x for x in scanned if x.startswith(f"map {child.pid} ") and x.endswith(self.program)])
        born = [x for x in lines if x.startswith("start ")]
        self.assertEqual(len(born), 1, lines)
        self.assertTrue(born[0].endswith(f"parent={child.pid}"), born)
        self.assertIn(f"exit {born[0].split()[1]}", lines)
        self.assertFalse(of_pid(dump.lines, other.pid))

    def fails(self, *args):
        result = subprocess.run([*NOBODY, self.dump, *args], capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(result.returncode, 1)
        return result.stderr

    def test_whole_machine_is_refused(self):
        message = self.fails("-d", "1s")
        self.assertIn("CAP_PERFMON is missing", message)
        self.assertIn("sysctl kernel.perf_event_paranoid=0", message)

    def test_process_of_another_user_is_refused(self):
        child = subprocess.Popen(["sleep", "60"])
        try:
            message = self.fails("-d", "1s", "-p", str(child.pid))
        finally:
            child.kill()
            child.wait()
        self.assertIn(f"process {child.pid}", message)

    def test_no_such_process(self):
        self.assertIn("no such process", self.fails("-d", "1s", "-p", "2147483646"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
