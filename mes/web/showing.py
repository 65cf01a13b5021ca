"""What every page shows and how times and words are written on it."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g
from markupsafe import Markup

from mes.batches.decide.values import limit_text, value_text
from mes.people.model import Person, Role, Session
from mes.web.api.answers import fresh_op
from mes.web.services import services

MINUTES = 60


def dress_pages(app: Flask) -> None:
    """Give templates the site's banner, the signed-in person, and the filters for times and words."""
    app.context_processor(_everywhere)
    app.template_filter("local")(local)
    app.template_filter("span")(span)
    app.template_filter("words")(words)
    app.template_filter("limit_text")(limit_text)
    app.template_filter("value_text")(value_text)
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}


def _everywhere() -> dict[str, Any]:
    session: Session | None = g.get("session")
    return {
        "me": session.person if session else None, "csrf": session.csrf if session else "", "new_op": fresh_op,
        "site": site_banner(), "help_strip": services().help_strip, "may": may, "label_svg": label_svg,
    }  # fmt: skip


def site_banner() -> dict[str, Any]:
    """Return the site's name and what must be said on every page: a simulated device, a virtual clock."""
    site = services()
    told = site.status()
    factor = told.get("factor")
    simulated = site.simulated_device or any(row["simulated"] for row in site.equipment.devices())
    return {
        "name": site.settings.site, "tz": site.settings.tz, "version": told.get("version", ""),
        "now": site.clock.now(), "simulated_device": simulated, "virtual_clock": site.clock.simulated,
        "factor": f"x{factor:,.0f}" if factor else "held",
    }  # fmt: skip


def may(*roles: str) -> bool:
    """Say whether the signed-in person holds one of the roles; what is offered, not what is allowed."""
    session: Session | None = g.get("session")
    return session is not None and bool(session.person.roles & {Role(role) for role in roles if role})


def local(at: datetime | None, how: str = "%a %d %b %H:%M") -> str:
    """Return a time in the site's zone; with `how` = `full` also its year, seconds and offset."""
    if at is None:
        return "–"
    there = at.astimezone(ZoneInfo(services().settings.tz))
    if how == "full":
        return f"{there:%Y-%m-%d %H:%M:%S} {there:%z}"
    return f"{there:{how}}"


def span(hours: Decimal | float | str | None) -> str:
    """Return hours as people say them: `31 h 20 min`, `12 min`, `-2 h 05 min`."""
    if hours is None:
        return "–"
    minutes = round(float(hours) * MINUTES)
    sign, whole = ("-" if minutes < 0 else ""), abs(minutes)
    if whole < MINUTES:
        return f"{sign}{whole} min"
    return f"{sign}{whole // MINUTES} h {whole % MINUTES:02d} min"


def words(code: str) -> str:
    """Return a code as words: `qc_reviewer` is `QC reviewer`."""
    told = code.replace("_", " ")
    for short in ("qa", "qc", "qp"):
        if told == short or told.startswith(f"{short} "):
            return short.upper() + told[len(short) :]
    return told


def label_svg(batch_id: str, serial: str) -> Markup:
    """Return the Data Matrix of a label, as drawn by this site from its own payload."""
    return Markup(services().custody.label(batch_id, serial).svg)  # noqa: S704  made here from a checked code


def in_role(person: Person, role: str | None) -> bool:
    """Say whether a person holds a role that the master names; True where it names none."""
    return role is None or Role(role) in person.roles
