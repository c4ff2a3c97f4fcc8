# SPDX-License-Identifier: BSD-2-Clause
"""Names by symbol files from servers: of ELF files by build-id, of Windows programs by GUID and age.

The recordings are of no machine: their code lies in files that are not here. Servers are on the loopback interface, one of
the tests' own and Debian's debuginfod.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
import unittest
import uuid

import symbol_http
from hidden_program import Program

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
RECORD_TRACE = os.path.join(BUILD, "record-trace")
WRITE_UNNAMED = os.path.join(BUILD, "interop", "write_unnamed")
NOTES = ("symbols_downloaded", "symbols_not_found", "symbols_refused", "symbols_failed")
WINDOWS_SOURCE = """
    extern "C" int entry(void *, int, void *) { return 1; }
    namespace made { __declspec(noinline) void here() { asm volatile(".fill 64, 1, 0x90"); } }
    extern "C" __declspec(dllexport) void start() { made::here(); }
    """


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


def read(path):
    with open(path, "rb") as file:
        return file.read()


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="onecollect-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = os.path.join(self.folder, "cache")

    def record(self, text):
        path = os.path.join(self.folder, "unnamed.octrace")
        subprocess.run([WRITE_UNNAMED, path], input=text, check=True, encoding="utf-8")
        return path

    def ask(self, text, *options, status=0, env=None, verb=("report",)):
        """Reads a recording with the options; (names, notes, what was said)."""
        own = {"PATH": os.environ["PATH"], "HOME": self.folder, "no_proxy": "*"}
        argv = [RECORD_TRACE, *verb, self.record(text), "--json", "--symbol-cache", self.cache, *options]
        began = time.monotonic()
        done = subprocess.run(argv, capture_output=True, encoding="utf-8", errors="strict", env={**own, **(env or {})},
                              timeout=60, check=False)
        self.took_s = time.monotonic() - began
        self.assertEqual(done.returncode, status, done.stderr)
        if status:
            return None, None, done.stderr
        answer = json.loads(done.stdout)
        names = sorted(f["name"] for f in answer["functions"])
        notes = answer["ledger"]["notes"]
        return names, {name: notes[name] for name in NOTES if notes.get(name)}, done.stderr

    def serve(self, files):
        server = symbol_http.Server(files)
        self.addCleanup(server.close)
        return server

    def cached(self):
        return sorted(os.path.relpath(os.path.join(where, name), self.cache)
                      for where, _, names in os.walk(self.cache) for name in names)


class ElfTest(ServerTest):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="onecollect-test-")
        cls.addClassCleanup(shutil.rmtree, cls.made)
        cls.program = Program(cls.made)
        cls.other = Program(cls.made, 1)

    def kept(self, suffix=".debug", program=None):
        ident = (program or self.program).id
        return f".build-id/{ident[:2]}/{ident[2:]}{suffix}"

    def test_nothing_is_asked_by_default(self):
        server = self.serve({})
        names, notes, _ = self.ask(self.program.line(), env={"DEBUGINFOD_URLS": server.url})
        self.assertEqual((server.asked, notes), ([], {}))
        self.assertTrue(all("+0x" in name for name in names), names)

    def test_a_debug_file_alone_is_enough(self):
        """What objcopy leaves does not tell where in the program's file its code is; the mapping does."""
        server = self.serve({self.program.url("debuginfo"): read(self.program.debug)})
        names, notes, _ = self.ask(self.program.line(), "--symbol-server", server.url + "/")
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        self.assertEqual(notes, {"symbols_downloaded": 1})
        self.assertEqual(server.asked, [self.program.url("debuginfo")])
        self.assertEqual(self.cached(), [self.kept()])
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.cache, self.kept())).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.cache).st_mode), 0o700)
        self.assertEqual(sorted(server.headers[0]), ["Accept", "Host", "User-Agent"])

    def test_the_program_as_well_where_the_mapping_does_not_tell(self):
        server = self.serve({self.program.url("debuginfo"): read(self.program.debug),
                             self.program.url("executable"): read(self.program.stripped)})
        names, notes, _ = self.ask(self.program.line(map_size=0x100000), "--symbol-server", server.url)
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        self.assertEqual(notes, {"symbols_downloaded": 2})
        self.assertEqual(self.cached(), [self.kept(""), self.kept()])

    def test_one_file_with_everything(self):
        server = self.serve({self.program.url("debuginfo"): read(self.program.full)})
        names, notes, _ = self.ask(self.program.line(map_size=0x100000), "--symbol-server", server.url)
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        self.assertEqual((notes, len(server.asked)), ({"symbols_downloaded": 1}, 1))

    def test_a_stripped_program_that_is_here(self):
        server = self.serve({self.program.url("debuginfo"): read(self.program.debug)})
        names, _, _ = self.ask(self.program.line(self.program.stripped), "--symbol-server", server.url)
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        self.assertEqual(server.asked, [self.program.url("debuginfo")])

    def test_a_program_with_symbols_that_is_here_is_not_asked_for(self):
        server = self.serve({})
        names, notes, _ = self.ask(self.program.line(self.program.full), "--symbol-server", server.url)
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        self.assertEqual((server.asked, notes), ([], {}))

    def test_what_is_kept_is_not_asked_for_again(self):
        server = self.serve({self.program.url("debuginfo"): read(self.program.debug)})
        self.ask(self.program.line(), "--symbol-server", server.url)
        before = len(server.asked)
        names, notes, _ = self.ask(self.program.line(), "--symbol-server", server.url)
        self.assertEqual((names, notes), (["hidden_deep", "hidden_high"], {}))
        self.assertEqual(len(server.asked), before)
        server.close()
        names, notes, _ = self.ask(self.program.line())
        self.assertEqual((names, notes), (["hidden_deep", "hidden_high"], {}))

    def test_two_servers_and_two_recordings(self):
        """The second server is asked for what the first lacks; and what nobody has only once in a run."""
        empty, full = self.serve({}), self.serve({self.program.url("debuginfo"): read(self.program.debug)})
        text = self.program.line() + self.other.line("/nowhere/other")
        names, notes, _ = self.ask(text, "--symbol-server", empty.url, "--symbol-server", full.url)
        self.assertEqual(names.count("hidden_deep"), 1)
        self.assertEqual(notes, {"symbols_downloaded": 1, "symbols_not_found": 2})
        self.assertEqual(len(set(empty.asked)), 3)
        self.assertEqual(len(full.asked), 3)
        path = self.record(text)
        del empty.asked[:]
        run(RECORD_TRACE, "-q", "diff", path, path, "--symbol-cache", self.cache, "--symbol-server", empty.url)
        self.assertEqual(sorted(empty.asked), sorted(map(self.other.url, ("debuginfo", "executable"))))

    def test_another_build(self):
        server = self.serve({self.program.url("debuginfo"): read(self.other.debug),
                             self.program.url("executable"): b"no ELF file at all"})
        names, notes, said = self.ask(self.program.line(), "--symbol-server", server.url)
        self.assertTrue(all("+0x" in name for name in names), names)
        self.assertEqual(notes, {"symbols_refused": 2})
        self.assertIn("of another build", said)
        self.assertEqual(self.cached(), [])

    def test_redirects(self):
        program, other = self.program, self.other
        server = self.serve({program.url("debuginfo"): symbol_http.redirect("/elsewhere"),
                             "/elsewhere": read(program.debug)})
        names, _, _ = self.ask(program.line(), "--symbol-server", server.url)
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        server.files = {other.url("debuginfo"): symbol_http.redirect("file://" + other.debug),
                        other.url("executable"): symbol_http.redirect(other.url("executable"))}
        names, notes, said = self.ask(other.line(), "--symbol-server", server.url)
        self.assertTrue(all("+0x" in name for name in names), names)
        self.assertEqual(notes, {"symbols_refused": 2})
        self.assertEqual(len([path for path in server.asked if path == other.url("executable")]), 6)
        self.assertIn("file", said)

    def test_an_endless_file(self):
        server = self.serve({self.program.url("debuginfo"): symbol_http.endless})
        _, notes, said = self.ask(self.program.line(), "--symbol-server", server.url, "--symbol-limit", "1M")
        # What then is left of the limit, less than one piece of the body, may be too little to be told that the program
        # is not there.
        self.assertIn(notes, [{"symbols_refused": 1, "symbols_not_found": 1}, {"symbols_refused": 2}])
        self.assertIn("1048576 bytes", said)
        self.assertEqual(self.cached(), [])

    def test_an_announced_size(self):
        server = self.serve({self.program.url("debuginfo"): b"\0" * 70000})
        _, notes, _ = self.ask(self.program.line(), "--symbol-server", server.url, "--symbol-limit", "64K")
        self.assertEqual(notes, {"symbols_refused": 1, "symbols_not_found": 1})

    def test_a_stalling_server(self):
        """It fails by itself, and the other file still comes; nothing waits for more than the time given."""
        server = self.serve({self.other.url("debuginfo"): read(self.other.debug)})
        server.files[self.program.url("debuginfo")] = symbol_http.stalling(lambda: server)
        text = self.program.line() + self.other.line("/nowhere/other")
        names, notes, said = self.ask(text, "--symbol-server", server.url, "--symbol-timeout", "12s")
        self.assertEqual(notes, {"symbols_downloaded": 1, "symbols_failed": 1, "symbols_not_found": 1})
        self.assertIn("hidden_deep", names)
        self.assertIn("is not used", said)
        self.assertLess(self.took_s, 12)

    def test_the_time_for_all(self):
        server = self.serve({})
        server.files[self.program.url("debuginfo")] = symbol_http.stalling(lambda: server)
        _, notes, said = self.ask(self.program.line(), "--symbol-server", server.url, "--symbol-timeout", "500ms")
        self.assertEqual(notes, {"symbols_failed": 2})
        self.assertIn("the time for it is over", said)
        self.assertEqual(self.cached(), [])

    def test_a_server_that_fails_is_left_alone(self):
        programs = [self.program, self.other] + [Program(self.made, number) for number in (2, 3, 4)]
        server = self.serve({p.url(what): symbol_http.failing for p in programs for what in ("debuginfo", "executable")})
        text = "".join(p.line(f"/nowhere/{i}") for i, p in enumerate(programs))
        _, notes, said = self.ask(text, "--symbol-server", server.url)
        self.assertEqual(notes, {"symbols_failed": 2 * len(programs)})
        self.assertLessEqual(len(server.asked), 3 + 3)  # those that were on their way
        self.assertIn("is not asked any more", said)

    def test_nobody_there(self):
        port = symbol_http.free_port()
        _, notes, said = self.ask(self.program.line(), "--symbol-server", f"http://127.0.0.1:{port}")
        self.assertEqual(notes, {"symbols_failed": 2})
        self.assertRegex(said, "onnect")

    def test_a_certificate_that_nobody_vouches_for(self):
        pem = os.path.join(self.folder, "server.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out", pem + ".crt",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(pem, "ab") as file:
            file.write(read(pem + ".crt"))
        server = symbol_http.Server({self.program.url("debuginfo"): read(self.program.debug)}, pem)
        self.addCleanup(server.close)
        _, notes, said = self.ask(self.program.line(), "--symbol-server", server.url)
        self.assertEqual((notes, server.asked), ({"symbols_failed": 2}, []))
        self.assertIn("certificate", said)

    def test_passwords_of_the_user_are_not_sent(self):
        with open(os.path.join(self.folder, ".netrc"), "w", encoding="ascii") as file:
            file.write("default login user password secret\n")
        os.chmod(file.name, 0o600)
        elsewhere = self.serve({"/here": read(self.program.debug)})
        server = self.serve({self.program.url("debuginfo"): symbol_http.redirect(elsewhere.url + "/here")})
        names, _, _ = self.ask(self.program.line(), "--symbol-server", server.url)
        self.assertEqual(names, ["hidden_deep", "hidden_high"])
        for headers in server.headers + elsewhere.headers:
            self.assertEqual(sorted(headers), ["Accept", "Host", "User-Agent"])

    def test_a_damaged_answer(self):
        def short(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.write(read(self.program.debug)[:2000])
            handler.close_connection = True
        server = self.serve({self.program.url("debuginfo"): short,
                             self.program.url("executable"): b""})
        _, notes, _ = self.ask(self.program.line(), "--symbol-server", server.url)
        self.assertEqual(notes, {"symbols_failed": 1, "symbols_refused": 1})
        self.assertEqual(self.cached(), [])

    def test_debuginfod(self):
        """Debian's server has the programs of a folder and their debug files."""
        folder = os.path.join(self.folder, "served")
        os.mkdir(folder)
        for path in (self.program.debug, self.program.stripped, self.other.full):
            shutil.copy(path, folder)
        text = self.program.line(map_size=0x100000) + self.other.line("/nowhere/other")
        with symbol_http.debuginfod(folder, [self.program.id, self.other.id]) as url:
            names, notes, _ = self.ask(text, "--symbol-server", "debuginfod",
                                       env={"DEBUGINFOD_URLS": f" ima:enforcing {url} "})
        self.assertEqual(names, ["hidden_deep", "hidden_high"])  # of both programs: equal names are one row
        self.assertEqual(notes, {"symbols_downloaded": 3})

    def test_convert_and_merge(self):
        server = self.serve({self.program.url("debuginfo"): read(self.program.debug)})
        path, out = self.record(self.program.line()), os.path.join(self.folder, "out.folded")
        for verb in (["convert", path], ["merge", path, path]):
            run(RECORD_TRACE, "-q", *verb, "--force", "--symbol-cache", self.cache, "--symbol-server", server.url, "-o", out)
            with open(out, encoding="utf-8") as file:
                self.assertEqual(file.read().count("hidden_"), 2)
        self.assertEqual(len(server.asked), 1)


class RefusalTest(ServerTest):
    """What ends with an exit code and a sentence before anything is read or sent."""

    LINE = "/nowhere/x\t0102030405060708\t1000\t0\t10\n"

    def test_addresses(self):
        for url in ("ftp://host/", "file:///etc/passwd", "host", "http://", "https:///x", "http://user:secret@host/",
                    "http://host/a b", "http://host/?x=1", "http://host/" + "x" * 2000):
            with self.subTest(url):
                said = self.ask(self.LINE, "--symbol-server", url, status=2)[2]
                self.assertRegex(said, "symbol server")
                self.assertNotIn("secret", said)
        self.assertIn("more than 16", self.ask(self.LINE, *["--symbol-server", "http://h/"] * 17, status=2)[2])

    def test_debuginfod_without_servers(self):
        self.assertIn("DEBUGINFOD_URLS", self.ask(self.LINE, "--symbol-server", "debuginfod", status=2)[2])

    def test_no_libcurl(self):
        for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
                file.write("this is no library")
        said = self.ask(self.LINE, "--symbol-server", "http://127.0.0.1:1/", status=4,
                        env={"LD_LIBRARY_PATH": self.folder})[2]
        self.assertIn("needs libcurl", said)
        self.ask(self.LINE, env={"LD_LIBRARY_PATH": self.folder})

    def test_folders_that_cannot_be_used(self):
        plain = os.path.join(self.folder, "plain")
        with open(plain, "w", encoding="ascii"):
            pass
        shared = os.path.join(self.folder, "shared")
        os.mkdir(shared)
        os.chmod(shared, 0o777)
        foreign = os.path.join(self.folder, "foreign")
        os.mkdir(foreign)
        folders = {plain: "Not a directory", os.path.join(plain, "below"): "Not a directory", shared: "others may write",
                   "/proc/nowhere": "cannot make or open"}
        if os.geteuid() == 0:
            os.chown(foreign, 12345, 12345)
            folders[foreign] = "another user"
        for folder, why in folders.items():
            with self.subTest(folder):
                self.cache = folder
                self.assertIn(why, self.ask(self.LINE, "--symbol-server", "http://127.0.0.1:1/", status=1)[2])

    def test_links_in_the_folder_lead_nowhere(self):
        """A file does not get out of the folder by a link that somebody put there."""
        program = Program(self.folder)
        outside = os.path.join(self.folder, "outside")
        os.mkdir(outside)
        os.makedirs(os.path.join(self.cache, ".build-id"))
        os.symlink(outside, os.path.join(self.cache, ".build-id", program.id[:2]))
        server = self.serve({program.url(what): read(program.full) for what in ("debuginfo", "executable")})
        _, notes, said = self.ask(program.line(), "--symbol-server", server.url)
        self.assertEqual(notes, {"symbols_failed": 2})
        self.assertIn("cannot be kept", said)
        self.assertEqual((os.listdir(outside), self.cached()), ([], []))

    def test_the_usual_folder(self):
        program = Program(self.folder)
        server = self.serve({program.url("debuginfo"): read(program.debug)})
        path = self.record(program.line())
        for env, folder in (({"HOME": self.folder}, ".cache/onecollect/symbols"),
                            ({"HOME": self.folder, "XDG_CACHE_HOME": self.folder + "/xdg"}, "xdg/onecollect/symbols")):
            subprocess.run([RECORD_TRACE, "-q", "report", path, "--symbol-server", server.url], check=True,
                           env={"PATH": os.environ["PATH"], **env}, stdout=subprocess.DEVNULL)
            self.assertTrue(os.path.isdir(os.path.join(self.folder, folder, ".build-id")))


class PdbTest(ServerTest):
    IMAGE = "C:\\Windows\\System32\\Made Here+1.dll"

    def setUp(self):
        super().setUp()
        source, image = os.path.join(self.folder, "made.cpp"), os.path.join(self.folder, "made.dll")
        with open(source, "w", encoding="utf-8") as file:
            file.write(WINDOWS_SOURCE)
        run("clang-14", "--target=x86_64-pc-windows-msvc", "-O1", "-g", "-gcodeview", "-c", source, "-o", source + ".obj")
        run("lld-link-14", "/dll", "/debug", "/nodefaultlib", "/entry:entry", f"/out:{image}", source + ".obj")
        self.pdb = image[:-4] + ".pdb"
        self.guid = uuid.UUID(re.search(r"GUID: \{(.*)\}", run("llvm-pdbutil-14", "dump", "--summary", self.pdb))[1]).hex
        publics = run("llvm-pdbutil-14", "dump", "--publics", self.pdb)
        self.offset = 0x1000 + int(re.search(r"`\?here@made.*\n.*addr = 0001:(\d+)", publics)[1]) + 4
        self.exported = 0x1000 + int(re.search(r"`start`.*\n.*addr = 0001:(\d+)", publics)[1])

    def line(self, path=None, guid=None, age="00000001", name=""):
        name = ":" + name if name else ""
        return f"{path or self.IMAGE}\t{guid or self.guid}{age}{name}\t100000\t0\t{self.offset:x}\n"

    def url(self, name="Made%20Here%2B1.pdb", guid=None, age="1"):
        return f"/{name}/{(guid or self.guid).upper()}{age}/{name}"

    def test_found(self):
        server = self.serve({"/symbols" + self.url(): read(self.pdb)})
        names, notes, _ = self.ask(self.line(), "--symbol-server", server.url + "/symbols")
        self.assertEqual((names, notes), (["made::here"], {"symbols_downloaded": 1}))
        self.assertEqual(server.asked, ["/symbols" + self.url()])
        self.assertEqual(self.cached(), [f"Made Here+1.pdb/{self.guid.upper()}1/Made Here+1.pdb"])
        names, _, _ = self.ask(self.line(), "--symbol-server", server.url + "/symbols")
        self.assertEqual((names, len(server.asked)), (["made::here"], 1))
        other = os.path.join(self.folder, "other")
        path = self.record(self.line())
        said = run(RECORD_TRACE, "-q", "report", path, "--symbol-path", self.cache, "--symbol-cache", other)
        self.assertIn("made::here", said)

    def test_another_name_than_the_image_has(self):
        """As ntoskrnl.exe has ntkrnlmp.pdb; .octrace files carry it."""
        server = self.serve({self.url("kernel.pdb"): read(self.pdb)})
        names, _, _ = self.ask(self.line(name="kernel.pdb"), "--symbol-server", server.url)
        self.assertEqual((names, server.asked), (["made::here"], [self.url("kernel.pdb")]))
        _, notes, _ = self.ask(self.line(guid=uuid.uuid4().hex, name="../kernel.pdb"), "--symbol-server", server.url)
        self.assertEqual((notes, len(server.asked)), ({"symbols_refused": 1}, 1))

    def test_an_image_that_is_here_tells_the_name(self):
        """And gives names where no server has the PDB file."""
        images = os.path.join(self.folder, "images")
        os.mkdir(images)
        shutil.copy(self.pdb[:-4] + ".dll", images)
        server = self.serve({self.url("made.pdb"): read(self.pdb)})
        names, _, _ = self.ask(self.line(), "--symbol-server", server.url, "--symbol-path", images)
        self.assertEqual((names, server.asked), (["made::here"], [self.url("made.pdb")]))
        shutil.rmtree(self.cache)
        server.files = {}
        self.offset = self.exported
        names, notes, _ = self.ask(self.line(), "--symbol-server", server.url, "--symbol-path", images)
        self.assertEqual((names, notes), (["start"], {"symbols_not_found": 1}))

    def test_one_that_is_here_is_not_asked_for(self):
        server = self.serve({})
        names, _, _ = self.ask(self.line(), "--symbol-server", server.url, "--symbol-path", self.folder)
        self.assertEqual((names, server.asked), (["made::here"], []))

    def test_another_build_or_no_pdb_file(self):
        for content, why in ((read(self.pdb), "of another build"), (b"<html>login</html>", "not a PDB file")):
            guid = uuid.uuid4().hex
            server = self.serve({self.url(guid=guid): content})
            names, notes, said = self.ask(self.line(guid=guid), "--symbol-server", server.url)
            self.assertIn("+0x", names[0])
            self.assertEqual(notes, {"symbols_refused": 1})
            self.assertIn(why, said)
        self.assertEqual(self.cached(), [])

    def test_hostile_names(self):
        """Names that would lead elsewhere in a URL or in the folder are never sent."""
        server = self.serve({})
        hostile = ["C:\\..", "C:\\x\\...dll", "C:\\.dll", "C:\\a%2f..%2fb.dll", "C:\\x?y=z.dll", "C:\\x#y.dll", "C:\\é.dll",
                   "C:\\a/../../../b.dll", "C:\\\"x\".dll", "C:\\" + "x" * 300 + ".dll"]
        text = "".join(self.line(path, uuid.uuid4().hex) for path in hostile)
        _, notes, said = self.ask(text, "--symbol-server", server.url)
        self.assertEqual((server.asked, notes), ([], {"symbols_refused": len(hostile)}))
        self.assertIn("is not asked for", said)
        self.assertEqual(self.cached(), [])

    def test_build_ids_of_windows_programs_are_not_sent_as_those_of_elf_files(self):
        server = self.serve({})
        self.ask(self.line(), "--symbol-server", server.url)
        self.assertEqual(server.asked, [self.url()])
