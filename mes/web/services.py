"""What views may call: the services of the rooms, made once per process by mes/app.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask import current_app

from mes.batches.service.corrections import CorrectionService
from mes.batches.service.orders import OrderService
from mes.batches.service.problems import ProblemService
from mes.batches.service.recorder import Recorder
from mes.batches.service.steps import StepService
from mes.clock import Clock
from mes.custody.service import CustodyService
from mes.equipment.service import EquipmentService
from mes.equipment.telemetry import Telemetry
from mes.identity.contents import ContentDesk
from mes.identity.erasure import ErasureDesk
from mes.identity.service import PatientService
from mes.ledger.store import Ledger
from mes.masters.service import MasterService
from mes.masters.training import TrainingService
from mes.people.oidc.service import OidcDesk
from mes.people.service import PeopleService
from mes.quality.answering import QuestionService
from mes.quality.service import QualityService
from mes.records.downtime.shelf import DowntimePacks
from mes.records.service import RecordService
from mes.settings import SiteSettings
from mes.signatures.service import SigningService

EXTENSION = "septima"


@dataclass(frozen=True)
class Services:
    """All services of one site process. `status` tells what runs: virtual clock, drained tick, collector, version."""

    settings: SiteSettings
    clock: Clock
    ledger: Ledger
    people: PeopleService
    signing: SigningService
    masters: MasterService
    training: TrainingService
    equipment: EquipmentService
    telemetry: Telemetry
    patients: PatientService
    oidc: OidcDesk
    erasure: ErasureDesk
    contents: ContentDesk
    recorder: Recorder
    orders: OrderService
    steps: StepService
    problems: ProblemService
    corrections: CorrectionService
    quality: QualityService
    questions: QuestionService
    custody: CustodyService
    records: RecordService
    downtime: DowntimePacks
    status: Callable[[], Mapping[str, Any]]
    simulated_device: bool = False
    clock_factor: Callable[[], str | None] = lambda: None
    help_strip: tuple[str, ...] = ()


def services() -> Services:
    """Return the services of the running application."""
    return cast(Services, current_app.extensions[EXTENSION])
