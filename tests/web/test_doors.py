"""The doors: who comes in, from where, with what; closed by default; headers that keep scripts out."""

import re

import pytest
from flask import Flask

from mes.people.sessions import IDLE_S
from mes.web.door import CSP
from mes.web.permission import PERMISSION, PUBLIC
from tests.web.conftest import BATCH, INTAKE, Browser, Site

PUBLIC_VIEWS = {
    "admin.first", "admin.sign_in", "entering.first_administrator", "entering.sign_in", "openapi", "reading.status",
    "oidc.start", "oidc_door.callback",
}  # fmt: skip
"""What anybody who reaches the site may open. Everything else takes a session, and most of it a role."""


def views(app: Flask) -> dict[str, str | None]:
    """Return every view with who may open it."""
    return {
        name: getattr(view, PERMISSION, None)
        for name, view in app.view_functions.items()
        if name != "static" and not name.endswith(".static")
    }


def test_every_view_says_who_may_open_it(site: Site) -> None:
    assert {name for name, permission in views(site.house.app).items() if permission is None} == set()


def test_few_views_are_public(site: Site) -> None:
    assert {name for name, permission in views(site.house.app).items() if permission == PUBLIC} == PUBLIC_VIEWS


def test_a_view_that_says_nothing_is_closed(site: Site) -> None:
    app = site.house.app
    forgotten = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == "reading.status")
    kept = app.view_functions[forgotten.endpoint]
    app.view_functions[forgotten.endpoint] = lambda: "open"
    try:
        answer = app.test_client().get(forgotten.rule)
    finally:
        app.view_functions[forgotten.endpoint] = kept
    assert (answer.status_code, answer.json["code"]) == (403, "view-closed")


def test_every_act_is_closed_to_strangers(site: Site, nobody: Browser) -> None:
    """Each POST of the map, without a session: 401, and the ledger does not grow."""
    before = site.size
    rules = [rule for rule in site.house.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
    closed = [rule for rule in rules if rule.endpoint not in PUBLIC_VIEWS]
    assert len(closed) > 40
    for rule in closed:
        path = re.sub(r"<int:\w+>", "1", rule.rule)
        answer = nobody.post(re.sub(r"<\w+>", "X1", path))
        assert (answer.status_code, answer.json["code"]) == (401, "sign-in-needed"), rule.rule
    assert site.size == before


def test_every_page_is_closed_to_strangers(site: Site, nobody: Browser) -> None:
    for path in ("/batches", BATCH, "/people", f"{BATCH}/gate", f"{BATCH}/live"):
        assert nobody.client.get(path).status_code == 401


def test_an_act_without_token_is_refused(site: Site, operator: Browser) -> None:
    before, operator.csrf = site.size, ""
    answer = operator.post(f"{BATCH}/hold", {"reason": "x"})
    assert (answer.status_code, answer.json["code"]) == (403, "csrf-wrong")
    assert site.size == before


def test_another_sessions_token_is_refused(site: Site, operator: Browser) -> None:
    operator.csrf = site.browser("viktor").csrf
    assert operator.post(f"{BATCH}/hold", {"reason": "x"}).json["code"] == "csrf-wrong"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec_Fetch_Site", "cross-site"),
        ("Sec_Fetch_Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:1"),
    ],
)
def test_another_website_is_refused(site: Site, operator: Browser, name: str, value: str) -> None:
    before = site.size
    answer = operator.post(f"{BATCH}/hold", {"reason": "x"}, **{name: value})
    assert (answer.status_code, answer.json["code"]) == (403, "cross-site")
    assert site.size == before


def test_another_website_cannot_sign_a_browser_in(nobody: Browser) -> None:
    form = {"user_name": "olivia", "password": "seven days vein to vein"}
    answer = nobody.client.post("/api/sign-in", json=form, headers={"Origin": "https://evil.example"})
    assert answer.json["code"] == "cross-site"


@pytest.mark.parametrize("path", ["/sign-in", "/batches", "/api/status", "/static/septima.css", "/nowhere"])
def test_no_script_from_elsewhere_runs(operator: Browser, path: str) -> None:
    with operator.client.get(path) as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == CSP
    assert "unsafe" not in CSP
    assert "frame-ancestors 'none'" in CSP
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_are_not_kept_by_the_browser(operator: Browser) -> None:
    assert operator.client.get("/batches").headers["Cache-Control"] == "no-store"


def test_the_session_cookie_is_kept_from_scripts(nobody: Browser) -> None:
    cookies = nobody.sign_in("olivia").headers.getlist("Set-Cookie")
    session = next(one for one in cookies if one.startswith("septima="))
    assert "HttpOnly" in session
    assert "SameSite=Strict" in session


def test_a_session_counts_at_its_own_terminal_alone(site: Site, operator: Browser) -> None:
    stolen = operator.client.get_cookie("septima")
    assert stolen is not None
    other = site.browser()
    other.client.set_cookie("septima", stolen.value)
    assert other.client.get("/api/me").status_code == 401


def test_signing_out_ends_the_session(site: Site, operator: Browser) -> None:
    before, cookie = site.size, operator.client.get_cookie("septima")
    assert operator.client.post("/api/sign-out", json={}, headers={"X-CSRF-Token": operator.csrf}).status_code == 200
    assert site.types_since(before) == ["person:session:ended"]
    operator.client.set_cookie("septima", cookie.value if cookie else "")
    assert operator.client.get("/api/me").status_code == 401


def test_a_wrong_password_is_told_like_an_unknown_name(nobody: Browser) -> None:
    wrong = nobody.sign_in("olivia", "something else here")
    unknown = nobody.sign_in("nobody-at-all", "something else here")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json["text"] == unknown.json["text"]


def test_a_page_that_asks_by_itself_keeps_nobody_awake(site: Site, operator: Browser) -> None:
    """Live values every 2 s for longer than the idle limit: the session ends all the same."""
    sessions = site.house.wired.services.people._sessions
    wall = sessions.wall
    try:
        for minutes in (5, 10, 14):
            sessions.wall = lambda minutes=minutes: wall() + minutes * 60
            assert operator.client.get(f"{BATCH}/live").status_code == 200
        sessions.wall = lambda: wall() + IDLE_S + 5
        assert operator.client.get(f"{BATCH}/live").status_code == 401
    finally:
        sessions.wall = wall


def test_a_temporary_password_leads_to_ones_own_account(site: Site) -> None:
    admin = site.browser("ada")
    form = {"name": "Tomas New", "user_name": "tomas", "password": "change me at once"}
    assert admin.post("/api/people", form).status_code == 201
    fresh = site.browser()
    answer = fresh.client.post(
        "/api/sign-in", data={"user_name": "tomas", "password": form["password"]}, headers={"HX-Request": "true"}
    )
    assert answer.headers["HX-Redirect"] == "/me"
    assert "Somebody else set your password" in fresh.client.get("/me").text


def test_the_description_of_the_interface_names_every_act(site: Site, nobody: Browser) -> None:
    document = nobody.client.get("/api/openapi.json").json
    assert document["openapi"] == "3.1.0"
    posts = {
        re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule)
        for rule in site.house.app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
    }
    assert posts == {path for path, acts in document["paths"].items() if "post" in acts}


def test_a_repeated_act_is_done_once(site: Site, operator: Browser) -> None:
    """The same operation twice: the same answer, and not one entry more."""
    form = {"op": "0b4f7a0e-41f0-4c86-9a1c-5b1f0f4f7b11", "scan": "bag", "code": site.play.code("bag:apheresis")}
    first = operator.post(f"{INTAKE}/scan", form)
    before = site.size
    again = operator.post(f"{INTAKE}/scan", form)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json == first.json
    assert site.size == before
