"""Sealing a record: which streams stand whole in it, which samples, and one entry with its checkpoint, undivided.

Of a batch that spans generations of the ledger the seal names the streams of the present one, as the format says, and
refers to the end of each stream in the earlier ones, and to what no checkpoint of theirs proves (ADR 0017).
"""

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
from mes.ledger.founding import first_entry
from mes.ledger.heads import next_seq, stored_root, stored_size
from mes.ledger.store import Ledger
from mes.ledger.tables import CHECKPOINT
from mes.masters.events import MasterApproved, MasterImported
from mes.records import tables
from mes.records.bundle import earlier
from mes.records.bundle.samples import INDEX, sample_files
from mes.records.events import RecordSealed, WholeStream
from mes.records.gather import closure

ATTEMPTS = 8
ABOUT_DEVICE = (eq.EquipmentRegistered, eq.NodeMapApproved, eq.EquipmentQualified)


class _Overtaken(Exception):
    """A stream of the record grew while the record was being sealed, or the seal has to vouch for more."""

    def __init__(self, more: tuple[Ref, ...] = ()) -> None:
        super().__init__()
        self.more = more


class Sealing:
    """Seals records of one ledger."""

    def __init__(self, ledger: Ledger, telemetry: Telemetry) -> None:
        self._ledger, self._telemetry = ledger, telemetry

    def seal(self, batch: str, actor: Actor, op: Op, now: datetime) -> Entry:
        """Append the seal of a batch, with its checkpoint and the samples' files, in one transaction.

        Nobody writes between the streams' ends and the seal, nor between the seal and its checkpoint. Refuses
        `batch-unknown` (404) and `record-telemetry-open`; Fault `record-changes-too-fast`.
        """
        vouched: tuple[Ref, ...] = ()
        for _ in range(ATTEMPTS):
            try:
                return self._attempt(batch, actor, op, now, vouched)
            except _Overtaken as overtaken:
                vouched = tuple(dict.fromkeys((*vouched, *overtaken.more)))
        raise Fault("record-changes-too-fast", batch=batch)

    def _attempt(self, batch: str, actor: Actor, op: Op, now: datetime, vouched: tuple[Ref, ...]) -> Entry:
        own = self._ledger.stream(stream("batch", batch))
        created = decode_event(own[0].type, own[0].tv, own[0].data) if own else None
        if not isinstance(created, ev.BatchCreated):
            raise Refusal("batch-unknown", status=404, batch=batch)
        ends = {name: self._ledger.next_seq(name) for name in dict.fromkeys(_streams(batch, created.order, own))}
        whole = {name: seq - 1 for name, seq in ends.items() if seq}
        told = {name: self._told(name, seq) for name, seq in ends.items()}
        runs = [name for name in told if name.startswith("run/") and told[name]]
        self._check_samples(own)
        files = self._samples(runs, told)
        index = files[INDEX]
        event = RecordSealed(
            batch,
            tuple(WholeStream(name, last) for name, last in whole.items()),
            sha256(index).hexdigest(),
            created.master_digest,
        )
        refs = (*self._refs(created, runs), *(ref for entries in told.values() for ref in earlier.ends(entries)))
        draft = event.draft(refs=tuple(dict.fromkeys((*refs, *self._beginnings(), *vouched))))

        def alongside(connection: Connection) -> None:
            if any(next_seq(connection, self._ledger.gen, name) != seq for name, seq in ends.items()):
                raise _Overtaken
            size = stored_size(connection, self._ledger.gen)
            self._sign(connection, self._ledger.gen, self._checkpoint(connection, size), now)
            self._vouch(connection, size - 1, now)
            tables.keep(connection, self._ledger.site, self._ledger.gen, size - 1, files)

        write = Write(self._ledger.site_stream, (draft,))
        seal = self._ledger.append(op, [write], actor=actor, now=now, alongside=alongside)[-1]
        self._ledger.checkpoint(now, seal.index + 1)  # stands already: it is only kept outside the database too
        return seal

    def _told(self, name: Stream, end: int) -> list[Entry]:
        """Return the entries of a stream up to the end that the seal names, those of earlier generations as well."""
        return [entry for entry in self._ledger.stream(name) if entry.seq < end]

    def _beginnings(self) -> Iterator[Ref]:
        """Yield what says whose the earlier generations are: their first entries."""
        with self._ledger.read() as connection:
            for gen in earlier.generations(connection, self._ledger.gen):
                first = first_entry(connection, gen)
                yield Ref(first.index, first.leaf.hex(), self._ledger.site, gen)

    def _checkpoint(self, connection: Connection, size: int) -> Checkpoint:
        return Checkpoint(self._ledger.origin, size, stored_root(connection, self._ledger.gen, size))

    def _sign(self, connection: Connection, gen: int, checkpoint: Checkpoint, now: datetime) -> None:
        """Store a checkpoint, that of the tree which ends with the seal, in the seal's own transaction."""
        note = self._ledger.key.named(checkpoint.origin).signed_note(checkpoint.text)
        row = {"gen": gen, "size": checkpoint.size, "at": time_text(now), "note": note}
        connection.execute(insert(CHECKPOINT), row)

    def _vouch(self, connection: Connection, seal: int, now: datetime) -> None:
        """See to it that everything of earlier generations is proven: by a checkpoint of theirs, or by the seal."""
        before = earlier.generations(connection, self._ledger.gen)
        for gen in before:
            if earlier.standing(connection, gen) is None:
                self._sign(connection, gen, earlier.unsigned(connection, self._ledger.site, gen), now)
        if not before:
            return
        (sealed,) = tables.at_indexes(connection, self._ledger.gen, [seal])
        entries = closure(self._ledger, connection, sealed)
        named = {(ref.get("gen"), ref["index"]) for ref in sealed.document["refs"]}
        wanted = earlier.to_vouch(connection, self._ledger.gen, entries)
        more = tuple(ref for ref in wanted if (ref.gen, ref.index) not in named)
        if more:
            raise _Overtaken(more)

    def _check_samples(self, own: list[Entry]) -> None:
        ended = [event for entry in own if isinstance(event := _event(entry), ev.RunEnded)]
        for run in ended:
            waiting = self._telemetry.unsealed(run.run)
            if waiting:
                raise Refusal("record-telemetry-open", run=run.run, samples=waiting)

    def _samples(self, runs: list[Stream], told: dict[Stream, list[Entry]]) -> dict[str, bytes]:
        sealed = {entry.order for run in runs for entry in told[run] if entry.type == eq.TelemetrySealed.tag}
        chunks = (chunk for run in runs for chunk in self._telemetry.chunks(run.removeprefix("run/")))
        return sample_files(chunks, sealed, self._ledger.gen)

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
