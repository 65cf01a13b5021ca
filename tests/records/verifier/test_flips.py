"""One byte changed anywhere is noticed, and the place is named."""

import random
import re
import zipfile
from pathlib import Path

import pytest

from tests.records.verifier.bundles import asked, build, offences
from tests.records.verifier.story import Story
from tests.records.verifier.writer import bag, zipped

FILES = Story().batch().files()
BODY = zipped(bag(FILES))
BOUND = sorted(name for name in FILES if not re.search(r"README|schemas|ebr\.pdf|keys\.json", name))
"""Files that the site's signature covers: to change them is seen even if bag and zip are made to fit."""


def flipped(body: bytes, place: int, mask: int) -> bytes:
    return body[:place] + bytes([body[place] ^ mask]) + body[place + 1 :]


def spans() -> dict[str, tuple[int, int]]:
    """Where the bytes of each member lie in the zip."""
    found, at = {}, 0
    for name in sorted(bag(FILES)):
        at += 30 + len("B1.ebr/" + name)
        found[name] = (at, at + len(bag(FILES)[name]))
        at = found[name][1]
    return found


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_byte_of_any_file_under_data(tmp_path: Path, name: str) -> None:
    start, end = spans()[name]
    draw = random.Random(name)
    for _ in range(3):
        path = tmp_path / "B1.ebr.zip"
        path.write_bytes(flipped(BODY, draw.randrange(start, end), 1 << draw.randrange(8)))
        code, lines = asked(path)
        container, bagged = offences(lines)[:2]
        assert code == 1
        assert container.endswith(f"header (name, time, CRC-32, size) of {name}")
        assert bagged.startswith(f"bag: {name}: ")


def test_a_byte_of_the_zip_itself(tmp_path: Path) -> None:
    inside = {place for start, end in spans().values() for place in range(start, end)}
    between = [place for place in range(len(BODY)) if place not in inside]
    assert len(between) > 3000
    draw = random.Random(1)
    for place in [*draw.sample(between, 60), len(BODY) - 1, len(BODY) - 22, 0]:
        path = tmp_path / "B1.ebr.zip"
        path.write_bytes(flipped(BODY, place, 1 << draw.randrange(8)))
        code, lines = asked(path)
        assert code == 1
        assert offences(lines)[0].startswith("container: ")


@pytest.mark.parametrize("name", BOUND)
def test_a_byte_of_a_sealed_file_even_if_bag_and_zip_fit(tmp_path: Path, name: str) -> None:
    draw, body = random.Random(name), FILES[name]
    places = [place for place in range(len(body)) if not (name.endswith(".gz") and is_gzip_label(body, place))]
    for _ in range(4 if len(body) < 5000 else 8):
        place = draw.choice(places)
        path = tmp_path / "B1.ebr.zip"
        path.write_bytes(zipped(bag({**FILES, name: flipped(body, place, 1 << draw.randrange(8))})))
        code, lines = asked(path)
        told = offences(lines)
        assert code == 1
        assert not any(one.startswith(("container", "bag")) for one in told)
        wanted = [name, name.replace("inclusion", "record"), name.replace("record", "inclusion")]
        number = body[:place].count(b"\n") + 1
        line = f" line {number}" if name.endswith(".jsonl") else ""
        assert any(one + line in answer for one in wanted for answer in told), told


def is_gzip_label(body: bytes, place: int) -> bool:
    """Whether a place is one of the two bytes of a gzip member that say nothing about its content."""
    starts = [match.start() for match in re.finditer(rb"\x1f\x8b\x08\0\0\0\0\0", body)]
    return any(place - start in (8, 9) for start in starts)


def test_the_zip_is_what_the_standard_library_reads(tmp_path: Path) -> None:
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
