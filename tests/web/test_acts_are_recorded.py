"""Every route that changes something leaves an entry: a whole batch, and beside it every act that no batch needs."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response, g, request

from mes.demo import script, setting
from mes.demo.acts import Playing
from mes.demo.client import DemoPerson
from tests.journeys.house import HeldPace, build_house, employed
from tests.signatures.authenticator import Authenticator
from tests.web.conftest import Browser

UNRECORDED = {
    "entering.start_totp": "a secret waits in memory until a first code proves it; the enrolment is the entry",
    "passkeys.begin": "a challenge waits in memory until an authenticator answers it; the enrolment is the entry",
    "records.again": "the entry is made by the job, once the bundle stands",
    "steps.program": "asks an OPC UA device once more; refused in a batch that is operated by hand",
}
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


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Watch, Playing]]:
    """Give a whole batch, played by hand, and what each act left."""
    house = build_house(tmp_path_factory.mktemp("acts") / "site")
    ledger, watch = house.wired.services.ledger, Watch()
    watch.over(house.app, lambda: ledger.size)
    people = employed(house)
    play = Playing(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
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
    script.harvest_and_release(play, vein)
    script.infuse(play, vein)
    play.people["qp"].act(f"{BATCH}/refuse", stage="final", reason="deferred results are not in")
    afterwards(play)
    browser = Browser(house.app.test_client())
    browser.sign_in("olivia")
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
    admin.act(f"/api/security/{alert}/acknowledge", reason="she had forgotten it")
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
            stranger.sign_in("olivia", "not her password")
    finally:
        sessions.wall = wall


def afterwards(play: Playing) -> None:
    """Correct a value after all is signed, raise a deviation on what that opened, and seal the record."""
    value = {"parameter": "sample_volume", "value": "2.5", "unit": "mL"}
    play.people["nurse"].act(play.path("A04", "correct"), value=value, reason="misread")
    opened = next(one for one in play.state()["exceptions"] if one["deviation"] is None)
    play.people["supervisor"].act(f"{BATCH}/exceptions/{opened['exception']}/deviation")
    play.people["qa"].act(f"{BATCH}/records")


def test_every_act_left_an_entry(watched: tuple[Flask, Watch, Playing]) -> None:
    _, watch, _ = watched
    silent = {endpoint for endpoint, grown in watch.grown.items() if not all(grown)}
    assert silent <= set(UNRECORDED)


def test_every_act_was_done(watched: tuple[Flask, Watch, Playing]) -> None:
    app, watch, _ = watched
    acts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    assert sorted(acts - set(watch.grown) - set(UNRECORDED)) == []
