"""A batch that was open when its ledger had to be continued: it goes on, flagged, gated and certified."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mes.batches.service.recorder import Recorder
from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.checkpoints import Checkpoint
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from mes.people import tables
from mes.people.model import Role
from mes.people.ports import Line
from mes.people.service import PeopleService
from mes.quality.gate.model import GateStatus
from mes.quality.integrity import BatchIntegrity
from mes.quality.service import QualityService
from mes.quality.specifications import VendoredSpecifications
from mes.schedule import VeinToVein
from mes.signatures.service import SigningService
from tests.people.houses import ADMIN, APPROVER, ASKER, scribble
from tests.quality.builders import ready
from tests.quality.site import OneMaster, Site, a_site
from tests.quality.test_service import certify


@contextmanager
def continued(site: Site) -> Iterator[Site]:
    """Open the next generation of the site's ledger, and make the services anew on it, as a restart does."""
    house = site.house
    old, now = house.ledger, house.clock.now()
    engine = open_engine(f"sqlite:///{house.folder / 'site.sqlite'}")
    previous = Checkpoint(old.origin, old.size, old.root())
    ledger = Ledger.continue_generation(
        engine, site=old.site, tz=old.tz, key=old.key.named(f"septima/{old.site}/2"), now=now, clock="real",
        software="test", previous=previous, evidence="an older file", actor=Actor.system("test"),
        projectors=(tables.project,), reason="disk lost",
    )  # fmt: skip
    people = PeopleService(ledger, house.clock, house.sessions, house.hasher, house.box)
    signing = SigningService(ledger, people)
    after = replace(house, ledger=ledger, people=people, signing=signing)
    recorder = Recorder(ledger, house.clock, OneMaster(), signing, VeinToVein())
    quality = QualityService(recorder, VendoredSpecifications(), BatchIntegrity(ledger))
    try:
        yield replace(site, house=after, recorder=recorder, quality=quality)
    finally:
        ledger.close()
        engine.dispose()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    with a_site(tmp_path, ready()) as before:
        before.wait(1)
        with continued(before) as after:
            yield before, after


def gate_of(site: Site) -> dict[str, GateStatus]:
    return {one.item: one.status for one in site.quality.gate("B1", stage="preliminary")}


@pytest.mark.rule("REL-P5")
def test_the_batch_stands_as_it_stood_and_is_flagged(both: tuple[Site, Site]) -> None:
    before, after = both
    was, now = before.state(), after.state()
    assert (was.began_earlier, now.began_earlier) == (False, True)
    assert (now.next_seq, now.phase, now.disposition) == (0, was.phase, was.disposition)
    assert {one: step.status for one, step in now.steps.items()} == {one: s.status for one, s in was.steps.items()}
    assert now.results.keys() == was.results.keys()
    assert all(result.seq < 0 for result in now.results.values())
    assert all(replace(now.results[one], seq=result.seq) == result for one, result in was.results.items())
    entries = after.entries("batch", "B1")
    assert [entry.seq for entry in entries] == list(range(-was.next_seq, 0))
    assert [entry.body for entry in entries] == [entry.body for entry in before.entries("batch", "B1")]
    assert all(entry.reference.gen == 1 for entry in entries)


@pytest.mark.rule("REL-P5", negative=True)
def test_the_gate_asks_for_the_change_of_generation(both: tuple[Site, Site]) -> None:
    before, after = both
    old, new = gate_of(before), gate_of(after)
    assert "G-23" not in old
    assert new.pop("G-23") is GateStatus.COVERED
    assert new == old
    with pytest.raises(Refusal):
        after.sign(after.quality.certify_preliminary, "qp-1", confirmations=(), acknowledged=())


@pytest.mark.rule("REL-P5")
def test_it_is_certified_in_the_next_generation(both: tuple[Site, Site]) -> None:
    _, after = both
    certify(after)
    state = after.state()
    assert state.certificates
    assert state.next_seq > 0
    last = after.last("batch:certified")
    signed = last.document["signature"]
    assert (last.document["gen"], last.document["seq"]) == (2, last.seq)
    assert all(place["seq"] >= 0 for place in signed["after"])
    (issued,) = after.entries("certificate", state.certificates["preliminary"])
    assert {ref["gen"] for ref in issued.document["refs"] if "gen" in ref} == {1}
    certificate = after.quality.certificate("B1", "preliminary")
    assert certificate is not None
    assert certificate.number == 1
    after.sign(after.quality.assign_release, "qa-1")
    engine = open_engine(f"sqlite:///{after.house.folder / 'site.sqlite'}")
    assert [verify_ledger(engine, gen=gen).gen for gen in (1, 2)] == [1, 2]
    engine.dispose()


@pytest.mark.rule("REG-P11-10g")
def test_a_request_for_access_goes_on_in_the_next_generation(tmp_path: Path) -> None:
    with a_site(tmp_path, ready()) as before:
        people = before.house.people
        anna = people.enroll(name="Anna Claes", user_name="anna.claes", by=ADMIN)
        asked = [
            people.request_access(anna.id, role, by=ASKER, reason="new in the team", op=new_op())
            for role in (Role.OPERATOR, Role.VERIFIER)
        ]
        people.approve_access(asked[0], by=APPROVER, sign=scribble, op=new_op())
        with continued(before) as after:
            for nth in range(60):  # entries of now stand at the places where those stood before
                name = f"{'abcdefghij'[nth // 10]}{'abcdefghij'[nth % 10]}"
                after.house.people.enroll(name=f"Zoe {name}", user_name=f"zoe.{name}", by=ADMIN)
            seen: list[Line] = []

            def sign(
                draft: Draft, *, where: Stream, after: Sequence[tuple[Stream, int]], lines: Sequence[Line]
            ) -> tuple[Draft, tuple[bytes, ...]]:
                seen.extend(lines)
                return scribble(draft, where=where, after=after, lines=lines)

            after.house.people.approve_access(asked[1], by=APPROVER, sign=sign, op=new_op())
            assert ("Asked by", ASKER.name) in [line[:2] for line in seen]
            for role in (Role.OPERATOR, Role.VERIFIER):
                assert role in after.house.people.grant_role(anna.id, role, by=ADMIN).roles
            entries = after.entries("person", anna.id)
            granted = [one for one in entries if one.type == "person:role:granted"]
            assert [one.document["refs"][0].get("gen") for one in granted] == [1, None]
            approvals = [one.leaf.hex() for one in entries if one.type == "person:access:approved"]
            assert [one.document["refs"][0]["leaf"] for one in granted] == approvals
