"""The restore drill: a backup is put back elsewhere and held against the record, and the time it took is written down.

Steps, in this order, stopping at nothing: files, restore, whole ledger, against a witness, lists made anew, sealed
records made again. Rule: REG-A11-07, REG-DI-07.
"""

import json
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Engine, select

from mes.app import open_ledger, wire
from mes.clock import HeldClock
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ledger.checkpoints import Checkpoint, parse_checkpoint
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor
from mes.ledger.keys import SiteKey
from mes.ledger.notes import NoteError, parse_note
from mes.ledger.reader import LedgerReader
from mes.ledger.verify import Verified, verify_ledger
from mes.settings import SiteSettings
from mes.site_process.backup.manifest import Manifest, read_manifest
from mes.site_process.backup.restoring import altered_parts, restore_backup
from mes.site_process.backup.sealing import BackupKey
from mes.site_process.rebuild import PROJECTED, replay

RECORDS = 3
VERIFIER_S = 600


@dataclass(slots=True)
class Step:
    """One step of the drill: what was found, what is wrong with it, how long it took (seconds, wall time)."""

    name: str
    found: str = ""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(slots=True)
class Report:
    """The outcome of a drill or of a mere check."""

    backup: str
    manifest: str
    steps: list[Step] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return bool(self.steps) and not any(step.wrong for step in self.steps)

    @property
    def seconds(self) -> float:
        """Return how long all steps took."""
        return sum(step.seconds for step in self.steps)

    def text(self) -> str:
        """Return the report as people read it."""
        lines = [f"backup {self.backup}, manifest {self.manifest}"]
        for step in self.steps:
            lines.append(f"{'OK  ' if not step.wrong else 'BAD '} {step.name:<22}{step.seconds:8.1f} s  {step.found}")
            lines += [f"       {one}" for one in step.wrong]
        return "\n".join([*lines, f"{'PASSED' if self.passed else 'FAILED'} in {self.seconds:.1f} s", ""])

    def body(self) -> bytes:
        """Return the report as JSON."""
        return json.dumps({**asdict(self), "passed": self.passed}, indent=1).encode()


class Drill:
    """One drill at one scratch place; `monotonic` is injected for tests."""

    def __init__(
        self, backup: Path, keys_dir: Path, scratch: Path, *, database_url: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`keys_dir` is the site's; `database_url` an empty scratch database if the backup is of PostgreSQL."""
        self._backup, self._keys, self._scratch, self._url = backup, keys_dir, scratch, database_url
        self._key = BackupKey.of_site(keys_dir)
        self._manifest = read_manifest(backup, self._key)
        self._monotonic = monotonic
        self.report = Report(backup.name, self._manifest.digest)

    def run(self, witness: str | None = None, *, whole: bool = True) -> Report:
        """Run every step; `witness` is a checkpoint that somebody else kept. `whole=False` stops after the ledger."""
        with self._step("files of the backup") as step:
            step.wrong = altered_parts(self._backup, self._manifest)
            step.found = f"{len(self._manifest.parts)} files"
        settings = self._restored()
        if settings is None:
            return self.report
        engine = open_engine(settings.database)
        try:
            verified = self._verify(engine, witness)
            if whole and verified is not None:
                self._lists(settings, engine)
                self._records(settings, engine)
        finally:
            engine.dispose()
        return self.report

    @contextmanager
    def _step(self, name: str) -> Iterator[Step]:
        step, start = Step(name), self._monotonic()
        self.report.steps.append(step)
        try:
            yield step
        except (IntegrityBreach, Refusal, Fault, NoteError) as error:
            step.wrong.append(str(error))
        finally:
            step.seconds = round(self._monotonic() - start, 3)

    def _restored(self) -> SiteSettings | None:
        settings = None
        with self._step("restore") as step:
            settings, _ = restore_backup(self._backup, self._key, self._scratch, self._url)
            for path in self._keys.iterdir():
                if path.is_file():
                    shutil.copy2(path, settings.keys_dir / path.name)
            step.found = "to another place"
        return settings

    def _verify(self, engine: Engine, witness: str | None) -> Verified | None:
        verified = None
        with self._step("whole ledger") as step:
            trusted = (
                [parse_checkpoint(parse_note(self._manifest.checkpoint).text)] if self._manifest.checkpoint else []
            )
            if witness:
                trusted.append(parse_checkpoint(parse_note(witness).text))
            self._check_reach(trusted)
            verified = verify_ledger(engine, trusted=trusted)
            step.found = f"{verified.size} entries, root {verified.root.hex()[:16]}…"
            if (verified.size, verified.root.hex()) != (self._manifest.size, self._manifest.root):
                step.wrong.append("size or root differ from the manifest's")
        return verified

    def _check_reach(self, trusted: Sequence[Checkpoint]) -> None:
        for checkpoint in trusted:
            if checkpoint.size > self._manifest.size:
                raise IntegrityBreach(
                    f"the backup ends at {self._manifest.size} entries; {checkpoint.size} are known elsewhere"
                )

    def _lists(self, settings: SiteSettings, engine: Engine) -> None:
        with self._step("lists made anew") as step:
            before = _rows(engine)
            ledger = open_ledger(settings, engine)
            try:
                replay(engine, ledger)
            finally:
                ledger.close()
            after = _rows(engine)
            step.wrong = [f"{name} differs from what the ledger says" for name in before if before[name] != after[name]]
            step.found = f"{len(before)} tables, {sum(map(len, before.values()))} rows"

    def _records(self, settings: SiteSettings, engine: Engine) -> None:
        with self._step("sealed records") as step:
            made = list(_sealed_records(LedgerReader(engine)))[-RECORDS:]
            ledger = open_ledger(settings, engine)
            wired = wire(settings, ledger, HeldClock(ledger.entry(ledger.size - 1).at))
            try:
                for seal, digest in made:
                    path = wired.services.records.export(seal, self._scratch / "records", Actor.system("drill"))
                    if sha256(path.read_bytes()).hexdigest() != digest:
                        step.wrong.append(f"{path.name} is not the record that was exported")
                    step.wrong += _refuted(path, SiteKey.load(settings.site_key_path).vkey)
            finally:
                wired.close()
            step.found = f"made again: {len(made)}" if made else "no record was ever exported"


def _sealed_records(reader: LedgerReader) -> Iterator[tuple[int, str]]:
    found: dict[int, str] = {}
    for entry in reader.entries():
        if entry.type == "record:exported":
            found[int(entry.data["seal"])] = str(entry.data["sha256"])
    yield from found.items()


def _refuted(bundle: Path, vkey: str) -> list[str]:
    """Return what the offline verifier that lies in the bundle says against it."""
    with zipfile.ZipFile(bundle) as file:
        program = next(name for name in file.namelist() if name.endswith("/verify.py"))
        verifier = bundle.parent / f"{bundle.stem}.verify.py"
        verifier.write_bytes(file.read(program))
    done = subprocess.run(  # noqa: S603  the verifier of the bundle, by this very interpreter
        [sys.executable, "-I", str(verifier), str(bundle), "--key", vkey],
        capture_output=True, text=True, timeout=VERIFIER_S, check=False,
    )  # fmt: skip
    return [] if done.returncode == 0 else [f"{bundle.name}: {done.stdout.strip().splitlines()[-1]}"]


def _rows(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for metadata in PROJECTED
            for name, table in metadata.tables.items()
        }


__all__ = ["Drill", "Manifest", "Report", "Step"]
