"""The planned way through a master, the longest path, and the people it needs."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.masters.critical_path import plan, plan_findings
from mes.masters.graph import ancestors, cycles, in_order
from mes.masters.model import AlsoSigned, Edge, Master, SignatureRule, Window
from mes.masters.staffing import staffing
from tests.masters.builders import a_master, a_step, window


def three(target: str | None = None) -> Master:
    return a_master(
        a_step("A03", hours=4),
        a_step("A10", "A03", hours=2),
        a_step("A11", "A03", hours="0.5"),
        a_step("A24", "A10", "A11", windows=(window("A10", 16, 30, plan_h=Decimal(19)),)),
        target_vein_to_vein_h=None if target is None else Decimal(target),
    )


def test_the_longest_path_decides() -> None:
    found = plan(three())
    assert found.vein_to_vein_h == 21
    assert found.critical == ("A03", "A10", "A24")
    assert {step: found.at(step, Edge.STARTED) for step in found.starts} == {"A03": -4, "A10": 0, "A11": 0, "A24": 21}
    assert found.at(found.critical[1], Edge.COMPLETED) == 2


@pytest.mark.parametrize(("target", "codes"), [("21", []), ("20.9", ["critical-path-too-long"]), (None, [])])
def test_the_target_is_kept_or_the_path_is_named(target: str | None, codes: list[str]) -> None:
    found = list(plan_findings(three(target)))
    assert [one.code for one in found] == codes
    assert all("A03 > A10 > A24" in one.sentence for one in found)


def test_without_a_planned_distance_the_shortest_allowed_one_counts() -> None:
    wait = a_step("A24", "A03", hours=1, windows=(window("A03", 5, 9, of=Edge.COMPLETED),))
    assert plan(a_master(a_step("A03"), wait)).vein_to_vein_h == 4


def test_an_infusion_that_nothing_leads_to_is_found() -> None:
    apart = a_master(a_step("A03", hours=1), a_step("A24"))
    assert plan(apart).vein_to_vein_h is None
    assert [one.code for one in plan_findings(apart)] == ["infusion-unplanned"]


def test_hours_since_h0_are_planned_from_h0() -> None:
    start = a_step("A03", "A01", hours=4)
    absolute = a_step("A09", "A03", windows=(Window(absolute=True, plan_h=Decimal(6), max_h=Decimal(18)),))
    assert plan(a_master(a_step("A01", hours=9), start, absolute, start_step=start.id)).starts["A09"] == 6


@given(st.dictionaries(st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdef")), max_size=6))
@settings(max_examples=80, deadline=None)
def test_order_and_cycles_share_out_the_steps(drawn: dict[str, frozenset[str]]) -> None:
    waits = {one: before & drawn.keys() for one, before in drawn.items()}
    order, never = in_order(waits)
    for number, one in enumerate(order):
        assert waits[one] <= set(order[:number])
    found = list(cycles(waits))
    assert bool(never) == bool(found)
    for cycle in found:
        for one, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert following in waits[one]
    for one in never:
        assert {*ancestors(waits, one), one} & {other for cycle in found for other in cycle}


@pytest.mark.rule("PRA-20")
@pytest.mark.parametrize(
    ("rules", "least"),
    [
        ([SignatureRule("operator")], 1),
        ([SignatureRule("operator", "verifier")], 2),
        ([SignatureRule("operator", "operator")], 2),
        ([SignatureRule("operator", "verifier"), SignatureRule("qp")], 3),
        ([SignatureRule("operator", "verifier"), SignatureRule("verifier", "operator")], 2),
        ([SignatureRule("qc_analyst"), SignatureRule("qc_reviewer")], 2),
        ([SignatureRule("clinician", None, (AlsoSigned("QA_REVIEWED", "qa"),)), SignatureRule("courier")], 2),
        ([SignatureRule()], 0),
    ],
)
def test_the_least_number_of_people(rules: list[SignatureRule], least: int) -> None:
    steps = [a_step(f"S{number}", signatures=rule) for number, rule in enumerate(rules)]
    assert staffing(a_master(*steps)).least == least


@pytest.mark.rule("PRA-20")
def test_the_roles_of_each_hour() -> None:
    first = a_step("A03", hours="1.5", signatures=SignatureRule("collection_nurse"))
    then = a_step("A10", "A03", hours=0, signatures=SignatureRule("operator", "verifier"))
    found = staffing(a_master(first, then))
    assert found.by_hour == (
        (-2, ("collection_nurse",)),
        (-1, ("collection_nurse",)),
        (0, ("operator", "verifier")),
    )
    assert found.by_role == {"collection_nurse": 1, "operator": 1, "verifier": 1}
