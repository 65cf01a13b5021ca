"""The vendored front-end files are the published ones, byte for byte, with their licences."""

import hashlib

from tests.house.tree import ROOT

VENDOR = ROOT / "mes/web/static/vendor"
UNSUMMED = {"SHA256SUMS", "SOURCE.md"}


def stated() -> dict[str, str]:
    rows = (line.split(maxsplit=1) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    return {name: digest for digest, name in rows}


def test_every_file_has_its_stated_digest() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name not in UNSUMMED
    }
    assert found == stated()


def test_every_file_has_a_source_and_a_licence() -> None:
    source = (VENDOR / "SOURCE.md").read_text()
    assert [name for name in stated() if name not in source] == []
    assert sum(name.startswith("LICENSE.") for name in stated()) == 2


def test_the_source_names_no_host() -> None:
    assert "://" not in (VENDOR / "SOURCE.md").read_text()
