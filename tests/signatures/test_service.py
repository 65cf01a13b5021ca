"""The ceremony on a real ledger: what signs, what is refused, and what a refused attempt leaves behind."""

import base64
import json
from hashlib import sha256
from typing import Any

import pytest
import rfc8785

from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.entry import Actor, Draft, Entry, Write
from mes.people.model import Role, Session
from mes.signatures import TEXTS, Credentials, Meaning, ShownItem, Signature, SignaturePrompt, shown_document
from tests.people.builders import CONSOLE, PASSWORD
from tests.people.houses import ADMIN, TOUCH, House

BATCH = Stream("batch/B-1")
DATA: dict[str, Any] = {"step": "activation", "volume": {"value": "98.50", "unit": "mL"}}
SHOWN = shown_document([ShownItem("Volume", "98.50 mL"), ShownItem("Step", "Activation")])
WRONG = "Magpie under the bridge"


def given(**changes: Any) -> Credentials:
    """Return what anna hands in at her first signature."""
    return Credentials(**{"user_name": "anna", "password": PASSWORD, "shown": SHOWN.digest, **changes})


def sign(
    house: House, session: Session, credentials: Credentials | None, meaning: Meaning = Meaning.PERFORMED, **more: Any
) -> Signature:
    """Sign the volume of a step."""
    act: dict[str, Any] = {
        "stream": BATCH,
        "type": "batch:step:confirmed",
        "data": DATA,
        "reason": None,
        "after": [(BATCH, 3)],
        "shown": SHOWN,
        "now": house.clock.now(),
    }
    return house.signing.sign(session, credentials, meaning=meaning, **{**act, **more})


def refused(house: House, session: Session, credentials: Credentials | None, **more: Any) -> Refusal:
    """Fail to sign and return the refusal."""
    with pytest.raises(Refusal) as caught:
        sign(house, session, credentials, **more)
    return caught.value


def recorded(house: House, signature: Signature, data: dict[str, Any] = DATA) -> Entry:
    """Append the entry that was signed."""
    draft = Draft("batch:step:confirmed", data, signature=signature.document)
    acting = Actor("person", "P-X", "X", "operator", TOUCH)
    write = Write(BATCH, (draft,))
    (entry,) = house.ledger.append(new_op(), [write], actor=acting, now=house.clock.now(), shown=[signature.shown])
    return entry


@pytest.mark.rule("REG-A11-14")
def test_a_signed_entry_proves_itself(any_house: House) -> None:
    anna = any_house.employ("anna", Role.OPERATOR)
    entry = recorded(any_house, sign(any_house, any_house.signed_in("anna"), given()))
    document = json.loads(entry.body)
    signature = document["signature"]
    assert signature["person"] == {"id": anna.id, "name": "Anna Peeters"}
    assert (signature["meaning"], signature["text"]) == ("PERFORMED", TEXTS[Meaning.PERFORMED])
    assert (signature["at"], signature["tz"]) == ("2026-03-02T08:00:00.000000Z", "Europe/Brussels")
    assert signature["utc_offset"] == document["utc_offset"] == "+01:00"
    assert signature["factors"] == ["user_name", "password"]
    shown = any_house.ledger.shown(signature["shown"])
    assert shown is not None
    assert sha256(shown).hexdigest() == signature["shown"]
    # recomputed from the stored entry alone, with another implementation of RFC 8785
    bound = {name: document[name] for name in ("site", "gen", "stream", "type", "data")}
    bound |= {name: signature[name] for name in ("after", "shown", "meaning", "text", "person")}
    assert sha256(rfc8785.dumps(bound)).hexdigest() == signature["statement"]
    moved = {**bound, "stream": "batch/B-2"}
    assert sha256(rfc8785.dumps(moved)).hexdigest() != signature["statement"]


@pytest.mark.rule("REG-P11-200a1")
def test_later_signatures_of_a_session_take_the_password_alone(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    assert refused(house, session, given(user_name=None)).code == "signature-needed"
    assert sign(house, session, given()).document["factors"] == ["user_name", "password"]
    assert sign(house, session, given(user_name=None)).document["factors"] == ["password"]
    other = house.signed_in("anna", terminal="touch-2")
    assert refused(house, other, given(user_name=None)).code == "signature-needed"


def test_after_a_pause_the_session_signs_nothing(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    sign(house, session, given())
    house.later(minutes=15.1)
    ended = refused(house, session, given())
    assert (ended.code, ended.status) == ("session-ended", 401)
    again = house.signed_in("anna")
    assert refused(house, again, given(user_name=None)).code == "signature-needed"


def test_asking_without_credentials_prompts_and_writes_nothing(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    before = house.ledger.size
    prompt = refused(house, session, None)
    assert isinstance(prompt, SignaturePrompt)
    assert (prompt.status, prompt.factors, prompt.shown.digest) == (428, ("user_name", "password"), SHOWN.digest)
    assert house.ledger.size == before


@pytest.mark.rule("REG-A11D-13-1")
def test_a_wrong_password_leaves_only_its_refusal(any_house: House) -> None:
    anna = any_house.employ("anna", Role.OPERATOR)
    session = any_house.signed_in("anna")
    before = any_house.ledger.size
    wrong = refused(any_house, session, given(password=WRONG))
    assert (wrong.code, wrong.status, wrong.facts) == ("signature-secret-wrong", 401, {})
    assert any_house.ledger.size == before + 1
    last = any_house.last()
    assert (last.stream, last.type) == (f"person/{anna.id}", "signature:refused")
    assert last.data == {
        "person": anna.id,
        "meaning": "PERFORMED",
        "terminal": TOUCH,
        "cause": "password_wrong",
        "in_a_row": 1,
    }
    assert any_house.ledger.stream(BATCH) == []
    assert WRONG.encode() not in any_house.every_byte()
    assert refused(any_house, session, given(user_name=None)).code == "signature-needed"


def test_a_guesser_at_an_open_session_is_slowed(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    for count in (1, 2, 3):
        refused(house, session, given(password=WRONG))
        assert house.last().data["in_a_row"] == count
    before = house.ledger.size
    assert refused(house, session, given()).code == "too-many-attempts"
    assert house.ledger.size == before
    house.wall.now += 1.1
    assert sign(house, session, given()).document["factors"] == ["user_name", "password"]


def test_a_right_password_wipes_the_slate(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    for _ in range(4):
        refused(house, session, given(password=WRONG))
        refused(house, session, given(password=WRONG))
        assert sign(house, session, given())


@pytest.mark.parametrize("password", [PASSWORD, WRONG, "Heron in the reeds"])
def test_nobody_signs_in_a_colleagues_session(house: House, password: str) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    house.employ("bart", Role.VERIFIER, password="Heron in the reeds")
    session = house.signed_in("anna")
    sign(house, session, given())
    before = house.ledger.size
    other = refused(house, session, given(user_name="bart", password=password))
    assert (other.code, other.status) == ("signature-wrong-person", 403)
    assert house.ledger.size == before + 1
    assert (house.last().stream, house.last().data["cause"]) == (f"person/{anna.id}", "person_wrong")
    assert b"bart" not in house.last().body


@pytest.mark.parametrize("meaning", [Meaning.QP_FINAL_CERTIFIED, Meaning.RELEASE_ASSIGNED, Meaning.BREAK_GLASS])
def test_certain_meanings_take_two_factors_every_time(house: House, meaning: Meaning) -> None:
    house.employ("anna", Role.QP, Role.OPERATOR, totp=True)
    session = house.signed_in("anna")
    first = sign(house, session, given(totp=house.code("anna")), meaning)
    assert first.document["factors"] == ["user_name", "password", "totp"]
    prompt = refused(house, session, given(user_name=None), meaning=meaning)
    assert (prompt.code, prompt.status) == ("second-factor-needed", 428)
    house.wall.now += 30
    later = sign(house, session, given(user_name=None, totp=house.code("anna")), meaning)
    assert later.document["factors"] == ["password", "totp"]


def test_without_a_second_factor_enrolled_nobody_certifies(house: House) -> None:
    house.employ("anna", Role.QP, Role.OPERATOR)
    session = house.signed_in("anna")
    assert (
        refused(house, session, given(totp="123456"), meaning=Meaning.QP_REFUSED).code == "second-factor-not-enrolled"
    )
    plain = refused(house, session, given(totp="123456"))
    assert plain.code == "second-factor-wrong"


def test_a_code_is_used_once_even_in_another_session(house: House) -> None:
    house.employ("anna", Role.QP, totp=True)
    session, elsewhere = house.signed_in("anna"), house.signed_in("anna", terminal="touch-2")
    code = house.code("anna")
    sign(house, session, given(totp=code), Meaning.QP_PRELIM_CERTIFIED)
    for again in (session, elsewhere):
        replayed = refused(house, again, given(totp=code), meaning=Meaning.QP_FINAL_CERTIFIED)
        assert (replayed.code, replayed.status) == ("second-factor-wrong", 401)
        assert house.last().data["cause"] == "totp_wrong"
    assert f'"{code}"'.encode() not in house.every_byte()


def test_a_code_of_a_colleague_does_not_sign(house: House) -> None:
    house.employ("anna", Role.QP, totp=True)
    house.employ("bart", Role.QP, totp=True)
    session = house.signed_in("anna")
    code = house.code("bart")
    assert refused(house, session, given(totp=code), meaning=Meaning.QP_REFUSED).code == "second-factor-wrong"
    bart = house.signed_in("bart", terminal="touch-2")
    assert sign(house, bart, given(user_name="bart", totp=code), Meaning.QP_REFUSED)


def test_a_wrong_password_does_not_use_up_the_code(house: House) -> None:
    house.employ("anna", Role.QP, totp=True)
    session = house.signed_in("anna")
    code = house.code("anna")
    wrong = refused(house, session, given(password=WRONG, totp=code), meaning=Meaning.QP_REFUSED)
    assert wrong.code == "signature-secret-wrong"
    assert sign(house, session, given(totp=code), Meaning.QP_REFUSED)


def test_what_changed_on_the_way_is_shown_again(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    before = house.ledger.size
    now_shown = shown_document([ShownItem("Volume", "99.00 mL"), ShownItem("Step", "Activation")])
    changed = refused(house, session, given(), shown=now_shown)
    assert isinstance(changed, SignaturePrompt)
    assert (changed.code, changed.status, changed.shown) == ("shown-changed", 409, now_shown)
    assert house.ledger.size == before


@pytest.mark.rule("REG-P11-200a2")
def test_a_password_from_the_desk_cannot_sign(house: House) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    house.people.set_password(anna.id, WRONG, by=ADMIN)
    session = house.signed_in("anna", password=WRONG)
    assert refused(house, session, given(password=WRONG)).code == "password-temporary"
    own = Actor("person", anna.id, anna.name, "account_holder", CONSOLE)
    house.people.set_password(anna.id, PASSWORD, by=own, current=WRONG)
    assert sign(house, session, given()).document["factors"] == ["user_name", "password"]


def test_an_account_that_ended_blocks_a_signature_in_flight(house: House) -> None:
    anna = house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    house.people.disable(anna.id, by=ADMIN, reason="left")
    assert refused(house, session, given()).code == "session-ended"
    house.sessions.start(anna.id, TOUCH)
    late = house.sessions.start(anna.id, TOUCH)
    found = house.sessions.find(late)
    assert found is not None
    stray = Session(found.token_hash, anna, TOUCH, signed_before=True, csrf="")
    assert refused(house, stray, given()).code == "person-disabled"


def test_the_zone_of_the_site_counts_in_summer_too(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    house.clock.advance(house.clock.now().replace(month=7) - house.clock.now())
    signature = sign(house, house.signed_in("anna"), given())
    assert signature.document["utc_offset"] == "+02:00"
    assert recorded(house, signature).document["utc_offset"] == "+02:00"


def test_a_reason_is_part_of_what_is_signed(house: House) -> None:
    house.employ("anna", Role.OPERATOR)
    session = house.signed_in("anna")
    statements = {
        sign(house, session, given(), reason=reason).document["statement"] for reason in (None, "late", "too late")
    }
    assert len(statements) == 3


def test_no_secret_gets_into_the_ledger(house: House) -> None:
    anna = house.employ("anna", Role.QP, Role.OPERATOR, totp=True)
    session = house.signed_in("anna")
    code = house.code("anna")
    recorded(house, sign(house, session, given(totp=code), Meaning.QP_REFUSED))
    refused(house, session, given(password=WRONG))
    secret = house.secrets["anna"]
    kept = house.every_byte()
    forbidden = [PASSWORD, WRONG, f'"{code}"', base64.b32encode(secret).decode(), secret.hex(), session.csrf]
    assert [text for text in forbidden if text.encode() in kept] == []
    assert session.token_hash.encode() not in kept
    assert house.types_of("person", anna.id)[-1] == "signature:refused"
