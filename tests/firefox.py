"""A headless Firefox for tests, driven by its own protocol: Playwright drives only a Firefox of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def firefox_path() -> str | None:
    """The Firefox that is installed."""
    return next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)


class Firefox:
    """A session of Firefox, through its port for Marionette: JSON with its length before it."""

    def __init__(self, port: int) -> None:
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream, self.count = self.connection.makefile("rb"), 0
        self._read()
        self.ask("WebDriver:NewSession", capabilities={})

    def _read(self) -> Any:
        length = b""
        while (char := self.stream.read(1)) != b":":
            length += char
        return json.loads(self.stream.read(int(length)))

    def ask(self, command: str, **parameters: Any) -> Any:
        """Run a command of WebDriver. Raises RuntimeError with what Firefox says against it."""
        self.count += 1
        message = json.dumps([0, self.count, command, parameters])
        self.connection.sendall(f"{len(message.encode())}:{message}".encode())
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(error["message"])
        return result

    def open(self, path: Path, width: int = 1200, height: int = 900) -> None:
        """Open a file in a window of this size."""
        self.ask("WebDriver:SetWindowRect", width=width, height=height)
        self.ask("WebDriver:Navigate", url=path.resolve().as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script that returns a value."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    def drag(self, selector: str, across: int) -> None:
        """Drag an element sideways."""
        script = """const e = document.querySelector(arguments[0]);
            e.scrollIntoView({block: "center", behavior: "instant"});
            const b = e.getBoundingClientRect();
            return [b.x + b.width / 2, b.y + b.height / 2]"""
        x, y = map(round, self.run(script, selector))
        move = {"type": "pointerMove", "duration": 0, "y": y}
        steps = [{**move, "x": x}, {"type": "pointerDown", "button": 0}, {**move, "x": x + across // 2}]
        steps += [{**move, "x": x + across}, {"type": "pointerUp", "button": 0}]
        actions = [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}]
        self.ask("WebDriver:PerformActions", actions=actions)


@contextmanager
def firefox() -> Iterator[Firefox]:
    """Start Firefox with a profile of its own, and end it."""
    profile = Path(tempfile.mkdtemp(prefix="firefox"))
    (profile / "user.js").write_text('user_pref("marionette.port", 0);\n', encoding="utf-8")
    path = firefox_path()
    assert path is not None
    command = [path, "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        chosen, end = profile / "MarionetteActivePort", time.monotonic() + 60
        while not (chosen.exists() and chosen.read_text()) and time.monotonic() < end:
            time.sleep(0.1)
        yield Firefox(int(chosen.read_text()))
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(profile, ignore_errors=True)
