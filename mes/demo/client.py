"""A person of the demo at their browser: HTTP with cookies, signing when asked, patient while the server restarts."""

import http.client
import json
import time
from base64 import b32decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

PATIENCE_S = 40.0
TOTP_STEP_S = 30
NEARLY_OVER_S = 5
RETRY_S = 0.2
MOST_ANSWERS = 6
ASKS_TO_SIGN = ("signature-needed", "second-factor-needed", "shown-changed")
ASKS_TO_SIGN_IN = ("sign-in-needed", "session-ended")
ASKS_AGAIN = ("somebody-was-faster", "second-factor-wrong")
"""What a person answers by doing the same once more: the device's record moved on, a one-time code ran out."""


class Unexpected(Exception):
    """The site answered what the script did not reckon with."""

    def __init__(self, who: str, path: str, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{who} at {path}: {status} {answer.get('code')} {answer.get('text') or answer}")
        self.status = status
        self.code = answer.get("code")
        self.answer = answer


@dataclass
class DemoPerson:
    """One person with an own login, own cookies and own second factor."""

    address: tuple[str, int]
    name: str
    user_name: str
    password: str
    id: str = ""
    totp_secret: bytes | None = None
    _cookies: dict[str, str] = field(default_factory=dict)
    _csrf: str = ""
    _last_code_step: int = 0

    def sign_in(self) -> Mapping[str, Any]:
        """Sign in and keep the session."""
        answer: Mapping[str, Any] = self._expect(
            "POST", "/api/sign-in", {"user_name": self.user_name, "password": self.password}
        )
        self._csrf = str(answer["csrf"])
        self.id = str(answer["person"]["id"])
        return answer

    def get(self, path: str) -> Any:
        """Read something."""
        return self._expect("GET", path, None)

    def act(self, path: str, **form: Any) -> Mapping[str, Any]:
        """Do something, signing what the site shows if it asks for a signature; the same operation if repeated."""
        body = {"op": str(uuid4()), **{name: value for name, value in form.items() if value is not None}}
        for _ in range(MOST_ANSWERS):
            status, answer = self._send("POST", path, body)
            code = answer.get("code")
            if code in ASKS_TO_SIGN:
                body["signature"] = self._signature(answer["facts"])
                continue
            if code in ASKS_TO_SIGN_IN:
                self.sign_in()
            elif code not in ASKS_AGAIN:
                break
            body.pop("signature", None)  # what was shown may have changed
        if status >= 400:
            raise Unexpected(self.name, path, status, answer)
        return answer

    def act_public(self, path: str, **form: Any) -> Mapping[str, Any]:
        """Do something that needs no session and no operation id."""
        answer: Mapping[str, Any] = self._expect("POST", path, form)
        return answer

    def enrol_second_factor(self) -> None:
        """Enrol an authenticator of one's own."""
        secret = self.act("/api/me/totp")["secret"]
        self.totp_secret = b32decode(secret + "=" * (-len(secret) % 8))
        self.act("/api/me/totp/enrol", password=self.password, code=self.code())

    def code(self) -> str:
        """Return a one-time code that was not used yet, waiting for the next one if need be."""
        assert self.totp_secret is not None
        while True:
            # The code before this one still counts, so that three can be given in a row without waiting.
            earliest = int(time.time() - TOTP_STEP_S + NEARLY_OVER_S) // TOTP_STEP_S
            step = max(earliest, self._last_code_step + 1)
            if step * TOTP_STEP_S - time.time() <= TOTP_STEP_S:
                break
            time.sleep(0.5)
        self._last_code_step = step
        return TOTP(self.totp_secret, 6, SHA1(), TOTP_STEP_S).generate(step * TOTP_STEP_S).decode()  # noqa: S303

    def download(self, path: str) -> bytes:
        """Fetch a file."""
        status, body, _ = self._exchange("GET", path, None)
        if status != 200:
            raise Unexpected(self.name, path, status, {"text": body[:200].decode(errors="replace")})
        return body

    def _signature(self, facts: Mapping[str, Any]) -> dict[str, str]:
        signed = {"shown": facts["shown"], "password": self.password}
        if "user_name" in facts["factors"]:
            signed["user_name"] = self.user_name
        if "totp" in facts["factors"]:
            signed["totp"] = self.code()
        return signed

    def _expect(self, method: str, path: str, form: Mapping[str, Any] | None) -> Any:
        status, answer = self._send(method, path, form)
        if status == 401 and path != "/api/sign-in":
            self.sign_in()
            status, answer = self._send(method, path, form)
        if status >= 400:
            raise Unexpected(self.name, path, status, answer)
        return answer

    def _send(self, method: str, path: str, form: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """Send until the site answers: a repeated operation is harmless, so a fallen server costs only time."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                status, body, kind = self._exchange(method, path, form)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S)
                continue
            if status == 503 and time.monotonic() < deadline:
                time.sleep(RETRY_S)
                continue
            return status, json.loads(body) if "json" in kind and body else {}

    def _exchange(self, method: str, path: str, form: Mapping[str, Any] | None) -> tuple[int, bytes, str]:
        headers = {"Accept": "application/json", "X-CSRF-Token": self._csrf}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        body = None
        if form is not None:
            body, headers["Content-Type"] = json.dumps(form), "application/json"
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
            for header in response.headers.get_all("Set-Cookie") or ():
                for name, morsel in SimpleCookie(header).items():
                    self._cookies[name] = morsel.value
            return response.status, content, response.headers.get("Content-Type", "")
        finally:
            connection.close()
