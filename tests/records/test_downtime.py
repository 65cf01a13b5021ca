"""With Septima down, the newest pack of every open batch lies there to be printed, and says only what is true."""

import json
import subprocess

import pytest

from mes.errors import Refusal
from mes.ledger.heads import stored_root
from mes.records.downtime.pack import pack_of
from mes.records.downtime.shelf import EVERY_S, DowntimePacks, phones_in
from tests.batches.conftest import founded, ward, ward_of  # noqa: F401  the ward of the batches' tests
from tests.batches.houses import Ward
from tests.batches.test_service_steps import collect, later


class Wall:
    """Seconds of wall time."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def packs(ward, wall, tmp_path):  # noqa: F811
    phones = tmp_path / "phones.yaml"
    phones.write_text("QA on duty: '+32 2 555 01 01'\n")
    return DowntimePacks(tmp_path / "downtime", ward.recorder, wall, phones)


def text_of(pdf: bytes) -> str:
    told = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return told.stdout.decode()


def test_a_pack_has_a_sheet_per_open_step_and_a_line_per_closed_one(ward: Ward):  # noqa: F811
    ward.a_batch()
    collect(ward)
    state = ward.recorder.load("B1")
    pack = pack_of(state, made_at=ward.house.clock.now(), size=7, root="ab" * 32)
    assert [one.step for one in pack.done] == ["S1"]
    assert [sheet.step for sheet in pack.sheets] == [str(one.step.id) for one in state.steps.values() if one.is_open]
    assert [sheet.number for sheet in pack.sheets] == list(range(1, len(pack.sheets) + 1))
    first = pack.sheets[0]
    assert first.scans
    assert first.lots
    assert {blank.label for blank in first.blanks} == {one.label for one in state.step("S2").step.parameters}
    assert any("performed by" in who for who in first.signers)


@pytest.mark.rule("REG-A11-16", "PRA-17", "REL-P7")
def test_the_pack_lies_there_not_older_than_five_minutes(ward: Ward, packs, wall, tmp_path):  # noqa: F811
    ward.a_batch()
    packs.step()
    collect(ward)
    wall.now += EVERY_S - 1
    packs.step()
    (row,) = packs.rows()
    assert "S1" in row.sheets  # not yet time
    wall.now += 1
    packs.step()
    (row,) = packs.rows()
    assert "S1" not in row.sheets
    assert (tmp_path / "downtime" / "B1.pdf").stat().st_mode & 0o077 == 0
    words = text_of(packs.pdf("B1"))
    assert f"sheet 1 of {len(row.sheets)} of pack {row.id}" in " ".join(words.split())
    assert "QA on duty" in words
    with ward.house.ledger.read() as connection:
        assert stored_root(connection, 1, row.size).hex() == row.root


def test_an_unchanged_batch_is_not_printed_again(ward: Ward, packs, wall, tmp_path):  # noqa: F811
    ward.a_batch()
    packs.refresh()
    before = (tmp_path / "downtime" / "B1.pdf").stat().st_mtime_ns
    later(ward, 1)
    (row,) = packs.refresh()
    assert (tmp_path / "downtime" / "B1.pdf").stat().st_mtime_ns == before
    assert row.checked_at > row.made_at


@pytest.mark.rule("REG-A11-16", negative=True)
def test_no_name_of_the_vault_and_nothing_for_an_unknown_batch(ward: Ward, packs):  # noqa: F811
    ward.a_batch()
    packs.refresh()
    assert "Janssens" not in text_of(packs.pdf("B1"))
    for batch in ("B2", "../site", ""):
        with pytest.raises(Refusal, match="downtime-pack-missing"):
            packs.pdf(batch)


def test_a_held_batch_says_so_on_paper(ward: Ward, packs):  # noqa: F811
    ward.a_batch()
    ward.does("sofia", ward.problems.hold, "B1", reason="the room alarm rang")
    packs.refresh()
    assert "The batch is on hold" in text_of(packs.pdf("B1"))


def test_packs_of_batches_that_ended_are_taken_away(ward: Ward, packs, tmp_path):  # noqa: F811
    ward.a_batch()
    packs.refresh()
    gone = tmp_path / "downtime" / "B0.json"
    gone.write_text(json.dumps({}))
    packs.refresh()
    assert not gone.exists()
    assert [row.batch for row in packs.rows()] == ["B1"]


@pytest.mark.parametrize("text", ["- a\n- b", "a: [", "\n".join(f"n{n}: 1" for n in range(41))])
def test_a_wrong_phone_list_is_told(tmp_path, text):
    (tmp_path / "phones.yaml").write_text(text)
    with pytest.raises(Refusal, match="phones-wrong"):
        phones_in(tmp_path / "phones.yaml")


def test_no_phone_list_is_no_fault(tmp_path):
    assert phones_in(tmp_path / "phones.yaml") == ()
