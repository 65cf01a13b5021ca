"""Signing in through a real provider on loopback, honest and otherwise; the door alone, never a signature."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from joserfc import jwk

from mes.errors import Fault, Refusal
from mes.ids import new_op
from mes.people.model import Role
from mes.people.oidc.fetching import MAX_BYTES, ClosedDoorError, check_address
from mes.people.oidc.flows import MOST_WAITING, Flows
from mes.people.oidc.model import Cause, Client, SignInRefused
from mes.people.oidc.provider import Provider as Known
from mes.people.oidc.service import Begun, OidcDesk
from mes.settings import Profile, SiteSettings, private_text
from mes.signatures.meanings import Meaning
from mes.signatures.model import Credentials, ShownItem, SignaturePrompt, shown_document
from tests.people.builders import PASSWORD
from tests.people.houses import ADMIN, House, login, open_house
from tests.people.oidc_provider import CLIENT, SECRET, Provider, running, unsigned, with_shared_secret

BACK = "http://localhost:8471/oidc/callback"
SUBJECT = "u-4711"


class Site:
    """A small site whose nurse Nora is linked to the provider's user."""

    def __init__(self, house: House, provider: Provider) -> None:
        self.house, self.provider = house, provider
        self.nora = house.employ("nora", Role.COLLECTION_NURSE)
        house.wall.now = time.time()  # tokens run on wall time
        self.desk = self.a_desk()
        self.desk.link(self.nora.id, SUBJECT, by=ADMIN, reason="hospital account seen", op=new_op())

    def a_desk(self, **changed: Any) -> OidcDesk:
        client = Client(**{"issuer": self.provider.issuer, "client_id": CLIENT, "redirect_uri": BACK,
                           "secret": SECRET, **changed})  # fmt: skip
        house = self.house
        known = Known(client, house.sessions.wall)
        return OidcDesk(house.ledger, house.clock, house.sessions, house.people, known, b"k" * 32)

    def come(self, begun: Begun | None = None, browser: str | None = None):
        begun = begun or self.desk.begin("touch-1")
        code, state = self.provider.sign_in(begun.url)
        return self.desk.finish(state=state, code=code, browser=begun.browser if browser is None else browser)

    def refused(self, **given: Any) -> str:
        """Come, be refused, and return the recorded cause; nobody got a session."""
        sessions, size = self.house.sessions, self.house.ledger.size
        with pytest.raises(SignInRefused) as refused:
            self.come(**given)
        assert (refused.value.code, refused.value.status, refused.value.facts) == ("oidc-refused", 401, {})
        assert sessions._db.execute("SELECT count(*) FROM session").fetchone()[0] == 0
        (entry,) = self.house.ledger.entries(size)
        assert entry.type == "person:oidc:refused"
        assert entry.data["cause"] == refused.value.cause.value
        for token in self.provider.tokens:
            assert token.encode() not in entry.body
        return str(entry.data["cause"])


@pytest.fixture(scope="module")
def shared() -> Iterator[Provider]:
    with running(BACK) as provider:
        yield provider


@pytest.fixture
def site(tmp_path: Path, shared: Provider) -> Iterator[Site]:
    fresh = Provider(shared.issuer)
    for name in ("user", "claims", "algorithm", "forge", "discovery", "token_answer"):
        setattr(shared, name, getattr(fresh, name))
    shared.fresh_keys()
    with open_house(tmp_path, f"sqlite:///{tmp_path / 'site.sqlite'}") as house:
        yield Site(house, shared)


@pytest.mark.rule("REG-P11-10d")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
def test_a_linked_person_comes_in(site: Site, algorithm: str) -> None:
    site.provider.algorithm = algorithm
    token, session = site.come()
    assert session.person.id == site.nora.id
    assert (session.signed_before, session.terminal) == (False, "touch-1")
    assert site.house.people.session(token, "touch-1") is not None
    entry = site.house.last()
    assert (entry.type, entry.tv) == ("person:session:started", 2)
    assert entry.data == {"person": site.nora.id, "terminal": "touch-1", "by": "oidc"}
    everything = site.house.every_byte()
    assert SUBJECT.encode() not in everything
    assert not any(one.encode() in everything for one in site.provider.tokens)


@pytest.mark.rule("REG-P11-200a1")
@pytest.mark.rule("REG-P11-200a1", negative=True)
def test_the_first_signature_takes_both_factors_of_septima(site: Site) -> None:
    house = site.house
    nurse, (_, session) = site.nora, site.come()
    shown = shown_document([ShownItem("What", "a look")])
    given: dict[str, Any] = {
        "meaning": Meaning.PERFORMED, "stream": f"person/{nurse.id}", "type": "a:b", "data": {}, "reason": None,
        "after": [], "shown": shown, "now": house.clock.now(),
    }  # fmt: skip
    with pytest.raises(SignaturePrompt) as asked:
        house.signing.sign(session, None, **given)
    assert asked.value.factors == ("user_name", "password")
    with pytest.raises(SignaturePrompt):
        house.signing.sign(session, Credentials(None, PASSWORD, None, shown.digest), **given)
    signed = house.signing.sign(session, Credentials(login("nora"), PASSWORD, None, shown.digest), **given)
    assert signed.document["factors"] == ["user_name", "password"]


def claims(**changed: Any):
    """Return a change of a token's claims; None takes one away."""
    return lambda told: {name: value for name, value in {**told, **changed}.items() if value is not None}


HS_WITH_THE_PUBLIC_KEY = "hs256 under the public key"
BAD_CLAIMS = {
    "wrong nonce": claims(nonce="another"), "no nonce": claims(nonce=None), "wrong aud": claims(aud="another-site"),
    "no aud": claims(aud=None), "other issuer": claims(iss="http://127.0.0.1:9"), "no iss": claims(iss=None),
    "expired": lambda told: {**told, "exp": told["iat"] - 120}, "no exp": claims(exp=None),
    "old": lambda told: {**told, "iat": told["iat"] - 3600},
    "from tomorrow": lambda told: {**told, "iat": told["iat"] + 86_400}, "no iat": claims(iat=None),
    "not yet": lambda told: {**told, "nbf": told["iat"] + 3600}, "no sub": claims(sub=None), "number": claims(sub=4711),
    "empty": claims(sub=" "), "two parties": claims(aud=[CLIENT, "other"]), "other party": claims(azp="other"),
}  # fmt: skip


@pytest.mark.rule("REG-P11-10d", negative=True)
@pytest.mark.parametrize("case", BAD_CLAIMS)
def test_a_token_with_wrong_claims_opens_nothing(site: Site, case: str) -> None:
    site.provider.claims = BAD_CLAIMS[case]
    assert site.refused() == Cause.TOKEN


@pytest.mark.rule("REG-P11-10d", negative=True)
@pytest.mark.parametrize("case", ["none", HS_WITH_THE_PUBLIC_KEY, "hs256 under the secret", "stranger", "cut", "text"])
def test_a_token_that_the_provider_did_not_sign_opens_nothing(site: Site, case: str) -> None:
    provider = site.provider
    rsa, stranger = provider.keys["RS256"], jwk.RSAKey.generate_key(2048, {"kid": provider.keys["RS256"].kid})
    forgeries = {
        "none": unsigned,
        HS_WITH_THE_PUBLIC_KEY: lambda head, told: with_shared_secret(head, told, rsa.as_pem(private=False)),
        "hs256 under the secret": lambda head, told: with_shared_secret(head, told, SECRET.encode()),
        "stranger": lambda head, told: provider.signed(head, told, stranger),
        "cut": lambda head, told: provider.signed(head, told, rsa)[:-6],
        "text": lambda head, told: "x" * 20_000,
    }
    provider.forge = forgeries[case]
    assert site.refused() == Cause.TOKEN


def test_a_provider_changes_its_keys(site: Site) -> None:
    site.come()
    site.provider.fresh_keys(2)
    site.come()
    signed, key = site.provider.signed, site.provider.keys["RS256"]
    site.provider.forge = lambda head, told: signed({**head, "kid": "nobody"}, told, key)
    with pytest.raises(SignInRefused):
        site.come()


@pytest.mark.rule("REG-P11-10d", negative=True)
def test_an_account_that_nobody_linked_is_nobodys(site: Site) -> None:
    site.provider.user = "u-stranger"
    before = len(site.house.people.people())
    assert site.refused() == Cause.UNLINKED
    assert len(site.house.people.people()) == before
    assert b"u-stranger" not in site.house.every_byte()


@pytest.mark.rule("SEC-10", negative=True)
def test_who_left_does_not_come_in(site: Site) -> None:
    site.house.people.disable(site.nora.id, by=ADMIN, reason="left")
    assert site.refused() == Cause.INACTIVE
    assert site.house.last().data["person"] == site.nora.id


def test_who_leaves_while_signed_in_is_out(site: Site) -> None:
    token, _ = site.come()
    site.house.people.disable(site.nora.id, by=ADMIN, reason="left")
    assert site.house.people.session(token) is None


@pytest.mark.rule("REG-P11-10d", negative=True)
def test_an_answer_counts_once_and_for_the_browser_that_asked(site: Site) -> None:
    begun = site.desk.begin("touch-1")
    code, state = site.provider.sign_in(begun.url)
    site.desk.finish(state=state, code=code, browser=begun.browser)
    size = site.house.ledger.size
    for given, cause in (
        ({"state": state, "code": code, "browser": begun.browser}, Cause.REPLAYED),
        ({"state": "x" * 43, "code": code, "browser": begun.browser}, Cause.STATE),
        ({"state": "", "code": "", "browser": ""}, Cause.STATE),
        ({"state": "\ud800" * 9000, "code": "c", "browser": "\ud800"}, Cause.STATE),
    ):
        with pytest.raises(SignInRefused) as refused:
            site.desk.finish(**given)
        assert refused.value.cause is cause
    # only what this site asked for is recorded: a stranger cannot fill the ledger with made-up states
    assert [one.data["cause"] for one in site.house.ledger.entries(size)] == [Cause.REPLAYED]


@pytest.mark.rule("REG-P11-10d", negative=True)
def test_somebody_elses_browser_is_not_let_in_and_the_answer_is_used_up(site: Site) -> None:
    begun = site.desk.begin("touch-1")
    code, state = site.provider.sign_in(begun.url)
    for browser, cause in (("another", Cause.STATE), (begun.browser, Cause.REPLAYED)):
        with pytest.raises(SignInRefused) as refused:
            site.desk.finish(state=state, code=code, browser=browser)
        assert refused.value.cause is cause


def test_a_question_is_forgotten_after_ten_minutes_and_the_oldest_make_room(site: Site) -> None:
    begun = site.desk.begin("touch-1")
    code, state = site.provider.sign_in(begun.url)
    site.house.wall.now += 601
    with pytest.raises(SignInRefused) as refused:
        site.desk.finish(state=state, code=code, browser=begun.browser)
    assert refused.value.cause is Cause.STATE
    flows = Flows(lambda: 0.0)
    first, _, _ = flows.ask("touch-1")
    for _ in range(MOST_WAITING):
        flows.ask("touch-1")
    assert not flows.knows(first)


def test_a_code_for_another_verifier_is_declined(site: Site) -> None:
    """PKCE: a code that was stolen is worth nothing under another question."""
    stolen, _ = site.provider.sign_in(site.desk.begin("touch-1").url)
    mine = site.desk.begin("touch-2")
    _, state = site.provider.sign_in(mine.url)
    with pytest.raises(SignInRefused) as refused:
        site.desk.finish(state=state, code=stolen, browser=mine.browser)
    assert refused.value.cause is Cause.DECLINED


def test_a_provider_that_declines(site: Site) -> None:
    site.provider.user = ""
    assert site.refused() == Cause.DECLINED
    site.provider.user = SUBJECT
    site.provider.token_answer = lambda _: Response('{"error":"server_error"}', 500, content_type="application/json")
    assert site.refused() in (Cause.DECLINED, Cause.UNREACHABLE)
    site.provider.token_answer = lambda _: Response('{"access_token":"x","token_type":"Bearer"}', 200,
                                                    content_type="application/json")  # fmt: skip
    assert site.refused() == Cause.TOKEN


@pytest.mark.parametrize(
    "told",
    [
        lambda told: {**told, "issuer": "https://another.example"},
        lambda told: {**told, "token_endpoint": "http://10.0.0.1/token"},
        lambda told: {**told, "jwks_uri": "file:///etc/passwd"},
        lambda told: {**told, "jwks_uri": told["jwks_uri"].replace("/jwks", "/elsewhere")},
        lambda told: {name: value for name, value in told.items() if name != "jwks_uri"},
        lambda told: Response(b"x" * (MAX_BYTES + 1)), lambda told: Response("[]", content_type="application/json"),
        lambda told: Response("no", 500),
    ],
    ids=["issuer", "address", "file", "redirect", "missing", "long", "list", "error"],
)  # fmt: skip
def test_a_provider_that_says_nothing_usable_of_itself_is_not_asked(site: Site, told: Any) -> None:
    site.provider.discovery = told
    with pytest.raises(Refusal) as refused:
        site.a_desk().begin("touch-1")
    assert (refused.value.code, refused.value.status) == ("oidc-unreachable", 503)


def test_a_provider_that_fails_is_not_asked_again_at_once(site: Site) -> None:
    """The door is public: strangers must not make this site ask and wait again and again."""
    desk = site.a_desk()
    site.provider.discovery = lambda told: Response("no", 500)
    site.provider.asked.clear()
    for _ in range(5):
        with pytest.raises(Refusal, match="oidc-unreachable"):
            desk.begin("touch-1")
    assert len(site.provider.asked) == 1
    site.provider.discovery = lambda told: told
    site.house.wall.now += 16
    assert desk.begin("touch-1").url.startswith(site.provider.issuer)


def test_a_provider_that_is_away(site: Site) -> None:
    with pytest.raises(Refusal, match="oidc-unreachable"):
        site.a_desk(issuer="http://127.0.0.1:9").begin("touch-1")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "ftp://localhost/", "https://a:b@x.example/", "file:///x", "https:///x"]
)
def test_addresses_that_are_never_asked(url: str) -> None:
    with pytest.raises(ClosedDoorError):
        check_address(url)


def test_another_claim_may_name_people(site: Site) -> None:
    site.provider.claims = claims(employee="E-9")
    desk = site.desk = site.a_desk(claim="employee")
    assert site.refused() == Cause.UNLINKED
    desk.unlink(site.nora.id, by=ADMIN, reason="other claim", op=new_op())
    desk.link(site.nora.id, "E-9", by=ADMIN, reason="other claim", op=new_op())
    assert site.come()[1].person.id == site.nora.id


def test_links_are_made_and_ended_by_others(site: Site) -> None:
    house, desk, op = site.house, site.desk, new_op()
    other = house.employ("olga", Role.OPERATOR)
    own = house.people.actor_for(house.signed_in("olga"), Role.OPERATOR)
    for act, code in (
        (lambda: desk.link(other.id, SUBJECT, by=ADMIN, reason=None, op=new_op()), "oidc-subject-taken"),
        (lambda: desk.link(site.nora.id, "u-2", by=ADMIN, reason=None, op=new_op()), "oidc-linked"),
        (lambda: desk.link(other.id, " ", by=ADMIN, reason=None, op=new_op()), "oidc-subject-wrong"),
        (lambda: desk.link(other.id, "u" * 256, by=ADMIN, reason=None, op=new_op()), "oidc-subject-wrong"),
        (lambda: desk.link(other.id, "u-2", by=own, reason=None, op=new_op()), "access-own"),
        (lambda: desk.link("P-NOBODY", "u-2", by=ADMIN, reason=None, op=new_op()), "person-unknown"),
        (lambda: desk.unlink(other.id, by=ADMIN, reason="x", op=new_op()), "oidc-not-linked"),
        (lambda: desk.unlink(site.nora.id, by=ADMIN, reason=" ", op=new_op()), "reason-missing"),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == code
    token, _ = site.come()
    desk.unlink(site.nora.id, by=ADMIN, reason="moved", op=op)
    desk.unlink(site.nora.id, by=ADMIN, reason="moved", op=op)
    assert house.people.session(token) is None
    assert house.types_of("person", site.nora.id).count("person:oidc:unlinked") == 1
    assert desk.linked() == frozenset()


@pytest.mark.rule("REL-02", negative=True)
def test_links_live_on_both_databases_and_an_operation_stands_for_one(
    tmp_path: Path, ledger_url: str, shared: Provider
) -> None:
    with open_house(tmp_path, ledger_url) as house:
        site, op = Site(house, shared), new_op()
        olga = house.employ("olga", Role.OPERATOR)
        for _ in range(2):
            site.desk.link(olga.id, "u-2", by=ADMIN, reason="badge seen", op=op)
        assert site.desk.linked() == {site.nora.id, olga.id}
        for act in (
            lambda: site.desk.link(olga.id, "u-3", by=ADMIN, reason=None, op=op),
            lambda: site.desk.link(site.nora.id, "u-2", by=ADMIN, reason=None, op=op),
            lambda: site.desk.unlink(olga.id, by=ADMIN, reason="x", op=op),
        ):
            with pytest.raises(Refusal, match="operation-other"):
                act()
        assert house.types_of("person", olga.id).count("person:oidc:linked") == 1


def test_without_a_provider_the_door_is_shut(site: Site) -> None:
    house = site.house
    desk = OidcDesk(house.ledger, house.clock, house.sessions, house.people, None, b"k" * 32)
    assert not desk.is_on
    assert desk.linked() == frozenset()
    for act in (
        lambda: desk.begin("touch-1"),
        lambda: desk.finish(state="", code="", browser=""),
        lambda: desk.link(site.nora.id, "x", by=ADMIN, reason=None, op=new_op()),
    ):
        with pytest.raises(Refusal, match="oidc-off"):
            act()


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "http://idp.example"}, {"oidc_issuer": "https://idp.example"}, {"oidc_client_id": "x"},
        {"oidc_issuer": "https://idp.example", "oidc_client_id": "x y"},
        {"oidc_issuer": "https://idp.example", "oidc_client_id": "x", "oidc_client_secret_file": "../site.key"},
        {"oidc_issuer": "https://idp.example", "oidc_client_id": "x", "oidc_user_claim": ""},
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(Refusal, match="settings-wrong"):
        SiteSettings(tmp_path, "site-a", "Europe/Brussels", Profile.DEMO, **wrong)


def test_the_clients_secret_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "oidc.secret"
    with pytest.raises(Fault, match="key-file-missing"):
        private_text(path)
    path.write_text("s3cret\n")
    path.chmod(0o640)
    with pytest.raises(Fault, match="key-file-readable-by-others"):
        private_text(path)
    path.chmod(0o600)
    assert private_text(path) == "s3cret"
    assert "s3cret" not in repr(Client("https://i.example", "c", BACK, secret="s3cret"))
