"""One line of the trail as people and spreadsheets read it: who in which role, what, old and new, when, why.

The screen and both exports are made of the same lines. Rule: REG-A11D-12-2, REG-A11D-12-4.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from mes.ledger.entry import Entry

MAX_TOLD = 2_000
HIDDEN = frozenset({"wristband", "payload"})
"""Fields that help nobody who reads: a digest and a barcode's payload; the bundle has them."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula, the full-width signs included. Rule: SEC-22."""
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class TrailLine:
    """One entry in words, at the places that its own generation gave it.

    `at` is UTC; `local` is the time at the site with its offset, in the zone `zone`.
    """

    gen: int
    index: int
    at: str
    local: str
    zone: str
    person: str
    name: str
    role: str
    terminal: str
    stream: str
    seq: int
    batch: str
    step: str
    type: str
    old: str
    new: str
    details: str
    reason: str
    risk: str
    signature: str


def line_of(entry: Entry, *, risk: str | None, batch: str | None, earlier: Entry | None = None) -> TrailLine:
    """Return an entry as a line; `earlier` is the one that it replaces, where that stands elsewhere."""
    document, data = entry.document, entry.data
    actor, signature = document["actor"], document.get("signature")
    old, new = data.get("old"), data.get("new")
    was = _value(old) if isinstance(old, Mapping) else _value(earlier.data) if earlier is not None else ""
    became = _value(new) if isinstance(new, Mapping) else _value(data) if earlier is not None else ""
    return TrailLine(
        gen=document["gen"], index=document["index"], at=document["at"],
        local=local_text(document), zone=document["tz"], person=actor["id"],
        name=actor.get("name", actor["kind"]), role=actor.get("role", ""), terminal=actor.get("terminal", ""),
        stream=entry.stream, seq=document["seq"], batch=batch or "", step=str(data.get("step", "")), type=entry.type,
        old=was, new=became, details="; ".join(_details(data))[:MAX_TOLD], reason=document.get("reason", ""),
        risk=risk or "", signature=f"{signature['meaning']}: {signature['text']}" if signature else "",
    )  # fmt: skip


def local_text(document: Mapping[str, Any]) -> str:
    """Return the time of recording at the site, by the offset that the entry holds: `2026-11-22 11:00:00 +01:00`."""
    offset = str(document["utc_offset"])
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    shift = timedelta(hours=hours, minutes=minutes) * (-1 if offset.startswith("-") else 1)
    return f"{datetime.fromisoformat(document['at']) + shift:%Y-%m-%d %H:%M:%S} {offset}"


def as_csv(lines: Iterable[TrailLine]) -> bytes:
    """Return lines as CSV (RFC 4180, UTF-8 with mark, so that spreadsheets read it); no cell is taken for a formula."""
    names = [one.name for one in fields(TrailLine)]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(names)
    for line in lines:
        writer.writerow([guarded(str(getattr(line, name))) for name in names])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_json(lines: Iterable[TrailLine]) -> bytes:
    """Return lines as one JSON list of objects, one per row of text."""
    rows = ",\n".join(json.dumps(asdict(line), ensure_ascii=False) for line in lines)
    return f"[\n{rows}\n]\n".encode()


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; a number stays a number. Rule: SEC-22."""
    return f"'{cell}" if cell.startswith(FORMULA) and not NUMBER.fullmatch(cell) else cell


def _details(data: Mapping[str, Any]) -> Iterator[str]:
    for name, value in data.items():
        if name in HIDDEN or name in ("old", "new") or value is None:
            continue
        if name == "values":
            yield from (f"{one['parameter']}: {_value(one)}" for one in value)
        elif isinstance(value, Mapping) and "content" in value:
            yield f"{name}: content {value['content'][:12]}"
        elif isinstance(value, Mapping | list):
            yield f"{name.replace('_', ' ')}: {json.dumps(value, ensure_ascii=False)}"
        else:
            yield f"{name.replace('_', ' ')}: {value}"


def _value(one: Mapping[str, Any]) -> str:
    judgement = one.get("judgement", {})
    unit = "" if one.get("unit") in (None, "1") else f" {one['unit']}"
    limit = judgement.get("limit") or one.get("limit")
    passed = judgement.get("within", one.get("passed", True))
    told = f"{one.get('value', '')}{unit}{f' (limit {limit})' if limit else ''}"
    return told if passed else f"{told} OUTSIDE LIMIT"
