"""A headless Chromium for pages that a stage makes, driven over its DevTools pipe; no test driver is needed."""

import fcntl
import importlib.resources
import json
import os
import shutil
import subprocess
import time

import pytest

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome")
AXE = """var found;
axe.run({exclude: OUT}, {resultTypes: ["violations"]}).then(({violations}) => {
  const bad = violations.filter(({impact}) => ["serious", "critical"].includes(impact));
  found = JSON.stringify(bad.map(({id, nodes}) => [id, nodes[0].html.slice(0, 200)]));
})"""
CODES = {"Enter": 13, "Tab": 9, "Escape": 27}


class Browser:
    """One tab. `noise` is what the console showed, `requests` is what was asked for beside the page itself."""

    def __init__(self, folder):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            pytest.skip("no Chromium here: apt-get install chromium")
        (commands, self.into), (self.out, answers) = os.pipe(), os.pipe()
        flags = ["--headless", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
        off = ("gpu", "dev-shm-usage", "background-networking", "component-update", "quic", "sync")
        flags += [*(f"--disable-{what}" for what in off), "--no-first-run", "about:blank"]
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]  # so that neither is 3 or 4

        def place():  # Chromium reads from 3 and writes to 4
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen([program, *flags], preexec_fn=place, pass_fds=(3, 4), stderr=subprocess.DEVNULL)
        for end in (commands, answers, *ends):
            os.close(end)
        self.folder, self.noise, self.requests, self.session, self.number, self.buffer = folder, [], [], None, 0, b""
        tab = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        found = self.call("Target.attachToTarget", targetId=tab["targetId"], flatten=True)
        self.session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.into, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _read(self):
        while b"\0" not in self.buffer:
            data = os.read(self.out, 1 << 20)
            assert data, "Chromium has ended"
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        params = event.get("params", {})
        if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
            self.noise.append(params)
        url = params.get("request", {}).get("url", "") if event.get("method") == "Network.requestWillBeSent" else ""
        if url and not url.startswith(("data:", "blob:", "file:", "about:")):
            self.requests.append(url)

    def open(self, path):
        self.call("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete'")

    def value(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression, seconds=10):
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"{expression} stays false"
            time.sleep(0.02)

    def press(self, *keys):
        for key in keys:
            text = "\r" if key == "Enter" else key if len(key) == 1 else ""
            code = CODES.get(key) or (ord(key.upper()) if key.isalnum() else 0)  # signs have codes of other keys
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def resize(self, width, height=800):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def in_colours(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def overflows(self):
        """By how many pixels the page is wider than the window."""
        return self.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def violations(self, *without):
        """What axe-core finds serious or critical: (rule, the first element). `without` are selectors of what is left
        out, since more of the same takes long."""
        script = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        self.call("Runtime.evaluate", expression=script)
        self.call("Runtime.evaluate", expression=AXE.replace("OUT", json.dumps(without)), awaitPromise=True)
        return [tuple(one) for one in json.loads(self.value("found"))]

    def downloaded(self, name):
        end = time.monotonic() + 10
        while not (self.folder / name).exists():
            assert time.monotonic() < end, f"{name} was not saved"
            time.sleep(0.02)
        return self.folder / name

    def picture(self, path):
        import base64

        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        os.close(self.into)
        os.close(self.out)
