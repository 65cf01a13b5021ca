"""The record as HTML: autoescaped templates; only drawings made by this room are let through as they are."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mes.records.downtime.pack import Pack
from mes.records.model import Document

FOLDER = Path(__file__).parent


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, auto_reload=False
    )
    made.globals["drawing"] = Markup
    return made


def html_of(document: Document) -> str:
    """Return the whole record as one HTML page that needs nothing from outside."""
    style = Markup((FOLDER / "record.css").read_text())  # noqa: S704 - our own file
    made_at = f"{document.made_at:%Y-%m-%dT%H:%M:%SZ}"
    return _templates().get_template("record.html").render(document=document, style=style, made_at=made_at)


def html_of_pack(pack: Pack, time: Callable[[datetime | None], str]) -> str:
    """Return a downtime pack as one HTML page that needs nothing from outside; `time` writes local times."""
    style = Markup((FOLDER / "record.css").read_text() + (FOLDER / "downtime.css").read_text())  # noqa: S704 - our own
    return _templates().get_template("downtime.html").render(pack=pack, style=style, time=time)
