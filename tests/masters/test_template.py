"""The 7-day master that comes with the product: what its rules demand of it, and that the devices can run it."""

from decimal import Decimal

import pytest

from equipment_drivers.simulators.programs import PROGRAMS
from mes.errors import Refusal
from mes.masters.critical_path import plan
from mes.masters.graph import ancestors, predecessors
from mes.masters.lint import lint
from mes.masters.model import Act, Edge, Kind, Lane, Master
from mes.masters.reader import read_master, read_specification
from mes.masters.staffing import staffing
from mes.masters.vendored import specification_bytes, template_bytes
from tests.masters.builders import TEMPLATE

FIRST_WRITTEN = [f"A{number:02}" for number in range(1, 26)]


@pytest.fixture(scope="module")
def master() -> Master:
    return read_master(template_bytes("prodigy-cd19-7d", 1))


def test_it_holds_every_step_of_the_process(master: Master) -> None:
    ids = [step.id for step in master.steps]
    assert [one for one in FIRST_WRITTEN if one not in ids] == []
    assert {one[:3] for one in ids} == set(FIRST_WRITTEN)


def test_its_checks_are_clean(master: Master) -> None:
    assert lint(master) == ()


@pytest.mark.rule("PRA-02")
def test_the_dose_is_known_before_the_label(master: Master) -> None:
    before_label = ancestors(predecessors(master), master.step("A19").id)
    assert {"A18", "A18a", "A18b", "A18c"} <= before_label
    assert master.step("A18a").duration_h == 3
    dose = master.step("A18b").signatures
    assert dose.performed != dose.verified
    planned = plan(master)
    assert planned.starts[master.step("A19").id] - planned.completions[master.step("A18").id] >= 3


@pytest.mark.rule("PRA-03")
def test_lymphodepletion_is_a_lane_of_the_clinic(master: Master) -> None:
    gate = master.step("A11")
    assert (gate.lane, gate.act) == (Lane.CLINIC, Act.LYMPHODEPLETION)
    waits = predecessors(master)
    followers = {step.lane for step in master.steps if gate.id in ancestors(waits, step.id)}
    assert followers == {Lane.CLINIC}
    assert (gate.signatures.performed, [one.role for one in gate.signatures.also]) == ("clinician", ["qa"])


@pytest.mark.rule("PRA-08")
def test_the_clinician_says_go_before_the_infusion(master: Master) -> None:
    assert "A23a" in master.step("A24").after
    assert master.step("A23a").signatures.performed == "clinician"
    assert {one.expected for one in master.step("A23a").parameters if one.kind is Kind.FLAG} == {"yes"}


@pytest.mark.rule("PRA-14")
def test_only_three_steps_hold_hours_since_h0(master: Master) -> None:
    absolute = {step.id: one.max_h for step in master.steps for one in step.windows if one.absolute}
    assert absolute == {"A05": 12, "A06": 14, "A09": 18}


@pytest.mark.rule("PRA-14")
@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("of: completed, max_h: 12,", "of: completed, max_h: 14,", "A06"),
        ("{after: A12, edge: completed, min_h: 24, max_h: 36,", "{after: A10, edge: completed, max_h: 28,", "A13"),
        ("{after: A15, edge: completed, min_h: 48,", "{after: A15, edge: completed, min_h: 50,", "A22"),
        ("shelf_life_h: 24", "shelf_life_h: 21", "A24"),
    ],
)
def test_its_windows_have_nothing_to_spare(old: str, new: str, where: str) -> None:
    assert TEMPLATE.count(old) == 1
    found = lint(read_master(TEMPLATE.replace(old, new).encode()))
    assert (where, "window-empty") in [(one.where, one.code) for one in found]


def test_the_planned_way_meets_seven_days(master: Master) -> None:
    planned = plan(master)
    assert planned.vein_to_vein_h is not None
    assert 140 < planned.vein_to_vein_h < 168
    assert planned.critical[0] == "A03"
    assert planned.starts[master.step("A22").id] >= planned.completions[master.step("A15").id] + 48


@pytest.mark.rule("PRA-21")
def test_qa_signs_neither_intake_nor_harvest_decision(master: Master) -> None:
    for ident in ("A06", "A17"):
        rule = master.step(ident).signatures
        assert "qa" not in (rule.performed, rule.verified, *(one.role for one in rule.also))


@pytest.mark.rule("PRA-20")
def test_six_people_can_complete_a_batch(master: Master) -> None:
    assert staffing(master).least <= 6


def test_the_simulated_processor_knows_every_program(master: Master) -> None:
    wanted = {step.program.number: step.duration_h for step in master.steps if step.program is not None}
    assert sorted(wanted) == [str(number) for number in sorted(PROGRAMS)]
    assert {number: Decimal(str(PROGRAMS[int(number)].hours)) for number in wanted} == wanted


def test_the_culture_is_watched_from_warm_to_harvest(master: Master) -> None:
    watched = [one for one in master.step("A10a").monitored if one.tag == "culture.temperature"]
    assert {(one.low, one.high, one.severity.value) for one in watched} == {
        (Decimal("36.5"), Decimal("37.5"), "major"),
        (Decimal("36.0"), Decimal("38.0"), "critical"),
    }
    assert {one.until for one in watched} == {"A18"}


def test_every_limit_says_where_it_comes_from() -> None:
    lines = [line for line in TEMPLATE.splitlines() if "low:" in line or "high:" in line or "max_h:" in line]
    assert [line.strip()[:60] for line in lines if "basis:" not in line] == []


def test_only_what_was_published_is_told_as_published(master: Master) -> None:
    told = {f"{step.id}.{one.id}" for step in master.steps for one in step.parameters if one.basis != "default"}
    markers = {f"A02.{one}" for one in ("anti_hiv", "hbsag", "anti_hbc", "anti_hcv", "syphilis")}
    regimen = {f"{day}.{drug}" for day in ("A11a", "A11b", "A11c") for drug in ("fludarabine", "cyclophosphamide")}
    ours = {"A01.prescribed_dose", "A12.moi", "A15.car_positive", "A18a.viability", "A18a.car_positive"}
    assert told == markers | regimen | ours | {"A18b.dose_of_prescribed"}
    assert {one.basis for step in master.steps for one in step.monitored} == {"default"}


def test_materials_are_scanned_where_they_are_used(master: Master) -> None:
    used = {one.code for step in master.steps for one in step.materials}
    wanted = {"TS520", "CD4-REAGENT", "CD8-REAGENT", "TRANSACT", "LENTIVIRAL-VECTOR", "TEXMACS", "IL-7", "IL-15", "HSA"}
    assert wanted <= used
    assert {one.code for step in master.steps for one in step.materials if one.patient_material} == {
        "APHERESIS-BAG",
        "PRODUCT-BAG",
    }


def test_it_names_a_specification_that_exists(master: Master) -> None:
    assert read_specification(specification_bytes(master.specification)).reference == master.specification


@pytest.mark.parametrize(("master_id", "version"), [("no-such", 1), ("prodigy-cd19-7d", 2)])
def test_an_unknown_template_is_refused(master_id: str, version: int) -> None:
    with pytest.raises(Refusal) as refused:
        template_bytes(master_id, version)
    assert refused.value.code == "template-unknown"


def test_windows_are_judged_on_the_edge_they_mean(master: Master) -> None:
    of = {(step.id, one.of) for step in master.steps for one in step.windows}
    assert {("A05", Edge.COMPLETED), ("A09", Edge.STARTED), ("A20", Edge.COMPLETED)} <= of
