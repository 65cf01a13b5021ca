"""The register as it is kept: commits, repeats, races, and tables that can be built again."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from mes.equipment.model import Binding
from mes.equipment.tables import PROJECTION
from mes.equipment.writes import allocation_writes
from mes.errors import Refusal
from mes.ids import BatchId, RunId, new_op
from tests.equipment.builders import (
    ADMIN,
    BATCH,
    BY_HAND,
    DEVICE,
    NODEMAP,
    OVER_OPCUA,
    PIN,
    QA,
    RUN,
    SIGNED,
    House,
    at,
)  # fmt: skip


def test_a_device_becomes_fit_and_the_register_says_so(house: House) -> None:
    house.a_fit_device()
    (row,) = house.service.devices()
    digest = row["nodemap"]
    assert (row["equipment"], row["binding"], row["simulated"]) == (DEVICE, Binding.OPCUA, True)
    assert row["approved_nodemap"] == row["qualified_nodemap"] == digest
    assert house.service.nodemap(digest) == NODEMAP.read_bytes()
    assert house.service.nodemap("00" * 32) is None
    (approval,) = [entry for entry in house.ledger.entries() if entry.type == "equipment:nodemap:approved"]
    assert approval.document["signature"] == SIGNED


def test_a_repeated_operation_is_answered_and_writes_nothing(house: House) -> None:
    op = new_op()
    first = house.service.register("hand-1", BY_HAND, by=ADMIN, op=op)
    assert house.service.register("hand-1", BY_HAND, by=ADMIN, op=op) == first
    assert len(house.facts("equipment:device:registered")) == 1


def test_a_map_changed_after_qualification_blocks_the_start(house: House) -> None:
    house.a_fit_device()
    other = NODEMAP.read_bytes() + b"# changed\n"
    state = house.service.register(DEVICE, OVER_OPCUA, nodemap=other, by=ADMIN, op=new_op())
    with pytest.raises(Refusal, match="node-map-not-approved"):
        house.allocate(1)
    house.service.approve_nodemap(DEVICE, state.registration.nodemap, signature=SIGNED, by=QA, op=new_op())
    with pytest.raises(Refusal, match="node-map-changed-since-qualification"):
        house.allocate(1)
    house.service.qualify(DEVICE, at(100), by=QA, op=new_op())
    house.allocate(1)


@pytest.mark.parametrize(("body", "change", "code"), [
    (b"nodemap: 2\n", {}, "node-map-malformed"),
    (b"\xff", {}, "node-map-malformed"),
    (NODEMAP.read_bytes(), {"device_class": "incubator"}, "node-map-other-class"),
    (NODEMAP.read_bytes().replace(b"mode: Sign", b'server_thumbprint: "sha256:%s", mode: Sign' % (b"00" * 32)), {},
     "node-map-other-thumbprint"),
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(house: House, body: bytes, change: dict, code: str) -> None:
    wanted = replace(OVER_OPCUA, server_thumbprint=PIN, **change)
    with pytest.raises(Refusal, match=code):
        house.service.register(DEVICE, wanted, nodemap=body, by=ADMIN, op=new_op())
    assert house.facts("equipment:device:registered") == []


def test_each_act_needs_its_role(house: House) -> None:
    with pytest.raises(Refusal, match="role-missing"):
        house.service.register("hand-1", BY_HAND, by=QA, op=new_op())
    house.service.register("hand-1", BY_HAND, by=ADMIN, op=new_op())
    with pytest.raises(Refusal, match="role-missing"):
        house.service.qualify("hand-1", at(60), by=ADMIN, op=new_op())
    with pytest.raises(Refusal, match="role-missing"):
        house.service.approve_nodemap("hand-1", "ab" * 32, signature=SIGNED, by=ADMIN, op=new_op())


def test_two_patients_cannot_get_one_device(house: House) -> None:
    house.a_fit_device()
    seen = house.service.state(DEVICE)
    house.append(allocation_writes(seen, RUN, BATCH, at(1)))
    with pytest.raises(Refusal, match="somebody-was-faster"):
        house.append(allocation_writes(seen, RunId("B-2.R1"), BatchId("B-2"), at(1)))
    with pytest.raises(Refusal, match="device-in-use"):
        house.allocate(2, "B-2.R1", "B-2")
    house.release(3)
    house.allocate(4, "B-2.R1", "B-2")
    assert house.folded().held_by.batch == "B-2"


def test_the_tables_built_again_are_the_tables(house: House) -> None:
    house.a_fit_device()
    house.allocate(1)
    house.release(2)
    house.allocate(3)
    metadata, project = PROJECTION
    with house.ledger.read() as connection:
        live = {table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables}
    entries = list(house.ledger.entries())

    def rebuild(connection) -> None:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
        for entry in entries:
            project(connection, entry)

    house.ledger.beside(rebuild)
    with house.ledger.read() as connection:
        rebuilt = {table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables}
    assert rebuilt == live
    assert len(live["device_allocation"]) == 2
