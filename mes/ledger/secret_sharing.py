"""Shamir's secret sharing over GF(256) with the polynomial of AES (FIPS 197, 4.2): any two of three shares suffice.

Each byte of the secret is the value at 0 of a random polynomial; a share is the values at its own number. One share
alone is as likely under every secret, so it tells nothing.
"""

import secrets
from collections.abc import Mapping

POLYNOMIAL = 0x11B
MOST_SHARES = 255


def multiplied(a: int, b: int) -> int:
    """Return the product of two elements of GF(256); every step is taken whatever the bits are."""
    product = 0
    for _ in range(8):
        product ^= a & -(b & 1)
        a = (a << 1) ^ (POLYNOMIAL & -(a >> 7))
        b >>= 1
    return product


def inverse(a: int) -> int:
    """Return the element by which `a` multiplies to 1: a^254. ZeroDivisionError for 0."""
    if a == 0:
        raise ZeroDivisionError("0 has no inverse in GF(256)")
    result, power = 1, a
    for _ in range(7):
        power = multiplied(power, power)
        result = multiplied(result, power)
    return result


def split(secret: bytes, needed: int, shares: int) -> dict[int, bytes]:
    """Return shares of `secret` by number, from 1; any `needed` of them give it back. ValueError out of range."""
    if not 2 <= needed <= shares <= MOST_SHARES or not secret:
        raise ValueError(f"{needed} of {shares} shares of {len(secret)} bytes")
    polynomials = [bytes([byte]) + secrets.token_bytes(needed - 1) for byte in secret]
    return {number: bytes(_at(each, number) for each in polynomials) for number in range(1, shares + 1)}


def joined(shares: Mapping[int, bytes]) -> bytes:
    """Return the secret from shares by number. Too few, or a wrong one, give other bytes: check what comes out."""
    lengths = {len(share) for share in shares.values()}
    if len(shares) < 2 or len(lengths) != 1 or not all(1 <= number <= MOST_SHARES for number in shares):
        raise ValueError("shares that do not belong together")
    weights = {number: _weight(number, shares) for number in shares}
    secret = bytearray(lengths.pop())
    for number, share in shares.items():
        for place, byte in enumerate(share):
            secret[place] ^= multiplied(byte, weights[number])
    return bytes(secret)


def _at(coefficients: bytes, x: int) -> int:
    value = 0
    for coefficient in reversed(coefficients):
        value = multiplied(value, x) ^ coefficient
    return value


def _weight(number: int, others: Mapping[int, bytes]) -> int:
    """Return Lagrange's weight of a share at 0; subtraction in GF(256) is exclusive or."""
    weight = 1
    for other in others:
        if other != number:
            weight = multiplied(weight, multiplied(other, inverse(other ^ number)))
    return weight
