"""What every page shows and how times and words are written on it."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g

from mes.batches.decide.values import limit_text, value_text
from mes.masters.model import Parameter
from mes.people.model import Role, Session
from mes.web.admin.duties import duties
from mes.web.api.answers import fresh_op
from mes.web.errors import sentence
from mes.web.services import services

MINUTES = 60
UNIT_WORDS = (
    ("10*6", "10⁶ "),
    ("10*9", "10⁹ "),
    ("Cel", "°C"),
    ("{", ""),
    ("}", ""),
    ("[", ""),
    ("]", ""),
    ("/m2", "/m²"),
)
"""How UCUM codes are written for people; the record keeps the codes."""
UNIT_IN_TEXT = re.compile(r"(?<=\d )\S*(?:Cel\b|10\*|[{\[]|/m2)\S*")


def dress_pages(app: Flask) -> None:
    """Give templates the site's banner, the signed-in person, and the filters for times and words."""
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    app.context_processor(_everywhere)
    app.template_filter("local")(local)
    app.template_filter("span")(span)
    app.template_filter("words")(words)
    app.template_filter("unit")(unit)
    app.template_filter("limits")(limits)
    app.template_filter("told")(told)
    app.template_filter("value_text")(value_text)
    app.add_template_global(fresh_op, "new_op")
    app.add_template_global(may)
    app.add_template_global(oidc_linked)


def _everywhere() -> dict[str, Any]:
    session: Session | None = g.get("session")
    return {
        "me": session.person if session else None, "csrf": session.csrf if session else "",
        "duties": duties(session.person) if session else (), "idle_s": services().settings.idle_minutes * 60,
        "site": site_banner(), "help_strip": services().help_strip, "oidc_on": services().oidc.is_on,
    }  # fmt: skip


def site_banner() -> dict[str, Any]:
    """Return the site's name and what must be said on every page: a simulated device, a virtual clock."""
    site = services()
    told = site.status()
    factor = told.get("factor")
    simulated = site.simulated_device or any(row["simulated"] for row in site.equipment.devices())
    return {
        "name": site.settings.site, "tz": site.settings.tz, "version": told.get("version", ""),
        "notices": [sentence(one["code"], one["facts"]) for one in told.get("notices", ())],
        "now": site.clock.now(), "simulated_device": simulated, "virtual_clock": site.clock.simulated,
        "factor": f"x{factor:,.0f}" if factor else "held",
    }  # fmt: skip


def may(*roles: str) -> bool:
    """Say whether the signed-in person holds one of the roles; what is offered, not what is allowed."""
    session: Session | None = g.get("session")
    return session is not None and bool(session.person.roles & {Role(role) for role in roles if role})


def oidc_linked() -> frozenset[str]:
    """Return who comes in through the hospital's provider."""
    return services().oidc.linked()


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


def unit(code: str | None) -> str:
    """Return a unit code as people write it: `10*6{cells}` is `10⁶ cells`; nothing for a number without unit."""
    if code in (None, "1"):
        return ""
    told = str(code)
    for written, read in UNIT_WORDS:
        told = told.replace(written, read)
    return told


def told(text: str) -> str:
    """Return a recorded sentence with its units and comparisons as people write them: `36.2 Cel` is `36.2 °C`."""
    read = UNIT_IN_TEXT.sub(lambda found: unit(found.group()), text)
    return read.replace(">=", "≥").replace("<=", "≤")


def limits(parameter: Parameter) -> str:
    """Return the limits of a value as people say them: `5 to 10 mL`, else as the record writes them."""
    both = parameter.low is not None and parameter.high is not None
    if both and parameter.low_inclusive and parameter.high_inclusive:
        return f"{parameter.low:f} to {parameter.high:f} {unit(parameter.unit)}".rstrip()
    written = limit_text(parameter).replace(">=", "≥").replace("<=", "≤")
    return written.replace(parameter.unit, unit(parameter.unit)) if parameter.unit else written
