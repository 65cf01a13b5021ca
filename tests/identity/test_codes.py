"""Codes as a scanner gives them: ours, those of the standard, and everything that is neither."""

from datetime import UTC, datetime

import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.identity.checks import check_character
from mes.identity.codes import (
    MAX_LENGTH,
    Code,
    CodeKind,
    bag_code,
    donation_barcode,
    product_code,
    read_code,
    wristband_code,
)
from mes.identity.coi import EXAMPLE_FACILITY, coi_barcode, coi_printed, new_coi, parse_coi
from mes.identity.symbols import label_svg

NOW = datetime(2026, 11, 22, tzinfo=UTC)
COI = "CHA999926A1B2C3"
IDENTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}", fullmatch=True)


@pytest.mark.rule("REG-ID-04")
@pytest.mark.parametrize(
    ("coi", "letter"), [("CHA999926000001", "*"), ("CHA999926A1B2C3", "8"), ("CHA9999260000ZZ", "D")]
)
def test_a_chain_of_identity_id_has_the_known_check(coi: str, letter: str) -> None:
    assert check_character(coi) == letter
    assert parse_coi(coi_printed(coi)) == coi
    assert parse_coi(coi_barcode(coi)) == coi


@pytest.mark.rule("REG-ID-04")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("&/cha999926a1b2c3", "coi-malformed"),
        ("&/CHA999926A1B2C", "coi-malformed"),
        ("&/CHA999926A1B2C34", "coi-malformed"),
        ("&/CHO999926A1B2C3", "coi-malformed"),
        ("&/CH0999926A1B2C3", "coi-malformed"),
        ("&/CXA999926A1B2C3", "coi-malformed"),
        ("CHA999926A1B2C3", "check-character-missing"),
        ("CHA999926A1B2C39", "check-character-wrong"),
    ],
)
def test_a_chain_of_identity_id_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_coi(text)
    assert refused.value.code == code


@pytest.mark.rule("REG-ID-04", "REG-ID-10")
def test_new_ids_differ_and_carry_facility_and_year() -> None:
    made = {new_coi(EXAMPLE_FACILITY, NOW) for _ in range(500)}
    assert len(made) == 500
    assert {one[:9] for one in made} == {"CHA999926"}
    assert {parse_coi(coi_printed(one)) for one in made} == made


def test_a_facility_must_have_the_right_form() -> None:
    with pytest.raises(Refusal) as refused:
        new_coi("O9999", NOW)
    assert refused.value.code == "facility-malformed"


@given(container=IDENTS, serial=IDENTS)
def test_our_codes_come_back(container: str, serial: str) -> None:
    assert read_code(product_code(container, serial, COI)) == Code(CodeKind.PRODUCT, container, serial, COI)
    assert read_code(bag_code(container, COI)) == Code(CodeKind.APHERESIS, container, coi=COI)
    assert read_code(wristband_code(serial)) == Code(CodeKind.WRISTBAND, serial)


def test_codes_of_the_standard_are_read() -> None:
    assert read_code(donation_barcode("A999926000001")) == Code(CodeKind.DONATION, "A999926000001")
    assert read_code("A9999 26 000001 8") == Code(CodeKind.DONATION, "A999926000001")
    assert read_code(f" &/{COI} ") == Code(CodeKind.COI, COI)
    assert read_code(coi_printed(COI)) == Code(CodeKind.COI, COI)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "code-unreadable"),
        ("4711", "code-unreadable"),
        ("Doe, Jane 1970-01-01", "code-unreadable"),
        ("S7:P:B1.P1:L1", "code-unreadable"),
        ("S7:X:B1:00", "code-unreadable"),
        ("S7:W::00", "code-unreadable"),
        ("S7:W:a b:00", "code-unreadable"),
        (f"S7:W:{'x' * MAX_LENGTH}:00", "code-unreadable"),
        ("S7:W:tökén:00", "code-unreadable"),
        (product_code("B1.P1", "L1", COI)[:-2] + "00", "check-character-wrong"),
        (product_code("B1.P1", "L1", COI).replace("P1", "P2"), "check-character-wrong"),
        ("A999926000001", "check-character-missing"),
    ],
)
def test_unreadable_codes_are_refused_without_being_repeated(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_code(text)
    assert refused.value.code == code
    assert text not in str(refused.value) or text == ""


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read: Code | Refusal = read_code(text)
    except Refusal as refused:
        read = refused
    assert isinstance(read, Code) or read.status == 422


def test_what_was_scanned_is_told_without_a_wristbands_code() -> None:
    assert read_code(wristband_code("secret-token")).told == "a wristband"
    assert read_code(bag_code("B1.A1", COI)).told == "apheresis bag B1.A1"


def test_codes_are_not_made_too_long_or_of_malformed_ids() -> None:
    for arguments, code in (((("x" * 64), "y" * 64, "z" * 64), "code-too-long"), (("a:b", "c", "d"), "id-malformed")):
        with pytest.raises(Refusal) as refused:
            product_code(*arguments)
        assert refused.value.code == code


def test_a_symbol_reads_back() -> None:
    payload = product_code("B-2026-001.P1", "B-2026-001.P1.L1", COI)
    drawn = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.DataMatrix)
    picture = np.array(zxingcpp.write_barcode_to_image(drawn, scale=4))
    assert zxingcpp.read_barcodes(picture)[0].text == payload
    svg = label_svg(payload)
    assert svg.startswith("<svg viewBox=")
    assert "<?xml" not in svg
    assert "DOCTYPE" not in svg
    assert "style=" not in svg
    assert label_svg(payload) != label_svg(payload + "x")


@pytest.mark.parametrize("payload", ["", "é", "x" * 161, "a\nb"])
def test_a_symbol_is_not_drawn_of_anything(payload: str) -> None:
    with pytest.raises(Refusal) as refused:
        label_svg(payload)
    assert refused.value.code == "payload-unfit"
