"""A real headless Chromium for the journeys: the system's own, since none is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # the tests run as root on a build machine
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
TOUCHSCREEN = {"width": 1280, "height": 800}
PATIENCE_MS = 15_000


def chromium_path() -> str:
    """Return the Chromium of SEPTIMA_CHROMIUM or of the system, or say how to get one."""
    found = os.environ.get("SEPTIMA_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise RuntimeError("no Chromium: apt-get install chromium, or set SEPTIMA_CHROMIUM to its path")
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, closed to every host but this machine, and end it afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS), timeout=PATIENCE_MS * 2)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, address: str) -> Iterator[Page]:
    """Open a session without cookies, the size of a clean-room touchscreen; script errors fail the test at its end."""
    context = browser.new_context(base_url=address, viewport=TOUCHSCREEN, has_touch=True, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not errors, errors
