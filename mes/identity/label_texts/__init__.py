"""The texts of a product's label, one closed YAML file per master."""

from dataclasses import fields
from pathlib import Path

import yaml

from mes.errors import Refusal
from mes.identity.labels import ProductText

FOLDER = Path(__file__).parent
MAX_BYTES = 16 * 1024


def product_text(master: str, folder: Path = FOLDER) -> ProductText:
    """Return the label texts for a master; refuses `label-text-unknown` and `label-text-unfit` (which field)."""
    path = folder / f"{master}.yaml"
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise Refusal("label-text-unknown", master=master[:64])
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {one.name for one in fields(ProductText)}
    needed = known - {"genetically_modified"}
    if not isinstance(found, dict) or not needed <= found.keys() <= known:
        raise Refusal("label-text-unfit", field=", ".join(sorted(needed ^ set(found or ()))))
    wrong = [name for name, text in found.items() if not isinstance(text, str) or not text.strip()]
    if wrong:
        raise Refusal("label-text-unfit", field=wrong[0])
    return ProductText(**found)
