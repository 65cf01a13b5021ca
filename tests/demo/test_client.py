"""A person of the demo at their browser, against a small real web server that answers as told."""

import json
import threading
import time
from base64 import b32encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mes.demo.client import MOST_ANSWERS, DemoPerson, Unexpected
from mes.people.second_factor import matching_step

SECRET = bytes(range(20))
PROMPT = {"code": "signature-needed", "facts": {"shown": "ab" * 32, "factors": ["user_name", "password"]}}
SHORT = {**PROMPT, "facts": {"shown": "cd" * 32, "factors": ["password"]}}
CODED = {**PROMPT, "facts": {"shown": "ab" * 32, "factors": ["password", "totp"]}}
CHANGED = {**SHORT, "code": "shown-changed"}
SIGNED_IN = {"csrf": "token-1", "person": {"id": "P-1"}}
HANG_UP = object()


class Site:
    """Answers each address with what a test laid out for it, in turn; the last answer stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {"/api/sign-in": [(200, SIGNED_IN)]}
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else {}
                outer.asked.append((self.path, body, dict(self.headers)))
                laid = outer.answers[self.path]
                status, told = laid.pop(0) if len(laid) > 1 else laid[0]
                if told is HANG_UP:
                    self.close_connection = True
                    self.connection.close()
                    return
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/pdf" if isinstance(told, bytes) else "application/json")
                self.send_header("Set-Cookie", f"septima=s{len(outer.asked)}; HttpOnly")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815  the names that the server looks for

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def lay(self, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[path] = list(answers)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for asked, body, _ in self.asked if asked == path]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def paula(site) -> DemoPerson:
    person = DemoPerson(("127.0.0.1", site.server.server_port), "Paula Schmidt", "paula", "a long password")
    person.sign_in()
    return person


def test_signing_in_keeps_session_and_token(site, paula):
    site.lay("/api/x", (200, {"ok": True}))
    assert paula.get("/api/x") == {"ok": True}
    assert paula.id == "P-1"
    headers = site.asked[-1][2]
    assert headers["X-CSRF-Token"] == "token-1"
    assert headers["Cookie"] == "septima=s1"
    paula.get("/api/x")
    assert site.asked[-1][2]["Cookie"] == "septima=s2"


def test_an_act_without_signature_is_one_operation(site, paula):
    site.lay("/api/act", (200, {}))
    paula.act("/api/act", code="x", left_out=None)
    paula.act("/api/act", code="x")
    first, second = site.bodies("/api/act")
    assert set(first) == {"op", "code"}
    assert first["op"] != second["op"]


def test_what_asks_for_a_signature_is_signed_as_it_was_shown(site, paula):
    site.lay("/api/act", (428, PROMPT), (200, {"done": 1}))
    assert paula.act("/api/act", code="x") == {"done": 1}
    asked, signed = site.bodies("/api/act")
    assert asked["op"] == signed["op"]
    assert signed["signature"] == {"shown": "ab" * 32, "password": "a long password", "user_name": "paula"}
    site.lay("/api/act", (428, SHORT), (200, {}))
    paula.act("/api/act")
    assert set(site.bodies("/api/act")[-1]["signature"]) == {"shown", "password"}


def test_a_second_factor_is_given_with_a_code_that_counts_once(site, paula):
    site.lay("/api/me/totp", (200, {"secret": b32encode(SECRET).decode().rstrip("=")}))
    site.lay("/api/me/totp/enrol", (200, {}))
    paula.enrol_second_factor()
    assert paula.totp_secret == SECRET
    site.lay("/api/act", (428, CODED), (200, {}))
    paula.act("/api/act")
    codes = [site.bodies("/api/me/totp/enrol")[0]["code"], site.bodies("/api/act")[-1]["signature"]["totp"]]
    steps = [matching_step(SECRET, code, time.time()) for code in codes]
    assert None not in steps
    assert steps[0] != steps[1]


@pytest.mark.parametrize(
    ("answers", "signed_as"),
    [
        ([(428, PROMPT), (409, CHANGED), (200, {})], [None, "ab" * 32, "cd" * 32]),
        ([(428, PROMPT), (409, {"code": "somebody-was-faster", "facts": {}}), (428, SHORT), (200, {})],
         [None, "ab" * 32, None, "cd" * 32]),
        ([(401, {"code": "session-ended", "facts": {}}), (428, PROMPT), (200, {})], [None, None, "ab" * 32]),
        ([(428, SHORT), (401, {"code": "sign-in-needed", "facts": {}}), (428, PROMPT), (200, {})],
         [None, "cd" * 32, None, "ab" * 32]),
    ],
    ids=["shown anew", "somebody was faster", "signed in anew", "signed out while signing"],
)  # fmt: skip
def test_a_person_goes_on_as_a_person_would(site, paula, answers, signed_as):
    site.lay("/api/act", *answers)
    paula.act("/api/act")
    bodies = site.bodies("/api/act")
    assert [body.get("signature", {}).get("shown") for body in bodies] == signed_as
    assert len({body["op"] for body in bodies}) == 1


@pytest.mark.parametrize(
    ("status", "code", "times"),
    [
        (409, "step-late", 1), (422, "form-invalid", 1), (401, "signature-secret-wrong", 1), (403, "role-missing", 1),
        (409, "somebody-was-faster", MOST_ANSWERS),
    ],
)  # fmt: skip
def test_a_refusal_that_nobody_reckoned_with_is_told_with_who_and_where(site, paula, status, code, times):
    site.lay("/api/act", (status, {"code": code, "text": "The sentence.", "facts": {}}))
    with pytest.raises(Unexpected, match=f"Paula Schmidt at /api/act: {status} {code} The sentence.") as told:
        paula.act("/api/act")
    assert (told.value.status, told.value.code) == (status, code)
    assert len(site.bodies("/api/act")) == times


def test_a_server_that_falls_costs_only_time(site, paula):
    site.lay(
        "/api/act", (0, HANG_UP), (503, {"code": "ledger-unavailable", "facts": {}}), (0, HANG_UP), (200, {"n": 1})
    )
    assert paula.act("/api/act", code="x") == {"n": 1}
    assert len({json.dumps(body) for body in site.bodies("/api/act")}) == 1


def test_reading_after_the_session_ended_signs_in_once_more(site, paula):
    site.lay("/api/x", (401, {"code": "session-ended"}), (200, [1]))
    assert paula.get("/api/x") == [1]
    assert len(site.bodies("/api/sign-in")) == 2


def test_a_wrong_password_is_not_tried_for_ever(site):
    site.lay("/api/sign-in", (401, {"code": "sign-in-failed", "text": "No."}))
    with pytest.raises(Unexpected, match="sign-in-failed"):
        DemoPerson(("127.0.0.1", site.server.server_port), "X", "x", "y").sign_in()
    assert len(site.bodies("/api/sign-in")) == 1


def test_downloading_a_file(site, paula):
    site.lay("/api/file", (200, b"%PDF"))
    assert paula.download("/api/file") == b"%PDF"
    site.lay("/api/file", (404, {"code": "http-404"}))
    with pytest.raises(Unexpected, match="404"):
        paula.download("/api/file")
