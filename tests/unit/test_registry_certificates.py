from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from docker_push.errors import ConfigError
from docker_push.references import Registry
from docker_push.registry.certificates import SYSTEM, folders, trusted

REGISTRY = Registry("registry.example", 5000)
# an authority of these tests alone; its key is gone
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBozCCAUmgAwIBAgIUJWHBDH7Ghk0Pde6E7kyHUwnM5FUwCgYIKoZIzj0EAwIw
JjEkMCIGA1UEAwwbYXV0aG9yaXR5IG9mIHRoZSB1bml0IHRlc3RzMCAXDTI2MTEy
NDIyMTU1MVoYDzIxMjYxMDMxMjIxNTUxWjAmMSQwIgYDVQQDDBthdXRob3JpdHkg
b2YgdGhlIHVuaXQgdGVzdHMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQux7xx
fVdfI7Y9ft3P/bqUx64y2OHwoF1u8WDw0j1mKIH9rDrJQtjLwmvW6XgS1VF8omkP
gsg01eaFCC3OsF0Ho1MwUTAdBgNVHQ4EFgQUgmWXR97VMAghm2f5klECogQFjuAw
HwYDVR0jBBgwFoAUgmWXR97VMAghm2f5klECogQFjuAwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEAj7+aaYFIbT3tWYMg1dav/+a7JyiJ7blWYDEY
6SGP0BICIB70CKkO57zlMrbOLYX0yoXO0FgAm/zjRNEwwIsOAWyf
-----END CERTIFICATE-----
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "certs.d" / "registry.example:5000"
    made.mkdir(parents=True)
    return made


def context(folder: Path, *more: Path) -> ssl.SSLContext | None:
    return trusted(REGISTRY, [*more, folder.parent])


def test_where_there_is_nothing_the_system_decides(folder: Path, tmp_path: Path):
    (folder / "README").write_text("nothing")
    (folder.parent / "other.example").mkdir()
    (folder.parent / "other.example" / "ca.crt").write_text(CERTIFICATE)

    assert context(folder) is None
    assert trusted(REGISTRY, [tmp_path / "nowhere"]) is None


def test_an_authority_is_added_to_the_system_s_and_none_is_taken_away(folder: Path):
    (folder / "ca.crt").write_text(CERTIFICATE)

    found = context(folder)

    assert found is not None
    ours = [one["serialNumber"] for one in found.get_ca_certs()]
    system = [one["serialNumber"] for one in ssl.create_default_context().get_ca_certs()]
    assert len(ours) == len(system) + 1
    assert set(system) < set(ours)
    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_the_folders_are_read_together(folder: Path, tmp_path: Path):
    (folder / "a.crt").write_text(CERTIFICATE)
    other = tmp_path / "other" / "registry.example:5000"
    other.mkdir(parents=True)
    (other / "bad.crt").write_text("no certificate")

    with pytest.raises(ConfigError, match=r"bad\.crt"):
        context(folder, other.parent)


@pytest.mark.parametrize(
    ("files", "named", "hint"),
    [
        ({"ca.crt": "no certificate"}, "ca.crt", "authority"),
        ({"ca.crt": ""}, "ca.crt", "authority"),
        ({"a.cert": CERTIFICATE}, "a.cert", "a.key"),
        ({"a.key": "x"}, "a.key", "a.cert"),
        ({"a.cert": "x", "a.key": "x"}, "a.cert", "a.key"),
        ({"a.cert": CERTIFICATE, "a.key": "x"}, "a.cert", "without a password"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder: Path, files: dict[str, str], named: str, hint: str):
    for name, text in files.items():
        (folder / name).write_text(text)

    with pytest.raises(ConfigError) as raised:
        context(folder)

    assert str(folder / named) in raised.value.message
    assert hint in raised.value.hint
    assert "\n" not in str(raised.value)


def test_a_folder_in_place_of_a_file_is_named(folder: Path):
    (folder / "ca.crt").mkdir()

    with pytest.raises(ConfigError, match=r"ca\.crt"):
        context(folder)


@pytest.mark.parametrize(
    ("environ", "user"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.config/docker/certs.d"),
        ({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/config"}, "/config/docker/certs.d"),
    ],
)
def test_docker_s_own_folders_are_looked_at(environ: dict[str, str], user: str):
    assert folders(environ) == (SYSTEM, Path(user))
    assert folders({}) == (SYSTEM,)
