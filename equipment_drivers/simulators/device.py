"""The simulated processor's logic: states, numbered programs, set points, waits; virtual time only, no wire.

It is asked for everything that happened up to a time and gives it in order, batch by batch; what the batches
hold does not depend on how often it is asked. The programs it runs are its own invention.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from equipment_drivers.simulators.alarms import AlarmBoard, View
from equipment_drivers.simulators.faults import FaultKind, InjectedFault
from equipment_drivers.simulators.physics import Chamber, Culture, Donor, Inputs, exchanged, fed, grown, seeded, stepped
from equipment_drivers.simulators.programs import (
    EXCHANGE,
    EXCHANGE_ML,
    HARVEST,
    IDLE_AFTER_HARVEST_H,
    PROGRAMS,
    SEED,
    Program,
)
from equipment_drivers.simulators.samples import (
    BAD_SENSOR,
    GRID,
    IDLE_GRID,
    TINY,
    Batch,
    Sample,
    Stamps,
    State,
    Wait,
    after_grid,
    on_grid,
)
from equipment_drivers.simulators.sensors import Sensors

CLOCK = "device.clock"


class CommandRefused(Exception):
    """The device says no; the text is the OPC UA status code it answers with."""


class CellProcessor:
    """One simulated cell processor from `start` on; the same seed and the same commands give the same samples."""

    def __init__(self, start: datetime, seed: int, donor: Donor, faults: tuple[InjectedFault, ...] = ()) -> None:
        self._start = self._at = start
        self._faults = faults
        self._edges = sorted(edge for fault in faults for edge in fault.edges(start))
        self._sensors = Sensors(seed)
        self._donor = donor
        self._culture: Culture | None = None
        self._chamber = Chamber()
        self._inputs = Inputs()
        self._settled = False
        self._program: Program | None = None
        self._number = self._step = 0
        self._left = timedelta(0)
        self._agitation = 0.0
        self._state, self._wait = State.IDLE, Wait.NONE
        self._waiting_since: datetime | None = None
        self._door = False
        self._idle_at: datetime | None = None
        self._alarms = AlarmBoard(f"{seed}-{int(start.timestamp())}")
        self._stamps = Stamps()
        self._told: dict[str, object] = {}

    @property
    def state(self) -> State:
        """What the unit does now."""
        return self._state

    @property
    def tick(self) -> datetime | None:
        """Return the newest value of device.clock, None before the first batch."""
        return self._stamps.last(CLOCK)

    @property
    def culture(self) -> Culture | None:
        """The hidden cells: no tag shows them, a person counts them."""
        return self._culture

    def first(self) -> Batch:
        """Return every tag at the start."""
        return self._batch(self._at, everything=True)

    def until(self, now: datetime) -> Iterator[Batch]:
        """Yield what happens up to and including `now`, in order, no grid tick skipped."""
        while (at := self._next()) <= now:
            yield self._moved(at)

    def still(self, now: datetime) -> Batch | None:
        """Return a lone clock sample if time stands still at `now` and the clock has not shown it yet."""
        if (self._stamps.last(CLOCK) or now) >= now or now < self._at:
            return None
        self._moved_physics(now)
        return Batch(now, [self._stamps.sample(CLOCK, now, now)])

    def _next(self) -> datetime:
        grid = IDLE_GRID if self._state is State.IDLE else GRID
        due = [after_grid(self._at, grid)]
        if self._state is State.RUNNING:
            due.append(max(self._at + TINY, self._at + self._left))
        if self._idle_at is not None:
            due.append(max(self._at + TINY, self._idle_at))
        due += [edge for edge in self._edges if edge > self._at][:1]
        return min(due)

    def _moved(self, at: datetime) -> Batch:
        self._moved_physics(at)
        self._faulted(at)
        if self._state is State.RUNNING and self._left <= timedelta(0):
            self._next_step(at)
        if self._idle_at is not None and at >= self._idle_at:
            self._state, self._number, self._idle_at = State.IDLE, 0, None
        grid = IDLE_GRID if self._state is State.IDLE else GRID
        return self._batch(at, ticked=on_grid(at, grid), everything=on_grid(at, IDLE_GRID))

    def _moved_physics(self, at: datetime) -> None:
        passed = at - self._at
        hours = passed / timedelta(hours=1)
        self._chamber = stepped(self._chamber, self._inputs, hours)
        if self._culture is not None:
            self._culture = grown(self._culture, self._donor, hours)
        if self._state is State.RUNNING:
            self._left -= passed
        if abs(self._chamber.temperature_celsius - self._inputs.temperature_celsius) < 0.3:
            self._settled = True
        self._at = at

    def _holding(self, kind: FaultKind) -> InjectedFault | None:
        return next(
            (fault for fault in self._faults if fault.kind is kind and fault.holds(self._start, self._at)), None
        )

    def _faulted(self, at: datetime) -> None:
        heat = self._holding(FaultKind.HEAT_LOSS)
        self._inputs = replace(
            self._inputs,
            heat_loss_celsius=heat.size if heat else 0.0,
            co2_bottle=self._holding(FaultKind.CO2_SUPPLY) is None,
            air_supply=self._holding(FaultKind.AIR_SUPPLY) is None,
            occluded=self._holding(FaultKind.OCCLUSION) is not None and self._state is State.RUNNING,
        )
        prompt, clamp = self._holding(FaultKind.PROMPT), self._holding(FaultKind.CLAMP)
        asked = next((one for one in (prompt, clamp) if one and at == one.edges(self._start)[0]), None)
        if asked and self._state is State.RUNNING:
            self._state = State.SUSPENDED
            self._wait = Wait.OPERATOR_PROMPT if asked.kind is FaultKind.PROMPT else Wait.PRESSURE_CHECK
            self._waiting_since = at

    def _next_step(self, at: datetime) -> None:
        program = self._program
        assert program is not None
        if self._step < len(program.steps):
            self._enter(self._step + 1)
            return
        if program.agitation_per_min is not None:
            self._agitation = program.agitation_per_min
        self._culture = self._handled(program)
        self._state, self._step, self._left = State.COMPLETE, 0, timedelta(0)
        self._rest()
        if program.number == HARVEST:
            self._idle_at = at + timedelta(hours=IDLE_AFTER_HARVEST_H)

    def _handled(self, program: Program) -> Culture | None:
        """Return the hidden cells after a program: seeded, fed, with fresh medium, or harvested."""
        if program.number == SEED:
            return seeded(self._donor, self._inputs.volume_ml)
        if self._culture is None or program.number == HARVEST:
            return None
        if program.number == EXCHANGE:
            return exchanged(self._culture, EXCHANGE_ML)
        return fed(self._culture, max(self._culture.volume_ml, self._inputs.volume_ml))

    def _rest(self) -> None:
        """Between programs the culture conditions are kept; only the machinery stops."""
        self._inputs = replace(self._inputs, centrifuge_per_min=self._agitation, pump_ml_min=0.0)

    def _enter(self, number: int) -> None:
        assert self._program is not None
        step = self._program.steps[number - 1]
        kept = self._inputs
        warmer = step.temperature_celsius
        if warmer is not None and warmer != kept.temperature_celsius:
            self._settled = False
        self._step, self._left = number, timedelta(minutes=step.minutes)
        self._door = self._program.door_open_first and number == 1
        self._inputs = replace(
            kept,
            temperature_celsius=kept.temperature_celsius if warmer is None else warmer,
            co2_percent=kept.co2_percent if step.co2_percent is None else step.co2_percent,
            volume_ml=kept.volume_ml if step.volume_ml is None else step.volume_ml,
            centrifuge_per_min=step.centrifuge_per_min or self._agitation,
            pump_ml_min=step.pump_ml_min,
        )

    def command(self, name: str, now: datetime, argument: str = "") -> Batch:
        """Obey one command at `now` (all before it must have been taken from `until`), or raise CommandRefused."""
        self._moved_physics(max(now, self._at))
        if self._holding(FaultKind.DEAF):
            return Batch(self._at)
        if name == "acknowledge_alarm":
            told = self._alarms.acknowledged(argument, self._at)
            if told is None:
                raise CommandRefused("BadEventIdUnknown")
            return Batch(self._at, [], [told])
        allowed, action = _COMMANDS[name]
        if self._state not in allowed:
            raise CommandRefused("BadInvalidState")
        action(self, argument)
        self._faulted(self._at)
        return self._batch(self._at)

    def _select(self, argument: str) -> None:
        if not argument.isdecimal() or int(argument) not in PROGRAMS:
            raise CommandRefused("BadOutOfRange")
        self._program = PROGRAMS[int(argument)]
        self._state, self._number, self._step, self._idle_at = State.READY, int(argument), 0, None

    def _begin(self, _: str) -> None:
        self._state = State.RUNNING
        self._enter(1)

    def _hold(self, _: str) -> None:
        self._state, self._wait = State.HELD, Wait.PAUSED_AT_DEVICE
        self._rest()

    def _go_on(self, _: str) -> None:
        left = self._left
        self._state, self._wait, self._waiting_since = State.RUNNING, Wait.NONE, None
        self._enter(self._step)
        self._left = left

    def _end(self, state: State) -> None:
        self._state, self._wait, self._waiting_since, self._step = state, Wait.NONE, None, 0
        self._rest()

    def _batch(self, at: datetime, ticked: bool = False, everything: bool = False) -> Batch:
        states: dict[str, object] = {
            "unit.state": self._state,
            "program.number": self._number,
            "program.step": self._step,
            "wait.reason": self._wait,
            "unit.door_open": self._door,
            "unit.mains": self._holding(FaultKind.MAINS) is None,
        }
        batch = Batch(at)
        if ticked or everything:
            batch.samples += self._measured(at)
        for tag, value in states.items():
            if everything or self._told.get(tag) != value:
                batch.samples.append(self._stamps.sample(tag, at, value))
        self._told = states
        batch.alarms += self._alarms.judged(self._view(at))
        batch.samples.append(self._stamps.sample(CLOCK, at, at))
        return batch

    def _measured(self, at: datetime) -> Iterator[Sample]:
        stuck, broken = self._holding(FaultKind.STUCK), self._holding(FaultKind.BAD_SENSOR)
        for tag, value in self._sensors.read(self._chamber, stuck.tag if stuck else ""):
            sample = self._stamps.sample(tag, at, value)
            yield replace(sample, status=BAD_SENSOR) if broken and broken.tag == tag else sample

    def _view(self, at: datetime) -> View:
        mains, clamp = self._holding(FaultKind.MAINS) is None, self._wait is Wait.PRESSURE_CHECK
        prompted = self._waiting_since if self._wait is Wait.OPERATOR_PROMPT else None
        return View(self._chamber, self._inputs, self._settled, mains, clamp, prompted, at)


_DONE = frozenset({State.COMPLETE, State.STOPPED, State.ABORTED})
_COMMANDS = {
    "select_program": (_DONE | {State.IDLE, State.READY}, CellProcessor._select),
    "start": (frozenset({State.READY}), CellProcessor._begin),
    "hold": (frozenset({State.RUNNING}), CellProcessor._hold),
    "resume": (frozenset({State.HELD}), CellProcessor._go_on),
    "acknowledge_wait": (frozenset({State.SUSPENDED}), CellProcessor._go_on),
    "stop": (
        frozenset({State.RUNNING, State.HELD, State.SUSPENDED}),
        lambda device, _: device._end(State.STOPPED),
    ),
    "abort": (frozenset(State) - {State.IDLE}, lambda device, _: device._end(State.ABORTED)),
}
