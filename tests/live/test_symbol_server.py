# SPDX-License-Identifier: BSD-2-Clause
"""Names of stripped programs come from a symbol server: at the end of a recording, or later and elsewhere."""

import re
import subprocess
import time

import perf_tool
import symbol_http
from support import PATIENCE_S, RATE, RECORD_TRACE, LiveTest, fixture, poll_until, read_folded, weight


class SymbolServer(LiveTest):
    def setUp(self):
        super().setUp()
        self.program, self.debug = self.dir / "served", self.dir / "served.debug"
        subprocess.run(["strip", "-o", self.program, fixture("brief")], check=True)
        subprocess.run(["objcopy", "--only-keep-debug", fixture("brief"), self.debug], check=True)
        notes = subprocess.run(["readelf", "-n", self.program], check=True, capture_output=True, text=True).stdout
        self.url = "/buildid/" + re.search(r"Build ID: (\w+)", notes)[1] + "/debuginfo"
        self.server = symbol_http.Server({self.url: self.debug.read_bytes()})
        self.addCleanup(self.server.close)
        self.debug.unlink()
        self.options = ["--symbol-server", self.server.url, "--symbol-cache", self.dir / "cache"]

    def test_at_the_end_of_a_recording(self):
        process = self.start(self.program, 1500)
        recorder = self.start_recording("-F", RATE, "-p", process.pid, *self.options, env={"no_proxy": "*"})
        process.wait()
        self.assertEqual(self.server.asked, [])
        result = recorder.finish()
        self.assertGreater(weight(result.folded, containing="brief_leaf"), 500)
        self.assertGreaterEqual(result.summary["notes"]["symbols_downloaded"], 1)
        self.assertIn(self.url, self.server.asked)
        self.assert_balanced(result.summary)

    def test_later_where_the_program_is_not(self):
        kept, out = self.dir / "kept.octrace", self.dir / "later.folded"
        subprocess.run([RECORD_TRACE, "-q", "--no-symbols", "-F", str(RATE), "-o", kept, "--", self.program, "1000"],
                       check=True, timeout=PATIENCE_S)
        self.program.unlink()
        subprocess.run([RECORD_TRACE, "-q", "convert", kept, "-o", out, *self.options], check=True, timeout=PATIENCE_S,
                       env={"no_proxy": "*"})
        self.assertGreater(weight(read_folded(out), containing="brief_leaf"), 300)

    def test_a_recording_of_perf(self):
        data, out = self.dir / "perf.data", self.dir / "perf.folded"
        perf_tool.record(data, "-e", "cpu-clock", "-F", "997", "--", self.program, "1000")
        self.program.unlink()
        subprocess.run([RECORD_TRACE, "-q", "convert", data, "-o", out, *self.options], check=True, timeout=PATIENCE_S,
                       env={"no_proxy": "*"})
        self.assertGreater(weight(read_folded(out), containing="brief_leaf"), 300)

    def test_an_interrupt_ends_downloads_and_keeps_the_recording(self):
        self.server.files[self.url] = symbol_http.stalling(lambda: self.server)
        recorder = self.start_recording("-F", RATE, *self.options, env={"no_proxy": "*"}, command=[self.program, 500])
        poll_until(lambda: self.server.asked, PATIENCE_S, "the server is asked")
        began = time.monotonic()
        result = recorder.stop()
        self.assertLess(time.monotonic() - began, 10)
        self.assertGreater(result.cpu["kept"], 100)
        self.assertGreaterEqual(result.summary["notes"]["symbols_failed"], 1)
        self.assertIn("interrupted", result.err)

    def test_a_recording_without_servers_does_not_load_libcurl(self):
        process = self.start(RECORD_TRACE, "-q", "-d", "1", "-o", self.dir / "x.folded")
        maps, seen = "", False
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/maps", encoding="utf-8") as file:
                    maps = file.read()
            except OSError:
                break
            seen = seen or "libbpf" in maps
            self.assertNotIn("libcurl", maps)
            time.sleep(0.05)
        self.assertTrue(seen)
