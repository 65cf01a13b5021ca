"""The way through the hospital's provider over HTTP: cookies, the way back, and a session that others cannot take."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from werkzeug.test import Client, TestResponse

from tests.journeys.house import House, build_house, employed
from tests.people.oidc_provider import CLIENT, SECRET, Provider, running

BACK = "http://localhost:8471/oidc/callback"
USER = "u-4711"


@dataclass
class Site:
    """A site with a provider, and people whose operator is linked to it."""

    house: House
    provider: Provider
    people: dict

    def start(self, client: Client) -> TestResponse:
        return client.post("/api/oidc/start", json={})

    def back(self, client: Client, started: TestResponse) -> TestResponse:
        """Come back from the provider as a top-level navigation from another site."""
        code, state = self.provider.sign_in(started.json["goto"])
        return self.answer(client, code, state)

    def answer(self, client: Client, code: str, state: str) -> TestResponse:
        """Send the provider's answer, without the cookies that a browser keeps back there."""
        strict = {name: client.get_cookie(name) for name in ("septima", "terminal")}
        for name in strict:
            client.delete_cookie(name)
        query = urlencode({"code": code, "state": state})
        came = client.get(f"/oidc/callback?{query}", headers={"Sec-Fetch-Site": "cross-site"})
        for name, cookie in strict.items():
            if cookie is not None and client.get_cookie(name) is None:
                client.set_cookie(name, cookie.value)
        return came


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(BACK) as provider:
        folder = tmp_path_factory.mktemp("oidc") / "site"
        (folder / "keys").mkdir(parents=True, mode=0o700)
        secret = folder / "keys" / "oidc.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        house = build_house(folder, oidc_issuer=provider.issuer, oidc_client_id=CLIENT,
                            oidc_client_secret_file=secret.name)  # fmt: skip
        people = employed(house)
        admin = people["admin"]
        admin.act(f"/api/people/{people['operator'].id}/oidc", subject=USER, reason="badge seen")
        yield Site(house, provider, people)
        house.close()


def test_a_linked_person_comes_in_and_stays(site: Site) -> None:
    client = site.house.app.test_client()
    page = client.get("/sign-in")
    assert b"Sign in through the hospital" in page.data
    started = site.start(client)
    cookie = next(one for one in started.headers.getlist("Set-Cookie") if one.startswith("septima-oidc="))
    assert "SameSite=Lax" in cookie
    assert "HttpOnly" in cookie
    terminal = client.get_cookie("terminal").value
    came = site.back(client, started)
    assert came.status_code == 200
    assert b'http-equiv="refresh"' in came.data
    session = next(one for one in came.headers.getlist("Set-Cookie") if one.startswith("septima="))
    assert "SameSite=Strict" in session
    assert client.get_cookie("septima-oidc") is None
    assert client.get_cookie("terminal").value == terminal
    me = client.get("/api/me").json
    assert me["person"]["user_name"] == "olivia"
    entry = next(one for one in reversed(list(site.house.wired.services.ledger.entries()))
                 if one.type == "person:session:started")  # fmt: skip
    assert (entry.tv, entry.data["by"], entry.data["terminal"]) == (2, "oidc", terminal)


@pytest.mark.rule("REG-P11-10d", negative=True)
def test_another_browser_and_a_second_time_get_nothing(site: Site) -> None:
    mine, theirs = site.house.app.test_client(), site.house.app.test_client()
    started = site.start(mine)
    code, state = site.provider.sign_in(started.json["goto"])
    for client in (theirs, mine):  # handed to another browser, and used up by that
        came = site.answer(client, code, state)
        assert came.status_code == 401
        assert b"did not work" in came.data
        assert client.get_cookie("septima") is None
    for parameter in (code, state):
        assert parameter.encode() not in came.data


def test_a_page_of_another_site_cannot_begin(site: Site) -> None:
    client = site.house.app.test_client()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/api/oidc/start", json={}, headers=headers).json["code"] == "cross-site"


def test_htmx_is_sent_to_the_provider(site: Site) -> None:
    client = site.house.app.test_client()
    started = client.post("/api/oidc/start", data={}, headers={"HX-Request": "true"})
    assert started.headers["HX-Redirect"].startswith(f"{site.provider.issuer}/authorize?")
    assert SECRET not in started.headers["HX-Redirect"]
    for part in ("code_challenge=", "code_challenge_method=S256", "nonce=", "state=", "scope=openid"):
        assert part in started.headers["HX-Redirect"]


def test_links_are_the_administrators(site: Site) -> None:
    people, path = site.people, f"/api/people/{site.people['verifier'].id}/oidc"
    made = people["admin"].act(path, subject="u-verifier", reason="badge seen")
    assert made["linked"] is True
    assert people["admin"].act(f"{path}/remove", reason="left the hospital")["linked"] is False
    everything = b"".join(one.body for one in site.house.wired.services.ledger.entries())
    assert b"u-verifier" not in everything
    assert SECRET.encode() not in everything
