"""The backup of keys: two shares and the archive give every file back; less, damage or another's gives nothing."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mes.errors import Fault, Refusal
from mes.ledger.key_backup import make_backup, opened, read_archive, read_share, restore, write_backup
from mes.ledger.keys import SiteKey

SECRETS = {"credentials.key": b"c" * 32, "vault.key": bytes(range(32)), "site.key.1": b"old\n"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    SiteKey.create(tmp_path / "keys" / "site.key", "septima/site-one/1")
    for name, body in SECRETS.items():
        (tmp_path / "keys" / name).write_bytes(body)
        (tmp_path / "keys" / name).chmod(0o600)
    return tmp_path / "keys"


@pytest.fixture
def made(keys: Path, tmp_path: Path) -> Path:
    write_backup(make_backup(keys), tmp_path / "backup")
    return tmp_path / "backup"


def shares(folder: Path, *numbers: int):
    return [read_share(folder / f"share-{number}.txt") for number in numbers]


@pytest.mark.rule("SEC-48")
@pytest.mark.parametrize("pair", [(1, 2), (3, 1), (2, 3), (1, 2, 3)])
def test_two_shares_give_every_key_back(keys, made, tmp_path, pair):
    files = opened(read_archive(made / "keys.archive"), shares(made, *pair))
    assert files == {path.name: path.read_bytes() for path in keys.iterdir()}
    key = restore(files, tmp_path / "new" / "keys", shares(made, 1)[0].key_id)
    assert key.vkey == SiteKey.load(keys / "site.key").vkey
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new" / "keys").iterdir()}
    assert (modes, stat.S_IMODE((tmp_path / "new" / "keys").stat().st_mode)) == ({0o600}, 0o700)


@pytest.mark.rule("SEC-47")
def test_no_key_is_written_in_the_clear(keys, made):
    for path in made.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for secret in keys.iterdir():
            body = secret.read_bytes()
            material = body.strip().split(b"+", 4)[4] if body.startswith(b"PRIVATE+KEY+") else body
            assert material not in path.read_bytes()


@pytest.mark.rule("SEC-48", negative=True)
@pytest.mark.parametrize("numbers", [(), (1,), (2, 2)])
def test_a_single_share_restores_nothing(made, numbers):
    with pytest.raises(Refusal, match="shares-too-few"):
        opened(read_archive(made / "keys.archive"), shares(made, *numbers))


@pytest.mark.rule("SEC-48", negative=True)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_share_is_named(made, data):
    path = made / "damaged.txt"
    body = bytearray((made / "share-2.txt").read_bytes().strip())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 127))
    path.write_bytes(body)
    with pytest.raises(Refusal, match="share-damaged") as refused:
        read_share(path)
    assert refused.value.facts["path"] == str(path)


@pytest.mark.parametrize("body", [b"", b"septima-share-1", b"\xff" * 200, b"x" * 5000])
def test_what_is_no_share_is_refused(tmp_path, body):
    (tmp_path / "s").write_bytes(body)
    with pytest.raises(Refusal, match="share-damaged"):
        read_share(tmp_path / "s")


@pytest.mark.rule("SEC-48", negative=True)
def test_a_share_of_another_backup_is_named(keys, made, tmp_path):
    write_backup(make_backup(keys), tmp_path / "later")
    mixed = [*shares(made, 1), *shares(tmp_path / "later", 2)]
    with pytest.raises(Refusal, match="share-of-another-backup") as refused:
        opened(read_archive(made / "keys.archive"), mixed)
    assert refused.value.facts == {"share": 2}


def test_a_damaged_archive_fits_no_share_and_is_no_archive(made, tmp_path):
    body = bytearray((made / "keys.archive").read_bytes())
    body[-1] ^= 1
    with pytest.raises(Refusal, match="share-of-another-backup"):
        opened(bytes(body), shares(made, 1, 2))
    (tmp_path / "a").write_bytes(b"zip" + body)
    with pytest.raises(Refusal, match="archive-damaged"):
        read_archive(tmp_path / "a")


def test_keys_are_never_restored_over_others(keys, made):
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    files = opened(read_archive(made / "keys.archive"), shares(made, 1, 2))
    with pytest.raises(Refusal, match="keys-exist"):
        restore(files, keys, shares(made, 1)[0].key_id)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before


def test_keys_of_another_fingerprint_do_not_stay(made, tmp_path):
    files = opened(read_archive(made / "keys.archive"), shares(made, 1, 2))
    with pytest.raises(Refusal, match="archive-damaged"):
        restore(files, tmp_path / "elsewhere", "00000000")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_backup_is_never_written_over_another(keys, made):
    with pytest.raises(Refusal, match="key-backup-exists"):
        write_backup(make_backup(keys), made)


@pytest.mark.rule("SEC-47", negative=True)
def test_keys_that_others_may_read_are_not_backed_up(keys):
    (keys / "site.key").chmod(0o644)
    with pytest.raises(Fault, match="key-file-readable-by-others"):
        make_backup(keys)
    (keys / "site.key").unlink()
    with pytest.raises(Fault, match="key-file-missing"):
        make_backup(keys)
