"""TE-21 and TE-22: what lies beside the entries of an exported batch is held by digests in them."""

from pathlib import Path

import pytest

from tests.records.verifier.bundles import asked, build, offences
from tests.records.verifier.museum_documents import DATA_FILES

EXHIBITS = {one[0]: one[1:] for one in DATA_FILES}


@pytest.mark.rule("TE-21", "TE-22", negative=True)
@pytest.mark.parametrize("name", ["a sample changed", "a sample dropped", "a PDF with another record"])
def test_a_changed_file_beside_the_record_is_named(tmp_path: Path, name: str) -> None:
    hooks, check, words = EXHIBITS[name]
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(**hooks))
    code, lines = asked(path)
    assert code == 1
    assert offences(lines)[0].startswith(f"{check}: ")
    assert words in offences(lines)[0]
