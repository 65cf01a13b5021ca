"""Signed notes, verifier keys and checkpoints, by the public vectors and by what must be rejected."""

from typing import Any

import pytest

from mes.ledger.checkpoints import Checkpoint, open_checkpoint, origin_of, parse_checkpoint
from mes.ledger.keys import SiteKey
from mes.ledger.merkle import EMPTY_ROOT
from mes.ledger.notes import (
    COSIGNATURE,
    NoteError,
    Verifier,
    checked_public,
    cosigned_message,
    ed25519_verifies,
    parse_note,
    parse_vkey,
    signature_line,
    verified,
)
from tests.ledger.builders import KEY
from tests.ledger.vectors import vectors

NOTES = vectors("signed_note_c2sp.json")
LOG = vectors("tlog_tiles_tessera_testlog.json")
SIGNATURES = vectors("ed25519_cctv_subset.json")["vectors"]
TEXT = Checkpoint(KEY.name, 7, b"r" * 32).text


def test_the_note_of_the_specification_stands() -> None:
    (note,) = NOTES["positive"]
    verifier = parse_vkey(NOTES["vkey"])
    assert verified(parse_note(note), [verifier]) == (verifier,)
    assert verifier.vkey == NOTES["vkey"]


@pytest.mark.parametrize("case", NOTES["negative"], ids=lambda case: case["name"])
def test_a_malformed_note_is_rejected(case: dict[str, str]) -> None:
    with pytest.raises(NoteError):
        verified(parse_note(case["note"]), [parse_vkey(NOTES["vkey"])])


@pytest.mark.parametrize("size", range(16))
def test_every_checkpoint_of_the_public_log_stands(size: int) -> None:
    verifier = parse_vkey(LOG["vkey"])
    found = open_checkpoint(LOG["checkpoints"][size], [verifier], verifier.name)
    assert (found.origin, found.size) == ("example.com/log/testdata", size)
    assert found.text == LOG["checkpoints"][size].partition("\n\n")[0] + "\n"
    assert size or found.root == EMPTY_ROOT


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: f"{case['number']}")
def test_odd_signatures_get_the_known_verdict(case: dict[str, Any]) -> None:
    verdict = ed25519_verifies(bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["msg"].encode())
    assert verdict is case["cryptography_50_accepts"]


@pytest.mark.parametrize("case", SIGNATURES, ids=lambda case: f"{case['number']}")
def test_a_key_of_low_order_or_odd_form_is_never_enrolled(case: dict[str, Any]) -> None:
    key = bytes.fromhex(case["key"])
    if {"low_order_A", "non_canonical_A"} & set(case["flags"] or ()):
        with pytest.raises(NoteError, match="canonical or of low order"):
            checked_public(key)
    else:
        assert checked_public(key) == key


def test_another_signature_beside_an_unknown_one_is_enough() -> None:
    stranger = SiteKey("example.org/other", b"s" * 32)
    note = KEY.signed_note(TEXT) + signature_line(stranger.verifier, stranger.sign(b"anything"))
    assert verified(parse_note(note), [KEY.verifier]) == (KEY.verifier,)
    with pytest.raises(NoteError, match="does not stand"):
        verified(parse_note(note), [KEY.verifier, stranger.verifier])


def test_a_witness_signs_the_time_and_the_checkpoint() -> None:
    secret = SiteKey("witness.example/w1", b"w" * 32)
    witness = Verifier(secret.name, secret.public, COSIGNATURE)
    time = (1_800_000_000).to_bytes(8, "big")
    signature = secret.sign(cosigned_message(1_800_000_000, TEXT))
    note = KEY.signed_note(TEXT) + signature_line(witness, time + signature)
    assert verified(parse_note(note), [KEY.verifier, witness]) == (KEY.verifier, witness)
    later = KEY.signed_note(TEXT) + signature_line(witness, (1_800_000_001).to_bytes(8, "big") + signature)
    with pytest.raises(NoteError, match="does not stand"):
        verified(parse_note(later), [witness])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        NOTES["vkey"].replace("530d903a", "530d903b"),
        NOTES["vkey"][:-1],
        "a b" + NOTES["vkey"],
        "k+00000000+AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "k+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_a_malformed_key_is_rejected(vkey: str) -> None:
    with pytest.raises(NoteError):
        parse_vkey(vkey)


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n",
        "o\n01\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        "o\n-1\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        "o\n1\ncnJy\n",
        "o\n1\nnot base64\n",
        "\n1\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=\n",
        "o\n1\ncnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=",
    ],
)
def test_a_malformed_checkpoint_is_rejected(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_extension_lines_are_passed_over() -> None:
    assert parse_checkpoint(TEXT + "extension\n") == parse_checkpoint(TEXT)


def test_a_checkpoint_of_another_ledger_is_rejected() -> None:
    assert open_checkpoint(KEY.signed_note(TEXT), [KEY.verifier], KEY.name).size == 7
    with pytest.raises(NoteError, match="not of septima/site-one/2"):
        open_checkpoint(KEY.signed_note(TEXT), [KEY.verifier], origin_of("site-one", 2))


def test_a_checkpoint_that_only_a_witness_signed_is_rejected() -> None:
    secret = SiteKey("witness.example/w1", b"w" * 32)
    with pytest.raises(NoteError, match="not signed by the ledger itself"):
        open_checkpoint(secret.signed_note(TEXT), [secret.verifier], KEY.name)


def test_a_note_with_too_many_signatures_is_rejected() -> None:
    line = signature_line(KEY.verifier, KEY.sign(TEXT.encode()))
    assert parse_note(f"{TEXT}\n{line * 64}")
    with pytest.raises(NoteError, match="too many"):
        parse_note(f"{TEXT}\n{line * 65}")
