"""Product labels: every field the law asks for, generated from the record alone, with the vault's data left open.

The record holds the text with placeholders; only a printout that stays in the hospital has them filled in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from mes.errors import Refusal
from mes.identity.coi import coi_printed
from mes.identity.din import Din
from mes.identity.model import Patient

NAME, BIRTH_DATE, NUMBER = "{{patient.name}}", "{{patient.birth_date}}", "{{patient.hospital_number}}"
AUTOLOGOUS = "for autologous use only"
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
MAX_LINE = 240


@dataclass(frozen=True, slots=True)
class ProductText:
    """What a label says about the product as such; texts of the authorisation, the same for every batch."""

    product: str
    active_substance: str
    origin: str
    form: str
    excipients: str
    route: str
    storage: str
    disposal: str
    holder: str
    genetically_modified: str = "Contains genetically modified human cells."


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What a label says about one container; times as text with zone, dose and volume with unit."""

    batch: str
    container: str
    serial: str
    coi: str
    din: str
    dose: str
    volume: str
    expiry: str
    infectious_status: str
    marks: tuple[str, ...] = ()


def label_text(product: ProductText, facts: LabelFacts) -> tuple[str, ...]:
    """Return the lines of a full label; refuses `label-field-missing` rather than print a blank.

    Rule: REG-ATMP-13 (1394/2007 annex III), REG-ATMP-12, REG-ID-02, REG-ID-04, PRA-25.
    """
    for part in (product, facts):
        for one in fields(part):
            if one.name != "marks" and not str(getattr(part, one.name)).strip():
                raise Refusal("label-field-missing", field=one.name)
    lines = (
        *facts.marks,
        product.product,
        f"Active substance: {product.active_substance}; dose {facts.dose}",
        f"{product.origin} {product.genetically_modified}",
        f"{product.form}, {facts.volume}",
        f"Excipients: {product.excipients}",
        f"{product.route} Dose given: ____________",
        f"Use before: {facts.expiry}",
        f"Storage: {product.storage}",
        f"Disposal: {product.disposal}",
        f"Infectious status: {facts.infectious_status}",
        f"{product.holder}",
        f"Batch: {facts.batch}   Container: {facts.container}   Label: {facts.serial}",
        f"Donation: {Din(facts.din).printed}",
        f"Chain of identity: {coi_printed(facts.coi)}",
        f"Patient: {NAME}   Born: {BIRTH_DATE}   Hospital number: {NUMBER}",
        AUTOLOGOUS,
    )
    return tuple(_line(line) for line in lines)


def rendered(text: tuple[str, ...], patient: Patient) -> tuple[str, ...]:
    """Return a label's lines with the patient filled in, for a printout that stays in the hospital.

    Refuses `label-placeholder-unknown` rather than print braces.
    """
    told: Mapping[str, str] = {
        NAME: patient.name,
        BIRTH_DATE: patient.birth_date.isoformat(),
        NUMBER: patient.hospital_number,
    }

    def filled(found: re.Match[str]) -> str:
        if found.group() not in told:
            raise Refusal("label-placeholder-unknown", placeholder=found.group()[:40])
        return told[found.group()]

    return tuple(_PLACEHOLDER.sub(filled, line) for line in text)


def _line(text: str) -> str:
    if len(text) > MAX_LINE or not text.isprintable():
        raise Refusal("label-line-unfit", length=len(text), longest=MAX_LINE)
    return text
