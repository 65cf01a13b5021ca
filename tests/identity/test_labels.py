"""A label holds every field the law asks for, or is not printed; the record holds it without the patient."""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mes.errors import Refusal
from mes.identity.label_texts import product_text
from mes.identity.labels import AUTOLOGOUS, LabelFacts, ProductText, label_text, rendered
from mes.identity.model import Patient

PRODUCT = product_text("prodigy-cd19-7d")
FACTS = LabelFacts(
    batch="B1",
    container="B1.P1",
    serial="B1.P1.L1",
    coi="CHA999926A1B2C3",
    din="A999926000001",
    dose="98 10*6{cells}",
    volume="50 mL",
    expiry="2026-11-23 14:30 UTC",
    infectious_status="markers non-reactive",
    marks=("SIMULATED: not for human use",),
)
PATIENT = Patient("PT-1", "Marie Example", date(1970, 2, 3), "H-4711")


@pytest.mark.rule("REG-ATMP-13", "REG-ID-02", "REG-ID-04")
@pytest.mark.parametrize(
    "wanted",
    [
        PRODUCT.product,
        PRODUCT.active_substance,
        "dose 98 10*6{cells}",
        "Contains human cells",
        "genetically modified",
        PRODUCT.form,
        "50 mL",
        PRODUCT.excipients,
        PRODUCT.route,
        "Dose given: ____",
        "2026-11-23 14:30 UTC",
        PRODUCT.storage,
        PRODUCT.disposal,
        PRODUCT.holder,
        "Batch: B1",
        "A9999 26 000001 8",
        "CHA999926A1B2C3 8",
        "{{patient.name}}",
        AUTOLOGOUS,
        "SIMULATED",
    ],
)
def test_a_label_says(wanted: str) -> None:
    assert wanted in "\n".join(label_text(PRODUCT, FACTS))


@pytest.mark.rule("REG-ATMP-13")
@pytest.mark.parametrize("part", [PRODUCT, FACTS], ids=["product", "facts"])
def test_a_label_with_a_blank_is_not_printed(part: ProductText | LabelFacts) -> None:
    for one in fields(part):
        if one.name == "marks":
            continue
        blank: Any = replace(part, **{one.name: " "})
        with pytest.raises(Refusal) as refused:
            label_text(*((blank, FACTS) if part is PRODUCT else (PRODUCT, blank)))
        assert refused.value.facts == {"field": one.name}


def test_the_patient_is_filled_in_only_when_rendered() -> None:
    text = label_text(PRODUCT, FACTS)
    for secret in ("Marie", "1970-02-03", "4711"):
        assert secret not in "\n".join(text)
        assert secret in "\n".join(rendered(text, PATIENT))
    assert "{{" not in "\n".join(rendered(text, PATIENT))


def test_an_unknown_placeholder_is_not_printed() -> None:
    with pytest.raises(Refusal) as refused:
        rendered(("{{patient.address}}",), PATIENT)
    assert refused.value.code == "label-placeholder-unknown"


@pytest.mark.parametrize("text", ["x" * 300, "line\nbreak"])
def test_a_line_must_fit(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        label_text(PRODUCT, replace(FACTS, dose=text))
    assert refused.value.code == "label-line-unfit"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "label-text-unknown"),
        ("[]", "label-text-unfit"),
        ("product: X", "label-text-unfit"),
        ("product: 1", "label-text-unfit"),
    ],
)
def test_label_texts_are_closed(tmp_path: Path, body: str | None, code: str) -> None:
    if body is not None:
        (tmp_path / "m.yaml").write_text(body)
    with pytest.raises(Refusal) as refused:
        product_text("m", tmp_path)
    assert refused.value.code == code


def test_label_texts_must_be_texts(tmp_path: Path) -> None:
    lines = [f"{one.name}: text" for one in fields(ProductText)]
    (tmp_path / "m.yaml").write_text("\n".join(lines))
    assert product_text("m", tmp_path).holder == "text"
    (tmp_path / "m.yaml").write_text("\n".join([*lines[1:], "product: 7"]))
    with pytest.raises(Refusal) as refused:
        product_text("m", tmp_path)
    assert refused.value.facts == {"field": "product"}
