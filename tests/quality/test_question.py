"""A certificate in question: corrected afterwards, it stands or falls by a Qualified Person's signature alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mes.batches import events as ev
from mes.batches.decide.values import GivenValue
from mes.batches.model import Disposition
from mes.batches.service.corrections import CorrectionService
from mes.batches.service.problems import ProblemService
from mes.errors import Refusal
from mes.masters.model import Kind
from mes.quality import question
from mes.quality.answering import QuestionService
from mes.quality.gate.model import GateItem, GateStatus
from mes.signatures.model import SignaturePrompt
from tests.quality.builders import ready
from tests.quality.site import Site, a_site
from tests.quality.test_service import certify


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path, ready()) as made:
        made.wait(1)
        yield made


def a_value(site: Site) -> tuple[str, GivenValue]:
    """Return a number of the batch that can be corrected to another one within its limits."""
    for step in site.state().steps.values():
        for name, value in step.values.items():
            parameter = step.step.parameter(name)
            if parameter.kind is Kind.NUMBER and step.step.signatures.performed == "operator":
                return step.step.id, GivenValue(
                    name, f"{value.value}0" if "." in value.value else f"{value.value}.0", value.unit
                )
    raise LookupError("the story holds no number")


def correct(site: Site) -> None:
    step, given = a_value(site)
    site.sign(CorrectionService(site.recorder).correct, "op-1", reason="misread", step_id=step, given=given)


def settle(site: Site) -> None:
    """Assess and approve the deviation, and give every review that fell or is too old anew."""
    problems = ProblemService(site.recorder)
    (deviation,) = site.state().open_deviations()
    site.sign(problems.assess_deviation, "sup-1", deviation=deviation.deviation, impact="a digit; no effect")
    site.sign(problems.approve_deviation, "qa-1", deviation=deviation.deviation)


def answers(site: Site) -> QuestionService:
    return QuestionService(site.recorder, site.quality)


@pytest.mark.rule("REG-P11-70", "REG-ATMP-04")
def test_a_correction_after_the_certificate_asks_the_qualified_person(site: Site) -> None:
    certify(site)
    site.sign(site.quality.assign_release, "qa-1")
    correct(site)
    state = site.state()
    assert (state.disposition, state.questioned_from) == (Disposition.IN_QUESTION, Disposition.RELEASED)
    assert state.certificates == {"preliminary": "B1.CP"}
    asked = site.last("batch:certificate:questioned")
    assert asked.op == site.last("batch:value:corrected").op == site.last("batch:deviation:opened").op
    assert asked.data["certificates"] == ["B1.CP"]
    assert [one.severity for one in state.open_deviations()] == ["critical"]


def test_who_corrects_is_told_that_the_certificate_comes_into_question(site: Site) -> None:
    certify(site)
    step, given = a_value(site)
    with pytest.raises(SignaturePrompt) as prompt:
        CorrectionService(site.recorder).correct(site.act("op-1", "misread"), "B1", step, given)
    assert "Certificate in question" in [one.label for one in prompt.value.shown.items]


def test_before_certification_nothing_comes_into_question(site: Site) -> None:
    correct(site)
    assert site.state().disposition is Disposition.QUARANTINE
    assert "batch:certificate:questioned" not in [one.type for one in site.entries("batch", "B1")]


@pytest.mark.rule("REG-A11-15", negative=True)
@pytest.mark.parametrize("who", ["qa-1", "op-1"])
@pytest.mark.parametrize("act", ["uphold", "withdraw"])
def test_nobody_else_answers(site: Site, who: str, act: str) -> None:
    certify(site)
    correct(site)
    with pytest.raises(Refusal) as refused:
        getattr(answers(site), act)(site.act(who, "it is fine"), "B1")
    assert refused.value.code == "role-missing"


def test_the_certificate_is_not_upheld_while_a_deviation_is_open(site: Site) -> None:
    certify(site)
    correct(site)
    with pytest.raises(Refusal) as refused:
        answers(site).uphold(site.act("qp-1", "no effect"), "B1")
    assert refused.value.code == "gate-not-met"
    assert "G-05" in refused.value.facts["items"]


@pytest.mark.rule("REG-P11-70", "REG-P11-50", negative=True)
def test_a_certificate_is_upheld_once_all_is_settled(site: Site) -> None:
    certify(site)
    site.sign(site.quality.assign_release, "qa-1")
    correct(site)
    settle(site)
    site.review_trail("qp-2")
    state = site.sign(answers(site).uphold, "qp-1", reason="the digit changes nothing")
    assert (state.disposition, state.questioned_from) == (Disposition.RELEASED, None)
    upheld = site.last("batch:certificate:upheld")
    assert upheld.document["signature"]["meaning"] == "QP_PRELIM_CERTIFIED"
    assert upheld.document["signature"]["factors"] == ["user_name", "password", "totp"]
    assert upheld.document["reason"] == "the digit changes nothing"
    (*_, line) = site.entries("register", "qp")
    assert (line.data["certificate"], line.data["outcome"]) == ("B1.CP.upheld", "upheld")
    with pytest.raises(Refusal) as again:
        answers(site).uphold(site.act("qp-1", "once more"), "B1")
    assert again.value.code == "certificate-not-in-question"


def test_a_withdrawn_certificate_stops_the_bag_for_good(site: Site) -> None:
    certify(site)
    site.sign(site.quality.assign_release, "qa-1")
    correct(site)
    state = site.sign(answers(site).withdraw, "qp-1", reason="the value decides the dose")
    assert state.disposition is Disposition.WITHDRAWN
    withdrawn = site.last("batch:certificate:withdrawn")
    assert withdrawn.document["signature"]["meaning"] == "CERT_WITHDRAWN"
    (container,) = state.filled
    held = site.entries("container", container)[-1]
    assert (held.type, held.op) == ("container:held", withdrawn.op)
    correct(site)
    assert site.state().disposition is Disposition.WITHDRAWN
    for act, code in (("uphold", "certificate-not-in-question"), ("withdraw", "certificate-withdrawn")):
        with pytest.raises(Refusal) as refused:
            getattr(answers(site), act)(site.act("qp-1", "again"), "B1")
        assert refused.value.code == code
    with pytest.raises(Refusal) as released:
        site.sign(site.quality.assign_release, "qa-1")
    assert released.value.code == "not-certified"


def test_an_answer_needs_a_reason(site: Site) -> None:
    certify(site)
    correct(site)
    state = site.state()
    for act in (lambda: question.uphold(state, [], None), lambda: question.withdraw(state, "")):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == "reason-missing"


def test_what_the_moment_of_release_asked_does_not_stand_against(site: Site) -> None:
    certify(site)
    correct(site)
    late = [GateItem(one, "title", GateStatus.NOT_MET, "expired") for one in question.PASSED_BY]
    (upheld,) = question.uphold(site.state(), late, "given in time")
    assert upheld == ev.CertificateUpheld("B1.CP", "preliminary", "certified (preliminary)", upheld.gate)
    with pytest.raises(Refusal) as uncertified:
        question.withdraw(ready().state, "why")
    assert uncertified.value.code == "not-certified"
