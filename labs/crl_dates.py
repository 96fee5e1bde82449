"""Read from a certificate revocation list from when to when it holds, which the ssl module does not tell."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----(.*?)-----END X509 CRL-----", re.DOTALL)
_SEQUENCE, _INTEGER, _UTC_TIME, _GENERAL_TIME = 0x30, 0x02, 0x17, 0x18


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDates:
    """When one list was issued, and when the next one is due; none where it does not say."""

    issued: datetime
    next_due: datetime | None


def read_crl_dates(pem: bytes) -> list[ListDates]:
    """The dates of every list in a PEM file. Raises ValueError where one of them is none."""
    try:
        return [
            _dates(base64.b64decode(b"".join(block.split()), validate=True)) for block in _BLOCK.findall(pem)
        ]
    except (binascii.Error, IndexError) as error:
        raise ValueError("damaged") from error


def _dates(der: bytes) -> ListDates:
    """RFC 5280, 5.1: an optional version, the algorithm, the issuer, this update, an optional next update."""
    at, _end = _inside(der, 0, _SEQUENCE)
    at, end = _inside(der, at, _SEQUENCE)
    if der[at] == _INTEGER:
        at = _element(der, at)[2]
    for _algorithm_and_issuer in range(2):
        at = _inside(der, at, _SEQUENCE)[1]
    issued = _time(der, at)
    after = _element(der, at)[2]
    says_next = after < end and der[after] in (_UTC_TIME, _GENERAL_TIME)
    return ListDates(issued=issued, next_due=_time(der, after) if says_next else None)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, beginning and end of the content of the element at a place."""
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    if start + length > len(der):
        raise ValueError("cut short")
    return tag, start, start + length


def _inside(der: bytes, at: int, wanted: int) -> tuple[int, int]:
    tag, start, end = _element(der, at)
    if tag != wanted:
        raise ValueError("not a revocation list")
    return start, end


def _time(der: bytes, at: int) -> datetime:
    tag, start, end = _element(der, at)
    text = der[start:end].decode("ascii", "replace")
    if tag == _UTC_TIME:  # two digits of the year: 50 and later are of the last century
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERAL_TIME:
        raise ValueError("not a revocation list")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
