"""The release specification: the published table, what may be pending, and how a wrong file is refused."""

import csv
from decimal import Decimal

import pytest

from mes.errors import Refusal
from mes.masters.reader import read_specification
from mes.masters.specification import Operator, Sample, Specification
from mes.masters.vendored import specification_bytes
from tests.masters.builders import MUSEUM, changed

FILE = specification_bytes("ari-0001.1").decode()
OPERATORS = {"eq": Operator.EQ, "gt": Operator.GT, "ge": Operator.GE, "le": Operator.LE, "lt": Operator.LT}
UNITS = {"10^6 cells": "10*6{cells}", "%": "%", "EU/mL": "[EU]/mL", "copies/cell": "{copies}/{cell}",
         "% surviving": "%", "% points": "%"}  # fmt: skip
IDS = {"potency_a_nalm6_survival_ET1": "potency_a", "potency_b_difference_vs_untransduced_ET4": "potency_b"}


@pytest.fixture(scope="module")
def specification() -> Specification:
    return read_specification(FILE.encode())


def published() -> list[dict[str, str]]:
    lines = (MUSEUM.parent / "specifications/ari0001_table2.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("row", published(), ids=lambda row: row["parameter"])
def test_each_published_limit_stands_in_it(specification: Specification, row: dict[str, str]) -> None:
    item = specification.item(IDS.get(row["parameter"], row["parameter"]))
    assert item.operator is OPERATORS[row["operator"]]
    assert item.basis == "published (Castella 2018, Table 2)"
    if row["unit"] == "text":
        assert (item.unit, item.limit) == (None, None)
        assert item.wanted == row["limit"]
    else:
        assert (item.unit, item.limit) == (UNITS[row["unit"]], Decimal(row["limit"]))


def test_what_may_be_pending_at_the_preliminary_certification(specification: Specification) -> None:
    pending = {one.id for one in specification.top_items() if one.deferrable}
    assert pending == {"sterility", "rcl", "adventitious_viruses", "potency"}


def test_sterility_to_date_stands_in_for_the_final_one(specification: Specification) -> None:
    item = specification.item("sterility_in_process")
    assert (item.sample, item.min_incubation_h, item.deferrable) == (Sample.IN_PROCESS, 48, False)
    assert item.basis == "default"


@pytest.mark.rule("PRA-05")
def test_the_safety_attributes(specification: Specification) -> None:
    assert {one.id for one in specification.items if one.safety} == {
        "sterility_in_process", "sterility", "mycoplasma", "endotoxin", "adventitious_viruses", "rcl"
    }  # fmt: skip


def test_potency_is_one_of_two(specification: Specification) -> None:
    assert specification.item("potency").members == ("potency_a", "potency_b")
    assert {one.id for one in specification.items} - {one.id for one in specification.top_items()} == {
        "potency_a",
        "potency_b",
    }


def test_reading_its_flattened_form_gives_it_back(specification: Specification) -> None:
    assert read_specification(specification.body) == specification


def test_an_unknown_item_is_refused(specification: Specification) -> None:
    with pytest.raises(Refusal) as refused:
        specification.item("colour")
    assert (refused.value.code, refused.value.status) == ("specification-item-unknown", 404)


@pytest.mark.parametrize(
    ("old", "new", "where", "code"),
    [
        ("limit: 20, ", "", "car_pos_fraction.limit", "item-limit-unfit"),
        ("operator: gt, unit: \"%\", limit: 50", "operator: report, unit: \"%\", limit: 50", "potency_b.limit",
         "item-limit-unfit"),
        ("unit: \"[EU]/mL\", ", "", "endotoxin.unit", "unit-missing"),
        ("unit: \"[EU]/mL\"", "unit: EU/mL", "endotoxin.unit", "unit-unknown"),
        ("wanted: sterile", "wanted: clean", "sterility.wanted", "choice-unfit"),
        ("wanted: sterile, ", "", "sterility.wanted", "choice-unfit"),
        ("members: [potency_a, potency_b]", "members: [potency_a]", "potency.members", "item-members"),
        ("members: [potency_a, potency_b]", "members: [potency_a, viability]", "items", "item-membership"),
        ("id: rcl,", "id: viability,", "items", "duplicate-id"),
        ("operator: lt", "operator: below", "potency_a.operator", "field-wrong"),
        ("method: \"Neubauer, trypan blue\"", "methode: Neubauer", "viability.method", "field-missing"),
        ("limit: 35,", "limit: 3.5,", "", "number-is-float"),
    ],
)  # fmt: skip
def test_a_wrong_specification_is_refused(old: str, new: str, where: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_specification(changed(old, new, FILE))
    assert (where, code) in [(one["where"], one["code"]) for one in refused.value.facts["problems"]]
