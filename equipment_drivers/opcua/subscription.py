"""Makes the one subscription of a device and checks what the device revised: sampling, queues, lifetimes."""

import math
from dataclasses import dataclass

from asyncua import ua

from equipment_drivers.driver import BuildInfo
from equipment_drivers.errors import ConfigurationFault, ConnectionLost, DeviceDiffers, NodesMissing
from equipment_drivers.mapmodel import NodeMap, NodeRef
from equipment_drivers.opcua.alarms import event_filter
from equipment_drivers.opcua.channel import Channel

EVENTS_TAG = "#events"
ALARM_PREFIX = "#alarm:"
MIN_LIFETIME_S = 600
EVENT_QUEUE = 10_000


@dataclass(frozen=True, slots=True)
class Made:
    """A new subscription as the device granted it; `doubts` are the sentences for a DEGRADED link."""

    subscription: int
    handles: dict[int, str]
    publishing_ms: float
    keepalive_count: int
    lifetime_count: int
    doubts: tuple[str, ...]


async def check_device(channel: Channel, nodemap: NodeMap) -> tuple[dict[NodeRef, ua.NodeId], BuildInfo]:
    """Return the live node ids of the map and the BuildInfo; DeviceDiffers or NodesMissing (all of them) else."""
    info = await _build_info(channel)
    vendor = nodemap.vendor
    if (info.manufacturer, info.model) != (vendor.manufacturer, vendor.model) or not vendor.accepts(info.software):
        raise DeviceDiffers(
            f"the device is {info.manufacturer}, {info.model}, {info.software}; the map is for "
            f"{vendor.manufacturer}, {vendor.model}, {vendor.software}"
        )
    array = ua.NodeId(ua.ObjectIds.Server_NamespaceArray)
    found = await channel.ask("namespaces", channel.services.read_attributes([array], ua.AttributeIds.Value))
    indexes = {"": 0} | {uri: index for index, uri in enumerate(found[0].Value.Value or [])}
    live = {ref: node_id(ref, indexes[ref.uri]) for ref in nodemap.nodes.values() if ref.uri in indexes}
    absent = {ref for ref in nodemap.nodes.values() if ref.uri not in indexes}
    refs = list(live)
    answers = await channel.ask(
        "nodes", channel.services.read_attributes([live[ref] for ref in refs], ua.AttributeIds.NodeClass)
    )
    absent |= {ref for ref, answer in zip(refs, answers, strict=True) if not answer.StatusCode.is_good()}
    if absent:
        raise NodesMissing(tuple(f"{name} ({ref})" for name, ref in nodemap.nodes.items() if ref in absent))
    return live, info


def node_id(ref: NodeRef, index: int) -> ua.NodeId:
    """Return the live node id of a reference, given its namespace's present index."""
    return ua.NodeId.from_string(f"ns={index};{ref.identifier}")


async def _build_info(channel: Channel) -> BuildInfo:
    ids = (
        ua.ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName,
        ua.ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
        ua.ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
    )
    asked = channel.services.read_attributes([ua.NodeId(one) for one in ids], ua.AttributeIds.Value)
    found = await channel.ask("build info", asked)
    return BuildInfo(*(str(answer.Value.Value or "") for answer in found))


async def subscribe(channel: Channel, nodemap: NodeMap, live: dict[NodeRef, ua.NodeId]) -> Made:
    """Create the subscription and its monitored items, explicit in every parameter."""
    profile = nodemap.profile
    asked = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=float(profile.publishing_ms),
        RequestedLifetimeCount=math.ceil(profile.lifetime_s * 1000 / profile.publishing_ms),
        RequestedMaxKeepAliveCount=max(1, profile.keepalive_s * 1000 // profile.publishing_ms),
        MaxNotificationsPerPublish=0,
        PublishingEnabled=True,
        Priority=0,
    )
    request = ua.CreateSubscriptionRequest()
    request.Parameters = asked
    answer = await channel.send("subscribe", request)
    response = ua.ua_binary.struct_from_binary(ua.CreateSubscriptionResponse, answer)
    if not response.ResponseHeader.ServiceResult.is_good():
        raise ConnectionLost(f"subscribe: {response.ResponseHeader.ServiceResult.name}", during="subscribe")
    made = response.Parameters
    items, handles = _items(nodemap, live)
    wanted = ua.CreateMonitoredItemsParameters(
        SubscriptionId=made.SubscriptionId, TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToCreate=items
    )
    granted = await channel.ask("monitored items", channel.services.create_monitored_items(wanted))
    refused = [
        f"{handles[item.RequestedParameters.ClientHandle]} ({result.StatusCode.name})"
        for item, result in zip(items, granted, strict=True)
        if not result.StatusCode.is_good()
    ]
    if refused:
        raise ConfigurationFault(f"the device does not let us monitor: {', '.join(refused)}")
    lifetime_s = made.RevisedLifetimeCount * made.RevisedPublishingInterval / 1000
    doubts = [*_revised(items, granted, handles)]
    if min(lifetime_s, channel.session_timeout_ms / 1000) < MIN_LIFETIME_S:
        doubts.append(f"the device keeps data of a lost link for {lifetime_s:.0f} s only")
    return Made(
        made.SubscriptionId, handles, made.RevisedPublishingInterval, made.RevisedMaxKeepAliveCount,
        made.RevisedLifetimeCount, tuple(doubts),
    )  # fmt: skip


def _items(
    nodemap: NodeMap, live: dict[NodeRef, ua.NodeId]
) -> tuple[list[ua.MonitoredItemCreateRequest], dict[int, str]]:
    trigger = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp, DeadbandType=0, DeadbandValue=0.0)
    value, events = ua.AttributeIds.Value, ua.AttributeIds.EventNotifier
    rows = [
        (tag, live[binding.node], value, float(binding.sampling_ms), binding.queue, trigger)
        for tag, binding in nodemap.tags.items()
    ]
    rows += [
        (f"{ALARM_PREFIX}{code}", live[variable.node], value, 100.0, EVENT_QUEUE, trigger)
        for code, variable in nodemap.alarm_variables.items()
    ]
    if nodemap.events_from:
        rows.append((EVENTS_TAG, live[nodemap.events_from], events, 0.0, EVENT_QUEUE, event_filter()))
    items, handles = [], {}
    for handle, (name, node, attribute, sampling, queue, filter_) in enumerate(rows, start=1):
        handles[handle] = name
        parameters = ua.MonitoringParameters(
            ClientHandle=handle, SamplingInterval=sampling, QueueSize=queue, DiscardOldest=True, Filter=filter_
        )
        items.append(
            ua.MonitoredItemCreateRequest(
                ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=attribute),
                MonitoringMode=ua.MonitoringMode.Reporting,
                RequestedParameters=parameters,
            )
        )
    return items, handles


def _revised(
    items: list[ua.MonitoredItemCreateRequest],
    granted: list[ua.MonitoredItemCreateResult],
    handles: dict[int, str],
) -> list[str]:
    doubts = []
    for item, result in zip(items, granted, strict=True):
        asked, name = item.RequestedParameters, handles[item.RequestedParameters.ClientHandle]
        if result.RevisedQueueSize < asked.QueueSize:
            doubts.append(f"{name}: queue of {result.RevisedQueueSize} instead of {asked.QueueSize}")
        if asked.SamplingInterval and result.RevisedSamplingInterval > asked.SamplingInterval:
            doubts.append(
                f"{name}: sampled every {result.RevisedSamplingInterval:g} ms, not {asked.SamplingInterval:g}"
            )
    return doubts


async def refresh_conditions(channel: Channel, subscription: int) -> bool:
    """Ask for the alarms that stand now (ConditionRefresh); False where the device has no such method."""
    call = ua.CallMethodRequest(
        ObjectId=ua.NodeId(ua.ObjectIds.ConditionType),
        MethodId=ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh),
        InputArguments=[ua.Variant(subscription, ua.VariantType.UInt32)],
    )
    results = await channel.ask("condition refresh", channel.services.call([call]))
    return bool(results and results[0].StatusCode.is_good())
