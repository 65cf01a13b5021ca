"""The node map's commands and alarms: what may be asked, what must then be seen, what the device warns of."""

import re
from collections.abc import Mapping

from equipment_drivers.mapfile import Fields, node_ref
from equipment_drivers.mapmodel import AlarmName, AlarmVariable, Argument, CommandBinding, NodeRef
from equipment_drivers.readings import CommandVerb, UnitState

ARGUMENT_TYPES = ("String", "UInt16", "Int32", "UInt32", "Boolean", "Double", "ByteString")
ALARM_CODE = r"[A-Z][A-Z0-9_]{1,63}"
_BY_METHOD = ("method", "object", "args")
_BY_WRITE = ("write", "value", "type")


def read_commands(top: Fields, spaces: Mapping[str, str], tags: frozenset[str]) -> dict[CommandVerb, CommandBinding]:
    """Read `commands`: a method call or a write, with the states required before and expected after."""
    opened = top.named(
        "commands",
        "|".join(CommandVerb),
        required=("within_s",),
        optional=(*_BY_METHOD, *_BY_WRITE, "require", "expect"),
    )
    return {CommandVerb(verb): _command(CommandVerb(verb), entry, spaces, tags) for verb, entry in opened}


def _command(verb: CommandVerb, entry: Fields, spaces: Mapping[str, str], tags: frozenset[str]) -> CommandBinding:
    by_method = "method" in entry
    if by_method == ("write" in entry):
        raise entry.refused("method", "or write must stand here, one of the two")
    stray = [key for key in (_BY_WRITE if by_method else _BY_METHOD) if key in entry]
    if stray:
        raise entry.refused(stray[0], f"has no meaning beside {'method' if by_method else 'write'}")
    require = entry.texts("require")
    if not set(require) <= set(UnitState):
        raise entry.refused("require", f"is {list(require)!r}; known are {', '.join(UnitState)}")
    args = tuple(_argument(entry, text) for text in entry.texts("args"))
    expect = _expect(entry, tags)
    if not expect and not by_method:
        raise entry.refused("expect", "is missing; a write is confirmed only by a state that is read back")
    return CommandBinding(
        verb=verb,
        target=node_ref(entry, "object" if by_method else "write", spaces),
        method=node_ref(entry, "method", spaces) if by_method else None,
        value="" if by_method else str(entry.raw("value")),
        value_type="" if by_method else str(entry.choice("type", ARGUMENT_TYPES)),
        args=args,
        require=frozenset(require),
        expect=expect,
        within_s=entry.number("within_s", 1, 3600),
    )


def _argument(entry: Fields, text: str) -> Argument:
    name, _, kind = text.partition(":")
    if not re.fullmatch(r"[a-z][a-z_]*", name) or kind not in ARGUMENT_TYPES:
        raise entry.refused("args", f"holds {text!r}; name:Type is needed, with a type of {', '.join(ARGUMENT_TYPES)}")
    return Argument(name, kind)


def _expect(entry: Fields, tags: frozenset[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tag, texts in entry.mapping("expect").items():
        if tag not in tags:
            raise entry.refused(f"expect.{tag}", "is no tag of this map, so it can never be read back")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise entry.refused(f"expect.{tag}", "must be a list of texts, one of which confirms the command")
        found[tag] = tuple(texts)
    return found


def read_alarms(
    top: Fields, spaces: Mapping[str, str]
) -> tuple[NodeRef | None, dict[str, AlarmName], dict[str, AlarmVariable]]:
    """Read `alarms`: the source of events, neutral codes per vendor name, alarms shown as variables."""
    alarms = top.section("alarms", optional=("events_from", "map", "variables"))
    names = {
        vendor: AlarmName(
            entry.text("code", ALARM_CODE), entry.number("severity", 1, 1000) if "severity" in entry else None
        )
        for vendor, entry in alarms.named("map", r"[^\n]{1,100}", required=("code",), optional=("severity",))
    }
    if names and "events_from" not in alarms:
        raise alarms.refused("map", "names events, but events_from does not say which node gives them")
    variables = {
        code: _variable(code, entry, spaces)
        for code, entry in alarms.named("variables", ALARM_CODE, required=("node", "active", "severity", "message"))
    }
    events_from = node_ref(alarms, "events_from", spaces) if "events_from" in alarms else None
    return events_from, names, variables


def _variable(code: str, entry: Fields, spaces: Mapping[str, str]) -> AlarmVariable:
    active = entry.raw("active")
    if not isinstance(active, list) or not active or not all(isinstance(value, int) for value in active):
        raise entry.refused("active", f"is {active!r}; a list of whole numbers (or true) is needed")
    return AlarmVariable(
        code,
        node_ref(entry, "node", spaces),
        frozenset(int(value) for value in active),
        entry.number("severity", 1, 1000),
        entry.text("message"),
    )
