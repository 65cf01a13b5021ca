"""Reads YAML as a closed format: no float, no alias, no tag, no duplicate key, no surprise such as `no` = false.

Only null, true/false and plain integers are read as such; every other scalar is text.
"""

import re
import unicodedata
from collections.abc import Hashable
from typing import Any

import yaml

from mes.errors import Refusal
from mes.masters.findings import Finding

MOST_BYTES = 262_144
MOST_LEVELS = 12
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})\Z")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|\.(?:inf|nan))(?:e[-+]?[0-9]+)?\Z|[-+]?[0-9]+e[-+]?[0-9]+\Z", re.I
)
_MAP_TAG = "tag:yaml.org,2002:map"


def refuse(*findings: Finding) -> Refusal:
    """Return the refusal of a file, with all findings in `problems`."""
    return Refusal("master-file-wrong", status=422, problems=[one.as_fact() for one in findings])


class _ClosedLoader(yaml.SafeLoader):
    """A SafeLoader that refuses what could mean two things. It never builds objects."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - pyyaml's own name

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose one node; refuse anchors, aliases, tags and depth before pyyaml recurses into them."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        tagged = getattr(event, "tag", None) is not None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None or tagged:
            raise refuse(Finding.of("file-anchors", "", line=line))
        if self._level >= MOST_LEVELS:
            raise refuse(Finding.of("file-too-deep", "", line=line, most=MOST_LEVELS))
        self._level += 1
        node = super().compose_node(parent, index)
        self._level -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping with text keys, each once; a merge key (<<) is a key like any other, so unknown."""
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise refuse(Finding.of("file-key-not-text", "", line=line))
            if key_node.value in found:
                raise refuse(Finding.of("file-duplicate-key", "", line=line, key=key_node.value))
            found[key_node.value] = self.construct_object(value_node, deep=True)
        return found

    def construct_plain(self, node: Any) -> Any:
        """Return null, a boolean or an integer where a plain scalar is one, else the text; refuse a float."""
        text: str = node.value
        if node.style is not None:
            return text
        if _FLOAT.match(text):
            raise refuse(Finding.of("number-is-float", "", line=node.start_mark.line + 1, given=text))
        if _INTEGER.match(text):
            return int(text)
        return {"null": None, "~": None, "": None, "true": True, "false": False}.get(text, text)


_ClosedLoader.add_constructor("tag:yaml.org,2002:str", _ClosedLoader.construct_plain)
_ClosedLoader.add_constructor(_MAP_TAG, _ClosedLoader.construct_mapping)


def read_closed(body: bytes) -> Any:
    """Return the document that the bytes hold, or refuse `master-file-wrong` with one finding."""
    if len(body) > MOST_BYTES:
        raise refuse(Finding.of("file-too-large", "", bytes=len(body), most=MOST_BYTES))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse(Finding.of("file-not-text", "")) from error
    if not unicodedata.is_normalized("NFC", text):
        raise refuse(Finding.of("file-not-text", ""))
    try:
        return _ClosedLoader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise refuse(Finding.of("file-not-yaml", "", line=line, problem=error.problem or "not YAML")) from error
    except yaml.YAMLError as error:
        raise refuse(Finding.of("file-not-yaml", "", line=0, problem="a character that YAML forbids")) from error
