"""Chain-of-identity ids, ISBT 128 data structure 040: CH, facility of the issuer, year, six letters or digits.

One id per patient and therapy, given before the first collection; several donations may share it.
"""

import re
import secrets
import string
from collections.abc import Callable
from datetime import datetime

from mes.errors import Refusal
from mes.identity.checks import check_character

FACILITY = re.compile(r"[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}")
CONTENT = re.compile(r"CH[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}[0-9]{2}[A-Z0-9]{6}")
PREFIX = "&/"
EXAMPLE_FACILITY = "A9999"
"""Reserved by the standard for examples; a real site enters its own registered number."""
_LETTERS = string.ascii_uppercase + string.digits


def new_coi(fin: str, now: datetime, choose: Callable[[str], str] = secrets.choice) -> str:
    """Return a chain-of-identity id that says nothing about the patient; refuses `facility-malformed`.

    Rule: REG-ID-04, REG-ID-10.
    """
    if not FACILITY.fullmatch(fin):
        raise Refusal("facility-malformed", status=422, given=fin[:10])
    return f"CH{fin}{now:%y}" + "".join(choose(_LETTERS) for _ in range(6))


def coi_printed(coi: str) -> str:
    """Return the eye-readable form with its check character, which the standard demands in print."""
    return f"{coi} {check_character(coi)}"


def coi_barcode(coi: str) -> str:
    """Return the scanned form; the check character is no part of it."""
    return f"{PREFIX}{coi}"


def parse_coi(text: str) -> str:
    """Read a scanned (`&/` + 15) or typed (15 + check character) id.

    Refuses `coi-malformed`, `check-character-missing` and `check-character-wrong`.
    """
    if text.startswith(PREFIX):
        return _checked(text.removeprefix(PREFIX))
    typed = text.replace(" ", "").upper()
    if CONTENT.fullmatch(typed):
        raise Refusal("check-character-missing", status=422, given="chain-of-identity id")
    coi = _checked(typed[:-1])
    if check_character(coi) != typed[-1]:
        raise Refusal("check-character-wrong", status=422, given="chain-of-identity id")
    return coi


def _checked(coi: str) -> str:
    if not CONTENT.fullmatch(coi):
        raise Refusal("coi-malformed", status=422, length=len(coi))
    return coi
