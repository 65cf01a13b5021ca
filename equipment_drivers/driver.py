"""What every device driver is, and what it hands its data to: Driver, Sink, Publish, SubscriptionState.

Rules both sides rely on: `Sink.commit` returns after the fsync and only then the driver acknowledges to the
device; a message may be delivered twice (same subscription, sequence, item), never lost in silence.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from equipment_drivers.readings import Alarm, Command, CommandOutcome, Gap, LinkState, Reading


@dataclass(frozen=True, slots=True)
class Publish:
    """One notification message of a device: what must become durable together.

    `token` is the message's sequence number, None where nothing is to be acknowledged (a new subscription).
    """

    readings: tuple[Reading, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    gaps: tuple[Gap, ...] = ()
    token: object = None


@dataclass(frozen=True, slots=True)
class LastSample:
    """The newest committed sample of a tag: a new subscription's initial value is dropped if equal to it."""

    source_time: int | None
    value: str
    status: int


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """All a later process needs to take a subscription over without losing a sample. Holds a session secret.

    `number` is the driver's own number of the subscription, generation x 2^32 + the server's id: a server
    that restarts counts from the same id again, so its id alone would not make (subscription, sequence,
    item) unique. `handles` gives the tag of each client handle; `last` is kept for the rule of LastSample.
    """

    endpoint: str
    nodemap: str
    session_id: str
    authentication_token: str
    server_nonce: str
    subscription: int
    generation: int
    handles: Mapping[int, str]
    last_sequence: int
    publishing_ms: float
    keepalive_count: int
    lifetime_count: int
    session_timeout_ms: float
    last: Mapping[str, LastSample] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Return the number by which readings name this subscription, unique per device for ever."""
        return self.generation << 32 | self.subscription

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; keep the result in a file of mode 0600."""
        document = asdict(self)
        document["handles"] = {str(handle): tag for handle, tag in self.handles.items()}
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "SubscriptionState":
        """Read back what `to_json` gave."""
        known = dict(document)
        known["handles"] = {int(handle): tag for handle, tag in document["handles"].items()}
        known["last"] = {tag: LastSample(**last) for tag, last in document["last"].items()}
        return cls(**known)


class Sink(Protocol):
    """Where a driver's data become durable; implemented by the collector over its journal."""

    async def commit(self, publish: Publish, session: SubscriptionState) -> None:
        """Store both in one transaction and return after the fsync; rows already known are ignored."""

    def restore(self) -> SubscriptionState | None:
        """Return the newest committed state of this device, None on the first start."""

    def link_changed(self, state: LinkState, detail: str) -> None:
        """Note a change of the link; called once per change, not once per attempt."""

    def now_ticks(self) -> int:
        """Return the record clock in ticks; it is every reading's receive time."""


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """What the device says it is."""

    manufacturer: str
    model: str
    software: str
    serial: str = ""


class Driver(Protocol):
    """One device. `run` and `execute` belong to the same event loop."""

    verified_on_hardware: bool

    @property
    def link(self) -> LinkState:
        """What is known of the connection now."""

    @property
    def build_info(self) -> BuildInfo | None:
        """What the device says it is, None until it was reached once."""

    @property
    def clock_skew_s(self) -> float | None:
        """Device wall clock minus ours at the last connect, in seconds."""

    async def run(self, sink: Sink) -> None:
        """Connect, adopt or subscribe, and deliver for ever.

        Raises only what is final: ConfigurationFault, and AuthenticationFailed or CertificateRefused where
        this `run` was never let in.
        """

    async def execute(self, command: Command) -> CommandOutcome:
        """Carry out one command, once; never raises and never repeats what may have been sent."""
