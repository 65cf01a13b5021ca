"""The rules of signing: which factors, what the statement binds, who must differ from whom. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from mes.errors import Refusal
from mes.ids import PersonId, Stream
from mes.ledger.canonical import canonical
from mes.people.model import CredentialKind, Person
from mes.signatures.meanings import TWO_FACTOR, Meaning
from mes.signatures.model import Credentials, ShownDocument, SignaturePrompt


def factors_needed(meaning: Meaning, *, signed_before: bool) -> tuple[str, ...]:
    """Return the factors that this signature takes, in the order of the record.

    The first signature of a session takes user name and password, later ones the password alone; some meanings
    take a second factor whatever was signed before. Rule: REG-P11-200a1, REG-A11D-13-1.
    """
    first = () if signed_before else ("user_name",)
    second = ("totp",) if meaning in TWO_FACTOR else ()
    return (*first, "password", *second)


def check_complete(
    given: Credentials | None, person: Person, shown: ShownDocument, meaning: Meaning, *, signed_before: bool
) -> tuple[Credentials, tuple[str, ...]]:
    """Return what was handed in and the factors to check: those needed, and any other given. Nothing is proven yet.

    Refuses, in this order: `person-disabled`; `second-factor-not-enrolled`; with a prompt while something is
    missing (`signature-needed`, `second-factor-needed`) or what was signed is not what the record would hold
    (`shown-changed`).
    """
    if not person.active:
        raise Refusal("person-disabled", status=403, person=person.id)
    needed = factors_needed(meaning, signed_before=signed_before)
    if "totp" in needed and CredentialKind.TOTP not in person.credentials:
        raise Refusal("second-factor-not-enrolled", person=person.id)

    def prompt(code: str, status: int) -> SignaturePrompt:
        return SignaturePrompt(code, status=status, shown=shown, meaning=meaning, factors=needed)

    if given is None or given.shown is None or missing(given, needed) - {"totp"}:
        raise prompt("signature-needed", 428)
    if missing(given, needed):
        raise prompt("second-factor-needed", 428)
    if given.shown != shown.digest:
        raise prompt("shown-changed", 409)
    known = ("user_name", "password", "totp")
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


def after_document(after: Sequence[tuple[Stream, int]]) -> list[dict[str, Any]]:
    """Return the JSON form of the entries that the signer knew of."""
    return [{"stream": stream, "seq": seq} for stream, seq in after]


def different_persons(performer: PersonId, verifier: PersonId) -> None:
    """Refuse with `same-person` if one person would check their own work. Rule: REG-A11-06, 21 CFR 211.188(b)(11)."""
    if performer == verifier:
        raise Refusal("same-person", person=performer)
