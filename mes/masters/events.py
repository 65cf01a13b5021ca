"""What may be recorded about a master: read in, approved, superseded. Stream `master/<id>.<version>`."""

from dataclasses import dataclass

from mes.ids import MasterId, PersonId
from mes.ledger.events import Event


@dataclass(frozen=True, slots=True)
class MasterImported(Event):
    """An author handed in a file. `digest` names the flattened form, `file` the bytes as handed in (SHA-256)."""

    tag = "master:version:imported"
    master: MasterId
    version: int
    digest: str
    file: str
    product: str
    title: str
    kind: str
    specification: str
    author: PersonId


@dataclass(frozen=True, slots=True)
class MasterApproved(Event):
    """QA approved exactly the bytes that `digest` names; from here they never change."""

    tag = "master:version:approved"
    master: MasterId
    version: int
    digest: str
    approver: PersonId


@dataclass(frozen=True, slots=True)
class MasterSuperseded(Event):
    """A newer version is approved: no new batch starts on this one, running batches keep their copy."""

    tag = "master:version:superseded"
    master: MasterId
    version: int
    by_version: int
