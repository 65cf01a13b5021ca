"""One secure channel and session to one device, used for one attempt and thrown away.

All use of asyncua's private attributes is in this module, behind the version guard: its own publish loop
acknowledges before we are durable and its reconnect loses samples, so we use it as a codec and transport only.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.ua import uaerrors
from cryptography.exceptions import InvalidSignature

from equipment_drivers.driver import SubscriptionState
from equipment_drivers.errors import (
    AuthenticationFailed,
    CertificateRefused,
    ConfigurationFault,
    ConnectionLost,
)
from equipment_drivers.opcua import security, wire

VERIFIED_ASYNCUA = "2.1."
REQUEST_S = 4.0
CONNECT_S = 10.0
SESSION_MS = 3_600_000
LINK_ERRORS = (OSError, EOFError, ua.UaError, AssertionError, InvalidSignature)
_WRONG_USER = (
    uaerrors.BadUserAccessDenied,
    uaerrors.BadIdentityTokenRejected,
    uaerrors.BadIdentityTokenInvalid,
    uaerrors.BadUserSignatureInvalid,
)
_WRONG_CERTIFICATE = (
    uaerrors.BadCertificateUntrusted,
    uaerrors.BadCertificateInvalid,
    uaerrors.BadCertificateTimeInvalid,
    uaerrors.BadCertificateUriInvalid,
    uaerrors.BadCertificateUseNotAllowed,
    uaerrors.BadCertificateRevoked,
    uaerrors.BadSecurityChecksFailed,
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device is and how we are known there; `thumbprint` pins its certificate (else the only trusted one)."""

    url: str
    user: str
    password: str
    pki: Path
    identity: security.Identity
    policy: str = "Basic256Sha256"
    thumbprint: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.url}, user={self.user})"


def check_library(found: str) -> None:
    """Refuse to run on a version of asyncua whose internals this module was not verified with."""
    if not found.startswith(VERIFIED_ASYNCUA):
        raise ConfigurationFault(f"asyncua {found} is installed; this driver was verified with {VERIFIED_ASYNCUA}x")


class Channel:
    """Open it, then `resume` or `create` a session. Every wait has a limit. Errors become ConnectionLost."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client = Client(endpoint.url, timeout=REQUEST_S)
        self._client.name = self._client.description = "Septima collector"
        self._client.application_uri = endpoint.identity.uri
        self._client.session_timeout = SESSION_MS
        self._client.set_user(endpoint.user)
        self._client.set_password(endpoint.password)
        self.session_id = ""

    async def open(self) -> None:
        """Open socket and secure channel to the pinned certificate; CertificateRefused if another one is shown."""
        certificate = security.pinned(self._endpoint.pki, self._endpoint.thumbprint)
        await self._client.set_security(
            getattr(security_policies, f"SecurityPolicy{self._endpoint.policy}"),
            certificate=str(self._endpoint.identity.certificate),
            private_key=str(self._endpoint.identity.key),
            server_certificate=certificate,
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
        await _limited("connect", self._client.connect_socket(), CONNECT_S)
        await _limited("hello", self._client.send_hello(), REQUEST_S)
        try:
            await _limited("secure channel", self._client.open_secure_channel(), CONNECT_S)
        except ConnectionLost as lost:
            await self._compare_certificates(certificate, lost)
            raise
        self._client._start_renew_loop()

    async def _compare_certificates(self, expected: bytes, lost: ConnectionLost) -> None:
        """After a refused channel: ask without security which certificate the device shows, and say if it differs."""
        probe = Client(self._endpoint.url, timeout=REQUEST_S)
        try:
            found = await _limited("discovery", probe.connect_and_get_server_endpoints(), CONNECT_S)
        except ConnectionLost:
            return
        shown = {bytes(item.ServerCertificate) for item in found if item.ServerCertificate}
        if shown and expected not in shown:
            names = [security.reject(self._endpoint.pki, der) for der in sorted(shown)]
            raise CertificateRefused(
                f"the device shows {', '.join(names)}, not {security.thumbprint(expected)}",
                which="server",
                presented=names[0],
            ) from lost

    async def resume(self, state: SubscriptionState) -> bool:
        """Activate the session of an earlier channel or process on this one; False if the device has forgotten it."""
        endpoints = await _limited("endpoints", self._client.get_endpoints(), REQUEST_S)
        mode, uri = self._client.security_policy.Mode, self._client.security_policy.URI
        self._client._policy_ids = Client.find_endpoint(endpoints, mode, uri).UserIdentityTokens
        self._client.uaclient.session.restore_authentication_token(ua.NodeId.from_string(state.authentication_token))
        self._client._server_nonce = bytes.fromhex(state.server_nonce)
        try:
            await self._activate()
        except (ConnectionLost, AuthenticationFailed, CertificateRefused):
            if self._client.uaclient.protocol is None or self._client.uaclient.protocol.is_closed:
                raise
            self._client.uaclient.session.reset_authentication_token()
            self._client._server_nonce = None
            return False
        self.session_id = state.session_id
        return True

    async def create(self) -> None:
        """Create and activate a session; AuthenticationFailed or CertificateRefused where the device says so."""
        created = await _limited("session", self._client.create_session(), CONNECT_S)
        self.session_id = created.SessionId.to_string()
        await self._activate()

    async def _activate(self) -> None:
        try:
            await asyncio.wait_for(
                self._client.activate_session(username=self._endpoint.user, password=self._endpoint.password),
                REQUEST_S,
            )
        except _WRONG_USER as error:
            raise AuthenticationFailed(
                f"the device refused user {self._endpoint.user}: {type(error).__name__}", user=self._endpoint.user
            ) from error
        except LINK_ERRORS as error:
            raise _lost("activate", error) from error

    @property
    def authentication(self) -> tuple[str, str]:
        """Return the session's authentication token and the last server nonce: what `resume` needs."""
        token = self._client.uaclient.session.authentication_token
        return token.to_string(), bytes(self._client._server_nonce or b"").hex()

    @property
    def session_timeout_ms(self) -> float:
        """Return how long the device keeps a silent session."""
        return float(self._client.session_timeout)

    async def send(self, what: str, request: Any, limit_s: float = REQUEST_S) -> Any:
        """Send one service request and return the answer's bytes; `limit_s` 0 waits for ever (publish)."""
        sending = self._client.uaclient.session._send_request(request, timeout=limit_s)
        return await _limited(what, sending, limit_s + 1 if limit_s else None)

    async def ask(self, what: str, asked: Awaitable[T]) -> T:
        """Await one of the session's own service calls under the request limit."""
        return await _limited(what, asked, REQUEST_S)

    @property
    def services(self) -> Any:
        """Return asyncua's session services (read, write, call, create_monitored_items ...)."""
        return self._client.uaclient.session

    async def publish(self, subscription: int, acknowledged: Sequence[int]) -> tuple[int, wire.Message]:
        """Wait for the next notification message, acknowledging what is durable."""
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [
            ua.SubscriptionAcknowledgement(SubscriptionId=subscription, SequenceNumber=number)
            for number in acknowledged
        ]
        answer = await self.send("publish", request, 0)
        try:
            return wire.read_publish(answer)
        except LINK_ERRORS as error:
            raise _lost("publish", error) from error

    async def republish(self, subscription: int, number: int) -> wire.Message | None:
        """Return a message the device still holds, None where it says it does not."""
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = subscription
        request.Parameters.RetransmitSequenceNumber = number
        try:
            sending = self._client.uaclient.session._send_request(request, timeout=REQUEST_S)
            message = wire.read_republish(await asyncio.wait_for(sending, REQUEST_S + 1))
        except uaerrors.BadMessageNotAvailable:
            return None
        except LINK_ERRORS as error:
            raise _lost("republish", error) from error
        return None if message.empty else message

    async def owns(self, subscription: int) -> bool:
        """Whether the device knows the subscription; asked by setting the publishing mode it already has."""
        request = ua.SetPublishingModeParameters(PublishingEnabled=True, SubscriptionIds=[subscription])
        results = await self.ask("subscription", self.services.set_publishing_mode(request))
        return bool(results and results[0].is_good())

    async def transfer(self, subscription: int) -> bool:
        """Move a subscription of an older session to this one; False if the device does not have it any more."""
        request = ua.TransferSubscriptionsParameters(SubscriptionIds=[subscription], SendInitialValues=False)
        try:
            results = await asyncio.wait_for(self.services.transfer_subscriptions(request), REQUEST_S)
        except uaerrors.BadNothingToDo:
            return True
        except (uaerrors.BadServiceUnsupported, uaerrors.BadSubscriptionIdInvalid):
            return False
        except LINK_ERRORS as error:
            raise _lost("transfer", error) from error
        # BadNothingToDo: it is this session's already
        return bool(results and (results[0].StatusCode.is_good() or results[0].StatusCode.name == "BadNothingToDo"))

    async def skew_s(self) -> float | None:
        """Return the device's wall clock minus ours, in seconds; None where it does not tell."""
        current = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
        found = await self.ask("clock", self.services.read_attributes([current], ua.AttributeIds.Value))
        current_time = found[0].Value.Value if found[0].StatusCode.is_good() else None
        return float(current_time.timestamp() - time.time()) if current_time else None

    def drop(self) -> None:
        """Let go of the transport without a word: session and subscription live on for whoever comes next."""
        renewing = self._client._renew_channel_task
        if renewing is not None:
            renewing.cancel()
        protocol = self._client.uaclient.protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abort()
        self._client.disconnect_socket()


async def _limited(what: str, sending: Awaitable[T], limit_s: float | None) -> T:
    try:
        return await asyncio.wait_for(sending, limit_s)
    except _WRONG_CERTIFICATE as error:
        raise CertificateRefused(
            f"the device does not trust our certificate: {type(error).__name__}", which="own", presented=""
        ) from error
    except LINK_ERRORS as error:
        raise _lost(what, error) from error


def _lost(what: str, error: BaseException) -> ConnectionLost:
    return ConnectionLost(f"{what}: {type(error).__name__} {error}".strip(), during=what)
