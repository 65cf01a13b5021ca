"""Holding a scanned code against one batch's chain of identity; pure, and its words never name a patient."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from mes.errors import Refusal
from mes.identity.codes import Code, CodeKind, read_code

EXPECTS = ("wristband", "bag:apheresis", "bag:product", "donation", "coi")
"""What a master may ask to be scanned."""
MAX_WRISTBAND = 64


@dataclass(frozen=True, slots=True)
class Chain:
    """What belongs to one batch: DIN, chain-of-identity id, containers, label serials, digest of the wristband."""

    batch: str
    coi: str
    wristband: str | None = None
    din: str | None = None
    apheresis: frozenset[str] = frozenset()
    product: frozenset[str] = frozenset()
    serials: frozenset[str] = frozenset()
    void_serials: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the code belongs to the batch; `found` is safe to record and to show."""

    matched: bool
    found: str


def match(expects: str, code: str, chain: Chain, wristband_digest: Callable[[str], str]) -> Verdict:
    """Tell whether `code` is what the step expects of this batch.

    A wrong code is a verdict, not a refusal. Refuses `expectation-unknown`, `code-unreadable`,
    `check-character-wrong`, and `identity-not-known-yet` where the batch has nothing yet to compare with.
    Rule: REG-ATMP-10, REG-ID-12. There is no override.
    """
    if expects not in EXPECTS:
        raise Refusal("expectation-unknown", status=422, expects=expects[:40])
    if expects == "wristband":
        return _wristband(code, chain, wristband_digest)
    found = read_code(code)
    match expects:
        case "bag:apheresis":
            _there(chain.din, expects)
            ours = _is_donation(found, chain) or _is_bag(found, chain)
        case "bag:product":
            _there(chain.product, expects)
            ours = _is_product(found, chain)
        case "donation":
            _there(chain.din, expects)
            ours = _is_donation(found, chain)
        case _:
            ours = found.kind is CodeKind.COI and found.ident == chain.coi
    return Verdict(ours, found.told if ours else _not_ours(found, chain))


def checked_wristband(code: str) -> str:
    """Return a wristband's code as it is compared, or refuse with `wristband-unreadable`; the code is not repeated."""
    text = code.strip()
    if not 4 <= len(text) <= MAX_WRISTBAND or not (text.isascii() and text.isprintable()):
        raise Refusal("wristband-unreadable", status=422, length=len(text))
    return text


def _wristband(code: str, chain: Chain, wristband_digest: Callable[[str], str]) -> Verdict:
    _there(chain.wristband, "wristband")
    if hmac.compare_digest(wristband_digest(checked_wristband(code)), chain.wristband or ""):
        return Verdict(True, "the wristband of this patient")
    return Verdict(False, "another wristband or another code")


def _there(what: object, expects: str) -> None:
    if not what:
        raise Refusal("identity-not-known-yet", expects=expects)


def _is_donation(code: Code, chain: Chain) -> bool:
    return code.kind is CodeKind.DONATION and code.ident == chain.din


def _is_bag(code: Code, chain: Chain) -> bool:
    return code.kind is CodeKind.APHERESIS and code.ident in chain.apheresis and code.coi == chain.coi


def _is_product(code: Code, chain: Chain) -> bool:
    known = code.ident in chain.product and code.serial in chain.serials - chain.void_serials
    return code.kind is CodeKind.PRODUCT and known and code.coi == chain.coi


def _not_ours(code: Code, chain: Chain) -> str:
    if code.kind is CodeKind.PRODUCT and code.serial in chain.void_serials:
        return f"{code.told}, a label that was destroyed or is missing"
    belongs = code.coi == chain.coi or code.ident in (chain.din, chain.coi)
    return f"{code.told} of this batch" if belongs else f"{code.told} of another batch"
