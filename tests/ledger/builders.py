"""Ledgers and drafts for these tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from mes.ids import Stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SITE = "site-one"
KEY = SiteKey(f"septima/{SITE}/1", bytes(range(32)))
NURSE = Actor("person", "p-17", "Ada Verhoeven", "operator", "T2")
DRAIN = Actor.system("drain")


def at(seconds: float) -> datetime:
    """Return a time after the ledger's beginning."""
    return NOW + timedelta(seconds=seconds)


def draft(**data: Any) -> Draft:
    """Return a draft of a fact that only these tests know."""
    return Draft("test:fact:noted", data)


def write(stream: str, *drafts: Draft, expected: int | None = None) -> Write:
    """Return a write; one empty fact if no draft is given."""
    return Write(Stream(stream), drafts or (draft(note="x"),), expected)


@contextmanager
def a_ledger(url: str, **more: Any) -> Iterator[Ledger]:
    """Create a ledger in an empty database and give its connections back afterwards."""
    engine = open_engine(url)
    terms: dict[str, Any] = {"clock": "real", "software": "septima-mes 0.1.0", **more}
    try:
        ledger = Ledger.create(engine, site=SITE, tz="Europe/Amsterdam", key=KEY, now=NOW, **terms)
        try:
            yield ledger
        finally:
            ledger.close()
    finally:
        engine.dispose()


@contextmanager
def reopened(url: str, **more: Any) -> Iterator[Ledger]:
    """Open the ledger that stands in a database."""
    engine = open_engine(url)
    try:
        ledger = Ledger.open(engine, site=SITE, tz="Europe/Amsterdam", **{"key": KEY, **more})
        try:
            yield ledger
        finally:
            ledger.close()
    finally:
        engine.dispose()
