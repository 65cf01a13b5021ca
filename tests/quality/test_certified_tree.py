"""What is certified is signed for at once: the tree's checkpoint stands when the certificate does."""

from pathlib import Path

import pytest

from mes.ledger.kept_note import KeptNote
from tests.quality.site import a_site
from tests.quality.test_service import certify, ready


@pytest.mark.rule("TE-06", "TE-02")
def test_a_certification_is_under_a_checkpoint_at_once(tmp_path: Path) -> None:
    with a_site(tmp_path, ready()) as site:
        site.wait(1)
        ledger, path = site.house.ledger, tmp_path / "last-checkpoint.txt"
        ledger.keep_notes(KeptNote(path))
        before = ledger.latest_checkpoint()
        certify(site)
        note = ledger.latest_checkpoint()
        assert note is not None
        assert note != before
        kept = KeptNote(path).read()
        assert kept is not None
        assert (kept.size, kept.root) == (ledger.size, ledger.root())
        assert path.read_text() == note
