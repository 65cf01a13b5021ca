"""One HTTP client for both sides: a session's cookies and token, one connection per request, and its time."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

BEGINS_WITHIN_S = 60.0


class Caller:
    """A person's browser, as far as a measurement needs one."""

    def __init__(self, port: int, token_header: str) -> None:
        self._port, self._token_header = port, token_header
        self._cookies: dict[str, str] = {}
        self._token = ""

    def sign_in(self, user_name: str, password: str) -> None:
        """Sign in and keep the session's token."""
        answer = self.post("/api/sign-in", {"user_name": user_name, "password": password})[1]
        self._token = str(answer["csrf"])

    def post(self, path: str, form: Mapping[str, Any]) -> tuple[int, Any, float]:
        """Return status, answer and the seconds from opening the connection to the last byte."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", self._token_header: self._token}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        body = json.dumps(form)
        start = time.perf_counter()
        connection = http.client.HTTPConnection("localhost", self._port, timeout=60)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        seconds = time.perf_counter() - start
        for header in response.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = morsel.value
        return response.status, json.loads(content), seconds


def free_port() -> int:
    """Return a port of loopback that nobody uses at present."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(arguments: Sequence[str], port: int, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server of this Python until the block ends; RuntimeError with its log if it does not answer."""
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=told, stderr=subprocess.STDOUT, env=dict(environment)
        )
        try:
            _wait(process, port, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + BEGINS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server does not answer: {log.read_text(errors='replace')[-2000:]}")
