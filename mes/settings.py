"""Which site this is and where its files lie: `<site>/site.yaml`, with a few values overridden by `MES_…` variables.

Keys and passwords stand in neither; they are files under `<site>/keys/` (folders 0700, files 0600).
"""

import os
import re
import stat
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from environs import Env, EnvError

from mes.errors import Fault, Refusal
from mes.ids import SITE_PATTERN, SiteId

MAX_BYTES = 64 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")
DEFAULT_PORT = 8471
SIGNING_WAYS = ("password", "passkey", "either")
MOST_OVERLAP_DAYS = 366
TIME_STAMP_PATTERN = re.compile(
    r"(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
)
OIDC_PATTERNS = {
    "oidc_issuer": TIME_STAMP_PATTERN,
    "oidc_client_id": re.compile(r"[A-Za-z0-9._~-]{1,128}"),
    "oidc_client_secret_file": re.compile(r"[a-z][a-z0-9._-]{0,63}"),
    "oidc_user_claim": re.compile(r"[A-Za-z][A-Za-z0-9_:./-]{0,127}"),
}
LANGUAGES = ("en", "nl", "fr", "es")
ORIGIN_PATTERN = re.compile(r"(https://[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}|http://localhost)(:[0-9]{1,5})?")
WHOLE_NUMBERS = {"idle_minutes": (5, 15), "session_hours": (1, 12), "password_days": (0, 3650)}
_WRITTEN = (
    "site", "tz", "profile", "database_url", "simulated_clock", "web_host", "web_port", "origin", "signing", "language",
    "idle_minutes", "session_hours", "password_days",
    "key_overlap_days", "time_stamp_url",
    "oidc_issuer", "oidc_client_id", "oidc_client_secret_file", "oidc_user_claim",
)  # fmt: skip


class Profile(StrEnum):
    """How strict the site is: a demo may run on a virtual clock and without TLS in front, production never."""

    DEMO = "demo"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The settings of one site. `database_url` may be empty: the embedded SQLite database in the site folder.

    `origin` is the address in browsers, e.g. `https://mes.hospital.example` (empty: localhost and `web_port`);
    A session ends after `idle_minutes` without an act of its person, and after `session_hours`; a password may be
    `password_days` old (0, the default: any age, as no password improves by being changed).
    `signing` says what people sign with: password, passkey or either; `language` is that of the meanings. After a
    rotation the earlier site key signs on for `key_overlap_days`. `time_stamp_url` is an RFC 3161 authority's address
    (empty: no time stamps), trusted by the certificates in `time-stamp-ca.pem`.
    `oidc_issuer` (empty: off) lets linked people sign in through the hospital's OpenID Connect provider, which knows
    this site as `oidc_client_id`; the secret lies in `keys/<oidc_client_secret_file>` (empty: a public client).
    """

    site_dir: Path
    site: SiteId
    tz: str
    profile: Profile = Profile.DEMO
    database_url: str = ""
    simulated_clock: bool = False
    web_host: str = "127.0.0.1"
    web_port: int = DEFAULT_PORT
    origin: str = ""
    signing: str = "either"
    language: str = "en"
    idle_minutes: int = 15
    session_hours: int = 12
    password_days: int = 0
    key_overlap_days: int = 30
    time_stamp_url: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: str = ""
    oidc_user_claim: str = "sub"

    def __post_init__(self) -> None:
        """Check every value, so that no process starts on settings that contradict each other."""
        if not SITE_PATTERN.fullmatch(self.site):
            raise wrong("site", self.site)
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise wrong("tz", self.tz) from error
        # The doors are opened by a reverse proxy with TLS, never by this process (house decision 15).
        if self.web_host not in LOOPBACK:
            raise wrong("web_host", self.web_host)
        if self.origin and not ORIGIN_PATTERN.fullmatch(self.origin):
            raise wrong("origin", self.origin)
        if self.signing not in SIGNING_WAYS:
            raise wrong("signing", self.signing)
        if self.language not in LANGUAGES:
            raise wrong("language", self.language)
        if not 0 <= self.key_overlap_days <= MOST_OVERLAP_DAYS:
            raise wrong("key_overlap_days", self.key_overlap_days)
        if self.time_stamp_url and not TIME_STAMP_PATTERN.fullmatch(self.time_stamp_url):
            raise wrong("time_stamp_url", self.time_stamp_url)
        for name, pattern in OIDC_PATTERNS.items():
            given = getattr(self, name)
            if given and not pattern.fullmatch(given):
                raise wrong(name, given)
        if bool(self.oidc_issuer) != bool(self.oidc_client_id) or not self.oidc_user_claim:
            raise wrong("oidc_client_id", self.oidc_client_id or "missing")
        for name, (least, most) in WHOLE_NUMBERS.items():
            if not least <= getattr(self, name) <= most:
                raise wrong(name, getattr(self, name))
        if not 1 <= self.web_port <= 65_535:
            raise wrong("web_port", self.web_port)
        if self.profile is Profile.PRODUCTION and self.simulated_clock:
            raise Refusal("simulated-clock-in-production", site=self.site)

    @property
    def public_origin(self) -> str:
        """Return where people's browsers find the site; passkeys are bound to its host, which is never an address."""
        return self.origin or f"http://localhost:{self.web_port}"

    @property
    def database(self) -> str:
        """Return the SQLAlchemy URL of the main database."""
        return self.database_url or f"sqlite:///{self.site_dir / 'site.sqlite'}"

    @property
    def keys_dir(self) -> Path:
        """Return the folder of key files, mode 0700."""
        return self.site_dir / "keys"

    @property
    def site_key_path(self) -> Path:
        """Return the file of the site's Ed25519 signing key."""
        return self.keys_dir / "site.key"

    @property
    def credential_key_path(self) -> Path:
        """Return the file of the key that encrypts second-factor secrets."""
        return self.keys_dir / "credentials.key"

    @property
    def sessions_path(self) -> Path:
        """Return the database of signed-in sessions."""
        return self.site_dir / "sessions.sqlite"

    @property
    def commands_spool_path(self) -> Path:
        """Return the spool of device commands, written only by `mes serve`."""
        return self.site_dir / "commands.spool"

    @property
    def inbox_spool_path(self) -> Path:
        """Return the spool of what came from the network, written only by `mes relay`."""
        return self.site_dir / "inbox.spool"

    @property
    def journal_path(self) -> Path:
        """Return the collector's journal, written only by `mes collect`."""
        return self.site_dir / "collect.journal"

    @property
    def clock_path(self) -> Path:
        """Return the plan of the virtual clock, written only by the conductor."""
        return self.site_dir / "clock.json"

    @property
    def writer_lock_path(self) -> Path:
        """Return the lock file of the one writer of the main database."""
        return self.site_dir / "writer.lock"

    @property
    def admin_socket_path(self) -> Path:
        """Return the socket through which the command line acts on a running site."""
        return self.site_dir / "admin.sock"

    @property
    def kept_note_path(self) -> Path:
        """Return the file that holds the newest checkpoint, outside the database."""
        return self.site_dir / "last-checkpoint.txt"

    @property
    def verified_path(self) -> Path:
        """Return the file that says how far the ledger was verified, outside the database."""
        return self.site_dir / "verified.json"

    @property
    def time_stamp_ca_path(self) -> Path:
        """Return the PEM file of the root certificates by which time stamps are trusted."""
        return self.site_dir / "time-stamp-ca.pem"

    @property
    def breach_path(self) -> Path:
        """Return the file that takes evidence of a broken record, outside the ledger."""
        return self.site_dir / "breach.jsonl"


def wrong(field: str, given: object) -> Refusal:
    """Return the refusal `settings-wrong` that names the field."""
    return Refusal("settings-wrong", status=422, field=field, given=str(given)[:80])


def load(site_dir: Path) -> SiteSettings:
    """Read the settings of the site in `site_dir`.

    MES_DATABASE_URL, MES_WEB_HOST and MES_WEB_PORT override the file. Refuses with `site-unknown`,
    `settings-wrong` or `simulated-clock-in-production`.
    """
    site_dir = site_dir.resolve()
    path = site_dir / "site.yaml"
    if not path.is_file():
        raise Refusal("site-unknown", status=404, site_dir=str(site_dir))
    return _overridden(_from_file(site_dir, path))


def write(settings: SiteSettings) -> None:
    """Make the site's folders with their modes and write `site.yaml` (0600) in one step."""
    ensure_folders(settings)
    written = {name: getattr(settings, name) for name in _WRITTEN}
    text = yaml.safe_dump({**written, "profile": settings.profile.value}, sort_keys=False)
    private_file(settings.site_dir / "site.yaml", text.encode())


def ensure_folders(settings: SiteSettings) -> None:
    """Make the site folder and its keys folder, and take everybody else's rights away from both."""
    for folder in (settings.site_dir, settings.keys_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    for path in settings.keys_dir.iterdir():
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)


def private_file(path: Path, body: bytes) -> None:
    """Write `body` to `path` durably, readable by its owner alone from the first moment; replaces what was there."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def private_text(path: Path) -> str:
    """Return the text of a secret's file; Fault `key-file-missing` or `key-file-readable-by-others`."""
    if not path.is_file():
        raise Fault("key-file-missing", path=str(path))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Fault("key-file-readable-by-others", path=str(path), mode=f"{mode:04o}")
    return path.read_text(encoding="utf-8").strip()


def _from_file(site_dir: Path, path: Path) -> SiteSettings:
    if path.stat().st_size > MAX_BYTES:
        raise wrong("site.yaml", "too large")
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise wrong("site.yaml", error) from error
    if not isinstance(found, dict):
        raise wrong("site.yaml", "no fields")
    for name, value in found.items():
        whole = dict.fromkeys((*WHOLE_NUMBERS, "web_port", "key_overlap_days"), int)
        expected = {**whole, "simulated_clock": bool}.get(name, str)
        if name not in _WRITTEN or type(value) is not expected:
            raise wrong(str(name), value)
    missing = [name for name in ("site", "tz", "profile") if name not in found]
    if missing:
        raise wrong(missing[0], "missing")
    if found["profile"] not in list(Profile):
        raise wrong("profile", found["profile"])
    return SiteSettings(site_dir, **{**found, "profile": Profile(found["profile"])})


def _overridden(settings: SiteSettings) -> SiteSettings:
    env = Env(prefix="MES_")
    try:
        return replace(
            settings,
            database_url=env.str("DATABASE_URL", settings.database_url),
            web_host=env.str("WEB_HOST", settings.web_host),
            web_port=env.int("WEB_PORT", settings.web_port),
        )
    except EnvError as error:
        raise wrong("environment", error) from error
