"""The browser of the journeys starts, shows a page of this machine, and reaches no other."""

from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Error

from tests.browser import open_browser, open_page

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line per request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text("<title>Septima</title><script>document.title += ' lives'</script>")
    (tmp_path / "broken.html").write_text("<title>x</title><script>nothing()</script>")
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_is_shown_and_no_other_host_is_reached(address: str) -> None:
    with open_browser() as browser:
        with open_page(browser, address) as page:
            page.goto("/index.html")
            assert page.title() == "Septima lives"
            with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
                page.goto("http://example.invalid/")
        with pytest.raises(AssertionError, match="nothing is not defined"), open_page(browser, address) as page:
            page.goto("/broken.html")
