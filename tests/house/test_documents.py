"""The documents keep their form, and what they point at is there."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files

ADRS = sorted((ROOT / "docs/adr").glob("*.md"))
LIVES = [f"docs/life-of-a-{what}.md" for what in ("batch", "sample", "scan", "signature")]
PAGES = [path for path in files() if path.endswith(".md") and "/vendor/" not in path]
ONE_PAGE = 60
OURS = re.compile(r"`((?:mes|equipment_drivers|batch_templates|tests|tools|bench|docs)/[\w./-]*)`")
TERMS = (
    "batch",
    "master batch record",
    "step",
    "in-process control",
    "deviation",
    "disposition",
    "certification",
    "chain of identity",
    "chain of custody",
    "handover",
    "excursion",
    "hold",
    "line clearance",
)
ROLES = (
    "operator",
    "verifier",
    "supervisor",
    "QC analyst",
    "QC reviewer",
    "QA",
    "Qualified Person",
    "pharmacist",
    "clinician",
    "collection nurse",
    "courier",
    "master author",
    "administrator",
    "security officer",
    "auditor",
    "control site",
)


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)


def glossary() -> list[str]:
    return re.findall(r"^\*\*(.+?)\*\*", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_names_its_loser_on_one_page(path: Path) -> None:
    assert {"Question", "Decision", "Loser", "What follows"} <= set(headings(path))
    assert len(path.read_text().splitlines()) <= ONE_PAGE


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize("term", TERMS + ROLES)
def test_the_glossary_explains(term: str) -> None:
    assert term in glossary()


def test_the_glossary_is_in_order_and_says_each_thing_once() -> None:
    terms = [term.casefold() for term in glossary()]
    assert terms == sorted(set(terms))


def test_scope_begins_with_what_is_out() -> None:
    assert headings(ROOT / "docs/scope.md")[1] == "Out of scope"


@pytest.mark.parametrize("page", LIVES)
def test_a_life_has_one_diagram(page: str) -> None:
    assert (ROOT / page).read_text().count("```mermaid") == 1


def test_every_release_speaks_in_three_voices() -> None:
    releases = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    assert releases
    for release in releases:
        assert re.findall(r"^### (.+)$", release, re.MULTILINE) == ["Operator", "QA and validation", "Developer"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_and_path_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    here = (ROOT / page).parent
    linked = [here / target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    named = [ROOT / path for path in OURS.findall(text)]
    assert [str(path.relative_to(ROOT)) for path in linked + named if not path.exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_note_about_certainty_is_left_in(page: str) -> None:
    assert re.findall(r"\[(?:U|D|V|M|S|C)(?::\w+)?\]", (ROOT / page).read_text()) == []
