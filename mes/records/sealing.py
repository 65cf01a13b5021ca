"""Sealing a record: which streams stand whole in it, which samples, and one entry with its checkpoint, undivided."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert

from mes.batches import events as ev
from mes.equipment import events as eq
from mes.equipment.telemetry import Telemetry
from mes.errors import Fault, Refusal
from mes.ids import Op, Stream, stream
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.entry import Actor, Entry, Ref, Write
from mes.ledger.events import decode_event, time_text
from mes.ledger.heads import next_seq, stored_root, stored_size
from mes.ledger.store import Ledger
from mes.ledger.tables import CHECKPOINT
from mes.masters.events import MasterApproved, MasterImported
from mes.records import tables
from mes.records.bundle.samples import INDEX, sample_files
from mes.records.events import RecordSealed, WholeStream

ATTEMPTS = 8
ABOUT_DEVICE = (eq.EquipmentRegistered, eq.NodeMapApproved, eq.EquipmentQualified)


class _Overtaken(Exception):
    """A stream of the record grew while the record was being sealed."""


class Sealing:
    """Seals records of one ledger."""

    def __init__(self, ledger: Ledger, telemetry: Telemetry) -> None:
        self._ledger, self._telemetry = ledger, telemetry

    def seal(self, batch: str, actor: Actor, op: Op, now: datetime) -> Entry:
        """Append the seal of a batch, with its checkpoint and the samples' files, in one transaction.

        Nobody writes between the streams' ends and the seal, nor between the seal and its checkpoint. Refuses
        `batch-unknown` (404) and `record-telemetry-open`; Fault `record-changes-too-fast`.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._attempt(batch, actor, op, now)
            except _Overtaken:
                continue
        raise Fault("record-changes-too-fast", batch=batch)

    def _attempt(self, batch: str, actor: Actor, op: Op, now: datetime) -> Entry:
        own = self._ledger.stream(stream("batch", batch))
        created = decode_event(own[0].type, own[0].tv, own[0].data) if own else None
        if not isinstance(created, ev.BatchCreated):
            raise Refusal("batch-unknown", status=404, batch=batch)
        if own[0].is_earlier:
            raise Refusal("record-spans-generations", batch=batch)
        ends = {name: self._ledger.next_seq(name) for name in dict.fromkeys(_streams(batch, created.order, own))}
        whole = {name: seq - 1 for name, seq in ends.items() if seq}
        runs = [name for name in whole if name.startswith("run/")]
        self._check_samples(own)
        files = self._samples(runs, whole)
        index = files[INDEX]
        event = RecordSealed(
            batch,
            tuple(WholeStream(name, last) for name, last in whole.items()),
            sha256(index).hexdigest(),
            created.master_digest,
        )
        draft = event.draft(refs=tuple(self._refs(created, runs)))

        def alongside(connection: Connection) -> None:
            if any(next_seq(connection, self._ledger.gen, name) != seq for name, seq in ends.items()):
                raise _Overtaken
            size = stored_size(connection, self._ledger.gen)
            self._sign(connection, size, now)
            tables.keep(connection, self._ledger.site, self._ledger.gen, size - 1, files)

        write = Write(self._ledger.site_stream, (draft,))
        seal = self._ledger.append(op, [write], actor=actor, now=now, alongside=alongside)[-1]
        self._ledger.checkpoint(now, seal.index + 1)  # stands already: it is only kept outside the database too
        return seal

    def _sign(self, connection: Connection, size: int, now: datetime) -> None:
        """Store the checkpoint of the tree that ends with the seal, in the seal's own transaction."""
        root = stored_root(connection, self._ledger.gen, size)
        note = self._ledger.key.signed_note(Checkpoint(self._ledger.origin, size, root).text)
        row = {"gen": self._ledger.gen, "size": size, "at": time_text(now), "note": note}
        connection.execute(insert(CHECKPOINT), row)

    def _check_samples(self, own: list[Entry]) -> None:
        ended = [event for entry in own if isinstance(event := _event(entry), ev.RunEnded)]
        for run in ended:
            waiting = self._telemetry.unsealed(run.run)
            if waiting:
                raise Refusal("record-telemetry-open", run=run.run, samples=waiting)

    def _samples(self, runs: list[Stream], whole: dict[Stream, int]) -> dict[str, bytes]:
        sealed = {
            entry.index
            for run in runs
            for entry in self._ledger.stream(run)
            if entry.type == eq.TelemetrySealed.tag and entry.seq <= whole[run]
        }
        chunks = (chunk for run in runs for chunk in self._telemetry.chunks(run.removeprefix("run/")))
        return sample_files(chunks, sealed)

    def _refs(self, created: ev.BatchCreated, runs: list[Stream]) -> Iterator[Ref]:
        """Yield what the record relies on beyond its own streams: the master's approval, the devices' standing."""
        for entry in self._ledger.stream(stream("master", f"{created.master}.{created.master_version}")):
            event = _event(entry)
            if isinstance(event, MasterImported | MasterApproved) and event.digest == created.master_digest:
                yield entry.reference
        for run in runs:
            entries = self._ledger.stream(run)
            devices = {str(entry.data["device"]) for entry in entries if "device" in entry.data}
            for device in sorted(devices):
                yield from self._standing(device, entries[0].index)

    def _standing(self, device: str, before: int) -> Iterator[Ref]:
        newest: dict[type, Entry] = {}
        for entry in self._ledger.stream(stream("equipment", device)):
            event = _event(entry)
            if isinstance(event, ABOUT_DEVICE) and entry.index < before:
                newest[type(event)] = entry
        yield from (entry.reference for entry in newest.values())


def _streams(batch: str, order: str, own: list[Entry]) -> Iterator[Stream]:
    """Yield the streams that belong to a batch: its own, its order, runs, product containers, certificates."""
    yield stream("batch", batch)
    yield stream("order", order)
    for entry in own:
        match _event(entry):
            case ev.RunBegun() as event:
                yield stream("run", event.run)
            case ev.StepStarted(run=str() as run):
                yield stream("run", run)
            case ev.DonationIdentified() | ev.ContainerFilled() as event:
                yield stream("container", event.container)
            case ev.BatchCertified() as event:
                yield stream("certificate", event.certificate)
            case _:
                pass


def _event(entry: Entry) -> object:
    return decode_event(entry.type, entry.tv, entry.data)
