"""Handovers, the ward's go, bedside checks and the infusion: who, in which order, and what stands against it."""

from collections.abc import Callable

import pytest

from mes.batches import events as ev
from mes.batches.decide.problems import report_what_happened
from mes.batches.model import Disposition
from mes.batches.ports import ScanVerdict
from mes.custody.bedside import (
    ISSUE_CHECKS,
    OUTCOMES,
    against_infusion,
    check_bedside,
    end_infusion,
    give_issue_go,
    start_infusion,
)
from mes.custody.handovers import hand_over, take_over, temperature_limits
from mes.errors import Refusal
from mes.ids import StepId
from tests.quality.builders import Story, do_step, ready
from tests.quality.test_decide import certified, released

WARD_H = 153.0
MATCH = ScanVerdict(True, "ours")
WRONG = ScanVerdict(False, "product bag B2.P1 of another batch")
ALL = tuple(ISSUE_CHECKS)


def code_of(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(Refusal) as refused:
        call(*arguments)
    return refused.value.code


def on_the_way(story: Story | None = None) -> Story:
    story = story or released()
    return story.tell(ev.StepStarted("A23"), 152, "courier-1")


def handed(story: Story | None = None) -> Story:
    story = on_the_way(story)
    for event in hand_over(story.state, "A23", "B1.P1", "clean room", "sealed"):
        story.tell(event, 152, "courier-1")
    return story


def at_the_bedside(*, go: bool = True, checks: int = 2, started: bool = True) -> Story:
    story = released()
    for step in ("A23", "A23a"):
        do_step(story, story.state.steps[StepId(step)])
    if go:
        story.tell(ev.IssueGoGiven("B1.P1", ALL), WARD_H, "dr-1")
    if started:
        story.tell(ev.StepStarted("A24"), WARD_H, "dr-1")
    for number in range(checks):
        story.tell(ev.BedsideChecked("B1.P1", number + 1), WARD_H, f"dr-{number + 1}")
    return story


def infusing() -> Story:
    return at_the_bedside().tell(ev.InfusionStarted("B1.P1"), WARD_H, "dr-1")


@pytest.mark.rule("REG-ATMP-28", "REG-ID-12")
@pytest.mark.parametrize(
    ("lowest", "highest", "within", "opens"),
    [
        ("15", "25", True, 0),
        ("18.5", "20", True, 0),
        ("14.9", "20", False, 1),
        ("18", "25.1", False, 1),
        (None, None, None, 1),
        ("18", None, None, 1),
    ],
)
def test_the_logger_is_read_against_the_steps_limits(
    lowest: str | None, highest: str | None, within: bool | None, opens: int
) -> None:
    events = take_over(handed().state, "A23-1", "ward", "ok", lowest, highest, "dr-1")
    taken = events[0]
    assert isinstance(taken, ev.CustodyTakenOver)
    assert (taken.within, taken.limit) == (within, "15 to 25 Cel")
    opened = [event for event in events if isinstance(event, ev.ExceptionOpened)]
    assert len(opened) == opens
    assert {one.kind for one in opened} <= {"transport"}


@pytest.mark.rule("REG-ATMP-14", "REG-ID-12")
@pytest.mark.parametrize(
    ("story", "step", "container", "place", "code"),
    [
        (released(), "A23", "B1.P1", "lab", "step-not-started"),
        (on_the_way(), "A22", "B1.P1", "lab", "act-not-handover"),
        (on_the_way(), "A99", "B1.P1", "lab", "step-unknown"),
        (on_the_way(), "A23", "B1.P9", "lab", "container-unknown"),
        (handed(), "A23", "B1.P1", "lab", "handover-open"),
        (on_the_way(certified()), "A23", "B1.P1", "lab", "not-released"),
        (on_the_way(), "A23", "B1.P1", "<b>lab</b>", "text-not-coded"),
        (on_the_way(), "A23", "B1.P1", "x" * 81, "text-not-coded"),
    ],
)
def test_a_handover_is_refused(story: Story, step: str, container: str, place: str, code: str) -> None:
    assert code_of(hand_over, story.state, step, container, place, "sealed") == code


@pytest.mark.rule("REG-ID-12")
@pytest.mark.parametrize(
    ("handover", "lowest", "highest", "person", "code"),
    [
        ("A23-9", "18", "20", "dr-1", "handover-unknown"),
        ("A23-1", "18", "20", "courier-1", "same-person"),
        ("A05-1", "3", "5", "dr-1", "handover-taken"),
        ("A23-1", "20", "18", "dr-1", "temperatures-swapped"),
        ("A23-1", "18,5", "20", "dr-1", "number-malformed"),
    ],
)
def test_a_takeover_is_refused(handover: str, lowest: str, highest: str, person: str, code: str) -> None:
    assert code_of(take_over, handed().state, handover, "ward", "ok", lowest, highest, person) == code


def test_handovers_count_per_step_and_limits_are_the_steps() -> None:
    story = handed()
    story.tell(ev.CustodyTakenOver("A23-1", "B1.P1", "ward", "ok", "18", "20", None, True), 153, "dr-1")
    assert hand_over(story.state, "A23", "B1.P1", "ward", "ok")[0].handover == "A23-2"
    low, high = temperature_limits(story.state.step("A05"))
    assert (str(low), str(high)) == ("2", "8")
    assert temperature_limits(story.state.step("A01")) == (None, None)


def test_a_step_without_limits_judges_no_temperature() -> None:
    story = Story(ready().state).tell(ev.CustodyHandedOver("A21-1", "B1.A1", "lab", "ok"), 150, "courier-1")
    (taken,) = take_over(story.state, "A21-1", "ward", "ok", None, None, "op-1")
    assert isinstance(taken, ev.CustodyTakenOver)
    assert (taken.within, taken.limit) == (None, None)


@pytest.mark.rule("PRA-08")
@pytest.mark.parametrize(
    ("story", "container", "checks", "code"),
    [
        (released(), "B1.P9", ALL, "container-unknown"),
        (released(), "B1.P1", ALL[1:], "issue-checks-missing"),
        (at_the_bedside(), "B1.P1", ALL, "issue-go-given"),
        (infusing(), "B1.P1", ALL, "infusion-begun"),
    ],
)
def test_the_go_is_refused(story: Story, container: str, checks: tuple[str, ...], code: str) -> None:
    assert code_of(give_issue_go, story.state, container, checks) == code


def test_the_go_names_every_check() -> None:
    assert give_issue_go(released().state, "B1.P1", (*reversed(ALL), "more")) == (ev.IssueGoGiven("B1.P1", ALL),)


def twice_by_one() -> Story:
    return at_the_bedside(checks=1).tell(ev.BedsideChecked("B1.P1", 2), WARD_H, "dr-1")


def late(story: Story) -> Story:
    """Return the batch with a deferred result that failed."""
    return story.tell(ev.ResultFailedLate("sterility", 1), WARD_H, "qc-1")


@pytest.mark.rule("PRA-01", "PRA-08", "REG-ATMP-10", "REG-ATMP-14")
@pytest.mark.parametrize(
    ("story", "hour", "codes"),
    [
        (at_the_bedside(), WARD_H, []),
        (at_the_bedside(go=False), WARD_H, ["issue-go-missing"]),
        (at_the_bedside(checks=1), WARD_H, ["bedside-checks-missing"]),
        (at_the_bedside(checks=0), WARD_H, ["bedside-checks-missing"]),
        (twice_by_one(), WARD_H, ["bedside-checks-missing"]),
        (at_the_bedside(started=False), WARD_H, ["step-not-started"]),
        (at_the_bedside(), 164.5, ["product-expired"]),
        (at_the_bedside().tell(ev.BatchHeld("leak"), WARD_H), WARD_H, ["batch-on-hold"]),
        (late(at_the_bedside()), WARD_H, ["not-released", "batch-on-hold"]),
        (infusing(), WARD_H, ["infusion-begun"]),
        (certified(), WARD_H, ["not-released", "issue-go-missing", "bedside-checks-missing", "step-not-started"]),
    ],
)
def test_what_stands_against_infusing(story: Story, hour: float, codes: list[str]) -> None:
    assert [one.code for one in against_infusion(story.state, story.now(hour))] == codes
    if codes:
        assert code_of(start_infusion, story.state, "B1.P1", story.now(hour)) == codes[0]
    else:
        assert start_infusion(story.state, "B1.P1", story.now(hour)) == (ev.InfusionStarted("B1.P1"),)


def test_the_last_second_of_the_shelf_life_counts() -> None:
    story = at_the_bedside()
    assert story.state.expiry_at is not None
    assert [one.code for one in against_infusion(story.state, story.state.expiry_at)] == ["product-expired"]


@pytest.mark.rule("PRA-06")
@pytest.mark.parametrize("make", [ready, certified, released, infusing])
def test_what_happened_all_the_same_can_be_recorded(make: Callable[[], Story]) -> None:
    story = make()
    account: dict[str, object] = {"content": "ab", "bytes": 1, "media": "text/plain"}
    events = report_what_happened(story.state, "infused_unreleased", account, "ward", None, "A24")
    before = story.state.disposition
    for event in events:
        story.tell(event, WARD_H, "dr-1")
    assert story.state.disposition is before
    assert story.state.open_deviations()


def test_an_unknown_container_is_not_infused() -> None:
    assert code_of(start_infusion, at_the_bedside().state, "B1.P9", released().now(WARD_H)) == "container-unknown"


@pytest.mark.rule("REG-ATMP-10", "REG-ID-12")
def test_a_check_counts_for_the_steps_own_scans() -> None:
    events = check_bedside(at_the_bedside(checks=0).state, "B1.P1", MATCH, MATCH, "dr-1")
    assert [event.tag for event in events] == ["batch:bedside:checked", "batch:scan:matched", "batch:scan:matched"]
    story = at_the_bedside(checks=0)
    for event in events:
        story.tell(event, WARD_H, "dr-1")
    (second,) = check_bedside(story.state, "B1.P1", MATCH, MATCH, "dr-2")
    assert second == ev.BedsideChecked("B1.P1", 2)


@pytest.mark.rule("REG-ATMP-10")
@pytest.mark.parametrize(("wristband", "bag", "wrong"), [(WRONG, MATCH, 1), (MATCH, WRONG, 1), (WRONG, WRONG, 2)])
def test_a_wrong_code_at_the_bedside_is_recorded_and_counts_for_nothing(
    wristband: ScanVerdict, bag: ScanVerdict, wrong: int
) -> None:
    story = at_the_bedside(checks=1)
    events = check_bedside(story.state, "B1.P1", wristband, bag, "dr-2")
    for event in events:
        story.tell(event, WARD_H, "dr-2")
    assert story.state.bedside == ("dr-1",)
    assert len(story.state.open_deviations()) == wrong
    assert [one.severity for one in story.state.exceptions.values()] == ["critical"] * wrong


@pytest.mark.rule("REG-ATMP-10")
@pytest.mark.parametrize(
    ("story", "person", "code"),
    [
        (at_the_bedside(checks=0, started=False), "dr-1", "step-not-started"),
        (at_the_bedside(checks=0, go=False), "dr-1", "issue-go-missing"),
        (at_the_bedside(checks=1), "dr-1", "same-person"),
        (at_the_bedside(checks=2), "dr-3", "bedside-checked"),
    ],
)
def test_a_check_is_refused(story: Story, person: str, code: str) -> None:
    assert code_of(check_bedside, story.state, "B1.P1", MATCH, MATCH, person) == code


def test_an_infusion_ends_once_and_gives_at_most_what_was_filled() -> None:
    story = infusing()
    now = story.now(WARD_H + 0.5)
    (ended,) = end_infusion(story.state, "49.5", "complete", now)
    assert ended == ev.Infused("B1.P1", story.now(WARD_H), now, "49.5", "complete")
    for volume, outcome, code in (
        ("50.1", "complete", "volume-unfit"),
        ("-1", "complete", "volume-unfit"),
        ("fifty", "complete", "number-malformed"),
        ("50", "fine", "outcome-unknown"),
    ):
        assert code_of(end_infusion, story.state, volume, outcome, now) == code
    assert code_of(end_infusion, at_the_bedside().state, "50", "complete", now) == "infusion-not-begun"
    story.tell(ended, WARD_H + 0.5, "dr-1")
    assert code_of(end_infusion, story.state, "50", "complete", now) == "infusion-ended"
    assert story.state.infused_at == story.now(WARD_H)


def test_the_outcomes_are_those_of_the_master() -> None:
    assert ready().state.step("A24").step.parameter("outcome").choices == OUTCOMES


def test_an_infusion_keeps_the_status_of_the_product() -> None:
    assert infusing().state.disposition is Disposition.RELEASED
