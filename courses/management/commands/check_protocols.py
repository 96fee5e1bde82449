"""Check every protocol and criteria file and print the table a clinician can sign; needs no database."""

import io
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from courses import library
from courses.rules.data_reader import CONFIDENCES
from courses.rules.protocol import Bound, Criteria, Protocol, Reference, Test, ToxicityFamily
from courses.rules.values import Source
from courses.rules.wording import plain, unit_of, unit_words

_WIDTH = 140
_LINE = "_" * 20
_TESTS = {Test.BELOW: "<", Test.AT_MOST: "≤", Test.ABOVE: ">", Test.AT_LEAST: "≥"}
_REFERENCES = {Reference.LLN: "LLN", Reference.ULN: "ULN", Reference.BASELINE: "baseline"}
Row = tuple[str, str, Source]


class Command(BaseCommand):
    """Exit status 2 when a file is not whole."""

    help = "Check the protocol and criteria files and print them as a table to be signed."
    requires_system_checks: list[str] = []  # a check may ask the database; this command must not need one

    def handle(self, *args: Any, **options: Any) -> None:
        """Load everything, then print it with sources and confidence."""
        try:
            shelf = library.shelf()
        except library.LibraryError as error:
            self.stderr.write(str(error))
            sys.exit(2)
        text = io.StringIO()
        console = Console(file=text, width=_WIDTH, highlight=False)
        for criteria in shelf.criteria.values():
            console.print(
                _table(f"CTCAE {criteria.version}: {criteria.title}", list(_criteria_rows(criteria)))
            )
        for protocol in shelf.protocols.values():
            rows = list(_protocol_rows(protocol))
            console.print(_table(f"{protocol.id}: {protocol.title}", rows))
            console.print(f"In force from {protocol.in_force_from}. SHA-256 {shelf.sha256[protocol.id]}")
            open_rows = sum(source.to_be_confirmed for _, _, source in rows)
            console.print(
                f"{open_rows} of {len(rows)} rows are to be confirmed by the clinic before real use."
            )
            console.print(f"Checked by: {_LINE}  Date: {_LINE}  Second reader: {_LINE}\n")
        console.print("Confidence: " + "; ".join(f"{word} {words}" for word, words in CONFIDENCES.items()))
        self.stdout.write(text.getvalue())


def _table(title: str, rows: list[Row]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=False)
    for name, ratio in (("rule", 3), ("value", 6), ("source", 6), ("confidence", 3), ("checked", 2)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for rule, value, source in rows:
        confidence = f"{source.confidence}: to be confirmed" if source.to_be_confirmed else source.confidence
        cite = f"{source.document}, {source.section}"
        table.add_row(rule, value, cite, confidence, source.checked.isoformat())
    return table


def _criteria_rows(criteria: Criteria) -> Iterator[Row]:
    for criterion in criteria.by_term.values():
        words = [f"{grade}: {text}" for grade, text in sorted(criterion.published.items())]
        value = f"{'; '.join(words)} ({criterion.quantity}, {unit_words(criterion.unit)})"
        yield criterion.term, value, criterion.source


def _protocol_rows(protocol: Protocol) -> Iterator[Row]:
    schedule, limit = protocol.schedule, protocol.delay_limit
    plan = (
        f"{schedule.cycles} cycles of {plain(schedule.activity_gbq)} GBq every {schedule.interval_days} days"
    )
    yield "schedule", f"{protocol.product}: {plan}", schedule.source
    days = f"day {schedule.window_first_day} to {schedule.window_last_day} after the last administration"
    yield "SCH-WINDOW", days, schedule.window_source
    yield "reduced activity", f"{plain(schedule.reduced_activity_gbq)} GBq", schedule.reduced_source
    stops = f"stops {'on' if limit.stops_on_limit_day else 'after'} day {limit.days}"
    spared = "is subtracted" if limit.subtract_other_delay else "counts too"
    counted = f"counted from the {limit.counted_from.value.replace('_', ' ')}"
    yield "LIM-DELAY", f"{stops}, {counted}; delay by other causes {spared}", limit.source
    yield "ELIG-AGE", f"{protocol.minimum_age} years or older", protocol.minimum_age_source
    interim = "count" if protocol.count_interim_occurrences else "do not count"
    yield "interim occurrences", f"{interim} when recovered by the planned day", protocol.interim_source
    yield from _evidence_rows(protocol)
    for family in protocol.families:
        yield from _family_rows(family, protocol)
    for floor in protocol.floors:
        words = " and ".join(_bound_words(bound, protocol) for bound in floor.bounds)
        yield floor.id, f"before cycle 1, {floor.action.word} while {words}", floor.source
    for order in protocol.orders:
        when = " in peritoneal or mesenteric disease" if order.when_peritoneal_disease else ""
        items = "; ".join(", ".join(value for _, value in item) for item in order.items)
        yield f"order {order.kind.value}", f"{items}{when}", order.source


def _evidence_rows(protocol: Protocol) -> Iterator[Row]:
    for row in protocol.labs:
        needed = "always needed" if row.always else "where a rule asks"
        value = f"{needed}, valid {row.validity_days} days, due {row.due_days_before} days before"
        yield f"lab {row.analyte}", value, row.source
    weight, formula, calcium = protocol.weight, protocol.clearance, protocol.calcium
    nearest = "; the nearest weight stands in at the baseline" if weight.nearest_for_baseline else ""
    yield "EV-WEIGHT", f"valid {weight.validity_days} days{nearest}", weight.source
    mg_per_dl = _number(formula.umol_per_l_in_mg_per_dl)
    text = (
        f"({formula.age_constant} - age) × kg / ({formula.divisor} × creatinine mg/dL), × "
        f"{_number(formula.female_factor)} if female; 1 mg/dL = {mg_per_dl} µmol/L"
    )
    yield "creatinine clearance", text, formula.source
    slope, normal = _number(calcium.mmol_per_g), calcium.albumin_g_per_l
    yield "corrected calcium", f"total + {slope} × ({normal} - albumin g/L)", calcium.source


def _family_rows(family: ToxicityFamily, protocol: Protocol) -> Iterator[Row]:
    first, again = family.on_first.word, family.on_recurrence.word
    follow = f"first: {first}, recurrent (counted by {family.recurrence_by.value}): {again}"
    for criterion in family.criteria:
        words = " and ".join(_bound_words(bound, protocol) for bound in criterion.bounds)
        yield family.id, f"{words}; {follow}", family.source
    if family.terms:
        terms = ", ".join(family.terms)
        yield family.id, f"grade {family.trigger_grade} or worse of {terms}; {follow}", family.source
    if family.reported_terms or family.other_events:
        terms = ", ".join(family.reported_terms) or "any other event"
        worse = f"reported grade {family.trigger_grade} or worse"
        yield family.id, f"{worse} of {terms}; {follow}", family.source
    for exemption in family.exemptions:
        bounds = (f"{b.term} grade {b.at_least} to {b.at_most}" for b in exemption.explained_by)
        yield family.id, f"not {exemption.term} while {' and '.join(bounds)}", family.source
    if family.criteria:
        back = (
            f"back within the reference range or within {plain(family.tolerance_percent)} % of the baseline"
        )
    else:
        back = f"grade {family.resolved_grade} or milder"
    yield f"{family.id} resolves", back, family.resolution_source


def _bound_words(bound: Bound, protocol: Protocol) -> str:
    name = protocol.names[bound.quantity]
    unit = unit_of(bound.quantity, protocol)
    reference = f" {unit}" if bound.reference is None else f" × {_REFERENCES[bound.reference]}"
    return f"{name} {_TESTS[bound.test]} {plain(bound.limit)}{reference}"


def _number(value: Fraction) -> str:
    return plain(Decimal(value.numerator) / Decimal(value.denominator))
