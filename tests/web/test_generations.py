"""A site whose ledger had to be continued: its pages say 1/37 of what stands before, and its open batch is exported."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mes.app import PROJECTORS, open_ledger, wire
from mes.demo import script, setting
from mes.demo.acts import Playing
from mes.ledger.checkpoints import Checkpoint, origin_of
from mes.ledger.entry import Actor
from mes.ledger.store import Ledger
from mes.web.create import create_web
from tests.journeys.house import CHEAP, HeldPace, build_house, employed
from tests.records.verifier.bundles import asked, offences
from tests.web.conftest import OPERATORS, Site

NEGATIVE = re.compile(r">\s*-[0-9]{6,}|entry -[0-9]")


@pytest.fixture(scope="module")
def continued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site with a batch at its intake, whose ledger goes on in generation 2."""
    house = build_house(tmp_path_factory.mktemp("gen") / "site")
    people = employed(house)
    play = Playing(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, play.pace.now)
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    script.collect_and_bring(play)
    play.begin("A06", OPERATORS)
    old, settings = house.wired.services.ledger, house.settings
    now = house.conductor.clock.now()
    previous = Checkpoint(old.origin, old.size + 5, bytes(32))  # five entries more had been signed, and are lost
    key = old.key.named(origin_of(settings.site, 2))
    house.wired.close()
    Ledger.continue_generation(
        house.engine, site=settings.site, tz=settings.tz, key=key, now=now, clock="simulated", software="test",
        previous=previous, evidence="ledger-older-copy", actor=Actor.system("test"), reason="disk lost",
        projectors=PROJECTORS,
    ).close()  # fmt: skip
    settings.kept_note_path.unlink(missing_ok=True)
    wired = wire(settings, open_ledger(settings, house.engine), house.conductor.clock, CHEAP)
    app = create_web(wired.services)
    app.testing = True
    after = replace(house, wired=wired, app=app)
    yield Site(after, people, play)
    after.close()


@pytest.mark.rule("REL-P5", "REG-A11-09")
@pytest.mark.parametrize("page", ["record", "trail"])
def test_pages_name_the_generation_of_an_entry(continued: Site, page: str) -> None:
    shown = continued.browser("anna").client.get(f"/batches/{script.BATCH}/{page}").text
    assert re.search(r'(<span class="step-id">|up to entry )1/[0-9]+\b', shown)
    assert not NEGATIVE.search(shown)


@pytest.mark.rule("REG-A11-09")
def test_so_does_the_trail_of_the_site(continued: Site) -> None:
    shown = continued.browser("irene").client.get("/trail", query_string={"batch": script.BATCH}).text
    assert re.search(r'<span class="step-id">1/[0-9]+</span>', shown)
    shown = continued.browser("irene").client.get("/trail", query_string={"type": "site:ledger:continued"}).text
    assert '<span class="step-id">0</span>' in shown


@pytest.mark.rule("REL-P5")
def test_what_its_services_recorded_is_exported_and_verifies(continued: Site, tmp_path: Path) -> None:
    services = continued.house.wired.services
    who = Actor.system("test")
    path = services.records.export(services.records.seal_as(who, script.BATCH), tmp_path, who)
    code, lines = asked(path, "--key", services.ledger.key.vkey)
    assert (code, offences(lines)) == (0, [])
    assert any("continues septima/journey-site/1" in line for line in lines)
