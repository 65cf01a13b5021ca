"""The node map: which node of a device model means what, in neutral words; a YAML file of closed vocabulary.

Its SHA-256 names it in the record. Namespaces are URIs, never indexes; the vendor's values become neutral
words only through tables in the file. Anything else is refused with the path of the offending key.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from equipment_drivers.errors import NodeMapRefused
from equipment_drivers.mapcommands import read_alarms, read_commands
from equipment_drivers.mapfile import Fields, node_ref
from equipment_drivers.mapmodel import (
    AlarmName,
    AlarmVariable,
    Argument,
    CommandBinding,
    NodeMap,
    NodeRef,
    Profile,
    TagBinding,
    Vendor,
)
from equipment_drivers.readings import UnitState

__all__ = [
    "AlarmName",
    "AlarmVariable",
    "Argument",
    "CommandBinding",
    "NodeMap",
    "NodeRef",
    "Profile",
    "TagBinding",
    "Vendor",
    "parse_nodemap",
    "read_nodemap",
]

UNITS = ("", "%", "1", "Cel", "mL", "mL/min", "mbar", "bar", "/min", "s", "min", "h", "g", "mmol/L", "[pH]")
"""UCUM codes a device value may carry; a subset of the product's list."""
REQUIRED_TAGS = {
    "cell_processor": (
        "unit.state",
        "program.number",
        "program.step",
        "wait.reason",
        "device.clock",
        "culture.temperature",
    ),
}
TAG = r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+"
WORD = r"[A-Z][A-Z0-9_]{0,63}"
SOFTWARE = r"(>=|<=|==|<|>)\d+(\.\d+)*(,(>=|<=|==|<|>)\d+(\.\d+)*)*"
POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
LIMIT_BYTES = 1 << 20


def read_nodemap(path: Path) -> NodeMap:
    """Read a node map file, or raise NodeMapRefused naming the first offending key."""
    return parse_nodemap(path.read_bytes())


def parse_nodemap(body: bytes) -> NodeMap:
    """Read a node map from the bytes of its file, or raise NodeMapRefused naming the first offending key."""
    top = Fields(
        "",
        _document(body),
        required=("nodemap", "device_class", "vendor", "endpoint", "namespaces", "tags"),
        optional=("profile", "commands", "alarms"),
    )
    top.choice("nodemap", (1,))
    spaces = _namespaces(top)
    device_class = str(top.choice("device_class", tuple(REQUIRED_TAGS)))
    opened = top.named("tags", TAG, required=("node", "sampling_ms", "queue"), optional=("unit", "critical", "enum"))
    tags = {tag: _tag(tag, entry, spaces) for tag, entry in opened}
    absent = [tag for tag in REQUIRED_TAGS[device_class] if tag not in tags]
    if absent:
        raise NodeMapRefused("tags", f"lacks {', '.join(absent)}, which every {device_class} must bind")
    endpoint = top.section("endpoint", required=("policy", "mode"), optional=("server_thumbprint",))
    endpoint.choice("mode", ("SignAndEncrypt",))
    events_from, names, variables = read_alarms(top, spaces)
    return NodeMap(
        sha256=hashlib.sha256(body).hexdigest(),
        device_class=device_class,
        vendor=_vendor(top),
        policy=str(endpoint.choice("policy", POLICIES)),
        server_thumbprint=endpoint.text("server_thumbprint", r"sha256:[0-9a-f]{64}", default=""),
        profile=_profile(top),
        tags=tags,
        commands=read_commands(top, spaces, frozenset(tags)),
        events_from=events_from,
        alarm_names=names,
        alarm_variables=variables,
    )


def _document(body: bytes) -> object:
    if len(body) > LIMIT_BYTES:
        raise NodeMapRefused("file", "is larger than 1 MiB; a node map lists nodes, it holds no data")
    try:
        return yaml.load(body, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that also refuses double keys
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NodeMapRefused("file", f"is not readable YAML: {' '.join(str(error).split())[:200]}") from error


class _StrictLoader(yaml.SafeLoader):
    """A second entry for the same key would replace the first in silence; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _namespaces(top: Fields) -> dict[str, str]:
    spaces = {"": ""}
    for prefix, uri in top.mapping("namespaces").items():
        if not isinstance(uri, str) or ":" not in uri:
            raise NodeMapRefused(f"namespaces.{prefix}", "must be a namespace URI; an index shifts with the firmware")
        spaces[str(prefix)] = uri
    return spaces


def _vendor(top: Fields) -> Vendor:
    vendor = top.section("vendor", required=("manufacturer", "model", "software"))
    return Vendor(vendor.text("manufacturer"), vendor.text("model"), vendor.text("software", SOFTWARE))


def _profile(top: Fields) -> Profile:
    known = Profile()
    profile = top.section("profile", optional=("publishing_ms", "keepalive_s", "lifetime_s"))
    return Profile(
        profile.number("publishing_ms", 20, 60_000, default=known.publishing_ms),
        profile.number("keepalive_s", 1, 60, default=known.keepalive_s),
        profile.number("lifetime_s", 600, 86_400, default=known.lifetime_s),
    )


def _tag(tag: str, entry: Fields, spaces: Mapping[str, str]) -> TagBinding:
    words = _enum(entry)
    if tag == "unit.state" and not (words and set(words.values()) <= set(UnitState)):
        raise entry.refused("enum", f"must map the vendor's states to words of {', '.join(UnitState)}")
    return TagBinding(
        tag,
        node_ref(entry, "node", spaces),
        str(entry.choice("unit", UNITS, default="")),
        entry.number("sampling_ms", 1, 600_000),
        entry.number("queue", 1, 100_000),
        entry.flag("critical"),
        words,
    )


def _enum(entry: Fields) -> dict[int, str]:
    words: dict[int, str] = {}
    for value, word in entry.mapping("enum").items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise entry.refused("enum", f"maps {value!r}; the device gives whole numbers")
        if not isinstance(word, str) or not re.fullmatch(WORD, word):
            raise entry.refused(f"enum.{value}", f"is {word!r}; a word in capitals is needed (YES and NO need quotes)")
        words[value] = word
    return words
