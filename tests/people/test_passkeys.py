"""Enrolling passkeys: by the owner, after the password, for this site, with a sound key; and taking them away."""

import base64
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.ids import new_op
from mes.people.fold import fold_all
from mes.people.model import Person, Role, Session
from mes.people.passkeys import RelyingParty, is_strong
from tests.people.builders import PASSWORD
from tests.people.houses import ADMIN, House
from tests.signatures.authenticator import KINDS, PRESENT, Authenticator, cose_of, new_key
from tests.signatures.passkeys import enrol, own

LOW_ORDER = [
    0, 1, 2**255 - 20, 2707385501144840649318225287225658788936804267575313519463743609750303402022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
]  # fmt: skip


def employed(house: House, name: str = "anna") -> tuple[Person, Session]:
    person = house.employ(name, Role.OPERATOR)
    return person, house.signed_in(name)


def refuses(code: str, act: Any, *given: Any, **named: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act(*given, **named)
    assert refused.value.code == code
    return refused.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_passkey_is_enrolled_and_stands_in_the_ledger(any_house: House, kind: str) -> None:
    anna, session = employed(any_house)
    device = Authenticator(kind)
    person = enrol(any_house, session, device, "Ring")
    entry = any_house.last()
    assert (entry.stream, entry.type) == (f"person/{anna.id}", "person:passkey:enrolled")
    cose = base64.b64encode(cose_of(device.key)).decode()
    assert entry.data == {"person": anna.id, "credential": device.id, "cose": cose, "name": "Ring"}
    assert person.passkeys == {device.id}
    (held,) = any_house.people.passkeys(anna.id)
    assert (held.name, held.count, held.active) == ("Ring", 0, True)


def test_what_the_authenticator_is_asked(house: House) -> None:
    anna, session = employed(house)
    first = Authenticator()
    enrol(house, session, first)
    options = house.people.begin_passkey(session, PASSWORD)
    assert options["rp"] == {"id": "localhost", "name": "Septima"}
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert [one["id"] for one in options["excludeCredentials"]] == [first.id]
    assert anna.id not in str(options)


@pytest.mark.rule("REG-A11D-13-1", negative=True)
def test_a_session_alone_enrols_nothing(house: House) -> None:
    _, session = employed(house)
    size = house.ledger.size
    size = house.ledger.size
    refuses("current-password-wrong", house.people.begin_passkey, session, "Magpie under the bridge")
    assert [entry.type for entry in house.ledger.entries(size)] == ["person:session:refused"]
    device = Authenticator()
    options = {"challenge": "AAAA"}
    refuses(
        "passkey-not-started", house.people.enrol_passkey, session, device.create(options), "x", by=own(session.person)
    )
    assert [one.type for one in house.ledger.entries(size) if "passkey" in one.type] == []


def test_only_the_owner_enrols_in_the_session_that_was_asked(house: House) -> None:
    anna, session = employed(house)
    options = house.people.begin_passkey(session, PASSWORD)
    made = Authenticator().create(options)
    refuses("not-yours", house.people.enrol_passkey, session, made, "x", by=ADMIN)
    elsewhere = house.signed_in("anna", terminal="touch-2")
    refuses("passkey-not-started", house.people.enrol_passkey, elsewhere, made, "x", by=own(anna))
    refuses("passkey-not-started", house.people.enrol_passkey, session, made, "x", by=own(anna))


def test_the_challenge_runs_out_and_is_good_once(house: House) -> None:
    anna, session = employed(house)
    made = Authenticator().create(house.people.begin_passkey(session, PASSWORD))
    house.wall.now += 301
    refuses("passkey-not-started", house.people.enrol_passkey, session, made, "x", by=own(anna))
    made = Authenticator().create(house.people.begin_passkey(session, PASSWORD))
    house.people.enrol_passkey(session, made, "x", by=own(anna))
    refuses("passkey-not-started", house.people.enrol_passkey, session, made, "y", by=own(anna))


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://evil.example"}, {"type": "webauthn.get"}, {"challenge": "AAAA"}, {"flags": PRESENT},
        {"flags": 0x04}, {"cose": cbor2.dumps({1: 2})}, {"cose": b"\xff"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.rule("REG-A11D-13-1", negative=True)
def test_an_answer_that_was_not_made_here_by_a_verified_user_is_refused(house: House, wrong: dict[str, Any]) -> None:
    _, session = employed(house)
    size = house.ledger.size
    refuses("passkey-refused", enrol, house, session, Authenticator(), **wrong)
    assert house.ledger.size == size


def test_another_site_s_key_is_refused(house: House) -> None:
    _, session = employed(house)
    refuses("passkey-refused", enrol, house, session, Authenticator(rp_id="evil.example"))


@pytest.mark.parametrize("height", LOW_ORDER)
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_key_of_low_order_is_refused(house: House, height: int, sign: int) -> None:
    _, session = employed(house)
    cose = cbor2.dumps({1: 1, 3: -8, -1: 6, -2: (height | sign).to_bytes(32, "little")})
    assert not is_strong(cose)
    refuses("passkey-weak", enrol, house, session, Authenticator("EdDSA"), cose=cose)


@pytest.mark.parametrize(
    ("told", "strong"),
    [
        ({1: 3, 3: -257, -1: (1 << 1023 | 1).to_bytes(128, "big"), -2: b"\1\0\1"}, False),
        ({1: 3, 3: -257, -1: (1 << 2047 | 1).to_bytes(256, "big"), -2: b"\3"}, False),
        ({1: 3, 3: -257, -1: (1 << 2047 | 1).to_bytes(256, "big"), -2: b"\1\0\1"}, True),
        ({1: 3, 3: -257, -1: (1 << 8192 | 1).to_bytes(1025, "big"), -2: b"\1\0\1"}, False),
        ({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)}, False),
        ({1: 1, 3: -8, -1: 6, -2: (2**255 - 1).to_bytes(32, "little")}, False),
        ({1: 2, 3: -7, -1: 1}, False),
        ({}, False),
    ],
)  # fmt: skip
def test_which_keys_are_sound(told: dict[int, Any], strong: bool) -> None:
    assert is_strong(cbor2.dumps(told)) is strong


@given(st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_the_check_fall_over(body: bytes) -> None:
    assert is_strong(body) in (True, False)


def test_a_passkey_belongs_to_one_person_for_ever(house: House) -> None:
    anna, session = employed(house)
    device = Authenticator()
    enrol(house, session, device)
    _, other = employed(house, "bart")
    refuses("passkey-known", enrol, house, other, device)
    house.people.remove_passkey(anna.id, device.id, by=own(anna), reason="lost")
    refuses("passkey-known", enrol, house, session, device)


def test_a_lost_passkey_is_taken_away_with_a_reason(house: House) -> None:
    anna, session = employed(house)
    device, other = Authenticator(), Authenticator("EdDSA")
    enrol(house, session, device)
    enrol(house, session, other, "Phone")
    bart, _ = employed(house, "bart")
    remove = house.people.remove_passkey
    refuses("not-yours", remove, anna.id, device.id, by=own(bart), reason="lost")
    refuses("reason-needed", remove, anna.id, device.id, by=own(anna), reason=" ")
    refuses("passkey-unknown", remove, anna.id, "AAAA", by=own(anna), reason="lost")
    op = new_op()
    assert remove(anna.id, device.id, by=ADMIN, reason="lost", op=op).passkeys == {other.id}
    assert (house.last().type, house.last().document["reason"]) == ("person:passkey:removed", "lost")
    assert [one.name for one in house.people.passkeys(anna.id)] == ["Phone"]


def test_the_register_equals_the_fold(house: House) -> None:
    from mes.ledger.events import decode_event

    anna, session = employed(house)
    for nth, kind in enumerate(KINDS):
        enrol(house, session, Authenticator(kind), f"key {nth}")
    gone = house.people.passkeys(anna.id)[1]
    house.people.remove_passkey(anna.id, gone.credential, by=own(anna), reason="replaced")
    house.people.choose_language(anna.id, "nl", by=own(anna))
    entries = house.ledger.stream(f"person/{anna.id}")
    folded = fold_all(decode_event(one.type, one.tv, one.data) for one in entries)
    found = house.people.person(anna.id)
    assert folded is not None
    assert (folded.passkeys, folded.language) == (found.passkeys, found.language)
    assert len(found.passkeys) == len(KINDS) - 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb"])
def test_a_passkey_has_a_name(house: House, name: str) -> None:
    _, session = employed(house)
    refuses("passkey-name", enrol, house, session, Authenticator(), name)


def test_nobody_hoards_passkeys_and_a_temporary_password_enrols_none(house: House) -> None:
    anna, session = employed(house)
    key = new_key("ES256")
    for nth in range(10):
        enrol(house, session, Authenticator(key=key), f"key {nth}")
    refuses("passkeys-many", house.people.begin_passkey, session, PASSWORD)
    bart, _ = employed(house, "bart")
    house.people.set_password(bart.id, "Heron in the reeds", by=ADMIN)
    again = house.signed_in("bart", password="Heron in the reeds")
    refuses("password-temporary", house.people.begin_passkey, again, "Heron in the reeds")
    assert anna.id != bart.id


@pytest.mark.parametrize(
    ("origin", "rp_id"),
    [("http://localhost:8471", "localhost"), ("https://mes.hospital.example", "mes.hospital.example"),
     ("https://mes.hospital.example:8443", "mes.hospital.example")],
)  # fmt: skip
def test_the_relying_party_is_the_host(origin: str, rp_id: str) -> None:
    party = RelyingParty.of(origin, "site-a")
    assert (party.rp_id, party.origins) == (rp_id, (origin,))
