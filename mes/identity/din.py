"""Donation identification numbers of ISBT 128, data structure 001: scanned from a barcode or typed with a check."""

import re
from dataclasses import dataclass

from mes.errors import Refusal
from mes.identity.checks import ALPHABET, check_character

NUMBER = re.compile(r"[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}[0-9]{2}[0-9]{6}")
FLAGS = re.compile(r"[0-9A-Z]{2}")
SCANNED_LENGTH, TYPED_LENGTH = 16, 14
_CHECKED_FLAGS = range(60, 60 + len(ALPHABET))


@dataclass(frozen=True, slots=True)
class Din:
    """A donation number of 13 characters; flags are information of the process and never part of the key."""

    number: str
    flags: str = "00"

    @property
    def printed(self) -> str:
        """Return the eye-readable form with its boxed check character, e.g. `A9999 26 000001 8`."""
        return f"{self.number[:5]} {self.number[5:7]} {self.number[7:]} {check_character(self.number)}"

    @property
    def barcode(self) -> str:
        """Return the scanned form with unused flags."""
        return f"={self.number}00"


def checked_number(text: str) -> str:
    """Return a donation number of the right form, or refuse with `din-malformed`. Rule: REG-ID-01."""
    if not NUMBER.fullmatch(text):
        raise Refusal("din-malformed", status=422, length=len(text))
    return text


def parse_din(text: str) -> Din:
    """Read a scanned (`=` + 13 + 2 flags) or typed (13 + check character, blanks allowed) donation number.

    Refuses `din-malformed`, `check-character-missing` and `check-character-wrong`. Flags 60 to 96 carry the check
    character again and are verified; other flags never fail. Rule: REG-ID-01, REG-ID-02, REG-ID-03.
    """
    if text.startswith("="):
        return _scanned(text)
    typed = text.replace(" ", "").upper()
    if len(typed) == TYPED_LENGTH - 1 and NUMBER.fullmatch(typed):
        raise Refusal("check-character-missing", status=422, given="donation number")
    if len(typed) != TYPED_LENGTH:
        raise Refusal("din-malformed", status=422, length=len(typed))
    number = checked_number(typed[:-1])
    if check_character(number) != typed[-1]:
        raise Refusal("check-character-wrong", status=422, given="donation number")
    return Din(number)


def _scanned(text: str) -> Din:
    if len(text) != SCANNED_LENGTH or not FLAGS.fullmatch(text[-2:]):
        raise Refusal("din-malformed", status=422, length=len(text))
    number, flags = checked_number(text[1:-2]), text[-2:]
    if flags.isdecimal() and int(flags) in _CHECKED_FLAGS and ALPHABET[int(flags) - 60] != check_character(number):
        raise Refusal("check-character-wrong", status=422, given="donation number")
    return Din(number, flags)
