"""Device alarms in neutral words: from OPC UA conditions and events, or from variables that stand for an alarm."""

from collections.abc import Sequence
from typing import Any

from asyncua import ua

from equipment_drivers.mapmodel import AlarmVariable, NodeMap
from equipment_drivers.opcua.values import ticks_of
from equipment_drivers.opcua.wire import Change
from equipment_drivers.readings import Alarm

_FIELDS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (ua.ObjectIds.BaseEventType, ("EventId",)),
    (ua.ObjectIds.BaseEventType, ("SourceName",)),
    (ua.ObjectIds.BaseEventType, ("Time",)),
    (ua.ObjectIds.BaseEventType, ("Message",)),
    (ua.ObjectIds.BaseEventType, ("Severity",)),
    (ua.ObjectIds.ConditionType, ("ConditionName",)),
    (ua.ObjectIds.AlarmConditionType, ("ActiveState", "Id")),
    (ua.ObjectIds.AcknowledgeableConditionType, ("AckedState", "Id")),
)
UNMAPPED = "UNMAPPED"


def event_filter() -> ua.EventFilter:
    """Return the filter that asks for what an Alarm needs, of every event of the node."""
    clauses = []
    for kind, path in _FIELDS:
        clause = ua.SimpleAttributeOperand()
        clause.TypeDefinitionId = ua.NodeId(kind)
        clause.BrowsePath = [ua.QualifiedName(name, 0) for name in path]
        clause.AttributeId = ua.AttributeIds.Value
        clauses.append(clause)
    return ua.EventFilter(SelectClauses=clauses)


def alarm_of_event(nodemap: NodeMap, fields: Sequence[Any], receive_time: int) -> Alarm | None:
    """Return the alarm that an event means; None for events that are neither an alarm nor named in the map.

    An alarm whose vendor name the map does not hold keeps that name in its message under the code UNMAPPED. The
    same event may come again after a refresh or a republish: it keeps its event id.
    """
    event_id, source, at, message, severity, condition, active, acknowledged = fields
    vendor = condition or source or ""
    known = nodemap.alarm_names.get(vendor)
    if known is None and active is None:
        return None
    text = message.Text if isinstance(message, ua.LocalizedText) else message
    return Alarm(
        code=known.code if known else UNMAPPED,
        event_id=bytes(event_id or b"").hex(),
        message=(text or "") if known else f"{vendor}: {text or ''}",
        severity=max(1, min(1000, (known.severity if known and known.severity else severity) or 1)),
        active=True if active is None else bool(active),
        acknowledged=bool(acknowledged),
        source_time=ticks_of(at) if at else receive_time,
        receive_time=receive_time,
    )


def alarm_of_variable(variable: AlarmVariable, change: Change, receive_time: int) -> Alarm:
    """Return the transition that one value of an alarm variable means; its event id is made from what was seen."""
    at = change.source_time if change.source_time is not None else receive_time
    return Alarm(
        code=variable.code,
        event_id=f"{variable.code}.{at}.{change.value}",
        message=variable.message,
        severity=variable.severity,
        active=change.value is not None and int(change.value) in variable.active,
        acknowledged=False,
        source_time=at,
        receive_time=receive_time,
    )
