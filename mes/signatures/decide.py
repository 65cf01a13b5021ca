"""The rules of signing: which factors, what the statement binds, who must differ from whom. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from mes.errors import Refusal
from mes.ids import PersonId, Stream
from mes.ledger.canonical import canonical
from mes.ledger.entry import Entry
from mes.people.model import CredentialKind, Person
from mes.signatures.meanings import TWO_FACTOR, Meaning
from mes.signatures.model import Credentials, Offer, ShownDocument, SignaturePrompt

WAYS = ("password", "passkey", "either")
"""What a site may let people sign with."""


def factors_needed(meaning: Meaning, *, signed_before: bool, passkey: bool = False) -> tuple[str, ...]:
    """Return the factors that this signature takes, in the order of the record.

    The first signature of a session takes user name and secret, later ones the secret alone; a badge alone never
    signs. Some meanings take a second factor whatever was signed before; a passkey that verified its user is two
    (the device and what unlocks it). Rule: REG-P11-200a1, REG-A11D-13-1.
    """
    first = () if signed_before else ("user_name",)
    if passkey:
        return (*first, "passkey_uv")
    second = ("totp",) if meaning in TWO_FACTOR else ()
    return (*first, "password", *second)


def offered(person: Person, meaning: Meaning, way: str, rp_id: str) -> Offer:
    """Return by what a person may sign a meaning at a site whose policy is `way` (one of WAYS).

    Refuses `person-disabled` (403), `passkey-not-enrolled` where the site wants a passkey, and
    `second-factor-not-enrolled` where the meaning takes two factors and the person has no second one.
    """
    if not person.active:
        raise Refusal("person-disabled", status=403, person=person.id)
    passkeys = tuple(sorted(person.passkeys)) if way != "password" else ()
    if way == "passkey" and not passkeys:
        raise Refusal("passkey-not-enrolled")
    lacks_second = meaning in TWO_FACTOR and CredentialKind.TOTP not in person.credentials
    if lacks_second and not passkeys:
        raise Refusal("second-factor-not-enrolled", person=person.id)
    return Offer(way != "passkey" and not lacks_second, passkeys, rp_id)


def check_complete(
    given: Credentials | None,
    asked: SignaturePrompt,
    *,
    signed_before: bool,
    statement: str | None,
) -> tuple[Credentials, tuple[str, ...]]:
    """Return what was handed in and the factors to check: those needed, and any other given. Nothing is proven yet.

    `asked` is the prompt as it would be shown now; `statement` is that of what was handed in, None where the place up
    to which its signer knew the stream is not there or something they saw was corrected since. Refuses, in this
    order: with a prompt while something is missing (`signature-needed`, `second-factor-needed`); `way-not-offered`;
    with a prompt if what was signed is not what the record would hold (`shown-changed`). Rule: SEC-06, SEC-07.
    """
    by_passkey = given is not None and given.assertion is not None
    needed = factors_needed(asked.meaning, signed_before=signed_before, passkey=by_passkey)
    if given is None or given.shown is None or missing(given, needed) - {"totp"}:
        raise asked
    if (by_passkey and not asked.offer.passkeys) or not (by_passkey or asked.offer.password):
        raise Refusal("way-not-offered", status=422)
    if missing(given, needed):
        raise asked.anew("second-factor-needed", 428)
    stated = given.statement or (None if by_passkey else statement)
    if given.shown != asked.shown.digest or statement is None or stated != statement:
        raise asked.anew("shown-changed", 409)
    known = ("user_name", "passkey_uv") if by_passkey else ("user_name", "password", "totp")
    return given, tuple(factor for factor in known if factor in needed or getattr(given, factor))


def missing(given: Credentials, needed: Iterable[str]) -> set[str]:
    """Return the needed factors that were not handed in."""
    return {factor for factor in needed if not getattr(given, factor)}


def is_the_signer(typed: str | None, person: Person) -> bool:
    """Tell whether the user name typed, if any, is the one of the session's person."""
    return not typed or typed.strip().lower() == person.user_name


def statement(
    *,
    site: str,
    gen: int,
    stream: Stream,
    type: str,  # noqa: A002  the record's own word
    after: Sequence[tuple[Stream, int]],
    shown: str,
    meaning: Meaning,
    text: str,
    person: Person,
    data: Mapping[str, Any],
    reason: str | None,
) -> str:
    """Return the digest (hex) that binds a signature to its entry, so that it fits no other. Rule: REG-P11-70."""
    document: dict[str, Any] = {
        "site": site,
        "gen": gen,
        "stream": stream,
        "type": type,
        "after": after_document(after),
        "shown": shown,
        "meaning": meaning.value,
        "text": text,
        "person": {"id": person.id, "name": person.name},
        "data": data,
    }
    if reason is not None:
        document["reason"] = reason
    return sha256(canonical(document)).hexdigest()


def is_overtaken(shown: ShownDocument, later: Iterable[Entry]) -> bool:
    """Tell whether one of the entries recorded after the prompt corrects something that the signer was shown.

    Whatever else was recorded meanwhile, elsewhere in the batch, does not keep a signature from standing.
    Rule: record format 2.
    """
    sources = {(source.stream, source.seq) for item in shown.items if (source := item.place) is not None}
    corrected = (entry.document["corrects"] for entry in later if "corrects" in entry.document)
    return any((place["stream"], place["seq"]) in sources for place in corrected)


def after_document(after: Sequence[tuple[Stream, int]]) -> list[dict[str, Any]]:
    """Return the JSON form of the entries that the signer knew of; those of earlier generations stand in none."""
    return [{"stream": stream, "seq": seq} for stream, seq in after if seq >= 0]


def different_persons(performer: PersonId, verifier: PersonId) -> None:
    """Refuse with `same-person` if one person would check their own work. Rule: REG-A11-06, 21 CFR 211.188(b)(11)."""
    if performer == verifier:
        raise Refusal("same-person", person=performer)
