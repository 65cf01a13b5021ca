"""Sealing while others write, sealing twice, and what cannot be sealed or exported."""

import threading
from pathlib import Path

import pytest

from mes.batches import events as ev
from mes.errors import Fault, Refusal
from mes.ids import Stream, new_op, stream
from mes.ledger.content import content_references
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.site_events import ContentRemoved
from mes.ledger.store import Ledger
from mes.people.model import Role
from mes.records.bundle.files import ledger_files
from mes.records.gather import gather, sealed_entry
from mes.records.jobs import JobState
from mes.records.sealing import Sealing
from mes.records.tables import frozen_names
from tests.records.conftest import Exported, a_service
from tests.records.house import House, a_house
from tests.records.tale import BATCH, RUN, STREAM, Tale

DRAIN = Actor.system("drain")


def test_no_entry_comes_between_a_seal_and_its_checkpoint(house: House) -> None:
    Tale(house, upto="A02").told()
    service, stop = a_service(house), threading.Event()

    def drain() -> None:
        while not stop.is_set():
            house.append("site/" + house.ledger.site, Draft("test:fact:noted", {"n": 1}), by=DRAIN)

    writer = threading.Thread(target=drain)
    writer.start()
    try:
        seals = [service.seal(house.acting(Role.QA), BATCH) for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    for seal in seals:
        note = house.ledger.checkpoint_at(seal + 1)
        assert note is not None
        assert house.ledger.entry(seal).type == "site:record:sealed"
    assert house.ledger.size > seals[-1] + 1


class Restless(Ledger):
    """A ledger in which the batch grows each time its end is asked for."""

    restless: "House"
    times = 0

    def next_seq(self, stream: Stream) -> int:
        """Return the end, and let one more entry be written behind it."""
        found = super().next_seq(stream)
        if stream == STREAM and self.times > 0:
            self.times -= 1
            self.append(
                new_op(), [Write(stream, (ev.BatchHeld("x").draft(),))], actor=DRAIN, now=self.restless.clock.now()
            )
        return found


@pytest.mark.parametrize(("times", "settles"), [(1, True), (7, True), (8, False)])
def test_a_batch_that_grows_meanwhile_is_sealed_at_its_new_end(house: House, times: int, settles: bool) -> None:
    Tale(house, upto="A01").told()
    house.ledger.__class__ = Restless
    house.ledger.restless, house.ledger.times = house, times
    sealing = Sealing(house.ledger, house.telemetry)
    if not settles:
        with pytest.raises(Fault) as failed:
            sealing.seal(BATCH, DRAIN, new_op(), house.clock.now())
        assert failed.value.code == "record-changes-too-fast"
        assert not house.ledger.operation(new_op())
        return
    seal = sealing.seal(BATCH, DRAIN, new_op(), house.clock.now())
    ends = {part["stream"]: part["last_seq"] for part in seal.data["streams"]}
    assert ends[STREAM] == house.ledger.stream(Stream(STREAM))[-1].seq


def test_a_repeated_operation_seals_once(house: House) -> None:
    Tale(house, upto="A01").told()
    service, acting = a_service(house), house.acting(Role.QP)
    first = service.seal(acting, BATCH)
    assert service.seal(acting, BATCH) == first
    assert [row.seal for row in service.seals(BATCH)] == [first]
    assert not service.seals(BATCH)[0].complete
    for asked in (service.pdf, service.bundle):
        with pytest.raises(Refusal) as refused:
            asked(first)
        assert refused.value.code == "record-not-built"


@pytest.mark.parametrize(
    ("role", "batch", "code", "status"),
    [(Role.OPERATOR, BATCH, "role-missing", 403), (Role.QA, "B-NONE", "batch-unknown", 404)],
)
def test_who_may_not_seal_and_what_is_no_batch(house: House, role: Role, batch: str, code: str, status: int) -> None:
    Tale(house, upto="A01").told()
    before = house.ledger.size
    with pytest.raises(Refusal) as refused:
        a_service(house).seal(house.acting(role), batch)
    assert (refused.value.code, refused.value.status) == (code, status)
    assert house.ledger.size == before


class Unsealed:
    """Telemetry of which some samples wait for their hour to end."""

    def unsealed(self, run: str) -> int:
        """Return how many wait."""
        return 17 if run == RUN else 0


def test_samples_that_wait_for_their_hour_hold_up_the_seal(house: House) -> None:
    Tale(house, hours=1, upto="A18").told()
    with pytest.raises(Refusal) as refused:
        Sealing(house.ledger, Unsealed()).seal(BATCH, DRAIN, new_op(), house.clock.now())
    assert refused.value.code == "record-telemetry-open"
    assert refused.value.facts == {"run": RUN, "samples": 17}


def test_a_record_is_a_function_of_its_seal(house: House) -> None:
    Tale(house, upto="A06").told()
    seal = sealed_entry(house.ledger, a_service(house).seal(house.acting(Role.QA), BATCH))
    before = gather(house.ledger, seal)
    house.append(STREAM, ev.BatchHeld("later").draft(), by=Role.QA)
    after = gather(house.ledger, seal)
    assert after.jsonl == before.jsonl
    assert after.entries[-1] == seal


@pytest.mark.rule("REG-PRV-01")
def test_content_that_was_removed_since_is_not_exported(house: House) -> None:
    Tale(house, hours=1, upto="A11").told()
    service = a_service(house)
    seal = service.seal(house.acting(Role.QA), BATCH)
    held = gather(house.ledger, sealed_entry(house.ledger, seal))
    digest = next(iter(held.contents))
    path = service.export(seal, house.folder / "exports", house.actor(Role.QA))
    assert service.bundle(seal) == path
    house.append(stream("site", house.ledger.site), ContentRemoved(digest, "GDPR Art. 17").draft(), by=Role.QA)
    with pytest.raises(Refusal) as refused:
        service.export(seal, house.folder, house.actor(Role.QA))
    assert refused.value.code == "record-content-removed"
    for asked in (service.pdf, service.bundle):
        with pytest.raises(Refusal) as refused:
            asked(seal)
        assert refused.value.code == "record-content-removed"
    assert not path.exists()
    assert not service.seals(BATCH)[0].complete
    # a new seal tells of the removal instead
    fresh = gather(house.ledger, sealed_entry(house.ledger, service.seal(house.acting(Role.QA), BATCH)))
    assert digest not in fresh.contents
    assert any(entry.type == "content:removed" for entry in fresh.entries)
    named = {one for entry in fresh.entries for one in content_references(dict(entry.data))}
    assert digest in named


@pytest.mark.rule("REG-PRV-01")
@pytest.mark.parametrize(("value", "found"), [(b"Nadia Haddad", True), (b"Maria Musterfrau", False), (b"a", False)])
def test_no_value_of_the_vault_leaves_the_hospital(exported: Exported, value: bytes, found: bool) -> None:
    service = a_service(exported.house, forbidden=lambda patient: [value] if patient.startswith("PT-") else [])
    if not found:
        assert service.export(exported.seal, exported.house.folder, exported.house.actor(Role.QA)).is_file()
        return
    with pytest.raises(Refusal) as refused:
        service.export(exported.seal, exported.house.folder, exported.house.actor(Role.QA))
    assert refused.value.code == "record-holds-patient-data"


def test_both_databases_give_the_same_record(ledger_url: str, tmp_path: Path) -> None:
    with a_house(tmp_path, url=ledger_url) as one:
        Tale(one, hours=1, upto="A12").told()
        seal = sealed_entry(one.ledger, a_service(one).seal(one.acting(Role.QA), BATCH))
        record = gather(one.ledger, seal)
        assert record.entries[-1] == seal
        assert record.streams[f"run/{RUN}"] == len(record.of(f"run/{RUN}")) - 1
        files = ledger_files(one.ledger, record)
        assert len(files["data/inclusion.jsonl"].splitlines()) == len(record.entries)
        with one.ledger.read() as connection:
            names = frozen_names(connection, one.ledger.site, one.ledger.gen, seal.index)
        assert "data/telemetry/index.json" in names


def test_a_record_is_made_in_the_background(house: House) -> None:
    Tale(house, upto="A01").told()
    service, acting = a_service(house), house.acting(Role.SUPERVISOR)
    started = service.start(acting, BATCH)
    assert service.start(acting, BATCH).seal == started.seal  # the same act again is the same job
    ended = service.wait(started.id, 120)
    assert (ended.state, ended.error) == (JobState.READY, None)
    assert service.job(started.id) == ended
    path = service.bundle(started.seal)
    assert ended.detail.startswith(path.name)
    assert service.pdf(started.seal).startswith(b"%PDF-1.7")
    before = path.read_bytes()
    again = service.wait(service.export_again(house.acting(Role.QP), started.seal).id, 120)
    assert again.state is JobState.READY
    assert path.read_bytes() == before
    exported = [one for one in house.ledger.entries() if one.type == "record:exported"]
    assert [one.document["actor"]["role"] for one in exported] == ["supervisor", "qp"]
    with pytest.raises(Refusal) as refused:
        service.export_again(house.acting(Role.COURIER), started.seal)
    assert refused.value.code == "role-missing"
    service.close()
