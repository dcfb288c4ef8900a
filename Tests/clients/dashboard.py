"""Looks at the dashboard in a headless Chromium, driven over WebDriver's own HTTP protocol.

usage: dashboard.py URL TOKEN DIRECTORY ORDER...

Prints `ready` after signing in, then each order when it is done; the first that cannot be done ends it with 1.
  wait TEXT          until the page shows it (90 s)
  click SELECTOR     the first that matches
  reach SELECTOR     by the tabulator key alone; where one is has to be seen
  enter              presses the key
  shot NAME          DIRECTORY/NAME.png
  mark, marked       leaves a mark in the page; that it is still there: the page was not loaded again
  open PATH          another page
  dark               as for somebody who prefers dark colours
  narrow             as wide as a phone; nothing may be wider
"""
import base64
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

libc = ctypes.CDLL(None)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    def __init__(self):
        # Each ends with its parent, also when this program is killed (PR_SET_PDEATHSIG, prctl(2)).
        self.wrapper = tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False)
        self.wrapper.write('#!/bin/sh\nexec setpriv --pdeathsig TERM chromium "$@"\n')
        self.wrapper.close()
        os.chmod(self.wrapper.name, 0o700)
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True,
                                       preexec_fn=lambda: libc.prctl(1, signal.SIGTERM))
        for line in self.driver.stdout:
            if "on port " in line and "successfully" in line:
                self.base = "http://127.0.0.1:" + line.rsplit("port ", 1)[1].strip().rstrip(".")
                break
        options = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1000",
                   "--disable-gpu", "--no-proxy-server"]
        answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": True, "goog:chromeOptions": {
                "args": options, "binary": self.wrapper.name}}}})
        os.unlink(self.wrapper.name)
        self.session = "/session/" + answer["sessionId"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        with opener.open(request, timeout=180) as answer:
            return json.load(answer)["value"]

    def do(self, method, path, body=None):
        return self.ask(method, self.session + path, body)

    def run(self, script):
        return self.do("POST", "/execute/sync", {"script": script, "args": []})

    def text(self):
        return self.run("return document.body.innerText")

    def find(self, selector):
        found = self.do("POST", "/element", {"using": "css selector", "value": selector})
        return "/element/" + next(iter(found.values()))

    def wait(self, text, limit=90):
        end = time.monotonic() + limit
        while text not in (seen := self.text()):
            if time.monotonic() > end:
                raise RuntimeError(f"no {text!r} in {seen!r}")
            time.sleep(0.05)

    def press(self, key):
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def reach(self, selector, most=200):
        for _ in range(most):
            self.press("\ue004")
            where = f"document.activeElement.matches({json.dumps(selector)})"
            if self.run(f"return {where}"):
                if self.run("return getComputedStyle(document.activeElement).outlineStyle") == "none":
                    raise RuntimeError(f"nothing shows that {selector} has the focus")
                return
        raise RuntimeError(f"{selector} is not reached by the keyboard")

    def shoot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.do("GET", "/screenshot")))

    def end(self):
        try:
            self.do("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)


def main():
    url, token, directory, *orders = sys.argv[1:]
    browser = Browser()
    try:
        browser.do("POST", "/url", {"url": url})
        browser.do("POST", browser.find("#token") + "/value", {"text": token})
        browser.do("POST", browser.find("form button") + "/click", {})
        browser.wait("Sign out")
        print("ready", flush=True)
        for order in orders:
            what, _, rest = order.partition(" ")
            if what == "wait":
                browser.wait(rest)
            elif what == "click":
                browser.do("POST", browser.find(rest) + "/click", {})
            elif what == "reach":
                browser.reach(rest)
            elif what == "enter":
                browser.press("\ue007")
            elif what == "mark":
                browser.run("window.mark = true")
            elif what == "marked":
                if not browser.run("return window.mark === true"):
                    raise RuntimeError("the page was loaded again")
            elif what == "open":
                browser.do("POST", "/url", {"url": url + rest})
            elif what == "dark":
                browser.do("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
                    "features": [{"name": "prefers-color-scheme", "value": "dark"}]}})
                if not browser.run("return matchMedia('(prefers-color-scheme: dark)').matches"):
                    raise RuntimeError("it is not dark")
            elif what == "narrow":
                browser.do("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
                    "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}})
                width = browser.run("return document.documentElement.scrollWidth")
                if width > 390:
                    raise RuntimeError(f"the page is {width} wide")
            else:
                browser.shoot(f"{directory}/{rest}.png")
            print(order, flush=True)
    except Exception:
        browser.shoot(f"{directory}/dashboard-failure.png")
        raise
    finally:
        browser.end()


main()
