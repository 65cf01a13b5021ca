"""Check characters against the published examples, and against every slip of the keyboard."""

import pytest

from mes.errors import Refusal
from mes.identity.checks import ALPHABET, OWN_ALPHABET, check_character, check_digits, is_own_code_whole
from mes.identity.din import Din, parse_din

PUBLISHED = {
    "G123417654321": "A",
    "G123498654321": "H",
    "A999921123456": "3",
    "A999818123456": "N",
    "A999820123456": "E",
    "A999917123456": "9",
    "A999917123654": "Y",
    "A999917345628": "*",
    "A999917345658": "O",
    "A999915000001": "M",
    "A999918000001": "8",
    "W000009123456": "G",
    "Z549917123456": "P",
    "A999926000001": "8",
    "A999926000002": "6",
    "A999926000037": "L",
    "A999926123456": "T",
}
BASE = "G123417654321"


@pytest.mark.rule("REG-ID-02")
@pytest.mark.parametrize(("number", "letter"), PUBLISHED.items())
def test_the_check_character_is_the_published_one(number: str, letter: str) -> None:
    assert check_character(number) == letter
    total = sum(ALPHABET.index(one) << n for n, one in enumerate(reversed(number + letter)))
    assert total % 37 == 1


@pytest.mark.rule("REG-ID-02")
def test_every_wrong_character_and_every_swap_changes_the_check() -> None:
    right = check_character(BASE)
    slips = {BASE[:n] + one + BASE[n + 1 :] for n in range(13) for one in ALPHABET[:-1]} - {BASE}
    for gap in (1, 2):
        for n in range(13 - gap):
            swapped = list(BASE)
            swapped[n], swapped[n + gap] = swapped[n + gap], swapped[n]
            slips.add("".join(swapped))
    slips.discard(BASE)
    assert len(slips) > 455
    assert [slip for slip in slips if check_character(slip) == right] == []


@pytest.mark.parametrize("text", ["S7:P:B1.P1:L1:CHA999926A1B2C3", "S7:W:x"])
def test_our_own_digits_catch_every_slip(text: str) -> None:
    digits = check_digits(text)
    assert is_own_code_whole(text, digits)
    slips = {text[:n] + one + text[n + 1 :] for n in range(len(text)) for one in OWN_ALPHABET} - {text}
    swaps = {text[:n] + text[n + 1] + text[n] + text[n + 2 :] for n in range(len(text) - 1)} - {text}
    assert [slip for slip in slips | swaps if is_own_code_whole(slip, digits)] == []


@pytest.mark.parametrize("digits", ["", "1", "123", "٣٤", "4x"])
def test_digits_that_are_none_do_not_fit(digits: str) -> None:
    assert not is_own_code_whole("S7:W:x", digits)


@pytest.mark.rule("REG-ID-01", "REG-ID-03")
@pytest.mark.parametrize(
    ("text", "number", "flags"),
    [
        ("=G12341765432170", BASE, "70"),
        ("=A99992600000100", "A999926000001", "00"),
        ("=W00000912345602", "W000009123456", "02"),
        ("A9999 26 000001 8", "A999926000001", "00"),
        ("g1234 17 654321 a", BASE, "00"),
    ],
)
def test_donation_numbers_are_read(text: str, number: str, flags: str) -> None:
    assert parse_din(text) == Din(number, flags)


@pytest.mark.rule("REG-ID-01", "REG-ID-02", "REG-ID-03", "REG-ID-12")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("=G12341765432171", "check-character-wrong"),
        ("A999926000001", "check-character-missing"),
        ("A9999260000019", "check-character-wrong"),
        ("A9999182134560", "check-character-wrong"),
        ("=O99992600000100", "din-malformed"),
        ("=0999926000001 0", "din-malformed"),
        ("=A9O992600000100", "din-malformed"),
        ("=A999926000001", "din-malformed"),
        ("A99992600000", "din-malformed"),
        ("=A99992600000A00", "din-malformed"),
        ("=a99992600000100", "din-malformed"),
    ],
)
def test_donation_numbers_are_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_din(text)
    assert refused.value.code == code


def test_a_donation_number_is_printed_with_its_boxed_check() -> None:
    assert parse_din("=A99992600000100").printed == "A9999 26 000001 8"
    assert parse_din(Din("A999926000001").barcode).number == "A999926000001"
