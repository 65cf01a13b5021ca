"""Which licence an installed package states about itself, in one spelling."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

SPELLINGS = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
}


def package_name(requirement: str) -> str:
    """Return the bare lower-case name of `psycopg[binary]>=3.3,<4`."""
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found, f"no package name in {requirement!r}"
    return found.group().lower()


def direct_dependencies(pyproject: Path) -> tuple[list[str], list[str]]:
    """Return what production and what the tests ask for by name."""
    stated = tomllib.loads(pyproject.read_text())
    production = stated["project"]["dependencies"]
    development = stated["dependency-groups"]["dev"]
    return [package_name(one) for one in production], [package_name(one) for one in development]


def locked(lock: Path) -> list[str]:
    """Return the names that a lock file pins."""
    return [line.split("==")[0] for line in lock.read_text().splitlines() if "==" in line]


def stated_licence(package: str) -> str:
    """Return the licence in the package's own metadata; alternatives are joined by OR."""
    metadata = importlib.metadata.metadata(package)
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = metadata.get_all("Classifier") or []
    names = [line.split("::")[-1].strip() for line in classifiers if line.startswith("License ::")]
    found = [SPELLINGS.get(name, name) for name in names if name != "OSI Approved"]
    if found:
        return " OR ".join(found)
    return str(metadata.get("License") or "").splitlines()[0]
