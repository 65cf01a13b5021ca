"""Batch records for people: seal one, have its bundle made, read and download it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from mes.batches.service.acting import Acting
from mes.clock import Clock
from mes.equipment.telemetry import Telemetry
from mes.errors import Refusal
from mes.ids import Op, device_op, new_op
from mes.ledger.entry import Actor, Entry, Write
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.masters.model import Master
from mes.masters.specification import Specification
from mes.people.decide import actor_for
from mes.people.model import Role
from mes.records import tables
from mes.records.building import Building, Surroundings
from mes.records.bundle.files import CONTENTS, PDF
from mes.records.events import RecordExported, RecordSealed
from mes.records.gather import sealed_entry
from mes.records.jobs import Job, Jobs, Progress
from mes.records.sealing import Sealing

MAY_EXPORT = (
    Role.QA, Role.QP, Role.SUPERVISOR, Role.QC_REVIEWER, Role.PHARMACIST, Role.AUDITOR, Role.CONTROL_SITE,
)  # fmt: skip
CLOSING = 60.0


class MasterSource(Protocol):
    """Where approved masters come from; a sealed record brings its own bytes."""

    def approved(self, master_id: str, version: int) -> Master:
        """Return an approved master."""


@dataclass(frozen=True, slots=True)
class SealRow:
    """A sealed record in a list; `complete`: its bundle was made, so a download waits for nothing."""

    seal: int
    batch: str
    at: datetime
    by: str
    complete: bool


class RecordService:
    """The batch records of one site."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        telemetry: Telemetry,
        masters: MasterSource | None = None,
        *,
        folder: Path | None = None,
        specification: Callable[[str], Specification | None] = lambda _: None,
        forbidden: Callable[[str], Sequence[bytes]] = lambda _: (),
        clock_factor: Callable[[], str | None] = lambda: None,
        rp_id: str = "localhost",
        origins: Sequence[str] = (),
    ) -> None:
        """`forbidden` gives, for a vault reference, the bytes that may stand in no file of a bundle."""
        self._ledger, self._clock = ledger, clock
        self._sealing = Sealing(ledger, telemetry)
        around = Surroundings(specification, forbidden, clock_factor, rp_id, tuple(origins))
        self._building = Building(ledger, around)
        self._folder = folder
        self._jobs = Jobs()

    def start(self, acting: Acting, batch_id: str) -> Job:
        """Seal the record now and make its bundle in the background.

        Refuses `role-missing` (403), `batch-unknown` (404), `record-telemetry-open`, `record-busy`.
        """
        seal = self.seal(acting, batch_id)
        return self._start(acting, sealed_entry(self._ledger, seal))

    def export_again(self, acting: Acting, seal: int) -> Job:
        """Make the bundle of an earlier seal again, byte for byte; refuses `seal-unknown` (404)."""
        return self._start(acting, sealed_entry(self._ledger, seal))

    def _start(self, acting: Acting, seal: Entry) -> Job:
        actor = actor_for(acting.session, acting.in_role(*MAY_EXPORT))
        job = Job(str(acting.op), str(seal.data["batch"]), seal.index)
        return self._jobs.start(job, partial(self._work, seal, actor, device_op(f"record-exported/{acting.op}")))

    def _work(self, seal: Entry, actor: Actor, op: Op, progress: Progress) -> str:
        path = self._export(seal, self._place(), actor, op, progress)
        return f"{path.name}, {path.stat().st_size} bytes"

    def seal(self, acting: Acting, batch_id: str) -> int:
        """Seal the record as it stands and return the index of its entry; a repeated operation returns the same."""
        known = repeated(
            self._ledger, acting.op, self._ledger.site_stream, acting.person, RecordSealed, batch=batch_id
        )  # fmt: skip
        if known:
            return known.index
        actor = actor_for(acting.session, acting.in_role(*MAY_EXPORT))
        return self.seal_as(actor, batch_id, acting.op)

    def seal_as(self, actor: Actor, batch_id: str, op: Op | None = None) -> int:
        """Seal a record in the name of a part of the system, e.g. of the command line."""
        return self._sealing.seal(batch_id, actor, op or new_op(), self._clock.now()).index

    def export(self, seal: int, target: Path, actor: Actor) -> Path:
        """Write the bundle of a seal into the folder `target` and return its path; the export is an entry."""
        return self._export(sealed_entry(self._ledger, seal), target, actor, new_op(), lambda _: None)

    def _export(self, seal: Entry, target: Path, actor: Actor, op: Op, progress: Progress) -> Path:
        body = self._building.bundle(seal, progress)
        path = target / self.download_name(seal.index)
        target.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(body)
        fresh.replace(path)
        event = RecordExported(str(seal.data["batch"]), seal.index, sha256(body).hexdigest(), len(body))
        self._ledger.append(op, [Write(self._ledger.site_stream, (event.draft(),))], actor=actor, now=self._clock.now())
        return path

    def job(self, job_id: str) -> Job:
        """Return how far a job is; refuses `job-unknown` (404)."""
        return self._jobs.job(job_id)

    def wait(self, job_id: str, timeout_s: float) -> Job:
        """Wait for a job, at most so many seconds; for scripts and tests."""
        return self._jobs.wait(job_id, timeout_s)

    def seals(self, batch_id: str) -> tuple[SealRow, ...]:
        """Return the seals of a batch, the newest first."""
        with self._ledger.read() as connection:
            found = tables.seals(connection, self._ledger.gen, self._ledger.site_stream)
            complete = {
                entry.index
                for entry in found
                if PDF in tables.frozen_names(connection, self._ledger.site, self._ledger.gen, entry.index)
            }
        return tuple(
            SealRow(entry.index, batch_id, entry.at, _who(entry), entry.index in complete)
            for entry in reversed(found)
            if entry.data["batch"] == batch_id
        )

    def bundle(self, seal: int) -> Path:
        """Return the file to download; refuses as `pdf` does."""
        path = self._place() / self.download_name(seal)
        self._check_content(seal)
        if not path.is_file():
            raise Refusal("record-not-built", status=404, seal=seal)
        return path

    def pdf(self, seal: int) -> bytes:
        """Return the PDF of a seal.

        Refuses `seal-unknown` (404), `record-not-built` (404) and, for good, `record-content-removed`.
        """
        sealed_entry(self._ledger, seal)
        self._check_content(seal)
        body = self._frozen_file(seal, PDF)
        if body is None:
            raise Refusal("record-not-built", status=404, seal=seal)
        return body

    def _frozen_file(self, seal: int, name: str) -> bytes | None:
        with self._ledger.read() as connection:
            return tables.frozen_file(connection, self._ledger.site, self._ledger.gen, seal, name)

    def _check_content(self, seal: int) -> None:
        """Refuse what shows content that was removed since, and delete it. Rule: REG-PRV-01."""
        digests = (self._frozen_file(seal, CONTENTS) or b"").decode().split()
        with self._ledger.read() as connection:
            gone = tables.removals(connection, digests)
        if not gone:
            return
        self._ledger.beside(
            lambda connection: tables.forget(connection, self._ledger.site, self._ledger.gen, seal, PDF)
        )
        (self._place() / self.download_name(seal)).unlink(missing_ok=True)
        raise Refusal("record-content-removed", content=gone[0].data["content"], entry=gone[0].index)

    def download_name(self, seal: int) -> str:
        """Return the name of a bundle's file; refuses `seal-unknown` (404)."""
        return f"{sealed_entry(self._ledger, seal).data['batch']}.{seal}.ebr.zip"

    def close(self) -> None:
        """Let the job under way end."""
        self._jobs.close()

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="records-"))
        return self._folder


def _who(entry: Entry) -> str:
    actor = entry.document["actor"]
    return str(actor.get("name", actor["id"]))
