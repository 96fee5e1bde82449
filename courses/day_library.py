"""Read the files of the day of therapy, each once, and hand out the rules for a protocol."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from courses.data_file import faults_of, read_data_file
from courses.rules.data_reader import DataError
from courses.rules.day_rules import DayRules, read_day_rules

FOLDER = Path(__file__).parent / "protocols" / "therapy_day"


class NoDayRules(KeyError):
    """No file says how the day of therapy goes under this protocol."""

    def __str__(self) -> str:
        return (
            f"no rules for the day of therapy under {self.args[0]!r}: add the protocol to a file in "
            "courses/protocols/therapy_day"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedRules:
    """The rules of a day, with the SHA-256 of the file they were read from."""

    rules: DayRules
    sha256: str


@cache
def all_day_rules(folder: Path = FOLDER) -> dict[str, PinnedRules]:
    """The rules of the day by protocol id. Raises LibraryError where a file is not whole."""
    found: dict[str, PinnedRules] = {}
    for path in sorted(folder.glob("*.toml")):
        read = read_data_file(path)
        with faults_of(path):
            rules = read_day_rules(read.data)
            if rules.id != path.stem:
                raise DataError(
                    key="id", reason="differs from the file's name", remedy=f"write {path.stem!r}"
                )
            for protocol in rules.protocols:
                if protocol in found:
                    raise DataError(
                        key="protocols", reason=f"{protocol!r} stands in two files", remedy="keep one"
                    )
                found[protocol] = PinnedRules(rules=rules, sha256=read.sha256)
    return found


def day_rules(protocol_id: str) -> PinnedRules:
    """How the day of therapy goes under a protocol. Raises NoDayRules."""
    found = all_day_rules().get(protocol_id)
    if found is None:
        raise NoDayRules(protocol_id)
    return found
