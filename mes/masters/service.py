"""Reading in and approving masters: the only place of this room that commits."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from sqlalchemy import Connection, RowMapping

from mes.clock import Clock
from mes.errors import IntegrityBreach
from mes.ids import MasterId, Op, Stream, stream
from mes.ledger.entry import Entry, Write
from mes.ledger.events import decode_event
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from mes.masters import decide
from mes.masters.critical_path import plan
from mes.masters.events import MasterApproved, MasterImported
from mes.masters.findings import Finding
from mes.masters.fold import VersionState, fold
from mes.masters.lint import lint
from mes.masters.model import Master
from mes.masters.reader import read_approved, read_master
from mes.masters.staffing import staffing
from mes.masters.tables import file_of, keep_file, register
from mes.people.decide import actor_for
from mes.people.model import Role, Session
from mes.signatures.meanings import Meaning
from mes.signatures.model import Credentials, ShownDocument, ShownItem, shown_document
from mes.signatures.service import SigningService


def stream_of(master_id: str, version: int) -> Stream:
    """Return the stream of one version of a master."""
    return stream("master", f"{master_id}.{version}")


class MasterService:
    """The masters of one site."""

    def __init__(self, ledger: Ledger, clock: Clock, signing: SigningService) -> None:
        self._ledger, self._clock, self._signing = ledger, clock, signing
        self._frozen: dict[tuple[str, int], Master] = {}

    def import_master(self, session: Session, file: bytes, op: Op) -> tuple[Master, tuple[Finding, ...]]:
        """Take a master file in as draft and return it with what still keeps it from approval.

        Refuses `role-missing`, `master-file-wrong` (422, every finding in `problems`), `master-approved-already`.
        """
        actor = actor_for(session, Role.MASTER_AUTHOR)
        master = read_master(file)
        where = stream_of(master.id, master.version)
        if not repeated(self._ledger, op, where, session.person.id, MasterImported, file=sha256(file).hexdigest()):
            state = self.state(master.id, master.version)
            event = decide.import_master(state, master, sha256(file).hexdigest(), session.person.id)

            def keep(connection: Connection) -> None:
                keep_file(connection, file)
                keep_file(connection, master.body)

            write = Write(stream_of(master.id, master.version), (event.draft(),), expected_seq=state.next_seq)
            self._ledger.append(op, [write], actor=actor, now=self._clock.now(), alongside=keep)
        return master, lint(master)

    def approve(
        self, session: Session, credentials: Credentials | None, master_id: str, version: int, op: Op
    ) -> Master:
        """Approve a draft for use, with QA's two-factor signature; older approved versions are superseded with it.

        Refuses `role-missing`, `master-unknown`, `master-approved-already`, `master-own`, `master-not-clean` and
        what signing refuses.
        """
        if repeated(self._ledger, op, stream_of(master_id, version), session.person.id, MasterApproved):
            return self.approved(master_id, version)
        actor = actor_for(session, Role.QA)
        state, entries = self._load(master_id, version)
        master = self._file(decide.known(state), stream_of(master_id, version))
        event = decide.approve(state, lint(master), session.person.id)
        now, last = self._clock.now(), entries[-1]
        draft, shown = event.draft(), approval_shown(master, last)
        signature = self._signing.sign(
            session, credentials, meaning=Meaning.MASTER_APPROVED, stream=last.stream, type=draft.type,
            data=draft.data, reason=None, after=[(last.stream, last.seq)], shown=shown, now=now,
        )  # fmt: skip
        writes = [Write(last.stream, (event.draft(signature=signature.document),), expected_seq=state.next_seq)]
        others = [self.state(row["master"], row["version"]) for row in self.masters() if row["master"] == master_id]
        for one in decide.supersede(others, event):
            writes.append(Write(stream_of(one.master, one.version), (one.draft(),)))
        self._ledger.append(op, writes, actor=actor, now=now, shown=[signature.shown])
        return self.approved(master_id, version)

    def approved(self, master_id: str, version: int) -> Master:
        """Return an approved master, also a superseded one; the same frozen object each time.

        Refuses `master-unknown` (404) and `master-not-approved`.
        """
        known = self._frozen.get((master_id, version))
        if known is None:
            digest = decide.check_approved(self.state(master_id, version))
            known = self._file(digest, stream_of(master_id, version))
            self._frozen[master_id, version] = known
        return known

    get = approved

    def startable(self, master_id: str, version: int) -> Master:
        """Return the master for a batch that would start now; refuses as `approved`, and `master-superseded`."""
        decide.check_startable(self.state(master_id, version))
        return self.approved(master_id, version)

    def state(self, master_id: str, version: int) -> VersionState:
        """Return what this version is by now; an empty state if nobody imported it."""
        return self._load(master_id, version)[0]

    def masters(self) -> Sequence[RowMapping]:
        """Return the register: one row per version, by id, the newest version first."""
        with self._ledger.read() as connection:
            return register(connection, self._ledger.site)

    def draft(self, master_id: str, version: int) -> tuple[Master, tuple[Finding, ...]]:
        """Return an imported version, approved or not, with its findings; refuses `master-unknown`."""
        digest = decide.known(self.state(master_id, version))
        master = self._file(digest, stream_of(master_id, version))
        return master, lint(master)

    def _load(self, master_id: str, version: int) -> tuple[VersionState, list[Entry]]:
        entries = self._ledger.stream(stream_of(master_id, version))
        start = VersionState(MasterId(master_id), version)
        folded = fold(start, (decode_event(one.type, one.tv, one.data) for one in entries))
        return replace(folded, next_seq=entries[-1].seq + 1 if entries else 0), entries

    def _file(self, digest: str, name: Stream) -> Master:
        """Return the master that the ledger names by `digest`; the stored bytes must still be those bytes."""
        with self._ledger.read() as connection:
            body = file_of(connection, digest)
        if body is None or sha256(body).hexdigest() != digest:
            raise IntegrityBreach("the stored master file is not the one the ledger names", stream=name, digest=digest)
        return read_approved(body)


def approval_shown(master: Master, imported: Entry) -> ShownDocument:
    """Return what QA sees before approving: which bytes, what the checks gave, how long, how many people."""
    planned = plan(master)
    items = [
        ShownItem("Master", f"{master.id} version {master.version}", imported),
        ShownItem("Title", master.title),
        ShownItem("Product", master.product),
        ShownItem("Kind of batch", master.kind.value),
        ShownItem("SHA-256 of the master", master.digest),
        ShownItem("Specification", master.specification),
        ShownItem("Steps", str(len(master.steps))),
        ShownItem("Planned vein to vein", f"{planned.vein_to_vein_h} h, target {master.target_vein_to_vein_h} h"),
        ShownItem("Deciding path", " > ".join(planned.critical)),
        ShownItem("Least number of different people", str(staffing(master).least)),
        ShownItem("Findings of the checks", "none"),
    ]
    return shown_document(items)
