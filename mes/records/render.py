"""From HTML to PDF/A-3b in a child process: bounded in memory, time and pages, and cut off from everything else.

`python -m mes.records.render FOLDER` reads page.html, record.jsonl and terms.json there and writes record.pdf. The
same input gives the same bytes: all dates and the identifier come from the seal.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mes
from mes.errors import Fault, Refusal

MOST_PAGES = 300
MOST_BYTES = 3 << 30
MOST_S = 300
TOO_LONG = 3
ATTACHED = "record.jsonl"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rendering depends on beside page and record: Unix time of the seal and identifier of the file."""

    made_at: int
    identifier: str


def rendered(html: str, record: bytes, terms: Terms, *, timeout_s: float = MOST_S) -> bytes:
    """Return the PDF of a page with the record attached.

    Refuses `record-too-long` above 300 pages; Fault `record-render-timeout` and `record-render-failed`.
    """
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        place = Path(folder)
        (place / "page.html").write_text(html, encoding="utf-8")
        (place / ATTACHED).write_bytes(record)
        (place / "terms.json").write_text(json.dumps(asdict(terms)))
        return _in_child(place, timeout_s)


def _in_child(place: Path, timeout_s: float) -> bytes:
    command = [sys.executable, "-W", "ignore", "-m", "mes.records.render", str(place)]
    roots = [str(Path(mes.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"PATH": os.defpath, "HOME": str(place), "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(roots)}
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, no shell, no word of a user among the arguments
            command, env=environment, cwd=place, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Fault("record-render-timeout", seconds=timeout_s) from error
    if ended.returncode == TOO_LONG:
        raise Refusal("record-too-long", pages=int(ended.stdout), most=MOST_PAGES)
    if ended.returncode:
        raise Fault(
            "record-render-failed", cause=ended.stderr.decode(errors="replace")[-400:], exit_code=ended.returncode
        )
    return (place / "record.pdf").read_bytes()


def closed_fetcher() -> Any:
    """Return the fetcher of a record: it fetches nothing, and a page that asks for anything fails as a whole."""
    from weasyprint.urls import URLFetcher

    class Closed(URLFetcher):  # type: ignore[misc]
        """Refuses every address, also data: and file:."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            """Refuse."""
            raise ValueError(f"a record fetches nothing: {url[:80]}")

    return Closed(allowed_protocols=(), fail_on_errors=True)


def _deduplicated(_: Any, pdf: Any) -> None:
    """Name each attachment once: WeasyPrint 70.0 lists every one twice in /AF."""
    named = pdf.catalog.get("AF")
    if named is not None:
        once = list(dict.fromkeys(named))
        named.clear()
        named.extend(once)


def write(place: Path) -> int:
    """Write record.pdf; return the number of pages, which are not written above MOST_PAGES."""
    from weasyprint import HTML, Attachment  # heavy: only the child loads it

    terms = Terms(**json.loads((place / "terms.json").read_text()))
    made_at, closed = datetime.fromtimestamp(terms.made_at, UTC), closed_fetcher()
    record = Attachment(
        string=(place / ATTACHED).read_bytes(), name=ATTACHED, description="The entries of this batch record",
        created=made_at, modified=made_at, relationship="Data", url_fetcher=closed,
    )  # fmt: skip
    options = {
        "attachments": [record], "pdf_variant": "pdf/a-3b", "pdf_identifier": terms.identifier.encode(),
    }  # fmt: skip
    page = (place / "page.html").read_text(encoding="utf-8")
    laid_out = HTML(string=page, url_fetcher=closed).render(**options)
    pages = len(laid_out.pages)
    if pages <= MOST_PAGES:
        laid_out.write_pdf(place / "record.pdf", finisher=_deduplicated, **options)
    return pages


def main(arguments: list[str]) -> int:
    """Render the folder named on the command line, within limits that nothing in a page can lift."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = write(Path(arguments[0]))
    print(pages)
    return TOO_LONG if pages > MOST_PAGES else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
