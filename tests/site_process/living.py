"""A whole site that lives by dice: people come and go, batches advance, and much goes otherwise; through HTTP."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from equipment_drivers.readings import CommandResult, CommandVerb, UnitState
from mes.batches.model import Phase, StepState
from mes.demo import script, setting
from mes.demo.acts import Playing, Who
from mes.demo.cast import PASSWORD, employ
from mes.demo.client import TOTP_STEP_S, Unexpected
from mes.demo.figures import VALUES
from mes.demo.panel import RAPID
from mes.equipment.events import CommandOutcomeRecorded, CommandRequested, TelemetrySealed, UnitStateChanged
from mes.equipment.model import Argument
from mes.ids import EquipmentId, PersonId, RunId, new_op, stream
from mes.ledger.entry import Actor, Entry, Write
from mes.ledger.events import Event
from mes.people.oidc.events import OidcLinked, OidcUnlinked
from tests.journeys.house import HeldPace, House, InProcessPerson, build_house
from tests.people.builders import Wall
from tests.signatures.authenticator import Authenticator

ROLES = ("operator", "verifier", "courier", "supervisor", "qc_analyst", "clinician", "qa", "security_officer")
ACTS_OF_A_BATCH = ("start", "scan", "materials", "perform", "verify", "skip", "break-glass", "correct")
KEYS = {
    "clinician": "clinician", "collection_nurse": "nurse", "courier": "courier", "operator": "operator",
    "verifier": "verifier", "supervisor": "supervisor", "qc_analyst": "analyst", "qc_reviewer": "reviewer",
    "qa": "qa", "qp": "qp",
}  # fmt: skip
ORIGIN = "http://localhost:8471"


class Hurried(InProcessPerson):
    """A person whose wall clock moves on with each one-time code, so that nobody waits for the next one."""

    wall: Wall

    def code(self) -> str:
        """Return a code that was not used yet."""
        assert self.totp_secret is not None
        self.wall.now += TOTP_STEP_S
        return TOTP(self.totp_secret, 6, SHA1(), TOTP_STEP_S).generate(int(self.wall.now)).decode()


@dataclass
class Life:
    """One site, its dice, and what came of them: how many acts were done and how many refused, by name."""

    house: House
    people: dict[str, Hurried]
    wall: Wall
    pace: HeldPace
    dice: random.Random
    at_browser: Callable[[str, str, str], Hurried]
    newcomers: list[Hurried] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    count: int = 0

    def live(self, acts: int) -> None:
        """Let so many things happen; what the rules refuse is part of life, an error of the site is not."""
        choices = [
            self.people_change, self.people_change, self.somebody_signs_up, self.batch_advances, self.batch_advances,
            self.step_otherwise, self.trouble, self.quality, self.site_changes, self.device_speaks,
        ]  # fmt: skip
        for _ in range(acts):
            self.count += 1
            self.pace.until(self.pace.now + timedelta(minutes=self.dice.randint(1, 20)))
            self.dice.choice(choices)()

    def bustle(self, acts: int) -> None:
        """Let things happen among people that take no time and no device."""
        for _ in range(acts):
            self.count += 1
            self.dice.choice([self.people_change, self.people_change, self.somebody_signs_up, self.site_changes])()

    def does(self, key: str | Hurried, path: str, **form: Any) -> Any:
        """Let somebody act; None if it was refused."""
        person = self.people[key] if isinstance(key, str) else key
        name = path.split("/")[2] if path.count("/") < 4 else path.rsplit("/", 1)[-1]
        try:
            answer = person.act(path, **form)
        except Unexpected as refusal:
            if refusal.status >= 500:
                raise
            name = f"{name}: {refusal.code}"
            self.refused[name] = self.refused.get(name, 0) + 1
            return None
        self.done[name] = self.done.get(name, 0) + 1
        return answer

    def somebody_signs_up(self) -> None:
        """A new person: account, password of their own, identity proved, accountability accepted."""
        user = f"new{self.count}"
        made = self.does("admin", "/api/people", name=f"New Person {self.count}", user_name=f"peeters.{user}",
                         password="change me at once 7", roles=[])  # fmt: skip
        if made is None:
            return
        person = self.at_browser(user, f"peeters.{user}", "change me at once 7")
        person.sign_in()
        self.newcomers.append(person)
        if self.dice.random() < 0.8:
            self.does(person, "/api/me/password", current=person.password, password=PASSWORD)
            person.password = PASSWORD
            person.sign_in()
            self.does("qa", f"/api/people/{person.id}/identity", document="passport, seen")
            self.does(person, "/api/me/accountability")

    def people_change(self) -> None:
        """Access, training, credentials, passkeys and languages of the newcomers."""
        if not self.newcomers:
            return
        person = self.dice.choice(self.newcomers)
        path, role = f"/api/people/{person.id}", self.dice.choice(ROLES)
        trained = {"person": person.id, "subject": script.MASTER, "version": 1}
        until = (self.pace.now + timedelta(days=self.dice.randint(1, 99))).isoformat()
        changes: list[Callable[[], Any]] = [
            lambda: self._access(person, role),
            lambda: self._access(person, role),
            lambda: self.does("admin", f"{path}/roles", role=role),
            lambda: self.does("admin", f"{path}/roles/withdraw", role=role, reason="moved on"),
            lambda: self.does("admin", f"{path}/totp/remove", reason="lost"),
            lambda: self.does("supervisor", "/api/training", valid_until=until, **trained),
            lambda: self.does("supervisor", "/api/training/withdraw", reason="changed", **trained),
            lambda: self.does(person, "/api/me/language", language=self.dice.choice(["en", "nl", "fr", "es"])),
            lambda: self._passkey(person),
            lambda: self._guess(person),
        ]
        if self.dice.random() < 0.1:
            self.newcomers.remove(person)
            self.does("admin", f"{path}/disable", reason="left the site")
        else:
            self.dice.choice(changes)()

    def batch_advances(self) -> None:
        """Take the next open step of a batch as its master says, or open another batch."""
        if len(self.batches) < 3 or self.dice.random() < 0.05:
            self._new_batch()
            return
        play = Playing(self.people, self.pace, self.dice.choice(self.batches), "manual", lambda step: None)
        play.knows("wristband", f"WB-{play.batch}")
        state = self.house.wired.services.recorder.load(play.batch)
        if state.phase is Phase.HELD:
            self.does("qa", f"/api/batches/{play.batch}/resume", reason="answered")
            return
        open_steps = [one for one in state.next_steps() if one.step.id in VALUES]
        if not open_steps:
            return
        found = self.dice.choice(open_steps)
        try:
            self._step(play, found)
        except Unexpected as refusal:
            if refusal.status >= 500:
                raise
            name = f"{found.step.id}: {refusal.code}"
            if refusal.code == "step-too-early":
                self.pace.until(self.pace.now + timedelta(hours=self.dice.randint(4, 20)))
            self.refused[name] = self.refused.get(name, 0) + 1
            return
        self.done["a whole step"] = self.done.get("a whole step", 0) + 1

    def step_otherwise(self) -> None:
        """Do any act on any step, in an order that the master does not know."""
        if not self.batches:
            return
        batch, step = self.dice.choice(self.batches), self.dice.choice(list(VALUES))
        act, key = self.dice.choice(ACTS_OF_A_BATCH), self.dice.choice(["nurse", "operator", "verifier", "clinician"])
        values = [{"parameter": name, "value": value, **({"unit": unit} if unit else {})}
                  for name, (value, unit) in VALUES[step].items()]  # fmt: skip
        value = {**(values or [{"parameter": "x"}])[0], "value": f"{self.dice.randint(1, 99)}"}
        lot = {"material": "PBS-EDTA", "lot": f"L-{self.count}", "expiry": "2027-12-31T00:00:00Z"}
        forms: dict[str, dict[str, Any]] = {
            "scan": {"scan": "bag", "code": self.dice.choice([script.DONATION, "=A99992600000200"])},
            "perform": {"values": values}, "correct": {"value": value}, "materials": {"lots": [lot]},
        }  # fmt: skip
        reason = {"reason": "as things went"} if act in ("skip", "break-glass", "correct", "start") else {}
        self.does(key, f"/api/batches/{batch}/steps/{step}/{act}", **forms.get(act, {}), **reason)

    def trouble(self) -> None:
        """Hold, resume, report, assess, approve."""
        if not self.batches:
            return
        batch = self.dice.choice(self.batches)
        path, state = f"/api/batches/{batch}", self.house.wired.services.recorder.load(batch)
        number = self.dice.randint(1, max(1, len(state.exceptions)))
        kind = self.dice.choice(["hold", "resume", "report", "E", "D", "approve", "raise"])
        match kind:
            case "hold" | "resume":
                self.does("qa", f"{path}/{kind}", reason="a question")
            case "report":
                self.does("operator", f"{path}/report", what=self.dice.choice(["other", "wrong_lot_used"]),
                          account="told", source="memory", occurred_at=self.pace.now.isoformat())  # fmt: skip
            case "E":
                self.does("supervisor", f"{path}/exceptions/{batch}.E{number}/assess", text="no effect")
            case "raise":
                self.does("supervisor", f"{path}/exceptions/{batch}.E{number}/deviation")
            case "D":
                self.does("supervisor", f"{path}/deviations/{batch}.D{number}/assess", text="no effect")
            case _:
                self.does("qa", f"{path}/deviations/{batch}.D{number}/approve")

    def quality(self) -> None:
        """Results, reviews, the trail."""
        if not self.batches:
            return
        batch = self.dice.choice(self.batches)
        path, state = f"/api/batches/{batch}", self.house.wired.services.recorder.load(batch)
        result = self.dice.choice(RAPID)
        acts: list[Callable[[], Any]] = [
            lambda: self.does("analyst", f"{path}/results", reason="measured again", **result),
            lambda: self.does("reviewer", f"{path}/results/review", item=result["item"]),
            lambda: self.does("qa2", f"{path}/trail/examine",
                              index=str(self.dice.randint(0, self.house.wired.services.ledger.size))),
            lambda: self.does("qa2", f"{path}/trail/defer", stage="preliminary", reason="nobody is there"),
            lambda: self.does("supervisor", f"{path}/reviews", kind="production"),
            lambda: self.does("qp", f"{path}/refuse", stage="final", reason="not this one")
            if state.batch.endswith("7") else None,
            lambda: self.does("auditor", "/api/trail/exports", format="csv", filter={"batch": batch}),
        ]  # fmt: skip
        self.dice.choice(acts)()

    def site_changes(self) -> None:
        """Devices, masters, reviews of access, alerts, looks at patients."""
        device = f"PRD-0{self.dice.randint(2, 5)}"
        until = (self.pace.now + timedelta(days=self.dice.randint(2, 300))).isoformat()
        people = [one for one in self.people["qa"].get("/api/people")["people"] if one["active"] and one["roles"]]
        verdicts = [{"person": one["id"], "verdict": "confirmed" if one["user_name"].isalpha() else "withdrawn"}
                    for one in people if one["id"] != self.people["qa2"].id]  # fmt: skip
        alerts = [one for one in self.people["admin"].get("/api/security")["alerts"] if not one["acknowledged_by"]]
        acts: list[Callable[[], Any]] = [
            lambda: self.does("admin", "/api/equipment", equipment=device, device_class="cell_processor",
                              model=f"model {self.count}", serial=f"{self.count}", binding="manual", simulated=True),
            lambda: self.does("qa2", f"/api/equipment/{device}/qualify", until=until),
            lambda: self.does("author", "/api/masters", master=script.MASTER, version=1),
            lambda: self.does("qa2", "/api/access/review", verdicts=verdicts),
            lambda: alerts and self.does("admin", f"/api/security/{alerts[0]['alert']}/acknowledge", reason="seen"),
        ]  # fmt: skip
        self.dice.choice(acts)()

    def _access(self, person: Hurried, role: str) -> None:
        asked = self.does("supervisor", f"/api/people/{person.id}/access", role=role, reason="new")
        if asked is None or self.dice.random() < 0.2:
            return
        if self.dice.random() < 0.2:
            self.does("qa", f"/api/access/{asked['request']}/refuse", reason="not trained")
            return
        self.does("qa", f"/api/access/{asked['request']}/approve")
        if self.dice.random() < 0.7:
            self.does("admin", f"/api/people/{person.id}/roles", role=role)

    def _passkey(self, person: Hurried) -> None:
        begun = self.does(person, "/api/me/passkeys/begin", password=person.password)
        if begun is None:
            return
        device = Authenticator(origin=ORIGIN)
        self.does(person, "/api/me/passkeys", name="Ring", answer=device.create(begun["options"]))
        if self.dice.random() < 0.5:
            self.does(person, "/api/me/passkeys/remove", credential=device.id, reason="replaced")

    def _guess(self, person: Hurried) -> None:
        stranger = self.house.app.test_client()
        for _ in range(5):
            self.wall.now += 61
            stranger.post("/api/sign-in", json={"user_name": person.user_name, "password": "not this one"})

    def device_speaks(self) -> None:
        """What a collector's drain and a provider of identities would have recorded; there is neither here."""
        device, run = EquipmentId(f"PRD-0{self.dice.randint(2, 5)}"), RunId(f"R-{self.count % 7}")
        now, command = self.pace.now, f"C-{self.count % 5}"
        person = self.dice.choice(list(self.people.values()))
        states = self.dice.sample(list(UnitState), 2)
        asked = CommandRequested(command, device, run, CommandVerb.START, (Argument("program", "7"),), "A07")
        became = CommandOutcomeRecorded(command, device, run, "start", CommandResult.CONFIRMED, "done")
        hour = timedelta(hours=1)
        if self.dice.random() < 0.8:
            facts: list[Event] = [became if command in self.asked else asked, UnitStateChanged(device, run, *states),
                                  TelemetrySealed(device, run, now - hour, now, self.count, "ab" * 32)]  # fmt: skip
            self._record("run", run, self.dice.choice(facts))
            return
        subject = f"{self.count:064x}"
        linked = OidcLinked(PersonId(person.id), "https://provider.example", subject)
        gone = OidcUnlinked(PersonId(person.id), "https://provider.example")
        entries = self._stream("person", person.id)
        kinds = [entry.type for entry in entries if entry.type.startswith("person:oidc:")]
        self._record("person", person.id, gone if kinds and kinds[-1] == linked.tag else linked)

    def _stream(self, kind: str, ident: str) -> list[Entry]:
        return self.house.wired.services.ledger.stream(stream(kind, ident))

    def _record(self, kind: str, ident: str, fact: Event) -> None:
        write = Write(stream(kind, ident), (fact.draft(),))
        ledger = self.house.wired.services.ledger
        ledger.append(new_op(), [write], actor=Actor.system("drain"), now=self.pace.now)
        if isinstance(fact, CommandRequested):
            self.asked.add(fact.command)
        self.done[fact.tag] = self.done.get(fact.tag, 0) + 1

    def _new_batch(self) -> None:
        batch, clinician = f"B-{len(self.batches) + 1}", self.people["clinician"]
        made = clinician.act("/api/patients", name=f"Testpatient {batch}", birth_date="1961-04-12",
                             hospital_number=f"H-{batch}", wristband=f"WB-{batch}")  # fmt: skip
        clinician.act("/api/orders", order=f"O-{batch}", product=setting.PRODUCT, patient=made["patient"],
                      wristband=f"WB-{batch}", weight={"value": "70.0", "unit": "kg"},
                      dose={"value": "1.0", "unit": "10*6{cells}/kg"})  # fmt: skip
        if self.does("qa", f"/api/orders/O-{batch}/accept", batch=batch, master=script.MASTER, version=1,
                     binding="manual"):  # fmt: skip
            self.batches.append(batch)

    def _step(self, play: Playing, found: StepState) -> None:
        step, signatures = found.step, found.step.signatures
        who = Who(KEYS[signatures.performed or "operator"], KEYS.get(signatures.verified or ""),
                  tuple((one.meaning, KEYS[one.role]) for one in signatures.also))  # fmt: skip
        if step.id == "A03":
            who = Who("nurse", "clinician2")
        if found.started_at is None:
            play.start(step.id, who, reason="as planned")
        if step.id == "A04":
            number = play.batch.removeprefix("B-").zfill(4)
            self.does("nurse", play.of_batch("donation"), code=f"=A9999260000{number}00"[:16])
        if step.id == "A05":
            bag = play.state()["container_ids"][0]
            script.hand(play, "A05", bag, "nurse", "courier", "apheresis unit", "sealed, cool box", ("4.0", "4.6"))
            script.hand(play, "A05", bag, "courier", "operator", "clean room lock", "sealed", ("3.4", "6.1"))
        play.record(step.id, who)
        play.finish(step.id, who)


def begin_life(folder: Path, seed: int, someone: Callable[..., Hurried] = Hurried, **more: Any) -> Life:
    """Found a site with its people, a master, a device, and dice that always fall the same for a seed.

    `someone` makes a person from address, name, user name, password and application.
    """
    house, wall = build_house(folder, **more), Wall()
    house.wired.sessions.wall = wall

    def at_browser(name: str, user: str, password: str) -> Hurried:
        person = someone(("localhost", 1), name, user, password, app=house.app)
        person.wall = wall
        return person

    life = Life(
        house, employ(house.first_code, at_browser), wall, HeldPace(house.conductor), random.Random(seed), at_browser
    )  # fmt: skip
    setting.approve_master(life.people)
    setting.register_device(life.people, "manual", None, None, life.pace.now)
    return life


def whole_batch(life: Life, between: Callable[[], None]) -> None:
    """Live one batch from order to final certification, with other things happening in between."""
    play = Playing(life.people, life.pace, script.BATCH, "manual", lambda step: None)
    setting.open_batch(life.people, "manual")
    play.knows("wristband", script.WRISTBAND)
    vein = script.collect_and_bring(play)
    for chapter in (script.activate, script.culture, script.harvest_and_release, script.infuse):
        between()
        chapter(play, vein)
    script.certify_finally(play)
