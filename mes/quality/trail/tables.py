"""The projection `trail`: one line per entry, so that person, item, time, reason and role are found without a scan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    Text,
    and_,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
)

from mes.ids import Stream
from mes.ledger.entry import Entry
from mes.ledger.events import time_text
from mes.ledger.reader import entry_of
from mes.ledger.tables import ENTRY, GENERATION, position_of
from mes.quality.trail.model import TrailQuery
from mes.quality.trail.risk import risk_of

METADATA = MetaData()
TRAIL = Table(
    "trail",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("gen", Integer, primary_key=True),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("name", Text),
    Column("role", Text),
    Column("stream", Text, nullable=False),
    Column("batch", Text),
    Column("step", Text),
    Column("type", Text, nullable=False),
    Column("reason", Text),
    Column("risk", Text),
)
for _name in ("at", "actor", "stream", "type"):
    Index(f"trail_{_name}", TRAIL.c.site, TRAIL.c[_name], TRAIL.c.gen, TRAIL.c.index)
for _name in ("role", "batch", "step", "risk"):
    _there = TRAIL.c[_name].is_not(None)
    Index(f"trail_{_name}", TRAIL.c.site, TRAIL.c[_name], TRAIL.c.gen, TRAIL.c.index,
          sqlite_where=_there, postgresql_where=_there)  # fmt: skip
Index("trail_reason", TRAIL.c.site, TRAIL.c.gen, TRAIL.c.index,
      sqlite_where=TRAIL.c.reason.is_not(None), postgresql_where=TRAIL.c.reason.is_not(None))  # fmt: skip

TRAIL_ITEM = Table(
    "trail_item",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("item", Text, primary_key=True),
    Column("gen", Integer, primary_key=True),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
)
"""Which parameters, specification items and scans an entry is about."""

_LINE, _ITEM = insert(TRAIL), insert(TRAIL_ITEM)
EXACT = ("role", "stream", "step", "risk")
SORTS: Mapping[str, Column[Any]] = {
    "index": TRAIL.c.index, "at": TRAIL.c.at, "person": TRAIL.c.name, "role": TRAIL.c.role, "stream": TRAIL.c.stream,
    "type": TRAIL.c.type, "reason": TRAIL.c.reason, "risk": TRAIL.c.risk,
}  # fmt: skip
CHUNK = 500
WIDE = literal(GENERATION, BigInteger)


@dataclass(frozen=True, slots=True)
class Found:
    """One line that a question found: the whole entry, and the class of risk that it carries by itself."""

    entry: Entry
    risk: str | None
    batch: str | None


def project(connection: Connection, entry: Entry) -> None:
    """Write the line of one entry, and which items it is about."""
    document, data = entry.document, entry.data
    key = {"site": document["site"], "gen": document["gen"], "index": entry.index}
    actor, judged = document["actor"], risk_of(entry)
    connection.execute(
        _LINE,
        {
            **key, "at": time_text(entry.at), "actor": actor["id"], "name": actor.get("name"),
            "role": actor.get("role"), "stream": entry.stream, "batch": batch_of(entry),
            "step": _text(data.get("step")), "type": entry.type, "reason": document.get("reason"),
            "risk": judged[0].value if judged else None,
        },
    )  # fmt: skip
    items = [{**key, "item": item} for item in items_of(data)]
    if items:
        connection.execute(_ITEM, items)


PROJECTION = (METADATA, project)


def batch_of(entry: Entry) -> str | None:
    """Return the batch that an entry names, by its stream or in its data."""
    kind, _, ident = entry.stream.partition("/")
    return ident if kind == "batch" else _text(entry.data.get("batch"))


def items_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters, specification items and scans that an entry is about, in order."""
    named = [data.get("item"), data.get("scan"), data.get("tag_name")]
    values = data.get("values")
    named += [one.get("parameter") for one in values if isinstance(one, Mapping)] if isinstance(values, list) else []
    named += [data[one].get("parameter") for one in ("old", "new") if isinstance(data.get(one), Mapping)]
    return tuple(dict.fromkeys(one[:64] for one in named if isinstance(one, str)))


def count(connection: Connection, site: str, query: TrailQuery, before: int | None, also: Sequence[Stream]) -> int:
    """Return how many entries a question finds; see `found` for `before` and `also`."""
    where = conditions(site, query, before, also)
    return int(connection.execute(select(func.count()).select_from(_lines(query)).where(where)).scalar_one())


def found(
    connection: Connection, site: str, query: TrailQuery, before: int | None, also: Sequence[Stream], *,
    paged: bool = True,
) -> Iterator[Found]:  # fmt: skip
    """Yield what a question finds, sorted, one page of it or all.

    `before`: only entries with a smaller index; `also`: further streams that belong to the batch asked for.
    """
    statement = statement_of(site, query, before, also)
    if paged:
        statement = statement.limit(query.size).offset((query.page - 1) * query.size)
    for row in connection.execute(statement.execution_options(yield_per=CHUNK)):
        yield Found(entry_of(bytes(row.body), bytes(row.leaf)), row.risk, row.batch)


def statement_of(
    site: str, query: TrailQuery, before: int | None, also: Sequence[Stream]
) -> Select[tuple[bytes, bytes, str, str]]:
    """Return the query for whole entries, in the asked order; equal ones stand in ledger order."""
    column = SORTS.get(query.sort, TRAIL.c.index)
    places = [TRAIL.c.gen.desc(), TRAIL.c.index.desc()] if query.descending else [TRAIL.c.gen, TRAIL.c.index]
    first = column.desc() if query.descending else column.asc()
    by = places if column is TRAIL.c.index else [first.nulls_last() if column.nullable else first, *places]
    joined = _lines(query).join(ENTRY, ENTRY.c.position == cast(TRAIL.c.gen, BigInteger) * WIDE + TRAIL.c.index)
    picked = select(ENTRY.c.body, ENTRY.c.leaf, TRAIL.c.risk, TRAIL.c.batch).select_from(joined)
    return picked.where(conditions(site, query, before, also)).order_by(*by)


def conditions(site: str, query: TrailQuery, before: int | None, also: Sequence[Stream]) -> ColumnElement[bool]:
    """Return the conditions of a question as SQL."""
    met: list[ColumnElement[bool]] = [TRAIL.c.site == site]
    met += [TRAIL.c[name] == value for name in EXACT if (value := getattr(query, name)) is not None]
    if before is not None:
        met.append(TRAIL.c.index < before)
    if query.person is not None:
        met.append(TRAIL.c.actor == query.person)
    if query.batch is not None:
        mine = TRAIL.c.batch == query.batch
        met.append(or_(mine, TRAIL.c.stream.in_(also)) if also else mine)
    if query.type is not None:
        kind = TRAIL.c.type
        met.append(kind.startswith(query.type, autoescape=True) if query.type.endswith(":") else kind == query.type)
    if query.item is not None:
        met += [TRAIL_ITEM.c.site == site, TRAIL_ITEM.c.item == query.item]
    if query.reason is not None:
        met.append(TRAIL.c.reason.is_not(None))
        lower = func.lower(TRAIL.c.reason).contains(query.reason.lower(), autoescape=True)
        met.append(or_(TRAIL.c.reason.contains(query.reason, autoescape=True), lower))
    if query.since is not None:
        met.append(TRAIL.c.at >= time_text(query.since))
    if query.until is not None:
        met.append(TRAIL.c.at <= time_text(query.until))
    return and_(*met)


def _lines(query: TrailQuery) -> FromClause:
    if query.item is None:
        return TRAIL
    mine = and_(TRAIL_ITEM.c.site == TRAIL.c.site, TRAIL_ITEM.c.gen == TRAIL.c.gen,
                TRAIL_ITEM.c.index == TRAIL.c.index)  # fmt: skip
    return TRAIL.join(TRAIL_ITEM, mine)


def entries_between(
    connection: Connection, gen: int, streams: Sequence[Stream], first: int, last: int, kind: str | None = None
) -> list[Entry]:
    """Return the entries of some streams with an index from `first` to `last`, perhaps of one type, in order.

    A negative index is one of an earlier generation, and so are those of its entries here.

    Read from the ledger itself: a review looks at what is, not at a projection of it.
    """
    low, high = position_of(gen, first), position_of(gen, last)
    gens = range(gen + first // GENERATION, gen + 1)
    where: list[ColumnElement[bool]] = [
        ENTRY.c.gen.in_(gens),
        ENTRY.c.stream.in_(streams),
        ENTRY.c.position.between(low, high),
    ]
    where += [ENTRY.c.type == kind] if kind else []
    rows = connection.execute(select(ENTRY.c.body, ENTRY.c.leaf).where(*where).order_by(ENTRY.c.position))
    found = [entry_of(bytes(row.body), bytes(row.leaf)) for row in rows]
    return [replace(one, index=one.index - (gen - one.document["gen"]) * GENERATION) for one in found]


def _text(value: object) -> str | None:
    return value[:64] if isinstance(value, str) else None
