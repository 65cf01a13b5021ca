"""One attached subscription: replays what was missed, then delivers message by message, durable before acknowledged.

Exactly once comes from the sink's unique key (subscription, sequence, item) and from one rule here: a sample
equal to the tag's last committed one in value, status and source time is the same sample.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from equipment_drivers.driver import LastSample, Publish, Sink, SubscriptionState
from equipment_drivers.errors import ConnectionLost
from equipment_drivers.mapmodel import NodeMap
from equipment_drivers.opcua import wire
from equipment_drivers.opcua.alarms import alarm_of_event, alarm_of_variable
from equipment_drivers.opcua.channel import Channel
from equipment_drivers.opcua.subscription import ALARM_PREFIX, EVENTS_TAG
from equipment_drivers.opcua.values import GOOD, OVERFLOW, value_text
from equipment_drivers.readings import Alarm, Gap, Origin, Reading

SEQUENCES = 1 << 32
STALE_AFTER, LOST_AFTER = 2, 4
"""Silent keep-alive periods before the link counts as stale, and before it is given up."""


def following(sequence: int) -> int:
    """Return the next sequence number: 1 follows the largest UInt32, 0 is never used (Part 4, 5.14.1.1)."""
    return 1 if sequence + 1 >= SEQUENCES else sequence + 1


def _ahead(sequence: int, expected: int) -> bool:
    return 0 < (sequence - expected) % SEQUENCES < SEQUENCES // 2


class Delivery:
    """Hands one subscription's messages to the sink in order; `state` is what was committed last."""

    def __init__(self, channel: Channel, nodemap: NodeMap, sink: Sink, state: SubscriptionState) -> None:
        self._channel = channel
        self._nodemap = nodemap
        self._sink = sink
        self.state = state
        self._durable: list[int] = []

    async def replay(self) -> int:
        """Fetch what the device holds since the last committed message; return how many messages came.

        Ends at BadMessageNotAvailable or an empty message: servers differ in how they say "no more".
        """
        count = 0
        while True:
            number = following(self.state.last_sequence)
            message = await self._channel.republish(self.state.subscription, number)
            if message is None or message.sequence != number:
                return count
            await self._commit(message, Origin.REPUBLISHED)
            count += 1

    async def deliver(self, silent: Callable[[bool], None]) -> None:
        """Deliver for ever; `silent` is told when keep-alives stop and when they are back. Raises ConnectionLost."""
        while True:
            subscription, message = await self._next(silent)
            if subscription != self.state.subscription:
                raise ConnectionLost(
                    f"the device published for subscription {subscription}, not ours", during="publish"
                )
            expected = following(self.state.last_sequence)
            if _ahead(message.sequence, expected):
                await self._fill(message.sequence)
                expected = following(self.state.last_sequence)
            if message.status is not None and message.status != GOOD:
                raise ConnectionLost(f"the device ended the subscription: 0x{message.status:08X}", during="publish")
            if message.empty:
                continue
            if message.sequence == expected:
                await self._commit(message, Origin.LIVE)
            else:
                self._durable.append(message.sequence)

    async def _next(self, silent: Callable[[bool], None]) -> tuple[int, wire.Message]:
        period_s = max(1.0, self.state.keepalive_count * self.state.publishing_ms / 1000)
        acknowledged, self._durable = self._durable, []
        waiting = asyncio.ensure_future(self._channel.publish(self.state.subscription, acknowledged))
        try:
            done, _ = await asyncio.wait({waiting}, timeout=STALE_AFTER * period_s)
            if not done:
                silent(True)
                done, _ = await asyncio.wait({waiting}, timeout=(LOST_AFTER - STALE_AFTER) * period_s)
            if not done:
                raise ConnectionLost(f"no keep-alive for {LOST_AFTER * period_s:.0f} s", during="publish")
            answer = waiting.result()
        finally:
            waiting.cancel()
        silent(False)
        return answer

    async def _fill(self, sequence: int) -> None:
        """Fetch the messages before `sequence` that did not arrive; what the device no longer has becomes a Gap."""
        missed = following(self.state.last_sequence)
        await self.replay()
        if _ahead(sequence, following(self.state.last_sequence)):
            gap = self._gap("messages-lost", f"{missed} to {sequence - 1}")
            # the next message to come is the one after the hole
            state = replace(self.state, last_sequence=(sequence - 1) % SEQUENCES)
            await self._store(Publish(gaps=(gap,)), state)

    def _gap(self, cause: str, evidence: str) -> Gap:
        times = [last.source_time for last in self.state.last.values() if last.source_time is not None]
        now = self._sink.now_ticks()
        return Gap(
            f"{cause}: {evidence}",
            min(max(times, default=now), now),
            now,
            tuple(tag for tag in self.state.last if tag in self._nodemap.tags),
        )

    async def open_gap(self, cause: str, evidence: str) -> None:
        """Record that samples before this subscription may be missing."""
        await self._store(Publish(gaps=(self._gap(cause, evidence),)), self.state)

    async def _commit(self, message: wire.Message, origin: Origin) -> None:
        last = dict(self.state.last)
        readings, alarms, gaps = self._read(message, origin, last)
        state = replace(self.state, last_sequence=message.sequence, last=last)
        await self._store(Publish(tuple(readings), tuple(alarms), tuple(gaps), message.sequence), state)
        self._durable.append(message.sequence)

    async def _store(self, publish: Publish, state: SubscriptionState) -> None:
        await self._sink.commit(publish, state)
        self.state = state

    def _read(
        self, message: wire.Message, origin: Origin, last: dict[str, LastSample]
    ) -> tuple[list[Reading], list[Alarm], list[Gap]]:
        received = self._sink.now_ticks()
        readings: list[Reading] = []
        alarms: list[Alarm] = []
        gaps: list[Gap] = []
        handles, number = self.state.handles, self.state.number
        for item, change in enumerate(message.changes):
            name = handles.get(change.handle)
            if name is None:
                raise ConnectionLost(f"the device sent the unknown handle {change.handle}", during="publish")
            if name.startswith(ALARM_PREFIX):
                alarms += self._transition(name, change, received, last)
                continue
            sample = LastSample(change.source_time, self._text(name, change), change.status)
            before = last.get(name)
            if sample == before and sample.source_time is not None:
                continue
            if change.status & OVERFLOW == OVERFLOW and change.source_time is not None:
                since = before.source_time if before and before.source_time is not None else change.source_time
                gaps.append(Gap("queue-overflow: the device dropped samples", since, change.source_time, (name,)))
            last[name] = sample
            unit = self._nodemap.tags[name].unit
            readings.append(
                Reading(
                    name, sample.value, unit, change.status, change.source_time, change.server_time, received,
                    number, message.sequence, item, origin,
                )
            )  # fmt: skip
        for event in message.events:
            if handles.get(event.handle) == EVENTS_TAG:
                alarm = alarm_of_event(self._nodemap, event.fields, received)
                alarms += [alarm] if alarm else []
        return readings, alarms, gaps

    def _transition(self, name: str, change: wire.Change, received: int, last: dict[str, LastSample]) -> list[Alarm]:
        """Return the alarm if the variable came or went; values that change nothing are not told again."""
        alarm = alarm_of_variable(self._nodemap.alarm_variables[name.removeprefix(ALARM_PREFIX)], change, received)
        before, now = last.get(name), value_text(1, alarm.active)
        last[name] = LastSample(change.source_time, now, change.status)
        return [alarm] if now != (before.value if before else "false") else []

    def _text(self, tag: str, change: wire.Change) -> str:
        words = self._nodemap.tags[tag].enum
        if words and change.value is not None:
            return words.get(change.value, "UNKNOWN")
        return value_text(change.kind, change.value)
