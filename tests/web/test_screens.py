"""The screens: what they show first, what they ask for, and what never stands on them."""

import re

import pytest

from mes.demo import script
from mes.identity.codes import bag_code
from mes.web.errors import sentence
from tests.web.conftest import INTAKE, PATIENT, Browser, Site, values_of

HERE = f"/batches/{script.BATCH}"
FOREIGN = bag_code("B-OTHER.A1", "CHA99992699999Z")
PAGES = (
    "/batches", HERE, f"{HERE}/steps/A01", f"{HERE}/steps/A06", f"{HERE}/steps/A12", f"{HERE}/steps/A19",
    f"{HERE}/steps/A21", f"{HERE}/release", f"{HERE}/release?stage=final", f"{HERE}/record", f"{HERE}/codes",
    "/orders", "/people", "/equipment", "/masters", "/me",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_whose_and_what_it_is(operator: Browser, path: str) -> None:
    """Banner, site, person, language, one main heading level, a label for every field, and no patient's name."""
    answer = operator.client.get(path)
    page = answer.text
    assert answer.status_code == 200
    assert "SIMULATED DEVICE" in page
    assert re.search(r"VIRTUAL CLOCK x\d", page)
    assert "journey-site" in page
    assert "Olivia Brandt" in page
    assert '<html lang="en">' in page
    assert page.count("<h1") == 1
    assert PATIENT not in page
    assert "H-0093311" not in page
    if path.startswith(HERE):
        assert script.BATCH in page
        assert re.search(r"Chain of identity</span> <code>CHA9999\w+", page)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_holds_no_script_or_style_of_its_own(operator: Browser, path: str) -> None:
    page = operator.client.get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:", page)


@pytest.mark.parametrize("path", PAGES)
def test_every_field_has_a_label(operator: Browser, path: str) -> None:
    page = re.sub(r"<label[^>]*>(?:(?!</label>).)*<(?:input|select)(?:(?!</label>).)*</label>", "", operator.client.get(
        path).text, flags=re.S)  # fmt: skip
    labelled = set(re.findall(r'<label[^>]*for="([^"]+)"', page))
    fields = re.findall(r"<(?:input|select|textarea)\b([^>]*)>", page)
    visible = [one for one in fields if 'type="hidden"' not in one and "aria-label" not in one]
    unlabelled = [one for one in visible if (re.search(r'id="([^"]+)"', one) or [0, ""])[1] not in labelled]
    assert unlabelled == []


def test_the_step_asks_for_one_thing(operator: Browser) -> None:
    page = operator.client.get(f"{HERE}/steps/A06").text
    assert len(re.findall(r'<button class="primary huge"', page)) == 1
    assert "Confirm A06" in page
    assert "80 to 100 %" in page


def test_a_step_of_somebody_else_offers_nothing(site: Site) -> None:
    page = site.browser("karim").client.get(f"{HERE}/steps/A06").text
    assert 'class="primary huge"' not in page
    assert "by\n" in page or "operator" in page


def test_a_waiting_step_says_what_it_waits_for(operator: Browser) -> None:
    page = operator.client.get(f"{HERE}/steps/A09").text
    assert 'class="primary huge"' not in page
    assert "Waits for <strong>A06, A07, A08</strong>" in page


def test_the_prompt_shows_what_is_signed(operator: Browser) -> None:
    flat = {"values." + str(place) + "." + name: told for place, one in enumerate(values_of()["values"])
            for name, told in one.items()}  # fmt: skip
    answer = operator.htmx(f"{INTAKE}/perform", flat)
    assert answer.status_code == 428
    assert answer.headers["HX-Retarget"] == "#dialog"
    for shown in ("I performed this as recorded.", "180.5 mL", "97.9 %", script.BATCH, 'name="signature.shown"'):
        assert shown in answer.text
    assert all(f'name="{name}"' in answer.text for name in flat)


def test_a_refusal_in_the_prompt_stays_in_the_prompt(operator: Browser) -> None:
    flat = {"values.0.parameter": "volume", "values.0.value": "1,5", "values.0.unit": "mL",
            "signature.password": "x", "signature.shown": "0" * 64}  # fmt: skip
    answer = operator.htmx(f"{INTAKE}/perform", flat)
    assert answer.status_code == 422
    assert "<dialog" not in answer.text
    assert 'role="alert"' in answer.text


def test_a_good_scan_is_green_and_a_wrong_one_red(site: Site, operator: Browser) -> None:
    right = site.play.code("bag:apheresis")
    good = operator.htmx(f"{INTAKE}/scan", {"scan": "bag", "code": right})
    assert 'class="verdict match"' in good.text
    wrong = operator.htmx(f"{INTAKE}/scan", {"scan": "bag", "code": FOREIGN})
    assert 'class="verdict mismatch"' in wrong.text
    assert "WRONG CODE" in wrong.text
    assert FOREIGN not in wrong.text
    operator.htmx(f"{INTAKE}/scan", {"scan": "bag", "code": right})


def test_the_gate_names_each_missing_item_and_what_to_do(site: Site) -> None:
    page = site.browser("anna").client.get(f"{HERE}/release").text
    assert len(re.findall(r'<span class="step-id">G-\d\d</span>', page)) == 22
    assert "NOT MET" in page
    assert "NOT MONITORED" in page
    assert page.index("Exceptions and deviations") < page.index('id="gate"')


def test_only_the_reveal_shows_a_patient(site: Site) -> None:
    """With its purpose, and with an entry before the answer."""
    clinician = site.browser("claire")
    reference = clinician.client.get("/api/orders").json["orders"][0]["patient"]
    before = site.size
    answer = clinician.post(f"/api/patients/{reference}/reveal", {"purpose": "checking the order"})
    assert answer.json["name"] == PATIENT
    assert site.types_since(before) == ["patient:revealed"]
    assert clinician.post(f"/api/patients/{reference}/reveal", {"purpose": "curiosity"}).status_code == 422


def test_the_record_shows_who_signed_what(operator: Browser) -> None:
    page = operator.client.get(f"{HERE}/record").text
    assert "Signed by <strong>Claire Moreau</strong>" in page
    assert "I performed this as recorded." in page
    assert "Europe/Brussels" in page


def test_markup_in_a_text_stays_text(site: Site, operator: Browser) -> None:
    answer = operator.client.get("/batches/<script>alert(1)<%2Fscript>")
    assert "<script>alert" not in answer.text


def test_a_missing_fact_stays_visible() -> None:
    assert "(ident)" in sentence("batch-unknown", {}).replace("(batch)", "(ident)")
    assert sentence("no-such-code", {}).startswith("no-such-code.")
