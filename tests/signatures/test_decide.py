"""Which factors a signature takes, what it binds, and who may not check whom."""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
import rfc8785

from mes.errors import Refusal
from mes.ids import PersonId, Stream
from mes.people.model import CredentialKind, Person
from mes.signatures import (
    TEXTS,
    Credentials,
    Meaning,
    ShownItem,
    SignaturePrompt,
    Source,
    different_persons,
    factors_needed,
    shown_document,
)
from mes.signatures.decide import check_complete, is_the_signer, offered, statement
from mes.signatures.model import Offer
from tests.people.builders import PASSWORD, a_person

BOTH = frozenset({CredentialKind.PASSWORD, CredentialKind.TOTP})
LEAF = "ab" * 32
SHOWN = shown_document(
    [ShownItem("Volume", "98.5 mL", Source(Stream("batch/B-1"), 4, LEAF)), ShownItem("Step", "Activation")]
)
FULL = Credentials("avisser", PASSWORD, "123456", SHOWN.digest)
SECRET = Credentials(password=PASSWORD, shown=SHOWN.digest)
KEYS = frozenset({"k2", "k1"})
SIGNED = "5e" * 32
BY_PASSKEY = Credentials(shown=SHOWN.digest, statement=SIGNED, assertion={"credential": "k1"})
STATEMENT: dict[str, Any] = {
    "site": "site-a",
    "gen": 1,
    "stream": Stream("batch/B-1"),
    "type": "batch:step:confirmed",
    "after": [(Stream("batch/B-1"), 7), (Stream("run/B-1.R1"), 2)],
    "shown": SHOWN.digest,
    "meaning": Meaning.PERFORMED,
    "text": TEXTS[Meaning.PERFORMED],
    "person": a_person(name="Zoë Muller"),
    "data": {"step": "activation", "volume": {"value": "98.50", "unit": "mL"}},
    "reason": "measured twice",
}


def a_prompt(meaning: Meaning, signed_before: bool) -> SignaturePrompt:
    """Return the prompt of somebody who may sign by password only."""
    needed = factors_needed(meaning, signed_before=signed_before)
    return SignaturePrompt("signature-needed", status=428, shown=SHOWN, meaning=meaning, factors=needed)


@pytest.mark.rule("REG-P11-200a1")
@pytest.mark.parametrize(
    ("meaning", "signed_before", "needed"),
    [
        (Meaning.PERFORMED, False, ("user_name", "password")),
        (Meaning.PERFORMED, True, ("password",)),
        (Meaning.QP_FINAL_CERTIFIED, False, ("user_name", "password", "totp")),
        (Meaning.QP_FINAL_CERTIFIED, True, ("password", "totp")),
        (Meaning.BREAK_GLASS, True, ("password", "totp")),
    ],
)
def test_factors(meaning: Meaning, signed_before: bool, needed: tuple[str, ...]) -> None:
    assert factors_needed(meaning, signed_before=signed_before) == needed


@pytest.mark.parametrize(
    ("given", "meaning", "signed_before", "checked"),
    [
        (replace(FULL, totp=None), Meaning.PERFORMED, False, ("user_name", "password")),
        (SECRET, Meaning.PERFORMED, True, ("password",)),
        (replace(FULL, totp=None), Meaning.PERFORMED, True, ("user_name", "password")),
        (FULL, Meaning.VERIFIED, True, ("user_name", "password", "totp")),
        (replace(FULL, user_name=None), Meaning.QP_REFUSED, True, ("password", "totp")),
    ],
)
def test_what_was_given_is_checked_whole(
    given: Credentials, meaning: Meaning, signed_before: bool, checked: tuple[str, ...]
) -> None:
    asked = a_prompt(meaning, signed_before)
    assert check_complete(given, asked, signed_before=signed_before, statement=SIGNED) == (given, checked)


@pytest.mark.rule("REG-A11D-13-1")
@pytest.mark.parametrize(
    ("given", "meaning", "signed_before", "code", "status"),
    [
        (None, Meaning.PERFORMED, True, "signature-needed", 428),
        (replace(SECRET, shown=None), Meaning.PERFORMED, True, "signature-needed", 428),
        (replace(SECRET, password=None), Meaning.PERFORMED, True, "signature-needed", 428),
        (replace(SECRET, password=""), Meaning.PERFORMED, True, "signature-needed", 428),
        (SECRET, Meaning.PERFORMED, False, "signature-needed", 428),
        (replace(FULL, password=None), Meaning.QP_REFUSED, False, "signature-needed", 428),
        (replace(FULL, totp=None), Meaning.QP_REFUSED, False, "second-factor-needed", 428),
        (replace(SECRET, shown="0" * 64), Meaning.PERFORMED, True, "shown-changed", 409),
    ],
)
def test_an_incomplete_signature_gets_a_prompt(
    given: Credentials | None, meaning: Meaning, signed_before: bool, code: str, status: int
) -> None:
    with pytest.raises(SignaturePrompt) as prompted:
        check_complete(given, a_prompt(meaning, signed_before), signed_before=signed_before, statement=SIGNED)
    prompt = prompted.value
    assert (prompt.code, prompt.status, prompt.shown, prompt.text) == (code, status, SHOWN, TEXTS[meaning])
    assert prompt.facts["items"] == json.loads(SHOWN.body)["items"]
    assert prompt.facts["shown"] == SHOWN.digest
    assert prompt.facts["factors"] == list(factors_needed(meaning, signed_before=signed_before))
    assert PASSWORD not in repr(prompt.facts)


@pytest.mark.parametrize(
    ("person", "way", "code"),
    [
        (a_person(active=False, credentials=BOTH, passkeys=KEYS), "either", "person-disabled"),
        (a_person(), "either", "second-factor-not-enrolled"),
        (a_person(passkeys=KEYS), "password", "second-factor-not-enrolled"),
        (a_person(credentials=BOTH), "passkey", "passkey-not-enrolled"),
    ],
)
def test_some_cannot_sign_at_all(person: Person, way: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        offered(person, Meaning.QP_REFUSED, way, "localhost")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("person", "meaning", "way", "offer"),
    [
        (a_person(), Meaning.PERFORMED, "either", (True, ())),
        (a_person(passkeys=KEYS), Meaning.PERFORMED, "either", (True, ("k1", "k2"))),
        (a_person(passkeys=KEYS), Meaning.PERFORMED, "password", (True, ())),
        (a_person(passkeys=KEYS), Meaning.PERFORMED, "passkey", (False, ("k1", "k2"))),
        (a_person(passkeys=KEYS), Meaning.QP_REFUSED, "either", (False, ("k1", "k2"))),
        (a_person(credentials=BOTH, passkeys=KEYS), Meaning.QP_REFUSED, "either", (True, ("k1", "k2"))),
    ],
)
def test_what_a_person_may_sign_with(
    person: Person, meaning: Meaning, way: str, offer: tuple[bool, tuple[str, ...]]
) -> None:
    found = offered(person, meaning, way, "localhost")
    assert (found.password, found.passkeys) == offer


@pytest.mark.rule("SEC-06", negative=True)
@pytest.mark.parametrize(
    ("given", "offer", "signed_before", "code"),
    [
        (BY_PASSKEY, Offer(True, ("k1",)), False, "signature-needed"),
        (BY_PASSKEY, Offer(True, ()), True, "way-not-offered"),
        (SECRET, Offer(False, ("k1",)), True, "way-not-offered"),
        (replace(BY_PASSKEY, statement=None), Offer(True, ("k1",)), True, "shown-changed"),
        (replace(BY_PASSKEY, statement="0" * 64), Offer(True, ("k1",)), True, "shown-changed"),
        (replace(SECRET, statement="0" * 64), Offer(), True, "shown-changed"),
    ],
)
def test_a_secret_that_does_not_fit(given: Credentials, offer: Offer, signed_before: bool, code: str) -> None:
    asked = SignaturePrompt(
        "signature-needed", status=428, shown=SHOWN, meaning=Meaning.PERFORMED, factors=("password",), offer=offer
    )
    with pytest.raises(Refusal) as refused:
        check_complete(given, asked, signed_before=signed_before, statement=SIGNED)
    assert refused.value.code == code


@pytest.mark.rule("SEC-06")
@pytest.mark.parametrize(
    ("signed_before", "meaning", "factors"),
    [
        (True, Meaning.PERFORMED, ("passkey_uv",)),
        (False, Meaning.PERFORMED, ("user_name", "passkey_uv")),
        (True, Meaning.QP_FINAL_CERTIFIED, ("passkey_uv",)),
    ],
)
def test_a_passkey_stands_for_every_secret(signed_before: bool, meaning: Meaning, factors: tuple[str, ...]) -> None:
    given = replace(BY_PASSKEY, user_name=None if signed_before else "avisser")
    asked = SignaturePrompt(
        "signature-needed", status=428, shown=SHOWN, meaning=meaning, factors=("password",), offer=Offer(True, ("k1",))
    )
    assert check_complete(given, asked, signed_before=signed_before, statement=SIGNED) == (given, factors)


def test_a_place_that_is_gone_shows_the_prompt_anew() -> None:
    with pytest.raises(SignaturePrompt) as prompted:
        check_complete(SECRET, a_prompt(Meaning.PERFORMED, True), signed_before=True, statement=None)
    assert prompted.value.code == "shown-changed"


@pytest.mark.parametrize(
    ("typed", "is_signer"), [(None, True), ("", True), (" AVisser ", True), ("bdevos", False), ("avisse", False)]
)
def test_the_name_typed_is_the_signers(typed: str | None, is_signer: bool) -> None:
    assert is_the_signer(typed, a_person()) is is_signer


def test_the_statement_by_hand() -> None:
    by_hand = {
        "site": "site-a",
        "gen": 1,
        "stream": "batch/B-1",
        "type": "batch:step:confirmed",
        "after": [{"stream": "batch/B-1", "seq": 7}, {"stream": "run/B-1.R1", "seq": 2}],
        "shown": SHOWN.digest,
        "meaning": "PERFORMED",
        "text": "I performed this as recorded.",
        "person": {"id": "P-ANNA", "name": "Zoë Muller"},
        "data": {"step": "activation", "volume": {"value": "98.50", "unit": "mL"}},
        "reason": "measured twice",
    }
    assert statement(**STATEMENT) == sha256(rfc8785.dumps(by_hand)).hexdigest()
    by_hand.pop("reason")
    assert statement(**{**STATEMENT, "reason": None}) == sha256(rfc8785.dumps(by_hand)).hexdigest()


@pytest.mark.rule("REG-P11-70")
@pytest.mark.parametrize(
    "change",
    [
        {"site": "site-b"},
        {"gen": 2},
        {"stream": Stream("batch/B-2")},
        {"type": "batch:step:verified"},
        {"after": []},
        {"shown": "0" * 64},
        {"meaning": Meaning.VERIFIED},
        {"text": "I saw it."},
        {"person": a_person(id=PersonId("P-BART"), name="Zoë Muller")},
        {"person": a_person(name="Zoe Muller")},
        {"data": {"step": "activation", "volume": {"value": "98.5", "unit": "mL"}}},
        {"reason": "measured once"},
        {"reason": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_signature_fits_no_other_entry(change: Mapping[str, Any]) -> None:
    assert statement(**{**STATEMENT, **change}) != statement(**STATEMENT)


@pytest.mark.rule("REG-A11-06")
def test_nobody_checks_their_own_work() -> None:
    different_persons(PersonId("P-ANNA"), PersonId("P-BART"))
    with pytest.raises(Refusal) as refused:
        different_persons(PersonId("P-ANNA"), PersonId("P-ANNA"))
    assert (refused.value.code, refused.value.facts) == ("same-person", {"person": "P-ANNA"})
