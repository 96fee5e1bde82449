"""The steps about the patient before the start: identity, what is asked, potassium, premedication."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from courses.rules.day_rules import Force
from courses.rules.day_times import NONE
from courses.rules.day_values import (
    DayFacts,
    DayLine,
    Happened,
    PotassiumSeen,
    PotassiumValue,
    Step,
    StepState,
    after,
    clock,
    minutes,
    since,
)
from courses.rules.decimals import plain
from courses.rules.facts import ALLERGY_ORDER, AllergyFinding, PregnancyFinding

ASKED = "Ask the patient, and record the answer."
_STANDS = "A wrong entry is corrected or taken back with its reason; another answer beside it undoes nothing."
_NO_ANSWER = "what was recorded is no answer that the service knows"
# How grave an answer is; of two alike the newer counts.
_PREGNANCY: Mapping[str, int] = {
    PregnancyFinding.NEGATIVE: 0,
    PregnancyFinding.NOT_POSSIBLE: 0,
    PregnancyFinding.POSITIVE: 1,
}
_ALLERGY: Mapping[str, int] = {finding: grave for grave, finding in enumerate(ALLERGY_ORDER)}


def patient_lines(facts: DayFacts) -> Iterator[DayLine]:
    """Everything about the patient that is settled before the infusion starts, in the order of the day."""
    yield _identity(facts)
    yield _decision(facts, "T-02", "Laboratory results and signed decision")
    yield _pregnancy(facts)
    yield _decision(facts, "T-03", "Long-acting analogue stopped in time")
    yield _short_acting(facts)
    yield _potassium(facts)
    yield _allergy(facts)
    yield _antiemetic(facts)


def _line(id_: str, name: str, state: StepState, sentence: str, **more: Any) -> DayLine:
    return DayLine(id=id_, name=name, state=state, sentence=sentence, for_start=True, **more)


def _identity(facts: DayFacts) -> DayLine:
    """Two people, two identifiers, and both are this patient's."""
    name, step = "Patient identified by two people", facts.newest(Happened.IDENTITY)
    if step is None:
        return _line(
            "ID",
            name,
            StepState.DUE,
            "Nobody has identified the patient yet.",
            remedy="Two people read the patient's number and birth date from the patient, and record both.",
        )
    wrong = []
    if step.data.get("number", "").strip() not in facts.patient_numbers:
        wrong.append("number")
    if step.data.get("birth_date", "") != facts.birth_date.isoformat():
        wrong.append("birth date")
    if wrong:
        return _line(
            "ID",
            name,
            StepState.BLOCKED,
            f"The {' and the '.join(wrong)} recorded at {clock(step.at, facts)} "
            f"{'is' if len(wrong) == 1 else 'are'} not this patient's.",
            remedy="Stop. Find out who the patient is; then identify the patient again, two people together.",
        )
    if not step.second or step.second == step.by:
        return _line(
            "ID",
            name,
            StepState.BLOCKED,
            f"Only {step.by} has identified the patient.",
            remedy="A second, different person identifies the patient as well.",
        )
    if _of_another_day(step, facts):
        return _line(
            "ID",
            name,
            StepState.DUE,
            f"Last identified at {clock(step.at, facts)}, on another day.",
            remedy="Two people identify the patient again today.",
        )
    said = f"Identified at {clock(step.at, facts)} by {step.by} and {step.second}, by number and birth date."
    return _line("ID", name, StepState.DONE, said)


def _of_another_day(step: Step, facts: DayFacts) -> bool:
    """Whether it is of another day of the clinic than the start: a stay may last several."""
    days = [each.astimezone(facts.zone).date() for each in (step.at, facts.moment)]
    return days[0] != days[1]


def _gravest(answers: Sequence[Step], grave: Mapping[str, int]) -> Step | None:
    """The newest of the gravest answers: whoever is asked again may forget what they said before.

    An answer that says nothing known is graver than any.
    """
    return max(
        answers,
        key=lambda step: (grave.get(step.data.get("finding", ""), len(grave)), step.at.astimezone(UTC)),
        default=None,
    )


def _decision(facts: DayFacts, id_: str, name: str) -> DayLine:
    """What the live decision judges: laboratory results, and injections of long-acting analogues."""
    state = StepState.DONE if facts.go.allowed else StepState.BLOCKED
    return _line(id_, name, state, facts.go.sentence, remedy=facts.go.remedy)


def _pregnancy(facts: DayFacts) -> DayLine:
    """Asked of everybody: an answer of a person, never drawn from the entry of sex.

    A positive test stands whatever is answered after it: it was wrong only once somebody says so (HZ-58).
    """
    name, step = "Pregnancy excluded today", _gravest(facts.of(Happened.PREGNANCY), _PREGNANCY)
    if step is None:
        return _line(
            "T-01",
            name,
            StepState.DUE,
            "Pregnancy has not been asked about today.",
            remedy="Record today's test, or that pregnancy is not possible.",
        )
    finding = step.data.get("finding", "")
    if finding in ("negative", "not_possible"):
        if _of_another_day(step, facts):
            return _line(
                "T-01",
                name,
                StepState.DUE,
                f"Last asked about at {clock(step.at, facts)}, on another day.",
                remedy="Record today's test, or that pregnancy is not possible.",
            )
        words = "the test is negative" if finding == "negative" else "pregnancy is not possible"
        return _line("T-01", name, StepState.DONE, f"Asked at {clock(step.at, facts)}: {words}.")
    words = "the test is positive" if finding == PregnancyFinding.POSITIVE else _NO_ANSWER
    return _line(
        "T-01",
        name,
        StepState.BLOCKED,
        f"Recorded at {clock(step.at, facts)}: {words}.",
        remedy=f"Nothing is given. Tell the physician now. {_STANDS}",
    )


def _short_acting(facts: DayFacts) -> DayLine:
    """Hours since the last short-acting analogue, as they passed."""
    rule, name = facts.rules.analogue, "Short-acting analogue stopped in time"
    step = facts.newest(Happened.ANALOGUE)
    if step is None:
        return _line(
            "T-04",
            name,
            StepState.DUE,
            "The last short-acting analogue has not been asked about.",
            remedy=ASKED,
            source=rule.source,
        )
    last = step.data.get("short_acting_at", "")
    if _of_another_day(step, facts):
        return _line(
            "T-04",
            name,
            StepState.DUE,
            f"Last asked about at {clock(step.at, facts)}, on another day.",
            remedy=ASKED,
            source=rule.source,
        )
    if step.data.get("short_acting") == "none":
        return _line("T-04", name, StepState.DONE, "None is used, as asked today.", source=rule.source)
    if not last:
        return _line(
            "T-04",
            name,
            StepState.BLOCKED,
            "When the last one was given is not known.",
            remedy=ASKED,
            source=rule.source,
        )
    given = datetime.fromisoformat(last)
    allowed = after(given, rule.short_acting_off)
    if since(given, facts.moment) >= rule.short_acting_off:
        return _line(
            "T-04",
            name,
            StepState.DONE,
            f"The last one was given at {clock(given, facts)}, {minutes(since(given, facts.moment))} ago.",
            source=rule.source,
        )
    return _line(
        "T-04",
        name,
        StepState.WAITING,
        f"The last one was given at {clock(given, facts)}; {minutes(rule.short_acting_off)} must pass.",
        remedy=f"Start from {clock(allowed, facts)}, or another day.",
        until=allowed,
        source=rule.source,
    )


def _potassium(facts: DayFacts) -> DayLine:
    """The newest potassium of before the amino acids: old, doubtful, high or without its upper limit it does
    not clear. One that was collected while they ran says nothing of before them.
    """
    rule, name = facts.rules.potassium, "Potassium before the amino acids"
    bad = StepState.BLOCKED if rule.force is Force.BLOCK else StepState.WARNING
    why = _potassium_doubt(facts.potassium, days=rule.validity_days) or _still_high(facts)
    if why:
        late, remedy = facts.potassium_late, "Draw potassium before the amino acids, and tell the physician."
        if late is not None:
            why += f" The one of {clock(late, facts)} was collected while the amino acids ran."
            remedy = "Tell the physician. One that is drawn before the amino acids are started again counts."
        return _line("T-05", name, bad, why, source=rule.source, remedy=remedy)
    seen = facts.potassium
    assert seen is not None and seen.value is not None
    return _line(
        "T-05",
        name,
        StepState.DONE,
        f"{plain(seen.value)} {seen.unit}, collected at {clock(seen.collected_at, facts)}, "
        "not above its upper limit.",
        source=rule.source,
    )


def _potassium_doubt(seen: PotassiumSeen | None, *, days: int) -> str:
    """Why the newest potassium does not clear; empty where it does."""
    if seen is None:
        return f"No potassium of the last {days} days is known."
    if seen.doubt or seen.value is None:
        return f"The newest potassium is not relied on: {seen.doubt or 'it holds no number'}."
    if seen.days_old > days:
        return f"The newest potassium is {seen.days_old} days old; {days} are the most."
    if seen.high is None:
        return "The newest potassium came without its upper limit, so nobody can say whether it is high."
    if seen.value > seen.high or seen.comparator.startswith(">"):
        shown = f"{seen.comparator}{plain(seen.value)} {seen.unit}"
        return f"Potassium is {shown}, its upper limit {plain(seen.high)}."
    return ""


def _still_high(facts: DayFacts) -> str:
    """A high one that no later reliable one of another specimen has cleared; empty where there is none.

    That the same specimen was measured or told again proves nothing of the patient (HZ-54).
    """
    told = facts.potassium.told if facts.potassium else ()
    for high in told:
        if high.is_high and not any(_clears(other, high, facts) for other in told):
            shown = f"{high.comparator}{plain(high.value)} {high.unit}"
            return (
                f"Potassium was told as {shown} at {clock(high.collected_at, facts)}, above its upper limit, "
                "and no later specimen has shown that it is not."
            )
    return ""


def _clears(other: PotassiumValue, high: PotassiumValue, facts: DayFacts) -> bool:
    """Whether one shows that a high one is over; one drawn during the amino acids shows nothing of before."""
    if other.doubt or other.high is None or other.is_high or other.specimen == high.specimen:
        return False
    begun = facts.amino_from
    both = begun is None or since(begun, other.collected_at) <= NONE or since(begun, high.collected_at) > NONE
    return both and since(high.collected_at, other.collected_at) > NONE


def _allergy(facts: DayFacts) -> DayLine:
    """Allergies and earlier reactions, asked before each cycle."""
    name, asked = "Allergies and earlier reactions", facts.of(Happened.ALLERGY)
    step = _gravest(asked, _ALLERGY)
    if step is None:
        return _line("ALLERGY", name, StepState.DUE, "Nobody has asked about allergies today.", remedy=ASKED)
    finding = step.data.get("finding")
    if finding == AllergyFinding.CONTRAINDICATED:
        return _line(
            "ALLERGY",
            name,
            StepState.BLOCKED,
            "An earlier reaction forbids this product.",
            remedy=f"Nothing is given. Tell the physician. {_STANDS}",
        )
    if _of_another_day(asked[-1], facts):
        said = f"Last asked about at {clock(asked[-1].at, facts)}, on another day."
        return _line("ALLERGY", name, StepState.DUE, said, remedy=ASKED)
    if finding == AllergyFinding.PREMEDICATE:
        return _premedicated(step, facts, name)
    if finding != AllergyFinding.NONE:
        said = f"Asked at {clock(step.at, facts)}: {_NO_ANSWER}."
        return _line("ALLERGY", name, StepState.BLOCKED, said, remedy=f"Ask the patient. {_STANDS}")
    return _line("ALLERGY", name, StepState.DONE, f"Asked at {clock(step.at, facts)}: none known.")


def _premedicated(step: Step, facts: DayFacts, name: str) -> DayLine:
    """After an earlier reaction: premedication given today."""
    given = None if _of_another_day(step, facts) else step.data.get("premedication")
    if given:
        return _line("ALLERGY", name, StepState.DONE, f"An earlier reaction; premedication given: {given}.")
    return _line(
        "ALLERGY",
        name,
        StepState.BLOCKED,
        "An earlier reaction asks for premedication.",
        remedy="Give it, and record the answer again with what was given.",
    )


def _antiemetic(facts: DayFacts) -> DayLine:
    """It comes before the amino acids; that it came late or not at all is warned of."""
    rule, name = facts.rules.premedication, "Antiemetic before the amino acids"
    given, started = facts.of(Happened.ANTIEMETIC), facts.of(Happened.AMINO_START)
    lead = minutes(rule.antiemetic_lead)
    if not given:
        state = StepState.WARNING if started else StepState.DUE
        said = "The amino acids were started without one." if started else "Not given yet."
        return DayLine(
            id="T-06",
            name=name,
            state=state,
            sentence=said,
            source=rule.source,
            remedy=f"Give it now; it should be given {lead} before the amino acids.",
        )
    at = given[0].at
    passed = since(at, started[0].at if started else facts.now)
    said = f"Given at {clock(at, facts)} by {given[0].by}"
    if passed >= rule.antiemetic_lead:
        return DayLine(id="T-06", name=name, state=StepState.DONE, sentence=f"{said}.", source=rule.source)
    if not started:
        until = after(at, rule.antiemetic_lead)
        return DayLine(
            id="T-06",
            name=name,
            state=StepState.WAITING,
            until=until,
            source=rule.source,
            sentence=f"{said}; the amino acids should start from {clock(until, facts)}.",
        )
    apart = f"only {minutes(passed)} before the amino acids" if passed > NONE else "after their start"
    return DayLine(
        id="T-06",
        name=name,
        state=StepState.WARNING,
        sentence=f"{said}, {apart}.",
        remedy=f"{lead} before is the aim; watch for nausea.",
        source=rule.source,
    )
