"""Our reading of notification messages against asyncua's own writing of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import BadMessageNotAvailable, BadNoSubscription
from hypothesis import given, settings
from hypothesis import strategies as st

from equipment_drivers.opcua import wire
from equipment_drivers.opcua.values import ticks_of

T = ua.VariantType
AT = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
VALUES = st.one_of(
    st.tuples(st.just(T.Double), st.floats(allow_nan=False)),
    st.tuples(st.just(T.Boolean), st.booleans()),
    st.tuples(st.just(T.Int32), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(T.UInt16), st.integers(0, 2**16 - 1)),
    st.tuples(st.just(T.Int64), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(T.String), st.one_of(st.none(), st.text(max_size=20))),
    st.tuples(st.just(T.ByteString), st.binary(max_size=20)),
)
TIMES = st.one_of(st.none(), st.integers(0, 10**9).map(lambda n: AT + timedelta(microseconds=n)))


def answered(data: list[Any], available: list[int], sequence: int = 5) -> Buffer:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = 78
    response.Parameters.AvailableSequenceNumbers = available
    response.Parameters.NotificationMessage.SequenceNumber = sequence
    response.Parameters.NotificationMessage.NotificationData = data
    return Buffer(struct_to_binary(response))


def item(handle: int, kind: T, value: Any, status: int, source: datetime | None, server: datetime | None) -> Any:
    data = ua.DataValue(ua.Variant(value, kind), ua.StatusCode(status), source, server)
    return ua.MonitoredItemNotification(ClientHandle=handle, Value=data)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), VALUES, st.sampled_from([0, 0x480, 0x808C0000]), TIMES, TIMES)),
    st.lists(st.integers(0, 2**32 - 1), max_size=5),
)
def test_changes_are_read_as_they_were_written(rows: list[Any], available: list[int]) -> None:
    items = [item(handle, kind, value, status, at, then) for handle, (kind, value), status, at, then in rows]
    subscription, message = wire.read_publish(answered([ua.DataChangeNotification(items)], available))
    assert (subscription, message.sequence) == (78, 5)
    assert [(c.handle, c.kind, c.value, c.status) for c in message.changes] == [
        (handle, kind.value, value, status) for handle, (kind, value), status, *_ in rows
    ]
    assert [(c.source_time, c.server_time) for c in message.changes] == [
        tuple(ticks_of(time) if time else None for time in times) for *_, (*times,) in [(0, row[3:]) for row in rows]
    ]


@pytest.mark.parametrize(("kind", "value", "read"), [
    (T.DateTime, AT, ticks_of(AT)), (T.LocalizedText, ua.LocalizedText("warm"), "warm"),
    (T.Float, 0.5, 0.5), (T.Byte, 7, 7), (T.UInt64, 2**64 - 1, 2**64 - 1), (T.Double, [1.0, 2.0], [1.0, 2.0]),
    (T.NodeId, ua.NodeId(85), ua.NodeId(85)),
])  # fmt: skip
def test_rarer_types(kind: T, value: Any, read: Any) -> None:
    items = [item(1, kind, value, 0, None, None), item(2, T.Int32, 9, 0, AT, None)]
    _, message = wire.read_publish(answered([ua.DataChangeNotification(items)], []))
    assert [change.value for change in message.changes] == [read, 9]


def test_events_status_changes_and_keep_alives() -> None:
    fields = [ua.Variant(b"id", T.ByteString), ua.Variant(ua.LocalizedText("hot")), ua.Variant(None)]
    events = ua.EventNotificationList([ua.EventFieldList(ClientHandle=4, EventFields=fields)])
    changes = ua.DataChangeNotification([item(1, T.Double, 37.0, 0, AT, AT)])
    _, message = wire.read_publish(answered([changes, events], [1, 2]))
    assert len(message.changes) == len(message.events) == 1
    assert message.events[0].fields == [b"id", ua.LocalizedText("hot"), None]
    _, message = wire.read_publish(answered([ua.StatusChangeNotification(Status=ua.StatusCode(0x800A0000))], []))
    assert (message.status, message.empty) == (0x800A0000, False)
    _, message = wire.read_publish(answered([], [3, 4]))
    assert message.empty


def test_an_unknown_notification_is_stepped_over() -> None:
    changes = ua.DataChangeNotification([item(1, T.Double, 37.0, 0, AT, AT)])
    _, message = wire.read_publish(answered([ua.Argument(Name="odd"), changes], []))
    assert [change.value for change in message.changes] == [37.0]


def test_a_bad_answer_raises_its_status() -> None:
    refused = ua.PublishResponse()
    refused.ResponseHeader.ServiceResult = ua.StatusCode(ua.StatusCodes.BadNoSubscription)
    with pytest.raises(BadNoSubscription):
        wire.read_publish(Buffer(struct_to_binary(refused)))
    gone = ua.RepublishResponse()
    gone.ResponseHeader.ServiceResult = ua.StatusCode(ua.StatusCodes.BadMessageNotAvailable)
    with pytest.raises(BadMessageNotAvailable):
        wire.read_republish(Buffer(struct_to_binary(gone)))
