"""Every route, every role: who gets in is written in privileges.yaml, and nobody else does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from mes.ids import new_op
from mes.ledger.entry import Actor
from mes.people.model import Role
from mes.web.permission import ACCOUNT, ANY_ROLE, PERMISSION, PUBLIC
from tests.journeys.house import build_house
from tests.people.builders import PASSWORD
from tests.web.conftest import Browser

TABLE = Path(__file__).parent / "privileges.yaml"
NOBODYS = "nobody"
MISSING = """Routes that tests/web/privileges.yaml does not know, or knows otherwise. Add a line for each that says
who may do it: public, account (one's own, no role needed), any-role, or a list of roles. The views declare today:
"""
DESK = Actor("person", "P-DESK", "Dora Desk", "administrator", "console-1")


@dataclass(frozen=True)
class Route:
    """One method of one rule of the map."""

    method: str
    rule: str
    endpoint: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def path(self) -> str:
        return re.sub(r"<\w+(:\w+)?>", "X1", re.sub(r"<int:\w+>", "1", self.rule))


def routes(app: Flask) -> list[Route]:
    """Return what can be asked of the site, files that never change left out."""
    found = [
        Route(method, rule.rule, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint != "static" and not rule.endpoint.endswith(".static")
    ]
    return sorted(found, key=lambda route: (route.rule, route.method))


@cache
def table() -> dict[str, Any]:
    """Return who may do what, as people wrote it down."""
    written: dict[str, Any] = yaml.safe_load(TABLE.read_text())
    return written


@dataclass
class Gate:
    """A site with one person in each role, and one in none; each sits at a browser of their own."""

    app: Flask
    people: dict[str, Browser]
    size: Any


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Give the site; nobody of QA can sign yet, so that roles are given directly."""
    house = build_house(tmp_path_factory.mktemp("gate") / "site")
    room, people = house.wired.services.people, {}
    for number, word in enumerate((*(role.value for role in Role), NOBODYS)):
        name = f"peeters{number}"
        person = room.enroll(name=f"Pat Peeters {number}", user_name=name, by=DESK, op=new_op())
        room.set_password(person.id, PASSWORD, by=Actor("person", person.id, person.name, "account_holder", "c-1"))
        if word != NOBODYS:
            room.grant_role(person.id, Role(word), by=DESK)
        people[word] = Browser(house.app.test_client())
        assert people[word].sign_in(name, PASSWORD).status_code == 200
    yield Gate(house.app, people, lambda: house.wired.services.ledger.size)
    house.close()


def declared(app: Flask, route: Route) -> Any:
    """Return who the view itself lets in, in the form of the table."""
    permission = str(getattr(app.view_functions[route.endpoint], PERMISSION, "closed"))
    return permission if permission in (PUBLIC, ACCOUNT, ANY_ROLE) else permission.split(",")


@pytest.mark.rule("SEC-01")
def test_the_table_knows_every_route_and_no_other(gate: Gate) -> None:
    known, there = table(), {route.name: declared(gate.app, route) for route in routes(gate.app)}
    other = {name: who for name, who in there.items() if _sorted(known.get(name)) != _sorted(who)}
    assert not other, MISSING + "\n".join(f"{name}: {_flow(who)}" for name, who in other.items())
    gone = sorted(set(known) - set(there))
    assert not gone, f"Take these lines out of tests/web/privileges.yaml: the routes are gone: {gone}"


@pytest.mark.rule("REG-P11-10d", negative=True)
@pytest.mark.rule("SEC-01", negative=True)
def test_without_a_session_nobody_gets_in(gate: Gate) -> None:
    """Programs get 401; a page asks to sign in, with the same status."""
    stranger, before = Browser(gate.app.test_client()), gate.size()
    for route in (one for one in routes(gate.app) if table().get(one.name) != PUBLIC):
        answer = stranger.client.open(route.path, method=route.method, json={} if route.method == "POST" else None)
        assert answer.status_code == 401, route.name
        if not route.path.startswith("/api/") and route.method == "GET":
            assert 'action="/api/sign-in"' in answer.text, route.name
    assert gate.size() == before


@pytest.mark.rule("REG-P11-10d")
@pytest.mark.rule("REG-P11-10d", negative=True)
@pytest.mark.rule("SEC-01")
@pytest.mark.rule("SEC-01", negative=True)
@pytest.mark.parametrize("word", [*(role.value for role in Role), NOBODYS])
def test_each_role_gets_in_where_the_table_says(gate: Gate, word: str) -> None:
    """Forms are sent empty: who may do it is told what is missing (or does it), who may not gets 403 before that."""
    browser = gate.people[word]
    wrong = []
    for route in routes(gate.app):
        who = table().get(route.name, [])
        if who == PUBLIC or route.rule == "/api/sign-out":
            continue
        body = {} if route.method == "POST" else None
        headers = {"X-CSRF-Token": browser.csrf, "Accept": "application/json"}
        with browser.client.open(route.path, method=route.method, json=body, headers=headers) as answer:
            refused = answer.status_code == 403 and (not answer.is_json or answer.json["code"] == "role-missing")
            closed = word == NOBODYS if who == ANY_ROLE else who != ACCOUNT and word not in who
            if refused != closed or answer.status_code in (401, 500):
                wrong.append(f"{route.name}: {answer.status_code}, the table says {who}")
    assert wrong == []


def _sorted(who: Any) -> Any:
    return sorted(who) if isinstance(who, list) else who


def _flow(who: Any) -> str:
    return who if isinstance(who, str) else f"[{', '.join(who)}]"
