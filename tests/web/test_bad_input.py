"""Every bad input over HTTP: status, stable code, a sentence with the next action, nothing half-written."""

import re
from typing import Any

import pytest

from mes.demo.cast import PASSWORD
from mes.identity.codes import bag_code
from mes.web.errors import catalogue
from tests.web.conftest import BATCH, INTAKE, Browser, Site, values_of

FLOAT = b'{"op": "5b0c5a52-6b0e-4f4c-8f5f-2f7b8f0c9a11", "values": [{"parameter": "volume", "value": 180.5}]}'
TWICE = b'{"op": "5b0c5a52-6b0e-4f4c-8f5f-2f7b8f0c9a11", "op": "5b0c5a52-6b0e-4f4c-8f5f-2f7b8f0c9a12"}'
LOT = {"material": "PBS-EDTA", "lot": "L1", "expiry": "2027-01-01T00:00:00"}
TOLD = {"what": "wrong lot used", "account": "x", "source": "me", "occurred_at": "2026-10-06T09:00:00"}

BAD_VALUES = [
    ("unknown unit", values_of(volume=("180.5", "gallon")), "unit-unknown"),
    ("wrong unit", values_of(volume=("180.5", "kg")), "unit-incompatible"),
    ("no unit", values_of(volume=("180.5", None)), "unit-missing"),
    ("huge exponent", values_of(volume=("1e999999", "mL")), "number-malformed"),
    ("not a number", values_of(volume=("NaN", "mL")), "number-malformed"),
    ("infinity", values_of(volume=("Infinity", "mL")), "number-malformed"),
    ("comma decimal", values_of(volume=("180,5", "mL")), "number-malformed"),
    ("spaces", values_of(volume=(" 180.5", "mL")), "number-malformed"),
    ("other digits", values_of(volume=("١٨٠", "mL")), "number-malformed"),
    ("minus zero", values_of(volume=("-0", "mL")), "number-malformed"),
    ("unknown choice", values_of(bag_intact=("perhaps", None)), "choice-unknown"),
    ("unknown parameter", values_of(colour=("red", None)), "parameter-unknown"),
    ("a value missing", {"values": []}, "value-missing"),
]
BAD_FORMS = [
    ("unknown field", f"{INTAKE}/perform", {**values_of(), "note": "hello"}, "note"),
    ("unknown field inside", f"{INTAKE}/perform", {"values": [{"parameter": "a", "value": "1", "x": 1}]}, "x"),
    ("naive time of a lot", f"{INTAKE}/materials", {"lots": [LOT]}, "expiry"),
    ("naive time of a report", f"{BATCH}/report", TOLD, "occurred_at"),
    ("no operation id", f"{INTAKE}/perform", {"op": "one"}, "op"),
    ("number as a value", f"{INTAKE}/perform", {"values": [{"parameter": "volume", "value": 180}]}, "value"),
    ("a text for a list", f"{INTAKE}/perform", {"values": "180.5 mL"}, "values"),
    ("too many values", f"{INTAKE}/perform", {"values": [{"parameter": "a", "value": "1"}] * 61}, "values"),
    ("too long", f"{INTAKE}/scan", {"scan": "bag", "code": "x" * 201}, "code"),
]
BAD_BODIES = [
    ("a JSON float", FLOAT, 422, "number-as-float"),
    ("NaN as JSON", FLOAT.replace(b"180.5", b"NaN"), 422, "number-as-float"),
    ("a key twice", TWICE, 400, "body-malformed"),
    ("no JSON", b"{", 400, "body-malformed"),
    ("bad UTF-8", b'{"op": "\xff"}', 400, "body-malformed"),
    ("nested without end", b"[" * 100_000, 400, "body-malformed"),
    ("not a document", b'"op"', 422, "form-invalid"),
    ("half a megabyte", b" " * 500_000, 413, "body-too-large"),
]


def says_what_next(answer: dict[str, Any]) -> bool:
    """Whether the text is two sentences at least, and every fact stands in it."""
    return len(re.findall(r"[.!?](?=\s|$)", answer["text"])) >= 2 and not re.search(r"\(\w+_?\w*\)$", answer["text"])


@pytest.mark.parametrize(("form", "code"), [one[1:] for one in BAD_VALUES], ids=[one[0] for one in BAD_VALUES])
def test_a_bad_value_is_refused_and_leaves_nothing(
    site: Site, operator: Browser, form: dict[str, Any], code: str
) -> None:
    before = site.size
    answer = operator.post(f"{INTAKE}/perform", form)
    assert answer.json["code"] == code
    assert answer.status_code in (404, 422)
    assert says_what_next(answer.json), answer.json["text"]
    assert site.size == before


@pytest.mark.parametrize(("path", "form", "field"), [one[1:] for one in BAD_FORMS], ids=[one[0] for one in BAD_FORMS])
def test_a_bad_form_is_refused_by_its_field(
    site: Site, operator: Browser, path: str, form: dict[str, Any], field: str
) -> None:
    before = site.size
    answer = operator.post(path, form)
    assert (answer.status_code, answer.json["code"]) == (422, "form-invalid")
    assert field in answer.json["text"]
    assert site.size == before


@pytest.mark.parametrize(
    ("body", "status", "code"), [one[1:] for one in BAD_BODIES], ids=[one[0] for one in BAD_BODIES]
)
def test_a_bad_body_is_refused_as_a_whole(site: Site, operator: Browser, body: bytes, status: int, code: str) -> None:
    before = site.size
    answer = operator.post(f"{INTAKE}/perform", body)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert site.size == before


def test_a_foreign_bag_is_recorded_and_refused(site: Site, operator: Browser) -> None:
    """Another patient's bag: the fact is in the record, the step has no match, and the sentence says stop."""
    before = site.size
    foreign = bag_code("B-OTHER.A1", "CHA99992699999Z")
    answer = operator.post(f"{INTAKE}/scan", {"scan": "bag", "code": foreign})
    assert (answer.status_code, answer.json["code"]) == (409, "scan-mismatch")
    assert "Stop" in answer.json["text"]
    assert "batch:scan:mismatched" in site.types_since(before)
    assert site.play.step("A06")["scans"]["bag"]["matched"] is False
    right = site.play.code("bag:apheresis")
    assert operator.post(f"{INTAKE}/scan", {"scan": "bag", "code": right}).status_code == 200
    assert site.play.step("A06")["scans"]["bag"]["matched"] is True


def test_a_code_of_nobody_is_no_mismatch(site: Site, operator: Browser) -> None:
    before = site.size
    answer = operator.post(f"{INTAKE}/scan", {"scan": "bag", "code": "https://example.invalid"})
    assert (answer.status_code, answer.json["code"]) == (422, "code-unreadable")
    assert site.size == before


def test_a_step_that_somebody_just_confirmed(site: Site, operator: Browser) -> None:
    """A05 was confirmed by the courier; a second confirm names who was faster, and records nothing."""
    courier, before = site.browser("karim"), site.size
    answer = courier.post(f"{BATCH}/steps/A05/perform", {"values": []})
    assert (answer.status_code, answer.json["code"]) == (409, "step-confirmed")
    assert "Karim Haddad" in answer.json["text"]
    assert site.size == before


def test_a_wrong_password_signs_nothing_and_is_remembered(site: Site, operator: Browser) -> None:
    before = site.size
    answer = operator.signed(f"{INTAKE}/perform", values_of(), password="not my password", user_name="olivia")
    assert (answer.status_code, answer.json["code"]) == (401, "signature-secret-wrong")
    assert site.types_since(before) == ["signature:refused"]
    assert site.play.step("A06")["state"] == "started"
    assert b"not my password" not in b"".join(one.body for one in site.house.wired.services.ledger.entries(before))


def test_somebody_elses_name_signs_nothing(site: Site, operator: Browser) -> None:
    answer = operator.signed(f"{INTAKE}/perform", values_of(), user_name="viktor")
    assert (answer.status_code, answer.json["code"]) == (403, "signature-wrong-person")
    assert site.play.step("A06")["state"] == "started"


def test_other_values_than_shown_are_not_signed(site: Site, operator: Browser) -> None:
    asked = operator.post(f"{INTAKE}/perform", values_of())
    assert asked.status_code == 428
    changed = {**values_of(volume=("181.5", "mL")), "signature": {
        "user_name": "olivia", "password": "seven days vein to vein", "shown": asked.json["facts"]["shown"],
    }}  # fmt: skip
    answer = operator.post(f"{INTAKE}/perform", changed)
    assert (answer.status_code, answer.json["code"]) == (409, "shown-changed")
    assert site.play.step("A06")["state"] == "started"


def test_a_prompt_writes_nothing(site: Site, operator: Browser) -> None:
    before = site.size
    answer = operator.post(f"{INTAKE}/perform", values_of())
    assert (answer.status_code, answer.json["code"]) == (428, "signature-needed")
    assert {"shown", "items", "meaning", "text", "factors"} <= set(answer.json["facts"])
    assert site.size == before


def test_the_wrong_role_is_refused(site: Site) -> None:
    before = site.size
    answer = site.browser("karim").signed(f"{INTAKE}/perform", values_of(), user_name="karim")
    assert (answer.status_code, answer.json["code"]) == (403, "role-missing")
    assert site.size <= before + 1


@pytest.mark.parametrize("path", ["/api/batches/B-NONE", "/api/batches/..%2f..", "/batches/B-NONE", "/nowhere"])
def test_what_is_not_there_is_told(operator: Browser, path: str) -> None:
    answer = operator.client.get(path)
    assert answer.status_code in (404, 422)
    assert "Traceback" not in answer.text


def test_a_future_report_is_refused(site: Site, operator: Browser) -> None:
    before = site.size
    answer = operator.post(f"{BATCH}/report", {**TOLD, "occurred_at": "2031-01-01T00:00:00+00:00"})
    assert answer.status_code == 422
    assert site.size == before


def test_every_web_code_has_its_sentence() -> None:
    assert {"form-invalid", "body-malformed", "integrity-breach", "http-error"} <= set(catalogue("en"))


@pytest.mark.rule("REG-A11D-13-2", negative=True)
@pytest.mark.parametrize("field", ["at", "tz", "utc_offset", "meaning", "text", "factors", "person"])
def test_nobody_tells_the_site_when_or_what_they_sign(site: Site, operator: Browser, field: str) -> None:
    """Time, zone and meaning of a signature are the site's own: a client that sends one is refused."""
    form = values_of()
    shown = operator.post(f"{INTAKE}/perform", form).json["facts"]["shown"]
    size = site.size
    signature = {"user_name": "olivia", "password": PASSWORD, "shown": shown, field: "2020-01-01T00:00:00Z"}
    answer = operator.post(f"{INTAKE}/perform", {**form, "signature": signature})
    assert (answer.status_code, answer.json["code"]) == (422, "form-invalid")
    assert field in str(answer.json["facts"])
    assert site.size == size
