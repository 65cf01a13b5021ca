"""Reading a mapping of closed vocabulary key by key; a refusal names the key's path and what is wrong."""

import re
from collections.abc import Mapping
from typing import Any

from equipment_drivers.errors import NodeMapRefused
from equipment_drivers.mapmodel import NodeRef


class Fields:
    """One mapping of the file. Unknown keys and absent required ones are refused when it is opened."""

    def __init__(
        self, path: str, found: object, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
    ) -> None:
        if not isinstance(found, dict):
            raise NodeMapRefused(path or "file", "must be a mapping of keys to values")
        unknown = [str(key) for key in found if key not in required + optional]
        if unknown:
            known = ", ".join(required + optional)
            raise NodeMapRefused(f"{path}.{unknown[0]}".strip("."), f"is not a known key here; known are {known}")
        absent = [key for key in required if key not in found]
        if absent:
            raise NodeMapRefused(f"{path}.{absent[0]}".strip("."), "is missing")
        self._path = path
        self._found = found

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def refused(self, key: str, why: str) -> NodeMapRefused:
        """Return the refusal of one key of this mapping."""
        return NodeMapRefused(f"{self._path}.{key}".strip("."), why)

    def text(self, key: str, pattern: str = r"[^\n]{1,200}", default: str | None = None) -> str:
        """Return a text that the pattern matches wholly."""
        value = self._found.get(key, default)
        if not isinstance(value, str):
            raise self.refused(key, f"must be a text, found {value!r}")
        if value != default and not re.fullmatch(pattern, value):
            raise self.refused(key, f"is {value!r}, which has not the form {pattern}")
        return value

    def choice(self, key: str, known: tuple[str | int, ...], default: str | int | None = None) -> str | int:
        """Return one of the known values."""
        value = self._found.get(key, default)
        for item in known:
            if not isinstance(value, bool) and item == value:
                return item
        raise self.refused(key, f"is {value!r}; known are {', '.join(repr(item) for item in known)}")

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number within the bounds, both included."""
        value = self._found.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.refused(key, f"is {value!r}; a whole number from {low} to {high} is needed")
        return value

    def flag(self, key: str) -> bool:
        """Return true or false; false where the key is absent."""
        value = self._found.get(key, False)
        if not isinstance(value, bool):
            raise self.refused(key, f"is {value!r}; true or false is needed")
        return value

    def raw(self, key: str) -> Any:
        """Return the value as the file has it, None where the key is absent."""
        return self._found.get(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty where the key is absent."""
        value = self._found.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refused(key, f"is {value!r}; a list of texts is needed")
        return tuple(value)

    def mapping(self, key: str) -> Mapping[Any, Any]:
        """Return the mapping under `key` whatever its keys are; empty where it is absent."""
        value = self._found.get(key, {})
        if not isinstance(value, dict):
            raise self.refused(key, "must be a mapping of keys to values")
        return value

    def section(self, key: str, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> "Fields":
        """Open the mapping of known keys under `key`; an absent one is empty."""
        return Fields(f"{self._path}.{key}".strip("."), self._found.get(key, {}), required, optional)

    def named(
        self, key: str, pattern: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> list[tuple[str, "Fields"]]:
        """Open every mapping of a section whose keys are names of the given pattern."""
        opened = []
        for name, entry in self.mapping(key).items():
            path = f"{self._path}.{key}.{name}".strip(".")
            if not isinstance(name, str) or not re.fullmatch(pattern, name):
                raise NodeMapRefused(path, f"is no name of the form {pattern}")
            opened.append((name, Fields(path, entry, required, optional)))
        return opened


def node_ref(fields: Fields, key: str, spaces: Mapping[str, str]) -> NodeRef:
    """Read a node such as `d;i=1001`; `spaces` gives the URI of each declared prefix."""
    text = fields.text(key, r"([a-z][a-z0-9]*;)?[isg]=.{1,200}")
    prefix, identifier = ("", text) if text[1] == "=" else text.split(";", 1)
    if prefix not in spaces:
        raise fields.refused(key, f"uses the prefix {prefix}, which namespaces does not declare")
    if identifier.startswith("i=") and not identifier[2:].isdecimal():
        raise fields.refused(key, f"has the identifier {identifier}; i= takes a number, s= a text, g= a GUID")
    return NodeRef(spaces[prefix], identifier)
