"""From a seal to its bundle: what was frozen with it is taken as it lies there, the rest is made and frozen once."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import mes
from mes.batches import events as ev
from mes.errors import IntegrityBreach, Refusal
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event
from mes.ledger.notes import Verifier
from mes.ledger.store import Ledger
from mes.masters.reader import read_approved
from mes.masters.specification import Specification
from mes.records import tables
from mes.records.assemble import assemble, tell
from mes.records.bundle import earlier, files
from mes.records.bundle.bag import zipped
from mes.records.bundle.keys import keys_file
from mes.records.bundle.readme import readme
from mes.records.bundle.schemas import schema_files
from mes.records.curves import curves
from mes.records.gather import gather
from mes.records.model import Document
from mes.records.pages import html_of
from mes.records.record import Record
from mes.records.render import Terms, rendered

SHORTEST_SECRET = 4
"""Vault values shorter than this are not looked for: they would be found everywhere."""


@dataclass(frozen=True)
class Surroundings:
    """What a bundle needs beside the ledger; see RecordService."""

    specification: Callable[[str], Specification | None]
    forbidden: Callable[[str], Sequence[bytes]]
    clock_factor: Callable[[], str | None]
    rp_id: str
    origins: tuple[str, ...]


class Building:
    """Builds bundles of one ledger."""

    def __init__(self, ledger: Ledger, around: Surroundings) -> None:
        self._ledger, self._around = ledger, around

    def bundle(self, seal: Entry, progress: Callable[[str], None] = lambda _: None) -> bytes:
        """Return the zip of a seal, always the same bytes; `progress` hears "rendering" and "packing".

        Refuses `record-content-removed`, `record-holds-patient-data`, `record-too-long`, `record-too-large`.
        """
        record = gather(self._ledger, seal)
        given = files.ledger_files(self._ledger, record)
        frozen = self._frozen(seal)
        if files.PDF not in frozen:
            progress("rendering")
            self._freeze(seal, self._made(record, given, frozen))
            frozen = self._frozen(seal)
        progress("packing")
        self._check_privacy(record, {**given, **frozen})
        info = {"External-Identifier": record.batch, "Source-Organization": str(seal.document["site"])}
        return zipped(files.bundle(record, given, frozen, info), f"{record.batch}.ebr")

    def _frozen(self, seal: Entry) -> dict[str, bytes]:
        with self._ledger.read() as connection:
            return tables.frozen(connection, self._ledger.site, self._ledger.gen, seal.index)

    def _freeze(self, seal: Entry, made: Mapping[str, bytes]) -> None:
        self._ledger.beside(
            lambda connection: tables.keep(connection, self._ledger.site, self._ledger.gen, seal.index, made)
        )

    def _made(self, record: Record, given: Mapping[str, bytes], frozen: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what depends on this release, on fonts or on settings: everything that must be frozen."""
        note = self._ledger.checkpoint_at(record.seal.index + 1)
        if note is None:
            raise IntegrityBreach("a seal without its checkpoint", index=record.seal.index)
        document = self._document(record, given, frozen)
        page = html_of(document)
        self._check_privacy(record, {**given, **frozen, files.PDF: page.encode()})
        rp_id, origins = self._around.rp_id, self._around.origins
        before = [entry for entry in record.entries if entry.is_earlier]
        keys = keys_file(record.own, self._ledger.origin, rp_id, origins, before=before)
        terms = Terms(int(document.made_at.timestamp()), document.identifier)
        software = f"septima-mes {mes.__version__}"
        key = Verifier(self._ledger.origin, self._ledger.key.public)
        return {
            files.PDF: rendered(page, record.jsonl, terms),
            files.README: readme(record, key, keys, software, document.marks),
            files.KEYS: keys,
            files.CHECKPOINT: note.encode(),
            files.VERIFIER: files.verifier(),
            files.CONTENTS: "\n".join(record.contents).encode(),
            **schema_files(record.entries),
            **earlier.frozen(self._ledger, record, rp_id, origins),
        }

    def _document(self, record: Record, given: Mapping[str, bytes], frozen: Mapping[str, bytes]) -> Document:
        master = read_approved(given["data/master.yaml"])
        tags = {one.tag for step in master.steps for one in step.monitored if not one.expected}
        story = tell(
            record, master, specification=self._around.specification(master.specification),
            curves=curves(frozen, tags), clock_factor=self._around.clock_factor(),
        )  # fmt: skip
        return assemble(story)

    def _check_privacy(self, record: Record, found: Mapping[str, bytes]) -> None:
        """Refuse `record-holds-patient-data` where a value of the vault stands in any file. Rule: REG-PRV-01."""
        created = next(
            event for entry in record.entries
            if isinstance(event := decode_event(entry.type, entry.tv, entry.data), ev.BatchCreated)
        )  # fmt: skip
        secrets = [value.lower() for value in self._around.forbidden(created.patient) if len(value) >= SHORTEST_SECRET]
        if not secrets:
            return
        for name, body in found.items():
            text = (gzip.decompress(body) if name.endswith(".gz") else body).lower()
            if any(secret in text for secret in secrets):
                raise Refusal("record-holds-patient-data", file=name)
