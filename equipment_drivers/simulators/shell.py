"""The OPC UA face of the simulated processor: nodes, methods, alarms as conditions. The address space is invented."""

import asyncio
import copy
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from typing import Any

from asyncua import Server, ua
from asyncua.server.event_generator import EventGenerator

from equipment_drivers.simulators.alarms import RULES, AlarmEvent
from equipment_drivers.simulators.device import CellProcessor, CommandRefused
from equipment_drivers.simulators.samples import Batch
from equipment_drivers.simulators.server import FaithfulSubscriptions
from equipment_drivers.simulators.truth import GroundTruth

NAMESPACE = "urn:septima:simulator:prodigy-like"
MANUFACTURER, MODEL, SOFTWARE = "Septima (invented address space)", "prodigy_like simulator", "1.0.0"
DOUBLE, INT32, UINT16, BOOLEAN, TIME = (
    ua.VariantType.Double, ua.VariantType.Int32, ua.VariantType.UInt16, ua.VariantType.Boolean, ua.VariantType.DateTime,
)  # fmt: skip
NODES = {
    "culture.temperature": (1001, DOUBLE), "culture.co2": (1002, DOUBLE), "culture.volume": (1003, DOUBLE),
    "supply.air_pressure": (1004, DOUBLE), "supply.co2_pressure": (1005, DOUBLE),
    "process.centrifuge_speed": (1006, DOUBLE), "process.pump_flow": (1007, DOUBLE),
    "process.line_pressure": (1008, DOUBLE), "unit.state": (1101, INT32), "program.number": (1102, UINT16),
    "program.step": (1103, UINT16), "wait.reason": (1104, INT32), "unit.door_open": (1105, BOOLEAN),
    "unit.mains": (1106, BOOLEAN), "device.clock": (1107, TIME),
}  # fmt: skip
DEVICE, ACKNOWLEDGE_WAIT = 2000, 2101
METHODS = {
    2001: ("SelectProgram", "select_program"), 2002: ("Start", "start"), 2003: ("Hold", "hold"),
    2004: ("Resume", "resume"), 2005: ("Stop", "stop"), 2006: ("Abort", "abort"),
    2007: ("AcknowledgeAlarm", "acknowledge_alarm"),
}  # fmt: skip
ARGUMENTS = {
    "select_program": [ua.VariantType.UInt16, ua.VariantType.String],
    "acknowledge_alarm": [ua.VariantType.ByteString, ua.VariantType.String],
}
_GOOD = ua.StatusCode(0)


class Shell:
    """Puts a CellProcessor on a server. `emit` is the only way a sample leaves, so the ground truth is complete."""

    def __init__(
        self,
        server: Server,
        service: FaithfulSubscriptions,
        device: CellProcessor,
        now: Callable[[], datetime],
        truth: GroundTruth,
    ) -> None:
        self._server = server
        self._service = service
        self._device = device
        self._now = now
        self._truth = truth
        self._turn = asyncio.Lock()
        self._ids: dict[str, ua.NodeId] = {}
        self._conditions: dict[str, Any] = {}
        self._acknowledging: asyncio.Future[ua.StatusCode] | None = None

    async def build(self) -> None:
        """Make the address space and put the device's first values into it."""
        index = await self._server.register_namespace(NAMESPACE)
        objects = self._server.nodes.objects
        device = await objects.add_object(ua.NodeId(DEVICE, index), ua.QualifiedName("SimulatedProcessor", index))
        for tag, (number, kind) in NODES.items():
            self._ids[tag] = ua.NodeId(number, index)
            empty = ua.Variant(None if kind is TIME else 0, kind)
            await device.add_variable(self._ids[tag], ua.QualifiedName(tag, index), empty, varianttype=kind)
        wait = await device.add_variable(
            ua.NodeId(ACKNOWLEDGE_WAIT, index), ua.QualifiedName("AcknowledgeWait", index), 0, varianttype=INT32
        )
        await wait.set_writable()
        self._server.iserver.aspace.set_attribute_value_setter(wait.nodeid, ua.AttributeIds.Value, self._written)
        for number, (name, command) in METHODS.items():
            await device.add_method(
                ua.NodeId(number, index),
                ua.QualifiedName(name, index),
                self._method(command),
                ARGUMENTS.get(command, []),
                [],
            )
        for rule in RULES:
            self._conditions[rule.name] = await self._condition(rule.name, index)
        await self.emit(self._device.first())

    async def _condition(self, name: str, index: int) -> Any:
        generator = EventGenerator(self._server.iserver.isession)
        await generator.init(ua.ObjectIds.AlarmConditionType, ua.ObjectIds.Server, add_generates_event=False)
        event = generator.event
        event.ConditionName = name
        event.NodeId = ua.NodeId(3000 + len(self._conditions), index)
        event.SourceName = "SimulatedProcessor"
        for field, kind in (("ActiveState/Id", BOOLEAN), ("AckedState/Id", BOOLEAN)):
            if not hasattr(event, field):
                event.add_property(field, False, kind)
        return event

    async def emit(self, batch: Batch) -> None:
        """Write one batch to the nodes, its alarms as events, and then to the ground truth; never yields inside."""
        write = self._server.iserver.aspace.write_attribute_value
        for sample in batch.samples:
            value = int(sample.value) if isinstance(sample.value, IntEnum) else sample.value
            status = ua.StatusCode(sample.status) if sample.status else _GOOD
            # asyncua's Variant guesses nothing when it is told the type
            variant = ua.Variant(value, NODES[sample.tag][1])
            data = ua.DataValue(variant, status, sample.at, sample.at)
            (await write(self._ids[sample.tag], ua.AttributeIds.Value, data)).check()
        for alarm in batch.alarms:
            await self._service.trigger_event(self._event(alarm))
        self._truth.write(batch.samples)

    def _event(self, alarm: AlarmEvent) -> Any:
        event = copy.copy(self._conditions[alarm.name])
        event.EventId = bytes.fromhex(alarm.event_id)
        event.Time = event.ReceiveTime = alarm.at
        event.Message = ua.LocalizedText(alarm.message)
        event.Severity = alarm.severity
        event.Retain = alarm.active or not alarm.acknowledged
        setattr(event, "ActiveState/Id", alarm.active)
        setattr(event, "AckedState/Id", alarm.acknowledged)
        return event

    async def catch_up(self, pause: Callable[[], Any], every: int) -> int:
        """Emit all that happened until now and return the number of batches; `pause` is awaited every few of them."""
        async with self._turn:
            count = 0
            for batch in self._device.until(self._now()):
                await self.emit(batch)
                count += 1
                if count % every == 0:
                    await pause()
            return count

    async def stand_still(self, now: datetime) -> None:
        """Show the clock once at the time at which virtual time stands still."""
        async with self._turn:
            batch = self._device.still(now)
            if batch is not None:
                await self.emit(batch)

    async def command(self, name: str, argument: str) -> ua.StatusCode:
        """Bring the device to now, give it one command, emit what follows, and return its answer."""
        async with self._turn:
            now = self._now()
            for batch in self._device.until(now):
                await self.emit(batch)
            try:
                await self.emit(self._device.command(name, now, argument))
            except CommandRefused as refused:
                return ua.StatusCode(getattr(ua.StatusCodes, str(refused)))
            return _GOOD

    def _method(self, command: str) -> Callable[..., Any]:
        async def called(parent: ua.NodeId, *given: ua.Variant) -> ua.StatusCode:
            if len(given) < len(ARGUMENTS.get(command, [])):
                return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
            value = given[0].Value if given else ""
            return await self.command(command, value.hex() if isinstance(value, bytes) else str(value))

        return called

    def _written(self, node: Any, attribute: ua.AttributeIds, value: ua.DataValue) -> None:
        node.attributes[attribute].value = value
        if value.Value is not None and value.Value.Value == 1:
            self._acknowledging = asyncio.ensure_future(self.command("acknowledge_wait", ""))
