"""Certificates for tests: an authority, and who it vouches for, made by the openssl command."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("-newkey", "rsa:2048", "-nodes", "-days", "2")


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """One authority of a test's own."""

    def __init__(self, place: Path, name: str = "clinic") -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.certificate, self._key = place / f"{name}.crt", place / f"{name}.key"
        _openssl(
            "req", "-x509", *_NEW_KEY, "-subj", f"/CN={name} authority",
            "-keyout", str(self._key), "-out", str(self.certificate),
        )  # fmt: skip

    def issue(self, name: str, *alternatives: str) -> Certificate:
        """A certificate with this common name and these alternative names, such as `DNS:lis.example`."""
        made = Certificate(certificate=self.place / f"{name}.crt", key=self.place / f"{name}.key")
        request, extra = self.place / f"{name}.csr", self.place / f"{name}.ext"
        extra.write_text(f"subjectAltName={','.join(alternatives)}\n" if alternatives else "\n")
        _openssl(
            "req",
            "-new",
            *_NEW_KEY[:3],
            "-subj",
            f"/CN={name}",
            "-keyout",
            str(made.key),
            "-out",
            str(request),
        )
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self._key),
            "-CAcreateserial", "-days", "2", "-extfile", str(extra), "-out", str(made.certificate),
        )  # fmt: skip
        return made

    def revocation_list(self, *revoked: Certificate, name: str = "ours.crl", until: str = "") -> Path:
        """A list of this authority, in PEM: due anew in two days, or at `until` (`20260504060000Z`)."""
        database, settings = self.place / f"{name}.db", self.place / f"{name}.cnf"
        database.write_text("")
        (self.place / f"{name}.db.attr").write_text("")
        settings.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={database}\ndefault_md=sha256\ndefault_crl_days=2\n"
        )
        signed = ("-config", str(settings), "-cert", str(self.certificate), "-keyfile", str(self._key))
        for each in revoked:
            _openssl("ca", *signed, "-revoke", str(each.certificate))
        made = self.place / name
        times = ("-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", until) if until else ()
        _openssl("ca", *signed, "-gencrl", *times, "-out", str(made))
        return made


def client_context(authority: Authority, certificate: Certificate | None) -> ssl.SSLContext:
    """A sender's side of TLS: it trusts the authority, and shows its certificate if it has one."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False
    if certificate is not None:
        context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
