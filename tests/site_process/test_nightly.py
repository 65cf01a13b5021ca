"""The nightly check: when it is due, what it reads, what it holds, and what it leaves in the record and on screens."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from mes.cli import main
from mes.clock import HeldClock
from mes.errors import IntegrityBreach
from mes.ids import Stream, new_op
from mes.ledger.breach import BreachLog
from mes.ledger.check_events import CheckKind
from mes.ledger.damage import Damage
from mes.ledger.database import open_engine
from mes.ledger.incremental import Reached, ReachedFile
from mes.ledger.merkle import Frontier
from mes.ledger.store import Ledger
from mes.site_process.nightly import FULL_EVERY, Nightly, kind_due, next_due, onward, streams_to_hold
from mes.site_process.notices import Notices, about_holds
from tests.journeys.house import build_house
from tests.ledger.builders import DRAIN, KEY, NOW, SITE, draft, write
from tests.ledger.forging import as_owner, cut, flip, own_hash_too, rewritten, sql

DAY = timedelta(days=1)


class Night:
    """A ledger with three batches, and its nightly check on a held clock."""

    def __init__(self, url: str, folder: Path) -> None:
        self.engine = open_engine(url)
        self.clock = HeldClock(NOW)
        self.path, self.breaches = folder / "verified.json", folder / "breach.jsonl"
        self.ledger = Ledger.create(
            self.engine, site=SITE, tz="Europe/Amsterdam", key=KEY, now=NOW, clock="real", software="x",
            breach_path=self.breaches,
        )  # fmt: skip
        self.notices = Notices(about_holds(self.ledger.breaches))
        self.grow(30)
        self.nightly = self.again()

    def again(self) -> Nightly:
        """Start the check anew, as a restarted process does."""
        return Nightly(self.ledger, self.clock, self.engine, ReachedFile(self.path), self.notices)

    def grow(self, entries: int) -> None:
        """Record facts of three batches."""
        for n in range(entries):
            self.ledger.append(new_op(), [write(f"batch/B{n % 3}", draft(n=n))], actor=DRAIN, now=self.clock.now())
        self.ledger.checkpoint(self.clock.now())

    def altered(self, *acts: object) -> None:
        """Do what the database's owner can do."""
        with as_owner(self.engine) as connection:
            for act in acts:
                act(connection)

    def checks(self) -> list[tuple[str, str]]:
        """Return type and kind of every check that was recorded."""
        found = self.ledger.stream(self.ledger.site_stream)
        return [(one.type, one.data["kind"]) for one in found if one.type.startswith("site:check")]

    def codes(self) -> list[str]:
        """Return the codes of what the screens show."""
        return [one.code for one in self.notices.shown()]

    def close(self) -> None:
        """Close everything."""
        self.ledger.close()
        self.engine.dispose()


@pytest.fixture
def night(ledger_url: str, tmp_path: Path) -> Iterator[Night]:
    """Give such a ledger on each database."""
    made = Night(ledger_url, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("after", "tz", "due"),
    [
        (datetime(2026, 11, 22, 1, 59, tzinfo=UTC), "Europe/Amsterdam", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        (datetime(2026, 11, 22, 2, 0, tzinfo=UTC), "Europe/Amsterdam", datetime(2026, 11, 23, 2, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "Europe/Amsterdam", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "Europe/Amsterdam", datetime(2026, 10, 25, 2, tzinfo=UTC)),
        (datetime(2026, 11, 22, 19, tzinfo=UTC), "Asia/Tokyo", datetime(2026, 11, 23, 18, tzinfo=UTC)),
    ],
    ids=["just before", "at the hour", "spring forward", "fall back", "Tokyo"],
)
def test_the_check_is_due_at_three_of_local_time(after: datetime, tz: str, due: datetime) -> None:
    assert next_due(after, tz) == due


@pytest.mark.parametrize(
    ("full_at", "kind"),
    [
        (None, CheckKind.FULL), (NOW - FULL_EVERY, CheckKind.FULL),
        (NOW - FULL_EVERY + DAY, CheckKind.INCREMENTAL), (NOW, CheckKind.INCREMENTAL),
    ],
)  # fmt: skip
def test_every_entry_is_read_weekly(full_at: datetime | None, kind: CheckKind) -> None:
    assert kind_due(Reached(SITE, 1, Frontier(), 0, 0, full_at=full_at), NOW) is kind
    assert kind_due(None, NOW) is CheckKind.FULL


@pytest.mark.rule("REL-P4")
def test_each_night_what_is_new_is_checked_and_weekly_everything(night: Night) -> None:
    kinds: list[str] = []
    for _ in range(9 * 4):
        night.clock.advance(timedelta(hours=6))
        assert night.nightly.step() is False
        kinds = [kind for _, kind in night.checks()]
    assert kinds == ["full", *["incremental"] * 6, "full", "incremental"]
    last = [entry for entry in night.ledger.entries() if entry.type == "site:check:passed"][-1]
    assert last.data["size"] == last.index
    assert 0 < last.data["since"] < last.index
    assert night.codes() == []


def test_a_site_that_was_off_at_night_checks_when_it_is_up_again(night: Night) -> None:
    night.clock.advance(DAY)
    night.nightly.step()
    night.clock.advance(5 * DAY)
    night.again().step()
    night.again().step()
    assert [kind for _, kind in night.checks()] == ["full", "incremental"]


@pytest.mark.rule("FLT-10", "REL-P4", negative=True)
def test_a_flipped_bit_holds_its_batch_and_leaves_the_others_usable(night: Night) -> None:
    night.altered(flip(5), flip(11))  # both of batch B1
    night.clock.advance(DAY)
    night.nightly.step()
    failed = night.ledger.entry(night.ledger.size - 1)
    assert failed.type == "site:check:failed"
    assert (failed.data["index"], failed.data["batches"], failed.data["held"]) == (5, ["B1"], ["batch/B1"])
    assert BreachLog(night.breaches).held == {"batch/B1"}
    assert night.codes() == ["stream-held-by-breach", "ledger-check-failed"]
    night.ledger.append(new_op(), [write("batch/B2")], actor=DRAIN, now=night.clock.now())
    night.clock.advance(DAY)
    night.nightly.step()
    assert [kind for _, kind in night.checks()] == ["full", "full"], "until it is settled, every entry is read"
    assert len(night.breaches.read_text().splitlines()) == 1
    night.altered(flip(5), flip(11))
    night.clock.advance(DAY)
    night.nightly.step()
    assert night.checks()[-1] == ("site:check:passed", "full")
    assert night.codes() == ["stream-held-by-breach"], "the hold ends by a decision, not by itself"


@pytest.mark.rule("TE-12", "TE-23", negative=True)
@pytest.mark.parametrize(
    "acts", [(own_hash_too(5),), (rewritten(5, reason="x"),), (sql("DELETE FROM tree_node"),)],
    ids=["hash", "rewritten", "tree"],
)  # fmt: skip
def test_a_wrong_tree_holds_everything(night: Night, acts: tuple[object, ...]) -> None:
    night.altered(*acts)
    night.clock.advance(DAY)
    size = night.ledger.size
    night.nightly.step()
    assert BreachLog(night.breaches).held == {"*"}
    assert night.ledger.size == size, "nothing is appended to a tree that is wrong"
    assert night.codes() == ["ledger-held", "ledger-check-failed"]


@pytest.mark.rule("TE-13", "TE-18", negative=True)
def test_an_older_copy_under_a_running_site_is_found(night: Night) -> None:
    night.clock.advance(DAY)
    night.nightly.step()
    night.altered(cut(10), sql("DELETE FROM checkpoint"))
    night.clock.advance(DAY)
    night.nightly.step()
    assert "were verified" in night.breaches.read_text()
    assert BreachLog(night.breaches).held == {"*"}


def test_what_could_not_be_entered_is_entered_after_the_release(night: Night) -> None:
    night.altered(own_hash_too(5))
    night.clock.advance(DAY)
    night.nightly.step()
    assert night.checks() == []
    night.ledger.breaches.release(None, by="console", ground="QA-1", at="2026-11-23T10:00:00Z")
    night.nightly.step()
    assert night.checks() == [("site:check:failed", "full")]


@pytest.mark.rule("FLT-10", negative=True)
def test_content_that_was_altered_holds_the_stream_of_its_entry() -> None:
    sound = Damage(tree_stands=True, entries=())
    assert streams_to_hold(sound, Stream("batch/B7")) == (Stream("batch/B7"),)
    assert streams_to_hold(sound, None) == ()
    assert streams_to_hold(Damage(False, ((1, Stream("batch/B1")),)), Stream("batch/B1")) == ()


def test_a_damaged_mark_only_costs_a_full_check(night: Night) -> None:
    night.clock.advance(DAY)
    night.nightly.step()
    night.path.write_text("{")
    night.clock.advance(DAY)
    night.nightly.step()
    assert [kind for _, kind in night.checks()] == ["full", "full"]
    assert ReachedFile(night.path).read() is not None


def test_a_fault_is_tried_again_soon(night: Night, tmp_path: Path) -> None:
    night.path.mkdir()  # the mark cannot be written
    night.clock.advance(DAY)
    for _ in range(3):
        with pytest.raises(OSError, match="director"):
            night.nightly.step()
        night.clock.advance(timedelta(minutes=10))
    night.path.rmdir()
    night.nightly.step()
    assert len(night.checks()) == 1


def test_onward_names_the_first_bad_entry_even_before_the_mark(night: Night) -> None:
    reached = onward(night.engine, None).reached
    night.altered(own_hash_too(2), sql("DELETE FROM tree_node"))
    with pytest.raises(IntegrityBreach) as breach:
        onward(night.engine, reached)
    assert breach.value.index is not None


def test_the_command_goes_on_from_the_last_check_and_changes_nothing(tmp_path: Path) -> None:
    house = build_house(tmp_path / "site")
    settings, ledger = house.settings, house.wired.services.ledger
    words = ["ledger", "verify", "--site", str(settings.site_dir), "--since-last"]
    said = CliRunner().invoke(main, words)
    assert (said.exit_code, said.output.splitlines()[0]) == (0, "no earlier check to go on from: read all")
    engine = open_engine(settings.database)
    Nightly(ledger, house.conductor.clock, engine, ReachedFile(settings.verified_path), house.wired.notices).check(
        house.conductor.clock.now()
    )
    kept = settings.verified_path.read_bytes()
    said = CliRunner().invoke(main, words)
    assert said.output.splitlines()[0] == "read from entry 1 on"
    assert said.output.endswith("OK\n")
    with as_owner(engine) as connection:
        flip(1)(connection)
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 1
    assert "[integrity-breach]" in said.output
    assert settings.verified_path.read_bytes() == kept
    house.close()
    engine.dispose()
