"""Accounts and access over HTTP: three people for a role, no signature without standing, sessions that end at once."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from mes.demo.cast import PASSWORD
from mes.demo.client import Unexpected
from mes.ids import new_op
from mes.people.model import Role
from mes.people.sessions import IDLE_S
from tests.journeys.house import House, InProcessPerson, build_house, employed
from tests.people.houses import APPROVER, ASKER, scribble
from tests.web.conftest import Browser

FRESH = "a fen full of reeds"
TEMPORARY = "change me at once"


@dataclass
class Office:
    """A site at work, the cast of the demo in it, and its wall clock."""

    house: House
    people: dict[str, InProcessPerson]

    def browser(self, user_name: str = "", password: str = PASSWORD) -> Browser:
        """Return a browser, signed in if a user is named."""
        made = Browser(self.house.app.test_client())
        if user_name:
            assert made.sign_in(user_name, password).status_code == 200
        return made

    def newcomer(self, user_name: str, *roles: str) -> str:
        """Let somebody arrive with a password of their own, and return their id."""
        admin = self.people["admin"]
        form = {"name": f"{user_name.title()} New", "user_name": user_name, "password": TEMPORARY}
        ident = str(admin.act("/api/people", **form)["person"]["id"])
        room = self.house.wired.services.people
        for role in roles:
            request = room.request_access(ident, Role(role), by=ASKER, reason="new in the team", op=new_op())
            room.approve_access(request, by=APPROVER, sign=scribble, op=new_op())
            admin.act(f"/api/people/{ident}/roles", role=role)
        own = self.browser(user_name, TEMPORARY)
        assert own.post("/api/me/password", {"current": TEMPORARY, "password": FRESH}).status_code == 200
        return ident

    @property
    def sessions(self) -> Any:
        """Return the sessions file, whose wall clock a test winds."""
        return self.house.wired.sessions

    def types(self, since: int) -> list[str]:
        """Return the types of the entries from `since` on."""
        return [entry.type for entry in self.house.wired.services.ledger.entries(since)]

    @property
    def size(self) -> int:
        """Return how many entries there are."""
        return self.house.wired.services.ledger.size


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Give the site with its cast."""
    house = build_house(tmp_path_factory.mktemp("people") / "site")
    yield Office(house, employed(house))
    house.close()


@pytest.fixture
def office(founded: Office) -> Iterator[Office]:
    """Give the site, and its wall clock back as it was."""
    wall = founded.sessions.wall
    yield founded
    founded.sessions.wall = wall


def code_of(person: InProcessPerson, path: str, **form: Any) -> str | None:
    """Return the code with which an act is refused, None if it is done."""
    try:
        person.act(path, **form)
    except Unexpected as refused:
        return str(refused.code)
    return None


@pytest.mark.rule("REG-A11-12")
@pytest.mark.rule("REG-A11-12", negative=True)
def test_a_role_takes_three_people(office: Office) -> None:
    ident, before = office.newcomer("tilda"), office.size
    admin, qa, supervisor = office.people["admin"], office.people["qa"], office.people["supervisor"]
    path = f"/api/people/{ident}"
    assert code_of(admin, f"{path}/roles", role="operator") == "approval-needed"
    assert code_of(admin, f"{path}/access", role="operator", reason="x") == "role-missing"
    assert code_of(supervisor, f"{path}/access", role="operator") == "reason-needed"
    own = qa.act(f"{path}/access", role="courier", reason="drives too")["request"]
    assert code_of(qa, f"/api/access/{own}/approve") == "access-same-person"
    assert office.size == before + 1
    qa2 = office.people["qa2"]
    qa2.act(f"/api/access/{own}/refuse", reason="no contract")
    asked = supervisor.act(f"{path}/access", role="operator", reason="new in the team")["request"]
    assert code_of(supervisor, f"/api/access/{asked}/approve") == "role-missing"
    qa2.act(f"/api/access/{asked}/approve")
    assert admin.act(f"{path}/roles", role="operator")["person"]["roles"] == ["operator"]
    approved = [
        entry for entry in office.house.wired.services.ledger.entries(before) if entry.type.endswith("approved")
    ]
    (signature,) = [entry.document["signature"] for entry in approved]
    assert signature["meaning"] == "ACCESS_APPROVED"
    assert "totp" in signature["factors"]
    admin.act(f"{path}/roles/withdraw", role="operator", reason="moved")
    assert admin.get("/api/me")["person"]["roles"] == ["administrator"]


@pytest.mark.rule("REG-P11-10j")
@pytest.mark.rule("REG-P11-100b")
@pytest.mark.rule("REG-P11-10j", negative=True)
@pytest.mark.rule("REG-P11-100b", negative=True)
def test_nobody_signs_before_accountability_and_a_second_persons_proof(office: Office) -> None:
    ident = office.newcomer("timon", "qa")
    timon = office.house.person("timon", "Timon New", FRESH)
    timon.sign_in()
    path = f"/api/people/{office.people['courier'].id}/identity"
    assert code_of(timon, path, document="passport, seen") == "identity-proved"
    stranger = f"/api/people/{office.newcomer('tessa')}/identity"
    assert code_of(timon, stranger, document="passport, seen") == "accountability-missing"
    before = office.size
    timon.act("/api/me/accountability")
    assert office.types(before) == ["person:accountability:accepted"]
    assert code_of(timon, "/api/me/accountability") == "accountability-accepted"
    assert code_of(timon, stranger, document="passport, seen") == "identity-not-proved"
    assert code_of(timon, f"/api/people/{ident}/identity", document="passport, seen") == "identity-own"
    assert code_of(office.people["admin"], f"/api/people/{ident}/identity", document="x") == "identity-by-qa"
    office.people["qa"].act(f"/api/people/{ident}/identity", document="passport, seen")
    timon.act(stranger, document="passport, seen")
    last = office.house.wired.services.ledger.entry(office.size - 1)
    assert last.document["signature"]["meaning"] == "IDENTITY_PROVED"
    assert last.data["document"] == "passport, seen"


@pytest.mark.rule("REG-P11-200a2", negative=True)
def test_a_secret_from_the_desk_cannot_sign_or_accept_anything(office: Office) -> None:
    ident = office.newcomer("tobias", "operator")
    office.people["admin"].act(f"/api/people/{ident}/password", password="from the desk, once")
    own = office.browser("tobias", "from the desk, once")
    refused = own.signed("/api/me/accountability", {}, "from the desk, once", "tobias")
    assert (refused.status_code, refused.json["code"]) == (409, "password-temporary")
    assert "from the desk" not in str(refused.json)


@pytest.mark.rule("REG-P11-100a", negative=True)
def test_a_login_that_was_retired_is_not_given_again(office: Office) -> None:
    ident, admin = office.newcomer("thea"), office.people["admin"]
    admin.act(f"/api/people/{ident}/disable", reason="left the site")
    again = {"name": "Thea Other", "user_name": "thea", "password": TEMPORARY}
    assert code_of(admin, "/api/people", **again) == "user-name-taken"
    assert code_of(admin, "/api/people", **{**again, "user_name": "operator1"}) == "user-name-generic"
    assert code_of(admin, "/api/people", **{**again, "user_name": "thea2", "password": "Password2026!"}) == (
        "password-common"
    )


def test_an_operation_is_good_for_one_act(office: Office) -> None:
    ident, op = office.newcomer("theo"), str(uuid4())
    sofia = office.browser("sofia")
    form = {"op": op, "role": "operator", "reason": "new"}
    first = sofia.post(f"/api/people/{ident}/access", form)
    again = sofia.post(f"/api/people/{ident}/access", form)
    assert (first.status_code, again.json) == (201, first.json)
    anna = office.browser("anna")
    other = anna.post(f"/api/access/{first.json['request']}/refuse", {"op": op, "reason": "no"})
    assert (other.status_code, other.json["code"]) == (409, "operation-other")


@pytest.mark.rule("SEC-10")
@pytest.mark.rule("SEC-10", negative=True)
@pytest.mark.rule("REG-A11D-11-1")
def test_a_leavers_sessions_end_at_once_and_a_signature_in_flight_is_refused(office: Office) -> None:
    """Two sessions, one of them between prompt and signature, when the account ends: both are dead within 5 s."""
    ident = office.newcomer("tara", "supervisor")
    here, there = office.browser("tara", FRESH), office.browser("tara", FRESH)
    form = {"op": str(uuid4())}
    asked = here.post("/api/me/accountability", form)
    assert asked.status_code == 428
    office.people["admin"].act(f"/api/people/{ident}/disable", reason="left the site")
    began, before = time.monotonic(), office.size
    facts = asked.json["facts"]
    signature = {"user_name": "tara", "password": FRESH, "shown": facts["shown"]}
    refused = here.post("/api/me/accountability", {**form, "signature": signature})
    assert refused.status_code == 401
    assert there.client.get("/api/batches").status_code == 401
    assert there.sign_in("tara", FRESH).status_code == 401
    assert time.monotonic() - began < 5
    assert office.types(before) == ["person:session:refused"]


@pytest.mark.rule("SEC-08")
@pytest.mark.rule("SEC-08", negative=True)
def test_a_session_id_is_renewed_at_sign_in_and_when_the_password_changes(office: Office) -> None:
    office.newcomer("tom", "operator")
    browser, other = office.browser("tom", FRESH), office.browser("tom", FRESH)
    first = browser.client.get_cookie("septima")
    browser.sign_in("tom", FRESH)
    second = browser.client.get_cookie("septima")
    assert first is not None
    assert second is not None
    assert first.value != second.value
    stale = office.browser()
    terminal = browser.client.get_cookie("terminal")
    assert terminal is not None
    stale.client.set_cookie("terminal", terminal.value)
    stale.client.set_cookie("septima", first.value)
    assert stale.client.get("/api/me").status_code == 401
    answer = browser.post("/api/me/password", {"current": FRESH, "password": "another fen of reeds"})
    third = browser.client.get_cookie("septima")
    assert third is not None
    assert third.value != second.value
    assert answer.json["csrf"] != browser.csrf
    assert browser.client.get("/api/me").status_code == 200
    assert other.client.get("/api/me").status_code == 401


@pytest.mark.rule("SEC-09")
@pytest.mark.rule("SEC-09", negative=True)
def test_an_idle_session_is_locked_and_a_long_one_ends(office: Office) -> None:
    """After the idle limit, and after 12 h of work without a pause, everything has to be shown again."""
    wall = office.sessions.wall
    idle = office.browser("olivia")
    office.sessions.wall = lambda: wall() + IDLE_S - 10
    assert idle.client.get("/api/me").status_code == 200
    office.sessions.wall = lambda: wall() + 2 * IDLE_S + 10
    assert idle.client.get("/api/me").status_code == 401
    office.sessions.wall = wall
    busy = office.browser("olivia")
    for minutes in range(0, 12 * 60, 10):
        office.sessions.wall = lambda minutes=minutes: wall() + minutes * 60
        assert busy.client.get("/api/me").status_code == 200
    office.sessions.wall = lambda: wall() + 12 * 3600 + 1
    assert busy.client.get("/api/me").status_code == 401


@pytest.mark.rule("REG-P11-300a-e")
@pytest.mark.rule("REG-P11-300a-e", negative=True)
@pytest.mark.rule("SEC-11")
def test_five_failures_alert_those_who_watch_and_stop_nobody_else(office: Office) -> None:
    wall = office.sessions.wall
    stranger, colleague = office.browser(), office.browser("rosa")
    for minute in range(5):
        office.sessions.wall = lambda minute=minute: wall() + 61 * minute
        assert stranger.sign_in("bram", "not his password").status_code == 401
    assert stranger.sign_in("bram", "not his password").status_code == 429
    assert colleague.client.get("/api/me").status_code == 200
    office.people["clinician2"].sign_in()
    page = office.browser("ada").client.get("/people").text
    assert "nobody has answered" in page
    assert "nobody has answered" not in office.browser("sofia").client.get("/people").text
    told = office.browser("ada").client.get("/api/security").json
    alert = next(one for one in told["alerts"] if one["person"] == office.people["clinician2"].id)
    assert (alert["what"], alert["in_a_row"], alert["acknowledged_by"]) == ("sign-in", 5, None)
    assert "not his password" not in str(told)
    office.sessions.wall = wall
    answer = office.people["admin"].act(f"/api/security/{alert['alert']}/acknowledge", reason="keyboard layout")
    assert answer["acknowledged_by"] == office.people["admin"].id
    assert "nobody has answered" not in office.browser("ada").client.get("/people").text


@pytest.mark.rule("REG-P11-300a-e")
def test_failed_signatures_alert_too(office: Office) -> None:
    office.newcomer("tristan", "operator")
    own, wall = office.browser("tristan", FRESH), office.sessions.wall
    shown = own.post("/api/me/accountability").json["facts"]["shown"]
    before = office.size
    for minute in range(5):
        office.sessions.wall = lambda minute=minute: wall() + 61 * minute
        signature = {"user_name": "tristan", "password": "not my password", "shown": shown}
        assert own.post("/api/me/accountability", {"signature": signature}).status_code == 401
    assert office.types(before) == ["signature:refused"] * 5 + ["person:security:alerted"]


@pytest.mark.rule("REG-P11-300a-e")
def test_a_lost_second_factor_is_dead_at_once(office: Office) -> None:
    ident, admin = office.newcomer("tycho", "qp"), office.people["admin"]
    tycho = office.house.person("tycho", "Tycho New", FRESH)
    tycho.sign_in()
    tycho.enrol_second_factor()
    assert tycho.get("/api/me")["person"]["second_factor"]
    assert code_of(tycho, f"/api/people/{ident}/totp/remove", reason="lost") == "role-missing"
    admin.act(f"/api/people/{ident}/totp/remove", reason="telephone stolen")
    assert not tycho.get("/api/me")["person"]["second_factor"]


@pytest.mark.rule("REG-A11D-11-1")
@pytest.mark.rule("REG-A11D-11-1", negative=True)
def test_the_review_of_access_covers_everybody_and_withdraws_at_once(office: Office) -> None:
    ident = office.newcomer("titus", "courier")
    anna = office.people["qa"]
    page = office.browser("anna").client.get("/people/review").text
    assert "Titus New" in page
    assert "left to a colleague" in page
    listed = [one for one in anna.get("/api/people")["people"] if one["active"] and one["roles"]]
    verdicts = [
        {"person": one["id"], "verdict": "withdrawn" if one["id"] == ident else "confirmed"}
        for one in listed if one["id"] != anna.id
    ]  # fmt: skip
    assert code_of(anna, "/api/access/review", verdicts=verdicts[1:]) == "review-incomplete"
    before = office.size
    anna.act("/api/access/review", verdicts=verdicts)
    assert office.types(before) == ["site:access:reviewed", "person:role:withdrawn"]
    state = next(one for one in anna.get("/api/people")["people"] if one["id"] == ident)
    assert state["roles"] == []
    status = office.browser().client.get("/api/status").json["access_review"]
    assert not status["overdue"]


@pytest.mark.rule("REG-P11-10d", negative=True)
def test_an_account_without_role_sees_its_own_page_alone(office: Office) -> None:
    office.newcomer("tina")
    own = office.browser("tina", FRESH)
    assert own.client.get("/me").status_code == 200
    assert "Read and sign" in own.client.get("/me").text
    for path in ("/batches", "/people", "/orders", "/security", "/api/batches", "/api/people"):
        assert own.client.get(path).status_code == 403, path


@pytest.mark.rule("SEC-15")
@pytest.mark.rule("SEC-15", negative=True)
def test_a_fresh_site_has_no_account_at_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = build_house(tmp_path_factory.mktemp("fresh") / "site")
    try:
        assert house.wired.services.people.people() == []
        browser = Browser(house.app.test_client())
        for name in ("admin", "administrator", "root", "septima", "ada", "olivia"):
            for password in ("admin", "septima", PASSWORD, ""):
                assert browser.sign_in(name, password or "x").status_code in (401, 429)
        form = {"name": "Ada Vermeulen", "user_name": "ada", "password": PASSWORD}
        wrong = browser.client.post("/api/first-administrator", json={**form, "code": "AAAAA-AAAAA"})
        assert (wrong.status_code, wrong.json["code"]) == (401, "first-code-wrong")
        right = browser.client.post("/api/first-administrator", json={**form, "code": house.first_code})
        again = browser.client.post(
            "/api/first-administrator", json={**form, "user_name": "eve", "code": house.first_code}
        )
        assert (right.status_code, again.status_code) == (201, 401)
    finally:
        house.close()
