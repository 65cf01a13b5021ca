"""From bytes to a master and back: the flattened form says everything, and only it is digested."""

import dataclasses
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment_drivers.nodemap import parse_nodemap
from mes.errors import Refusal
from mes.masters.closed_yaml import read_closed
from mes.masters.model import AlsoSigned, Edge, Kind, Parameter, Severity, Source
from mes.masters.reader import flattened, read_approved, read_master
from mes.masters.schemas.master import STEP_MEANINGS
from mes.masters.signals import SIGNALS
from tests.masters.builders import GOOD, MUSEUM, TEMPLATE, good

MASTERS = [GOOD, TEMPLATE, (MUSEUM / "first-table.yaml").read_text()]


@pytest.mark.parametrize("text", MASTERS, ids=["good", "template", "first table"])
def test_the_flattened_form_reads_back_as_the_same_master(text: str) -> None:
    master = read_master(text.encode())
    assert master.digest == sha256(master.body).hexdigest()
    assert read_master(master.body) == master
    assert read_approved(master.body) == master
    assert flattened(master) == master.body


def test_any_yaml_reader_reads_the_flattened_form_alike() -> None:
    body = read_master(TEMPLATE.encode()).body
    assert yaml.safe_load(body) == read_closed(body)


def test_comments_and_layout_do_not_change_the_digest_but_a_limit_does() -> None:
    told = read_master(("# reviewed\n" + GOOD.replace("title: Dose", 'title:   "Dose"')).encode())
    assert told.digest == good().digest
    assert read_master(GOOD.replace('"37.5"', '"37.50"').encode()).digest != good().digest


def test_defaults_are_written_out() -> None:
    body = good().body.decode()
    assert 'severity: "major"' in body
    assert 'basis: "default"' in body
    assert "low_inclusive: true" in body


def test_what_the_file_says_is_what_the_master_holds() -> None:
    step = good().step("S2")
    assert step.parameter("temperature") == dataclasses.replace(
        Parameter("temperature", "Temperature", Kind.NUMBER, "Cel"),
        low=step.parameters[0].low,
        high=step.parameters[0].high,
        severity=Severity.CRITICAL,
        source=Source.DEVICE,
        tag="culture.temperature",
    )
    assert str(step.parameters[0].low) == "36.5"
    assert step.program is not None
    assert (step.program.number, step.program.follow_state) == ("8", "COMPLETE")
    assert step.windows[0].absolute
    assert good().step("S4").windows[0].edge is Edge.COMPLETED
    assert good().step("S5").signatures.also == (AlsoSigned("QA_REVIEWED", "qa"),)
    assert str(step.materials[0].quantity) == "1 {piece}"


@pytest.mark.parametrize(("ask", "code"), [("step", "step-unknown"), ("parameter", "parameter-unknown")])
def test_what_is_not_in_the_master_is_refused(ask: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        good().step("S9") if ask == "step" else good().step("S2").parameter("colour")
    assert (refused.value.code, refused.value.status) == (code, 404)


def tried(read: Callable[[bytes], object], text: str) -> str | None:
    """Return the code of the refusal, None if there was none; every problem of it must have its sentence."""
    try:
        read(text.encode())
    except Refusal as refused:
        if all(one["sentence"] for one in refused.facts["problems"]):
            return refused.code
        return "without sentence"
    return None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_document_or_a_refusal(text: str) -> None:
    assert tried(read_closed, text) in (None, "master-file-wrong")


PLACES = st.integers(0, len(GOOD) - 1)


@given(PLACES, st.sampled_from(":-{}[],\"'#&*!|>%@` \n0\té"))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mistyped_character_never_breaks_the_reader(place: int, typed: str) -> None:
    assert tried(read_master, GOOD[:place] + typed + GOOD[place + 1 :]) in (None, "master-file-wrong")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("true", True), ("false", False), ("null", None), ("~", None),
        ("12", 12), ("-3", -3), ("012", "012"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"), ("'1.5'", "1.5"), ("1,5", "1,5"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_look_like(text: str, found: object) -> None:
    read = read_closed(f"a: {text}".encode())["a"]
    assert (read, type(read)) == (found, type(found))


def test_signals_are_those_of_the_node_maps() -> None:
    body = files("equipment_drivers").joinpath("nodemaps/prodigy_like.yaml").read_bytes()
    tags = {tag: binding.unit or None for tag, binding in parse_nodemap(body).tags.items()}
    assert {tag: tags.get(tag, "absent") for tag in SIGNALS} == SIGNALS


def test_step_meanings_leave_out_what_only_an_act_may_sign() -> None:
    words = {str(one) for one in STEP_MEANINGS}
    assert words & {"CORRECTED", "VOIDED", "MASTER_APPROVED", "OOS_ACCEPTED", "BREAK_GLASS", "CERT_WITHDRAWN"} == set()
