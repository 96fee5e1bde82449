"""Read the rows of a protocol that speak of analytes and graded terms: labs, toxicities, floors."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from courses.rules.criteria_reader import read_bound
from courses.rules.data_reader import TableReader
from courses.rules.manual_grades import folded
from courses.rules.protocol import (
    DERIVED,
    Criteria,
    EarlierDraw,
    Exemption,
    Floor,
    GradeBound,
    LabRow,
    RecurrenceBy,
    ToxicityCriterion,
    ToxicityFamily,
    When,
)
from courses.rules.values import Action

_WORST = 4
LONGEST_ID = 40  # an order's reason code
SHORTEST_STEM = 5  # letters; a shorter one stands in words that mean something else


class _Needed(StrEnum):
    ALWAYS = "always"
    ASKED = "when_a_rule_asks"


class Acts(StrEnum):
    """What a row does when it acts."""

    NOTE = "note"
    DELAY = "delay"
    STOP = "stop"

    @property
    def action(self) -> Action:
        """The action of the word; a note lets the cycle proceed."""
        return _ACTIONS[self]


class _Combine(StrEnum):
    ANY = "any"
    ALL = "all"


class _Pushed(StrEnum):
    UP = "up"
    DOWN = "down"


_ACTIONS = {Acts.NOTE: Action.PROCEED, Acts.DELAY: Action.DELAY, Acts.STOP: Action.STOP}


class RowReader:
    """Reads the rows that speak of analytes and graded terms."""

    def __init__(self, criteria: Criteria, names: Mapping[str, str], units: Mapping[str, str]) -> None:
        self._criteria, self._names, self._units = criteria, names, units

    def labs(self, table: TableReader) -> tuple[LabRow, ...]:
        """The evidence needed before each administration; each analyte once."""
        found: dict[str, LabRow] = {}
        for item in table.tables("lab"):
            row = LabRow(
                analyte=item.text("analyte"),
                always=item.choice("needed", _Needed) is _Needed.ALWAYS,
                validity_days=item.whole("validity_days", least=1),
                due_days_before=item.whole("due_days_before"),
                source=item.source(),
                earlier=_earlier(item.table("earlier_draw")) if item.has("earlier_draw") else None,
            )
            if row.analyte not in self._names:
                raise item.fault(
                    "analyte", f"{row.analyte!r} is not known", f"known: {', '.join(self._names)}"
                )
            if row.analyte in found:
                raise item.fault("analyte", f"{row.analyte} stands twice", "keep one row")
            if row.due_days_before > row.validity_days:
                raise item.fault("due_days_before", "is longer than the validity", "correct one of the two")
            if row.earlier is not None and row.earlier.to_days_before <= row.validity_days:
                raise item.fault("earlier_draw", "overlap: one draw would serve as both", "keep them apart")
            item.finish()
            found[row.analyte] = row
        return tuple(found.values())

    def families(self, table: TableReader) -> tuple[ToxicityFamily, ...]:
        """The dose-modification table; no id, term, or stem stands in two rows."""
        found: list[ToxicityFamily] = []
        owner: dict[str, str] = {}
        for item in table.tables("toxicity"):
            family = self._family(item)
            if family.id in [other.id for other in found]:
                raise item.fault("id", f"{family.id} stands twice", "keep one row")
            shared = {e.term: e.judged_by for e in family.exemptions if e.judged_by}
            for row in sorted(set(shared.values()) - {other.id for other in found}):
                raise item.fault("exemption", f"no row {row!r} stands before this one", "correct the id")
            for term in (*family.terms, *family.reported_terms):
                name = folded(term)
                if name in owner and shared.get(term) == owner[name]:
                    continue  # people's word stays with the row that had the name first
                if name in owner:
                    raise item.fault(
                        "terms", f"overlap: {term!r} already belongs to {owner[name]}", "keep one"
                    )
                owner[name] = family.id
            _check_stems(family, found, item)
            if family.other_events and any(other.other_events for other in found):
                raise item.fault("other_events", "overlap: two rows take all other events", "keep one")
            found.append(family)
        return tuple(found)

    def _family(self, table: TableReader) -> ToxicityFamily:
        resolution = table.table("resolution")
        criteria = self._criteria_of(table)
        trigger = table.whole("trigger_grade", least=1)
        graded = not criteria
        resolved = resolution.whole("grade") if graded else trigger - 1
        tolerance = resolution.positive("tolerance_percent") if criteria else Decimal(0)
        if resolved != trigger - 1:
            word = "overlap" if resolved >= trigger else "gap"
            raise resolution.fault(
                "grade", f"{word}: must be one below trigger_grade", "correct one of the two"
            )
        found = ToxicityFamily(
            id=rule_id(table),
            name=table.text("name"),
            terms=self._terms(table),
            reported_terms=table.texts("reported_terms") if table.has("reported_terms") else (),
            reported_stems=_stems(table),
            trigger_grade=trigger,
            resolved_grade=resolved,
            criteria=criteria,
            tolerance_percent=tolerance,
            on_first=table.choice("on_first", Acts).action,
            on_recurrence=table.choice("on_recurrence", Acts).action,
            recurrence_by=table.choice("recurrence_by", RecurrenceBy),
            other_events=table.flag("other_events") if table.has("other_events") else False,
            milder_note=table.text("milder_note") if table.has("milder_note") else "",
            spare_baseline_grade=table.flag("spare_baseline_grade")
            if table.has("spare_baseline_grade")
            else False,
            exemptions=self._exemptions(table),
            source=table.source(),
            resolution_source=resolution.source(),
        )
        _check_family(found, table)
        resolution.finish()
        table.finish()
        return found

    def _terms(self, table: TableReader) -> tuple[str, ...]:
        """The terms of a row, as the version in use calls them, with those only this version has."""
        terms = table.texts("terms") if table.has("terms") else ()
        found = [self._known_term(table, "terms", term) for term in terms]
        if table.has("terms_in"):
            versions = table.table("terms_in")
            for version in versions.names():
                more = versions.texts(version)
                if version == self._criteria.version:
                    found += [self._known_term(versions, version, term) for term in more]
        return tuple(found)

    def _known_term(self, table: TableReader, key: str, term: str) -> str:
        """The term as this version of the criteria calls it."""
        criterion = self._criteria.named(term)
        if criterion is None:
            raise table.fault(
                key, f"CTCAE {self._criteria.version} file has no term {term!r}", "correct the term"
            )
        return criterion.term

    def _criteria_of(self, table: TableReader) -> tuple[ToxicityCriterion, ...]:
        if not table.has("criterion"):
            return ()
        found = [self._criterion(item) for item in table.tables("criterion")]
        if table.choice("criteria", _Combine) is _Combine.ANY:
            return tuple(found)
        return (
            ToxicityCriterion(
                name=" and ".join(item.name for item in found),
                bounds=tuple(bound for item in found for bound in item.bounds),
                resolves_by=tuple(dict.fromkeys(pair for item in found for pair in item.resolves_by)),
            ),
        )

    def _criterion(self, table: TableReader) -> ToxicityCriterion:
        bounds = []
        for item in table.tables("bounds"):
            bounds.append(read_bound(item, quantity=item.text("quantity"), units=self._units))
            item.finish()
        back = []
        for item in table.tables("resolves_by"):
            quantity = item.text("quantity")
            if quantity not in self._names and quantity not in DERIVED:
                raise item.fault("quantity", f"{quantity!r} is not known", "use an analyte's short name")
            back.append((quantity, item.choice("pushed", _Pushed) is _Pushed.DOWN))
            item.finish()
        found = ToxicityCriterion(name=table.text("name"), bounds=tuple(bounds), resolves_by=tuple(back))
        table.finish()
        return found

    def _exemptions(self, table: TableReader) -> tuple[Exemption, ...]:
        if not table.has("exemption"):
            return ()
        found = []
        for item in table.tables("exemption"):
            term = self._known_term(item, "term", item.text("term"))
            if item.has("judged_over_normal_baseline_by"):
                row = item.text("judged_over_normal_baseline_by")
                found.append(Exemption(term=term, judged_by=row))
            else:
                bounds = tuple(self._grade_bound(bound) for bound in item.tables("explained_by"))
                found.append(Exemption(term=term, explained_by=bounds))
            item.finish()
        return tuple(found)

    def _grade_bound(self, table: TableReader) -> GradeBound:
        term = self._known_term(table, "term", table.text("term"))
        found = GradeBound(term=term, at_least=table.whole("at_least"), at_most=table.whole("at_most"))
        if not found.at_least <= found.at_most <= _WORST:
            raise table.fault("at_most", "must lie between at_least and 4", "correct the grades")
        table.finish()
        return found

    def floor(self, table: TableReader) -> Floor:
        """One condition that must not hold before the first cycle."""
        bounds = []
        for item in table.tables("bounds"):
            bounds.append(read_bound(item, quantity=item.text("quantity"), units=self._units))
            item.finish()
        excuses = table.tables("explained_by") if table.has("explained_by") else []
        found = Floor(
            id=rule_id(table),
            name=table.text("name"),
            when=table.choice("when", When),
            bounds=tuple(bounds),
            explained_by=tuple(self._grade_bound(item) for item in excuses),
            action=table.choice("action", Acts).action,
            source=table.source(),
        )
        table.finish()
        return found


def _check_family(found: ToxicityFamily, table: TableReader) -> None:
    """Raise where a row could never act, or says of a recurrence what would never be heard."""
    reported = found.reported_terms or found.reported_stems or found.other_events
    if not (found.terms or found.criteria or reported):
        raise table.fault("terms", "nothing can trigger this row", "add terms or criteria")
    if found.trigger_grade > _WORST:
        raise table.fault("trigger_grade", f"{found.trigger_grade} is not a grade", f"use 1 to {_WORST}")
    if found.on_recurrence < found.on_first:
        raise table.fault("on_recurrence", "milder than on_first", "write what on_first says, or worse")
    if found.never_acts and found.on_recurrence is not found.on_first:
        raise table.fault(
            "on_recurrence", "a row whose on_first is a note never acts", "write note, or let on_first act"
        )


def _stems(table: TableReader) -> tuple[str, ...]:
    """The pieces of words by which people's names for an event are known, as such names are compared."""
    if not table.has("reported_stems"):
        return ()
    found = tuple(folded(stem) for stem in table.texts("reported_stems"))
    for place, stem in enumerate(found):
        if sum(letter.isalpha() for letter in stem) < SHORTEST_STEM:
            raise table.fault(
                "reported_stems", f"{stem!r} is too short", f"use at least {SHORTEST_STEM} letters"
            )
        if stem in found[:place]:
            raise table.fault("reported_stems", f"{stem!r} stands twice", "keep one")
    return found


def _check_stems(family: ToxicityFamily, before: list[ToxicityFamily], table: TableReader) -> None:
    """Raise where a stem is, holds, or is held by a stem of an earlier row: both would take a name."""
    for stem in family.reported_stems:
        for other in before:
            if any(stem in known or known in stem for known in other.reported_stems):
                raise table.fault(
                    "reported_stems", f"overlap: {stem!r} already belongs to {other.id}", "keep one"
                )


def _earlier(table: TableReader) -> EarlierDraw:
    """The draw that is wanted before the last one."""
    found = EarlierDraw(
        from_days_before=table.whole("from_days_before", least=1),
        to_days_before=table.whole("to_days_before", least=1),
        source=table.source(),
    )
    if found.from_days_before < found.to_days_before:
        raise table.fault("from_days_before", "lies after to_days_before", "exchange the two")
    table.finish()
    return found


def rule_id(table: TableReader) -> str:
    """A rule's id, short enough for an order's reason code."""
    found = table.text("id")
    if len(found) > LONGEST_ID:
        raise table.fault("id", f"has {len(found)} letters", f"use {LONGEST_ID} at the most")
    return found
