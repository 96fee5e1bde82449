"""What somebody says of a call or visit, as the forms hand it to the service."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from courses.services.manifests import digest


class HoldAnswer(StrEnum):
    """Whether the course is held because of what was said; empty where nobody was asked."""

    HOLD = "hold"
    GO_ON = "go_on"
    NOT_SAID = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """What a patient reports, graded by the one who asks; `fact` names the record that this row is about.

    Nothing is said of the cause: a physician attributes.
    """

    term: str
    grade: int
    began_on: date
    ended_on: date | None = None
    fact: str = ""
    # Of a recorded one: it was a mistake, and is taken back.
    is_mistake: bool = False

    def data(self) -> dict[str, Any]:
        """The adverse event as facts are recorded."""
        said: dict[str, Any] = {
            "term": self.term,
            "grade": self.grade,
            "from": self.began_on.isoformat(),
            "related": None,
        }
        return said if self.ended_on is None else said | {"to": self.ended_on.isoformat()}

    def says_the_same(self, data: Mapping[str, Any]) -> bool:
        """Whether a recorded event says the same, whatever was said of its cause."""
        return all(self.data().get(key) == data.get(key) for key in ("term", "grade", "from", "to"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSaid:
    """One call or visit as it was entered; what was left empty is empty."""

    occasion: str
    outcome: str
    spoken_at: datetime
    channel: str
    spoken_by: str
    cycle: int | None = None
    about_on: date | None = None
    spoken_with: str = ""
    spoken_with_name: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    advice: str = ""
    symptoms: Sequence[Symptom] = ()
    call_back_who: str = ""
    call_back_by: datetime | None = None
    call_back_about: str = ""
    settles: Sequence[UUID] = ()
    hold: str = HoldAnswer.NOT_SAID
    hold_reason: str = ""

    def sha256(self) -> str:
        """What makes two forms the same form."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return digest(plain)
