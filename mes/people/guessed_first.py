"""The passwords that everybody guesses first, shipped with the product so that nothing typed leaves the site.

Source: Royce Williams' list as Django 5.2 ships it (19,646 lines, BSD-3-Clause; see NOTICE), unchanged.
"""

from functools import cache
from gzip import decompress
from importlib.resources import files

FILE = "common_passwords.txt.gz"


@cache
def common_passwords() -> frozenset[str]:
    """Return the list in lower case."""
    packed = files("mes.people").joinpath(FILE).read_bytes()
    return frozenset(decompress(packed).decode().casefold().split())
