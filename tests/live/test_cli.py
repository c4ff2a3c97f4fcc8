# SPDX-License-Identifier: BSD-2-Clause
"""The command as a person or a script meets it: mistakes, bad targets, signals, streams, exit codes."""

import fcntl
import gzip
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from support import RECORD_TRACE, LiveTest, fixture, poll_until

FAILED, USAGE, PRIVILEGE, UNSUPPORTED, LOSSY = 1, 2, 3, 4, 5
SPIN = ["sh", "-c", "while :; do :; done"]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all",
          "--inh-caps", "-all"]


class CliTest(LiveTest):
    """Runs the command in the test's directory, with nothing of ours in its environment."""

    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ONECOLLECT_", "NO_COLOR"))}
        self.env["TERM"] = "xterm"

    def run_cli(self, *args, wrap=(), env=None, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return subprocess.run([*wrap, RECORD_TRACE, *map(str, args)], stdin=subprocess.DEVNULL, text=True, timeout=60,
                              cwd=self.dir, env={**self.env, **(env or {})}, check=False, **kwargs)

    def start_cli(self, *args, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.PIPE)
        return self.start(RECORD_TRACE, *args, cwd=self.dir, env=self.env, **kwargs)

    def busy_pid(self):
        return self.start(*SPIN).pid

    def files(self):
        return sorted(os.listdir(self.dir))

    def assert_refused(self, result, status, *texts):
        """One line on stderr that holds the texts, nothing on stdout, nothing left behind."""
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"\Arecord-trace: error: [^\n]+\n\Z")
        for text in texts:
            self.assertIn(text, result.stderr)

    def assert_no_part_files(self):
        self.assertEqual([f for f in self.files() if f.endswith(".part")], [])

    def assert_folded(self, text):
        for line in text.splitlines():
            self.assertRegex(line, r"^[^;]+(;[^;]+)* \d+$")

    def mount_tmpfs(self, options):
        """A small file system of its own below the test's directory."""
        path = self.dir / "mount"
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
        self.addCleanup(subprocess.run, ["umount", path], check=True)
        return path


class Usage(CliTest):
    def test_wrong_command_lines(self):
        """What the parser finds is tested with it; here what needs the formats and outputs, and the exit code."""
        cases = [
            (["--frequncy", "99"], "did you mean --frequency"),
            (["-F", "0"], "1 to 100000"),
            (["-d", "0"], "out of range"),
            (["--syscalls"], "not possible in this version"),
            (["--unwind", "lbr"], "'lbr' is not known"),
            (["diff", "x"], "say which two recordings"),
            (["diff", "x", "y", "z"], "say which two recordings"),
            (["diff", "x", "y", "-o", "z.html"], "can be written as .svg"),
            (["convert", "x"], "say what to write"),
            (["-p", "1", "--", "true"], "contradict"),
            (["--format", "prof"], "did you mean 'pprof'"),
            (["--format", "nothing-like-it"], "list formats"),
            (["-o", "x.nothing"], "no format has this extension"),
            (["-o", "-"], "--format NAME"),
            (["-o", "-", "--format", "folded", "--json"], "--json"),
            (["-o", "-", "-o", "-", "--format", "folded"], "given twice"),
            (["-o", "a.svg", "-o", "./a.svg"], "same file"),
            (["-o", "a.svg", "-o", "b.pb.gz", "--format", "svg"], "contradicts"),
            (["list"], "list formats"),
            (["list", "formatz"], "did you mean 'formats'"),
            (["list", "events"], "not possible in this version"),
            (["list", "scenarios"], "not possible in this version"),
            (["help", "recrod"], "did you mean 'record'"),
            (["help", "agent"], "not possible in this version"),
            (["completion", "cmd"], "bash, zsh or fish"),
        ]
        for args, text in cases:
            with self.subTest(args=args):
                self.assert_refused(self.run_cli(*args), USAGE, text)
        self.assertEqual(self.files(), [])

    def test_environment_is_checked_and_overridden(self):
        self.assert_refused(self.run_cli("-d", "1", env={"ONECOLLECT_FREQUENCY": "often"}), USAGE,
                            "ONECOLLECT_FREQUENCY")
        result = self.run_cli("-F", "49", "-d", "200ms", "--json", "-o", "a.folded",
                              env={"ONECOLLECT_FREQUENCY": "often", "ONECOLLECT_QUIET": "1"})
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(round(1e9 / json.loads(result.stdout)["kinds"]["cpu"]["period_ns"]), 49)

    def test_help_version_and_lists_go_to_stdout(self):
        for args, text in [(["--help"], "usage: record-trace"), (["--help-all"], "--map-entries"),
                           (["help", "check"], "usage: record-trace check"), (["--version"], "record-trace "),
                           (["list", "formats"], "pprof"), (["completion", "zsh"], "#compdef record-trace")]:
            with self.subTest(args=args):
                result = self.run_cli(*args)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn(text, result.stdout)

    def test_formats_as_json(self):
        formats = {f["name"]: f for f in json.loads(self.run_cli("list", "formats", "--json").stdout)["formats"]}
        self.assertIn(".pb.gz", formats["pprof"]["extensions"])
        self.assertLessEqual({"pprof", "folded", "svg", "html"}, set(formats))

    def test_bash_completion_completes(self):
        script = self.run_cli("completion", "bash").stdout
        script += 'COMP_WORDS=(record-trace --collector ""); COMP_CWORD=2; _record_trace; echo "${COMPREPLY[*]}"\n'
        script += 'COMP_WORDS=(record-trace --freq); COMP_CWORD=1; _record_trace; echo "${COMPREPLY[*]}"\n'
        result = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout.splitlines(), ["auto bpf perf", "--frequency"])


    def test_names_cannot_speak_to_the_terminal(self):
        result = self.run_cli("-o", "evil\x1b]0;x\x07\n.nothing")
        self.assert_refused(result, USAGE, "evil\\x1b]0;x\\x07\\n.nothing")


class Targets(CliTest):
    def test_unknown_pid(self):
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
            pid = int(f.read()) - 1
        if os.path.exists(f"/proc/{pid}"):
            self.fail(f"pid {pid} exists")
        self.assert_refused(self.run_cli("-p", pid, "-d", "1", "-o", "a.svg"), FAILED, str(pid), "no process")
        self.assertEqual(self.files(), [])

    def test_unknown_program_and_cgroup(self):
        self.assert_refused(self.run_cli("-o", "a.svg", "--", "no-such-program"), FAILED, "'no-such-program'")
        self.assert_refused(self.run_cli("-o", "a.svg", "--cgroup", "no/such", "-d", "1"), FAILED, "no/such")
        self.assertEqual(self.files(), [])

    def test_a_program_that_cannot_be_run(self):
        (self.dir / "text").write_text("not a program")
        result = self.run_cli("-o", "a.svg", "--", "./text")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("'./text'", result.stderr)
        self.assertEqual(self.files(), ["text"])

    def test_recording_ends_with_its_processes(self):
        """Also when nobody has waited for them yet."""
        zombie, other = (self.start("sh", "-c", "read line", stdin=subprocess.PIPE) for _ in range(2))
        recorder = self.start_cli("-o", "a.folded", "-p", f"{zombie.pid},{other.pid}")
        poll_until(lambda: bpf_programs(recorder.pid), 10, "recording has begun")
        zombie.stdin.close()
        time.sleep(0.5)
        self.assertIsNone(recorder.poll(), "one of two still runs")
        other.stdin.close()
        self.assertEqual(recorder.wait(10), 0)
        self.assertEqual((zombie.returncode, other.returncode), (None, None), "both are still zombies")

    def test_no_samples_is_an_answer(self):
        idle = self.start("sleep", "60").pid
        for args, text in [(["-p", idle], "-p"), (["--process-filter", "no-such-name*"], "--process-filter")]:
            with self.subTest(args=args):
                result = self.run_cli(*args, "-d", "300ms", "--force", "--json", "-o", "a.folded", "-o", "a.pb.gz",
                                      "-o", "a.svg", "-o", "a.html")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertRegex(result.stderr, f"warning: no samples: .*{text}")
                self.assertEqual(json.loads(result.stdout)["kinds"]["cpu"]["kept"], 0)
                self.assertEqual((self.dir / "a.folded").read_text(), "")
                self.assertGreater(len(gzip.decompress((self.dir / "a.pb.gz").read_bytes())), 0)
                self.assertIn("</svg>", (self.dir / "a.svg").read_text())
                self.assertIn("</html>", (self.dir / "a.html").read_text())

    def test_exit_status_of_the_program_is_told_not_taken(self):
        result = self.run_cli("-o", "a.svg", "--json", "--", "sh", "-c", "exit 3")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("exited with status 3", result.stderr)
        self.assertEqual(json.loads(result.stdout)["command"], {"exit_status": 3})

    def test_the_program_has_default_signals(self):
        """A closed pipe ends a recorded program as it would without us."""
        result = self.run_cli("-o", "a.svg", "--json", "--", "sh", "-c", "kill -PIPE $$; exit 0")
        self.assertEqual(json.loads(result.stdout)["command"], {"signal": signal.SIGPIPE})


class Outputs(CliTest):
    def assert_not_recorded(self, status, text, *outputs):
        """Refused before the program is started."""
        marker = self.dir / "marker"
        self.assert_refused(self.run_cli(*outputs, "--", "touch", marker), status, text)
        self.assertFalse(marker.exists())
        self.assert_no_part_files()

    def test_existing_file_is_kept(self):
        path = self.dir / "a.svg"
        path.write_text("precious")
        self.assert_not_recorded(FAILED, "--force", "-o", "b.svg", "-o", path)
        self.assertEqual(path.read_text(), "precious")
        self.assertEqual(self.files(), ["a.svg"])

    def test_force_replaces(self):
        path = self.dir / "a.svg"
        path.write_text("old")
        self.assertEqual(self.run_cli("--force", "-o", path, "-d", "200ms").returncode, 0)
        self.assertIn("</svg>", path.read_text())
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_no_such_directory(self):
        self.assert_not_recorded(FAILED, "no/such/a.svg", "-o", "no/such/a.svg")

    def test_read_only_target(self):
        self.assert_not_recorded(FAILED, "Read-only file system", "-o", self.mount_tmpfs("ro") / "a.svg")

    def test_not_a_regular_file(self):
        os.mkfifo(self.dir / "fifo.svg")
        self.assert_not_recorded(FAILED, "not a regular file", "-o", "fifo.svg", "--force")

    def test_directory_gets_default_names(self):
        (self.dir / "out").mkdir()
        (self.dir / "flame.svg").mkdir()
        result = self.run_cli("-o", "out", "-o", "flame.svg/", "-d", "200ms")
        self.assertEqual(result.returncode, 0, result.stderr)
        for name in ("out", "flame.svg"):
            stems = [re.sub(r"^record-trace-\d{8}-\d{6}", "", f) for f in sorted(os.listdir(self.dir / name))]
            self.assertEqual(stems, [".html", ".octrace"])

    def test_nothing_named_writes_default_files_and_a_report(self):
        result = self.run_cli("-d", "300ms", "-p", self.busy_pid())
        self.assertEqual(result.returncode, 0, result.stderr)
        html, recording = self.files()
        self.assertRegex(html, r"^record-trace-\d{8}-\d{6}\.html$")
        self.assertRegex(recording, r"^record-trace-\d{8}-\d{6}\.octrace$")
        self.assertIn("Hottest functions by self", result.stdout)
        self.assertIn(html, result.stderr)
        self.assertIn(f"xdg-open {html}", result.stderr)
        self.assertIn(f"record-trace report {recording}", result.stderr)

    def test_the_next_command_can_be_pasted(self):
        result = self.run_cli("-d", "200ms", "-o", "my graph.html")
        self.assertIn("xdg-open 'my graph.html'\n", result.stderr)

    def test_default_names_never_collide(self):
        runs = [self.start_cli("-d", "300ms", "-q") for _ in range(3)]
        self.assertEqual([run.wait(60) for run in runs], [0, 0, 0])
        self.assertEqual(len(self.files()), 6, self.files())

    def test_full_disk_fails_that_output_alone(self):
        full = self.mount_tmpfs("size=64k")
        fill = full / "fill"
        with open(fill, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        result = self.run_cli("-o", full / "a.html", "-o", "b.svg", "-d", "200ms", "--json")
        self.assertEqual(result.returncode, FAILED)
        self.assertIn("no space left", result.stderr)
        self.assertEqual(os.listdir(full), ["fill"])
        self.assertIn("</svg>", (self.dir / "b.svg").read_text())
        summary = json.loads(result.stdout)
        self.assertEqual((summary["exit"], [o["path"] for o in summary["outputs"]]), (FAILED, ["b.svg"]))

    def test_directory_without_permission(self):
        self.dir.chmod(0o755)
        result = self.run_cli("-o", "a.svg", "--", "sleep", "0.2", wrap=NOBODY)
        self.assert_refused(result, FAILED, "a.svg", "Permission denied")


class Losses(CliTest):
    def test_losses_beyond_one_percent_have_their_own_status_and_remedy(self):
        result = self.run_cli("-F", "5000", "--map-entries", "10", "--json", "-o", "a.folded", "--",
                              fixture("deep"), 1000, 1000, 2, self.truth_path)
        self.assertEqual(result.returncode, LOSSY, result.stderr)
        self.assertRegex(result.stderr, r"record-trace: warning: \d+\.\d % of the samples were lost; .*--map-entries")
        summary = json.loads(result.stdout)
        self.assertEqual(summary["exit"], LOSSY)
        self.assert_balanced(summary)
        self.assertGreater((self.dir / "a.folded").stat().st_size, 0)

    def test_a_temporary_file_without_room_costs_samples_not_the_recording(self):
        """Memory within the budget holds 16,384 samples; there are some 60,000."""
        result = self.run_cli("--timeline", "-F", "20000", "--memory-budget", "1M", "--json", "-o", "a.folded",
                              "-o", "a.octrace", "--", fixture("brief"), 3000, env={"TMPDIR": "/nonexistent"})
        self.assertEqual(result.returncode, LOSSY, result.stderr)
        self.assertRegex(result.stderr, r"record-trace: warning: \d+\.\d % of the samples were lost; .*TMPDIR")
        summary = json.loads(result.stdout)
        self.assert_balanced(summary)
        kept = summary["kinds"]["cpu"]["kept"]
        self.assertGreater(kept, 0)
        self.assertGreater(summary["kinds"]["cpu"]["lost"]["memory"], 0)
        folded = (self.dir / "a.folded").read_text().splitlines()
        self.assertEqual(sum(int(line.rsplit(" ", 1)[1]) for line in folded), kept)


class Signals(CliTest):
    def start_recording_cli(self, *args):
        process = self.start_cli("-o", "a.folded", "-o", "a.html", *args)
        poll_until(lambda: bpf_programs(process.pid), 10, "recording has begun")
        return process

    def test_each_stop_signal_finishes(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number=number):
                process = self.start_recording_cli("--force", "-p", str(self.busy_pid()))
                time.sleep(0.3)
                process.send_signal(number)
                _, err = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 0, err)
                self.assertEqual(self.files(), ["a.folded", "a.html"])
                self.assertGreater((self.dir / "a.folded").stat().st_size, 0)

    def test_sigterm_in_every_phase(self):
        """From before main() to after the last file: whole files or none, never half ones, and an honest status."""
        seen = set()
        for delay_ms in (0, 1, 2, 4, 8, 15, 30, 50, 70, 100, 150, 200, 260, 320, 340, 360, 380, 400, 450):
            process = self.start_cli("--force", "-o", "a.folded", "-o", "a.html", "-d", "200ms")
            time.sleep(delay_ms / 1000)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
            seen.add(process.returncode)
            with self.subTest(delay_ms=delay_ms):
                # Before the handlers are there the signal kills, and nothing has been made yet.
                self.assertIn(process.returncode, (0, -signal.SIGTERM), err)
                self.assertEqual(self.files(), ["a.folded", "a.html"] if process.returncode == 0 else [])
            for name in self.files():
                (self.dir / name).unlink()
        self.assertIn(0, seen)

    def test_second_signal_ends_everything(self):
        seen = set()
        for delay_ms in (0, 1, 3, 10, 30, 100, 200, 300):
            process = self.start_recording_cli("--force")
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            time.sleep(delay_ms / 1000)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
            seen.add(process.returncode)
            with self.subTest(delay_ms=delay_ms):
                self.assertIn(process.returncode, (0, FAILED), err)
                self.assert_no_part_files()
                if process.returncode == FAILED:
                    self.assertIn(b"second signal", err)
                elif process.returncode == 0:
                    self.assertEqual(self.files(), ["a.folded", "a.html"])
            for name in self.files():
                (self.dir / name).unlink()
        self.assertIn(FAILED, seen)

    def start_writing(self, *args):
        """Starts what writes a page to a pipe that nobody empties. Returns it when it waits for room there."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = self.start_cli(*args, "--format", "html", "-o", "-", stdout=writer)
        os.close(writer)
        poll_until(lambda: blocked_in_write(process.pid), 20, "the pipe is full")
        return process

    def test_second_signal_ends_a_write_that_blocks(self):
        process = self.start_writing("-d", "200ms")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
        self.assertEqual(process.returncode, FAILED)
        self.assertIn(b"second signal", err)

    def test_a_signal_ends_a_conversion_cleanly(self):
        self.assertEqual(self.run_cli("-d", "300ms", "-o", "a.octrace").returncode, 0)
        process = self.start_writing("convert", "a.octrace")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
        self.assertEqual(process.returncode, FAILED)
        self.assertIn(b"stopped by a signal", err)

    def test_a_limit_of_file_sizes_leaves_no_part(self):
        self.assertEqual(self.run_cli("-d", "300ms", "-o", "a.octrace").returncode, 0)
        for args in (["-d", "300ms"], ["convert", "a.octrace"]):
            with self.subTest(args=args):
                result = self.run_cli(*args, "-o", "b.html", wrap=["prlimit", "--fsize=8192"])
                self.assertEqual(result.returncode, FAILED, result.stderr)
                self.assertIn("File too large", result.stderr)
                self.assertEqual(self.files(), ["a.octrace"])

    def test_ignored_hangup_stays_ignored(self):
        process = self.start("nohup", RECORD_TRACE, "--json", "--force", "-o", "b.folded", "-d", "1s", cwd=self.dir,
                             env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        poll_until(lambda: bpf_programs(process.pid), 10, "recording has begun")
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, err)
        self.assertGreaterEqual(json.loads(out)["duration_ns"], 1e9)


class Streams(CliTest):
    def test_stdout_holds_only_the_output(self):
        pid = self.busy_pid()
        result = self.run_cli("-o", "-", "--format", "folded", "-d", "300ms", "-p", pid)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertGreater(len(result.stdout.splitlines()), 0)
        self.assert_folded(result.stdout)
        result = self.run_cli("-o", "a.svg", "-d", "200ms", "-v")
        self.assertEqual(result.stdout, "")
        result = self.run_cli("--json", "-o", "b.svg", "-d", "200ms", "-v")
        self.assertEqual(result.stdout.count("\n"), 1)
        self.assertEqual(json.loads(result.stdout)["exit"], 0)

    def test_quiet_says_nothing(self):
        result = self.run_cli("-q", "-d", "200ms")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(len(self.files()), 2)

    def test_closed_stdout_is_an_error_and_hits_no_file(self):
        for args in (["--json", "-o", "a.folded"], ["-o", "-", "--format", "folded"], ["list", "formats"]):
            with self.subTest(args=args):
                # Of a machine without work there is nothing to write.
                load = ["--force", "--", "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"]
                result = self.run_cli(*args, *(load if args[0] != "list" else []), stdout=None, preexec_fn=lambda: os.close(1))
                self.assertEqual(result.returncode, FAILED, result.stderr)
                self.assertIn("error: cannot write", result.stderr)
        self.assert_folded((self.dir / "a.folded").read_text())

    def test_closed_stderr_hits_no_file(self):
        result = self.run_cli("-d", "200ms", "-o", "a.folded", stderr=None, preexec_fn=lambda: os.close(2))
        self.assertEqual(result.returncode, 0)
        self.assert_folded((self.dir / "a.folded").read_text())

    def test_broken_pipe_is_an_error_not_a_death(self):
        for args in (["--json", "-o", "a.svg"], ["-o", "-", "--format", "html"]):
            reader, writer = os.pipe()
            os.close(reader)
            result = self.run_cli("-d", "200ms", *args, stdout=writer)
            os.close(writer)
            with self.subTest(args=args):
                self.assertEqual(result.returncode, FAILED, result.stderr)
                self.assertIn("Broken pipe", result.stderr)

    def test_progress_only_on_a_terminal(self):
        args = ("-d", "600ms", "-o", "a.svg", "--force")
        text = self.run_on_terminal(*args)
        self.assertRegex(text, r"\rrecording 0\.\d s, 0\.\d s left \| [\d,]+ samples, [\d,]+ stacks, \d+ lost\x1b\[K")
        self.assertNotIn("\r", self.run_cli(*args).stderr)
        self.assertNotIn("recording 0", self.run_on_terminal(*args, "-q"))
        self.assertNotIn("\x1b", self.run_on_terminal(*args, env={"TERM": "dumb"}))

    def test_progress_fits_into_the_terminal(self):
        text = self.run_on_terminal("-d", "600ms", "-o", "a.svg", columns=30)
        lines = re.findall(r"\r(recording[^\r\x1b]*)", text)
        self.assertGreater(len(lines), 0)
        self.assertLess(max(map(len, lines)), 30)

    def test_report_fits_into_the_terminal(self):
        for columns in (60, 80, 200):
            text = self.run_on_terminal("-d", "300ms", "-p", self.busy_pid(), "--color", "never", columns=columns)
            report = text[text.index("Hottest functions by self"):text.index("record-trace: look at it")]
            rows = report.splitlines()
            self.assertGreater(len(rows), 4)
            self.assertLessEqual(max(map(len, rows)), columns, report)
            self.assertEqual("module" in report, columns >= 80, report)

    def test_colours(self):
        colour = "\x1b[32mok"
        self.assertIn(colour, self.run_on_terminal("check"))
        self.assertNotIn("\x1b[", self.run_on_terminal("check", env={"NO_COLOR": "1"}))
        self.assertIn(colour, self.run_on_terminal("check", env={"NO_COLOR": ""}))
        self.assertNotIn("\x1b[", self.run_on_terminal("check", "--color", "never"))
        self.assertNotIn("\x1b[", self.run_on_terminal("check", env={"TERM": "dumb"}))
        self.assertNotIn("\x1b[", self.run_cli("check").stdout)
        self.assertIn(colour, self.run_cli("check", "--color", "always", env={"NO_COLOR": "1"}).stdout)

    def run_on_terminal(self, *args, columns=120, env=None):
        """All that a run prints on a terminal that is its stdout and stderr."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = self.start(RECORD_TRACE, *args, cwd=self.dir, env={**self.env, **(env or {})},
                             stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
        os.close(slave)
        text = b""
        while select.select([master], [], [], 30)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:  # EIO: the last writer has closed it
                break
            text += data
        process.wait(10)
        return text.decode()


class Check(CliTest):
    def test_as_root_everything_required_works(self):
        result = self.run_cli("check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        answer = json.loads(self.run_cli("check", "--json").stdout)
        self.assertTrue(answer["ok"])
        for check in answer["checks"]:
            self.assertIn(check["state"], ("ok", "limited", "missing"))
            self.assertIn(check["name"], result.stdout)
            if check["required"]:
                self.assertEqual(check["state"], "ok", check)

    def test_without_privilege_it_names_the_fix(self):
        result = self.run_cli("check", "--json", wrap=NOBODY)
        answer = json.loads(result.stdout)
        self.assertEqual((result.returncode, answer["ok"]), (PRIVILEGE, False))
        missing = [c for c in answer["checks"] if c["required"] and c["state"] == "missing"]
        for check in missing:
            self.assertNotEqual(check["why"], "")
            self.assertNotEqual(check["fix"], "")

    def test_recording_without_privilege(self):
        result = self.run_cli("-d", "200ms", "-o", "-", "--format", "folded", wrap=NOBODY)
        self.assert_refused(result, PRIVILEGE, "CAP_")

    def test_falling_back_is_said_in_one_line(self):
        self.dir.chmod(0o777)
        result = self.run_cli("-o", "a.folded", "--", fixture("brief"), 100, wrap=NOBODY)
        self.assertEqual(result.returncode, 0, result.stderr)
        said = [line for line in result.stderr.splitlines() if "warning" in line]
        self.assertEqual(len(said), 1, result.stderr)
        self.assertRegex(said[0], r"^record-trace: warning: using perf-event, which walks .*CAP_BPF")
        quiet = self.run_cli("-q", "-o", "b.folded", "--", fixture("brief"), 100, wrap=NOBODY)
        self.assertEqual((quiet.returncode, quiet.stderr), (0, ""))


def bpf_programs(pid):
    """Descriptors of BPF programs that a process holds: it has them once it attaches."""
    try:
        return [fd for fd in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:bpf-prog"]
    except OSError:
        return []


def blocked_in_write(pid):
    with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
        words = f.read().split()
    return words[0] == {"x86_64": "1", "aarch64": "64"}[os.uname().machine] and int(words[1], 16) == 1
