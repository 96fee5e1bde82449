"""What a message that is read again is read with: what waits in it, and what people have said of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from labs.formats.parsed import ParsedMessage, ParsedPatient
from labs.models import LabMessage, Patient, QuarantinedResult, QuarantineResolution
from labs.models.resolution import ResolutionKind

Place = tuple[int, str]
# The version that raised these was stored; read again it is no news, and the contradiction would be hidden.
STORED_ALREADY = frozenset({"conflict", "after-withdrawal", "returned-value", "too-many-versions"})
# Of a message that could not be read at all, the one row stands here, where no result stands.
WHOLE_MESSAGE: Place = (0, "")


@dataclass(slots=True, kw_only=True)
class Again:
    """The rows of one message that are read again, and which of them wait for the same reason as before."""

    waiting: Mapping[tuple[Place, str], QuarantinedResult]
    ended: Mapping[tuple[Place, str], QuarantinedResult]
    patients: Mapping[ParsedPatient, Patient]
    confirmed: Mapping[Place, str]
    places: frozenset[Place]
    # Where a message names two people and a match says which of them is meant.
    agreed: frozenset[Place] = frozenset()
    still: dict[int, QuarantinedResult] = field(default_factory=dict)

    def wants(self, place: Place) -> bool:
        """Whether the result at a place waits; where the whole message waits, each of them does."""
        return place in self.places or WHOLE_MESSAGE in self.places

    def known(self, place: Place, code: str) -> QuarantinedResult | None:
        """The row that already says this of a place, if there is one."""
        return self.waiting.get((place, code)) or self.ended.get((place, code))

    @property
    def cured(self) -> list[QuarantinedResult]:
        """The rows that no longer wait for the reason they give."""
        return [row for row in self.waiting.values() if row.pk not in self.still]


def what_people_said(*, message: LabMessage, parsed: ParsedMessage) -> Again:
    """The open rows of a message, locked, with every confirmed match and value; a match holds for a person.

    A laboratory names a person once for many results: what two people matched is the name, not one result.
    """
    rows = list(QuarantinedResult.objects.filter(message=message).select_for_update().order_by("pk"))
    is_open = QuarantinedResult.State.OPEN
    waiting = [row for row in rows if row.state == is_open and row.reason_code not in STORED_ALREADY]
    said = list(
        QuarantineResolution.objects.filter(item__message=message, verdict__confirmed=True)
        .select_related("item", "patient")
        .order_by("pk")
    )
    return Again(
        waiting={(place_of(row), row.reason_code): row for row in waiting},
        ended={(place_of(row), row.reason_code): row for row in rows if row.state != is_open},
        patients=dict(_matches(said, parsed)),
        confirmed={
            place_of(each.item): str(each.data.get("value", ""))
            for each in said
            if each.kind == ResolutionKind.CONFIRM_VALUE
        },
        places=frozenset(place_of(row) for row in waiting),
        agreed=frozenset(
            place_of(each.item)
            for each in said
            if each.kind == ResolutionKind.MATCH and each.item.reason_code == "two-patients"
        ),
    )


def place_of(row: QuarantinedResult) -> Place:
    """Where in its message a result stands."""
    return row.position, row.part


def _matches(
    said: Iterable[QuarantineResolution], parsed: ParsedMessage
) -> Iterable[tuple[ParsedPatient, Patient]]:
    people = {
        (sent.position, sent.part[:64]): report.patient
        for report in parsed.reports
        for sent in report.observations
    }
    for each in said:
        person = people.get(place_of(each.item))
        if each.patient is not None and person is not None:
            yield person, each.patient
