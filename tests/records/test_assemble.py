"""What a reader finds in a record, and where: exceptions first, old values beside new ones, warnings on every page."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from mes.batches.model import ResultState
from mes.errors import IntegrityBreach
from mes.people.model import Role
from mes.records.assemble import Story, assemble, quality, tell
from mes.records.assemble.story import actor_text
from mes.records.gather import gather, sealed_entry
from mes.records.model import Block, Cell, Document, Facts, Heading, Listing, Note, Table, Tone
from mes.records.pages import html_of
from mes.records.record import Record
from tests.records.conftest import Exported, a_service
from tests.records.house import House
from tests.records.tale import BATCH, Tale, the_master, the_specification

TITLES = [
    "Exceptions and deviations", "Summary", "Reviews, certificates and release",
    "Results against the specification ari-0001.1", "Steps", "Materials", "Device run", "Custody and infusion",
    "Signatures", "People", "Audit list", "About this document",
]  # fmt: skip


@pytest.fixture(scope="module")
def story(exported: Exported) -> Story:
    """Return the story of the exported batch, without its curves."""
    record = gather(exported.house.ledger, sealed_entry(exported.house.ledger, exported.seal))
    return tell(record, the_master(), specification=the_specification(), clock_factor="20,000")


@pytest.fixture(scope="module")
def document(story: Story) -> Document:
    """Return its document."""
    return assemble(story)


def section(document: Document, title: str) -> tuple[Block, ...]:
    """Return the blocks of a section."""
    return next(one.blocks for one in document.sections if one.title == title)


def words(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Yield every text in blocks."""
    for block in blocks:
        match block:
            case Table():
                for row in block.rows:
                    yield from (cell if isinstance(cell, str) else " ".join((*cell.old, cell.text)) for cell in row)
            case Facts():
                yield from (
                    f"{label}: {value if isinstance(value, str) else value.text}" for label, value in block.pairs
                )
            case Note() | Heading():
                yield block.text
            case Listing():
                yield from block.lines
            case _:
                pass


def cells(blocks: tuple[Block, ...], text: str) -> list[Cell]:
    """Return the cells of tables that hold exactly a text."""
    return [
        cell for block in blocks if isinstance(block, Table) for row in block.rows for cell in row
        if isinstance(cell, Cell) and cell.text == text
    ]  # fmt: skip


def test_exceptions_come_first(document: Document) -> None:
    assert [one.title for one in document.sections] == TITLES
    first = section(document, TITLES[0])
    assert isinstance(first[0], Note)
    assert first[0].text == "2 exceptions, 1 deviation, 1 corrected value, 1 void signature, 1 hold. None is open."


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Exceptions and deviations", "Deviation B-2026-007.D1: Culture temperature out of limits"),
        ("Exceptions and deviations", "Raised: system drain, 2026-11-09 13:00:00 +01:00 (entry 137)"),
        ("Exceptions and deviations", "Transposed digits; the scale's printout says 156.00."),
        ("Exceptions and deviations", "Assessment approved."),
        ("Exceptions and deviations", "The analyser was being serviced; the window is not critical."),
        ("Summary", "Chain of identity: CHA999926K3M7QX 8"),
        ("Summary", "Device: prodigy-1, SIMULATED DEVICE"),
        ("Reviews, certificates and release", "no room monitoring is connected (acknowledged)"),
        ("Reviews, certificates and release", "Results pending: sterility, rcl"),
        ("Steps", "A06 Intake and decision"),
        ("Device run", "Samples: 600 in 2 sealed hours, 2026-11-09 11:00:00 +01:00 to 2026-11-09 13:00:00 +01:00"),
        ("Custody and infusion", "3.1 to 5.8 Cel (limit 2 to 8 Cel)"),
        (
            "Signatures",
            "I certify, on the results available so far, that this batch meets its requirements (first stage).",
        ),
        ("Signatures", "user name, password, totp"),
        (
            "About this document",
            "Factor of the clock: virtual time, 1 to 20,000 times real time; 20,000 when this document was made",
        ),
        ("About this document", "Begun by: septima-mes 0.1.0, clock simulated"),
    ],
)
def test_what_stands_where(document: Document, title: str, text: str) -> None:
    assert text in list(words(section(document, title)))


@pytest.mark.rule("REG-A11-08")
def test_a_changed_value_shows_what_it_was(document: Document) -> None:
    for title in ("Exceptions and deviations", "Steps"):
        (cell,) = cells(section(document, title), "156.00 mL")
        assert cell.old == ("165.00 mL",)


@pytest.mark.rule("REG-A11-08", negative=True)
def test_no_value_that_was_never_changed_bears_the_mark(story: Story, document: Document) -> None:
    corrected = {one.data["new"]["value"] for one in story.batch_entries if one.type == "batch:value:corrected"}
    tables = [block for one in document.sections for block in one.blocks if isinstance(block, Table)]
    marked = [cell for table in tables for row in table.rows for cell in row if isinstance(cell, Cell) and cell.old]
    assert marked
    assert {cell.text.split()[0] for cell in marked} == corrected


@pytest.mark.rule("REG-P11-50")
def test_every_signature_is_printed_with_name_time_and_meaning(story: Story, document: Document) -> None:
    rows = [row for block in section(document, "Signatures") if isinstance(block, Table) for row in block.rows]
    signed = [entry for entry in story.record.entries if "signature" in entry.document]
    signed.sort(key=lambda entry: entry.stream.startswith("person/"))
    assert len(rows) == len(signed) > 100
    for row, entry in zip(rows, signed, strict=True):
        signature = entry.document["signature"]
        told = [cell if isinstance(cell, str) else cell.text for cell in row]
        assert told[0] == str(entry.index)
        assert told[1].startswith(signature["person"]["name"])
        assert told[2].endswith("+01:00")
        assert told[3].removeprefix("VOID: ") == signature["text"]
    void = [row[3] for row in rows if isinstance(row[3], Cell) and row[3].text.startswith("VOID")]
    assert len(void) == 1


@pytest.mark.parametrize(
    ("results", "judged"),
    [
        ({"potency_a": True}, "passes"),
        ({"potency_a": False, "potency_b": True}, "passes"),
        ({"potency_a": False, "potency_b": False}, "FAILS"),
        ({}, "no result"),
    ],
)
def test_an_item_of_alternatives_stands_as_its_members_do(story: Story, results: dict[str, bool], judged: str) -> None:
    entered = {
        item: ResultState(item, "1", "%", passed, "P-1", datetime(2026, 11, 1, tzinfo=UTC), 5, reviewer="P-2")
        for item, passed in results.items()
    }
    (table,) = quality.results(replace(story, state=replace(story.state, results=entered))).blocks
    assert isinstance(table, Table)
    row = next(row for row in table.rows if row[0] == "Potency")
    assert isinstance(row[4], Cell)
    assert row[4].text == judged


def test_every_entry_is_in_the_audit_list(story: Story, document: Document) -> None:
    listed = "\n".join(words(section(document, "Audit list")))
    for entry in story.record.entries:
        assert f"{entry.index:>5} " in listed or f" {entry.index}" in listed


def test_the_marks_stand_on_every_page(document: Document) -> None:
    assert document.marks == ("SIMULATED DEVICE", "VIRTUAL CLOCK × 1 to 20,000")
    assert document.state == Cell("released", Tone.GOOD)


def test_a_manual_device_was_not_monitored_and_a_real_clock_is_not_marked(house: House) -> None:
    Tale(house, upto="A08", binding="manual").told()
    seal = sealed_entry(house.ledger, a_service(house).seal(house.acting(Role.QA), BATCH))
    document = assemble(tell(gather(house.ledger, seal), the_master()))
    assert document.marks == ("VIRTUAL CLOCK × 1 to 20,000", "DEVICE NOT MONITORED BY THE SYSTEM")
    assert any("NOT MONITORED BY THE SYSTEM" in text for text in words(section(document, "Device run")))
    assert section(document, "Exceptions and deviations")[0] == Note(
        "0 exceptions, 0 deviations, 1 corrected value, 1 void signature, 0 holds. None is open."
    )
    assert "not begun" not in document.key_facts[1][1]
    assert document.key_facts[1][1].endswith("h so far")


def test_a_batch_that_just_began_has_a_record(house: House) -> None:
    Tale(house, upto="A01").told()
    seal = sealed_entry(house.ledger, a_service(house).seal(house.acting(Role.QA), BATCH))
    document = assemble(tell(gather(house.ledger, seal), the_master()))
    assert section(document, TITLES[0]) == (
        Note("Nothing was recorded that departs from the master batch record.", Tone.GOOD),
    )
    assert document.state == Cell("quarantine", Tone.WARN)
    assert document.key_facts[1] == ("Vein to vein", "not begun")
    assert section(document, "Device run") == (
        Note("SIMULATED DEVICE: every value of this run was made by a program, not by an instrument.", Tone.WARN),
    )


def test_times_are_local_by_the_offset_alone(story: Story) -> None:
    entry = story.record.entries[0]
    assert story.local(datetime(2026, 11, 8, 23, 30, tzinfo=UTC), entry) == "2026-11-09 00:30:00 +01:00"
    assert actor_text(entry) == "system ledger"


def test_a_record_without_its_beginning_is_a_breach(story: Story) -> None:
    record = story.record
    rest = tuple(entry for entry in record.entries if entry.type != "batch:created")
    with pytest.raises(IntegrityBreach):
        tell(Record(record.seal, rest, record.shown, record.contents), the_master())


class Texts(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Remember a tag."""
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Remember text."""
        self.text += data


def test_no_text_of_the_record_becomes_markup(story: Story) -> None:
    evil = "<script>alert(1)</script><img src=file:///etc/passwd>"
    made = assemble(story)
    page = html_of(
        Document(evil, evil, evil, (evil,), Cell(evil, old=(evil,)), ((evil, evil),), (made.sections[0],), evil,
                 made.made_at, evil)
    )  # fmt: skip
    read = Texts()
    read.feed(page)
    assert not {"script", "img", "link", "iframe"} & read.tags
    assert evil in read.text
