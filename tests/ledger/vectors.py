"""The public test vectors of tests/assets/vectors."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "assets" / "vectors"


def vectors(name: str) -> dict[str, Any]:
    """Return one file of vectors."""
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found
