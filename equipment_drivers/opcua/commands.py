"""Carries one command out, once: checks what it requires, sends it, and reads back whether it took effect."""

import asyncio
import time
from collections.abc import Callable, Mapping

from asyncua import ua

from equipment_drivers.errors import DriverFault
from equipment_drivers.mapmodel import CommandBinding, NodeMap, NodeRef
from equipment_drivers.opcua.channel import Channel
from equipment_drivers.opcua.values import value_text
from equipment_drivers.readings import Command, CommandOutcome, CommandResult

POLL_S = 0.05
STATE = "unit.state"


async def carry_out(
    channel: Channel,
    nodemap: NodeMap,
    live: Mapping[NodeRef, ua.NodeId],
    command: Command,
    now_ticks: Callable[[], int],
) -> CommandOutcome:
    """Carry out one command and say what became of it; never raises, never sends twice.

    REFUSED: nothing was changed (not in the map, wrong state, wrong argument, or the device said no). CONFIRMED:
    the expected state was read back, or the device's method answered Good where the map expects no state. UNKNOWN:
    it was sent, and then the link died or the expected state did not come within the map's time.
    """

    def became(result: CommandResult, detail: str) -> CommandOutcome:
        return CommandOutcome(command.id, result, detail, now_ticks())

    binding = nodemap.commands.get(command.verb)
    if binding is None:
        return became(CommandResult.REFUSED, f"not sent: the node map has no command {command.verb}")
    try:
        send = _prepared(channel, binding, live, command)
        state = (await _read(channel, nodemap, live, (STATE,)))[STATE]
    except (ValueError, DriverFault) as error:
        return became(CommandResult.REFUSED, f"not sent: {error}")
    if binding.require and state not in binding.require:
        return became(
            CommandResult.REFUSED, f"not sent: the device is {state}, not {' or '.join(sorted(binding.require))}"
        )
    try:
        answer = await send()
        if not answer.is_good():
            return became(CommandResult.REFUSED, f"the device refused: {answer.name}")
        if not binding.expect:
            return became(CommandResult.CONFIRMED, f"the device answered {answer.name}; the map expects no state")
        return became(*await _watched(channel, nodemap, live, binding, command))
    except DriverFault as error:
        return became(CommandResult.UNKNOWN, f"sent, then the link failed: {error}")


def _prepared(
    channel: Channel, binding: CommandBinding, live: Mapping[NodeRef, ua.NodeId], command: Command
) -> Callable[[], "asyncio.Future[ua.StatusCode]"]:
    """Build the request before anything is sent; ValueError names an argument that is missing or malformed."""
    if binding.method is None:
        wanted = ua.DataValue(_variant(binding.value_type, _filled(binding.value, command.args)))
        node = live[binding.target]
        return lambda: asyncio.ensure_future(_write(channel, node, wanted))
    arguments = [_variant(argument.type, _filled(f"${argument.name}", command.args)) for argument in binding.args]
    call = ua.CallMethodRequest(ObjectId=live[binding.target], MethodId=live[binding.method], InputArguments=arguments)
    return lambda: asyncio.ensure_future(_call(channel, call))


async def _write(channel: Channel, node: ua.NodeId, wanted: ua.DataValue) -> ua.StatusCode:
    results = await channel.ask("write", channel.services.write_attributes([node], [wanted]))
    return results[0]


async def _call(channel: Channel, call: ua.CallMethodRequest) -> ua.StatusCode:
    results = await channel.ask("call", channel.services.call([call]))
    return results[0].StatusCode


def _filled(text: str, args: Mapping[str, str]) -> str:
    if not text.startswith("$"):
        return text
    if text[1:] not in args:
        raise ValueError(f"the argument {text[1:]} is missing")
    return args[text[1:]]


def _variant(kind: str, text: str) -> ua.Variant:
    variant_type = ua.VariantType[kind]
    if kind == "String":
        return ua.Variant(text, variant_type)
    if kind == "Boolean":
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false")
        return ua.Variant(text == "true", variant_type)
    if kind == "ByteString":
        return ua.Variant(bytes.fromhex(text), variant_type)
    return ua.Variant(float(text) if kind == "Double" else int(text), variant_type)


async def _watched(
    channel: Channel,
    nodemap: NodeMap,
    live: Mapping[NodeRef, ua.NodeId],
    binding: CommandBinding,
    command: Command,
) -> tuple[CommandResult, str]:
    wanted = {tag: [_filled(text, command.args) for text in texts] for tag, texts in binding.expect.items()}
    until = time.monotonic() + binding.within_s
    while True:
        seen = await _read(channel, nodemap, live, tuple(wanted))
        told = ", ".join(f"{tag}={text}" for tag, text in seen.items())
        if all(seen[tag] in texts for tag, texts in wanted.items()):
            return CommandResult.CONFIRMED, f"read back {told}"
        if time.monotonic() >= until:
            return CommandResult.UNKNOWN, f"accepted, but after {binding.within_s:g} s still {told}"
        await asyncio.sleep(POLL_S)


async def _read(
    channel: Channel, nodemap: NodeMap, live: Mapping[NodeRef, ua.NodeId], tags: tuple[str, ...]
) -> dict[str, str]:
    nodes = [live[nodemap.tags[tag].node] for tag in tags]
    found = await channel.ask("read back", channel.services.read_attributes(nodes, ua.AttributeIds.Value))
    texts = {}
    for tag, answer in zip(tags, found, strict=True):
        value, words = answer.Value.Value, nodemap.tags[tag].enum
        kind = answer.Value.VariantType.value
        texts[tag] = words.get(value, "UNKNOWN") if words else value_text(kind, value)
    return texts
