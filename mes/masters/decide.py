"""May this file become a draft, may this draft be approved, may a batch start on it? Pure: events, or Refusal."""

from collections.abc import Iterable, Sequence

from mes.errors import Refusal
from mes.ids import PersonId
from mes.masters.events import MasterApproved, MasterImported, MasterSuperseded
from mes.masters.findings import Finding
from mes.masters.fold import VersionState
from mes.masters.model import Master


def import_master(state: VersionState, master: Master, file: str, author: PersonId) -> MasterImported:
    """Decide whether the file may become (or replace) the draft of its version.

    Refuses `master-approved-already`: an approved version never changes, a new one gets the next number.
    """
    if state.approved:
        raise Refusal("master-approved-already", master=master.id, version=master.version)
    return MasterImported(
        master.id,
        master.version,
        master.digest,
        file,
        master.product,
        master.title,
        master.kind.value,
        master.specification,
        author,
    )


def approve(state: VersionState, findings: Sequence[Finding], approver: PersonId) -> MasterApproved:
    """Decide whether QA may approve the draft. Rule: regulation catalogue, section C; PRA-14, house decision 13.

    Refuses `master-unknown`, `master-approved-already`, `master-own` (no author of any draft approves) and
    `master-not-clean` with every finding.
    """
    draft = known(state)
    if state.approved:
        raise Refusal("master-approved-already", master=state.master, version=state.version)
    if approver in state.authors:
        raise Refusal("master-own", master=state.master, version=state.version)
    if findings:
        raise Refusal(
            "master-not-clean",
            master=state.master,
            version=state.version,
            count=len(findings),
            first=str(findings[0]),
            problems=[one.as_fact() for one in findings],
        )
    return MasterApproved(state.master, state.version, draft, approver)


def supersede(others: Iterable[VersionState], approved: MasterApproved) -> tuple[MasterSuperseded, ...]:
    """Return one fact per older approved version that the newly approved one replaces."""
    return tuple(
        MasterSuperseded(one.master, one.version, approved.version)
        for one in others
        if one.approved and one.superseded_by is None and one.version < approved.version
    )


def check_startable(state: VersionState) -> None:
    """Refuse `master-unknown`, `master-not-approved` or `master-superseded` for a batch that would start now."""
    check_approved(state)
    if state.superseded_by is not None:
        raise Refusal("master-superseded", master=state.master, version=state.version, by_version=state.superseded_by)


def check_approved(state: VersionState) -> str:
    """Return the digest of the approved bytes; refuses `master-unknown` or `master-not-approved`."""
    digest = known(state)
    if not state.approved:
        raise Refusal("master-not-approved", master=state.master, version=state.version)
    return digest


def known(state: VersionState) -> str:
    """Return the digest of a version that was imported; refuses `master-unknown`."""
    if state.digest is None:
        raise Refusal("master-unknown", status=404, master=state.master, version=state.version)
    return state.digest
