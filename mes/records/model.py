"""The content of an electronic batch record: sections of tables, facts, charts and text, ready to be set as pages."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Tone(StrEnum):
    """How a line is meant; the words are those of the style sheet."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `old` are the values it had before, newest last, printed struck through."""

    text: str
    tone: Tone = Tone.PLAIN
    old: tuple[str, ...] = ()
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; `widths` are percent of the page's width."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    widths: tuple[int, ...]
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of label and value."""

    pairs: tuple[tuple[str, Cell | str], ...]
    kind: str = "facts"


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph."""

    text: str
    tone: Tone = Tone.PLAIN
    kind: str = "note"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section, with a word at its right end; `keep` ties it to the blocks until the next one."""

    text: str
    mark: str = ""
    tone: Tone = Tone.PLAIN
    kind: str = "heading"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: an <svg> element made by this room, its texts escaped."""

    svg: str = field(repr=False)
    caption: str = ""
    kind: str = "chart"


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines in a fixed-width face: a long list costs a tenth of a table."""

    lines: tuple[str, ...]
    kind: str = "listing"


Block = Table | Facts | Note | Heading | Chart | Listing


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the record."""

    title: str
    blocks: tuple[Block, ...]
    fresh_page: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A whole record. `marks` stand in the head of every page; `made_at` and `identifier` come from the seal."""

    batch: str
    product: str
    site: str
    marks: tuple[str, ...]
    state: Cell
    key_facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    foot: str
    made_at: datetime
    identifier: str
