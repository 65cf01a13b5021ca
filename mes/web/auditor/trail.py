"""Pages of the audit trail: questions to the whole site, and the review of one batch, risk first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request

from mes.batches.model import BatchState
from mes.ledger.entry import Entry, printed
from mes.people.model import Role
from mes.quality.trail.decide import involvement
from mes.quality.trail.model import Finding, Risk, Trail, TrailQuery
from mes.quality.trail.search import READERS
from mes.quality.trail.tables import SORTS
from mes.quality.trail.telling import TrailLine, line_of
from mes.web.auditor.views import Line
from mes.web.auditor.views import line_of as read_line
from mes.web.permission import current_session, role_required
from mes.web.services import services
from mes.web.showing import words as read_words
from mes.web.vein import vein

trail_pages = Blueprint("trail_pages", __name__)
WORDS = ("person", "role", "batch", "stream", "step", "item", "type", "risk", "reason")
TIMES = ("since", "until")
MAX_WORD = 80


@dataclass(frozen=True, slots=True)
class Item:
    """One finding on the reviewer's list: the entry as it is read, and who opened it with which comments."""

    finding: Finding
    line: Line
    told: TrailLine
    opened: bool
    comments: tuple[tuple[Entry, str], ...]


@trail_pages.route("/trail")
@role_required(*READERS)
def site_trail() -> str:
    """Show one page of the site's trail, by who, what, when, why and role."""
    query, known = asked_of(request.args)
    found = services().quality.search.page(query)
    who = [(one.id, f"{one.name} ({one.user_name})") for one in services().people.people()]
    told = [(name, one.isoformat() if isinstance(one, datetime) else one) for name, one in query.conditions()]
    return render_template(
        "trail.html", gen=services().ledger.gen, found=found, query=query, known=known, who=who, conditions=told,
        risks=[(one.value, one.value) for one in Risk], roles=[(one.value, read_words(one.value)) for one in Role],
        turn=lambda page: urlencode({**known, "page": page}),
        sorted_by=lambda name: urlencode({**known, "sort": name, "order": _turned(query, name)}),
    )  # fmt: skip


@trail_pages.route("/batches/<batch_id>/trail")
@role_required(*READERS)
def review(batch_id: str) -> str:
    """Show what the reviewer of a batch's trail has to look at first, and what they opened already."""
    site = services()
    state, person = site.recorder.load(batch_id), current_session().person
    found = site.quality.trail.trail(state)
    wanted = request.args.get("risk", "")
    every = items_of(state, found, person.id)
    items = [one for one in every if wanted in ("", one.finding.risk.value)]
    return render_template(
        "review.html", state=state, vein=vein(state, site.clock.now()), trail=found, wanted=wanted,
        critical=[one for one in items if one.finding.critical],
        others=[one for one in items if not one.finding.critical],
        left=sum(one.finding.critical and not one.opened for one in every),
        own=involvement(found.entries, person.id), unreviewed=site.quality.trail.unreviewed(state),
        rest=sorted(found.rest.items(), key=lambda one: -one[1]), up_to=printed(found.up_to, site.ledger.gen),
        reviewed_to=printed(state.trail_reviewed_to, site.ledger.gen),
    )  # fmt: skip


def items_of(state: BatchState, found: Trail, person: str) -> list[Item]:
    """Return the findings as they stand on the reviewer's list."""
    comments = services().quality.trail.comments(state, found)
    return [
        Item(
            one,
            read_line(one.entry, state.voided),
            line_of(one.entry, risk=one.risk.value, batch=state.batch),
            person in state.trail_examined.get(one.entry.index, frozenset()),
            tuple(comments.get(one.entry.index, ())),
        )
        for one in found.findings
    ]


def asked_of(given: Mapping[str, str]) -> tuple[TrailQuery, dict[str, str]]:
    """Return the question that a page's address asks, and its words; what cannot be read is no condition.

    Times without a zone are the site's.
    """
    known = {name: word for name in (*WORDS, *TIMES) if (word := given.get(name, "").strip()[:MAX_WORD])}
    words: dict[str, Any] = {name: known[name] for name in WORDS if name in known}
    times: dict[str, Any] = {name: at for name in TIMES if (at := _time(known.get(name, ""))) is not None}
    sort = given.get("sort", "index")
    query = TrailQuery(
        **words, **times, sort=sort if sort in SORTS else "index", descending=given.get("order") != "up",
        page=_number(given.get("page", "1")),
    )  # fmt: skip
    return query, {**known, "sort": query.sort, "order": "down" if query.descending else "up"}


def _turned(query: TrailQuery, name: str) -> str:
    return "up" if query.sort == name and query.descending else "down"


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(services().settings.tz))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1
