"""Nothing in the museum of broken bundles is taken for whole, and each answer names the place."""

from pathlib import Path
from typing import Any

import pytest

from tests.records.verifier.bundles import asked, build, offences
from tests.records.verifier.museum_containers import CONTAINERS
from tests.records.verifier.museum_documents import DATA_FILES
from tests.records.verifier.museum_entries import SIGNATURE_RULES, STREAM_RULES
from tests.records.verifier.museum_ledgers import LEDGER_FILES
from tests.records.verifier.museum_rules import RULES

EXHIBITS = [*RULES, *STREAM_RULES, *SIGNATURE_RULES, *LEDGER_FILES, *DATA_FILES, *CONTAINERS]


@pytest.mark.parametrize(("hooks", "check", "words"), [one[1:] for one in EXHIBITS], ids=[one[0] for one in EXHIBITS])
def test_it_is_not_ok_and_says_where(tmp_path: Path, hooks: dict[str, Any], check: str, words: str) -> None:
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(**hooks))
    code, lines = asked(path, *hooks.get("arguments", []))
    first = offences(lines)[0]
    assert code == 1
    assert first.startswith(check + ": ")
    assert words in first
    assert not any("cannot be checked" in line for line in offences(lines)), offences(lines)


def test_no_exhibit_has_the_name_of_another() -> None:
    assert len({one[0] for one in EXHIBITS}) == len(EXHIBITS) > 100
