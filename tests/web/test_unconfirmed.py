"""What somebody confirmed is in the record at once; what they only typed is nowhere, whatever ends their browser."""

import pytest

from tests.web.conftest import INTAKE, Browser, Site, values_of


@pytest.mark.rule("REG-DI-05")
def test_what_was_confirmed_is_there_in_another_browser(site: Site) -> None:
    state = site.house.wired.services.recorder.load(site.play.batch)
    confirmed = [step for step in state.steps.values() if step.performed_by and step.values]
    assert confirmed
    fresh = site.browser("viktor")
    for step in confirmed:
        page = fresh.client.get(f"/batches/{site.play.batch}/steps/{step.step.id}").text
        assert all(value.value in page for value in step.values.values()), step.step.id


@pytest.mark.rule("REG-DI-05", negative=True)
def test_what_was_only_typed_is_in_no_entry_when_the_browser_dies(site: Site, operator: Browser) -> None:
    size = site.size
    asked = operator.post(f"{INTAKE}/perform", values_of(volume=("177.25", "mL")))
    assert asked.status_code == 428  # the signature is asked for, and never given: the browser is killed here
    operator.client.delete_cookie("septima")
    assert "177.25" not in site.browser("viktor").client.get(f"/batches/{site.play.batch}/steps/A06").text
    ledger = site.house.wired.services.ledger
    assert not [entry for entry in ledger.entries(size) if b"177.25" in entry.body]
