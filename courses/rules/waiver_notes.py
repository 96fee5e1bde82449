"""Say as notes what a physician's waivers did for the next cycle, and which of them could do nothing."""

from collections.abc import Iterator
from dataclasses import replace

from courses.rules.derived import Case
from courses.rules.facts import WaivedThing, Waiver
from courses.rules.protocol import LabRow
from courses.rules.required import Lack, earlier_lack, lab_lack
from courses.rules.schedule import Dates
from courses.rules.values import Action, Evidence, EvidenceKind, Reason
from courses.rules.waivers import valid_days, waivers_of
from courses.rules.wording import days_words, unended

WAIVER_RULE = "EV-WAIVER"


def waiver_notes(case: Case, dates: Dates) -> Iterator[Reason]:
    """One note for each waiver of this cycle that was needed, or that does not help."""
    for waiver in waivers_of(case, dates):
        row = case.protocol.lab(waiver.analyte)
        if row is None or not row.always:
            continue
        without = replace(
            case,
            chart=replace(case.chart, waivers=tuple(w for w in case.chart.waivers if w != waiver)),
        )
        before, after = _lack(waiver, row, without, dates), _lack(waiver, row, case, dates)
        if before is None:
            continue
        if after is None:
            more = valid_days(row, case, dates) - row.validity_days
            yield _waived(waiver, before, case, more=more)
        else:
            yield _in_vain(waiver, after, case)


def _lack(waiver: Waiver, row: LabRow, case: Case, dates: Dates) -> Lack | None:
    """What the waiver is about, as long as it is lacking."""
    if waiver.what is WaivedThing.WINDOW:
        return lab_lack(row, case=case, dates=dates)
    return earlier_lack(row, case=case, dates=dates)


def _waived(waiver: Waiver, lack: Lack, case: Case, *, more: int) -> Reason:
    what = (
        "its earlier draw is waived"
        if waiver.what is WaivedThing.EARLIER_DRAW
        else f"its result may be up to {days_words(more)} older than the protocol says"
    )
    text = f"{lack.name}: {what} for cycle {waiver.cycle}, by {waiver.by}: {unended(waiver.reason)}."
    return _note(waiver, f"{text} Without it: {lack.gap.why}.", lack, case)


def _in_vain(waiver: Waiver, lack: Lack, case: Case) -> Reason:
    text = f"{lack.name}: the waiver of {waiver.by} does not help, for {lack.gap.why}."
    return _note(waiver, text, lack, case)


def _note(waiver: Waiver, sentence: str, lack: Lack, case: Case) -> Reason:
    rule = case.protocol.waiver if waiver.what is WaivedThing.WINDOW else None
    return Reason(
        rule=WAIVER_RULE,
        action=Action.PROCEED,
        sentence=sentence,
        threshold=f"at most {days_words(rule.days)} more" if rule else "a usable result",
        source=str(rule.source) if rule else lack.source,
        evidence=(
            Evidence(
                kind=EvidenceKind.FACT,
                name=f"Waiver, {waiver.by}",
                value=waiver.what.value.replace("_", " "),
                on=waiver.on,
                ref=waiver.ref,
            ),
            *lack.evidence,
        ),
    )
