"""The supervisor of one OPC UA device: connects, adopts or subscribes, delivers, and tries again for ever.

Adoption (in this order, the first that holds): the saved session is activated on a new channel; a new session
takes the saved subscription over; a new subscription with the same handles, and then a Gap says what is unknown.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from asyncua import ua

from equipment_drivers.driver import BuildInfo, Publish, Sink, SubscriptionState
from equipment_drivers.errors import AuthenticationFailed, CertificateRefused, ConfigurationFault, ConnectionLost
from equipment_drivers.mapmodel import NodeMap, NodeRef
from equipment_drivers.opcua import subscription
from equipment_drivers.opcua.channel import Channel, Endpoint, check_library
from equipment_drivers.opcua.commands import carry_out
from equipment_drivers.opcua.delivery import Delivery
from equipment_drivers.readings import Command, CommandOutcome, CommandResult, LinkState

BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
MAX_SKEW_S = 2.0


class OpcUaDriver:
    """Any device that a node map binds."""

    verified_on_hardware = False

    def __init__(self, endpoint: Endpoint, nodemap: NodeMap, backoff_s: Sequence[float] = BACKOFF_S) -> None:
        check_library(version("asyncua"))
        if endpoint.thumbprint and nodemap.server_thumbprint not in ("", endpoint.thumbprint):
            raise ConfigurationFault("the node map and the device record pin different certificates")
        pin = endpoint.thumbprint or nodemap.server_thumbprint
        self._endpoint = replace(endpoint, policy=nodemap.policy, thumbprint=pin)
        self._nodemap = nodemap
        self._backoff_s = backoff_s
        self._sink: Sink | None = None
        self._channel: Channel | None = None
        self._live: dict[NodeRef, ua.NodeId] = {}
        self._doubts: tuple[str, ...] = ()
        self._let_in = False
        self.link = LinkState.OFFLINE
        self.build_info: BuildInfo | None = None
        self.clock_skew_s: float | None = None

    async def run(self, sink: Sink) -> None:
        """Deliver for ever. Raises what only a person can mend: ConfigurationFault, and AuthenticationFailed or
        CertificateRefused where the device never let this run in."""
        self._sink = sink
        failures = 0
        self._change(LinkState.CONNECTING, self._endpoint.url)
        while True:
            channel = Channel(self._endpoint)
            try:
                delivery = await self._attach(channel, sink)
                failures = 0
                self._channel = channel
                self._settled()
                await delivery.deliver(self._silent)
            except (AuthenticationFailed, CertificateRefused) as refused:
                self._change(LinkState.AUTH_FAILED, refused.detail)
                if not self._let_in:
                    raise
            except ConnectionLost as lost:
                self._change(LinkState.OFFLINE, lost.detail)
            finally:
                self._channel = None
                channel.drop()
            pause = self._backoff_s[min(failures, len(self._backoff_s) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret

    async def _attach(self, channel: Channel, sink: Sink) -> Delivery:
        await channel.open()
        state = sink.restore()
        ours = (
            state if state and (state.endpoint, state.nodemap) == (self._endpoint.url, self._nodemap.sha256) else None
        )
        resumed = ours is not None and await channel.resume(ours)
        if not resumed:
            await channel.create()
        self._let_in = True
        self._live, self.build_info = await subscription.check_device(channel, self._nodemap)
        self.clock_skew_s = await channel.skew_s()
        if ours is not None and await self._taken_over(channel, ours, resumed):
            self._change(LinkState.BACKFILLING, "replaying what the device kept")
            delivery = Delivery(channel, self._nodemap, sink, self._renewed(channel, ours))
            await sink.commit(Publish(), delivery.state)
            await delivery.replay()
            return delivery
        return await self._subscribe(channel, sink, state)

    async def _taken_over(self, channel: Channel, state: SubscriptionState, resumed: bool) -> bool:
        # after ActivateSession on the same session a Transfer would make some servers drop the subscription
        return await (channel.owns if resumed else channel.transfer)(state.subscription)

    async def _subscribe(self, channel: Channel, sink: Sink, before: SubscriptionState | None) -> Delivery:
        made = await subscription.subscribe(channel, self._nodemap, self._live)
        self._doubts = made.doubts
        token, nonce = channel.authentication
        state = SubscriptionState(
            endpoint=self._endpoint.url,
            nodemap=self._nodemap.sha256,
            session_id=channel.session_id,
            authentication_token=token,
            server_nonce=nonce,
            subscription=made.subscription,
            generation=before.generation + 1 if before else 1,
            handles=made.handles,
            last_sequence=0,
            publishing_ms=made.publishing_ms,
            keepalive_count=made.keepalive_count,
            lifetime_count=made.lifetime_count,
            session_timeout_ms=channel.session_timeout_ms,
            last=before.last if before else {},
        )
        delivery = Delivery(channel, self._nodemap, sink, state)
        if before is None:
            await sink.commit(Publish(), state)
        else:
            changed = before.nodemap != self._nodemap.sha256
            cause = "node-map-changed" if changed else "subscription-lost"
            await delivery.open_gap(cause, f"subscription {before.number} could not be taken over")
        await subscription.refresh_conditions(channel, made.subscription)
        return delivery

    def _renewed(self, channel: Channel, state: SubscriptionState) -> SubscriptionState:
        token, nonce = channel.authentication
        return replace(state, session_id=channel.session_id, authentication_token=token, server_nonce=nonce)

    def _settled(self) -> None:
        doubts = [*self._doubts]
        if self.clock_skew_s is not None and abs(self.clock_skew_s) > MAX_SKEW_S:
            doubts.append(f"the device's clock is {self.clock_skew_s:+.1f} s off ours")
        if doubts:
            self._change(LinkState.DEGRADED, "; ".join(doubts))
        else:
            self._change(LinkState.LIVE, self._endpoint.url)

    def _silent(self, silent: bool) -> None:
        if silent:
            self._change(LinkState.STALE, "no keep-alive for two periods")
        elif self.link is LinkState.STALE:
            self._settled()

    def _change(self, state: LinkState, detail: str) -> None:
        if state is not self.link:
            self.link = state
            if self._sink is not None:
                self._sink.link_changed(state, detail)

    async def execute(self, command: Command) -> CommandOutcome:
        """Carry out one command on the present link; see `commands.carry_out` for what each outcome means."""
        if self._sink is None or self._channel is None:
            at = self._sink.now_ticks() if self._sink else 0
            return CommandOutcome(command.id, CommandResult.REFUSED, f"not sent: the link is {self.link}", at)
        return await carry_out(self._channel, self._nodemap, self._live, command, self._sink.now_ticks)
