"""Starting, scanning, confirming, verifying and attesting steps: decide, sign, append."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from equipment_drivers.readings import CommandVerb
from mes.batches import events as ev
from mes.batches.decide import glass, scans, steps
from mes.batches.decide.values import GivenValue, value_text, with_true_sources
from mes.batches.model import BatchState, Binding, MaterialUse, StepState
from mes.batches.ports import ScanMatcher
from mes.batches.service.acting import Acting
from mes.batches.service.device_run import DeviceRuns
from mes.batches.service.kept import Kept
from mes.batches.service.recorder import Recorder
from mes.equipment.ports import DrainedReading
from mes.errors import Refusal
from mes.ids import RunId
from mes.ledger.entry import Entry, Write
from mes.ledger.events import Event
from mes.people.model import Role
from mes.signatures.meanings import Meaning
from mes.signatures.model import ShownItem

SOURCES = {"device": ", from the device", "calculated": ", calculated"}
"""How a signer is told where a value comes from; one that they typed needs no word."""
NewestReadings = Callable[[str], Mapping[str, DrainedReading]]
"""Gives a device's newest reading by signal."""


def _nothing_read(_device: str) -> Mapping[str, DrainedReading]:
    return {}


class StepService:
    """Acts on the steps of a batch."""

    def __init__(
        self, recorder: Recorder, runs: DeviceRuns, matcher: ScanMatcher, newest: NewestReadings = _nothing_read
    ) -> None:
        self.recorder = recorder
        self._runs = runs
        self._matcher = matcher
        self._newest = newest
        self._sources: Kept[tuple[GivenValue, ...]] = Kept()

    def start(self, acting: Acting, batch_id: str, step_id: str, equipment: str | None = None) -> BatchState:
        """Start a step; a device step takes its device for the batch and asks it to select the step's program.

        Refusals: see decide.steps.start_step, and those of the equipment register (qualification, node map, taken).
        """
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.StepStarted, step=step_id):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        step = state.step(step_id)
        device = equipment or (state.equipment if step.step.program is not None else None)
        if step.step.program is None:
            device = equipment
        elif state.equipment is not None and device != state.equipment:
            raise Refusal("equipment-other", device=device, holds=state.equipment)
        run = RunId(state.run or f"{state.batch}.R1") if step.step.program is not None else None
        command = steps.StartStep(step_id, acting.roles, device, acting.reason)
        events = steps.start_step(state, command, run, now)
        drafts = [events[0].draft(reason=acting.reason), *(event.draft() for event in events[1:])]
        others: list[Write] = []
        if run is not None and device is not None:
            held = self._runs.state(device)
            if state.run is None:
                drafts.insert(0, ev.RunBegun(run, device).draft())
                held, taken = self._runs.take(device, run, state.batch, now)
                others += taken
            if state.binding is Binding.OPCUA:
                others += self._runs.ask(held, run, CommandVerb.SELECT_PROGRAM, program_of(state, step), step_id, now)
        role = acting.in_role(step.step.signatures.performed or acting.any_role().value)
        return self.recorder.commit(state, acting, drafts, role=role, now=now, others=others)

    def request_program(self, acting: Acting, batch_id: str, step_id: str) -> BatchState:
        """Ask the device once more to run the program of a started step, after a refused or lost command.

        Refuses `step-not-started`, `program-not-asked`, `program-done`, `binding-manual`.
        """
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.ProgramAskedAgain, step=step_id):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        step = state.step(step_id)
        if step.started_at is None or not step.is_open:
            raise Refusal("step-not-started", step=step_id, state=step.status.value)
        if step.step.program is None or state.run is None or state.equipment is None:
            raise Refusal("program-not-asked", step=step_id)
        if step.program_done_at is not None:
            raise Refusal("program-done", step=step_id)
        if state.binding is not Binding.OPCUA:
            raise Refusal("binding-manual", step=step_id)
        role = acting.in_role(step.step.signatures.performed)
        held, run = self._runs.state(state.equipment), RunId(state.run)
        writes = self._runs.ask(held, run, CommandVerb.SELECT_PROGRAM, program_of(state, step), step_id, now)
        asked = ev.ProgramAskedAgain(step_id, step.step.program.number).draft(reason=acting.reason)
        return self.recorder.commit(state, acting, [asked], role=role, now=now, others=writes)

    def scan(self, acting: Acting, batch_id: str, step_id: str, scan: str, code: str) -> BatchState:
        """Record a scan; a wrong code is recorded first and then refused with `scan-mismatch`."""
        state = self.recorder.load(batch_id)
        scanned = (ev.ScanMatched, ev.ScanMismatched)
        if not self.recorder.repeats(acting, f"batch/{batch_id}", *scanned, step=step_id, scan=scan):
            now = self.recorder.clock.now()
            expects = scans.expectation(state, step_id, scan)
            verdict = self._matcher.match(expects, code, state)
            events = scans.record_scan(state, step_id, scan, verdict.found, verdict.matched)
            role = acting.any_role()
            state = self.recorder.commit(state, acting, events, role=role, now=now)
        for entry in self.recorder.done(acting.op):
            if entry.type == ev.ScanMatched.tag and not self._matcher.match(entry.data["expects"], code, state).matched:
                raise Refusal("operation-other", op=acting.op)  # the earlier scan was right, this code is another
            if entry.type == ev.ScanMismatched.tag:
                raise Refusal("scan-mismatch", found=entry.data["found"], expects=entry.data["expects"], batch=batch_id)
        return state

    def use_materials(self, acting: Acting, batch_id: str, step_id: str, uses: tuple[MaterialUse, ...]) -> BatchState:
        """Record scanned lots in a started step."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.MaterialUsed, step=step_id, use=uses[0]):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = steps.use_materials(state, step_id, uses, now)
        role = acting.in_role(state.step(step_id).step.signatures.performed)
        return self.recorder.commit(state, acting, events, role=role, now=now)

    def perform(self, acting: Acting, batch_id: str, step_id: str, given: tuple[GivenValue, ...]) -> BatchState:
        """Confirm a step's values with the performer's signature; what follows is recorded in the same operation."""
        typed = [{"parameter": one.parameter, "value": one.value} for one in given]
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.StepPerformed, step=step_id, values=typed):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        newest = self._newest(state.equipment) if state.equipment and state.run_released_at is None else {}
        told = partial(with_true_sources, state.step(step_id).step, given, newest)
        given = self._sources.of((acting.op, step_id, given), told)
        events = steps.perform_step(state, step_id, given, acting.roles, now)
        extra, others = self._consequences(state, step_id, events, now)
        return self._signed(acting, state, (*events, *extra), step_id, Meaning.PERFORMED, now, others=others)

    def verify(self, acting: Acting, batch_id: str, step_id: str) -> BatchState:
        """Verify a confirmed step as another person, who is shown every value with its entry."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.StepVerified, ev.StepVerifiedLate, step=step_id):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = steps.verify_step(state, step_id, acting.person, acting.roles)
        extra, others = self._consequences(state, step_id, events, now)
        role = acting.in_role(state.step(step_id).step.signatures.verified)
        return self._signed(acting, state, (*events, *extra), step_id, Meaning.VERIFIED, now, role=role, others=others)

    def break_glass(self, acting: Acting, batch_id: str, step_id: str) -> BatchState:
        """Let a confirmed step go on although its verifier is absent: two factors, a reason, a deviation for QA.

        Refusals: see decide.glass.break_glass.
        """
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.GlassBroken, step=step_id):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        role = acting.in_role(state.step(step_id).step.signatures.performed, Role.SUPERVISOR.value)
        signer = glass.signer_of(acting.person, acting.session.person.name, role.value, now)
        events = glass.break_glass(state, step_id, signer, acting.reason)
        extra, others = self._consequences(state, step_id, events, now)
        return self._signed(
            acting, state, (*events, *extra), step_id, Meaning.BREAK_GLASS, now, role=role, others=others
        )

    def attest(self, acting: Acting, batch_id: str, step_id: str, meaning: str) -> BatchState:
        """Give a further signature that the master demands on a confirmed step."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.StepAttested, step=step_id, meaning=meaning):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = steps.attest_step(state, step_id, meaning, acting.person, acting.roles)
        extra, others = self._consequences(state, step_id, events, now)
        wanted = next(one.role for one in state.step(step_id).step.signatures.also if one.meaning == meaning)
        return self._signed(
            acting, state, (*events, *extra), step_id, Meaning(meaning), now, role=acting.in_role(wanted), others=others
        )

    def skip(self, acting: Acting, batch_id: str, step_id: str) -> BatchState:
        """Leave out an optional step, with a reason and the performer's signature."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.StepSkipped, step=step_id):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = steps.skip_step(state, step_id, acting.roles, acting.reason)
        return self._signed(acting, state, events, step_id, Meaning.PERFORMED, now)

    def confirm_program(self, acting: Acting, batch_id: str, step_id: str) -> BatchState:
        """With the operator as driver: record that the device finished the step's program (PRA-12)."""
        if self.recorder.repeats(acting, f"batch/{batch_id}", ev.ProgramCompleted, step=step_id):
            return self.recorder.load(batch_id)
        now, state = self.recorder.clock.now(), self.recorder.load(batch_id)
        events = steps.confirm_program(state, step_id)
        role = acting.in_role(state.step(step_id).step.signatures.performed)
        return self.recorder.commit(state, acting, events, role=role, now=now)

    def _consequences(
        self, state: BatchState, step_id: str, events: Sequence[Event], now: datetime
    ) -> tuple[tuple[Event, ...], Sequence[Write]]:
        """Give the device back when the last step that needs it is done."""
        closes = any(isinstance(event, ev.StepCompleted) for event in events)
        later = [one for one in state.steps.values() if one.step.program is not None and one.is_open]
        if not closes or state.run is None or state.equipment is None or state.run_released_at is not None:
            return (), ()
        if [one.step.id for one in later] != [step_id]:
            return (), ()
        back = self._runs.give_back(state.equipment, RunId(state.run), now)
        return (ev.RunEnded(state.run, state.equipment),), back

    def _signed(
        self, acting: Acting, state: BatchState, events: Sequence[Event], step_id: str, meaning: Meaning, now: datetime,
        *, role: Role | None = None, others: Sequence[Write] = (),
    ) -> BatchState:  # fmt: skip
        step = state.step(step_id)
        role = role or acting.in_role(step.step.signatures.performed or acting.any_role().value)
        items = self._items(state, step, events[0])
        signed = self.recorder.sign(
            acting, events[0], stream=state.stream, meaning=meaning, items=items, state=state, now=now
        )
        drafts = [signed.draft, *(event.draft() for event in events[1:])]
        return self.recorder.commit(state, acting, drafts, role=role, now=now, shown=[signed.shown], others=others)

    def _items(self, state: BatchState, step: StepState, event: Event) -> list[ShownItem]:
        items = [ShownItem("Batch", state.batch), ShownItem("Chain of identity", state.coi),
                 ShownItem("Step", f"{step.step.id} {step.step.title}")]  # fmt: skip
        if isinstance(event, ev.StepPerformed):
            return items + [
                ShownItem(step.step.parameter(value.parameter).label, value_text(value) + SOURCES.get(value.source, ""))
                for value in event.values
            ]
        entries: dict[int, Entry] = {}
        for name, value in step.values.items():
            seq = step.value_seq[name]
            entries.setdefault(seq, self.recorder.entry_at(state.stream, seq))
            items.append(ShownItem(step.step.parameter(name).label, value_text(value), entries[seq]))
        if step.started_at is not None and step.performed_by is not None:
            items.append(ShownItem("Performed by", step.performed_by.name))
        return items


def program_of(state: BatchState, step: StepState) -> dict[str, str]:
    """Return the arguments that name a step's program, and the batch, to the device."""
    return {"program": step.step.program.number if step.step.program else "", "batch": state.batch}
