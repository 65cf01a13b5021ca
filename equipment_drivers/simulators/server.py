"""asyncua's server made to behave: a user with a password, messages kept until acknowledged, whole transfers.

asyncua 2.1 drops a message as soon as it is republished, answers an unknown one with an empty Good, leaves the
publish queue with the old connection after a transfer, and drops queued values without the overflow bit.
"""

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.subscription_service import SubscriptionService

from equipment_drivers.opcua.values import OVERFLOW


class OneUser:
    """Lets exactly one user in, by password."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user.encode(), password.encode()

    def get_user(
        self,
        iserver: object,
        username: str | None = None,
        password: str | bytes | None = None,
        certificate: object = None,
    ) -> User | None:
        """Return the user, or None to refuse; asyncua's own signature."""
        given = password.encode() if isinstance(password, str) else password or b""
        known = hmac.compare_digest((username or "").encode(), self._user)
        return User(role=UserRole.User, name=username) if hmac.compare_digest(given, self._password) and known else None


class FaithfulSubscriptions(SubscriptionService):  # type: ignore[misc]
    """The subscription service as Part 4 describes it, where asyncua's differs."""

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """Return a message that was not acknowledged, and keep it; BadMessageNotAvailable if there is none."""
        subscription = self.subscriptions.get(params.SubscriptionId)
        if subscription is None:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)
        result = subscription._not_acknowledged_results.get(params.RetransmitSequenceNumber)
        if result is None:
            raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
        return result.NotificationMessage

    async def transfer_subscriptions(
        self, params: ua.TransferSubscriptionsParameters, session_id: ua.NodeId, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """Move the subscriptions with everything that belongs to them: the publish requests are the new channel's."""
        results = await super().transfer_subscriptions(params, session_id, callback)
        for number in params.SubscriptionIds:
            if number in self.subscriptions:
                self.subscriptions[number].pub_request_callback = callback.__self__.get_publish_request  # type: ignore[attr-defined]
        return list(results)

    async def create_subscription(self, *given: Any, **named: Any) -> ua.CreateSubscriptionResult:
        """Create a subscription whose queues mark what they drop."""
        result = await super().create_subscription(*given, **named)
        made = self.subscriptions[result.SubscriptionId]
        made._enqueue_event = _Marking(made).enqueue
        return result

    def longest_queue(self) -> int:
        """Return how many values of one item wait at most, over all subscriptions."""
        queues = (queue for made in self.subscriptions.values() for queue in made._triggered_datachanges.values())
        return max((len(queue) for queue in queues), default=0)

    @property
    def watched(self) -> bool:
        """Whether any client monitors anything."""
        return any(made.monitored_item_srv._monitored_items for made in self.subscriptions.values())


class _Marking:
    """Queues values like asyncua, and sets the overflow bit on the oldest kept value when one is dropped."""

    def __init__(self, made: InternalSubscription) -> None:
        self._made = made

    async def enqueue(self, item: int, value: Any, size: int, queues: dict[int, list[Any]]) -> None:
        queue = queues.get(item)
        if queue is None:
            queues[item] = [value]
            await self._made._trigger_publish()
            return
        queue.append(value)
        if size and len(queue) > size:
            del queue[0]
            oldest = queue[0]
            if isinstance(oldest, ua.MonitoredItemNotification) and len(queue) > 1:
                status = ua.StatusCode((oldest.Value.StatusCode.value if oldest.Value.StatusCode else 0) | OVERFLOW)
                marked = replace(oldest.Value, StatusCode=status)
                queue[0] = ua.MonitoredItemNotification(ClientHandle=oldest.ClientHandle, Value=marked)


def behaved(server: Server) -> FaithfulSubscriptions:
    """Give a server that has not started the faithful subscription service, and return it."""
    service = FaithfulSubscriptions(server.iserver.aspace, iserver=server.iserver)
    server.iserver.subscription_service = service
    server.iserver.isession.subscription_service = service
    return service
