"""What a scanner may hand us: ISBT 128 numbers and our own compact codes for bags, labels and wristbands.

Our own: `S7:A:<container>:<coi>:<cc>` a bag of starting material, `S7:P:<container>:<serial>:<coi>:<cc>` a product
label, `S7:W:<token>:<cc>` a wristband; cc are two check digits over all that stands before them.
"""

from dataclasses import dataclass
from enum import StrEnum

from mes.errors import Refusal
from mes.identity.checks import check_digits, is_own_code_whole
from mes.identity.coi import PREFIX as COI_PREFIX
from mes.identity.coi import parse_coi
from mes.identity.din import Din, parse_din
from mes.ids import ID_PATTERN

MAX_LENGTH = 160
MARK = "S7"


class CodeKind(StrEnum):
    """What a code is fixed to."""

    DONATION = "donation"
    COI = "chain of identity"
    APHERESIS = "apheresis bag"
    PRODUCT = "product bag"
    WRISTBAND = "wristband"


_LETTERS = {CodeKind.APHERESIS: "A", CodeKind.PRODUCT: "P", CodeKind.WRISTBAND: "W"}
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}
_FIELDS = {CodeKind.APHERESIS: 2, CodeKind.PRODUCT: 3, CodeKind.WRISTBAND: 1}


@dataclass(frozen=True, slots=True)
class Code:
    """A code as read: `ident` is the number, the container or the wristband's token."""

    kind: CodeKind
    ident: str
    serial: str | None = None
    coi: str | None = None

    @property
    def told(self) -> str:
        """Return what was scanned, in words that never name a patient: a wristband's own code is left out."""
        return "a wristband" if self.kind is CodeKind.WRISTBAND else f"{self.kind.value} {self.ident}"


def read_code(text: str) -> Code:
    """Read a scanned or typed code.

    Refuses `code-unreadable` for anything that is no code of ours, `check-character-wrong` for one that was misread,
    and what donation numbers and chain-of-identity ids refuse. No refusal repeats what was scanned.
    """
    text = text.strip()
    if not 1 <= len(text) <= MAX_LENGTH or not text.isascii():
        raise Refusal("code-unreadable", status=422, length=len(text))
    if text.startswith(f"{MARK}:"):
        return _own(text)
    if text.startswith(COI_PREFIX) or text.upper().startswith("CH"):
        return Code(CodeKind.COI, parse_coi(text))
    if text.startswith("=") or _looks_like_donation(text):
        return Code(CodeKind.DONATION, parse_din(text).number)
    raise Refusal("code-unreadable", status=422, length=len(text))


def bag_code(container: str, coi: str) -> str:
    """Return the code for a bag of starting material."""
    return _written(CodeKind.APHERESIS, container, coi)


def product_code(container: str, serial: str, coi: str) -> str:
    """Return the code for one product label; two identifiers stand in it: container and chain of identity."""
    return _written(CodeKind.PRODUCT, container, serial, coi)


def wristband_code(token: str) -> str:
    """Return a wristband code for a site whose own wristbands carry none; `token` must say nothing of the patient."""
    return _written(CodeKind.WRISTBAND, token)


def donation_barcode(number: str) -> str:
    """Return the scanned form of a donation number."""
    return Din(number).barcode


def _written(kind: CodeKind, *idents: str) -> str:
    for ident in idents:
        if not ID_PATTERN.fullmatch(ident):
            raise Refusal("id-malformed", status=422, given=ident[:80])
    body = ":".join((MARK, _LETTERS[kind], *idents))
    if len(body) + 3 > MAX_LENGTH:
        raise Refusal("code-too-long", status=422, length=len(body) + 3, longest=MAX_LENGTH)
    return f"{body}:{check_digits(body)}"


def _own(text: str) -> Code:
    body, _, digits = text.rpartition(":")
    parts = body.split(":")
    kind = _KINDS.get(parts[1]) if len(parts) > 2 else None
    if kind is None or len(parts) != 2 + _FIELDS[kind] or not all(map(ID_PATTERN.fullmatch, parts[2:])):
        raise Refusal("code-unreadable", status=422, length=len(text))
    if not is_own_code_whole(body, digits):
        raise Refusal("check-character-wrong", status=422, given="code")
    match kind:
        case CodeKind.PRODUCT:
            return Code(kind, parts[2], parts[3], parts[4])
        case CodeKind.APHERESIS:
            return Code(kind, parts[2], coi=parts[3])
        case _:
            return Code(kind, parts[2])


def _looks_like_donation(text: str) -> bool:
    bare = text.replace(" ", "")
    return len(bare) in (13, 14) and bare[5:13].isdecimal()
