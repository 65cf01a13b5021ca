"""Facts that stand in a container's own stream, so that one bag's way can be read without its batch."""

from dataclasses import dataclass
from typing import ClassVar

from mes.ledger.events import Event


@dataclass(frozen=True)
class ContainerCreated(Event):
    """The container exists; `kind` is apheresis or product."""

    tag: ClassVar[str] = "container:created"
    container: str
    kind: str
    batch: str
    coi: str


@dataclass(frozen=True)
class ContainerMoved(Event):
    """Somebody took the container over at a place."""

    tag: ClassVar[str] = "container:moved"
    container: str
    handover: str
    place: str


@dataclass(frozen=True)
class ContainerReleased(Event):
    """The container may leave quarantine, on a certificate."""

    tag: ClassVar[str] = "container:released"
    container: str
    certificate: str


@dataclass(frozen=True)
class ContainerHeld(Event):
    """DO NOT INFUSE: the container is stopped wherever it is. Rule: PRA-01."""

    tag: ClassVar[str] = "container:held"
    container: str
    cause: str


@dataclass(frozen=True)
class ContainerInfused(Event):
    """The container's content was given to the patient, wholly or in part."""

    tag: ClassVar[str] = "container:infused"
    container: str
    outcome: str
    volume_ml: str
