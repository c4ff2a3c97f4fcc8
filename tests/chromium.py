# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium driven through the DevTools protocol over a pipe: tests need only Debian's package and Python.

    with Browser() as browser:
        page = browser.open("file:///tmp/x.html")
        page.evaluate("document.title")

Messages are JSON ended by NUL, from us on the browser's descriptor 3, to us on its descriptor 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
TIMEOUT_S = 300  # longer than this means that it hangs, however busy the machine is


class BrowserError(Exception):
    """The browser answered with an error, or not at all."""


class Page:
    """One tab. Collects what a well-behaved page never does: errors and requests to anything but its own file."""

    def __init__(self, browser, target, session, url):
        self.browser = browser
        self.target = target
        self.session = session
        self.url = url
        self.errors = []
        self.requests = []
        self.loaded = False

    def call(self, method, **params):
        """Sends a command to the tab and returns its result."""
        return self.browser.call(method, session=self.session, **params)

    def on_event(self, method, params):
        """Takes an event of the tab."""
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(str(params["args"]))
        elif method == "Network.requestWillBeSent" and params["request"]["url"] != self.url:
            self.requests.append(params["request"]["url"])

    def evaluate(self, expression):
        """The value of a JavaScript expression; a promise is waited for. Raises BrowserError when it throws."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait_for(self, expression):
        """Waits until an expression becomes true."""
        end = time.monotonic() + TIMEOUT_S
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise BrowserError(f"never became true: {expression}")
            time.sleep(0.02)

    def size(self, width, height, dark=False):
        """Sets the window's size and what it says about the user's preferred colours."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def mouse(self, x, y, click=True):
        """Moves the pointer to a point of the window and clicks there."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click(self, selector):
        """Clicks into the middle of an element."""
        box = self.evaluate(
            f"(e => {{ const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        self.mouse(*box)

    def key(self, key, ctrl=False):
        """Presses a key, by its name in KeyboardEvent.key."""
        params = {"key": key, "modifiers": 2 if ctrl else 0}
        if len(key) == 1 and not ctrl:
            params["text"] = key
        if key == "Enter":
            params["text"] = "\r"
        self.call("Input.dispatchKeyEvent", type="keyDown", **params)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text):
        """Types into the element that has the focus."""
        self.call("Input.insertText", text=text)

    def show(self):
        """Brings the tab to the front; one that is behind another takes seconds to answer to a click."""
        self.call("Page.bringToFront")

    def close(self):
        """Closes the tab."""
        self.browser.call("Target.closeTarget", targetId=self.target)
        del self.browser.pages[self.session]

    def screenshot(self, path):
        """Writes what the window shows to a PNG file."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))


class Browser:
    """A browser with a fresh profile, ended with the context."""

    def __init__(self, binary="chromium"):
        self.binary = binary
        self.pages = {}
        self.next_id = 0
        self.pending = b""

    def __enter__(self):
        if not shutil.which(self.binary):
            raise BrowserError(f"{self.binary} is missing; run: sudo scripts/install-deps check")
        self.profile = tempfile.mkdtemp(prefix="onecollect-chromium-")
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()
        # The child's ends become its descriptors 3 and 4: first out of the way, for they may be 3 and 4 already.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_read, to_write)]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "chromium", self.binary, *FLAGS]
            + [f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, HOME=self.profile),
        )
        for fd in (to_read, to_write, *ends):
            os.close(fd)
        return self

    def __exit__(self, *args):
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.profile, ignore_errors=True)

    def receive(self, end):
        """The next message."""
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.back], [], [], max(end - time.monotonic(), 0))
            data = os.read(self.back, 1 << 20) if ready else b""
            if not data:
                raise BrowserError("the browser has gone" if ready else "the browser does not answer")
            self.pending += data
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **params):
        """Sends a command and returns its result; events that come meanwhile go to their page."""
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        end = time.monotonic() + TIMEOUT_S
        while True:
            answer = self.receive(end)
            if answer.get("id") == self.next_id:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            page = self.pages.get(answer.get("sessionId"))
            if page and "method" in answer:
                page.on_event(answer["method"], answer["params"])

    def open(self, url, width=1366, height=768, dark=False, before=""):
        """Opens a page and waits until it is loaded. before: script that runs in it before its own."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session, url)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        if before:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        page.size(width, height, dark)
        page.loaded = False
        page.call("Page.navigate", url=url)
        end = time.monotonic() + TIMEOUT_S
        while not page.loaded:
            if time.monotonic() > end:
                raise BrowserError(f"{url} never loaded")
            page.evaluate("1")
        return page
