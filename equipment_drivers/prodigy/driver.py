"""A T-cell process on the Prodigy: which activity of its matrix a neutral program number means; nothing else.

Nodes and states are the node map's business. No instrument has confirmed any of this (`verified_on_hardware`).
"""

from pathlib import Path

from equipment_drivers.opcua.driver import OpcUaDriver

SIMULATOR_MAP = Path(__file__).parent.parent / "nodemaps" / "prodigy_like.yaml"
ACTIVITIES: dict[int, tuple[str, ...]] = {
    1: ("INSTALL_SET", "PRIME"),
    2: ("APHERESIS_WASH", "CD4_CD8_SELECTION"),
    3: ("SEED", "ACTIVATION"),
    4: ("TRANSDUCTION",),
    5: ("CULTURE_WASH",),
    6: ("AGITATION_ON", "FEED"),
    7: ("MEDIA_EXCHANGE",),
    8: ("HARVEST", "WASH"),
}
"""Activity-matrix names (process.md 1.2) by our program number."""


class ProdigyDriver(OpcUaDriver):
    """An OPC UA device that runs the Prodigy's activities. Not verified on a real instrument."""

    verified_on_hardware = False

    @staticmethod
    def activities(program: int) -> tuple[str, ...]:
        """Return the matrix activities of a program number, empty if it is none of ours."""
        return ACTIVITIES.get(program, ())
