"""Operations over HTTP that come twice, out of order, cut short or under another one's id; and the lost answer."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask

from mes.demo import script
from mes.demo.acts import Playing
from mes.demo.cast import ADMINISTRATOR, CAST, TEMPORARY
from mes.demo.client import DemoPerson, Unexpected
from mes.identity.codes import bag_code
from mes.ledger.verify import verify_ledger
from tests.journeys.browser_journey import served
from tests.site_process.living import Hurried, Life, begin_life, whole_batch
from tests.web.test_bad_input import says_what_next

BATCH = f"/api/batches/{script.BATCH}"
ANSWERS_ANEW = {
    "entering.own_password": "the session goes on under a fresh id and token each time",
    "records.seal": "tells how far the job is by now",
}
"""Acts whose second answer says something else than the first; none of them does anything twice."""

UNRECORDED = ("entering.start_totp", "passkeys.begin")
"""Acts that leave no entry, so that an operation id says nothing of them."""


@dataclass
class Sent:
    """A request that was accepted: who sent it, what it was, and what the same request got when it came again."""

    person: "Twice"
    endpoint: str
    path: str
    form: dict[str, Any]
    answer: tuple[int, bytes]
    again: tuple[int, bytes]
    grown: int


class Twice(Hurried):
    """A person who clicks twice: each accepted act is sent once more, byte for byte."""

    sent: list[Sent]

    @classmethod
    def into(cls, sent: list[Sent]) -> Callable[..., "Twice"]:
        """Return how to make such people, who keep what they sent in one list."""

        def made(*given: Any, **more: Any) -> Twice:
            person = cls(*given, **more)
            person.sent = sent
            return person

        return made

    def _exchange(self, method: str, path: str, form: Any) -> tuple[int, bytes, str]:
        answer = super()._exchange(method, path, form)
        if method != "POST" or answer[0] >= 300 or not isinstance(form, dict) or "op" not in form:
            return answer
        app = self._client.application
        site = app.extensions["septima"]
        if endpoint_of(app, path) in UNRECORDED:
            return answer  # what waits in memory is the newest asked for: a person goes on with that
        if path.endswith("/records"):
            site.records.wait(json.loads(answer[1])["job"], 60)
        size = site.ledger.size
        again = super()._exchange(method, path, form)
        self.sent.append(Sent(
            self, endpoint_of(app, path), path, deepcopy(form), answer[:2], again[:2], site.ledger.size - size
        ))  # fmt: skip
        return answer


def endpoint_of(app: Flask, path: str) -> str:
    """Return the endpoint that a POST to this path reaches."""
    return str(app.url_map.bind("localhost").match(urlsplit(path).path, method="POST")[0])


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Life, list[Sent]]]:
    """Give a site after a whole batch in which everybody clicked twice, and what they sent."""
    sent: list[Sent] = []
    life = begin_life(tmp_path_factory.mktemp("operations") / "site", 3, someone=Twice.into(sent))
    whole_batch(life, lambda: life.bustle(14))
    trouble(life)
    yield life, sent
    life.house.close()


def trouble(life: Life) -> None:
    """Do with a signature or a reason what a batch as planned does not need."""
    people, now = life.people, life.pace.now
    people["operator"].act(
        f"{BATCH}/report", what="other", account="told", source="memory", occurred_at=now.isoformat()
    )
    script.settle_problems(Playing(people, life.pace, script.BATCH, "manual", lambda step: None))
    for language in ("nl", "en"):
        people["operator"].act("/api/me/language", language=language)
    people["operator"].act(f"{BATCH}/hold", reason="a question")
    people["qa"].act(f"{BATCH}/resume", reason="answered")
    for volume in ("2.5", "2.6"):
        value = {"parameter": "sample_volume", "value": volume, "unit": "mL"}
        people["nurse"].act(f"{BATCH}/steps/A04/correct", value=value, reason="misread")
    opened = [one for one in people["qa"].get(BATCH)["exceptions"] if one["deviation"] is None]
    for one in opened[:2]:
        people["supervisor"].act(f"{BATCH}/exceptions/{one['exception']}/deviation")
    credentials_change(life)
    people["auditor"].act("/api/trail/exports", format="csv", filter={"batch": script.BATCH})
    people["qa"].act(f"{BATCH}/records")
    people["supervisor"].act("/api/training/withdraw", person=people["nurse"].id, subject=script.MASTER, version=1,
                             reason="the method changed")  # fmt: skip
    patient = people["qa"].get("/api/orders")["orders"][0]["patient"]
    people["clinician"].act(f"/api/patients/{patient}/reveal", purpose="checking the order")


def credentials_change(life: Life) -> None:
    """The administrator changes what people prove themselves with, and what they may do."""
    people = life.people
    made = people["admin"].act("/api/people", name="Tomas New", user_name="tomas", password=TEMPORARY, roles=[])
    person = f"/api/people/{made['person']['id']}"
    for role in ("operator", "courier"):
        asked = people["supervisor"].act(f"{person}/access", role=role, reason="new in the team")
        people["qa"].act(f"/api/access/{asked['request']}/approve")
        people["admin"].act(f"{person}/roles", role=role)
    for role in ("operator", "courier"):
        people["admin"].act(f"{person}/roles/withdraw", role=role, reason="moved")
    people["admin"].act(f"{person}/password", password=f"{TEMPORARY} again")
    for key in ("operator", "courier"):
        people[key].enrol_second_factor()
        people["admin"].act(f"/api/people/{people[key].id}/totp/remove", reason="telephone lost")


STAFF = {part.user_name for part in (*CAST, ADMINISTRATOR)}
MODULES = {
    "access", "batches", "custody", "entering", "equipment", "masters", "passkeys", "patients", "people", "quality",
    "records", "steps", "trail", "training",
}  # fmt: skip


@pytest.mark.rule("FLT-30", "REL-02")
def test_every_act_that_is_sent_twice_is_done_once(lived: tuple[Life, list[Sent]]) -> None:
    life, sent = lived
    assert {one.endpoint.split(".")[0] for one in sent} >= MODULES
    assert [(one.endpoint, one.grown) for one in sent if one.grown] == []
    other = {one.endpoint for one in sent if one.answer != one.again}
    assert sorted(other - set(ANSWERS_ANEW)) == []
    assert verify_ledger(life.house.engine).size == life.house.wired.services.ledger.size


def sample(sent: list[Sent]) -> list[Sent]:
    """Return one act per endpoint, the last one."""
    return list({one.endpoint: one for one in sent}.values())


def signs_in(who: Twice) -> bool:
    """Sign in anew; False for somebody whose account was ended."""
    try:
        who.sign_in()
    except Unexpected:
        return False
    return True


def post(life: Life, one: Sent, form: Any, person: Twice | None = None) -> tuple[int, dict[str, Any], int]:
    """Send something to where an act went; return status, answer, and by how much the ledger grew."""
    who, ledger = person or one.person, life.house.wired.services.ledger
    for _ in range(2):
        size = ledger.size
        if isinstance(form, bytes):
            headers = {"X-CSRF-Token": who._csrf, "Accept": "application/json"}
            found = who._client.post(one.path, data=form, content_type="application/json", headers=headers)
            status, answer = found.status_code, found.json or {}
        else:
            status, body, _ = Hurried._exchange(who, "POST", one.path, form)
            answer = json.loads(body)
        if status != 401 or not signs_in(who):
            break
    return status, answer, ledger.size - size


@pytest.mark.rule("REL-02", negative=True)
def test_an_id_of_another_act_is_refused_everywhere(lived: tuple[Life, list[Sent]]) -> None:
    """The same person sends an act under the id of another act of theirs: of another kind, or on another thing."""
    life, sent = lived
    tried, wrong = set(), []
    for one in [each for each in sent if each.person.user_name in STAFF]:
        others = [each for each in sent if each.person is one.person and differs(one, each)]
        for is_same_kind in (True, False):
            for other in [each for each in others if (each.endpoint == one.endpoint) is is_same_kind][-1:]:
                status, answer, grown = post(life, one, {**one.form, "op": other.form["op"]})
                tried.add((one.endpoint, is_same_kind))
                if (status, answer.get("code"), grown) != (409, "operation-other", 0):
                    wrong.append((one.endpoint, other.endpoint, status, answer.get("code"), grown))
    assert wrong == []
    assert {endpoint.split(".")[0] for endpoint, _ in tried} >= MODULES
    assert sum(is_same_kind for _, is_same_kind in tried) > 10


@pytest.mark.rule("REL-02", negative=True)
def test_an_id_does_not_carry_other_values(lived: tuple[Life, list[Sent]]) -> None:
    """Whoever types something else after an answer was lost is not told that it was recorded."""
    life, sent = lived
    other: dict[str, dict[str, Any]] = {
        "steps.scan": {"code": bag_code("B-OTHER.A1", "CHA99992699999Z")}, "quality.enter_result": {"value": "12.3"},
        "quality.certify": {"stage": "neither"}, "passkeys.language": {"language": "fr"},
        "equipment.qualify": {"until": "2031-01-01T00:00:00Z"}, "custody.label": {"container": "B-9.P1"},
        "trail.export": {"format": "json"}, "batches.report": {"what": "other", "source": "somebody else"},
    }  # fmt: skip
    for one in sent:
        form = {**one.form, **other.get(one.endpoint, {})}
        if one.endpoint in ("steps.perform", "steps.correct"):
            form = json.loads(json.dumps(form).replace('"value": "', '"value": "9'))
        if form == one.form:
            continue
        status, answer, grown = post(life, one, form)
        assert (status, grown) in ((409, 0), (422, 0)), (one.endpoint, answer)
        assert answer["code"] in ("operation-other", "form-invalid"), (one.endpoint, answer)


@pytest.mark.rule("REL-02", negative=True)
def test_an_id_of_somebody_else_is_refused_everywhere(lived: tuple[Life, list[Sent]]) -> None:
    life, sent = lived
    for one in sample(sent):
        other = next(each for each in life.people.values() if each is not one.person and each.user_name != "irene")
        status, answer, grown = post(life, one, one.form, other)
        assert one.endpoint in UNRECORDED or status >= 400, one.endpoint
        assert status < 500
        assert grown == 0 or answer["code"] == "signature-wrong-person", (one.endpoint, answer)


def differs(one: Sent, other: Sent) -> bool:
    """Whether two acts are about something else: not the same form to the same place but for its id."""

    def bare(form: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in form.items() if name not in ("op", "signature", "reason", "text")}

    return (one.path, bare(one.form)) != (other.path, bare(other.form))


BAD = {
    "truncated": lambda form: json.dumps(form).encode()[: len(json.dumps(form)) // 2],
    "empty": lambda form: b"",
    "not a document": lambda form: b"[]",
    "a key twice": lambda form: json.dumps(form).encode()[:-1] + b', "op": "' + str(uuid4()).encode() + b'"}',
    "a float": lambda form: json.dumps({**form, "extra": 1.5}).encode(),
    "an id that is none": lambda form: {**form, "op": "one"},
    "no id": lambda form: {name: value for name, value in form.items() if name != "op"},
    "an unknown field": lambda form: {**form, "op": str(uuid4()), "at": "2026-01-01T00:00:00Z"},
    "a list for an id": lambda form: {**form, "op": [form["op"]]},
    "no UTF-8": lambda form: b'{"op": "\xff"}',
}


@pytest.mark.rule("REL-02", negative=True)
@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_broken_request_is_refused_by_every_act(lived: tuple[Life, list[Sent]], kind: str) -> None:
    life, sent = lived
    for one in sample(sent):
        status, answer, grown = post(life, one, BAD[kind](one.form))
        assert status in (400, 422), (one.endpoint, status, answer)
        assert answer["code"] in ("body-malformed", "form-invalid", "number-as-float"), (one.endpoint, answer)
        assert says_what_next(answer), answer["text"]
        assert grown == 0


@pytest.mark.rule("REL-02", negative=True)
def test_acts_that_come_again_in_another_order_are_refused_or_new(lived: tuple[Life, list[Sent]]) -> None:
    """Each act once more under a fresh id, the last first: no error of the site, and only what is accepted grows."""
    life, sent = lived
    ledger = life.house.wired.services.ledger
    for one in reversed(sample(sent)):
        if one.endpoint in ("entering.own_password", "people.disable", "people.set_password", "records.seal"):
            continue
        form = {name: value for name, value in one.form.items() if name != "signature"}
        status, answer, grown = post(life, one, {**form, "op": str(uuid4())})
        assert status < 500, (one.endpoint, answer)
        if status >= 300:
            assert answer["text"], (one.endpoint, answer)
            assert grown == 0 or answer["code"] in ("scan-mismatch", "signature-secret-wrong"), (one.endpoint, answer)
    assert verify_ledger(life.house.engine).size == ledger.size


def over_the_wire(address: str, who: Hurried) -> DemoPerson:
    """Return the same person at a browser that talks through a socket."""
    found = urlsplit(address)
    person = DemoPerson(("127.0.0.1", found.port or 0), who.name, who.user_name, who.password)
    person.sign_in()
    return person


def raw(person: DemoPerson, path: str, body: bytes, length: int | None = None) -> socket.socket:
    """Write a request to a socket and return it, the answer unread."""
    cookies = "; ".join(f"{name}={value}" for name, value in person._cookies.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nX-CSRF-Token: {person._csrf}\r\nCookie: {cookies}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    line = socket.create_connection(person.address, 10)
    line.sendall(head.encode() + body)
    return line


def answer_of(line: socket.socket) -> tuple[int, dict[str, Any]]:
    with line, line.makefile("rb") as stream:
        head, _, body = stream.read().partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.rule("FLT-32", "REL-02")
def test_an_answer_that_is_lost_after_the_commit_is_given_when_asked_again(lived: tuple[Life, list[Sent]]) -> None:
    life, _ = lived
    ledger = life.house.wired.services.ledger
    with served(life.house) as address:
        person = over_the_wire(address, life.people["operator"])
        told = {"op": str(uuid4()), "what": "other", "account": "told once", "source": "memory",
                "occurred_at": life.pace.now.isoformat()}  # fmt: skip
        body, before = json.dumps(told).encode(), ledger.size
        raw(person, f"{BATCH}/report", body).close()  # the answer finds nobody
        patience = time.monotonic() + 10
        while ledger.size == before and time.monotonic() < patience:
            time.sleep(0.02)
        recorded = ledger.size
        assert recorded > before
        first = answer_of(raw(person, f"{BATCH}/report", body))
        assert first[0] == 200
        assert answer_of(raw(person, f"{BATCH}/report", body)) == first
        assert ledger.size == recorded
    operations = [entry for entry in ledger.entries(before) if entry.type == "batch:fact:reported"]
    assert [entry.op for entry in operations] == [told["op"]]


@pytest.mark.rule("FLT-32", negative=True)
def test_over_the_wire_what_is_broken_is_refused(lived: tuple[Life, list[Sent]]) -> None:
    life, sent = lived
    ledger = life.house.wired.services.ledger
    with served(life.house) as address:
        person = over_the_wire(address, life.people["operator"])
        hold = {"op": str(uuid4()), "reason": "a question"}
        used = next(one for one in sent if one.person is life.people["operator"])
        before = ledger.size
        body = json.dumps(hold).encode()
        cut = raw(person, f"{BATCH}/hold", body[:20], len(body))  # the line breaks halfway through the body
        cut.shutdown(socket.SHUT_WR)
        status, told = answer_of(cut)
        assert (status, told["code"]) in ((400, "body-malformed"), (400, "http-error"))
        assert answer_of(raw(person, f"{BATCH}/hold", body[:20]))[1]["code"] == "body-malformed"
        assert answer_of(raw(person, f"{BATCH}/hold", b'{"op": 1.5}'))[1]["code"] == "number-as-float"
        other = answer_of(raw(person, f"{BATCH}/hold", json.dumps({**hold, "op": used.form["op"]}).encode()))
        assert (other[0], other[1]["code"]) == (409, "operation-other")
        assert ledger.size == before
    assert verify_ledger(life.house.engine).size == ledger.size
