"""The record is found in the PDFs that WeasyPrint writes, and in no other place than the catalogue's name tree."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.records.verifier.bundles import asked, build, offences, verifier
from tests.records.verifier.writer import plain_pdf

WEASYPRINT = """
import sys
from weasyprint import HTML, Attachment
record, target, variant, *options = sys.argv[1:]
attachments = [Attachment(filename=record, name="record.jsonl"), Attachment(string=b"x", name="other.txt")]
html = HTML(string="<html lang=en><title>EBR</title><body><h1>SIMULATED DEVICE</h1><p>" + "text " * 3000)
html.write_pdf(target, pdf_variant=variant or None, attachments=attachments, **{option: True for option in options})
"""
RECORD = b'{"a":1}\n{"b":"\xc3\xa9"}\n' * 400


def write(folder: Path, record: bytes, *options: str) -> bytes:
    """Write a PDF with the record attached, in a process of its own."""
    (folder / "in.jsonl").write_bytes(record)
    command = [sys.executable, "-c", WEASYPRINT, str(folder / "in.jsonl"), str(folder / "out.pdf"), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return (folder / "out.pdf").read_bytes()


@pytest.mark.parametrize("options", [("pdf/a-3b",), ("pdf/a-3u", "uncompressed_pdf"), ("",)], ids="-".join)
def test_weasyprint_attachments_are_found(tmp_path: Path, options: tuple[str, ...]) -> None:
    body = write(tmp_path, RECORD, *options)
    assert verifier.Pdf(body).attached("record.jsonl", len(RECORD)) == RECORD
    with pytest.raises(verifier.Wrong, match="has 0 attachments"):
        verifier.Pdf(body).attached("missing.txt", 10)


def test_a_bundle_with_a_real_pdf(tmp_path: Path) -> None:
    path = tmp_path / "B1.ebr.zip"
    path.write_bytes(build(pdf=lambda record: write(tmp_path, record, "pdf/a-3b")))
    code, lines = asked(path)
    assert (code, offences(lines)) == (0, [])


def test_a_later_revision_that_keeps_the_attachment_is_fine() -> None:
    """A signature is appended as a new revision."""
    body = plain_pdf(RECORD)
    start = body[: body.rindex(b"startxref")].rindex(b"xref\n0")
    more = b"9 0 obj\n<</Type /Sig>>\nendobj\n"
    table = b"xref\n9 1\n%010d 00000 n \ntrailer\n<</Size 10 /Root 1 0 R /Prev %d>>\n" % (len(body), start)
    signed = body + more + table + b"startxref\n%d\n%%%%EOF\n" % (len(body) + len(more))
    assert verifier.Pdf(signed).attached("record.jsonl", len(RECORD)) == RECORD


def test_an_attachment_that_unpacks_beyond_the_record_is_not_unpacked() -> None:
    packed = zlib.compress(bytes(200_000_000))
    body = plain_pdf(packed, about=b" /Filter /FlateDecode")
    with pytest.raises(verifier.Wrong, match="longer than 1000 bytes"):
        verifier.Pdf(body).attached("record.jsonl", 1000)


def test_an_attachment_that_is_packed_is_unpacked() -> None:
    body = plain_pdf(zlib.compress(RECORD), about=b" /Filter [/FlateDecode]")
    assert verifier.Pdf(body).attached("record.jsonl", len(RECORD)) == RECORD


ODD: dict[str, tuple[bytes, str]] = {
    "another filter": (plain_pdf(RECORD, about=b" /Filter /LZWDecode"), "has a stream filter not known here"),
    "half a stream": (plain_pdf(zlib.compress(RECORD)[:-9], about=b" /Filter /FlateDecode"), "cut short"),
    "another predictor": (
        plain_pdf(zlib.compress(b"\4ab"), about=b" /Filter /FlateDecode /DecodeParms <</Predictor 15 /Columns 2>>"),
        "has a predictor that is not known here",
    ),
    "names in a circle": (plain_pdf(RECORD, names=b"] /Kids [6 0 R"), "has 0 attachments"),
    "a string without an end": (plain_pdf(RECORD, names=b"(a"), "has a string without an end"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_pdf_is_refused_in_words(name: str) -> None:
    body, words = ODD[name]
    with pytest.raises(verifier.Wrong, match=words):
        verifier.Pdf(body).attached("record.jsonl", len(RECORD))


def test_a_name_tree_in_a_circle_is_refused() -> None:
    pdf = verifier.Pdf.__new__(verifier.Pdf)
    pdf.body, pdf.places, pdf.packed = b"1 0 obj\n<</Kids [1 0 R]>>\nendobj", {1: (1, 0)}, {}
    with pytest.raises(verifier.Wrong, match="has a name tree in a circle"):
        list(pdf.attachments((1,)))


def test_a_predictor_is_undone() -> None:
    rows = bytes([0, 1, 2, 2, 1, 1, 0, 9, 9])
    packed = zlib.compress(rows)
    body = plain_pdf(packed, about=b" /Filter /FlateDecode /DecodeParms <</Predictor 12 /Columns 2>>")
    assert verifier.Pdf(body).attached("record.jsonl", 100) == bytes([1, 2, 2, 3, 9, 9])


def test_strings_and_names() -> None:
    pdf = verifier.Pdf.__new__(verifier.Pdf)
    table = {
        rb"(a\(b\)c)": b"a(b)c",
        rb"(a(b)c)": b"a(b)c",
        rb"(\101\n\053\\)": b"A\n+\\",
        b"(a\\\nb)": b"ab",
        b"<48 65 6>": b"He`",
        b"<</A [1 -2 (x) 3 0 R /N true]>>": {"/A": [1, -2, b"x", (3,), "/N", "true"]},
        b"% comment\n 17": 17,
    }
    for text, value in table.items():
        pdf.body = text
        assert pdf.value(0)[0] == value
