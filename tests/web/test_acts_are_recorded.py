"""Every route that changes something leaves an entry: a whole batch, and beside it every act that no batch needs."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, Response, g, request
from sqlalchemy import text

from mes.demo import script, setting
from mes.demo.acts import Playing, Who
from mes.demo.client import DemoPerson
from mes.ledger.database import open_engine
from mes.migrations.schema import everything
from tests.journeys.house import HeldPace, build_house, employed
from tests.signatures.authenticator import Authenticator
from tests.web.conftest import Browser

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UNRECORDED = {
    "entering.start_totp": "a secret waits in memory until a first code proves it; the enrolment is the entry",
    "passkeys.begin": "a challenge waits in memory until an authenticator answers it; the enrolment is the entry",
    "oidc.start": "a question waits in memory until the provider answers it; the sign-in or its refusal is the entry",
    "records.again": "the entry is made by the job, once the bundle stands",
    "steps.program": "asks an OPC UA device once more; refused in a batch that is operated by hand",
}
ELSEWHERE = {
    "questions.uphold": "tests/quality/test_question.py", "privacy.request_erasure": "tests/web/test_privacy.py",
    "privacy.forget": "tests/web/test_privacy.py", "privacy.remove": "tests/web/test_privacy.py",
    "oidc.link": "tests/people/test_oidc.py", "oidc.unlink": "tests/people/test_oidc.py",
}  # fmt: skip
"""Acts that need a batch of their own, and the test that shows their entry."""
ALONE_IN = "A15"
"""The step that ends without its verifier."""
BATCH = f"/api/batches/{script.BATCH}"


@dataclass
class Watch:
    """How many entries each successful POST left, by endpoint."""

    grown: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def over(self, app: Flask, size: Any) -> None:
        """Look at the ledger before and after every POST."""

        @app.before_request
        def before() -> None:
            g.size = size()

        @app.after_request
        def after(response: Response) -> Response:
            if request.method == "POST" and response.status_code < 300:
                self.grown[str(request.endpoint)].append(size() - g.size)
            return response


class WithoutVerifier(Playing):
    """A play in which the verifier is away when one step ends: the glass is broken, the verifier comes later."""

    def finish(self, step: str, who: Who) -> None:
        """Finish a step."""
        if step != ALONE_IN:
            super().finish(step, who)
            return
        super().finish(step, Who(who.performs))
        self.people[who.performs].enrol_second_factor()
        self.people[who.performs].act(self.path(step, "break-glass"), reason="verifier called to another patient")
        if who.verifies:
            self.people[who.verifies].act(self.path(step, "verify"))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Watch, Playing]]:
    """Give a whole batch, played by hand, and what each act left."""
    house = build_house(tmp_path_factory.mktemp("acts") / "site")
    ledger, watch = house.wired.services.ledger, Watch()
    watch.over(house.app, lambda: ledger.size)
    people = employed(house)
    play = WithoutVerifier(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, play.pace.now)
    opcua = people["admin"].act(
        "/api/equipment", equipment="PRD-02", device_class="cell_processor", model="other", serial="2",
        binding="opcua", simulated=True, endpoint="opc.tcp://127.0.0.1:4840", nodemap="prodigy_like",
        server_thumbprint="sha256:" + "ab" * 32,
    )  # fmt: skip
    people["qa2"].act("/api/equipment/PRD-02/nodemap", digest=opcua["nodemap"])
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    vein = script.collect_and_bring(play)
    aside(play)
    script.activate(play, vein)
    script.culture(play, vein)
    people["qa2"].act(f"{BATCH}/trail/defer", stage="preliminary", reason="the only uninvolved reviewer is ill")
    script.harvest_and_release(play, vein)
    script.infuse(play, vein)
    play.people["qp"].act(f"{BATCH}/refuse", stage="final", reason="deferred results are not in")
    afterwards(play)
    browser = Browser(house.app.test_client())
    assert browser.sign_in("rosa").status_code == 200
    browser.client.post("/api/sign-out", json={}, headers={"X-CSRF-Token": browser.csrf})
    yield house.app, watch, play
    house.wired.services.records.close()


def aside(play: Playing) -> None:
    """Do what goes wrong or changes around a batch: hold, report, deviate, correct, people, a look at a patient."""
    people, pace = play.people, play.pace
    operator, qa, admin = people["operator"], people["qa"], people["admin"]
    operator.act(f"{BATCH}/hold", reason="bag on the floor")
    qa.act(f"{BATCH}/resume", reason="bag intact")
    told = {"account": "The box stood open for a minute.", "source": "courier", "witness": "nurse"}
    at = (pace.now - timedelta(minutes=5)).isoformat()
    operator.act(f"{BATCH}/report", what="other", occurred_at=at, **told)
    script.settle_problems(play)
    made = admin.act("/api/people", name="Tomas New", user_name="tomas", password="change me at once", roles=[])
    person = f"/api/people/{made['person']['id']}"
    people_come_and_go(play, person)
    passkey(people["operator"])
    patient = qa.get("/api/orders")["orders"][0]["patient"]
    people["clinician"].act(f"/api/patients/{patient}/reveal", purpose="checking the order")


def passkey(person: DemoPerson) -> None:
    """Enrol a passkey, take it away again, and choose a language for one's signatures."""
    options = person.act("/api/me/passkeys/begin", password=person.password)["options"]
    device = Authenticator(origin="http://localhost:8471")
    person.act("/api/me/passkeys", name="Ring", answer=device.create(options))
    person.act("/api/me/passkeys/remove", credential=device.id, reason="replaced")
    person.act("/api/me/language", language="en")


def people_come_and_go(play: Playing, person: str) -> None:
    """Ask for access, refuse it once, withdraw it, lose a second factor, answer an alert, review, and leave."""
    people = play.people
    admin, qa, supervisor = people["admin"], people["qa2"], people["supervisor"]
    asked = supervisor.act(f"{person}/access", role="courier", reason="new driver")
    qa.act(f"/api/access/{asked['request']}/refuse", reason="no contract yet")
    asked = supervisor.act(f"{person}/access", role="operator", reason="new in the team")
    qa.act(f"/api/access/{asked['request']}/approve")
    admin.act(f"{person}/roles", role="operator")
    admin.act(f"{person}/roles/withdraw", role="operator", reason="moved")
    admin.act(f"{person}/password", password="change me once more")
    admin.act(f"/api/people/{people['qp'].id}/totp/remove", reason="telephone lost")
    people["qp"].enrol_second_factor()
    guess(people["operator"]._client.application)
    alert = admin.get("/api/security")["alerts"][0]["alert"]
    admin.act(f"/api/security/{alert}/acknowledge", reason="he had forgotten it")
    everybody = [one for one in qa.get("/api/people")["people"] if one["active"] and one["roles"]]
    verdicts = [{"person": one["id"], "verdict": "confirmed"} for one in everybody if one["id"] != qa.id]
    qa.act("/api/access/review", verdicts=verdicts)
    admin.act(f"{person}/disable", reason="left the site")


def guess(app: Flask) -> None:
    """Let a stranger fail five times in a row, waiting as long as asked."""
    stranger = Browser(app.test_client())
    sessions = app.extensions["septima"].people._sessions
    wall = sessions.wall
    try:
        for minute in range(5):
            sessions.wall = lambda minute=minute: wall() + 60 * minute
            stranger.sign_in("karim", "not his password")
    finally:
        sessions.wall = wall


def afterwards(play: Playing) -> None:
    """Correct a value after all is signed, raise a deviation on what that opened, and seal the record."""
    value = {"parameter": "sample_volume", "value": "2.5", "unit": "mL"}
    play.people["nurse"].act(play.path("A04", "correct"), value=value, reason="misread")
    opened = next(one for one in play.state()["exceptions"] if one["deviation"] is None)
    play.people["supervisor"].act(f"{BATCH}/exceptions/{opened['exception']}/deviation")
    play.people["qa"].act(f"{BATCH}/records")
    play.people["auditor"].act("/api/trail/exports", format="csv", filter={"batch": script.BATCH})
    play.people["qp"].act(f"{BATCH}/certificate/withdraw", reason="the sample volume was misread")
    assert b"certificate withdrawn" in play.people["qp"].download(f"/batches/{script.BATCH}/release")
    trained = {"person": play.people["nurse"].id, "subject": script.MASTER, "version": 1}
    play.people["supervisor"].act("/api/training/withdraw", reason="the method changed", **trained)


@pytest.mark.rule("REG-A11D-12-1", "SEC-33")
def test_every_act_left_an_entry(watched: tuple[Flask, Watch, Playing]) -> None:
    _, watch, _ = watched
    silent = {endpoint for endpoint, grown in watch.grown.items() if not all(grown)}
    assert silent <= set(UNRECORDED)


@pytest.mark.rule("REG-A11D-12-1", negative=True)
def test_every_act_was_done(watched: tuple[Flask, Watch, Playing]) -> None:
    app, watch, _ = watched
    acts = {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or set()) - SAFE}
    assert sorted(acts - set(watch.grown) - set(UNRECORDED) - set(ELSEWHERE)) == []
    assert {*UNRECORDED, *ELSEWHERE} <= acts
    root = Path(__file__).parents[2]
    assert all(endpoint.split(".")[1] in (root / shown).read_text() for endpoint, shown in ELSEWHERE.items())


SECURITY = (
    "person:session:started", "person:session:refused", "person:session:ended", "person:account:enrolled",
    "person:account:disabled", "person:role:granted", "person:role:withdrawn", "person:access:requested",
    "person:access:approved", "person:access:refused", "person:credential:changed", "person:credential:removed",
    "person:passkey:enrolled", "person:passkey:removed", "person:security:alerted", "site:access:reviewed",
    "patient:revealed", "equipment:device:registered", "equipment:nodemap:approved", "site:record:sealed",
    "site:trail:exported",
)  # fmt: skip


@pytest.mark.rule("SEC-33")
@pytest.mark.parametrize("kind", SECURITY)
def test_a_security_event_has_time_source_and_who(watched: tuple[Flask, Watch, Playing], kind: str) -> None:
    app, _, play = watched
    lines = play.people["auditor"].get(f"/api/trail?type={kind}&size=200")["lines"]
    assert lines
    for line in lines:
        assert line["at"].endswith("Z")
        assert line["person"]
        assert line["type"] == kind
        entry = app.extensions["septima"].ledger.entry(line["index"])
        assert entry.document["actor"]["id"] == line["person"]


@pytest.mark.rule("SEC-33", negative=True)
def test_what_was_typed_at_a_failed_sign_in_is_nowhere(watched: tuple[Flask, Watch, Playing]) -> None:
    app, _, play = watched
    refused = play.people["auditor"].get("/api/trail?type=person:session:refused&size=200")["lines"]
    assert len(refused) >= 5
    assert not any(b"not her password" in entry.body for entry in app.extensions["septima"].ledger.entries())


@pytest.mark.rule("REG-A11D-12-1", negative=True)
def test_an_act_that_leaves_no_entry_is_noticed() -> None:
    watch, app = Watch(), Flask("silent")
    watch.over(app, lambda: 7)
    app.add_url_rule("/change", "change", lambda: "changed", methods=["POST"])
    app.test_client().post("/change")
    assert watch.grown == {"change": [0]}


@pytest.mark.rule("REG-A11D-12-2", "REG-DI-01")
def test_a_change_holds_who_what_when_and_why(watched: tuple[Flask, Watch, Playing]) -> None:
    app, _, play = watched
    entries = app.extensions["septima"].ledger.entries()
    entry = next(one for one in entries if one.type == "batch:value:corrected")
    document = entry.document
    assert (document["reason"], document["actor"]["role"]) == ("misread", "collection_nurse")
    assert (document["tz"], document["utc_offset"]) == ("Europe/Brussels", "+02:00")
    assert entry.data["old"]["value"] != entry.data["new"]["value"] == "2.5"
    lines = play.people["auditor"].get("/api/trail?item=sample_volume&size=200")["lines"]
    (line,) = [one for one in lines if one["index"] == entry.index]
    assert line["old"].startswith(f"{entry.data['old']['value']} mL")
    assert line["new"].startswith("2.5 mL")
    assert (line["reason"], line["role"], line["local"][-6:]) == ("misread", "collection_nurse", "+02:00")


def rows(watched: tuple[Flask, Watch, Playing]) -> Mapping[str, Any]:
    """Count the rows of every table of the site, and of its sessions."""
    app, _, _ = watched
    site = app.extensions["septima"]
    engine = open_engine(site.settings.database, read_only=True)
    try:
        with engine.connect() as connection:
            names = [name for metadata in everything() for name in metadata.tables]
            found = {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar() for name in names}
    finally:
        engine.dispose()
    with closing(sqlite3.connect(site.settings.sessions_path)) as sessions:
        found["session"] = sessions.execute("SELECT count(*) FROM session").fetchone()[0]
    return found


@pytest.mark.rule("SEC-18")
@pytest.mark.parametrize("who", ["arthur", "irene", "paula", "ada"])
def test_no_look_changes_anything(watched: tuple[Flask, Watch, Playing], who: str) -> None:
    app, _, play = watched
    browser = Browser(app.test_client())
    assert browser.sign_in(who).status_code == 200
    serial = play.state()["labels"][0]["serial"]
    ledger = app.extensions["septima"].ledger
    seal = next(one.index for one in ledger.entries() if one.type == "site:record:sealed")
    copy = next(one.index for one in ledger.entries() if one.type == "site:trail:exported")
    known = {"batch_id": script.BATCH, "step_id": "A06", "serial": serial, "seal_index": seal, "index": copy,
             "job_id": "none"}  # fmt: skip
    before, seen = rows(watched), set()
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        path = rule.rule
        for name in rule.arguments:
            path = re.sub(rf"<(\w+:)?{name}>", str(known[name]), path)
        answer = browser.client.get(path, query_string={"tag": "culture.temperature"} if "series" in path else None)
        seen.add(answer.status_code)
        assert answer.status_code < 500, path
        answer.close()
    assert rows(watched) == before
    assert 200 in seen


@pytest.mark.rule("SEC-18", negative=True)
def test_an_act_without_its_token_changes_nothing(watched: tuple[Flask, Watch, Playing]) -> None:
    app, _, _ = watched
    browser = Browser(app.test_client())
    browser.sign_in("arthur")
    before = rows(watched)
    path = f"{BATCH}/trail/examine"
    for headers in ({}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": browser.csrf, "Origin": "https://evil.example"},
                    {"X-CSRF-Token": browser.csrf, "Sec-Fetch-Site": "cross-site"}):  # fmt: skip
        answer = browser.client.post(path, json={"op": str(uuid4()), "index": "1"}, headers=headers)
        assert answer.status_code == 403
    assert rows(watched) == before
