"""A certificate authority of a test's own, and what it issues: by the openssl program."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_EXPIRED = ("-days", "-1")
_GOOD = ("-days", "2")


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


def authority(folder: Path) -> Certificate:
    """Make a certificate authority that nobody trusts yet."""
    made = _named(folder, "authority")
    _openssl("req", "-x509", *_key(made), *_GOOD, "-subj", "/CN=authority of a test", "-out", str(made.certificate))
    return made


def issue(by: Certificate, *hosts: str, expired: bool = False) -> Certificate:
    """Issue a certificate for names and addresses."""
    made = _named(by.certificate.parent, f"{hosts[0]}{'-expired' if expired else ''}")
    request, extension = made.key.with_suffix(".csr"), made.key.with_suffix(".ext")
    names = ",".join(f"{'IP' if host.replace('.', '').isdigit() else 'DNS'}:{host}" for host in hosts)
    extension.write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
    _openssl("req", *_key(made), "-subj", f"/CN={hosts[0]}", "-out", str(request))
    signer = ("-CA", str(by.certificate), "-CAkey", str(by.key), "-CAcreateserial")
    valid = _EXPIRED if expired else _GOOD
    _openssl(
        "x509", "-req", "-in", str(request), *signer, *valid, "-extfile", str(extension), "-out", str(made.certificate)
    )
    return made


def context_for(certificate: Certificate) -> ssl.SSLContext:
    """Return the context of a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def _named(folder: Path, name: str) -> Certificate:
    return Certificate(certificate=folder / f"{name}.crt", key=folder / f"{name}.key")


def _key(made: Certificate) -> tuple[str, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.key))


def _openssl(*argv: str) -> None:
    subprocess.run(["openssl", *argv], check=True, capture_output=True)
