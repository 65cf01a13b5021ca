"""Shamir's secret sharing: the field of FIPS 197, two shares give the secret back, one tells nothing."""

import secrets
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes.ledger.secret_sharing import inverse, joined, multiplied, split


@pytest.mark.parametrize(
    ("a", "b", "product"),
    # FIPS 197, 4.2 and 4.2.1, and HashiCorp Vault shamir/shamir_test.go TestField_Mult
    [(0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x57, 0x02, 0xAE), (0x57, 0x04, 0x47), (0x57, 0x08, 0x8E),
     (0x57, 0x10, 0x07), (3, 7, 9), (3, 0, 0), (0, 3, 0)],
)  # fmt: skip
def test_the_field_is_the_published_one(a, b, product):
    assert multiplied(a, b) == product


def test_every_element_but_zero_has_its_inverse():
    assert {multiplied(a, inverse(a)) for a in range(1, 256)} == {1}
    assert inverse(0x53) == 0xCA  # the example of FIPS 197's S-box literature
    with pytest.raises(ZeroDivisionError):
        inverse(0)


def test_shares_made_elsewhere_are_joined():
    """The polynomial 42 + 7x at x = 1, 2, 3, worked out by hand."""
    shares = {1: bytes([42 ^ 7]), 2: bytes([42 ^ 14]), 3: bytes([42 ^ 9])}
    for pair in combinations(shares, 2):
        assert joined({one: shares[one] for one in pair}) == b"*"


@given(st.binary(min_size=1, max_size=64), st.integers(2, 5), st.data())
def test_any_sufficient_shares_give_the_secret_back(secret, needed, data):
    total = data.draw(st.integers(needed, 7))
    shares = split(secret, needed, total)
    chosen = data.draw(st.permutations(sorted(shares)))[:needed]
    assert joined({one: shares[one] for one in chosen}) == secret


@pytest.mark.rule("SEC-48", negative=True)
@given(st.binary(min_size=32, max_size=32))
def test_one_share_fits_every_secret(other):
    """For whatever secret one likes there is a second share that yields it: the first alone decides nothing."""
    share = split(secrets.token_bytes(32), 2, 3)[1]
    slope = bytes(a ^ b for a, b in zip(share, other, strict=True))
    second = bytes(value ^ multiplied(2, rise) for value, rise in zip(other, slope, strict=True))
    assert joined({1: share, 2: second}) == other


@pytest.mark.parametrize(("secret", "needed", "shares"), [(b"", 2, 3), (b"x", 1, 3), (b"x", 4, 3), (b"x", 2, 256)])
def test_senseless_splits_are_mistakes(secret, needed, shares):
    with pytest.raises(ValueError):
        split(secret, needed, shares)


@pytest.mark.parametrize("shares", [{1: b"x"}, {1: b"x", 2: b"yy"}, {0: b"x", 2: b"y"}])
def test_shares_that_do_not_belong_together_are_a_mistake(shares):
    with pytest.raises(ValueError):
        joined(shares)
