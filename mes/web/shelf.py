"""What ships with the product and a site may take in: masters and node maps, by name."""

from importlib.resources import files
from importlib.resources.abc import Traversable

from mes.errors import Refusal
from mes.ids import ID_PATTERN


def shipped_master(master: str, version: int) -> bytes:
    """Return the file of a master; refuses `master-not-shipped` (404)."""
    file = files("batch_templates").joinpath(master, f"{version}.yaml")
    if not _is_there(master, file):
        raise Refusal("master-not-shipped", status=404, master=master[:64], version=version)
    return file.read_bytes()


def shipped_nodemap(name: str) -> bytes:
    """Return the file of a node map; refuses `node-map-not-shipped` (404)."""
    file = files("equipment_drivers").joinpath("nodemaps", f"{name}.yaml")
    if not _is_there(name, file):
        raise Refusal("node-map-not-shipped", status=404, name=name[:64])
    return file.read_bytes()


def shipped_masters() -> tuple[tuple[str, int], ...]:
    """Name the masters that ship with the product, with their versions."""
    folders = (one for one in files("batch_templates").iterdir() if one.is_dir() and one.name != "specifications")
    found = ((one.name, file.name) for one in folders for file in one.iterdir() if file.name.endswith(".yaml"))
    return tuple(sorted((name, int(file.removesuffix(".yaml"))) for name, file in found))


def _is_there(name: str, file: Traversable) -> bool:
    return ID_PATTERN.fullmatch(name) is not None and file.is_file()
