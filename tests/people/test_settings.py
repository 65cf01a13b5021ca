"""A site starts only on settings that make sense, and its keys are nobody else's to read."""

from dataclasses import replace
from pathlib import Path

import pytest

from mes.errors import Refusal
from mes.ids import SiteId
from mes.settings import Profile, SiteSettings, ensure_folders, load, private_file, write


def a_site(folder: Path, **changes: object) -> SiteSettings:
    """Return the settings of a demo site in Brussels."""
    return replace(SiteSettings(folder.resolve(), SiteId("site-a"), "Europe/Brussels"), **changes)


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "WEB_HOST", "WEB_PORT"):
        monkeypatch.delenv(f"MES_{name}", raising=False)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"simulated_clock": True, "web_port": 9000},
        {"idle_minutes": 5, "session_hours": 8, "password_days": 365},
        {"profile": Profile.PRODUCTION, "database_url": "postgresql+psycopg:///site_a"},
    ],
)
def test_what_is_written_is_read_back(tmp_path: Path, changes: dict[str, object]) -> None:
    settings = a_site(tmp_path / "a", **changes)
    write(settings)
    assert load(tmp_path / "a") == settings


def test_every_file_of_a_site_lies_in_its_folder(tmp_path: Path) -> None:
    settings = a_site(tmp_path)
    assert settings.database == f"sqlite:///{settings.site_dir}/site.sqlite"
    names = [name for name in dir(SiteSettings) if name.endswith("_path") or name == "keys_dir"]
    assert len(names) == len(set(names)) > 10
    assert len({getattr(settings, name) for name in names}) == len(names)
    assert all(settings.site_dir in getattr(settings, name).parents for name in names)
    assert {settings.site_key_path.parent, settings.credential_key_path.parent} == {settings.keys_dir}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"site": "Site_A"}, "settings-wrong", "site"),
        ({"site": "ab"}, "settings-wrong", "site"),
        ({"tz": "Europe/Nowhere"}, "settings-wrong", "tz"),
        ({"tz": "../../etc/passwd"}, "settings-wrong", "tz"),
        ({"tz": ""}, "settings-wrong", "tz"),
        ({"web_host": "0.0.0.0"}, "settings-wrong", "web_host"),
        ({"web_port": 0}, "settings-wrong", "web_port"),
        ({"idle_minutes": 4}, "settings-wrong", "idle_minutes"),
        ({"idle_minutes": 16}, "settings-wrong", "idle_minutes"),
        ({"session_hours": 13}, "settings-wrong", "session_hours"),
        ({"password_days": -1}, "settings-wrong", "password_days"),
        ({"profile": Profile.PRODUCTION, "simulated_clock": True}, "simulated-clock-in-production", None),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, changes: dict[str, object], code: str, field: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        a_site(tmp_path, **changes)
    assert (refused.value.code, refused.value.facts.get("field")) == (code, field)


GOOD = "site: site-a\ntz: Europe/Brussels\nprofile: demo\n"


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (GOOD + "colour: blue\n", "colour"),
        (GOOD + "web_port: '80'\n", "web_port"),
        (GOOD + "web_port: true\n", "web_port"),
        (GOOD + "simulated_clock: 1\n", "simulated_clock"),
        ("site: site-a\ntz: Europe/Brussels\n", "profile"),
        ("site: site-a\ntz: Europe/Brussels\nprofile: fun\n", "profile"),
        ("tz: UTC\nprofile: demo\n", "site"),
        ("- a list\n", "site.yaml"),
        ("a: [unclosed\n", "site.yaml"),
        ("!!python/object:os.system {}\n", "site.yaml"),
        ("# " + "x" * 70_000, "site.yaml"),
    ],
)
def test_a_file_that_makes_no_sense(tmp_path: Path, text: str, field: str) -> None:
    (tmp_path / "site.yaml").write_text(text)
    with pytest.raises(Refusal) as refused:
        load(tmp_path)
    assert (refused.value.code, refused.value.facts["field"]) == ("settings-wrong", field)


def test_a_folder_without_settings_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        load(tmp_path)
    assert (refused.value.code, refused.value.status) == ("site-unknown", 404)


def test_the_environment_overrides_doors_and_database_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(a_site(tmp_path))
    for name, value in {
        "WEB_PORT": "9001",
        "DATABASE_URL": "sqlite:///x",
        "PROFILE": "production",
        "SITE": "b",
    }.items():
        monkeypatch.setenv(f"MES_{name}", value)
    assert load(tmp_path) == a_site(tmp_path, web_port=9001, database_url="sqlite:///x")


@pytest.mark.parametrize(("name", "value"), [("WEB_PORT", "many"), ("WEB_PORT", "0"), ("WEB_HOST", "192.0.2.1")])
def test_the_environment_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    write(a_site(tmp_path))
    monkeypatch.setenv(f"MES_{name}", value)
    with pytest.raises(Refusal) as refused:
        load(tmp_path)
    assert refused.value.code == "settings-wrong"


def test_folders_and_keys_are_the_owners_alone(tmp_path: Path) -> None:
    settings = a_site(tmp_path / "a")
    settings.keys_dir.mkdir(parents=True, mode=0o755)
    settings.site_key_path.write_text("key")
    settings.site_key_path.chmod(0o644)
    write(settings)
    modes = {path.name: path.stat().st_mode & 0o777 for path in settings.site_dir.rglob("*")}
    assert modes == {"keys": 0o700, "site.key": 0o600, "site.yaml": 0o600}
    ensure_folders(settings)
    assert settings.site_dir.stat().st_mode & 0o777 == 0o700


def test_a_private_file_replaces_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "k"
    (tmp_path / "k.new").write_text("left over from a crash")
    private_file(path, b"one")
    private_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [one.name for one in tmp_path.iterdir()] == ["k"]
    assert path.stat().st_mode & 0o777 == 0o600
