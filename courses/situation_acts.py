"""What people decide of a course as JSON: holds, overrides, waivers, and what was given before."""

import re
from typing import Any

from courses.json_table import JsonTable
from courses.rules.facts import (
    SHORTEST_OVERRIDE,
    Override,
    OverrideCode,
    PrecautionaryHold,
    PriorAnswer,
    PriorTreatment,
    UsedValue,
    WaivedThing,
    Waiver,
)
from courses.rules.values import UncountedPart

_LONGEST_WORDS = 1000
_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")
_ACTIONS = ("reduce", "delay", "stop")
_GIVEN = ("product", "administered_gbq", "day", "month", "hospital", "provenance")


def read_hold(data: object, path: str) -> PrecautionaryHold:
    """A precautionary hold. Raises Fault."""
    table = JsonTable(data, path=path, required={"on", "by", "reason"}, optional={"ref"})
    return PrecautionaryHold(
        on=table.needed_day("on"), by=table.text("by"), reason=_words(table, "reason"), ref=_ref(table)
    )


def write_hold(hold: PrecautionaryHold) -> dict[str, Any]:
    """The JSON that reads back as this hold."""
    return {"on": hold.on.isoformat(), "by": hold.by, "reason": hold.reason, "ref": hold.ref}


def read_override(data: object, path: str) -> Override:
    """An override of one rule for one cycle, with the values the rule rested on. Raises Fault."""
    table = JsonTable(
        data,
        path=path,
        required={"rule", "cycle", "action", "code", "on", "by", "reason", "values"},
        optional={"second", "ref"},
    )
    if table.text("action") not in _ACTIONS:
        raise table.fault("action", f"{table.text('action')!r} is not one of: {', '.join(_ACTIONS)}")
    reason = _words(table, "reason")
    if len("".join(reason.split())) < SHORTEST_OVERRIDE:
        raise table.fault("reason", f"say why in at least {SHORTEST_OVERRIDE} letters")
    values = tuple(_used(item, at) for at, item in table.items("values"))
    if not values:
        raise table.fault("values", "must name what the rule rested on")
    return Override(
        rule=table.text("rule"),
        cycle=table.whole("cycle", least=1, most=99),
        action=table.text("action"),
        code=table.choice("code", OverrideCode),
        on=table.needed_day("on"),
        by=table.text("by"),
        reason=reason,
        values=values,
        second=table.text("second", default=""),
        ref=_ref(table),
    )


def write_override(override: Override) -> dict[str, Any]:
    """The JSON that reads back as this override."""
    return {
        "rule": override.rule,
        "cycle": override.cycle,
        "action": override.action,
        "code": override.code.value,
        "on": override.on.isoformat(),
        "by": override.by,
        "reason": override.reason,
        "values": [write_used(used) for used in override.values],
        "second": override.second,
        "ref": override.ref,
    }


def _used(data: object, path: str) -> UsedValue:
    table = JsonTable(
        data, path=path, required={"kind", "name", "value"}, optional={"code", "unit", "at", "on", "ref"}
    )
    return UsedValue(
        kind=table.text("kind"),
        name=table.text("name"),
        value=table.text("value"),
        code=table.text("code", default=""),
        unit=table.text("unit", default=""),
        at=None if table.get("at") is None else table.instant("at"),
        on=table.day("on"),
        ref=_ref(table),
    )


def write_used(used: UsedValue) -> dict[str, Any]:
    """The JSON that reads back as this value; what it does not have is left out."""
    found: dict[str, Any] = {"kind": used.kind, "name": used.name, "value": used.value}
    found |= {key: text for key, text in (("code", used.code), ("unit", used.unit)) if text}
    if used.at is not None:
        found["at"] = used.at.isoformat()
    if used.on is not None:
        found["on"] = used.on.isoformat()
    return found | ({"ref": used.ref} if used.ref else {})


def read_waiver(data: object, path: str) -> Waiver:
    """A waiver of an earlier draw, or of the last days of a window. Raises Fault."""
    table = JsonTable(
        data,
        path=path,
        required={"analyte", "what", "cycle", "on", "by", "reason"},
        optional={"days", "ref"},
    )
    what = table.choice("what", WaivedThing)
    extends = what is WaivedThing.WINDOW
    if not extends and table.get("days") not in (None, 0):
        raise table.fault("days", "only a window is extended by days; leave it out")
    return Waiver(
        analyte=table.text("analyte"),
        what=what,
        cycle=table.whole("cycle", least=1, most=99),
        on=table.needed_day("on"),
        by=table.text("by"),
        reason=_words(table, "reason"),
        days=table.whole("days", least=1, most=99) if extends else 0,
        ref=_ref(table),
    )


def write_waiver(waiver: Waiver) -> dict[str, Any]:
    """The JSON that reads back as this waiver."""
    return {
        "analyte": waiver.analyte,
        "what": waiver.what.value,
        "cycle": waiver.cycle,
        "on": waiver.on.isoformat(),
        "by": waiver.by,
        "reason": waiver.reason,
        "ref": waiver.ref,
    } | ({"days": waiver.days} if waiver.days else {})


def read_part(data: object, path: str) -> UncountedPart:
    """A part of a cycle that a physician does not count for it. Raises Fault."""
    table = JsonTable(data, path=path, required={"cycle", "on", "activity_gbq"}, optional={"ref"})
    activity = table.number("activity_gbq")
    if activity is None or activity <= 0:
        raise table.fault("activity_gbq", "must be above zero")
    cycle = table.whole("cycle", least=1, most=99)
    return UncountedPart(cycle=cycle, on=table.needed_day("on"), activity_gbq=activity, ref=_ref(table))


def write_part(part: UncountedPart) -> dict[str, Any]:
    """The JSON that reads back as this part."""
    return {
        "cycle": part.cycle,
        "on": part.on.isoformat(),
        "activity_gbq": str(part.activity_gbq),
        "ref": part.ref,
    }


def read_prior(data: object, path: str) -> PriorTreatment:
    """An answer to whether the patient was treated so before, with the treatment. Raises Fault."""
    table = JsonTable(data, path=path, required={"on", "answer"}, optional={*_GIVEN, "ref"})
    answer = table.choice("answer", PriorAnswer)
    if answer is not PriorAnswer.GIVEN:
        for key in _GIVEN:
            if table.get(key) is not None:
                raise table.fault(key, "belongs to a treatment that was given; leave it out")
        return PriorTreatment(on=table.needed_day("on"), answer=answer, ref=_ref(table))
    amount, day, month = table.number("administered_gbq"), table.day("day"), table.text("month", default="")
    if amount is None or amount <= 0:
        raise table.fault("administered_gbq", "must be an administered activity above zero, in GBq")
    if (day is None) == (month == ""):
        raise table.fault("day", "name the day of the treatment, or its month where the day is not known")
    if month and not _MONTH.fullmatch(month):
        raise table.fault("month", "must be a month written YYYY-MM")
    return PriorTreatment(
        on=table.needed_day("on"),
        answer=answer,
        product=_words(table, "product"),
        administered_gbq=amount,
        day=day,
        month=month,
        hospital=_words(table, "hospital"),
        provenance=_words(table, "provenance"),
        ref=_ref(table),
    )


def write_prior(prior: PriorTreatment) -> dict[str, Any]:
    """The JSON that reads back as this answer."""
    found: dict[str, Any] = {"on": prior.on.isoformat(), "answer": prior.answer.value, "ref": prior.ref}
    if prior.answer is not PriorAnswer.GIVEN:
        return found
    when = {"month": prior.month} if prior.day is None else {"day": prior.day.isoformat()}
    return found | {
        "product": prior.product,
        "administered_gbq": str(prior.administered_gbq),
        **when,
        "hospital": prior.hospital,
        "provenance": prior.provenance,
    }


def _ref(table: JsonTable) -> str:
    return table.text("ref", default="")


def _words(table: JsonTable, key: str) -> str:
    found = table.text(key)
    if len(found) > _LONGEST_WORDS:
        raise table.fault(key, f"is longer than {_LONGEST_WORDS} letters")
    return found
