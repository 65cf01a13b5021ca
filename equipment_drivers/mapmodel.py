"""What a node map says, as typed values: tags, commands, alarms, and the device model they were made for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from equipment_drivers.readings import CommandVerb


@dataclass(frozen=True, slots=True)
class NodeRef:
    """A node: namespace URI ("" for OPC UA's own) and identifier text like `i=1001`."""

    uri: str
    identifier: str

    def __str__(self) -> str:
        return f"nsu={self.uri};{self.identifier}" if self.uri else self.identifier


@dataclass(frozen=True, slots=True)
class TagBinding:
    """Where one neutral tag comes from. `enum` gives the neutral word of each vendor value."""

    tag: str
    node: NodeRef
    unit: str
    sampling_ms: int
    queue: int
    critical: bool
    enum: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command: its name among `Command.args` and its OPC UA type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class CommandBinding:
    """How one command is given and how its effect is seen.

    Either a `method` on `target` or a `write` of `value` to `target`. `expect` lists, per tag, the texts of
    which one must be read back within `within_s`; `$name` stands for an argument of the command.
    """

    verb: CommandVerb
    target: NodeRef
    method: NodeRef | None
    value: str
    value_type: str
    args: tuple[Argument, ...]
    require: frozenset[str]
    expect: Mapping[str, tuple[str, ...]]
    within_s: float


@dataclass(frozen=True, slots=True)
class AlarmName:
    """The neutral code of a vendor's alarm; `severity` 1 to 1000, None to keep the device's."""

    code: str
    severity: int | None


@dataclass(frozen=True, slots=True)
class AlarmVariable:
    """An alarm that the device shows as a variable: active while its value is one of `active`."""

    code: str
    node: NodeRef
    active: frozenset[int]
    severity: int
    message: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Subscription parameters asked of the device."""

    publishing_ms: int = 500
    keepalive_s: int = 5
    lifetime_s: int = 3600


@dataclass(frozen=True, slots=True)
class Vendor:
    """The device model that the map was made for; `software` is a range such as `>=1.4,<1.6`."""

    manufacturer: str
    model: str
    software: str

    def accepts(self, version: str) -> bool:
        """Whether a software version lies in the range; text after the numbers is ignored."""
        return all(_holds(term, version) for term in self.software.split(","))


@dataclass(frozen=True)
class NodeMap:
    """One node map as read from a file; `sha256` is the hash of its bytes."""

    sha256: str
    device_class: str
    vendor: Vendor
    policy: str
    server_thumbprint: str
    profile: Profile
    tags: Mapping[str, TagBinding]
    commands: Mapping[CommandVerb, CommandBinding]
    events_from: NodeRef | None
    alarm_names: Mapping[str, AlarmName]
    alarm_variables: Mapping[str, AlarmVariable]

    @cached_property
    def nodes(self) -> dict[str, NodeRef]:
        """Every node that the device must have, by the name it has in the map."""
        found = {tag: binding.node for tag, binding in self.tags.items()}
        for verb, command in self.commands.items():
            found[f"commands.{verb}"] = command.target
            if command.method:
                found[f"commands.{verb}.method"] = command.method
        found |= {f"alarms.{code}": variable.node for code, variable in self.alarm_variables.items()}
        return found | ({"alarms.events_from": self.events_from} if self.events_from else {})


def _holds(term: str, version: str) -> bool:
    bound = re.fullmatch(r"(>=|<=|==|<|>)([\d.]+)", term)
    found = re.match(r"\d+(?:\.\d+)*", version)
    if bound is None or found is None:
        return False
    left, right = _numbers(found[0]), _numbers(bound[2])
    return {
        ">=": left >= right,
        "<=": left <= right,
        "==": left == right,
        "<": left < right,
        ">": left > right,
    }[bound[1]]


def _numbers(version: str) -> tuple[int, ...]:
    parts = [int(part) for part in version.strip(".").split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
