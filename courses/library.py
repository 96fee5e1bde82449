"""Read the protocol and criteria files, each once, and hand out a protocol by its id."""

import hashlib
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from courses.rules.criteria_reader import read_criteria
from courses.rules.data_reader import DataError
from courses.rules.protocol import Criteria, Protocol
from courses.rules.protocol_reader import read_protocol
from labs.library import analytes

FOLDER = Path(__file__).parent / "protocols"
_RULES = Path(__file__).parent / "rules"


class LibraryError(ValueError):
    """A data file is not whole: which file, which key, why, and what to do."""

    def __init__(self, *, file: str, error: DataError) -> None:
        super().__init__(f"{file}: {error.key}: {error.reason}; {error.remedy}")
        self.file, self.key, self.reason, self.remedy = file, error.key, error.reason, error.remedy


class UnknownProtocol(KeyError):
    """No protocol file has this id."""

    def __str__(self) -> str:
        return f"no protocol {self.args[0]!r}; known: {', '.join(protocol_ids())}"


class Shelf:
    """The data files of some folders, read and checked once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.criteria: dict[str, Criteria] = {}
        self.protocols: dict[str, Protocol] = {}
        self.sha256: dict[str, str] = {}
        self.file: dict[str, str] = {}
        files = sorted(path for folder in folders for path in folder.glob("*.toml"))
        loaded = [(path, *_load(path)) for path in files]
        for path, data, _ in loaded:
            if "ctcae_version" in data:
                self._add_criteria(path, data)
        for path, data, digest in loaded:
            if "ctcae_version" not in data:
                self._add_protocol(path, data, digest)

    def _add_criteria(self, path: Path, data: dict[str, Any]) -> None:
        units = {short: analyte.unit for short, analyte in analytes().items()}
        try:
            found = read_criteria(data, units=units)
            if found.version in self.criteria:
                raise DataError(
                    key="ctcae_version", reason=f"{found.version} stands in two files", remedy="keep one"
                )
        except DataError as error:
            raise LibraryError(file=path.name, error=error) from error
        self.criteria[found.version] = found

    def _add_protocol(self, path: Path, data: dict[str, Any], digest: str) -> None:
        known = analytes()
        names = {short: analyte.name for short, analyte in known.items()}
        units = {short: analyte.unit for short, analyte in known.items()}
        try:
            found = read_protocol(data, criteria=self.criteria, names=names, units=units)
            if found.id in self.protocols:
                raise DataError(key="id", reason=f"{found.id} stands in two files", remedy="keep one")
            if found.id != path.stem:
                raise DataError(
                    key="id", reason="differs from the file's name", remedy=f"write {path.stem!r}"
                )
        except DataError as error:
            raise LibraryError(file=path.name, error=error) from error
        self.protocols[found.id] = found
        self.sha256[found.id] = digest
        self.file[found.id] = path.name


def _load(path: Path) -> tuple[dict[str, Any], str]:
    """One file's data and the hash of its bytes."""
    raw = path.read_bytes()
    try:
        data = tomllib.loads(raw.decode("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fault = DataError(key="(file)", reason=f"is not readable TOML: {error}", remedy="correct that line")
        raise LibraryError(file=path.name, error=fault) from error
    return data, hashlib.sha256(raw).hexdigest()


@cache
def shelf(extra: Path | None = None) -> Shelf:
    """The protocols of the product, with those of one more folder when asked."""
    return Shelf([FOLDER] if extra is None else [FOLDER, extra])


def protocol(protocol_id: str, *, extra: Path | None = None) -> Protocol:
    """One protocol version by id. Raises UnknownProtocol."""
    found = shelf(extra).protocols.get(protocol_id)
    if found is None:
        raise UnknownProtocol(protocol_id)
    return found


def protocol_sha256(protocol_id: str, *, extra: Path | None = None) -> str:
    """The SHA-256 of the protocol file's bytes. Raises UnknownProtocol."""
    found = shelf(extra).sha256.get(protocol_id)
    if found is None:
        raise UnknownProtocol(protocol_id)
    return found


def protocol_ids(*, extra: Path | None = None) -> tuple[str, ...]:
    """Every protocol id, in order."""
    return tuple(sorted(shelf(extra).protocols))


def criteria(version: str, *, extra: Path | None = None) -> Criteria:
    """One version of the grading criteria. Raises KeyError."""
    return shelf(extra).criteria[version]


@cache
def engine() -> str:
    """A name for exactly this decision core: it changes when a rule module or a criteria file changes."""
    digest = hashlib.sha256()
    for path in sorted([*_RULES.glob("*.py"), *FOLDER.glob("ctcae_*.toml")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"courses.rules {digest.hexdigest()[:16]}"
