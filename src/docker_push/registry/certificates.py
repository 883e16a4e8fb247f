"""Certificates for one registry, where docker's engine has them: authorities that are trusted too, and our own.

``certs.d/HOST[:PORT]/*.crt`` are authorities, ``*.cert`` with ``*.key`` of the same name a client's certificate (docker's
documentation, "Verify repository client with certificates"). Authorities are added to the system's (and to those of
SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL reads), never put in their place. They hold for everything that one client
asks, its token server too, as in the engine.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from docker_push.errors import ConfigError
from docker_push.references import Registry

SYSTEM = Path("/etc/docker/certs.d")
_NO_PASSWORD = b""  # else OpenSSL asks for one at the terminal


def folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where docker's engine looks: the system's folder, and that of an engine without root."""
    home = environ.get("HOME")
    config = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    return (SYSTEM, Path(config, "docker/certs.d")) if config else (SYSTEM,)


def trusted(registry: Registry, places: Sequence[Path]) -> ssl.SSLContext | None:
    """Return what TLS with ``registry`` trusts and shows; ``None`` where ``places`` hold nothing for it.

    Of several client certificates the first is shown. Raises ConfigError naming the file that cannot be used.
    """
    files = [file for place in places for file in _files(place / str(registry))]
    authorities = [file for file in files if file.suffix == ".crt"]
    pairs = [_pair(file) for file in files if file.suffix in {".cert", ".key"}]
    if not authorities and not pairs:
        return None
    context = ssl.create_default_context()
    for file in authorities:
        with _naming(file, "Put the certificate of an authority there, in PEM."):
            context.load_verify_locations(cafile=file)
    if pairs:
        certificate, key = pairs[0]
        with _naming(certificate, f"Put a certificate in PEM there, and its key without a password in {key.name}."):
            context.load_cert_chain(certificate, key, password=_NO_PASSWORD)
    return context


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:  # not there, or not for us to see: the system's authorities may do
        return


def _pair(file: Path) -> tuple[Path, Path]:
    """Return a client certificate and its key, of which ``file`` is one."""
    certificate, key = file.with_suffix(".cert"), file.with_suffix(".key")
    if not certificate.exists():
        hint = f"Put the certificate beside it as {certificate.name}, or take the key away."
        raise ConfigError(f"{key} is a key without its client certificate", hint=hint)
    if not key.exists():
        hint = f"Put the key beside it as {key.name}; the certificate of an authority ends in .crt."
        raise ConfigError(f"{certificate} is a client certificate without its key", hint=hint)
    return certificate, key


@contextmanager
def _naming(file: Path, hint: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = error.reason or "it cannot be read"
        raise ConfigError(f"{file} holds no certificate that can be used ({reason})", hint=hint) from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror})", hint="Let this user read it.") from None
