"""Quality through its service on a real ledger: signed, recorded once, and with everything that belongs to it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mes.batches import events as ev
from mes.batches.model import Disposition, Phase
from mes.batches.service.acting import Acting
from mes.errors import Refusal
from mes.quality.gate.model import GateStatus
from mes.quality.statements import CONFIRMATIONS
from mes.signatures.model import Credentials, SignaturePrompt
from tests.people.builders import PASSWORD
from tests.people.houses import login
from tests.quality.builders import DEFERRED, REAL, ready
from tests.quality.site import Site, a_site

ALL = tuple(CONFIRMATIONS)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path, ready()) as made:
        made.wait(1)
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Site]:
    """Give a site whose batch has no results and no reviews yet."""
    with a_site(tmp_path, ready(skip=("results", "reviews", "A20", "A21"))) as made:
        made.wait(5)
        yield made


def acknowledged(site: Site, stage: str) -> tuple[str, ...]:
    found = site.quality.gate("B1", stage=stage)
    return tuple(one.item for one in found if one.status in (GateStatus.COVERED, GateStatus.NOT_MONITORED))


def certify(site: Site, who: str = "qp-1", stage: str = "preliminary") -> None:
    call = site.quality.certify_final if stage == "final" else site.quality.certify_preliminary
    site.sign(call, who, confirmations=ALL, acknowledged=acknowledged(site, stage))


def meanings(site: Site) -> dict[str, str]:
    return {
        entry.type: entry.document["signature"]["meaning"]
        for entry in site.entries("batch", "B1")
        if "signature" in entry.document
    }


@pytest.mark.rule("REG-ATMP-14", "REG-ATMP-15", "PRA-20")
def test_from_results_to_release(fresh: Site) -> None:
    for item, (value, unit) in REAL.items():
        fresh.sign(fresh.quality.enter_result, "qc-1", item=item, value=value, unit=unit)
        fresh.sign(fresh.quality.review_result, "qc-2", item=item)
    fresh.record("qc-1", ev.StepStarted("A20"), ev.StepPerformed("A20", "", ()))
    fresh.record("qc-2", ev.StepVerified("A20"), ev.StepCompleted("A20"))
    for kind, who in (("production", "sup-1"), ("qc", "qc-2"), ("audit_trail", "qp-2"), ("qa", "qa-1")):
        state = fresh.sign(fresh.quality.review, who, kind=kind)
    assert not state.step("A21").is_open
    found = {one.item: one.detail for one in fresh.quality.gate("B1", stage="preliminary") if one.status == "NOT MET"}
    assert found == {
        "G-01": "A20: lot of Endotoxin cartridge missing; A20: lot of Antibody panel for flow cytometry missing"
    }
    assert meanings(fresh)["batch:result:entered"] == "RESULT_ENTERED"
    assert meanings(fresh)["batch:result:reviewed"] == "RESULT_REVIEWED"
    assert meanings(fresh)["batch:review:signed"] == "QA_REVIEWED"


@pytest.mark.rule("REG-A16-03", "REG-ATMP-14", "REG-P11-70", "REG-A11-15")
def test_a_certificate_is_an_object_of_the_record(site: Site) -> None:
    certify(site)
    state = site.state()
    assert state.disposition is Disposition.CERTIFIED_PRELIMINARY
    certified = site.last("batch:certified")
    assert certified.document["signature"]["factors"] == ["user_name", "password", "totp"]
    (issued,) = site.entries("certificate", "B1.CP")
    assert issued.data["certified_seq"] == certified.seq
    assert issued.op == certified.op
    refs = [site.house.ledger.entry(ref["index"]) for ref in issued.document["refs"]]
    assert {entry.leaf.hex() for entry in refs} == {ref["leaf"] for ref in issued.document["refs"]}
    assert {"batch:result:entered", "batch:review:signed"} <= {entry.type for entry in refs}
    certificate = site.quality.certificate("B1", "preliminary")
    assert certificate is not None
    assert (certificate.number, certificate.stage, certificate.qp) == (1, "preliminary", "Qp-1 Peeters")
    assert certificate.confirmations == ALL
    assert site.quality.certificate("B1", "final") is None
    (line,) = site.entries("register", "qp")
    assert (line.data["outcome"], line.data["batch"], line.data["site"]) == ("certified", "B1", "site-a")


@pytest.mark.rule("REG-ATMP-14")
def test_release_is_signed_by_qa_and_told_to_the_bag(site: Site) -> None:
    certify(site)
    state = site.sign(site.quality.assign_release, "qa-1")
    assert state.disposition is Disposition.RELEASED
    assert not state.step("A22").is_open
    assert state.forecast is not None
    assert [entry.type for entry in site.entries("container", "B1.P1")] == ["container:released"]
    assert meanings(site)["batch:release:assigned"] == "RELEASE_ASSIGNED"


@pytest.mark.rule("PRA-01", "REG-ATMP-16")
def test_a_late_failure_stops_the_bag_in_the_same_operation(site: Site) -> None:
    certify(site)
    site.sign(site.quality.assign_release, "qa-1")
    state = site.sign(site.quality.enter_result, "qc-1", item="sterility", value="growth")
    assert (state.phase, state.disposition) == (Phase.HELD, Disposition.IN_QUESTION)
    held = site.entries("container", "B1.P1")[-1]
    assert (held.type, held.op) == ("container:held", site.last("batch:result:failed_late").op)
    assert [one.code for one in site.custody.may_infuse("B1")][:2] == ["not-released", "batch-on-hold"]
    with pytest.raises(Refusal) as refused:
        site.quality.assign_release(site.act("qa-1"), "B1")
    assert refused.value.code == "not-certified"


@pytest.mark.rule("REG-ATMP-15")
def test_the_final_certificate_needs_every_deferred_result(site: Site) -> None:
    certify(site)
    site.sign(site.quality.assign_release, "qa-1")
    with pytest.raises(Refusal) as refused:
        certify(site, stage="final")
    assert refused.value.code == "gate-not-met"
    assert "G-04" in refused.value.facts["items"]
    for item, (value, unit) in DEFERRED.items():
        site.sign(site.quality.enter_result, "qc-1", item=item, value=value, unit=unit)
        site.sign(site.quality.review_result, "qc-2", item=item)
    site.record("qc-1", ev.StepStarted("A25"), ev.StepPerformed("A25", "", ()))
    site.record("qc-2", ev.StepVerified("A25"), ev.StepCompleted("A25"))
    site.review_trail("qp-2")
    certify(site, "qp-2", "final")
    state = site.state()
    assert state.certificates == {"preliminary": "B1.CP", "final": "B1.CF"}
    assert not state.step("A25a").is_open
    assert [line.seq for line in site.entries("register", "qp")] == [0, 1]
    final = site.quality.certificate("B1", "final")
    assert final is not None
    assert (final.number, final.pending) == (2, ())


@pytest.mark.rule("REG-A16-05", "REG-A16-03")
def test_a_refusal_stands_in_the_register(site: Site) -> None:
    state = site.sign(site.quality.refuse_certification, "qp-1", reason="identity in doubt", stage="preliminary")
    assert state.disposition is Disposition.REFUSED
    assert site.last("batch:certification:refused").document["reason"] == "identity in doubt"
    assert [line.data["outcome"] for line in site.entries("register", "qp")] == ["refused"]
    for stage, code in (("first", "stage-unknown"), ("preliminary", "certification-refused")):
        with pytest.raises(Refusal) as refused:
            site.quality.refuse_certification(site.act("qp-1", "why"), "B1", stage=stage)
        assert refused.value.code == code


@pytest.mark.rule("REG-A16-01")
@pytest.mark.rule("REG-A11-15", "REG-P11-10g", negative=True)
def test_every_act_has_its_role(site: Site) -> None:
    table: list[tuple[str, str, dict[str, object]]] = [
        ("enter_result", "qc-2", {"item": "viability", "value": "97", "unit": "%"}),
        ("review_result", "qc-1", {"item": "viability"}),
        ("review", "qa-1", {"kind": "production"}),
        ("review", "sup-1", {"kind": "audit_trail"}),
        ("certify_preliminary", "qa-1", {"confirmations": ALL}),
        ("certify_final", "qa-1", {"confirmations": ALL}),
        ("refuse_certification", "qa-1", {"stage": "preliminary"}),
        ("assign_release", "op-1", {}),
    ]
    for method, who, given in table:
        asked = site.act(who, "why")
        size = site.house.ledger.size
        with pytest.raises(Refusal) as refused:
            getattr(site.quality, method)(asked, "B1", **given)
        assert (method, refused.value.code, refused.value.status) == (method, "role-missing", 403)
        assert site.house.ledger.size == size


def test_a_prompt_writes_nothing_and_a_repeated_act_writes_once(site: Site) -> None:
    asked = site.act("qp-1")
    size = site.house.ledger.size
    given = {"confirmations": ALL, "acknowledged": acknowledged(site, "preliminary")}
    with pytest.raises(SignaturePrompt) as prompt:
        site.quality.certify_preliminary(asked, "B1", **given)
    assert site.house.ledger.size == size
    assert prompt.value.factors == ("user_name", "password", "totp")
    labels = [item.label for item in prompt.value.shown.items]
    assert {"Device", "Container B1.P1", "Viability", "Exceptions"} <= set(labels)
    load = next(item.value for item in prompt.value.shown.items if item.label.startswith("Endotoxin per kg"))
    assert load == "at most 0.36 [EU]/kg/h"  # 0.5 EU/mL x 50 mL / (70 kg x 1 h), rounded up
    secret = Credentials(login("qp-1"), PASSWORD, site.house.code("qp-1"), prompt.value.shown.digest)
    signed = Acting(asked.session, asked.op, secret)
    state = site.quality.certify_preliminary(signed, "B1", **given)
    size = site.house.ledger.size
    assert site.quality.certify_preliminary(signed, "B1", **given) == state
    assert site.house.ledger.size == size


@pytest.mark.rule("REG-P11-70")
def test_a_result_that_changed_since_it_was_shown_is_not_certified(site: Site) -> None:
    asked = site.act("qp-1")
    given = {"confirmations": ALL, "acknowledged": acknowledged(site, "preliminary")}
    with pytest.raises(SignaturePrompt) as prompt:
        site.quality.certify_preliminary(asked, "B1", **given)
    site.sign(site.quality.enter_result, "qc-1", reason="second vial", item="viability", value="96", unit="%")
    site.sign(site.quality.review_result, "qc-2", item="viability")
    site.review_trail("qp-2")
    secret = Credentials(login("qp-1"), PASSWORD, site.house.code("qp-1"), prompt.value.shown.digest)
    with pytest.raises(SignaturePrompt) as changed:
        site.quality.certify_preliminary(Acting(asked.session, asked.op, secret), "B1", **given)
    assert changed.value.code == "shown-changed"


@pytest.mark.rule("REG-P11-10a")
@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"passed":true', b'"passed":false'), (b'"passed":true', b'"passed":!rue'), (b'"97.9"', b'"97.8"')],
)
def test_an_altered_entry_closes_the_gate(site: Site, old: bytes, new: bytes) -> None:
    def integrity() -> GateStatus:
        return next(one for one in site.quality.gate("B1", stage="preliminary") if one.item == "G-14").status

    assert integrity() is GateStatus.MET
    with closing(sqlite3.connect(site.house.folder / "site.sqlite")) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        entry = next(one for one in site.entries("batch", "B1") if old in one.body)
        connection.execute("UPDATE entry SET body = ? WHERE leaf = ?", (entry.body.replace(old, new), entry.leaf))
    assert integrity() is GateStatus.NOT_MET


def test_the_panel_shows_every_item(site: Site) -> None:
    rows = {row.item: row for row in site.quality.panel("B1")}
    assert rows["endotoxin"].value == "<=0.5"
    assert rows["sterility"].outcome == "pending"
    assert rows["potency"].limit == "(a) or (b)"


def test_an_unknown_review_is_refused(site: Site) -> None:
    with pytest.raises(Refusal) as refused:
        site.quality.review(site.act("qa-1"), "B1", kind="fun")
    assert refused.value.code == "review-unknown"
