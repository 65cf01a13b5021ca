"""A scanned code against a batch: the right one, another patient's, and everything else that could be held to it."""

import hashlib
from dataclasses import replace

import pytest

from mes.errors import Refusal
from mes.identity.codes import bag_code, donation_barcode, product_code
from mes.identity.coi import coi_barcode
from mes.identity.matching import EXPECTS, Chain, Verdict, match

COI, OTHER_COI = "CHA999926A1B2C3", "CHA999926ZZZZZZ"
DIN, OTHER_DIN = "A999926000001", "A999926000002"


def digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


CHAIN = Chain(
    batch="B1",
    coi=COI,
    wristband=digest("WB-0001"),
    din=DIN,
    apheresis=frozenset({"B1.A1"}),
    product=frozenset({"B1.P1"}),
    serials=frozenset({"B1.P1.L1", "B1.P1.L2"}),
    void_serials=frozenset({"B1.P1.L2"}),
)
PRODUCT = product_code("B1.P1", "B1.P1.L1", COI)
DESTROYED = product_code("B1.P1", "B1.P1.L2", COI)

RIGHT = [
    ("wristband", "WB-0001"),
    ("wristband", "  WB-0001 "),
    ("bag:apheresis", donation_barcode(DIN)),
    ("bag:apheresis", bag_code("B1.A1", COI)),
    ("bag:product", PRODUCT),
    ("donation", donation_barcode(DIN)),
    ("coi", coi_barcode(COI)),
]
WRONG = [
    ("wristband", "WB-0002", "another wristband or another code"),
    ("wristband", PRODUCT, "another wristband or another code"),
    ("bag:apheresis", donation_barcode(OTHER_DIN), f"donation {OTHER_DIN} of another batch"),
    ("bag:apheresis", bag_code("B1.A1", OTHER_COI), "apheresis bag B1.A1 of another batch"),
    ("bag:apheresis", bag_code("B2.A1", COI), "apheresis bag B2.A1 of this batch"),
    ("bag:apheresis", PRODUCT, "product bag B1.P1 of this batch"),
    ("bag:product", product_code("B2.P1", "B2.P1.L1", OTHER_COI), "product bag B2.P1 of another batch"),
    ("bag:product", product_code("B1.P1", "B1.P1.L1", OTHER_COI), "product bag B1.P1 of another batch"),
    ("bag:product", product_code("B1.P1", "B1.P1.L9", COI), "product bag B1.P1 of this batch"),
    ("bag:product", DESTROYED, "product bag B1.P1, a label that was destroyed or is missing"),
    ("bag:product", donation_barcode(DIN), f"donation {DIN} of this batch"),
    ("donation", donation_barcode(OTHER_DIN), f"donation {OTHER_DIN} of another batch"),
    ("coi", coi_barcode(OTHER_COI), f"chain of identity {OTHER_COI} of another batch"),
]  # fmt: skip


@pytest.mark.rule("REG-ATMP-10", "REG-ID-12")
@pytest.mark.parametrize(("expects", "code"), RIGHT)
def test_the_batchs_own_codes_match(expects: str, code: str) -> None:
    assert match(expects, code, CHAIN, digest).matched


@pytest.mark.rule("REG-ATMP-10")
@pytest.mark.parametrize(("expects", "code", "found"), WRONG)
def test_another_code_is_a_verdict_that_names_no_patient(expects: str, code: str, found: str) -> None:
    assert match(expects, code, CHAIN, digest) == Verdict(False, found)


def test_every_code_matches_only_its_own_expectation() -> None:
    for expects in EXPECTS:
        matched = {code for wanted, code in RIGHT if wanted != "wristband" and _matches(expects, code)}
        own = {code for wanted, code in RIGHT if wanted == expects and wanted != "wristband"}
        if expects == "donation":
            own = {donation_barcode(DIN)}
        assert matched == own


def _matches(expects: str, code: str) -> bool:
    return match(expects, code, CHAIN, digest).matched


@pytest.mark.parametrize(
    ("expects", "code", "chain", "refusal"),
    [
        ("bag:blood", PRODUCT, CHAIN, "expectation-unknown"),
        ("wristband", "abc", CHAIN, "wristband-unreadable"),
        ("wristband", "x" * 65, CHAIN, "wristband-unreadable"),
        ("wristband", "Zoë-00001", CHAIN, "wristband-unreadable"),
        ("wristband", "WB-0001", replace(CHAIN, wristband=None), "identity-not-known-yet"),
        ("bag:apheresis", donation_barcode(DIN), replace(CHAIN, din=None), "identity-not-known-yet"),
        ("donation", donation_barcode(DIN), replace(CHAIN, din=None), "identity-not-known-yet"),
        ("bag:product", PRODUCT, replace(CHAIN, product=frozenset()), "identity-not-known-yet"),
        ("bag:product", "WB-0001", CHAIN, "code-unreadable"),
        ("bag:product", PRODUCT[:-1] + "x", CHAIN, "check-character-wrong"),
    ],
)
def test_what_cannot_be_compared_is_refused(expects: str, code: str, chain: Chain, refusal: str) -> None:
    with pytest.raises(Refusal) as refused:
        match(expects, code, chain, digest)
    assert refused.value.code == refusal
    assert code not in str(refused.value)
