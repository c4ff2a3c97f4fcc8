# SPDX-License-Identifier: BSD-2-Clause
"""Symbol servers on the loopback interface: one that behaves as a test wants it to, and Debian's debuginfod."""

import contextlib
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

# What no test waits for longer.
PATIENCE_S = 30


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


class Server:
    """Serves `files`, bytes or a function of the request's handler by path; remembers each request and its headers."""

    def __init__(self, files, certificate=None):
        self.files = files
        self.asked = []
        self.headers = []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append(self.path)
                outer.headers.append(dict(self.headers))
                found = outer.files.get(self.path)
                with contextlib.suppress(ConnectionError):
                    if callable(found):
                        found(self)
                    elif found is None:
                        self.send_error(404)
                    else:
                        self.send_response(200)
                        self.send_header("Content-Length", str(len(found)))
                        self.end_headers()
                        self.wfile.write(found)

            def log_message(self, *args):
                pass

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        scheme = "http"
        if certificate:  # a file with a key, too
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def redirect(target):
    """An answer that leads elsewhere."""
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    return answer


def failing(handler):
    handler.send_error(500)


def endless(handler):
    """A body without an end, of no announced size."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        handler.wfile.write(b"\0" * 65536)


def stalling(server):
    """Begins to answer, and then nothing more comes until the server ends."""
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(b"\x7fELF")
        server().over.wait(PATIENCE_S)
    return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def debuginfod(folder, build_ids):
    """Debian's server of the files below a folder, once it knows all of build_ids; gives its address."""
    program = shutil.which("debuginfod")
    if not program:
        raise AssertionError("there is no debuginfod; run: sudo scripts/install-deps check")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        process = subprocess.Popen([program, "-F", folder, "-p", str(port), "-d", ":memory:", "-t", "1"], env=env,
                                   stdout=log, stderr=log)
        try:
            end = time.monotonic() + PATIENCE_S
            while not all(map(lambda i: _knows(url, i), build_ids)):
                if process.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise AssertionError(f"debuginfod does not serve: {log.read().decode()[-2000:]}")
                time.sleep(0.1)
            yield url
        finally:
            process.kill()
            process.wait()


def _knows(url, build_id):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/buildid/{build_id}/debuginfo", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
