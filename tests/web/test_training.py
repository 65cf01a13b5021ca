"""Training and sequence as the interface enforces them: who records, who is refused, and which step may begin."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mes.demo import script
from mes.demo.client import Unexpected
from tests.web.conftest import BATCH, INTAKE, Browser, Site, values_of

STEPS = f"{BATCH}/steps"


def training_of(site: Site, key: str) -> dict:
    until = (site.play.pace.now + timedelta(days=200)).isoformat()
    return {"person": site.people[key].id, "subject": script.MASTER, "version": 1, "valid_until": until}


@pytest.fixture
def untrained(site: Site) -> Iterator[Browser]:
    """Give the browser of the operator, whose training was just withdrawn; it is recorded anew afterwards."""
    given = training_of(site, "operator")
    about = {name: given[name] for name in ("person", "subject", "version")}
    site.people["supervisor"].act("/api/training/withdraw", **about, reason="long away")
    yield site.browser("olivia")
    site.people["supervisor"].act("/api/training", **given)


@pytest.mark.rule("REG-P11-10i", "PRA-20")
def test_who_is_trained_can_be_read(site: Site, operator: Browser) -> None:
    found = operator.client.get("/api/training").json
    crew = next(one for one in found["masters"] if one["master"] == script.MASTER)
    assert crew["lacking"] == []
    assert next(one for one in crew["roles"] if one["role"] == "operator")["needed"] == 1
    page = operator.client.get("/training").text
    assert "Enough people are trained" in page
    assert "Olivia Brandt" in page
    assert 'id="record"' not in page
    assert 'id="record"' in site.browser("sofia").client.get("/training").text


@pytest.mark.rule("REG-P11-10i", negative=True)
@pytest.mark.parametrize(
    ("who", "changed", "status", "code"),
    [
        ("olivia", {}, 403, "role-missing"),
        ("sofia", {"person": "supervisor"}, 403, "own-training"),
        ("sofia", {"version": 9}, 404, "master-unknown"),
        ("sofia", {"kind": "device class"}, 422, "training-version"),
        ("sofia", {"valid_until": "2020-01-01T00:00:00+00:00"}, 422, "training-until"),
        ("sofia", {"valid_until": "tomorrow"}, 422, "form-invalid"),
        ("sofia", {"result": "splendid"}, 422, "form-invalid"),
    ],
)
def test_what_is_no_record_of_training(site: Site, who: str, changed: dict, status: int, code: str) -> None:
    form = training_of(site, "courier") | changed
    if form["person"] in site.people:
        form["person"] = site.people[form["person"]].id
    size = site.size
    answer = site.browser(who).post("/api/training", form)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert "person:training:recorded" not in site.types_since(size)


@pytest.mark.rule("REG-P11-10i")
def test_a_training_is_signed_by_the_trainer_and_counts_at_once(site: Site) -> None:
    size = site.size
    form = training_of(site, "courier") | {"evidence": "Rode along for a week, passed the test of 20 questions."}
    answer = site.people["qa"].act("/api/training", **form)
    entry = next(site.house.wired.services.ledger.entries(size))
    assert entry.type == "person:training:recorded"
    assert entry.document["signature"]["meaning"] == "PERFORMED"
    assert entry.document["signature"]["person"]["id"] == site.people["qa"].id == entry.data["trainer"]
    assert b"Rode along" not in entry.body
    assert answer["training"]["result"] == "passed"


@pytest.mark.rule("REG-P11-10i", "REG-P11-10g", negative=True)
def test_an_untrained_operator_is_refused_before_a_password_is_asked_for(site: Site, untrained: Browser) -> None:
    size = site.size
    answer = untrained.post(f"{INTAKE}/perform", values_of())
    assert (answer.status_code, answer.json["code"]) == (403, "training-missing")
    assert script.MASTER in answer.json["text"]
    assert "version 1" in answer.json["text"]
    assert site.size == size


@pytest.mark.rule("REG-P11-10i")
def test_an_untrained_operator_still_reads_and_reports(site: Site, untrained: Browser) -> None:
    assert untrained.client.get(f"/batches/{script.BATCH}").status_code == 200
    assert untrained.client.get(BATCH).json["batch"] == script.BATCH


@pytest.mark.rule("PRA-20", negative=True)
def test_the_page_says_what_is_missing(site: Site, untrained: Browser) -> None:
    about = {name: training_of(site, "verifier")[name] for name in ("person", "subject", "version")}
    site.people["supervisor"].act("/api/training/withdraw", **about, reason="long away")
    page = untrained.client.get("/training").text
    site.people["supervisor"].act("/api/training", **training_of(site, "verifier"))
    assert "No batch may begin" in page
    assert "operator (0 of 1)" in page


@pytest.mark.rule("REG-P11-10f", negative=True)
def test_while_the_intake_is_open_no_other_step_begins(site: Site, operator: Browser) -> None:
    """Every step of the master, asked for over the interface out of its turn."""
    size = site.size
    for step in [one["step"] for one in site.play.state()["steps"]]:
        answer = operator.post(f"{STEPS}/{step}/start")
        assert answer.status_code == 409, step
        assert answer.json["code"] in ("step-predecessors-open", "step-not-pending"), step
    assert site.size == size


@pytest.mark.parametrize(
    ("who", "code"), [("olivia", "glass-not-needed"), ("anna", "role-missing"), ("quentin", "role-missing")]
)
def test_no_glass_is_broken_where_nobody_is_missing(site: Site, who: str, code: str) -> None:
    answer = site.browser(who).post(f"{INTAKE}/break-glass", {"reason": "nobody here"})
    assert answer.json["code"] == code


def test_a_withdrawal_needs_a_reason(site: Site) -> None:
    about = {name: training_of(site, "courier")[name] for name in ("person", "subject", "version")}
    with pytest.raises(Unexpected, match="reason-missing"):
        site.people["supervisor"].act("/api/training/withdraw", **about)
