"""The PDF: PDF/A-3b by construction, one attachment, the same bytes, and nothing fetched from anywhere."""

import re
import zlib

import pytest

from mes.errors import Fault, Refusal
from mes.records.render import Terms, rendered
from tests.records.conftest import Exported
from tests.records.verifier.bundles import verifier

TERMS = Terms(1_794_000_000, "ab" * 16)
RECORD = b'{"a":1}\n'


def page(body: str) -> str:
    """Return a small page with fixed dates."""
    dates = '<meta name="dcterms.created" content="2026-11-11T13:45:00Z">'
    dates += '<meta name="dcterms.modified" content="2026-11-11T13:45:00Z">'
    return f'<html lang="en"><head><title>t</title>{dates}</head><body>{body}</body></html>'


def unpacked(pdf: bytes) -> bytes:
    """Return a PDF with its compressed streams opened, for searching."""
    out = [pdf]
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.S):
        try:
            out.append(zlib.decompressobj().decompress(match[1]))
        except zlib.error:
            continue
    return b"\n".join(out)


def test_the_same_page_gives_the_same_bytes() -> None:
    first, again = (rendered(page("<p>one</p>"), RECORD, TERMS) for _ in range(2))
    assert first == again
    assert verifier.Pdf(first).attached("record.jsonl", 100) == RECORD


@pytest.mark.parametrize("address", ["file:///etc/hostname", "http://127.0.0.1:9/x.png", "data:image/png;base64,AA"])
def test_nothing_is_fetched(address: str) -> None:
    with pytest.raises(Fault) as failed:
        rendered(page(f'<img src="{address}" alt=""><p>one</p>'), RECORD, TERMS)
    assert "FatalURLFetchingError" in failed.value.facts["cause"]


@pytest.mark.parametrize("breaks", [301])
def test_a_record_of_too_many_pages_is_refused(breaks: int) -> None:
    with pytest.raises(Refusal) as refused:
        rendered(page('<p style="break-after: page">x</p>' * breaks), RECORD, TERMS)
    assert refused.value.code == "record-too-long"
    assert refused.value.facts["most"] == 300
    assert refused.value.facts["pages"] >= breaks


def test_a_rendering_that_takes_too_long_is_ended() -> None:
    with pytest.raises(Fault) as failed:
        rendered(page("<p>one</p>"), RECORD, TERMS, timeout_s=0.05)
    assert failed.value.code == "record-render-timeout"


def test_a_rendering_that_fails_says_so() -> None:
    with pytest.raises(Fault) as failed:
        rendered(page("<p>one</p>"), RECORD, Terms(10**15, "ab"))
    assert failed.value.code == "record-render-failed"


@pytest.mark.rule("REG-A11-08")
def test_the_record_is_pdf_a_with_one_attachment(exported: Exported) -> None:
    pdf = exported.service.pdf(exported.seal)
    text = unpacked(pdf)
    assert pdf.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>3</pdfaid:part>" in text or b'pdfaid:part="3"' in text
    assert b"/OutputIntents" in text
    assert b"/AFRelationship /Data" in text
    assert len(re.findall(rb"/AF \[\s*\d+ 0 R\s*\]", text)) == 1
    assert b"/JavaScript" not in text
    assert b"/Encrypt" not in text
    fonts = re.findall(rb"/FontName /[A-Z]{6}\+([A-Za-z-]+)", text)
    assert fonts
    assert all(name.startswith(b"DejaVu") for name in fonts)
