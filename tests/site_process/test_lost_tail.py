"""A site whose tail is lost: refused at start, re-seeded from a copy, or continued by QA with two factors."""

import json
import shutil
from datetime import timedelta
from hashlib import sha256

import pytest

from mes.app import open_ledger
from mes.errors import Refusal
from mes.ids import Stream, new_op
from mes.ledger.canonical import canonical
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.verify import verify_ledger
from mes.settings import load
from mes.signatures.meanings import TEXTS, Meaning
from mes.site_process.lost_tail import Ceremony, Factors, leased
from tests.journeys.house import CHEAP, build_house, employed
from tests.site_process.test_cli import mes, refused

DRAIN = Actor.system("drain")
NOTE = "test:fact:noted"


def noted(ledger, count: int, now) -> None:
    for n in range(count):
        ledger.append(new_op(), [Write(Stream("run/R1"), (Draft(NOTE, {"n": n}),))], actor=DRAIN, now=now)


@pytest.fixture
def lost(tmp_path):
    """Give a site whose database is an older copy: 10 of 20 noted entries are gone, all 20 were signed."""
    house = build_house(tmp_path / "site")
    ledger, now = house.wired.services.ledger, house.wired.services.clock.now()
    yield house, ledger, now
    house.engine.dispose()


def lose(house, ledger, now, tmp_path, *, with_copy: bool = True) -> None:
    noted(ledger, 10, now)
    ledger.checkpoint(now)
    house.close()
    shutil.copytree(house.settings.site_dir, tmp_path / "week")
    engine = open_engine(house.settings.database)
    later = open_ledger(house.settings, engine)
    noted(later, 10, now + timedelta(hours=1))
    later.checkpoint(now + timedelta(hours=1))
    later.close()
    engine.dispose()
    if with_copy:
        status, printed = mes("ledger", "copy", "--site", house.settings.site_dir, "--to", tmp_path / "copy")
        assert status == 0, printed
    for path in house.settings.site_dir.glob("site.sqlite*"):
        path.unlink()
    for path in (tmp_path / "week").glob("site.sqlite*"):
        shutil.copy2(path, house.settings.site_dir / path.name)


def verified(house):
    engine = open_engine(house.settings.database)
    try:
        return verify_ledger(engine)
    finally:
        engine.dispose()


@pytest.mark.rule("TE-18", "REL-P5")
def test_a_lost_tail_is_put_back_and_the_same_generation_goes_on(lost, tmp_path):
    house, ledger, now = lost
    lose(house, ledger, now, tmp_path)
    site = house.settings.site_dir
    refused(*mes("keys", "rotate", "--site", site, "--reason", "x"), "ledger-older-copy")
    status, printed = mes("ledger", "reseed", "--site", site, "--from", tmp_path / "copy", "--reason", "old file")
    assert status == 0, printed
    assert "entries 11 to 20 are back" in printed
    engine = open_engine(house.settings.database)
    again = open_ledger(load(site), engine)
    last = again.entry(again.size - 1)
    assert (again.gen, last.type, last.document["reason"]) == (1, "site:ledger:reseeded", "old file")
    assert last.data == {"from_size": 11, "to_size": 21, "root": again.entry(21).data["root"]}
    again.close()
    engine.dispose()
    assert verified(house).signed_size == 22
    refused(
        *mes("ledger", "reseed", "--site", site, "--from", tmp_path / "copy", "--reason", "x"), "copy-has-nothing-new"
    )


@pytest.mark.rule("TE-13", "REL-P5", negative=True)
def test_a_copy_that_was_changed_puts_nothing_back(lost, tmp_path):
    house, ledger, now = lost
    lose(house, ledger, now, tmp_path)
    path = tmp_path / "copy" / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"n":7', b'"n":8'))
    site = house.settings.site_dir
    refused(*mes("ledger", "reseed", "--site", site, "--from", tmp_path / "copy", "--reason", "x"), "copy-differs")
    refused(*mes("keys", "rotate", "--site", site, "--reason", "x"), "ledger-older-copy")


@pytest.fixture(scope="module")
def staffed(tmp_path_factory):
    """Make a site with people, whose database is then an older copy that no other copy completes."""
    folder = tmp_path_factory.mktemp("staffed")
    house = build_house(folder / "site")
    people = employed(house)
    ledger, now = house.wired.services.ledger, house.wired.services.clock.now()
    lose(house, ledger, now, folder, with_copy=False)
    house.engine.dispose()
    return house.settings.site_dir, people


@pytest.fixture
def without_copy(staffed, tmp_path):
    """Give a copy of that site, and its people."""
    return load(shutil.copytree(staffed[0], tmp_path / "site")), staffed[1]


def qa(people, **other) -> Factors:
    anna = people["qa"]
    totp = "000000" if other else anna.code()
    return Factors(**{"user_name": "anna", "password": anna.password, "totp": totp, **other})


@pytest.mark.rule("REL-P5", "TE-18")
def test_qa_opens_the_next_generation_where_no_copy_is(without_copy):
    settings, people = without_copy
    with leased(settings) as engine:
        ceremony = Ceremony(settings, engine, CHEAP)
        asked = ceremony.asked(None, "the disk of last night is lost")
        settings.verified_path.write_text("how far the generation before was verified")
        ceremony.open(asked, qa(people)).close()
    status, printed = mes("site", "check", "--site", settings.site_dir)
    assert status == 0, printed
    status, printed = mes("ledger", "verify", "--since-last", "--site", settings.site_dir)
    assert status == 0, printed
    assert "generation 2" in printed
    engine = open_engine(settings.database)
    ledger = open_ledger(settings, engine)
    first = ledger.entry(0)
    signed = first.document["signature"]
    assert (ledger.gen, first.type, first.document["actor"]["role"]) == (2, "site:ledger:continued", "qa")
    assert (first.data["origin"], first.data["size"]) == ("septima/journey-site/1", asked.previous.size)
    assert "ledger-older-copy" in first.data["evidence"]
    assert (signed["meaning"], signed["text"]) == ("CHANGE_APPROVED", TEXTS[Meaning.CHANGE_APPROVED])
    assert signed["factors"] == ["user_name", "password", "totp"]
    told = {key: first.document[key] for key in ("site", "gen", "stream", "type", "data", "reason")}
    told |= {key: signed[key] for key in ("after", "shown", "meaning", "text", "person")}
    assert sha256(canonical(told)).hexdigest() == signed["statement"]
    shown = ledger.shown(signed["shown"])
    assert shown is not None
    labels = [item["label"] for item in json.loads(shown)["items"]]
    assert labels[:3] == ["Ledger that cannot go on", "Entries that were signed", "Entries that are here"]
    ledger.close()
    assert [verify_ledger(engine, gen=gen).gen for gen in (1, 2)] == [1, 2]
    engine.dispose()
    refused(
        *mes("ledger", "continue", "--site", settings.site_dir, "--reason", "x", "--user", "anna"), "ledger-goes-on"
    )


@pytest.mark.rule("REL-P5", negative=True)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"user_name": "paula"}, "continuation-by-qa"), ({"user_name": "nobody"}, "continuation-by-qa"),
        ({"password": "wrong words here"}, "signature-secret-wrong"), ({"totp": "000000"}, "second-factor-wrong"),
    ],
)  # fmt: skip
def test_nobody_else_and_nothing_less_opens_it(without_copy, given, expected):
    settings, people = without_copy
    with leased(settings) as engine:
        ceremony = Ceremony(settings, engine, CHEAP)
        asked = ceremony.asked(None, "the disk is lost")
        with pytest.raises(Refusal, match=expected):
            ceremony.open(asked, qa(people, **given))
    refused(*mes("keys", "rotate", "--site", settings.site_dir, "--reason", "x"), "ledger-older-copy")


@pytest.mark.rule("REL-P5", negative=True)
def test_without_knowing_what_was_signed_nothing_goes_on(without_copy, tmp_path):
    settings, _ = without_copy
    site, kept = settings.site_dir, settings.kept_note_path
    words = ("ledger", "continue", "--site", site, "--user", "anna", "--reason")
    refused(*mes(*words, " "), "reason-missing")
    (tmp_path / "note").write_text(kept.read_text().replace("journey-site/1", "journey-site/3"))
    refused(*mes(*words, "x", "--checkpoint", tmp_path / "note"), "checkpoint-unsigned")
