"""An operation that is known is this very act, or it is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.events import Event
from mes.ledger.repeats import repeated
from mes.ledger.store import Ledger
from tests.ledger.builders import NURSE, a_ledger, at, write


@dataclass(frozen=True)
class Weighed(Event):
    """Something was weighed."""

    tag: ClassVar[str] = "test:repeats:weighed"
    what: str
    unit: str | None = None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thrown(Event):
    """Something was thrown away."""

    tag: ClassVar[str] = "test:repeats:thrown"
    what: str


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with a_ledger(f"sqlite:///{tmp_path / 'site.sqlite'}") as made:
        yield made


B1 = Stream("batch/B1")


@pytest.mark.rule("REL-02")
def test_the_same_act_is_known_and_an_unknown_operation_is_not(ledger: Ledger) -> None:
    op, done = new_op(), Weighed("bag", None, ("a", "b"))
    (made,) = ledger.append(op, [write("batch/B1", done.draft())], actor=NURSE, now=at(1))
    for said in ({}, {"what": "bag"}, {"unit": None}, {"parts": ("b",)}, {"parts": ("b", "a"), "what": "bag"}):
        assert repeated(ledger, op, B1, NURSE.id, Weighed, Thrown, **said) == made
    assert repeated(ledger, op, None, NURSE.id, Weighed) == made
    assert repeated(ledger, new_op(), B1, NURSE.id, Weighed) is None


@pytest.mark.rule("REL-02", negative=True)
@pytest.mark.parametrize(
    ("about", "person", "act", "said"),
    [
        ("batch/B2", NURSE.id, Weighed, {}),
        ("batch/B1", "P-OTHER", Weighed, {}),
        ("batch/B1", NURSE.id, Thrown, {"what": "bag"}),
        ("batch/B1", NURSE.id, Weighed, {"what": "tube"}),
        ("batch/B1", NURSE.id, Weighed, {"unit": None}),
        ("batch/B1", NURSE.id, Weighed, {"parts": ("c",)}),
    ],
)
def test_another_act_is_refused(
    ledger: Ledger, about: str, person: str, act: type[Event], said: dict[str, object]
) -> None:
    op, done = new_op(), Weighed("bag", "g", ("a",))
    ledger.append(op, [write("batch/B1", done.draft())], actor=NURSE, now=at(1))
    with pytest.raises(Refusal, match="operation-other"):
        repeated(ledger, op, Stream(about), person, act, **said)
