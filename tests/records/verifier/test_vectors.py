"""The verifier's own arithmetic against public test vectors and against the package cryptography."""

import base64
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.records.verifier.bundles import verifier
from tests.records.verifier.writer import EC_KEY, RSA_KEY, Passkey, key_of, public, vkey

VECTORS = Path(__file__).parents[2] / "assets" / "vectors"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def vectors(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / name).read_text())
    return document


def test_ed25519_judges_as_cryptography_does() -> None:
    told = vectors("ed25519_cctv_subset.json")["vectors"]
    judged = {
        one["number"]: verifier.ed25519(bytes.fromhex(one["key"]), bytes.fromhex(one["sig"]), one["msg"].encode())
        for one in told
    }
    assert judged == {one["number"]: one["cryptography_50_accepts"] for one in told}
    assert len(told) == 66


@pytest.mark.parametrize("length", [0, 1, 1000])
def test_ed25519_of_fresh_keys(length: int) -> None:
    key, message = Ed25519PrivateKey.generate(), bytes(length)
    signature = key.sign(message)
    assert verifier.ed25519(public(key), signature, message)
    assert not verifier.ed25519(public(key), signature, message + b"x")
    assert not verifier.ed25519(public(key_of("other")), signature, message)
    for place in (0, 31, 32, 63):
        spoiled = bytearray(signature)
        spoiled[place] ^= 1
        assert not verifier.ed25519(public(key), bytes(spoiled), message)


def test_ed25519_refuses_a_scalar_beyond_the_order_and_other_lengths() -> None:
    key = key_of("x")
    signature = key.sign(b"m")
    beyond = (int.from_bytes(signature[32:], "little") + verifier.L).to_bytes(32, "little")
    assert not verifier.ed25519(public(key), signature[:32] + beyond, b"m")
    assert not verifier.ed25519(public(key)[:31], signature, b"m")
    assert not verifier.ed25519(public(key), signature[:63], b"m")


def test_inclusion_proofs() -> None:
    told = vectors("rfc6962_proofs_transparency_dev.json")["inclusion"]
    wrong = []
    for one in told:
        leaf, root = base64.b64decode(one["leafHash"]), base64.b64decode(one["root"])
        proof = [base64.b64decode(step) for step in one["proof"] or []]
        if (verifier.proven_root(leaf, one["leafIdx"], one["treeSize"], proof) == root) is one["wantErr"]:
            wrong.append(one["file"])
    assert wrong == []
    assert len(told) > 90


def test_roots_and_signatures_of_a_public_log() -> None:
    told = vectors("tlog_tiles_tessera_testlog.json")
    name, kind, key = verifier.read_vkey(told["vkey"])
    assert kind == 1
    for checkpoint in told["checkpoints"]:
        origin, size, root = verifier.read_checkpoint(checkpoint.encode())
        assert verifier.tree_root([entry.encode() for entry in told["entries_utf8"][:size]]) == root
        text, [(_, signer, raw)] = verifier.read_note(checkpoint.encode())
        assert origin == signer == name
        assert verifier.note_signed(text, raw, name, key)
        assert not verifier.note_cosigned(text, raw, name, key)


def note_holds(body: bytes, name: str, key: bytes) -> bool:
    try:
        text, signatures = verifier.read_note(body)
    except verifier.Wrong:
        return False
    return any(signer == name and verifier.note_signed(text, raw, name, key) for _, signer, raw in signatures)


def test_signed_notes() -> None:
    told = vectors("signed_note_c2sp.json")
    name, _, key = verifier.read_vkey(told["vkey"])
    assert all(note_holds(note.encode(), name, key) for note in told["positive"])
    assert [one["name"] for one in told["negative"] if note_holds(one["note"].encode(), name, key)] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("arrays", "holds the key '1'"),
        ("french", "holds the key"),
        ("structures", "holds the key"),
        ("unicode", "holds the key"),
        ("values", "holds the number"),
        ("weird", "holds the key"),
    ],
)
def test_general_json_is_not_what_a_record_may_hold(name: str, words: str) -> None:
    told = {one["name"]: one for one in vectors("jcs_rfc8785.json")["vectors"]}
    with pytest.raises(verifier.Wrong, match=words):
        verifier.parse_json(base64.b64decode(told[name]["output_b64"]))


ALPHABET = st.characters(codec="utf-8") | st.sampled_from('\\"/\b\f\n\r\t\u0000\u001f\u007f\u2028😂')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(ALPHABET),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.from_regex("[a-z][a-z0-9_]{0,8}", fullmatch=True), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_rfc8785_writes_is_read_back(value: Any) -> None:
    body = rfc8785.dumps(value)
    if unicodedata.is_normalized("NFC", body.decode()) and "value" not in str(value) and "content" not in str(value):
        assert verifier.parse_json(body) == value


@given(VALUES.filter(lambda value: isinstance(value, (dict, list)) and value))
def test_what_another_form_writes_is_refused(value: Any) -> None:
    with pytest.raises(verifier.Wrong):
        verifier.parse_json(json.dumps(value, indent=1).encode())


def test_es256_and_its_der() -> None:
    numbers = EC_KEY.public_key().public_numbers()
    point, message = (numbers.x, numbers.y), b"message"
    for _ in range(8):
        signature = EC_KEY.sign(message, ec.ECDSA(hashes.SHA256()))
        assert verifier.es256(point, signature, message)
        assert not verifier.es256(point, signature, message + b"x")
    r, s = utils.decode_dss_signature(signature)
    wrong = [
        signature + b"\0",
        signature[:-1],
        b"",
        b"\x30\x00",
        bytes([0x30, 0x81, len(signature) - 2]) + signature[2:],
        utils.encode_dss_signature(0, s),
        utils.encode_dss_signature(r, 0),
        utils.encode_dss_signature(ORDER, s),
        utils.encode_dss_signature(r, s + ORDER),
        utils.encode_dss_signature(s, r),
        b"\x30" + bytes([len(signature) - 1]) + b"\x02" + bytes([signature[3] + 1]) + b"\0" + signature[4:],
    ]
    assert [body.hex() for body in wrong if verifier.es256(point, body, message)] == []
    assert verifier.es256(point, utils.encode_dss_signature(r, ORDER - s), message)
    assert not verifier.es256((numbers.x, numbers.y + 1), signature, message)
    assert not verifier.es256((numbers.x + verifier.P, numbers.y), signature, message)


def test_rs256_and_its_padding() -> None:
    numbers, message = RSA_KEY.public_key().public_numbers(), b"message"
    signature = RSA_KEY.sign(message, padding.PKCS1v15(), hashes.SHA256())
    assert verifier.rs256(numbers.n, numbers.e, signature, message)
    assert not verifier.rs256(numbers.n, numbers.e, signature, b"other")
    assert not verifier.rs256(numbers.n, numbers.e, b"\0" + signature, message)
    assert not verifier.rs256(numbers.n, numbers.e, RSA_KEY.sign(message, padding.PKCS1v15(), hashes.SHA512()), message)
    larger = (int.from_bytes(signature, "big") + numbers.n).to_bytes(257, "big")
    assert not verifier.rs256(numbers.n, numbers.e, larger, message)
    assert not verifier.rs256(numbers.n, 1, signature, message)


def test_rs256_refuses_a_small_modulus() -> None:
    key = rsa.generate_private_key(65537, 1024)
    numbers = key.public_key().public_numbers()
    assert not verifier.rs256(numbers.n, numbers.e, key.sign(b"m", padding.PKCS1v15(), hashes.SHA256()), b"m")


@pytest.mark.parametrize("kind", ["EdDSA", "ES256", "RS256"])
def test_cose_keys(kind: str) -> None:
    passkey = Passkey(kind)
    assert verifier.cose_verifies(passkey.cose, passkey.sign(b"m"), b"m")
    assert not verifier.cose_verifies(passkey.cose, passkey.sign(b"m"), b"n")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xa1",
        b"\xa1\x01",
        b"\xbf\x01\x01\xff",
        b"\xa1\x01\x01\x00",
        b"\xa2\x01\x01\x01\x02",
        b"\xa1\x61a\x01",
        b"\xa1\x01\x58\xff",
        b"\xa1\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x01\x81\x01",
        b"\xba\xff\xff\xff\xff",
        b"\x01",
        b"\xa1\x01\x1c",
        b"\xa1\x01\x19\x01",
    ],
    ids=bytes.hex,
)
def test_cose_keys_that_are_none(body: bytes) -> None:
    with pytest.raises(verifier.Wrong):
        verifier.cose_key(body)


@pytest.mark.parametrize(
    "body", [b"\xa1\x01\x04", b"\xa3\x01\x01\x03\x26\x20\x06", b"\xa2\x01\x02\x03\x26"], ids=bytes.hex
)
def test_cose_keys_of_other_kinds(body: bytes) -> None:
    with pytest.raises(verifier.Wrong, match="neither EdDSA nor ES256 nor RS256"):
        verifier.cose_verifies(body, b"", b"")


def test_a_number_in_the_place_of_a_key_takes_no_memory() -> None:
    assert not verifier.cose_verifies(b"\xa4\x01\x01\x03\x27\x20\x06\x21\x1a\xff\xff\xff\xff", bytes(64), b"m")


def test_verifier_keys() -> None:
    key = key_of("x")
    assert verifier.read_vkey(vkey("septima/x/1", key)) == ("septima/x/1", 1, public(key))
    assert verifier.write_vkey("septima/x/1", public(key)) == vkey("septima/x/1", key)
    for wrong in (vkey("a", key, 2), vkey("a", key)[1:], "a+00000000+" + vkey("a", key)[11:], "a++", "a+b"):
        with pytest.raises(verifier.Wrong):
            verifier.read_vkey(wrong)


@pytest.mark.parametrize("text", ["", "AAF=", "AAE", "AAE==", "AA E=", "AAE=\n", "_-AA", "é"])
def test_base64_has_one_form(text: str) -> None:
    with pytest.raises(verifier.Wrong):
        verifier.b64(text)


@pytest.mark.parametrize("text", ["AAF", "AAE=", "A", "+/AA", "AA\nAA"])
def test_base64url_has_one_form(text: str) -> None:
    with pytest.raises(verifier.Wrong):
        verifier.b64url(text)
    assert verifier.b64url("AAE") == b"\0\1"
