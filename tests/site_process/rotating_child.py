"""A process that rotates a site's key and is killed at its n-th touch of the keys' folder or the database's commit."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from mes.settings import load
from mes.site_process.console import console_of

TOUCHES = ("open", "os.link", "os.rename", "os.remove")


def main(site_dir: str, nth: int) -> None:
    touched = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal touched
        if event in TOUCHES and any("/keys" in str(one) for one in arguments[:2]):
            touched += 1
            if touched == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    with console_of(load(Path(site_dir))) as console:
        sys.addaudithook(watch)
        console.act("keys.rotate", "6f3b7c1e-2222-4333-8444-555566667777", {"reason": "drill"})
    print(touched)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
