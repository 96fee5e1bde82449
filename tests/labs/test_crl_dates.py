"""The dates of revocation lists: as openssl writes them, and damaged in every place."""

import base64
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.crl_dates import read_crl_dates
from tests.certificates import Authority


def pem(der: bytes) -> bytes:
    return b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n"


@pytest.mark.openssl
@pytest.mark.parametrize(
    "until", ["20260504060000Z", "20491231235959Z", "20500101000000Z", "21000101000000Z"]
)
def test_the_dates_are_those_that_openssl_wrote(until: str, tmp_path: Path) -> None:
    written = Authority(tmp_path / "ca").revocation_list(until=until).read_bytes()
    [dates] = read_crl_dates(written)
    assert dates.issued == datetime(2026, 1, 1, tzinfo=UTC)
    assert f"{dates.next_due:%Y%m%d%H%M%SZ}" == until
    assert len(read_crl_dates(b"words\n" + written + written)) == 2


@pytest.mark.openssl
def test_a_damaged_list_is_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    written = Authority(tmp_path / "ca").revocation_list().read_bytes()
    der = subprocess.run(
        ["openssl", "crl", "-outform", "DER"], input=written, capture_output=True, check=True
    ).stdout
    assert read_crl_dates(pem(der)) == read_crl_dates(written)
    for cut in range(0, 120):
        with pytest.raises(ValueError, match=r"."):
            read_crl_dates(pem(der[:cut]))


def test_a_file_without_a_list_has_none() -> None:
    assert read_crl_dates(b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n") == []


def test_what_is_no_base64_is_damaged() -> None:
    with pytest.raises(ValueError, match="damaged"):
        read_crl_dates(b"-----BEGIN X509 CRL-----\n!!\n-----END X509 CRL-----\n")


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(der: bytes) -> None:
    with suppress(ValueError):
        assert len(read_crl_dates(pem(der))) == 1
