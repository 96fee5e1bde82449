"""What the page of a call shows beside its row: what its answers point out, and what became of its facts."""

from dataclasses import dataclass

from courses.fact_words import fact_words
from courses.models import ChartFact, PatientCall, RecordKind
from courses.rules.calls import Concern, concerns
from courses.services.call_checks import questions_for
from courses.services.call_facts import newest_of
from labs.models import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFactLine:
    """A fact of a call as it was recorded, and what stands of it today."""

    fact: ChartFact
    words: str
    is_hold: bool
    stands: ChartFact | None
    now_words: str

    @property
    def is_changed(self) -> bool:
        """Whether somebody changed it since."""
        return self.stands is not None and self.stands.pk != self.fact.pk


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcernLine:
    """An answer that is pointed out, and the kind of fact it is to be recorded as."""

    concern: Concern
    kind: str
    kind_words: str


def fact_lines(call: PatientCall) -> list[CallFactLine]:
    """The facts that this version of a call names."""
    links = call.facts.select_related("fact__withdrawn_by").order_by("pk")
    return [_fact_line(link.fact) for link in links]


def _fact_line(fact: ChartFact) -> CallFactLine:
    stands = newest_of(fact)
    is_hold = fact.kind == RecordKind.PRECAUTIONARY_HOLD
    return CallFactLine(
        fact=fact,
        words=f"Hold: {fact.reason}" if is_hold else fact_words(fact),
        is_hold=is_hold,
        stands=stands,
        now_words=fact_words(stands) if stands is not None and not is_hold else "",
    )


def concerns_to_show(call: PatientCall, patient: Patient) -> list[ConcernLine]:
    """What the answers of a call point out, as today's file words it; what it does not ask is left out."""
    answers = {said["id"]: said["answer"] for said in call.answers}
    asked = [each for each in questions_for(call.occasion, patient) if each.id in answers]
    return [
        ConcernLine(
            concern=each,
            kind=each.question.records,
            kind_words=RecordKind(each.question.records).label if each.question.records else "",
        )
        for each in concerns(asked, answers)
    ]
