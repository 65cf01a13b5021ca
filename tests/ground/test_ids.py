"""Identifiers: what may be one, and that the same cause always makes the same operation."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.errors import Refusal
from mes.ids import ID_PATTERN, SITE_PATTERN, checked_id, device_op, new_op, stream


@pytest.mark.parametrize("good", ["a", "B-2026-0001", "B1.R1", "x_y", "0", "A" * 64])
def test_what_may_be_an_id(good):
    assert checked_id(good) == good
    assert stream("batch", good) == f"batch/{good}"


@pytest.mark.parametrize(
    "bad",
    ["", " ", "-a", ".a", "_a", "a b", "a/b", "../etc", "a\n", "ä", "a\x00", "A" * 65, "a;b", "a'b", "<b>", "٣"],
)
def test_what_is_no_id_is_refused_with_what_was_given(bad):
    for act in (checked_id, lambda text: stream("batch", text)):
        with pytest.raises(Refusal, match="id-malformed") as refusal:
            act(bad)
        assert refusal.value.status == 422
        assert refusal.value.facts["given"] == bad[:80]


@given(st.text(max_size=70))
def test_an_id_never_leaves_its_stream(text):
    if ID_PATTERN.fullmatch(text):
        assert stream("batch", text).split("/") == ["batch", text]
    else:
        with pytest.raises(Refusal):
            stream("batch", text)


@pytest.mark.parametrize(("text", "fits"), [("demo-site", True), ("ab", False), ("Demo", False), ("a" * 33, False)])
def test_what_may_be_a_site(text, fits):
    assert bool(SITE_PATTERN.fullmatch(text)) is fits


def test_an_act_of_a_person_is_always_a_new_operation():
    made = {new_op() for _ in range(100)}
    assert len(made) == 100
    assert {UUID(op).version for op in made} == {4}


@given(st.text(), st.text())
def test_a_device_fact_is_the_same_operation_whenever_it_is_read_again(one, other):
    assert (device_op(one) == device_op(other)) is (one == other)
    assert UUID(device_op(one)).version == 5


def test_operations_of_device_facts_never_change_between_releases():
    assert device_op("journal-1:sample:17") == "d61b5a81-c7d9-52ef-873a-f47e80606c24"
