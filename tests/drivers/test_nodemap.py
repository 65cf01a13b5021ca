"""The node map reader, and a museum of maps that must not be believed, each with the sentence it gets."""

import hashlib
from pathlib import Path

import pytest

from equipment_drivers.errors import NodeMapRefused
from equipment_drivers.mapmodel import NodeRef, Vendor
from equipment_drivers.nodemap import UNITS, parse_nodemap, read_nodemap
from equipment_drivers.prodigy import ACTIVITIES, SIMULATOR_MAP, ProdigyDriver
from equipment_drivers.readings import CommandVerb
from equipment_drivers.simulators.programs import PROGRAMS
from equipment_drivers.simulators.samples import State, Wait
from equipment_drivers.simulators.shell import NODES
from mes.units import UNITS as PRODUCT_UNITS

SHIPPED = SIMULATOR_MAP.read_text()


def test_the_shipped_map_says_what_the_simulator_has() -> None:
    nodemap = read_nodemap(SIMULATOR_MAP)
    assert nodemap.sha256 == hashlib.sha256(SIMULATOR_MAP.read_bytes()).hexdigest()
    assert {tag: binding.node.identifier for tag, binding in nodemap.tags.items()} == {
        tag: f"i={number}" for tag, (number, _) in NODES.items()
    }
    assert nodemap.tags["unit.state"].enum == {state.value: state.name for state in State}
    assert nodemap.tags["wait.reason"].enum == {wait.value: wait.name for wait in Wait}
    assert set(nodemap.commands) == set(CommandVerb)
    assert nodemap.commands[CommandVerb.START].target == NodeRef("urn:septima:simulator:prodigy-like", "i=2000")
    assert nodemap.events_from == NodeRef("", "i=2253")


def test_units_are_the_products() -> None:
    assert set(UNITS) - {""} <= set(PRODUCT_UNITS)


def test_the_driver_claims_nothing() -> None:
    assert ProdigyDriver.verified_on_hardware is False
    assert set(ACTIVITIES) == set(PROGRAMS)
    assert ProdigyDriver.activities(3) == ("SEED", "ACTIVATION")
    assert ProdigyDriver.activities(99) == ()


MUSEUM = [
    ("nodemap: 1\n", "nodemap: 2\n", "nodemap: is 2; known are 1"),
    ("nodemap: 1\n", "nodemap: true\n", "nodemap: is True; known are 1"),
    ("nodemap: 1\n", "nodemap: 1\ncolour: red\n", "colour: is not a known key here; known are nodemap,"),
    ("device_class: cell_processor", "device_class: toaster", "device_class: is 'toaster'; known are 'cell_processor'"),
    ("vendor: {", "maker: {", "maker: is not a known key here"),
    ('software: ">=1.0,<2"', 'software: "newest"', "vendor.software: is 'newest', which has not the form"),
    ("SignAndEncrypt", "None", "endpoint.mode: is 'None'; known are 'SignAndEncrypt'"),
    ("Basic256Sha256", "Basic128Rsa15", "endpoint.policy: is 'Basic128Rsa15'; known are 'Basic256Sha256'"),
    ("mode: SignAndEncrypt}", "mode: SignAndEncrypt, server_thumbprint: ab}", "endpoint.server_thumbprint: is 'ab'"),
    ("{policy: Basic256Sha256, ", "{", "endpoint.policy: is missing"),
    ('d: "urn:septima:simulator:prodigy-like"', "d: 2", "namespaces.d: must be a namespace URI; an index shifts"),
    ("publishing_ms: 200", "publishing_ms: 0", "profile.publishing_ms: is 0; a whole number from 20 to 60000"),
    ("lifetime_s: 3600", "lifetime_s: 60", "profile.lifetime_s: is 60; a whole number from 600 to 86400"),
    ("  culture.temperature:", "  Temperature:", "tags.Temperature: is no name of the form"),
    ("  culture.temperature:", "  culture.warmth:", "tags: lacks culture.temperature, which every cell_processor must"),
    ("unit: Cel", "unit: degC", "tags.culture.temperature.unit: is 'degC'; known are"),
    ('node: "d;i=1001"', 'node: "x;i=1001"', "tags.culture.temperature.node: uses the prefix x, which namespaces does"),
    ('node: "d;i=1001"', 'node: "d;i=PV"', "tags.culture.temperature.node: has the identifier i=PV; i= takes a number"),
    ('node: "d;i=1001"', "node: 1001", "tags.culture.temperature.node: must be a text, found 1001"),
    ('node: "d;i=1001"', 'node: "ns=2;i=1001"', "tags.culture.temperature.node: is 'ns=2;i=1001', which has not"),
    ("queue: 10000, critical", "queue: lots, critical", "tags.culture.temperature.queue: is 'lots'; a whole number"),
    ("critical: true}\n  culture.co2", "critical: 1}\n  culture.co2", "tags.culture.temperature.critical: is 1;"),
    ("queue: 10000, critical", "queue: 10000, scale: 10, critical", "tags.culture.temperature.scale: is not a"),
    ("0: IDLE", "0: RESTING", "tags.unit.state.enum: must map the vendor's states to words of UNKNOWN, IDLE"),
    ("0: IDLE", "idle: IDLE", "tags.unit.state.enum: maps 'idle'; the device gives whole numbers"),
    ("0: NONE", "0: NO", "tags.wait.reason.enum.0: is False; a word in capitals is needed (YES and NO need quotes)"),
    ("  start:\n", "  begin:\n", "commands.begin: is no name of the form"),
    ("require: [READY]", "require: [EAGER]", "commands.start.require: is ['EAGER']; known are UNKNOWN, IDLE"),
    ("require: [READY]", "require: READY", "commands.start.require: is 'READY'; a list of texts is needed"),
    ("    value: 1\n", "    value: 1\n    method: i=1\n", "commands.acknowledge_wait.method: or write must stand here"),
    ('"program:UInt16"', '"program"', "commands.select_program.args: holds 'program'; name:Type is needed"),
    ("program.number: [$program]", "program.name: [$program]", "commands.select_program.expect.program.name: is no"),
    ("program.number: [$program]", "program.number: 3", "commands.select_program.expect.program.number: must be"),
    ("    expect: {unit.state: [RUNNING, COMPLETE]}\n", "", "commands.acknowledge_wait.expect: is missing; a write is"),
    ("    type: Int32\n", "    type: Int32\n    args: []\n", "commands.acknowledge_wait.args: has no meaning beside"),
    ("  events_from: \"i=2253\"\n", "", "alarms.map: names events, but events_from does not say which node"),
    ("{code: MAINS_LOST}", "{code: MAINS_LOST, severity: 0}", "alarms.map.MainsLost.severity: is 0; a whole number"),
    ("{code: MAINS_LOST}", "{code: mains}", "alarms.map.MainsLost.code: is 'mains', which has not the form"),
    ("{code: MAINS_LOST}", "MAINS_LOST", "alarms.map.MainsLost: must be a mapping of keys to values"),
    ("profile: {", "tags: {}\nprofile: {", "file: is not readable YAML: the key tags stands twice"),
    ("tags:\n", "tags: [", "file: is not readable YAML:"),
    ("nodemap: 1\n", "nodemap: !!python/object:os.system 1\n", "file: is not readable YAML:"),
    (SHIPPED, "", "file: must be a mapping of keys to values"),
    (SHIPPED, "- nodemap\n", "file: must be a mapping of keys to values"),
]  # fmt: skip


@pytest.mark.rule("REG-A11-05", negative=True)
@pytest.mark.parametrize(("good", "bad", "sentence"), MUSEUM, ids=[row[2][:40] for row in MUSEUM])
def test_a_broken_map_is_refused_by_the_path_of_its_key(good: str, bad: str, sentence: str) -> None:
    assert good in SHIPPED
    with pytest.raises(NodeMapRefused) as refused:
        parse_nodemap(SHIPPED.replace(good, bad, 1).encode())
    assert str(refused.value).startswith(sentence)
    assert refused.value.facts["where"] == refused.value.where
    assert refused.value.code == "node-map-malformed"


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"a: \x00", b"#" * ((1 << 20) + 1)])
def test_a_file_that_is_no_text_or_too_large(body: bytes) -> None:
    with pytest.raises(NodeMapRefused, match="file:"):
        parse_nodemap(body)


VARIABLES = """alarms:
  variables:
    BUBBLE: {node: "d;i=9", active: [2, 3], severity: 700, message: "Bubble in line"}
"""


def test_alarms_that_are_variables() -> None:
    body = SHIPPED.partition("alarms:")[0] + VARIABLES
    nodemap = parse_nodemap(body.encode())
    assert nodemap.events_from is None
    assert nodemap.alarm_variables["BUBBLE"].active == {2, 3}
    assert nodemap.nodes["alarms.BUBBLE"].identifier == "i=9"
    with pytest.raises(NodeMapRefused, match=r"alarms\.variables\.BUBBLE\.active: is 2; a list"):
        parse_nodemap(body.replace("active: [2, 3]", "active: 2").encode())


@pytest.mark.parametrize(("software", "version", "accepted"), [
    (">=1.4,<1.6", "1.4", True), (">=1.4,<1.6", "1.5.9", True), (">=1.4,<1.6", "1.6", False),
    (">=1.4,<1.6", "1.3.99", False), (">=1.4,<1.6", "1.10", False), (">=1.4", "1.4.0-beta", True),
    ("==1.4", "1.4.0", True), ("==1.4", "1.4.1", False), (">1.4,<=2", "2.0", True), (">=1.4", "", False),
    (">=1.4", "v2", False),
])  # fmt: skip
def test_software_ranges(software: str, version: str, accepted: bool) -> None:
    assert Vendor("m", "d", software).accepts(version) is accepted


def test_a_map_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "copy.yaml").write_text(SHIPPED + "# one more line\n")
    copy = read_nodemap(tmp_path / "copy.yaml")
    assert copy.tags == read_nodemap(SIMULATOR_MAP).tags
    assert copy.sha256 != read_nodemap(SIMULATOR_MAP).sha256
