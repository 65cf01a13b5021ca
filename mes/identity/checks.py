"""Check characters: ISO/IEC 7064 MOD 37-2 for ISBT 128 numbers, MOD 97-10 over a wider alphabet for our own codes."""

from mes.errors import Refusal

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
OWN_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-:"
_OWN_VALUES = {letter: value for value, letter in enumerate(OWN_ALPHABET)}


def check_character(content: str) -> str:
    """Return the keyboard check character K of a DIN or a chain-of-identity id.

    Source: ICCBBA ST-001 section 7.5 and appendix A (recursive form). Rule: REG-ID-02.
    """
    total = 0
    for letter in content:
        total = (total + _VALUES[letter]) * 2 % 37
    return ALPHABET[(38 - total) % 37]


def check_digits(content: str) -> str:
    """Return two digits that catch every wrong character and every swap of neighbours in one of our own codes.

    The recursion is that of ISO/IEC 7064 MOD 97-10; the alphabet of 66 characters is ours, so it is not that standard.
    """
    return f"{98 - _own_remainder(content) * 100 % 97:02d}"


def is_own_code_whole(content: str, digits: str) -> bool:
    """Tell whether the two digits fit; refuses `code-unreadable` for characters that no code of ours holds."""
    if len(digits) != 2 or not digits.isascii() or not digits.isdecimal():
        return False
    return (_own_remainder(content) * 100 + int(digits)) % 97 == 1


def _own_remainder(content: str) -> int:
    rest = 0
    for letter in content:
        value = _OWN_VALUES.get(letter)
        if value is None:
            raise Refusal("code-unreadable", status=422, length=len(content))
        rest = (rest * 10 + value) % 97
    return rest
