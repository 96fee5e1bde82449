"""Whether the patient was treated so before: an answer every course needs before its first cycle."""

from collections.abc import Iterator
from decimal import Decimal

from courses.rules.decimals import plain
from courses.rules.derived import Case
from courses.rules.facts import PriorAnswer, PriorTreatment
from courses.rules.required import Lack
from courses.rules.values import Action, Evidence, EvidenceKind, MissingEvidence, Reason
from courses.rules.wording import day_words

PRIOR_RULE = "ELIG-PRIOR"
ITEM = "prior_treatment"
_NAME = "Earlier radionuclide treatment"
_SOURCE = "this service's own rule: retreatment must not ignore activity given earlier or elsewhere"


def prior_lacks(case: Case) -> Iterator[Lack]:
    """No answer, one that says nobody knows, or two that contradict each other: held before cycle 1.

    Where such facts are not considered, nothing is asked.
    """
    records = case.chart.facts.prior_treatment
    if records is None or case.history.given:
        return
    answers = {record.answer for record in records}
    if not records:
        why = "nobody has recorded whether the patient was treated so before"
        resolve = "ask the patient and the records for earlier treatments, and record the answer"
    elif {PriorAnswer.NONE, PriorAnswer.GIVEN} <= answers:
        why = "one record says that there was none, and another names one"
        resolve = "take back the record that is wrong"
    elif _is_open(records):
        why = "it was recorded that nobody knows whether there was one"
        resolve = "ask the hospitals concerned; then record either each treatment, or that there was none"
    else:
        return
    yield Lack(
        gap=MissingEvidence(item=ITEM, rule=PRIOR_RULE, why=why, resolve=resolve),
        name=_NAME,
        source=_SOURCE,
        evidence=tuple(map(_evidence, _ordered(records))),
    )


def prior_notes(case: Case) -> Iterator[Reason]:
    """What was given before, beside the decision on the first cycle."""
    records = [r for r in case.chart.facts.prior_treatment or () if r.answer is PriorAnswer.GIVEN]
    if not records or case.history.given:
        return
    total = plain(sum((r.administered_gbq or Decimal(0) for r in records), Decimal(0)))
    told = "; ".join(map(_told, _ordered(records)))
    yield Reason(
        rule=PRIOR_RULE,
        action=Action.PROCEED,
        sentence=f"Treated before: {told}. Together {total} GBq, which count in the cumulative activity.",
        threshold="no earlier treatment",
        source=_SOURCE,
        evidence=tuple(map(_evidence, _ordered(records))),
    )


def _is_open(records: tuple[PriorTreatment, ...]) -> bool:
    """Whether nobody has answered since it was said that nobody knows."""
    unknown = [r.on for r in records if r.answer is PriorAnswer.UNKNOWN]
    known = [r.on for r in records if r.answer is not PriorAnswer.UNKNOWN]
    return bool(unknown) and (not known or max(known) < max(unknown))


def _ordered(records: tuple[PriorTreatment, ...] | list[PriorTreatment]) -> list[PriorTreatment]:
    return sorted(records, key=lambda r: (r.on, r.answer, _when(r), r.hospital, r.product, r.ref))


def _when(record: PriorTreatment) -> str:
    return record.month if record.day is None else record.day.isoformat()


def _told(record: PriorTreatment) -> str:
    """7.4 GBq of a product at a hospital, 4 May 2021 (discharge letter)."""
    day = record.month if record.day is None else day_words(record.day)
    amount = "" if record.administered_gbq is None else f"{plain(record.administered_gbq)} GBq of "
    return f"{amount}{record.product} at {record.hospital}, {day} ({record.provenance})"


def _evidence(record: PriorTreatment) -> Evidence:
    given = record.answer is PriorAnswer.GIVEN
    return Evidence(
        kind=EvidenceKind.FACT,
        name=_NAME,
        value=_told(record) if given else record.answer.value,
        on=record.on,
        ref=record.ref,
    )
