"""A site on a small disk of its own, filled step by step; run in a private mount namespace, prints what it saw as JSON.

unshare -m python -m tests.site_process.full_disk_child FOLDER
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from mes.app import open_ledger
from mes.demo.cast import PASSWORD
from mes.errors import Fault
from mes.ids import new_op
from mes.ledger.database import open_engine
from mes.ledger.disk import Disk
from mes.ledger.entry import Actor, Draft, Write
from mes.ledger.verify import verify_ledger
from tests.journeys.house import House, build_house

SIZE = "48m"
MEBIBYTE = 2**20
SOME = "x" * 30_000


class SmallDisk:
    """A tmpfs and the ballast on it."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], check=True)
        self.folder, self._ballast = folder, folder / "ballast"

    def fill(self, percent: int) -> int:
        """Fill the disk up to `percent` and return what Septima measures."""
        found = os.statvfs(self.folder)
        wanted = found.f_blocks * percent // 100 - (found.f_blocks - found.f_bfree)
        with self._ballast.open("ab") as file:
            file.write(b"\0" * max(0, wanted * found.f_frsize))
        return Disk([self.folder]).room_left().used_percent

    def fill_up(self) -> None:
        """Leave nothing at all."""
        try:
            with self._ballast.open("ab", buffering=0) as file:
                while True:
                    file.write(b"\0" * 4096)
        except OSError:
            pass

    def free(self) -> None:
        """Throw the ballast off."""
        self._ballast.unlink()


def seen(house: House, client: Any, csrf: str) -> dict[str, Any]:
    """Return how the site answers somebody who signs, and somebody who reads."""
    signing = client.post("/api/me/accountability", json={"op": str(uuid4())}, headers={"X-CSRF-Token": csrf})
    page = client.get("/batches", headers={"Accept": "text/html"})
    status = client.get("/api/status").json["notices"]
    return {
        "signing": [signing.status_code, signing.json["code"], signing.json["text"]], "reading": page.status_code,
        "banner": [line for line in page.text.splitlines() if 'class="site-notice"' in line],
        "notices": [one["code"] for one in status],
    }  # fmt: skip


def append(house: House) -> str:
    """Append until the disk refuses, at most 2,000 times; return what was answered last."""
    ledger = house.wired.services.ledger
    for n in range(2_000):
        try:
            write = Write(ledger.site_stream, (Draft("test:fact:noted", {"n": n, "some": SOME}),))
            ledger.append(new_op(), [write], actor=Actor.system("drain"), now=house.conductor.clock.now())
        except Fault as fault:
            return fault.code
    return "written"


def main(folder: Path) -> dict[str, Any]:
    """Play the whole story and return what was seen at each point."""
    disk = SmallDisk(folder)
    house = build_house(folder / "site")
    client = house.app.test_client()
    name = {"name": "Ada", "user_name": "ada", "password": PASSWORD}
    first = client.post("/api/first-administrator", json={"code": house.first_code, **name})
    assert first.status_code < 300, first.text
    csrf = client.post("/api/sign-in", json={"user_name": "ada", "password": PASSWORD}).json["csrf"]
    story: dict[str, Any] = {"empty": seen(house, client, csrf)}
    for percent in (82, 96):
        story[f"used {percent}"] = [disk.fill(percent), seen(house, client, csrf)]
    disk.fill_up()
    before = house.wired.services.ledger.size
    story["append"] = append(house)
    disk.fill_up()
    story["append again"] = append(house)
    story["full"] = seen(house, client, csrf)
    stood = house.wired.services.ledger.size
    disk.free()
    story["freed"] = seen(house, client, csrf)
    ledger = house.wired.services.ledger
    write = Write(ledger.site_stream, (Draft("test:fact:noted", {"n": 1}),))
    ledger.append(new_op(), [write], actor=Actor.system("drain"), now=house.conductor.clock.now())
    story["sizes"] = [before <= stood, ledger.size - stood]
    house.close()
    engine = open_engine(house.settings.database)
    story["verified"] = verify_ledger(engine).size - stood
    again = open_ledger(house.settings, engine)
    story["opens"] = again.size - stood
    again.close()
    engine.dispose()
    return story


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
