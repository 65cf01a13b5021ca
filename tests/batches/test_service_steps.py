"""Steps as people work through them on a real ledger: what each act leaves, what is refused, what comes with it."""

import threading
from datetime import timedelta

import pytest

from mes.batches import events as ev
from mes.batches.decide.values import GivenValue
from mes.batches.model import MaterialUse, StepStatus
from mes.errors import Refusal
from mes.ids import new_op
from mes.signatures.model import SignaturePrompt
from tests.batches.builders import T0
from tests.batches.houses import Ward, refuses, with_device

VOLUME = (GivenValue("volume", "100.0", "mL"),)
INTAKE = (GivenValue("viability", "98.2", "%"), GivenValue("intact", "yes"))
BUFFER = (MaterialUse("BUFFER", "LOT-1", T0 + timedelta(days=90)),)
HOUR = timedelta(hours=1)


def later(ward: Ward, hours: float) -> None:
    ward.house.clock.advance(hours * HOUR)


def collect(ward: Ward, batch: str = "B1") -> None:
    ward.does("nora", ward.steps.start, batch, "S1")
    ward.does("nora", ward.steps.perform, batch, "S1", VOLUME)
    ward.does("viktor", ward.steps.verify, batch, "S1")


def intake(ward: Ward, batch: str = "B1", values: tuple[GivenValue, ...] = INTAKE) -> None:
    later(ward, 3)
    ward.does("olivia", ward.steps.start, batch, "S2")
    ward.does("olivia", ward.steps.scan, batch, "S2", "bag", "ours")
    ward.does("olivia", ward.steps.use_materials, batch, "S2", BUFFER)
    ward.does("olivia", ward.steps.perform, batch, "S2", values)
    ward.does("viktor", ward.steps.verify, batch, "S2")
    ward.does("quinn", ward.steps.attest, batch, "S2", "QA_REVIEWED")


@pytest.fixture
def begun(ward):
    """A ward with a batch and a fit device."""
    with_device(ward)
    ward.a_batch()
    return ward


@pytest.mark.rule("REG-ATMP-02")
def test_a_step_is_started_confirmed_and_verified_by_two_people(begun):
    collect(begun)
    assert begun.types()[1:] == [
        "batch:step:started", "batch:step:performed", "batch:step:verified", "batch:step:completed",
    ]  # fmt: skip
    step = begun.recorder.load("B1").step("S1")
    assert step.status is StepStatus.DONE
    assert (step.performed_by.name, step.verified_by.name) == ("Nora Peeters", "Viktor Peeters")
    assert step.values["volume"].value == "100.0"
    performed, verified, completed = begun.entries()[2:5]
    assert (performed.document["signature"]["meaning"], verified.document["signature"]["meaning"]) == (
        "PERFORMED", "VERIFIED",
    )  # fmt: skip
    assert verified.op == completed.op != performed.op
    assert performed.document["actor"]["role"] == "collection_nurse"


def test_the_verifier_is_shown_each_value_with_its_entry(begun):
    begun.does("nora", begun.steps.start, "B1", "S1")
    begun.does("nora", begun.steps.perform, "B1", "S1", VOLUME)
    with pytest.raises(SignaturePrompt) as prompt:
        begun.steps.verify(begun.acting("viktor"), "B1", "S1")
    performed = begun.entries()[2]
    (value,) = [one for one in prompt.value.shown.items if one.label == "Volume"]
    assert value.value == "100.0 mL (limit >= 50 and <= 280 mL)"
    assert value.document()["source"]["leaf"] == performed.leaf.hex()


@pytest.mark.parametrize(
    ("act", "given"),
    [
        ("start", ("S1",)), ("perform", ("S1", VOLUME)), ("verify", ("S1",)),
    ],
)  # fmt: skip
def test_a_repeated_act_gets_its_answer_and_writes_nothing(begun, act, given):
    acts = {"start": "nora", "perform": "nora", "verify": "viktor"}
    for name, user in acts.items():
        op = new_op()
        arguments = ("S1", VOLUME) if name == "perform" else ("S1",)
        answer = begun.does(user, getattr(begun.steps, name), "B1", *arguments, op=op)
        if name == act:
            size = begun.house.ledger.size
            assert getattr(begun.steps, act)(begun.acting(user, op), "B1", *given) == answer
            assert begun.house.ledger.size == size
            return


def test_nobody_verifies_their_own_work(begun):
    collect(begun)
    later(begun, 3)
    begun.does("viktor", begun.steps.start, "B1", "S2")
    begun.does("viktor", begun.steps.scan, "B1", "S2", "bag", "ours")
    begun.does("viktor", begun.steps.use_materials, "B1", "S2", BUFFER)
    begun.does("viktor", begun.steps.perform, "B1", "S2", INTAKE)
    refuses("same-person", begun.does, "viktor", begun.steps.verify, "B1", "S2")
    refuses("role-missing", begun.does, "otto", begun.steps.verify, "B1", "S2")
    assert begun.recorder.load("B1").step("S2").status is StepStatus.PERFORMED


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("batch-unknown", lambda w: w.does("nora", w.steps.start, "B9", "S1")),
        ("step-unknown", lambda w: w.does("nora", w.steps.start, "B1", "S9")),
        ("role-missing", lambda w: w.does("olivia", w.steps.start, "B1", "S1")),
        ("step-predecessors-open", lambda w: w.does("olivia", w.steps.start, "B1", "S2")),
        ("step-not-started", lambda w: w.does("nora", w.steps.perform, "B1", "S1", VOLUME)),
        ("step-not-performed", lambda w: w.does("viktor", w.steps.verify, "B1", "S1")),
        ("step-not-optional", lambda w: w.does("nora", w.steps.skip, "B1", "S1", reason="no time")),
        ("program-not-asked", lambda w: w.does("nora", w.steps.start, "B1", "S1")
         and w.does("nora", w.steps.confirm_program, "B1", "S1")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_a_step_refuses(begun, code, act):
    refuses(code, act, begun)


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("value-missing", ()), ("unit-missing", (GivenValue("volume", "100"),)),
        ("unit-unknown", (GivenValue("volume", "100", "furlong"),)),
        ("unit-incompatible", (GivenValue("volume", "100", "kg"),)),
        ("number-malformed", (GivenValue("volume", "1,5", "mL"),)),
        ("number-malformed", (GivenValue("volume", "NaN", "mL"),)),
        ("number-malformed", (GivenValue("volume", "1e999999", "mL"),)),
        ("parameter-unknown", (*VOLUME, GivenValue("colour", "red"))), ("parameter-twice", VOLUME * 2),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_and_nothing_is_half_written(begun, code, given):
    begun.does("nora", begun.steps.start, "B1", "S1")
    size = begun.house.ledger.size
    refuses(code, begun.does, "nora", begun.steps.perform, "B1", "S1", given)
    assert begun.house.ledger.size == size


def test_too_early_waits_and_too_late_needs_a_decision(begun):
    collect(begun)
    early = refuses("step-too-early", begun.does, "olivia", begun.steps.start, "B1", "S2")
    assert early.facts["opens"] == T0 + 2 * HOUR
    later(begun, 23.5)
    assert refuses("step-late", begun.does, "olivia", begun.steps.start, "B1", "S2").facts["by_h"] == "1.50"
    begun.does("olivia", begun.steps.start, "B1", "S2", reason="courier stood in traffic")
    state = begun.recorder.load("B1")
    assert state.step("S2").late_reason == "courier stood in traffic"
    assert [one.kind for one in state.exceptions.values()] == ["window"]
    assert begun.row().exceptions == 1


@pytest.mark.rule("REG-ATMP-10")
def test_a_wrong_bag_is_recorded_first_and_refused_each_time_it_is_asked_again(begun):
    collect(begun)
    later(begun, 3)
    begun.does("olivia", begun.steps.start, "B1", "S2")
    op = new_op()
    for _ in range(2):
        told = refuses("scan-mismatch", begun.does, "olivia", begun.steps.scan, "B1", "S2", "bag", "theirs", op=op)
        assert told.facts["found"] == "the bag called theirs"
    assert begun.types().count("batch:scan:mismatched") == 1
    assert begun.row().open_deviations == 1
    refuses("scan-missing", begun.does, "olivia", begun.steps.perform, "B1", "S2", INTAKE)
    begun.does("olivia", begun.steps.scan, "B1", "S2", "bag", "ours")
    assert begun.recorder.load("B1").step("S2").scans == {"bag": True}


@pytest.mark.parametrize(
    ("code", "use"),
    [
        ("lot-expired", MaterialUse("BUFFER", "OLD", T0)),
        ("material-unknown", MaterialUse("BLEACH", "L", T0 + timedelta(days=9))),
    ],
)
def test_a_lot_that_may_not_be_used(begun, code, use):
    collect(begun)
    later(begun, 3)
    begun.does("olivia", begun.steps.start, "B1", "S2")
    refuses(code, begun.does, "olivia", begun.steps.use_materials, "B1", "S2", (use,))
    refuses("scan-missing", begun.does, "olivia", begun.steps.perform, "B1", "S2", INTAKE)
    begun.does("olivia", begun.steps.scan, "B1", "S2", "bag", "ours")
    refuses("material-missing", begun.does, "olivia", begun.steps.perform, "B1", "S2", INTAKE)


def test_a_critical_value_outside_its_limit_opens_a_deviation_in_the_same_operation(begun):
    collect(begun)
    intake(begun, values=(GivenValue("viability", "71.0", "%"), INTAKE[1]))
    performed = next(one for one in begun.entries() if one.type == "batch:step:performed" and one.data["step"] == "S2")
    assert [one.type for one in begun.house.ledger.operation(performed.op)] == [
        "batch:step:performed", "batch:exception:opened", "batch:deviation:opened",
    ]  # fmt: skip
    assert "signature" not in begun.entries()[performed.seq + 1].document


def test_a_step_that_somebody_else_just_confirmed(begun):
    begun.does("nora", begun.steps.start, "B1", "S1")
    acting = begun.acting("nora")
    with pytest.raises(SignaturePrompt) as prompt:
        begun.steps.perform(acting, "B1", "S1", VOLUME)
    begun.does("nora", begun.steps.perform, "B1", "S1", VOLUME)
    told = refuses("step-confirmed", begun.steps.perform, begun.signed(acting, prompt.value), "B1", "S1", VOLUME)
    assert told.facts["by"] == "Nora Peeters"
    assert begun.types().count("batch:step:performed") == 1


def test_a_commit_on_an_older_state_is_refused_whole(begun):
    old = begun.recorder.load("B1")
    begun.does("nora", begun.steps.start, "B1", "S1")
    size = begun.house.ledger.size
    acting = begun.acting("sofia")
    told = refuses(
        "somebody-was-faster", begun.recorder.commit, old, acting, [ev.BatchHeld("person")], role=acting.any_role(),
        now=begun.house.clock.now(),
    )  # fmt: skip
    assert (told.facts["expected"], told.facts["found"]) == (1, 2)
    assert begun.house.ledger.size == size


def test_of_several_at_the_same_moment_one_is_first(begun):
    gate, told = threading.Barrier(4), []

    def start() -> None:
        acting = begun.acting("nora")
        gate.wait()
        try:
            begun.steps.start(acting, "B1", "S1")
            told.append("done")
        except Refusal as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert told.count("done") == 1
    assert set(told) <= {"done", "step-not-pending", "somebody-was-faster"}
    assert begun.types().count("batch:step:started") == 1


def test_each_closed_step_is_followed_by_its_forecast_in_the_same_operation(begun):
    begun.forecaster.sees = ev.ForecastMade("", T0 + 150 * HOUR, T0 + 168 * HOUR, "150.0", "18.0")
    collect(begun)
    *_, completed, forecast = begun.entries()
    assert (completed.type, forecast.type, forecast.op) == (
        "batch:step:completed", "batch:forecast:made", completed.op,
    )  # fmt: skip
    assert begun.forecaster.asked == ["S1"]
    assert begun.recorder.load("B1").forecast.slack_h == "18.0"
    assert (begun.row().slack_h, begun.row().deadline_at) == ("18.0", T0 + 168 * HOUR)
