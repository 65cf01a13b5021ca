"""What people are told of a link to a device: one stable code for each thing that can be wrong with it."""

import pytest

from equipment_drivers.errors import ConnectionLost, NodesMissing
from equipment_drivers.readings import LinkState
from tests.equipment.builders import DEVICE


def test_codes_are_those_of_the_drivers_faults():
    assert (ConnectionLost.code, NodesMissing.code) == ("device-unreachable", "node-map-node-missing")


@pytest.mark.parametrize(
    ("state", "detail", "code"),
    [
        (LinkState.LIVE, "opc.tcp://127.0.0.1:4841", None),
        (LinkState.BACKFILLING, "replaying what the device kept", None),
        (LinkState.OFFLINE, "connection refused", "device-unreachable"),
        (LinkState.STALE, "no keep-alive for two periods", "device-unreachable"),
        (LinkState.AUTH_FAILED, "bad user", "device-authentication-failed"),
        (LinkState.AUTH_FAILED, "device-certificate-untrusted: sha256:ab", "device-certificate-untrusted"),
        (LinkState.OFFLINE, "node-map-node-missing: culture.co2 at d;i=1002", "node-map-node-missing"),
        (LinkState.DEGRADED, "queue revised to 10", "device-degraded"),
    ],
)
def test_a_link_that_is_not_right_has_a_code(house, state, detail, code):
    house.writer.link_changed(DEVICE, state, detail, 1)
    notice = house.telemetry.notice(DEVICE)
    assert (notice.code if notice else None) == code


def test_a_device_that_was_never_reached_is_unreachable(house):
    assert house.telemetry.notice(DEVICE).code == "device-unreachable"
