"""What others contributed is named, with the licence that it states about itself, and nothing copyleft slips in."""

import re
from importlib.metadata import PackageNotFoundError

import pytest

from tests.house.licences import direct_dependencies, locked, stated_licence
from tests.house.tree import ROOT

PRODUCTION, DEVELOPMENT = direct_dependencies(ROOT / "pyproject.toml")
REFUSED = re.compile(r"\bA?GPL")
ALTERNATIVE = {"pyphen": "MPL-1.1"}
"""Packages under a choice of licences, and the one that we take."""


def notice() -> dict[str, str]:
    rows = re.findall(r"^ {2}([a-z0-9][a-z0-9._-]*) {2,}(\S.*)$", (ROOT / "NOTICE").read_text(), re.MULTILINE)
    return dict(rows)


@pytest.mark.parametrize("package", sorted(PRODUCTION + DEVELOPMENT))
def test_notice_states_the_licence_of_every_direct_dependency(package: str) -> None:
    assert notice()[package] == stated_licence(package)


def test_notice_names_everything_in_the_production_lock() -> None:
    assert set(locked(ROOT / "requirements.lock")) - set(notice()) == set()


def test_no_production_package_is_under_a_licence_that_binds_us() -> None:
    bound = {}
    for package in locked(ROOT / "requirements.lock"):
        try:
            licence = stated_licence(package)
        except PackageNotFoundError:  # pinned for another platform
            continue
        alternatives = [one for one in re.split(r" OR ", licence) if not REFUSED.search(one)]
        if not alternatives or (len(alternatives) < len(licence.split(" OR ")) and package not in ALTERNATIVE):
            bound[package] = licence
    assert bound == {}


def test_the_licence_is_apache_2() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
    assert "TERMS AND CONDITIONS" in (ROOT / "LICENSE").read_text()
