"""Signing by passkey: the assertion is over the statement; replayed, foreign, forged or stale, it signs nothing."""

from dataclasses import replace
from typing import Any

import pytest

from mes.errors import Refusal
from mes.ids import new_op
from mes.ledger.entry import Actor, Draft, Write
from mes.people.model import Role, Session
from mes.signatures import Credentials, Meaning, ShownItem, SignaturePrompt, Source, shown_document
from mes.signatures.service import SigningPolicy, SigningService
from tests.people.builders import PASSWORD
from tests.people.houses import ADMIN, TOUCH, House
from tests.signatures.authenticator import KINDS, PRESENT, Authenticator, flipped
from tests.signatures.passkeys import answer, asked, enrol, own, sign_by
from tests.signatures.test_service import BATCH, SHOWN, given, recorded, refused, sign

LEAF = "cd" * 32


def a_signer(house: House, kind: str = "ES256", *roles: Role, **device: Any) -> tuple[Session, Authenticator]:
    """Employ anna with a passkey."""
    house.employ("anna", *(roles or (Role.OPERATOR,)))
    session, made = house.signed_in("anna"), Authenticator(kind, **device)
    enrol(house, session, made)
    return session, made


def cause(house: House) -> str:
    """Return why the newest entry says that a signature was refused."""
    last = house.last()
    assert last.type == "signature:refused"
    return str(last.data["cause"])


@pytest.mark.rule("REG-P11-70", "REG-A11-14", "REG-A11D-13-1")
@pytest.mark.parametrize("kind", KINDS)
def test_the_assertion_is_over_the_statement(any_house: House, kind: str) -> None:
    session, device = a_signer(any_house, kind)
    prompt = asked(any_house, session)
    assert prompt.facts["offer"] == {"password": True, "passkeys": [device.id], "rp_id": "localhost"}
    document = sign(any_house, session, answer(prompt, device)).document
    assert document["factors"] == ["user_name", "passkey_uv"]
    assert document["statement"] == prompt.statement
    assert set(document["assertion"]) == {"credential", "authenticatorData", "clientDataJSON", "signature"}
    more: dict[str, Any] = {"data": {"step": "harvest"}}
    later = sign(any_house, session, answer(asked(any_house, session, **more), device, None), **more)
    assert later.document["factors"] == ["passkey_uv"]


@pytest.mark.rule("REG-P11-200a1")
def test_the_first_of_a_session_takes_the_name_too(house: House) -> None:
    session, device = a_signer(house)
    alone = refused(house, session, answer(asked(house, session), device, None))
    assert (alone.code, alone.status) == ("signature-needed", 428)


@pytest.mark.parametrize("meaning", [Meaning.QP_FINAL_CERTIFIED, Meaning.RELEASE_ASSIGNED])
def test_a_passkey_is_two_factors(house: House, meaning: Meaning) -> None:
    session, device = a_signer(house, "EdDSA", Role.QP)
    prompt = asked(house, session, meaning)
    assert (prompt.offer.password, prompt.factors) == (False, ("user_name", "passkey_uv"))
    assert sign_by(house, session, device, meaning).document["factors"] == ["user_name", "passkey_uv"]


@pytest.mark.rule("SEC-06", "REG-P11-70", negative=True)
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"origin": "http://evil.example"}, "assertion_origin"),
        ({"type": "webauthn.create"}, "assertion_type"),
        ({"crossOrigin": True}, "assertion_type"),
        ({"challenge": "AAAA"}, "assertion_statement"),
        ({"flags": PRESENT}, "user_not_verified"),
        ({"flags": 0x04}, "user_not_verified"),
        ({"flags": 0x45}, "user_not_verified"),
        ({"flags": 0x85}, "user_not_verified"),
    ],
    ids=str,
)  # fmt: skip
def test_an_assertion_made_otherwise_signs_nothing(any_house: House, wrong: dict[str, Any], told: str) -> None:
    session, device = a_signer(any_house)
    size = any_house.ledger.size
    bad = refused(any_house, session, answer(asked(any_house, session), device, **wrong))
    assert (bad.code, bad.status, bad.facts) == ("passkey-wrong", 401, {})
    assert any_house.ledger.size == size + 1
    assert cause(any_house) == told
    assert any_house.last().data["in_a_row"] == 1
    assert refused(any_house, session, given(user_name=None)).code == "signature-needed"


@pytest.mark.parametrize("part", ["authenticatorData", "clientDataJSON", "signature"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_signs_nothing(house: House, kind: str, part: str) -> None:
    session, device = a_signer(house, kind)
    good = answer(asked(house, session), device)
    assert good.assertion is not None
    bad = {**good.assertion, part: flipped(good.assertion[part], nth=-3)}
    assert refused(house, session, replace(good, assertion=bad)).code == "passkey-wrong"
    assert sign(house, session, good)


def test_the_passkey_of_a_colleague_or_of_nobody_signs_nothing(house: House) -> None:
    session, _ = a_signer(house)
    bart = house.employ("bart", Role.OPERATOR)
    other = Authenticator()
    enrol(house, house.signed_in("bart", terminal="touch-2"), other)
    assert refused(house, session, answer(asked(house, session), other)).code == "passkey-wrong"
    assert cause(house) == "credential_other_person"
    assert house.last().stream != f"person/{bart.id}"
    assert refused(house, session, answer(asked(house, session), Authenticator())).code == "passkey-wrong"
    assert cause(house) == "credential_unknown"


def test_a_key_that_claims_the_id_of_a_passkey_signs_nothing(house: House) -> None:
    session, device = a_signer(house)
    impostor = Authenticator(credential=device.credential)
    assert refused(house, session, answer(asked(house, session), impostor)).code == "passkey-wrong"
    assert cause(house) == "assertion_signature"


def test_a_removed_passkey_signs_no_more(house: House) -> None:
    session, device = a_signer(house)
    other = Authenticator()
    enrol(house, session, other)
    prompt = asked(house, session)
    house.people.remove_passkey(session.person.id, device.id, by=ADMIN, reason="lost")
    assert refused(house, session, answer(prompt, device)).code == "passkey-wrong"
    assert cause(house) == "credential_unknown"


def test_a_site_elsewhere_is_another_party(house: House) -> None:
    session, device = a_signer(house)
    device.rp_id = "evil.example"
    assert refused(house, session, answer(asked(house, session), device)).code == "passkey-wrong"
    assert cause(house) == "assertion_other_site"


@pytest.mark.rule("REG-P11-70", negative=True)
def test_an_assertion_signs_once(house: House) -> None:
    """Even an authenticator that counts nothing: the prompt is used up, and a later one is another statement."""
    session, device = a_signer(house, counts=False)
    used = answer(asked(house, session), device)
    sign(house, session, used)
    assert refused(house, session, used).code == "passkey-wrong"
    assert cause(house) == "assertion_replayed"
    elsewhere = house.signed_in("anna", terminal="touch-2")
    assert refused(house, elsewhere, used).code == "prompt-expired"
    moved = refused(house, session, used, data={"step": "harvest"})
    assert moved.code == "shown-changed"


def test_a_prompt_is_answered_within_ten_minutes_in_its_own_session(house: House) -> None:
    session, device = a_signer(house)
    late = answer(asked(house, session), device)
    house.wall.now += 601
    expired = refused(house, session, late)
    assert isinstance(expired, SignaturePrompt)
    assert (expired.code, expired.status) == ("prompt-expired", 428)
    assert sign(house, session, answer(expired, device))


def test_a_counter_that_went_back_is_recorded(any_house: House) -> None:
    session, device = a_signer(any_house)
    first = sign_by(any_house, session, device)
    recorded(any_house, first)
    assert [one.count for one in any_house.people.passkeys(session.person.id)] == [1]
    clone = answer(asked(any_house, session, reason="again"), device, uses=1)
    assert refused(any_house, session, clone, reason="again").code == "passkey-wrong"
    assert cause(any_house) == "counter"
    assert sign_by(any_house, session, device, reason="again")


def test_an_authenticator_that_counts_nothing_signs_again_and_again(house: House) -> None:
    session, device = a_signer(house, counts=False)
    for reason in ("one", "two", "three"):
        recorded(house, sign_by(house, session, device, reason=reason))
    assert [one.count for one in house.people.passkeys(session.person.id)] == [0]


def test_whoever_tries_passkeys_is_slowed_too(house: House) -> None:
    session, device = a_signer(house)
    for count in (1, 2, 3):
        refused(house, session, answer(asked(house, session), device, origin="http://evil.example"))
        assert house.last().data["in_a_row"] == count
    assert refused(house, session, answer(asked(house, session), device)).code == "too-many-attempts"


@pytest.mark.parametrize("assertion", [{}, {"credential": "x"}, {"credential": "AA", "signature": "!"}])
def test_an_assertion_without_its_parts_is_refused(house: House, assertion: dict[str, str]) -> None:
    session, device = a_signer(house)
    whole = {"credential": device.id, "authenticatorData": "AA", "clientDataJSON": "AA", "signature": "AA"}
    bad = {**whole, **assertion} if assertion else {"credential": device.id}
    prompt = asked(house, session)
    assert refused(house, session, replace(answer(prompt, device), assertion=bad)).code == "passkey-wrong"


@pytest.mark.parametrize(
    ("way", "by", "code"),
    [("password", "passkey", "way-not-offered"), ("passkey", "password", "way-not-offered"),
     ("either", "passkey", None), ("either", "password", None), ("passkey", "passkey", None),
     ("password", "password", None)],
)  # fmt: skip
def test_the_site_says_what_its_people_sign_with(house: House, way: str, by: str, code: str | None) -> None:
    session, device = a_signer(house)
    house.signing = SigningService(house.ledger, house.people, SigningPolicy(way))
    prompt = asked(house, session)
    credentials = answer(prompt, device) if by == "passkey" else given(statement=prompt.statement)
    if code is None:
        assert sign(house, session, credentials)
    else:
        assert refused(house, session, credentials).code == code


def test_a_password_set_by_somebody_else_leaves_the_passkey_its_owner_s(house: House) -> None:
    session, device = a_signer(house)
    house.people.set_password(session.person.id, "Heron in the reeds", by=ADMIN)
    again = house.signed_in("anna", password="Heron in the reeds")
    assert refused(house, again, given(password="Heron in the reeds")).code == "password-temporary"
    assert sign_by(house, again, device)


# ---------------------------------------------------------------- what was shown is what is signed


def a_value(house: House, **more: Any) -> Any:
    """Record something in the batch and return its entry."""
    actor = Actor("person", "P-X", "X", "operator", TOUCH)
    write = Write(BATCH, (Draft("batch:test:noted", {"value": "1"}, **more),))
    (entry,) = house.ledger.append(new_op(), [write], actor=actor, now=house.clock.now())
    return entry


@pytest.mark.rule("SEC-07", "REG-P11-70")
@pytest.mark.parametrize("by", ["password", "passkey"])
def test_what_happens_elsewhere_in_the_batch_does_not_refuse(house: House, by: str) -> None:
    session, device = a_signer(house)
    first, other = a_value(house), a_value(house)
    shown = shown_document([ShownItem("Volume", "98.50 mL", Source.of(first))])
    prompt = asked(house, session, after=[(BATCH, 1)], shown=shown)
    assert prompt.after == 1
    a_value(house)
    a_value(house, corrects=(BATCH, other.seq), reason="misread")
    credentials = answer(prompt, device)
    if by == "password":
        credentials = Credentials("anna", PASSWORD, None, shown.digest, prompt.statement, prompt.after)
    document = sign(house, session, credentials, after=[(BATCH, 3)], shown=shown).document
    assert document["after"] == [{"stream": BATCH, "seq": 1}]
    assert document["statement"] == prompt.statement


@pytest.mark.rule("SEC-07", "REG-P11-70", negative=True)
@pytest.mark.parametrize("by", ["password", "passkey"])
def test_a_correction_of_what_was_shown_refuses(house: House, by: str) -> None:
    session, device = a_signer(house)
    first = a_value(house)
    shown = shown_document([ShownItem("Volume", "98.50 mL", Source.of(first))])
    prompt = asked(house, session, after=[(BATCH, 0)], shown=shown)
    credentials = answer(prompt, device)
    if by == "password":
        credentials = Credentials("anna", PASSWORD, None, shown.digest, prompt.statement, prompt.after)
    a_value(house, corrects=(BATCH, first.seq), reason="misread")
    again = refused(house, session, credentials, after=[(BATCH, 1)], shown=shown)
    assert (again.code, again.status) == ("shown-changed", 409)


@pytest.mark.rule("SEC-07", negative=True)
@pytest.mark.parametrize(
    "changed",
    [{"data": {"step": "activation", "volume": {"value": "98.51", "unit": "mL"}}}, {"reason": "another"},
     {"stream": "batch/B-2", "after": [("batch/B-2", 3)]}, {"type": "batch:step:verified"},
     {"shown": shown_document([ShownItem("Volume", "98.51 mL")])}],
    ids=["data", "reason", "stream", "type", "shown"],
)  # fmt: skip
@pytest.mark.parametrize("by", ["password", "passkey"])
def test_whatever_changed_between_showing_and_signing_refuses(house: House, by: str, changed: dict[str, Any]) -> None:
    session, device = a_signer(house)
    prompt = asked(house, session)
    credentials = answer(prompt, device)
    if by == "password":
        credentials = given(statement=prompt.statement, after=prompt.after)
    again = refused(house, session, credentials, **changed)
    assert (again.code, again.status) == ("shown-changed", 409)
    assert sign(house, session, credentials)


@pytest.mark.parametrize("after", [-1, 4, 99])
def test_nobody_signs_with_knowledge_of_the_future(house: House, after: int) -> None:
    session, _ = a_signer(house)
    assert refused(house, session, given(after=after)).code == "shown-changed"


def test_an_assertion_signs_one_entry(house: House) -> None:
    session, device = a_signer(house)
    with pytest.raises(Refusal) as one:
        answer(asked(house, session), device).for_next()
    assert one.value.code == "passkey-signs-one"
    assert given(statement="ab" * 32).for_next() == given()
    assert own(session.person).id == session.person.id
    assert SHOWN.digest


@pytest.mark.rule("REG-A11D-13-2", "REG-P11-50", "SEC-36")
def test_time_zone_meaning_and_name_are_the_sites_own(any_house: House) -> None:
    session, device = a_signer(any_house)
    any_house.later(minutes=3)
    entry = recorded(any_house, sign_by(any_house, session, device))
    signature = entry.document["signature"]
    assert (signature["at"], signature["tz"], signature["utc_offset"]) == (
        "2026-03-02T08:03:00.000000Z", "Europe/Brussels", "+01:00",
    )  # fmt: skip
    assert signature["meaning"] == "PERFORMED"
    assert signature["person"] == {"id": session.person.id, "name": "Anna Peeters"}
    assert signature["shown"] == SHOWN.digest
    assert entry.document["actor"]["terminal"] == TOUCH


@pytest.mark.rule("SEC-36", "REG-A11-14", negative=True)
def test_a_signature_fits_no_other_person_place_or_time_of_the_stream(house: House) -> None:
    session, device = a_signer(house, "ES256", Role.OPERATOR, Role.VERIFIER)
    prompt = asked(house, session)
    for other in ({"after": [(BATCH, 4)]}, {"meaning": Meaning.VERIFIED}):
        assert asked(house, session, **other).statement != prompt.statement
    house.employ("bart", Role.OPERATOR)
    theirs = house.signed_in("bart", terminal="touch-2")
    assert asked(house, theirs).statement != prompt.statement
    enrol(house, theirs, Authenticator())
    assert refused(house, theirs, answer(prompt, device, "bart")).code == "shown-changed"
