"""Wiring: which room's service gets which, once per process. One of the few files that know everybody."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

import mes
from mes.batches import tables as batch_tables
from mes.batches.observer import BatchObserver
from mes.batches.retention import TraceRetention
from mes.batches.service.corrections import CorrectionService
from mes.batches.service.device_run import DeviceRuns
from mes.batches.service.orders import OrderService
from mes.batches.service.problems import ProblemService
from mes.batches.service.recorder import Recorder
from mes.batches.service.steps import StepService
from mes.clock import Clock, SimulatedClock, SystemClock
from mes.custody.matching import CustodyMatcher
from mes.custody.service import CustodyService
from mes.equipment import tables as equipment_tables
from mes.equipment.drain import Drain
from mes.equipment.journal_reader import JournalReader
from mes.equipment.outbox import CommandOutbox
from mes.equipment.service import EquipmentService
from mes.equipment.spool import CommandSpool
from mes.equipment.telemetry import Telemetry
from mes.errors import IntegrityBreach, Refusal
from mes.identity.coi import new_coi
from mes.identity.contents import ContentDesk
from mes.identity.erasure import ErasureDesk
from mes.identity.rotation import named_key
from mes.identity.service import PatientService
from mes.identity.vault import PatientVault
from mes.ledger.disk import Disk
from mes.ledger.founding import book_of
from mes.ledger.kept_note import KeptNote
from mes.ledger.key_folder import settle
from mes.ledger.keys import SiteKey
from mes.ledger.scrubbing import scrub
from mes.ledger.store import Ledger, Projector
from mes.masters import tables as master_tables
from mes.masters.service import MasterService
from mes.masters.training import TrainingService
from mes.people import tables as people_tables
from mes.people.oidc.model import Client
from mes.people.oidc.provider import Provider
from mes.people.oidc.service import OidcDesk
from mes.people.passkeys import RelyingParty
from mes.people.passwords import PRODUCTION, Hasher, HashParameters
from mes.people.second_factor import SecretBox
from mes.people.service import PeopleService
from mes.people.sessions import Sessions
from mes.quality.answering import QuestionService
from mes.quality.integrity import BatchIntegrity
from mes.quality.service import QualityService
from mes.quality.specifications import VendoredSpecifications
from mes.quality.trail import tables as trail_tables
from mes.records.downtime.shelf import DowntimePacks
from mes.records.service import RecordService
from mes.schedule import VeinToVein
from mes.settings import Profile, SiteSettings, private_text
from mes.signatures.service import SigningPolicy, SigningService
from mes.site_process.notices import Notices, about_disk, about_holds
from mes.web.services import Services

PROJECTORS: Sequence[Projector] = (
    people_tables.project,
    master_tables.project,
    equipment_tables.project,
    batch_tables.project,
    trail_tables.project,
)
DEMO_FACILITY = "A9999"
"""Facility identification number that ISBT 128 keeps for examples; a real site has its own."""
COLLECTOR_SILENT_S = 3.0


@dataclass(frozen=True)
class Wired:
    """Everything that `mes serve` runs: the services for views, and what works in the background."""

    services: Services
    drain: Drain
    outbox: CommandOutbox
    sessions: Sessions
    spool: CommandSpool
    notices: Notices
    vault: PatientVault

    def close(self) -> None:
        """Finish the record under way and close every file."""
        self.services.records.close()
        self.spool.close()
        self.sessions.close()
        self.services.ledger.close()


def clock_of(settings: SiteSettings) -> Clock:
    """Return the site's clock."""
    return SimulatedClock(settings.clock_path) if settings.simulated_clock else SystemClock()


def create_site(settings: SiteSettings, engine: Engine, now: datetime) -> Ledger:
    """Begin a site: keys, vault, genesis. The tables are there already (migrations)."""
    name = f"septima/{settings.site}/1"
    key = SiteKey.create(settings.site_key_path, name)
    SecretBox.create(settings.credential_key_path)
    PatientVault.create(settings.site_dir)
    return Ledger.create(
        engine, site=settings.site, tz=settings.tz, key=key, now=now, projectors=PROJECTORS,
        clock="simulated" if settings.simulated_clock else "real", software=f"septima-mes {mes.__version__}",
        breach_path=settings.breach_path,
    )  # fmt: skip


def open_ledger(settings: SiteSettings, engine: Engine) -> Ledger:
    """Open the site's ledger for writing; the caller holds the writer's lease."""
    keys = settle(settings.keys_dir, book_of(engine, settings.site))
    ledger = Ledger.open(
        engine, site=settings.site, tz=settings.tz, key=keys.present, also=keys.also, projectors=PROJECTORS,
        breach_path=settings.breach_path,
    )  # fmt: skip
    try:
        ledger.keep_notes(KeptNote(settings.kept_note_path))
    except (Refusal, IntegrityBreach):
        ledger.close()
        raise
    return ledger


def wire(settings: SiteSettings, ledger: Ledger, clock: Clock, hashing: HashParameters = PRODUCTION) -> Wired:
    """Make every service of a site process."""
    sessions = Sessions(
        settings.sessions_path, idle_s=settings.idle_minutes * 60, absolute_s=settings.session_hours * 3600
    )
    box = SecretBox.load(settings.credential_key_path)
    party = RelyingParty.of(settings.public_origin, settings.site)
    people = PeopleService(
        ledger, clock, sessions, Hasher(hashing), box, relying_party=party, password_days=settings.password_days
    )
    signing = SigningService(ledger, people, SigningPolicy(settings.signing, settings.language))
    disk = Disk([settings.site_dir])
    signing.guards.append(disk.check_signing)
    notices = Notices(about_holds(ledger.breaches), about_disk(disk))
    masters = MasterService(ledger, clock, signing)
    training = TrainingService(ledger, clock, signing, people, masters)
    equipment = EquipmentService(ledger, clock)
    vault = PatientVault.open(settings.site_dir, lambda: named_key(ledger))
    patients = PatientService(vault, ledger, clock)
    erasure = ErasureDesk(vault, ledger, clock, TraceRetention(ledger).kept_until)
    erasure.settle()
    journal = JournalReader(settings.journal_path)
    telemetry = Telemetry(ledger, settings.site, journal)
    recorder = Recorder(ledger, clock, masters, signing, VeinToVein())
    runs = DeviceRuns(equipment)
    observer = BatchObserver(recorder, runs)
    spool = CommandSpool(settings.commands_spool_path)
    specifications = VendoredSpecifications()
    quality = QualityService(recorder, specifications, BatchIntegrity(ledger))
    services = Services(
        settings=settings, clock=clock, ledger=ledger, people=people, signing=signing, masters=masters,
        training=training,
        equipment=equipment, telemetry=telemetry, patients=patients, recorder=recorder,
        orders=OrderService(recorder, masters, signing, lambda: new_coi(DEMO_FACILITY, clock.now())),
        steps=StepService(recorder, runs, CustodyMatcher(patients), telemetry.latest),
        problems=ProblemService(recorder), corrections=CorrectionService(recorder),
        quality=quality, questions=QuestionService(recorder, quality), erasure=erasure,
        oidc=oidc_desk(settings, ledger, clock, sessions, people, box),
        contents=ContentDesk(ledger, clock, lambda: scrub(settings.database)),
        custody=CustodyService(recorder, patients),
        records=RecordService(
            ledger, clock, telemetry, masters, folder=settings.site_dir / "exports",
            specification=specifications.specification, forbidden=vault_words(vault), clock_factor=factor_of(clock),
            rp_id=party.rp_id, origins=party.origins,
        ),
        downtime=DowntimePacks(
            settings.site_dir / "downtime", recorder, time.monotonic, settings.site_dir / "phones.yaml"
        ),
        status=SiteStatus(settings, clock, ledger, telemetry, equipment, notices, people).read,
        simulated_device=settings.simulated_clock, help_strip=help_of(settings),
    )  # fmt: skip
    drain, outbox = Drain(ledger, journal, observer), CommandOutbox(ledger, spool, observer)
    return Wired(services, drain, outbox, sessions, spool, notices, vault)


def oidc_desk(
    settings: SiteSettings, ledger: Ledger, clock: Clock, sessions: Sessions, people: PeopleService, box: SecretBox
) -> OidcDesk:
    """Return the door for people of the hospital's provider, shut where the site names none.

    Fault `key-file-readable-by-others` or `key-file-missing` for the file of the client's secret.
    """
    provider = None
    if settings.oidc_issuer:
        name = settings.oidc_client_secret_file
        client = Client(
            settings.oidc_issuer, settings.oidc_client_id, f"{settings.public_origin}/oidc/callback",
            settings.oidc_user_claim, private_text(settings.keys_dir / name) if name else "",
        )  # fmt: skip
        provider = Provider(client, sessions.wall)
    return OidcDesk(ledger, clock, sessions, people, provider, box.key_for("oidc subjects"))


def vault_words(vault: PatientVault) -> Callable[[str], Sequence[bytes]]:
    """Return what must never stand in an exported record: by patient, the words that name them."""

    def words(patient: str) -> Sequence[bytes]:
        if not vault.knows(patient):
            return ()
        known = vault.get(patient)
        return tuple(str(word).encode() for word in (known.name, known.birth_date, known.hospital_number))

    return words


def help_of(settings: SiteSettings) -> tuple[str, ...]:
    """Return what a demo site tells newcomers on every page; no other profile tells anything."""
    path = settings.site_dir / "demo-help.txt"
    if settings.profile is not Profile.DEMO or not path.is_file():
        return ()
    return tuple(path.read_text(encoding="utf-8").splitlines())


def factor_of(clock: Clock) -> Callable[[], str | None]:
    """Return how to tell the virtual clock's factor, None on a real clock."""

    def factor() -> str | None:
        return f"{clock.factor:,.0f}" if isinstance(clock, SimulatedClock) else None

    return factor


class SiteStatus:
    """What runs at this site, for its own screens and for the conductor of a demo."""

    def __init__(
        self, settings: SiteSettings, clock: Clock, ledger: Ledger, telemetry: Telemetry,
        equipment: EquipmentService, notices: Notices, people: PeopleService,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._equipment = equipment
        self._notices = notices
        self._people = people

    def read(self) -> dict[str, Any]:
        """Return record time, virtual factor, and per device how far journal and drain are."""
        factor = self._clock.factor if isinstance(self._clock, SimulatedClock) else None
        devices = {}
        for row in self._equipment.devices():
            ident = str(row["equipment"])
            tick, drained = self._telemetry.journal_tick(ident), self._telemetry.drained_tick(ident)
            devices[ident] = {
                "journal_tick": tick.isoformat() if tick else None,
                "drained_tick": drained.isoformat() if drained else None,
                "samples_recorded": self._telemetry.recorded(ident),
            }
        review = self._people.review_state()
        return {
            "access_review": {"due": review["due"].isoformat(), "overdue": review["overdue"]},
            "site": self._settings.site, "version": mes.__version__, "now": self._clock.now().isoformat(),
            "simulated": self._clock.simulated, "factor": factor, "devices": devices,
            "ledger_entries": self._ledger.size, "site_key": self._ledger.key.vkey,
            "collector": collector_alive(self._settings.site_dir),
            "notices": [{"code": one.code, "facts": dict(one.facts)} for one in self._notices.shown()],
        }  # fmt: skip


def collector_alive(site_dir: Path) -> dict[str, Any] | None:
    """Return the collector's sign of life, None if it is silent."""
    try:
        alive: dict[str, Any] = json.loads((site_dir / "collect.alive").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return alive if time.time() - alive["wall"] < COLLECTOR_SILENT_S else None
