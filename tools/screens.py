"""Takes the README's screenshots from a demo site: `python tools/screens.py docs/screens`.

Runs `mes demo` in a folder of its own, holds the play at the moments that are worth a picture (the device at work,
the gate before certification), takes what is there to see, and ends it. With --address it visits a site that is up.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from mes.demo.cast import PASSWORD
from mes.demo.script import BATCH
from tests.browser import open_browser, open_page

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"http://localhost:\d+")
BEGUN = re.compile(r"^\[[#.]+\] (\w+)")
OVER = "Ctrl-C ends the site"
STEP = "A12"
POLL_S, SETTLE_S, PATIENCE_S = 0.03, 1.0, 120.0
DRAWN_MS = 3000


@dataclass(frozen=True)
class Shot:
    """One picture: its file, the path of the page, and as whom it is visited (nobody: not signed in)."""

    name: str
    path: str
    person: str | None = None


AT_WORK = (
    Shot("step", f"/batches/{BATCH}/steps/{STEP}", "olivia"),
    Shot("batches", "/batches", "olivia"),
)
AT_THE_GATE = (Shot("release", f"/batches/{BATCH}/release", "paula"),)
AFTERWARDS = (
    Shot("record", f"/batches/{BATCH}/record", "anna"),
    Shot("trail", f"/batches/{BATCH}/trail", "paula"),
    Shot("people", "/people", "ada"),
    Shot("training", "/training", "sofia"),
    Shot("sign-in", "/sign-in"),
)


class Photographer:
    """Visits pages of one site and keeps pictures of them."""

    def __init__(self, browser: Browser, address: str, folder: Path) -> None:
        self._browser = browser
        self._address = address
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, shots: Sequence[Shot]) -> None:
        """Take some pictures, each person with a browser of their own."""
        for shot in shots:
            with open_page(self._browser, self._address) as page:
                if shot.person:
                    sign_in(page, shot.person)
                answer = page.goto(shot.path)
                if answer is None or not answer.ok:
                    raise SystemExit(f"screens: {page.url} answered {answer.status if answer else 'nothing'}")
                if page.locator("[data-chart]").count():
                    page.locator("[data-chart] canvas").first.wait_for()
                    page.wait_for_timeout(DRAWN_MS)
                page.screenshot(path=self._folder / f"{shot.name}.png")
                print(f"screens: {shot.name}.png", flush=True)

    @contextmanager
    def observer(self) -> Iterator[Callable[[], dict[str, Any]]]:
        """Give a way to ask again and again how the batch stands."""
        with open_page(self._browser, self._address) as page:
            sign_in(page, "olivia")
            yield lambda: page.request.get(f"/api/batches/{BATCH}").json()


def sign_in(page: Page, user_name: str) -> None:
    """Sign in by the form, as a person does."""
    page.goto("/sign-in")
    page.fill("input[name=user_name]", user_name)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/batches")


@contextmanager
def demo() -> Iterator["subprocess.Popen[str]"]:
    """Run the demo; end it as a person would, by Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="septima-screens-") as folder:
        command = [sys.executable, "-m", "mes", "demo", "--folder", f"{folder}/demo"]
        with subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            try:
                yield running
            finally:
                running.send_signal(signal.SIGCONT)
                running.send_signal(signal.SIGINT)
                running.wait(timeout=60)


@contextmanager
def held(running: "subprocess.Popen[str]") -> Iterator[None]:
    """Hold the play, and with it virtual time; the site goes on answering."""
    running.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.send_signal(signal.SIGCONT)


def attend(running: "subprocess.Popen[str]", browser: Browser, folder: Path) -> None:
    """Follow what the demo tells, and take each picture at its moment."""
    assert running.stdout is not None
    photographer: Photographer | None = None
    for line in running.stdout:
        sys.stdout.write(line)
        if photographer is None:
            if found := ADDRESS.search(line):
                photographer = Photographer(browser, found.group(), folder)
            continue
        begun = BEGUN.match(line)
        if begun and begun.group(1) == STEP:
            catch(running, photographer, at_work, AT_WORK)
        if begun and begun.group(1) == "A19":
            catch(running, photographer, at_the_gate, AT_THE_GATE)
        if OVER in line:
            photographer.take(AFTERWARDS)
            return
    raise SystemExit("screens: the demo ended before its last picture")


def catch(
    running: "subprocess.Popen[str]",
    photographer: Photographer,
    is_moment: Callable[[dict[str, Any]], bool],
    shots: Sequence[Shot],
) -> None:
    """Wait for a moment of the batch, hold the play there, and take the pictures."""
    deadline = time.monotonic() + PATIENCE_S
    with ExitStack() as stack:
        with held(running):  # signing in takes longer than some moments last
            look = stack.enter_context(photographer.observer())
        while time.monotonic() < deadline:
            if is_moment(look()):
                with held(running):
                    time.sleep(SETTLE_S)
                    if is_moment(look()):
                        photographer.take(shots)
                        return
            time.sleep(POLL_S)
    raise SystemExit(f"screens: waited in vain for {shots[0].name}")


def at_work(batch: dict[str, Any]) -> bool:
    """Say whether the device works at the step: its program was asked for and has not ended."""
    step = next(one for one in batch["steps"] if one["step"] == STEP)
    return step["materials"] != [] and step["program_requested"] is not None and step["program_done_at"] is None


def at_the_gate(batch: dict[str, Any]) -> bool:
    """Say whether the record was reviewed, so that certification is next."""
    return bool(next(one for one in batch["steps"] if one["step"] == "A21")["state"] == "done")


def main() -> None:
    """Read the options, and take the pictures from a running site or from a demo of our own."""
    parser = argparse.ArgumentParser(description="Take the README's screenshots.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--address", help="of a demo site that is up")
    chosen = parser.parse_args()
    with open_browser() as browser:
        if chosen.address:
            Photographer(browser, chosen.address, chosen.folder).take((*AT_WORK, *AT_THE_GATE, *AFTERWARDS))
            return
        with demo() as running:
            attend(running, browser, chosen.folder)


if __name__ == "__main__":
    main()
