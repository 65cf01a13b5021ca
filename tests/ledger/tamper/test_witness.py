"""What only a witness's checkpoint or the published key can show: not found without, found with, by both verifiers."""

from base64 import b64encode
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mes.ids import new_op
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.keys import SiteKey
from tests.ledger.builders import KEY, NURSE, at, draft, reopened, write
from tests.ledger.forging import Act, cut, own_hash_too, renumbered, resigned, rewritten, rolled_back
from tests.ledger.tamper.corpus import altered, fill, outside_verdicts, verdict

OTHER = SiteKey(KEY.name, b"other" + b"x" * 27)


def another_key(connection: Connection) -> None:
    """Put another key into entry 0 and sign everything with it."""

    def edit(documents: list[dict[str, object]]) -> None:
        data = documents[0]["data"]
        assert isinstance(data, dict)
        data["key"] = b64encode(OTHER.public).decode()
        for document in documents:
            document.pop("refs", None)  # the forger has to give up what rests on the old leaves

    renumbered(edit)(connection)
    resigned(OTHER, 45)(connection)


@pytest.mark.rule("TE-12", "TE-13", "TE-18", negative=True)
@pytest.mark.parametrize(
    "acts",
    [
        [own_hash_too(49)],
        [rewritten(30, data={"n": 9}), resigned(KEY, 40)],
        [cut(40), resigned(KEY, 40)],
        [cut(45)],
        [rolled_back(8)],
    ],
    ids=[
        "TE-11 after the last checkpoint and block",
        "TE-12 rewritten and signed anew",
        "TE-13 cut and signed anew",
        "TE-13 cut after the last checkpoint",
        "TE-18 last week's file",
    ],
)
def test_what_only_a_witness_can_show(ledger_url: str, tmp_path: Path, acts: list[Act]) -> None:
    kept = fill(ledger_url)
    altered(ledger_url, *acts)
    assert verdict(ledger_url) == "OK"
    without, beside = tmp_path / "without", tmp_path / "beside"
    without.mkdir()
    beside.mkdir()
    assert set(outside_verdicts(ledger_url, without)) == {"OK"}
    named = verdict(ledger_url, trusted=[kept])
    assert named != "OK"
    assert set(outside_verdicts(ledger_url, beside, [kept])) == {named}


@pytest.mark.rule("TE-19", negative=True)
def test_a_fork_is_shown_by_what_the_other_half_reported(ledger_url: str, tmp_path: Path) -> None:
    reported = fill(ledger_url)
    altered(ledger_url, rolled_back(45))
    with reopened(ledger_url) as ledger:
        ledger.append(new_op(), [write("run/R1", *[draft(n=-n) for n in range(8)])], actor=NURSE, now=at(60))
        here = Checkpoint(KEY.name, ledger.size, ledger.root())
    assert verdict(ledger_url) == "OK"
    assert verdict(ledger_url, trusted=[here]) == "OK"
    assert verdict(ledger_url, trusted=[reported]) == 45
    assert set(outside_verdicts(ledger_url, tmp_path, [reported])) == {45}


@pytest.mark.rule("TE-20", negative=True)
def test_another_key_is_shown_by_the_published_one(ledger_url: str, tmp_path: Path) -> None:
    kept = fill(ledger_url)
    altered(ledger_url, another_key)
    without, beside = tmp_path / "without", tmp_path / "beside"
    without.mkdir()
    beside.mkdir()
    assert verdict(ledger_url) == "OK"
    assert set(outside_verdicts(ledger_url, without)) == {"OK"}
    assert verdict(ledger_url, key=KEY.verifier) == 0
    assert set(outside_verdicts(ledger_url, beside, key=KEY.public)) == {0}
    assert verdict(ledger_url, trusted=[kept]) != "OK"
