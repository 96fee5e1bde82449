"""Read the protocol and criteria files, each once, and hand out a protocol by its id."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from courses.data_file import DataFile, faults_of, read_data_file
from courses.rules.criteria_reader import read_criteria
from courses.rules.data_reader import DataError, TableReader
from courses.rules.protocol import Criteria, Protocol
from courses.rules.protocol_reader import read_protocol
from labs.library import analytes

FOLDER = Path(__file__).parent / "protocols"
_RULES = Path(__file__).parent / "rules"


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
        self.base: dict[str, str] = {}
        self._raw: dict[str, bytes] = {}
        self._whole: dict[str, DataFile] = {}
        self._folders = tuple(folders)
        files = [read_data_file(path) for path in self._paths()]
        self._as_read = {file.path: hashlib.sha256(file.raw).digest() for file in files}
        for file in files:
            if "ctcae_version" in file.data:
                self._add_criteria(file)
        protocols = [file for file in files if "ctcae_version" not in file.data]
        for file in sorted(protocols, key=lambda file: "base" in file.data):
            self._add_protocol(file)

    def _paths(self) -> list[Path]:
        """The data files that lie in the folders now."""
        return sorted(path for folder in self._folders for path in folder.glob("*.toml"))

    def changed_files(self) -> list[str]:
        """The files that are no longer as they were read: changed, removed or added since."""
        now = {path: hashlib.sha256(path.read_bytes()).digest() for path in self._paths()}
        either = sorted(now.keys() | self._as_read.keys())
        return [path.name for path in either if now.get(path) != self._as_read.get(path)]

    def _add_criteria(self, file: DataFile) -> None:
        units = {short: analyte.unit for short, analyte in analytes().items()}
        with faults_of(file.path):
            found = read_criteria(file.data, units=units)
            if found.version in self.criteria:
                raise DataError(
                    key="ctcae_version", reason=f"{found.version} stands in two files", remedy="keep one"
                )
        self.criteria[found.version] = found
        self._raw[found.version] = file.raw

    def _add_protocol(self, file: DataFile) -> None:
        known = analytes()
        names = {short: analyte.name for short, analyte in known.items()}
        units = {short: analyte.unit for short, analyte in known.items()}
        with faults_of(file.path):
            base = self._base_of(file)
            data = file.data if base is None else _replaced(base.data, file.data)
            found = read_protocol(data, criteria=self.criteria, names=names, units=units)
            if found.id in self.protocols:
                raise DataError(key="id", reason=f"{found.id} stands in two files", remedy="keep one")
            if found.id != file.path.stem:
                raise DataError(
                    key="id", reason="differs from the file's name", remedy=f"write {file.path.stem!r}"
                )
        self.protocols[found.id] = found
        self.sha256[found.id] = self._digest(found, file, base)
        self.file[found.id] = file.path.name
        if base is None:
            self._whole[found.id] = file
        else:
            self.base[found.id] = base.path.stem

    def _base_of(self, file: DataFile) -> DataFile | None:
        """The file a variant takes everything else from; None for a file that is whole by itself."""
        if "base" not in file.data:
            return None
        name = TableReader(file.data).text("base")
        if name in self.base:
            raise DataError(
                key="base",
                reason=f"{name!r} is itself a variant",
                remedy=f"name its own base, {self.base[name]!r}, and repeat what it replaces",
            )
        if name not in self._whole:
            raise DataError(
                key="base",
                reason=f"there is no protocol {name!r}",
                remedy=f"use one of: {', '.join(sorted(self._whole))}",
            )
        return self._whole[name]

    def _digest(self, protocol: Protocol, file: DataFile, base: DataFile | None) -> str:
        """The hash of all a protocol says: its file, its base, the criteria it grades and compares by."""
        digest = hashlib.sha256(file.raw)
        if base is not None:
            digest.update(base.raw)
        digest.update(self._raw[protocol.criteria.version])
        if protocol.other_criteria is not None:
            digest.update(self._raw[protocol.other_criteria.version])
        return digest.hexdigest()


def _replaced(base: dict[str, Any], variant: dict[str, Any]) -> dict[str, Any]:
    """The base's data with the keys a variant replaces; what it calls itself is its own."""
    for key in ("id", "title"):
        if key not in variant:
            raise DataError(key=key, reason="is missing", remedy="add it: a variant has its own")
    for key in variant:
        if key != "base" and key not in base:
            raise DataError(key=key, reason="is no key of the base", remedy="remove it or correct it")
    return {**base, **{key: value for key, value in variant.items() if key != "base"}}


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
    """The SHA-256 over a protocol's file, its base and its criteria, by which a course is pinned.

    Raises UnknownProtocol.
    """
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
