"""The record of a batch as people read it: every entry in order, with who signed what and why."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request

from mes.ids import stream
from mes.ledger.entry import Entry, printed
from mes.web.permission import signed_in
from mes.web.services import services
from mes.web.showing import local
from mes.web.vein import vein

auditor = Blueprint("auditor", __name__)
PAGE_SIZE = 100
MAX_VALUE = 200
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PLACES = ("index", "up_to")
"""Fields that name an entry, one of an earlier generation by a negative index."""
HIDDEN = frozenset({"wristband", "payload"})
"""Fields that help nobody who reads: a digest and a barcode's payload; the bundle has them."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it is read: what, by whom, the fields of the fact, reason and signature."""

    entry: Entry
    what: str
    actor: Mapping[str, Any]
    fields: tuple[tuple[str, str], ...]
    reason: str | None
    signature: Mapping[str, Any] | None
    voided: bool


@auditor.route("/batches/<batch_id>/record")
@signed_in
def record(batch_id: str) -> str:
    """Show the entries of a batch, and its sealed records for download."""
    state, site = services().recorder.load(batch_id), services()
    entries = site.ledger.stream(stream("batch", batch_id))
    last = max(1, -(-len(entries) // PAGE_SIZE))
    page = min(last, max(1, request.args.get("page", 1, int)))
    shown = entries[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return render_template(
        "record.html", state=state, vein=vein(state, site.clock.now()), lines=[line_of(one, state.voided)
        for one in shown], page=page, last=last, count=len(entries), seals=site.records.seals(batch_id),
    )  # fmt: skip


def line_of(entry: Entry, voided: frozenset[int]) -> Line:
    """Return an entry as it is read."""
    document = entry.document
    fields = tuple((name, told) for name, told in _flat(entry.data) if told)
    return Line(
        entry, " ".join(entry.type.split(":")[1:]).replace("_", " "), document["actor"], fields,
        document.get("reason"), document.get("signature"), entry.index in voided,
    )  # fmt: skip


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if name in HIDDEN or value is None:
            continue
        if name == "values":
            yield from (_value(one) for one in value)
        elif name in ("old", "new"):
            yield name, _value(value)[1]
        elif name in PLACES and isinstance(value, int):
            yield name.replace("_", " "), printed(value, services().ledger.gen)
        elif isinstance(value, Mapping | list):
            yield name.replace("_", " "), json.dumps(value, ensure_ascii=False)[:MAX_VALUE]
        else:
            yield name.replace("_", " "), _text(str(value))


def _text(value: str) -> str:
    return local(datetime.fromisoformat(value), "full") if TIME.fullmatch(value) else value[:MAX_VALUE]


def _value(one: Mapping[str, Any]) -> tuple[str, str]:
    judgement = one["judgement"]
    unit = "" if one.get("unit") in (None, "1") else f" {one['unit']}"
    limit = f" (limit {judgement['limit']})" if judgement.get("limit") else ""
    return str(one["parameter"]), f"{one['value']}{unit}{limit}{'' if judgement['within'] else ' OUTSIDE LIMIT'}"
