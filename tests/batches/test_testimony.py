"""Testimony: whatever the world can reach can be recorded, in any phase of a batch, and it turns nothing green."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mes.batches import events as ev
from mes.batches.decide import problems
from mes.batches.fold import Fact, fold_more
from mes.batches.model import BatchState, Disposition, Phase
from mes.batches.service.problems import ProblemService
from mes.errors import Refusal
from mes.ledger.database import open_engine
from mes.ledger.events import Event
from mes.ledger.verify import verify_ledger
from mes.quality.gate import gate
from mes.quality.gate.model import GateItem, GateStatus, Stage
from tests.quality.builders import QP, SPECIFICATION, TRAINED, Story, ready
from tests.quality.site import Site, a_site
from tests.quality.test_generations import continued
from tests.schedule.builders import SEVEN_DAYS, a_batch

Telling = Callable[[Story], Story]
TEXT: dict[str, object] = {"content": "ab" * 32, "bytes": 3, "media": "text/plain"}
HOUR = 153.0


def also(*events: Event) -> Telling:
    """Return how a batch that was ready to certify goes on."""

    def tell(story: Story) -> Story:
        for event in events:
            story.tell(event, HOUR, "qp-1")
        return story

    return tell


def every_step_closed(story: Story) -> Story:
    """Close what is open, so that the batch is completed."""
    for step in [one.step.id for one in story.state.steps.values() if one.is_open]:
        story.tell(ev.StepStarted(step), HOUR).tell(ev.StepCompleted(step), HOUR)
    return story


def certified(stage: str) -> ev.BatchCertified:
    """Return a certificate that is good for long."""
    expiry = ready().now(400)
    return ev.BatchCertified("B1.CP" if stage == "preliminary" else "B1.CF", stage, expiry, (), ())


def infused() -> ev.Infused:
    """Return the end of an infusion."""
    ended = ready().now(HOUR)
    return ev.Infused("B1.P1", ended - timedelta(minutes=30), ended, "50", "complete")


RELEASED = (certified("preliminary"), ev.ReleaseAssigned("B1.CP", ("B1.P1",)))
QUESTIONED = ev.CertificateQuestioned(("B1.CP",), "a value was corrected")
MORE: dict[str, Telling] = {
    "reviewed": also(),
    "on hold": also(ev.BatchHeld("person")),
    "certified": also(certified("preliminary")),
    "rejected": also(ev.CertificationRefused("preliminary", "B1.CP.refused")),
    "released": also(*RELEASED),
    "in question": also(*RELEASED, QUESTIONED),
    "withdrawn": also(*RELEASED, QUESTIONED, ev.CertificateWithdrawn("B1.CP", "preliminary")),
    "infusion begun": also(*RELEASED, ev.InfusionStarted("B1.P1")),
    "infused": also(*RELEASED, ev.InfusionStarted("B1.P1"), infused()),
    "completed": lambda story: every_step_closed(
        also(*RELEASED, ev.InfusionStarted("B1.P1"), infused(), certified("final"))(story)
    ),
    "terminated": also(ev.BatchTerminated("no growth")),
}
PHASES = ("not begun", "executing", *MORE)
ALL_PHASES = (*PHASES, "another generation")
DAILY = ("executing", "rejected", "infused", "another generation")
"""Phases whose testimony goes through a real ledger in every run; the others do in a campaign."""


@cache
def told(phase: str) -> Story:
    """Return a batch that reached the phase."""
    if phase == "not begun":
        return Story(a_batch(SEVEN_DAYS))
    if phase == "executing":
        return ready(skip=("A14", "A15", "A16", "A17", "A18", "A20", "A21", "product", "results", "reviews"))
    return MORE[phase](ready())


def judged(state: BatchState, stage: Stage) -> tuple[GateItem, ...]:
    """Return the gate of a state."""
    return gate(state, SPECIFICATION, ready().now(HOUR), stage, True, QP, TRAINED)


def closed(items: tuple[GateItem, ...]) -> set[str]:
    """Return which items stand against certification."""
    return {one.item for one in items if one.status is GateStatus.NOT_MET}


def after(state: BatchState, events: tuple[Event, ...]) -> BatchState:
    """Return the state once the events stand."""
    now, seq = ready().now(HOUR), state.next_seq
    return fold_more(state, [
        Fact(event, seq + n, seq + n, now, now, "person", "op-1", "Name of op-1", "operator")
        for n, event in enumerate(events)
    ])  # fmt: skip


def test_the_phases_are_what_they_are_called() -> None:
    found = {phase: (told(phase).state.phase, told(phase).state.disposition) for phase in PHASES}
    assert {phase for phase, _ in found.values()} == set(Phase)
    assert {disposition for _, disposition in found.values()} == set(Disposition)
    assert told("infused").state.infusion_started_at is not None
    assert closed(judged(told("reviewed").state, Stage.PRELIMINARY)) == set()


@pytest.mark.rule("PRA-06")
@pytest.mark.parametrize("what", sorted(problems.TESTIMONY))
@pytest.mark.parametrize("phase", PHASES)
def test_every_kind_in_every_phase_is_recorded_and_turns_nothing_green(phase: str, what: str) -> None:
    state = told(phase).state
    for step in ("A06", "no step of this master"):
        events = problems.report_what_happened(state, what, TEXT, "memory", None, step)
        now = after(state, events)
        assert isinstance(events[0], ev.FactReported)
        (new,) = now.deviations.keys() - state.deviations.keys()
        assert (now.deviations[new].severity, now.deviations[new].approved_by) == ("critical", None)
        if what in problems.HOLDING and state.phase in (Phase.EXECUTING, Phase.COMPLETED):
            assert now.phase is Phase.HELD
        else:
            assert now.phase is state.phase
        assert now.disposition is state.disposition
        assert now.certificates == state.certificates
        for stage in Stage:
            before, later = judged(state, stage), judged(now, stage)
            assert closed(before) <= closed(later)
            assert "G-05" in closed(later)  # every deviation approved: this one is not


@pytest.mark.rule("PRA-06", negative=True)
@pytest.mark.parametrize("phase", PHASES)
def test_what_is_no_testimony_is_refused(phase: str) -> None:
    with pytest.raises(Refusal, match="testimony-unknown"):
        problems.report_what_happened(told(phase).state, "released it", TEXT, "memory", None, None)


@pytest.mark.rule("PRA-06")
@settings(max_examples=25, deadline=None)
@given(st.sampled_from(PHASES), st.lists(st.sampled_from(sorted(problems.TESTIMONY)), min_size=2, max_size=6))
def test_testimony_after_testimony_is_recorded(phase: str, kinds: list[str]) -> None:
    start = state = told(phase).state
    for what in kinds:
        state = after(state, problems.report_what_happened(state, what, TEXT, "memory", "N. N.", None))
    assert len(state.deviations) == len(start.deviations) + len(kinds)
    for stage in Stage:
        assert closed(judged(start, stage)) <= closed(judged(state, stage))


@contextmanager
def reached(folder: Path, phase: str) -> Iterator[Site]:
    """Open a site whose batch reached the phase; `another generation`: its ledger had to be continued since."""
    with a_site(folder, told("certified" if phase == "another generation" else phase)) as site:
        site.wait(1)
        if phase != "another generation":
            yield site
            return
        with continued(site) as later:
            yield later


@pytest.mark.rule("PRA-06", "REG-P11-10e")
@pytest.mark.parametrize(
    "phase", [phase if phase in DAILY else pytest.param(phase, marks=pytest.mark.campaign) for phase in ALL_PHASES]
)
def test_on_a_real_ledger_everybody_may_say_what_happened(tmp_path: Path, phase: str) -> None:
    with reached(tmp_path, phase) as site:
        room, people = ProblemService(site.recorder), ["op-1", "courier-1", "dr-1", "qc-1"]
        before = {stage: site.quality.gate("B1", stage=stage, certifier=QP) for stage in Stage}
        was = site.state()
        for nth, what in enumerate(sorted(problems.TESTIMONY)):
            ago = site.house.clock.now() - timedelta(hours=nth)
            state = room.report(site.act(people[nth % 4], "seen"), "B1", what=what, account=f"told {nth}",
                                occurred_at=ago, source="memory", witness="N. N.")  # fmt: skip
            assert len(state.deviations) == len(was.deviations) + nth + 1
            entry = site.last("batch:fact:reported")
            assert (entry.data["what"], entry.document["reason"]) == (what, "seen")
            assert site.recorder.ledger.content(entry.data["account"]["content"])[1] == f"told {nth}".encode()
        assert state.disposition is was.disposition
        assert state.phase in (Phase.HELD, Phase.TERMINATED)
        assert site.custody.may_infuse("B1")
        for stage in Stage:
            later = site.quality.gate("B1", stage=stage, certifier=QP)
            assert closed(before[stage]) <= closed(later)
        engine = open_engine(f"sqlite:///{site.house.folder / 'site.sqlite'}")
        assert verify_ledger(engine).size == site.house.ledger.size
        engine.dispose()
