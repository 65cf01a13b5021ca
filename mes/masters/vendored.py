"""The masters and specifications that come with the product, as file bytes to import."""

from importlib.resources import files

from mes.errors import Refusal
from mes.ids import checked_id


def template_bytes(master_id: str, version: int) -> bytes:
    """Return the file of a vendored master; refuses `template-unknown`."""
    return _bytes(f"{checked_id(master_id)}/{int(version)}.yaml")


def specification_bytes(reference: str) -> bytes:
    """Return the file of a vendored specification, named `<id>.<version>`; refuses `template-unknown`."""
    ident, _, version = checked_id(reference).rpartition(".")
    return _bytes(f"specifications/{ident}/{version}.yaml")


def _bytes(path: str) -> bytes:
    found = files("batch_templates").joinpath(*path.split("/"))
    if ".." in path.split("/") or not found.is_file():
        raise Refusal("template-unknown", status=404, path=path)
    return found.read_bytes()
