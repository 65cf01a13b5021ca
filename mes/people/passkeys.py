"""Passkeys (WebAuthn): which keys a site takes, and what an authenticator's answer proves. Pure; no state.

Everything that the offline verifier of a bundle will demand of an assertion is demanded here first, so that no
signature is taken that a stranger would refuse later.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn import generate_registration_options, verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    encode_cbor,
    options_to_json_dict,
    parse_cbor,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mes.errors import Refusal
from mes.people.model import Person

ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
MAX_CREDENTIAL_BYTES = 1023
RSA_BITS = range(2048, 8193)
RSA_EXPONENT = 65_537
ASSERTION_KEYS = ("credential", "authenticatorData", "clientDataJSON", "signature")
UNREADABLE = (
    WebAuthnException, UnsupportedAlgorithm, LookupError, ValueError, TypeError, AttributeError, OverflowError,
    RecursionError,
)  # fmt: skip
"""What the library raises over bytes that are no key, attestation or assertion."""
NO_AAGUID = "00000000-0000-0000-0000-000000000000"
PATIENCE_MS = 60_000

_P25519 = 2**255 - 19
_LOW_ORDER_Y = frozenset(
    {
        0,
        1,
        _P25519 - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
"""Heights of the eight points of small order on edwards25519: under such a key many messages share a signature."""


class Cause(StrEnum):
    """Why an assertion does not sign; stands in `signature:refused`."""

    MALFORMED = "assertion_malformed"
    UNKNOWN = "credential_unknown"
    OTHER = "credential_other_person"
    TYPE = "assertion_type"
    STATEMENT = "assertion_statement"
    ORIGIN = "assertion_origin"
    SITE = "assertion_other_site"
    UNVERIFIED = "user_not_verified"
    SIGNATURE = "assertion_signature"
    COUNTER = "counter"
    REPLAYED = "assertion_replayed"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site as authenticators know it: a host name, never an IP address, and the addresses of its pages."""

    rp_id: str = "localhost"
    origins: tuple[str, ...] = ("http://localhost",)
    name: str = "Septima"

    @classmethod
    def of(cls, origin: str, site: str) -> "RelyingParty":
        """Return the relying party of a site whose pages are at `origin`."""
        return cls(urlsplit(origin).hostname or "localhost", (origin,), f"Septima {site}")


LOCALHOST = RelyingParty()
"""The relying party of a site at its own machine, and of tests."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey as enrolled; `credential` base64url without padding, `cose` the public key, `count` its last use."""

    credential: str
    person: str
    cose: bytes = field(repr=False)
    name: str
    count: int = 0
    active: bool = True


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator made: credential id (base64url), public key (COSE, base64), kind of device if it says."""

    credential: str
    cose: str
    aaguid: str | None


def creation_options(
    party: RelyingParty, person: Person, handle: bytes, challenge: bytes, held: Mapping[str, Passkey]
) -> dict[str, Any]:
    """Return what `navigator.credentials.create` takes; bytes as base64url. `handle` says nothing about the person."""
    options = generate_registration_options(
        rp_id=party.rp_id, rp_name=party.name, user_id=handle, user_name=person.user_name,
        user_display_name=person.name, challenge=challenge, timeout=PATIENCE_MS, supported_pub_key_algs=ALGORITHMS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in sorted(held)],
    )  # fmt: skip
    made: dict[str, Any] = options_to_json_dict(options)
    return made


def checked_enrolment(party: RelyingParty, challenge: bytes, answer: Mapping[str, Any]) -> Enrolment:
    """Return what an authenticator enrolled.

    Refuses `passkey-refused` (422: not made for this challenge, site and a verified user) and `passkey-weak` (422).
    """
    try:
        verified = verify_registration_response(
            credential=dict(answer), expected_challenge=challenge, expected_rp_id=party.rp_id,
            expected_origin=list(party.origins), require_user_verification=True, supported_pub_key_algs=ALGORITHMS,
        )  # fmt: skip
    except UNREADABLE as error:
        raise Refusal("passkey-refused", status=422) from error
    if len(verified.credential_id) > MAX_CREDENTIAL_BYTES or not is_strong(verified.credential_public_key):
        raise Refusal("passkey-weak", status=422)
    return Enrolment(
        bytes_to_base64url(verified.credential_id),
        b64encode(verified.credential_public_key).decode(),
        None if verified.aaguid == NO_AAGUID else verified.aaguid,
    )


def is_strong(cose: bytes) -> bool:
    """Tell whether a public key is sound: on its curve and of full order, or RSA of 2,048 to 8,192 bits with 65537."""
    try:
        if not _is_flat(cose):
            return False
        decoded = decode_credential_public_key(cose)
        key = decoded_public_key_to_cryptography(decoded)
    except UNREADABLE:
        return False
    if isinstance(key, RSAPublicKey):
        return key.key_size in RSA_BITS and key.public_numbers().e == RSA_EXPONENT
    if isinstance(key, Ed25519PublicKey):
        height = int.from_bytes(key.public_bytes(Encoding.Raw, PublicFormat.Raw), "little") & (1 << 255) - 1
        return height < _P25519 and height not in _LOW_ORDER_Y
    # P-256 has no points of small order, and a point off the curve is refused when it is read
    return key.curve.name == "secp256r1" if hasattr(key, "curve") else False


def _is_flat(cose: bytes) -> bool:
    """Tell whether a key is one plain map of numbers to numbers or bytes, as the verifier of a bundle reads it."""
    told = parse_cbor(cose)
    if not isinstance(told, dict) or len(encode_cbor(told)) != len(cose):
        return False
    return all(type(key) is int and type(value) in (int, bytes) for key, value in told.items())


def judge_assertion(
    party: RelyingParty, passkey: Passkey, statement: str, assertion: Mapping[str, str]
) -> tuple[Cause | None, int]:
    """Return why the assertion does not sign `statement` (hex), None if it does, and the counter that it tells.

    Demands what record-format.md 5 demands of it offline: type, challenge, origin, site, user present and verified,
    and the signature; then that the counter moved on, unless the authenticator counts nothing (always 0).
    """
    told = _client_data(assertion)
    checks: tuple[tuple[Cause, Callable[[], bool]], ...] = (
        (Cause.TYPE, lambda: told.get("type") == "webauthn.get" and told.get("crossOrigin", False) is False),
        (Cause.STATEMENT, lambda: told.get("challenge") == bytes_to_base64url(bytes.fromhex(statement))),
        (Cause.ORIGIN, lambda: told.get("origin") in party.origins),
        (Cause.SITE, lambda: _site_fits(party, assertion)),
        (Cause.UNVERIFIED, lambda: _verified(assertion)),
        (Cause.SIGNATURE, lambda: _signature_holds(party, passkey, statement, assertion)),
    )
    if not told:
        return Cause.MALFORMED, 0
    for cause, holds in checks:
        if not holds():
            return cause, 0
    count = count_of(assertion)
    if (count or passkey.count) and count <= passkey.count:
        return Cause.COUNTER, count
    return None, count


def count_of(assertion: Mapping[str, str]) -> int:
    """Return the counter in an assertion's authenticator data; 0 where there is none."""
    return int.from_bytes(_bytes(assertion, "authenticatorData")[33:37], "big")


def _client_data(assertion: Mapping[str, str]) -> dict[str, Any]:
    if set(assertion) != set(ASSERTION_KEYS):
        return {}
    for name in ASSERTION_KEYS:
        if not assertion[name] or bytes_to_base64url(_bytes(assertion, name)) != assertion[name]:
            return {}
    try:
        told = json.loads(_bytes(assertion, "clientDataJSON"), object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _bytes(assertion: Mapping[str, str], name: str) -> bytes:
    try:
        return base64url_to_bytes(assertion[name])
    except ValueError:
        return b""


def _site_fits(party: RelyingParty, assertion: Mapping[str, str]) -> bool:
    return _bytes(assertion, "authenticatorData")[:32] == sha256(party.rp_id.encode()).digest()


def _verified(assertion: Mapping[str, str]) -> bool:
    """User present and verified; no attested credential in an assertion; nothing behind it but announced extensions."""
    body = _bytes(assertion, "authenticatorData")
    flags = body[32] if len(body) >= 37 else 0
    return flags & 0x45 == 0x05 and (len(body) > 37) == bool(flags & 0x80)


def _signature_holds(party: RelyingParty, passkey: Passkey, statement: str, assertion: Mapping[str, str]) -> bool:
    credential = {
        "id": assertion["credential"], "rawId": assertion["credential"], "type": "public-key",
        "response": {name: assertion[name] for name in ASSERTION_KEYS[1:]},
    }  # fmt: skip
    try:
        verify_authentication_response(
            credential=credential, expected_challenge=bytes.fromhex(statement), expected_rp_id=party.rp_id,
            expected_origin=list(party.origins), credential_public_key=passkey.cose, credential_current_sign_count=0,
            require_user_verification=True,
        )  # fmt: skip
    except UNREADABLE:
        return False
    return assertion["credential"] == passkey.credential
