"""Takes the README's screenshots from a demo site: `python tools/screens.py docs/screens`.

Runs `mes demo`, waits until it tells its address, visits each page of SHOTS as the person named there, and ends it.
With --address it visits a site that is up already.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import open_browser, open_page

ROOT = Path(__file__).resolve().parents[1]
SUMMARY = ROOT / "var/demo/out/summary.json"
ADDRESS = re.compile(r"http://localhost:\d+")
LONGEST_DEMO_LINES = 20_000


@dataclass(frozen=True)
class Shot:
    """One picture: its file, the path of the page, and as whom it is visited (nobody: not signed in)."""

    name: str
    path: str
    person: str | None = None


SHOTS = (
    Shot("sign-in", "/sign-in"),
    Shot("batches", "/batches", "operator"),
    Shot("step", "/batches/{batch}/steps/{step}", "operator"),
    Shot("release", "/batches/{batch}/release", "qp"),
    Shot("record", "/batches/{batch}/record", "qa"),
)


@contextmanager
def demo_site() -> Iterator[str]:
    """Run the demo until it has told its address; end it as a person would, by Ctrl-C."""
    command = [str(ROOT / ".venv/bin/mes"), "demo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:  # noqa: S603 - our own program
        try:
            yield _told_address(demo)
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=30)


def _told_address(demo: "subprocess.Popen[str]") -> str:
    assert demo.stdout is not None
    for _ in range(LONGEST_DEMO_LINES):
        line = demo.stdout.readline()
        if not line:
            break
        sys.stdout.write(line)
        found = ADDRESS.search(line)
        if found and SUMMARY.exists():
            return found.group()
    raise SystemExit("screens: the demo ended without telling its address")


def sign_in(page: Page, user_name: str, password: str) -> None:
    """Sign in by the form, as a person does."""
    page.goto("/sign-in")
    page.fill("input[name=user_name]", user_name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")


def take(address: str, folder: Path, password: str, step: str) -> None:
    """Take every shot of SHOTS into `folder`."""
    batch = json.loads(SUMMARY.read_text())["batch"]
    folder.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        for shot in SHOTS:
            with open_page(browser, address) as page:
                if shot.person:
                    sign_in(page, shot.person, password)
                answer = page.goto(shot.path.format(batch=batch, step=step))
                if answer is None or not answer.ok:
                    raise SystemExit(f"screens: {page.url} answered {answer.status if answer else 'nothing'}")
                page.screenshot(path=folder / f"{shot.name}.png")
                print(f"screens: {shot.name}.png")


def main() -> None:
    """Read the options, and take the shots from a running site or from a demo of our own."""
    parser = argparse.ArgumentParser(description="Take the README's screenshots.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--address", help="of a demo site that is up")
    parser.add_argument("--password", default="demo", help="of the demo's people")
    parser.add_argument("--step", default="A12", help="the step to show")
    chosen = parser.parse_args()
    if chosen.address:
        take(chosen.address, chosen.folder, chosen.password, chosen.step)
        return
    with demo_site() as address:
        take(address, chosen.folder, chosen.password, chosen.step)


if __name__ == "__main__":
    main()
