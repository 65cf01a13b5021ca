"""The ledger that the campaign forges, and the two verdicts on it: ours, and the one that shares no code with us."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from mes.errors import IntegrityBreach
from mes.ids import Stream, new_op
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.content import new_content
from mes.ledger.database import open_engine
from mes.ledger.entry import Draft
from mes.ledger.independent import verify_ledger as independent
from mes.ledger.independent.export import export_ledger
from mes.ledger.verify import Verified, verify_ledger
from tests.ledger.builders import DRAIN, KEY, NURSE, a_ledger, at, draft, write
from tests.ledger.forging import Act, as_owner

SHOWN = b'{"items":[]}'


def fill(url: str) -> Checkpoint:
    """Make a ledger of 50 entries, signed at 8 and at 45, and return what a witness would hold of it.

    Entry 3 refers to content, 4 is signed, 5 relies on 3 and corrects 1; all later ones stand in run/R1.
    """
    content = new_content("comment")
    with a_ledger(url) as ledger:
        ledger.append(new_op(), [write("batch/B1", draft(n=1), draft(n=2))], actor=NURSE, now=at(1))
        noted = write("batch/B1", draft(comment=content.as_reference()))
        (three,) = ledger.append(new_op(), [noted], actor=NURSE, now=at(2), contents=[content])
        signed = Draft("a:b", {}, signature={"shown": sha256(SHOWN).hexdigest()})
        ledger.append(new_op(), [write("batch/B1", signed)], actor=NURSE, now=at(3), shown=[SHOWN])
        relies = Draft("a:b", {}, refs=(three.reference,), corrects=(Stream("batch/B1"), 0))
        ledger.append(new_op(), [write("batch/B2", relies)], actor=NURSE, now=at(4))
        ledger.append(new_op(), [write("run/R1", draft(n=6), draft(n=7))], actor=DRAIN, now=at(5))
        ledger.checkpoint(at(6))
        for n in range(8, 45):
            ledger.append(new_op(), [write("run/R1", draft(n=n))], actor=DRAIN, now=at(n))
        ledger.checkpoint(at(46))
        ledger.append(new_op(), [write("run/R1", *[draft(n=n) for n in range(45, 50)])], actor=DRAIN, now=at(50))
        return Checkpoint(KEY.name, ledger.size, ledger.root())


def found(url: str, **terms: Any) -> Verified:
    """Verify the ledger in a database."""
    engine = open_engine(url)
    try:
        return verify_ledger(engine, **terms)
    finally:
        engine.dispose()


def altered(url: str, *acts: Act) -> None:
    """Do what the owner of the database can do."""
    engine = open_engine(url)
    with as_owner(engine) as connection:
        for act in acts:
            act(connection)
    engine.dispose()


def verdict(url: str, **terms: Any) -> int | str | None:
    """Return "OK", or what our own check names as the first bad entry."""
    try:
        found(url, **terms)
    except IntegrityBreach as breach:
        return breach.index
    return "OK"


def outside_verdicts(
    url: str, folder: Path, kept: list[Checkpoint] | None = None, key: bytes | None = None
) -> list[int | str | None]:
    """Return what the independent verifier says of an export, of a zip, and of the file itself where there is one."""
    engine = open_engine(url)
    wheres = [folder / "export", folder / "export.zip"]
    for where in wheres:
        export_ledger(engine, where)
    engine.dispose()
    database = make_url(url).database
    if url.startswith("sqlite") and database:
        wheres.append(Path(database))
    notes = [independent.read_note(KEY.signed_note(each.text)) for each in kept or []]
    said: list[int | str | None] = []
    for where in wheres:
        try:
            independent.check(independent.read(where, None), notes, key)
            said.append("OK")
        except independent.Bad as bad:
            said.append(bad.index)
    return said
