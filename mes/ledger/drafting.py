"""Turns a caller's drafts into the parts of an entry that do not depend on its place, checked by every rule."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from mes.errors import Refusal
from mes.ids import ID_PATTERN, SITE_PATTERN, Stream
from mes.ledger.canonical import MAX_INTEGER, checked, malformed
from mes.ledger.entry import Actor, Draft, Occurred, Ref, Write
from mes.ledger.events import time_text

TYPE_PATTERN = re.compile(r"[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)+")
STREAM_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OP_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEX_PATTERN = re.compile(r"[0-9a-f]{64}")
MAX_DRAFTS = 100_000
OCCURRED_BY = frozenset({"device", "person", "site"})
_known_types: set[str] = set()


class Part(NamedTuple):
    """The placeless part of one entry, plain and within the rules."""

    stream: Stream
    document: Mapping[str, Any]
    expected_seq: int | None
    """Set on the first draft of a write only."""


def checked_site(site: str) -> str:
    """Return `site` if it may be a site id, or refuse with `site-malformed`."""
    if not SITE_PATTERN.fullmatch(site):
        raise Refusal("site-malformed", status=422, given=site[:80])
    return site


def checked_op(op: str) -> str:
    """Return `op` if it is a UUID in its usual form, or refuse with `op-malformed`."""
    if not OP_PATTERN.fullmatch(op):
        raise Refusal("op-malformed", status=422, given=op[:80])
    return op


@lru_cache(maxsize=1024)
def actor_document(actor: Actor) -> dict[str, Any]:
    """Return an actor as an entry holds it, one dict for all its entries; ValueError where it is left out who acted."""
    if not ID_PATTERN.fullmatch(actor.id):
        raise malformed("actor.id", "id", actor.id)
    if actor.kind == "person":
        who = {"id": actor.id, "name": actor.name, "role": actor.role, "terminal": actor.terminal}
        if not all(who.values()):
            raise ValueError(f"actor {actor.id} lacks name, role or terminal")
        made: dict[str, Any] = checked({"kind": "person", **who}, "actor", 2)
        return made
    if actor.kind not in ("device", "system"):
        raise ValueError(f"actor of kind {actor.kind!r}")
    return {"kind": actor.kind, "id": actor.id}


def parts_of(writes: Sequence[Write]) -> list[Part]:
    """Return the parts of all drafts in order; refuses `entry-malformed`. ValueError if there is none."""
    parts: list[Part] = []
    for write in writes:
        if not write.drafts:
            raise ValueError("an operation without a draft")
        expected = write.expected_seq
        for draft in write.drafts:
            parts.append(_part(write.stream, draft, expected))
            expected = None
    if not parts:
        raise ValueError("an operation without a draft")
    if len(parts) > MAX_DRAFTS:
        raise ValueError(f"{len(parts)} drafts in one operation; at most {MAX_DRAFTS}")
    return parts


def _part(stream: Stream, draft: Draft, expected_seq: int | None) -> Part:
    if not STREAM_PATTERN.fullmatch(stream):
        raise malformed("stream", "stream", stream)
    if draft.type not in _known_types:
        _check_type(draft.type)
    if type(draft.tv) is not int or not 1 <= draft.tv <= MAX_INTEGER:
        raise malformed("tv", "type", str(draft.tv))
    if not isinstance(draft.data, Mapping):
        raise TypeError("data is no mapping")
    document: dict[str, Any] = {"type": draft.type, "tv": draft.tv, "data": checked(draft.data, "data", 2)}
    if draft.occurred is not None:
        document["occurred"] = _occurred(draft.occurred)
    if draft.refs:
        document["refs"] = checked([_ref(ref) for ref in draft.refs], "refs", 2)
    if draft.corrects is not None:
        document["corrects"] = checked({"stream": draft.corrects[0], "seq": draft.corrects[1]}, "corrects", 2)
    if draft.reason is not None:
        document["reason"] = checked(draft.reason, "reason", 2)
    if draft.signature is not None:
        document["signature"] = checked(draft.signature, "signature", 2)
    return Part(stream, document, expected_seq)


def _check_type(kind: str) -> None:
    if len(kind) > 80 or not TYPE_PATTERN.fullmatch(kind):
        raise malformed("type", "type", kind)
    if len(_known_types) < 4096:  # as canonical.py bounds the keys it knows
        _known_types.add(kind)


def _occurred(occurred: Occurred) -> dict[str, Any]:
    if occurred.by not in OCCURRED_BY:
        raise ValueError(f"occurred by {occurred.by!r}")
    return {"at": time_text(occurred.at), "by": occurred.by}


def _ref(ref: Ref) -> dict[str, Any]:
    if not HEX_PATTERN.fullmatch(ref.leaf) or ref.index < 0 or (ref.site is None) != (ref.gen is None):
        raise malformed("refs", "reference", ref.leaf)
    if ref.site is None:
        return {"index": ref.index, "leaf": ref.leaf}
    return {"index": ref.index, "leaf": ref.leaf, "site": checked_site(ref.site), "gen": ref.gen}


def offset_text(at: datetime) -> str:
    """Return the UTC offset of a local time as the record writes it, e.g. `+01:00`."""
    offset = at.utcoffset()
    if offset is None:
        raise ValueError("naive time")
    return _printed(offset)


@lru_cache(maxsize=256)
def _printed(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
