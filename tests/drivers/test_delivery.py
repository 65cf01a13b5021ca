"""The rules of one subscription, on a channel that holds its messages in a list: order, holes, ends, duplicates."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from equipment_drivers.driver import LastSample, Publish, SubscriptionState
from equipment_drivers.errors import ConnectionLost
from equipment_drivers.mapmodel import NodeMap
from equipment_drivers.nodemap import parse_nodemap
from equipment_drivers.opcua.delivery import Delivery, following
from equipment_drivers.opcua.values import OVERFLOW
from equipment_drivers.opcua.wire import Change, Event, Message
from equipment_drivers.prodigy import SIMULATOR_MAP
from equipment_drivers.readings import Origin
from tests.drivers.stage import T0, MemorySink

MAP = parse_nodemap(SIMULATOR_MAP.read_bytes())
VARIABLE_MAP = parse_nodemap(
    SIMULATOR_MAP.read_bytes().partition(b"alarms:")[0]
    + b'alarms:\n  variables:\n    BUBBLE: {node: "d;i=9", active: [2], severity: 700, message: "Bubble"}\n'
)
HANDLES = {1: "culture.temperature", 2: "unit.state", 3: "#events", 4: "#alarm:BUBBLE"}


class EndOfScene(Exception):
    """The list of messages is used up."""


class ListedChannel:
    """Gives what is listed: live messages in order, republished ones by number; notes acknowledgements."""

    def __init__(self, live: list[Message], kept: dict[int, Message] | None = None, subscription: int = 78) -> None:
        self.live, self.kept, self.subscription = list(live), kept or {}, subscription
        self.acknowledged: list[list[int]] = []
        self.asked: list[int] = []

    async def publish(self, subscription: int, acknowledged: list[int]) -> tuple[int, Message]:
        self.acknowledged.append(list(acknowledged))
        if not self.live:
            raise EndOfScene
        return self.subscription, self.live.pop(0)

    async def republish(self, subscription: int, number: int) -> Message | None:
        self.asked.append(number)
        return self.kept.get(number)


def temperature(sequence: int, value: float = 37.0, at: int | None = None, status: int = 0) -> Message:
    time = 1000 + sequence if at is None else at
    return Message(sequence, [Change(1, 11, value, status, time, time)], [], None)


def keep_alive(sequence: int) -> Message:
    return Message(sequence, [], [], None)


def a_state(last_sequence: int = 0, **last: LastSample) -> SubscriptionState:
    return SubscriptionState(
        endpoint="opc.tcp://127.0.0.1:1/", nodemap=MAP.sha256, session_id="i=1", authentication_token="i=2",
        server_nonce="", subscription=78, generation=3, handles=HANDLES, last_sequence=last_sequence,
        publishing_ms=100.0, keepalive_count=10, lifetime_count=100, session_timeout_ms=1e6,
        last={name.replace("_", "."): sample for name, sample in last.items()},
    )  # fmt: skip


def delivered(
    channel: ListedChannel, state: SubscriptionState, nodemap: NodeMap = MAP, replay: bool = False
) -> MemorySink:
    sink = MemorySink(lambda: T0)
    delivery = Delivery(channel, nodemap, sink, state)

    async def scene() -> None:
        if replay:
            await delivery.replay()
        await delivery.deliver(lambda silent: None)

    with pytest.raises(EndOfScene):
        asyncio.run(scene())
    return sink


def test_a_message_is_acknowledged_after_it_is_durable_and_not_before() -> None:
    channel = ListedChannel([temperature(1), temperature(2)])
    sink = delivered(channel, a_state())
    assert channel.acknowledged == [[], [1], [2]]
    assert list(sink.rows) == [((3 << 32) + 78, 1, 0), ((3 << 32) + 78, 2, 0)]
    reading = next(iter(sink.rows.values()))
    assert (reading.tag, reading.value, reading.unit, reading.origin) == (
        "culture.temperature", "37.0", "Cel", Origin.LIVE,
    )  # fmt: skip


def test_a_sink_that_fails_keeps_the_message_unacknowledged() -> None:
    class FullDisk(MemorySink):
        async def commit(self, publish: Publish, session: SubscriptionState) -> None:
            raise OSError("no space left on device")

    channel = ListedChannel([temperature(1), temperature(2)])
    delivery = Delivery(channel, MAP, FullDisk(lambda: T0), a_state())
    with pytest.raises(OSError, match="no space"):
        asyncio.run(delivery.deliver(lambda silent: None))
    assert channel.acknowledged == [[]]
    assert delivery.state.last_sequence == 0


def test_replay_ends_at_the_first_message_the_device_does_not_have() -> None:
    channel = ListedChannel([temperature(6)], {4: temperature(4), 5: temperature(5)})
    sink = delivered(channel, a_state(3), replay=True)
    assert channel.asked == [4, 5, 6]
    assert channel.acknowledged == [[4, 5], [6]]
    assert [row.origin for row in sink.rows.values()] == [Origin.REPUBLISHED, Origin.REPUBLISHED, Origin.LIVE]
    assert not sink.gaps


@pytest.mark.parametrize("announce", [temperature(4), keep_alive(4)], ids=["message", "keep-alive"])
def test_a_hole_is_fetched_before_what_comes_after_it(announce: Message) -> None:
    channel = ListedChannel([temperature(1), announce], {2: temperature(2), 3: temperature(3)})
    sink = delivered(channel, a_state())
    assert [key[1] for key in sink.rows] == ([1, 2, 3, 4] if announce.changes else [1, 2, 3])
    assert not sink.gaps


def test_a_hole_that_cannot_be_fetched_is_a_gap() -> None:
    channel = ListedChannel([temperature(1), temperature(5), temperature(6)], {2: temperature(2)})
    sink = delivered(channel, a_state())
    assert [key[1] for key in sink.rows] == [1, 2, 5, 6]
    (gap,) = sink.gaps
    assert gap.cause == "messages-lost: 2 to 4"
    assert (gap.from_time, gap.tags) == (1002, ("culture.temperature",))


def test_a_keep_alive_announces_the_next_number_and_changes_nothing() -> None:
    channel = ListedChannel([temperature(1), keep_alive(2), keep_alive(2), temperature(2)])
    sink = delivered(channel, a_state())
    assert [key[1] for key in sink.rows] == [1, 2]
    assert channel.asked == []
    assert sink.commits == 2


def test_a_message_that_comes_twice_is_acknowledged_and_not_stored_again() -> None:
    channel = ListedChannel([temperature(1), temperature(1, 39.0), temperature(2)])
    sink = delivered(channel, a_state())
    assert channel.acknowledged == [[], [1], [1], [2]]
    assert [row.value for row in sink.rows.values()] == ["37.0", "37.0"]


def test_numbers_wrap_past_zero() -> None:
    assert (following(0), following(2**32 - 2), following(2**32 - 1)) == (1, 2**32 - 1, 1)
    channel = ListedChannel([temperature(2**32 - 1), temperature(1)])
    assert [key[1] for key in delivered(channel, a_state(2**32 - 2)).rows] == [2**32 - 1, 1]


@pytest.mark.parametrize(("value", "at", "status", "kept"), [
    (37.0, 1001, 0, 0), (37.1, 1001, 0, 1), (37.0, 1002, 0, 1), (37.0, 1001, 0x40000000, 1),
])  # fmt: skip
def test_the_first_value_of_a_new_subscription_is_dropped_if_it_is_known(
    value: float, at: int, status: int, kept: int
) -> None:
    known = a_state(culture_temperature=LastSample(1001, "37.0", 0))
    sink = delivered(ListedChannel([temperature(1, value, at, status)]), known)
    assert len(sink.rows) == kept
    assert sink.state is not None
    assert sink.state.last_sequence == 1


def test_a_dropped_queue_is_a_gap_of_its_tag() -> None:
    known = a_state(culture_temperature=LastSample(900, "37.0", 0))
    sink = delivered(ListedChannel([temperature(1, at=1500, status=OVERFLOW)]), known)
    (gap,) = sink.gaps
    assert (gap.from_time, gap.to_time, gap.tags) == (900, 1500, ("culture.temperature",))
    assert [row.status for row in sink.rows.values()] == [OVERFLOW]


@pytest.mark.parametrize(("value", "text"), [(2, "RUNNING"), (99, "UNKNOWN"), (None, "")])
def test_vendor_values_become_neutral_words_or_unknown(value: int | None, text: str) -> None:
    status = 0x80000000 if value is None else 0
    sink = delivered(ListedChannel([Message(1, [Change(2, 6, value, status, 1, 1)], [], None)]), a_state())
    assert [(row.value, row.status) for row in sink.rows.values()] == [(text, status)]


def an_event(name: str | None, active: bool | None, source: str = "Device", severity: int = 800) -> Message:
    return Message(1, [], [Event(3, [b"\x01", source, T0, "hot", severity, name, active, False])], None)


@pytest.mark.parametrize(("event", "told"), [
    (an_event("TemperatureDeviation", True), ("TEMPERATURE_EXCURSION", "hot", True)),
    (an_event("TemperatureDeviation", False), ("TEMPERATURE_EXCURSION", "hot", False)),
    (an_event("Novelty", True), ("UNMAPPED", "Novelty: hot", True)),
    (an_event(None, None, source="MainsLost"), ("MAINS_LOST", "hot", True)),
    (an_event(None, None, source="Audit"), None),
])  # fmt: skip
def test_events_become_alarms(event: Message, told: tuple[str, str, bool] | None) -> None:
    sink = delivered(ListedChannel([event]), a_state())
    assert [(alarm.code, alarm.message, alarm.active) for alarm in sink.alarms.values()] == ([told] if told else [])


@pytest.mark.parametrize(("severity", "told"), [(0, 1), (1, 1), (1000, 1000), (5000, 1000)])
def test_a_severity_stays_within_its_scale(severity: int, told: int) -> None:
    sink = delivered(ListedChannel([an_event("MainsLost", True, severity=severity)]), a_state())
    assert [alarm.severity for alarm in sink.alarms.values()] == [told]


def test_alarm_variables_tell_when_they_come_and_go() -> None:
    values = [0, 2, 2, 1]
    live = [Message(n, [Change(4, 6, value, 0, n, n)], [], None) for n, value in enumerate(values, start=1)]
    sink = delivered(ListedChannel(live), a_state(), VARIABLE_MAP)
    assert [(alarm.code, alarm.active, alarm.source_time) for alarm in sink.alarms.values()] == [
        ("BUBBLE", True, 2), ("BUBBLE", False, 4),
    ]  # fmt: skip
    assert not sink.rows


@pytest.mark.parametrize(("message", "subscription", "why"), [
    (Message(1, [Change(77, 6, 1, 0, 1, 1)], [], None), 78, "unknown handle 77"),
    (Message(1, [], [], 0x800A0000), 78, "ended the subscription: 0x800A0000"),
    (temperature(1), 79, "published for subscription 79, not ours"),
])  # fmt: skip
def test_what_does_not_belong_ends_the_link(message: Message, subscription: int, why: str) -> None:
    channel = ListedChannel([message], subscription=subscription)
    delivery = Delivery(channel, MAP, MemorySink(lambda: T0), a_state())
    with pytest.raises(ConnectionLost, match=why):
        asyncio.run(delivery.deliver(lambda silent: None))


def test_a_silent_device_is_stale_and_then_lost() -> None:
    class Silent(ListedChannel):
        async def publish(self, subscription: int, acknowledged: list[int]) -> tuple[int, Message]:
            await asyncio.Event().wait()
            raise AssertionError

    told: list[Any] = []
    delivery = Delivery(Silent([]), MAP, MemorySink(lambda: T0), a_state())
    with pytest.raises(ConnectionLost, match="no keep-alive for 4 s"):
        asyncio.run(delivery.deliver(told.append))
    assert told == [True]


def test_the_state_survives_as_json() -> None:
    state = replace(a_state(41, culture_temperature=LastSample(5, "37.0", 0)), last_sequence=42)
    assert SubscriptionState.from_json(state.to_json()) == state
    assert state.number == (3 << 32) + 78
