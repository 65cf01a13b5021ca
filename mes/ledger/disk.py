"""How full the disk of the record is: a warning first, then no new signatures, long before nothing can be written.

Rule: SEC-34 (warning at 80 %, signing stops at 95 %, nothing is overwritten); REL-01 asks for 20 % free at a start.
The last 5 % are left to what cannot be put off: the devices' data, and what people report to have happened.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mes.errors import Refusal

WARN_PERCENT = 80
STOP_PERCENT = 95


@dataclass(frozen=True, slots=True)
class Room:
    """How full the fullest of the site's file systems is, 0 to 100 %, and what is free there."""

    used_percent: int
    free_bytes: int

    @property
    def is_tight(self) -> bool:
        """Whether people should be warned."""
        return self.used_percent >= WARN_PERCENT

    @property
    def stops_signing(self) -> bool:
        """Whether new signatures are refused."""
        return self.used_percent >= STOP_PERCENT


class Disk:
    """The file systems on which a site's files lie. A database on another machine is not seen from here."""

    def __init__(self, folders: Sequence[Path], statvfs: Callable[[Path], os.statvfs_result] = os.statvfs) -> None:
        self._folders = tuple(folders)
        self._statvfs = statvfs

    def room_left(self) -> Room:
        """Measure now, as `df` counts: blocks that only the administrator may use are no room."""
        return max((_room(self._statvfs(folder)) for folder in self._folders), key=lambda room: room.used_percent)

    def check_signing(self) -> None:
        """Refuse `disk-nearly-full` from STOP_PERCENT on. Rule: SEC-34."""
        room = self.room_left()
        if room.stops_signing:
            raise Refusal("disk-nearly-full", used=room.used_percent, stop=STOP_PERCENT)


def _room(found: os.statvfs_result) -> Room:
    used = found.f_blocks - found.f_bfree
    usable = used + found.f_bavail
    # rounded up: 95.1 % counts as past 95
    percent = -(-100 * used // usable) if usable else 100
    return Room(percent, found.f_bavail * found.f_frsize)
