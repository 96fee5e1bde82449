"""The steps about what is given: amino acids, the unit and its label, its assay, expiry, the last check."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from courses.rules.activity import Deviation, Measured, both_units, decayed, deviation_percent, judge_assay
from courses.rules.day_times import Running, amino_acids
from courses.rules.day_values import (
    DayFacts,
    DayLine,
    Directed,
    Happened,
    Step,
    StepState,
    Unit,
    after,
    clock,
    minutes,
    since,
)
from courses.rules.decimals import plain

_SHOWN = Decimal("0.001")  # of a computed activity; what is compared is never rounded


def unit_lines(facts: DayFacts) -> Iterator[DayLine]:
    """Everything about the amino acids and the unit that must hold as the infusion starts."""
    yield _amino_acids(facts)
    yield _scanned(facts)
    yield _assay(facts)
    yield _expiry(facts)
    yield _start_check(facts)


def _line(id_: str, name: str, state: StepState, sentence: str, **more: Any) -> DayLine:
    return DayLine(id=id_, name=name, state=state, sentence=sentence, for_start=True, **more)


def _amino_acids(facts: DayFacts) -> DayLine:
    """They run as the infusion starts, and have run for the lead without their interruptions."""
    rule, name = facts.rules.amino_acids, "Amino acids running before the start"
    run = amino_acids(facts)
    lead = minutes(rule.lead)
    if run.started is None:
        return _line(
            "T-07",
            name,
            StepState.DUE,
            "Not started yet.",
            source=rule.source,
            remedy=f"Start them and record it; the infusion may start {lead} later.",
        )
    if wrong := _bag_fault(facts):
        return _line(
            "T-07",
            name,
            StepState.BLOCKED,
            wrong,
            source=rule.source,
            remedy="Take the bag that pharmacy handed out, and record its label.",
        )
    ran = run.ran(end=facts.moment)
    since_when = f"since {clock(run.started, facts)}, {minutes(ran)}"
    ended = run.ended is not None and since(run.ended, facts.moment) >= timedelta(0)
    if ended or (run.paused is not None and since(run.paused, facts.moment) >= timedelta(0)):
        return _line(
            "T-07",
            name,
            StepState.BLOCKED,
            f"The amino acids are {'ended' if ended else 'interrupted'}; they ran {minutes(ran)}.",
            remedy="Let them run again and record it; they must run as the infusion starts.",
            source=rule.source,
        )
    if ran < rule.lead:
        allowed = after(facts.moment, rule.lead - ran)
        return _line(
            "T-07",
            name,
            StepState.WAITING,
            f"Amino acids running {since_when}; start allowed from {clock(allowed, facts)}.",
            remedy=f"Wait: they run at least {lead} before the infusion, without their interruptions.",
            until=allowed,
            source=rule.source,
        )
    if doubt := _amino_doubt(run, ran, facts):
        return _line("T-07", name, StepState.WARNING, doubt[0], remedy=doubt[1], source=rule.source)
    return _line("T-07", name, StepState.DONE, f"Amino acids running {since_when}.", source=rule.source)


def _amino_doubt(run: Running, ran: timedelta, facts: DayFacts) -> tuple[str, str] | None:
    """What is odd about amino acids that ran long enough, and what to do about it."""
    rule = facts.rules.amino_acids
    if ran > rule.in_all + rule.in_all_tolerance:
        return (
            f"Amino acids running for {minutes(ran)}, longer than a bag lasts.",
            "Check the time of their start, and that a bag is still running.",
        )
    if run.longest_pause > rule.longest_pause:
        return (
            f"Amino acids ran {minutes(ran)}, with an interruption of {minutes(run.longest_pause)}.",
            "Tell the physicist and note what was decided.",
        )
    return None


def _bag_fault(facts: DayFacts) -> str:
    """Why the bag that was started is not one that pharmacy handed out; empty where it is."""
    step = facts.of(Happened.AMINO_START)[-1]
    label = step.data.get("bag")
    bag = next((each for each in facts.bags if each.label == label), None)
    if bag is None:
        return f"The bag {label or '(no label)'} is none that pharmacy handed out for this cycle and day."
    if since(bag.expires_at, step.at) > timedelta(0):
        return f"The bag {label} had expired at {clock(bag.expires_at, facts)}."
    return ""


def _scanned(facts: DayFacts) -> DayLine:
    """The unit in hand is the unit dispensed, of the product directed, under the revision that holds."""
    name = "Unit matched with the directive"
    unit, directed = facts.unit, facts.directed
    if directed is None or not directed.holds:
        return _line(
            "UNIT",
            name,
            StepState.BLOCKED,
            "No written directive holds for this cycle.",
            remedy="A physician marked as authorised user signs the decision first.",
        )
    if directed.administer_on != facts.moment.astimezone(facts.zone).date():
        return _line(
            "UNIT",
            name,
            StepState.BLOCKED,
            f"The directive is for {directed.administer_on.isoformat()}, not for today.",
            remedy="Plan the cycle for today and have it signed again, or give it on its day.",
        )
    if unit is None:
        return _line(
            "UNIT",
            name,
            StepState.BLOCKED,
            "Pharmacy has handed out no unit for this cycle.",
            remedy="Ask pharmacy to dispense it.",
        )
    step = facts.newest(Happened.UNIT_SCANNED)
    if step is None:
        return _line(
            "UNIT",
            name,
            StepState.DUE,
            "The label has not been scanned yet.",
            remedy=f"Scan label and product code of the {directed.product}.",
        )
    if wrong := _unit_fault(
        step.data.get("label", ""), step.data.get("product_code", ""), unit, directed, facts
    ):
        return _line(
            "UNIT",
            name,
            StepState.BLOCKED,
            wrong,
            remedy="Do not give it. Send it back to pharmacy; scan the right unit.",
        )
    said = f"Unit {unit.label}, {unit.product}, matches directive revision {directed.revision}"
    return _line("UNIT", name, StepState.DONE, f"{said}, scanned at {clock(step.at, facts)} by {step.by}.")


def _unit_fault(label: str, code: str, unit: Unit, directed: Directed, facts: DayFacts) -> str:
    """Why what was scanned is not what is to be given; empty where it is."""
    if label != unit.label:
        return f"The label {label} is not that of the unit dispensed for this cycle, {unit.label}."
    if unit.revision != directed.revision:
        return (
            f"The unit {unit.label} was made for directive revision {unit.revision}; "
            f"revision {directed.revision} holds now."
        )
    if code not in facts.rules.dispensing.product_codes or code != unit.product_code:
        known = ", ".join(facts.rules.dispensing.product_codes)
        return f"The product code {code} is not that of the directed product ({known})."
    if unit.product != directed.product:
        return f"The unit holds {unit.product}; the directive says {directed.product}."
    return ""


def _assay(facts: DayFacts) -> DayLine:
    """How far the activity lies from the directive, as measured and as it will be at the start.

    The worse of the two counts: decay on the way must not make of a good assay a wrong administration.
    """
    rule, name = facts.rules.dispensing, "Measured activity against the directive"
    if facts.unit is None or facts.directed is None:
        return _line(
            "T-09",
            name,
            StepState.BLOCKED,
            "Nothing has been measured for this cycle.",
            remedy="Pharmacy measures and dispenses the unit.",
            source=rule.source,
        )
    measured = _measured(facts, facts.unit)
    at_start = decayed(measured, to=facts.moment, half_life=rule.half_life)
    directed = facts.directed.activity_gbq
    found = [
        judge_assay(
            gbq, directed, warn_percent=rule.assay_warn_percent, refuse_percent=rule.assay_refuse_percent
        )
        for gbq in (measured.gbq, at_start)
    ]
    percent = deviation_percent(at_start, directed).quantize(Decimal("0.1"))
    side = "below" if percent < 0 else "above"
    said = (
        f"{both_units(measured.gbq)} measured at {clock(measured.at, facts)}, "
        f"{both_units(at_start.quantize(_SHOWN))} at the start: {plain(abs(percent))} % {side} the "
        f"{both_units(directed)} directed"
    )
    if Deviation.REFUSE in found:
        if facts.unit.directed_in_writing and measured == facts.unit.measured:
            return _line(
                "T-09",
                name,
                StepState.WARNING,
                source=rule.source,
                sentence=f"{said}; the authorised user directed this in writing.",
            )
        return _line(
            "T-09",
            name,
            StepState.BLOCKED,
            f"{said}; more than {plain(rule.assay_refuse_percent)} % is not given.",
            remedy="Another unit, or the authorised user directs this measurement in writing.",
            source=rule.source,
        )
    if Deviation.WARN in found:
        return _line(
            "T-09",
            name,
            StepState.WARNING,
            source=rule.source,
            sentence=f"{said}; more than {plain(rule.assay_warn_percent)} %.",
            remedy="Tell the physician before the start.",
        )
    return _line("T-09", name, StepState.DONE, f"{said}.", source=rule.source)


def _measured(facts: DayFacts, unit: Unit) -> Measured:
    """The newest measurement: one at the bedside since it was handed out, else pharmacy's own.

    What was measured before was another unit, one that was called back.
    """
    step = facts.newest(Happened.ASSAY)
    if step is None or since(step.at, unit.handed_out_at) > timedelta(0):
        return unit.measured
    return Measured(gbq=Decimal(step.data["gbq"]), at=step.at)


def _expiry(facts: DayFacts) -> DayLine:
    """The unit is still good as the longest infusion ends."""
    rule, name = facts.rules.dispensing, "Unit good until the infusion ends"
    if facts.unit is None:
        return _line(
            "T-10",
            name,
            StepState.BLOCKED,
            "No unit, so no expiry is known.",
            remedy="Pharmacy dispenses the unit.",
            source=rule.source,
        )
    ends, expires = after(facts.moment, facts.rules.infusion.most), facts.unit.expires_at
    if since(expires, ends) > timedelta(0):
        return _line(
            "T-10",
            name,
            StepState.BLOCKED,
            f"The unit expires at {clock(expires, facts)}; an infusion begun now may last until "
            f"{clock(ends, facts)}.",
            remedy="Do not give it. Tell pharmacy.",
            source=rule.source,
        )
    return _line("T-10", name, StepState.DONE, f"Expires at {clock(expires, facts)}.", source=rule.source)


def _found_wrong(check: Step, facts: DayFacts) -> str | None:
    """What keeps a start back that was checked (HZ-57); an answer that is missing keeps it back too.

    A start of the past is not condemned for an answer that nobody was asked for then.
    """
    if check.data.get("line") != "patent":
        return "the line was not patent"
    if check.data.get("rescue_ready") != "yes":
        return "no rescue medicine was ready"
    risk = check.data.get("crisis_risk")
    if risk not in ("usual", "raised") and not (risk is None and facts.is_looking_back):
        return "nobody had assessed the risk of a hormonal crisis"
    return None


def _start_check(facts: DayFacts) -> DayLine:
    """A second person's last look, not older than an authorised start may wait, and after the scan."""
    rule, name = facts.rules.infusion, "Start checked by a second person"
    step = facts.newest(Happened.START_CHECK)
    ask = (
        "A second person looks at patient, unit, line, rescue medicine and the risk of a hormonal crisis, "
        "and records it with the password."
    )
    if step is None:
        return _line("START", name, StepState.DUE, "Not checked yet.", remedy=ask, source=rule.source)
    if since(step.at, facts.moment) > rule.start_within:
        return _line(
            "START",
            name,
            StepState.DUE,
            source=rule.source,
            remedy=ask,
            sentence=f"The check of {clock(step.at, facts)} is older than {minutes(rule.start_within)}.",
        )
    if (wrong := _found_wrong(step, facts)) is not None:
        return _line(
            "START",
            name,
            StepState.BLOCKED,
            source=rule.source,
            sentence=f"At {clock(step.at, facts)} {wrong}.",
            remedy="Put it right, then check again.",
        )
    newer = facts.newest(Happened.IDENTITY, Happened.UNIT_SCANNED)
    if newer is not None and since(step.at, newer.at) > timedelta(0):
        return _line(
            "START",
            name,
            StepState.DUE,
            source=rule.source,
            remedy=ask,
            sentence="Patient or unit were looked at again since the check.",
        )
    return _line(
        "START", name, StepState.DONE, f"Checked at {clock(step.at, facts)} by {step.by}.", source=rule.source
    )
