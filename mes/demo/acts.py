"""How the demo's people work through one step: start, scan, lots, device, confirm, verify, further signatures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mes.demo.client import DemoPerson
from mes.demo.figures import VALUES
from mes.demo.pace import Pace
from mes.demo.stage import DEVICE

TEN_MINUTES = timedelta(minutes=10)
LOT_LIFE = timedelta(days=90)
PROGRAM_MOST = timedelta(hours=12)


@dataclass(frozen=True)
class Who:
    """Who does a step, who verifies it, who else signs it in which meaning."""

    performs: str
    verifies: str | None = None
    also: tuple[tuple[str, str], ...] = ()


class Playing:
    """One batch in the hands of the demo's people; every act goes through HTTP."""

    def __init__(
        self, people: Mapping[str, DemoPerson], pace: Pace, batch: str, binding: str, progress: Callable[[str], None]
    ) -> None:
        self.people = people
        self.pace = pace
        self.batch = batch
        self._binding = binding
        self._progress = progress
        self._codes: dict[str, str] = {}

    def state(self) -> dict[str, Any]:
        """Return the batch as an observer sees it."""
        found: dict[str, Any] = self.people["qa"].get(f"/api/batches/{self.batch}")
        return found

    def step(self, step: str) -> dict[str, Any]:
        """Return one step of the batch."""
        return next(one for one in self.state()["steps"] if one["step"] == step)

    def knows(self, expects: str, code: str) -> None:
        """Keep the code that answers a scan, e.g. of the patient's wristband."""
        self._codes[expects] = code

    def begin(self, step: str, who: Who, *, reason: str | None = None) -> None:
        """Start the step, scan what it asks for, record the lots."""
        self.start(step, who, reason=reason)
        self.record(step, who)

    def start(self, step: str, who: Who, *, reason: str | None = None) -> None:
        """Start the step, on the device if it has a program."""
        self._progress(step)
        device = DEVICE if self.step(step)["program"] else None
        self.people[who.performs].act(self.path(step, "start"), equipment=device, reason=reason)

    def record(self, step: str, who: Who) -> None:
        """Scan what the step asks for and record the lots."""
        person, found = self.people[who.performs], self.step(step)
        for scan, wanted in found["scans"].items():
            person.act(self.path(step, "scan"), scan=scan, code=self.code(wanted["expects"]))
        lots = [self._lot(code) for code in found["materials_needed"]]
        if lots:
            person.act(self.path(step, "materials"), lots=lots)

    def finish(self, step: str, who: Who) -> None:
        """Wait for the device if the step has a program, then confirm and sign."""
        if self.step(step)["program"]:
            self._device_done(step, who)
        values = [
            {"parameter": name, "value": value, **({"unit": unit} if unit else {})}
            for name, (value, unit) in VALUES[step].items()
        ]
        self.people[who.performs].act(self.path(step, "perform"), values=values)
        if who.verifies:
            self.people[who.verifies].act(self.path(step, "verify"))
        for meaning, person in who.also:
            self.people[person].act(self.path(step, "attest"), meaning=meaning)

    def do(self, step: str, who: Who, lasts: timedelta) -> None:
        """Begin a step, let its planned time pass, and finish it."""
        self.begin(step, who)
        self.pace.until(self.pace.now + lasts)
        self.finish(step, who)

    def path(self, step: str, act: str) -> str:
        """Return the address of an act on a step."""
        return f"/api/batches/{self.batch}/steps/{step}/{act}"

    def of_batch(self, act: str) -> str:
        """Return the address of an act on the batch."""
        return f"/api/batches/{self.batch}/{act}"

    def code(self, expects: str) -> str:
        """Return the code that a scanner would read from bag or wristband."""
        if expects in self._codes:
            return self._codes[expects]
        bags = self.state()["container_ids"]
        wanted = {"bag:apheresis": bags[0], "bag:product": bags[-1]}[expects]
        printed = self.people["qa"].get(self.of_batch("codes"))["codes"]
        return str(printed[wanted])

    def _device_done(self, step: str, who: Who) -> None:
        if self._binding == "manual":
            self.people[who.performs].act(self.path(step, "confirm-program"))
            return
        self.pace.until_so(lambda: bool(self.step(step)["program_done_at"]), TEN_MINUTES, PROGRAM_MOST)

    def _lot(self, code: str) -> dict[str, str]:
        expiry = self.pace.now + LOT_LIFE
        return {"material": code, "lot": f"{code}-2611", "expiry": expiry.isoformat()}


def every(playing: Playing, person: str, path: str, forms: Sequence[Mapping[str, Any]]) -> None:
    """Let one person do the same act for several forms."""
    for form in forms:
        playing.people[person].act(path, **form)
