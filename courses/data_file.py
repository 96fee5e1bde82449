"""Read one TOML file of clinical data: bytes, content, and faults that name file, key and remedy."""

import hashlib
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from courses.rules.data_reader import DataError


class LibraryError(ValueError):
    """A data file is not whole: which file, which key, why, and what to do."""

    def __init__(self, *, file: str, error: DataError) -> None:
        super().__init__(f"{file}: {error.key}: {error.reason}; {error.remedy}")
        self.file, self.key, self.reason, self.remedy = file, error.key, error.reason, error.remedy


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file as read: its path, its bytes, and what they say, numbers exact."""

    path: Path
    raw: bytes
    data: dict[str, Any]

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, by which what was read is pinned."""
        return hashlib.sha256(self.raw).hexdigest()


@contextmanager
def faults_of(path: Path) -> Iterator[None]:
    """What is wrong with the data is told as a fault of this file. Raises LibraryError."""
    try:
        yield
    except DataError as error:
        raise LibraryError(file=path.name, error=error) from error


def read_data_file(path: Path) -> DataFile:
    """One file's bytes and data. Raises LibraryError."""
    with faults_of(path):
        try:
            raw = path.read_bytes()
            return DataFile(path, raw, tomllib.loads(raw.decode("utf-8"), parse_float=Decimal))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(
                key="(file)", reason=f"is not readable TOML: {error}", remedy="correct that line"
            ) from error
        except OSError as error:
            raise DataError(
                key="(file)", reason=f"cannot be opened: {error.strerror}", remedy="put it there, readable"
            ) from error
