"""What earlier generations of a ledger contributed to a record: `data/ledgers/<site>.<gen>/`, and what vouches for it.

An entry is proven by the last checkpoint of its generation that stands here. What was recorded after that one, and
was not lost, is named by the seal itself, index and leaf (ADR 0017).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, select

from mes.errors import IntegrityBreach
from mes.ledger.checkpoints import Checkpoint, origin_of, parse_checkpoint
from mes.ledger.entry import Entry, Ref
from mes.ledger.founding import first_entry
from mes.ledger.heads import stored_root, stored_size
from mes.ledger.notes import parse_note
from mes.ledger.reader import LedgerReader
from mes.ledger.tables import CHECKPOINT
from mes.records.bundle.keys import NAMES_KEY, keys_file
from mes.records.bundle.lines import inclusion_lines
from mes.records.record import Record, jsonl_of


class Standing(NamedTuple):
    """The checkpoint by which an earlier generation is proven here."""

    size: int
    note: str


def generations(connection: Connection, gen: int) -> list[int]:
    """Return the earlier generations of which something is here."""
    return [one for one in range(1, gen) if stored_size(connection, one)]


def standing(connection: Connection, gen: int) -> Standing | None:
    """Return the newest stored checkpoint of a closed generation that fits what is here; None if there is none.

    It covers no more than the next generation says it continues, and no lost entries.
    """
    told = first_entry(connection, gen + 1).data
    most = min(int(told["size"]), stored_size(connection, gen))
    rows = select(CHECKPOINT.c.size, CHECKPOINT.c.note).where(CHECKPOINT.c.gen == gen, CHECKPOINT.c.size <= most)
    for row in connection.execute(rows.order_by(CHECKPOINT.c.size.desc())):
        root = parse_checkpoint(parse_note(row.note).text).root
        fits = row.size < told["size"] or root.hex() == told["root"]
        if fits and stored_root(connection, gen, row.size) == root:
            return Standing(row.size, row.note)
    return None


def unsigned(connection: Connection, site: str, gen: int) -> Checkpoint:
    """Return what can be signed of a closed generation without any checkpoint here, as a site that never made one.

    IntegrityBreach where what is here is not what the next generation continues.
    """
    told = first_entry(connection, gen + 1).data
    size = min(int(told["size"]), stored_size(connection, gen))
    root = stored_root(connection, gen, size)
    if size == told["size"] and root.hex() != told["root"]:
        raise IntegrityBreach("an earlier generation is not the one that was continued", gen=gen, size=size)
    return Checkpoint(origin_of(site, gen), size, root)


def to_vouch(connection: Connection, gen: int, entries: Iterable[Entry]) -> tuple[Ref, ...]:
    """Return references to the entries of earlier generations that no checkpoint here proves."""
    sizes = {one: found.size for one in generations(connection, gen) if (found := standing(connection, one))}
    return tuple(
        entry.reference
        for entry in entries
        if entry.is_earlier and entry.document["index"] >= sizes[int(entry.document["gen"])]
    )


def ends(entries: Iterable[Entry]) -> tuple[Ref, ...]:
    """Return references to the last entry of a stream in each earlier generation: so far it is whole in the record."""
    last = {int(entry.document["gen"]): entry for entry in entries if entry.is_earlier}
    return tuple(entry.reference for entry in last.values())


def folder(record: Record, gen: int) -> str:
    """Return where a generation's part lies, with a slash at its end."""
    return f"data/ledgers/{record.seal.document['site']}.{gen}/"


def given(ledger: LedgerReader, record: Record) -> dict[str, bytes]:
    """Return lines and proofs of the earlier generations, the same at every export."""
    files = {}
    for gen, entries in record.earlier.items():
        with ledger.read() as connection:
            size = _proving(connection, gen).size
        files[folder(record, gen) + "record.jsonl"] = jsonl_of(entries)
        files[folder(record, gen) + "inclusion.jsonl"] = inclusion_lines(ledger.of_generation(gen), entries, size)
    return files


def frozen(ledger: LedgerReader, record: Record, rp_id: str, origins: tuple[str, ...]) -> dict[str, bytes]:
    """Return checkpoints and keys of the earlier generations, to be frozen with the seal."""
    return dict(_frozen(ledger, record, rp_id, origins))


def _frozen(
    ledger: LedgerReader, record: Record, rp_id: str, origins: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:  # fmt: skip
    site = str(record.seal.document["site"])
    before: list[Entry] = []
    for gen, entries in record.earlier.items():
        with ledger.read() as connection:
            proving = _proving(connection, gen)
        before += entries
        # a key that was named behind the checkpoint did not sign it
        known = [one for one in entries if one.type not in NAMES_KEY or one.document["index"] < proving.size]
        yield folder(record, gen) + "checkpoint.txt", proving.note.encode()
        yield folder(record, gen) + "keys.json", keys_file(known, origin_of(site, gen), rp_id, origins, before=before)


def _proving(connection: Connection, gen: int) -> Standing:
    found = standing(connection, gen)
    if found is None:
        raise IntegrityBreach("no checkpoint of an earlier generation stands", gen=gen)
    return found
