"""The register of requirements: what regulations, practice and our own promises ask, each with its risk class.

Clauses are data: they are being revised, and some still wait for somebody to read the clause itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "requirements"
FILES = ("regulation.yaml", "practice.yaml", "reliability.yaml")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement. `essential`: the first usable release is not legal or not safe without it.

    `clause_status` is read, secondary source, to be confirmed, or not a clause. Rule: REG-A11-01 (risk class).
    """

    id: str
    essential: bool
    risk: str
    text: str
    clause: str = ""
    clause_status: str = "not a clause"
    shown_by: str = ""


def read_requirements(folder: Path = FOLDER) -> Mapping[str, Requirement]:
    """Return the register by id, in the order of the files; ValueError for an id that stands there twice."""
    found: dict[str, Requirement] = {}
    for name in FILES:
        rows: list[dict[str, Any]] = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        for row in rows:
            requirement = Requirement(**row)
            if requirement.id in found:
                raise ValueError(f"{requirement.id} stands twice in the register")
            found[requirement.id] = requirement
    return found
