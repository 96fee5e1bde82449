"""What each step of a day of therapy asks for: one table that services, pages and the API read alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from courses.json_table import Fault, JsonTable
from courses.rules.activity import BadActivity, read_activity
from courses.rules.day_values import Happened
from courses.rules.decimals import plain

RUN, MEASURE, START, DIRECT = (
    "courses.run_therapy_day",
    "courses.measure_activity",
    "courses.authorise_start",
    "courses.sign_decision",
)


class Shape(Enum):
    """How one answer is written."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    ACTIVITY = "activity"
    INSTANT = "instant"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One answer of a step: its key, the words before it, and how it is written.

    `scanned`: a bar-code reader may write it, which ends with Enter.
    """

    key: str
    label: str
    shape: Shape = Shape.TEXT
    choices: Mapping[str, str] = field(default_factory=dict)
    needed: bool = True
    scanned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One kind of step: what it asks, who may record it, and whether it takes two people or a password.

    `rights`: any of them suffices. `signed_if`: the answers that are a signature, and so take a password too.
    `after_end`: may still be recorded when the day has ended.
    """

    asked: tuple[Asked, ...] = ()
    rights: tuple[str, ...] = (RUN,)
    two_people: bool = False
    password: bool = False
    signed_if: Callable[[Mapping[str, object]], bool] | None = None
    after_end: bool = False
    check: Callable[[Mapping[str, str]], str] | None = None


def _choice(key: str, label: str, **choices: str) -> Asked:
    return Asked(key=key, label=label, shape=Shape.CHOICE, choices=choices)


def _maybe(key: str, label: str, shape: Shape = Shape.TEXT) -> Asked:
    return Asked(key=key, label=label, shape=shape, needed=False)


_MEDICINE = (
    Asked(key="medicine", label="Medicine, by its full name"),
    Asked(key="amount", label="Amount with its unit, for example 1 mg"),
)
_WHY = (_maybe("why", "Why"),)
_ACTIVITY = Asked(key="activity", label="Activity with its unit, for example 0.12 GBq", shape=Shape.ACTIVITY)


def leaves_cover_out(data: Mapping[str, object]) -> bool:
    """Whether a steroid's entry says that the cover is left out, which a physician signs."""
    return data.get("why") == "left_out"


def _steroid(data: Mapping[str, str]) -> str:
    """What a steroid's entry lacks; empty where it is whole."""
    if leaves_cover_out(data):
        return "" if data.get("reason") else "reason: say in a few words why the cover is left out"
    lacking = [key for key in ("medicine", "amount") if not data.get(key)]
    return f"{lacking[0]}: is missing" if lacking else ""


STEPS: Mapping[Happened, Recorded] = {
    Happened.IDENTITY: Recorded(
        asked=(
            Asked(key="number", label="Patient number, scanned or as the wristband says", scanned=True),
            Asked(key="birth_date", label="Birth date, as the patient says it", shape=Shape.DAY),
        ),
        two_people=True,
    ),
    Happened.PREGNANCY: Recorded(
        asked=(
            _choice(
                "finding",
                "Pregnancy",
                negative="Test of today is negative",
                not_possible="Pregnancy is not possible",
                positive="Test is positive",
            ),
        )
    ),
    Happened.POTASSIUM: Recorded(asked=(_maybe("note", "Note"),)),
    Happened.ANALOGUE: Recorded(
        asked=(
            _choice(
                "short_acting",
                "Short-acting analogue",
                none="None is used",
                last="Used; the last one is named below",
            ),
            _maybe("short_acting_at", "When the last short-acting one was given", Shape.INSTANT),
            _choice(
                "long_acting", "Long-acting analogue", none="Receives none", yes="Receives one between cycles"
            ),
        )
    ),
    Happened.ALLERGY: Recorded(
        asked=(
            _choice(
                "finding",
                "Allergies and earlier reactions",
                none="None known",
                premedicate="Mild reaction before: premedication given, named below",
                contraindicated="Severe reaction before: must not be given",
            ),
            _maybe("premedication", "Premedication given, with its amount"),
        )
    ),
    Happened.ANTIEMETIC: Recorded(asked=_MEDICINE),
    Happened.STEROID: Recorded(
        asked=(
            _choice(
                "why",
                "Why",
                cover="Cover for peritoneal or mesenteric disease",
                rescue="Rescue",
                other="Another reason",
                left_out="Cover left out: a physician, with a reason and the password",
            ),
            _maybe("medicine", "Medicine, by its full name"),
            _maybe("amount", "Amount with its unit, for example 4 mg"),
            _maybe("reason", "Reason, where the cover is left out"),
        ),
        signed_if=leaves_cover_out,
        check=_steroid,
    ),
    Happened.AMINO_START: Recorded(asked=(Asked(key="bag", label="Label of the bag", scanned=True),)),
    Happened.AMINO_PAUSED: Recorded(asked=_WHY),
    Happened.AMINO_RESUMED: Recorded(),
    Happened.AMINO_END: Recorded(asked=_WHY, after_end=True),
    Happened.UNIT_SCANNED: Recorded(
        asked=(
            Asked(key="label", label="Label of the unit", scanned=True),
            Asked(key="product_code", label="Product code on the unit", scanned=True),
        )
    ),
    Happened.ASSAY: Recorded(asked=(_ACTIVITY,), rights=(MEASURE,)),
    Happened.START_CHECK: Recorded(
        asked=(
            _choice("line", "Line", patent="Patent, blood returns", not_patent="Not patent"),
            _choice("rescue_ready", "Rescue medicine at the bedside", yes="Ready", no="Not ready"),
            _choice(
                "crisis_risk",
                "Risk of a hormonal crisis",
                usual="Assessed: usual",
                raised="Assessed: raised, what is done is agreed",
                not_assessed="Not assessed",
            ),
        ),
        rights=(START,),
        password=True,
    ),
    Happened.INFUSION_START: Recorded(),
    Happened.LINE_CHECK: Recorded(
        asked=(
            _choice("finding", "Line and arm", good="Good", swelling="Swelling", pain="Pain", leak="Leak"),
        )
    ),
    Happened.INFUSION_PAUSED: Recorded(asked=_WHY),
    Happened.INFUSION_RESUMED: Recorded(),
    Happened.INFUSION_END: Recorded(
        asked=(
            _choice(
                "how",
                "How it ended",
                complete="Complete",
                leak="Line leaked",
                extravasation="Extravasation",
                unwell="Patient unwell",
                equipment="Equipment failed",
                other="Ended early for another reason",
            ),
        )
    ),
    Happened.RESIDUAL: Recorded(
        asked=(
            _ACTIVITY,
            _choice("what", "Of what", vial="Vial", syringe="Syringe", line="Line", other="Something else"),
        ),
        rights=(MEASURE,),
        after_end=True,
    ),
    Happened.RESCUE: Recorded(asked=(*_MEDICINE, Asked(key="why", label="Why")), after_end=True),
    Happened.OBSERVATION: Recorded(
        asked=(_choice("finding", "The patient is", well="Well", unwell="Unwell"), _maybe("note", "Note"))
    ),
    Happened.ANALOGUE_RESTART: Recorded(asked=_MEDICINE, after_end=True),
    Happened.RELEASE_SURVEY: Recorded(
        asked=(
            Asked(key="microsievert_per_hour", label="Dose rate in microsievert/h", shape=Shape.NUMBER),
            Asked(key="metres", label="At how many metres", shape=Shape.NUMBER),
        ),
        rights=(RUN, MEASURE),
    ),
    Happened.NOTE: Recorded(asked=(Asked(key="text", label="Note"),), rights=(RUN, MEASURE), after_end=True),
}  # `released` and `not_given` end the day and have services of their own


def takes_password(kind: Happened, data: object) -> bool:
    """Whether recording this takes the password: any entry of its kind does, or what this one says."""
    row = STEPS[kind]
    return row.password or (row.signed_if is not None and isinstance(data, Mapping) and row.signed_if(data))


def read_step(kind: Happened, data: object) -> dict[str, str]:
    """The data of a step as it is stored: texts, each checked. Raises Fault with a line for each key."""
    row = STEPS[kind]
    table = JsonTable(
        data,
        path="",
        required={each.key for each in row.asked if each.needed},
        optional={each.key for each in row.asked if not each.needed},
    )
    found: dict[str, str] = {}
    faults: list[str] = []
    for each in row.asked:
        try:
            found |= _answer(each, table)
        except Fault as fault:
            faults += str(fault).splitlines()
    if not faults and row.check is not None and (lack := row.check(found)):
        faults.append(lack)
    if faults:
        raise Fault("\n".join(faults))
    return found


def _answer(asked: Asked, table: JsonTable) -> dict[str, str]:
    """One answer by its key; none where it may be left out and was."""
    if not asked.needed and table.get(asked.key) in (None, ""):
        return {}
    if asked.shape is Shape.DAY:
        return {asked.key: table.needed_day(asked.key).isoformat()}
    if asked.shape is Shape.INSTANT:
        return {asked.key: table.instant(asked.key).isoformat()}
    if asked.shape is Shape.NUMBER:
        number = table.number(asked.key)
        if number is None or number <= 0:
            raise table.fault(asked.key, "must be a number above zero")
        return {asked.key: plain(number)}
    text = table.text(asked.key).strip()
    if asked.shape is Shape.CHOICE and text not in asked.choices:
        raise table.fault(asked.key, f"{text!r} is not one of: {', '.join(asked.choices)}")
    if asked.shape is Shape.ACTIVITY:
        try:
            return {asked.key: text, "gbq": plain(read_activity(text))}
        except BadActivity as bad:
            raise table.fault(asked.key, str(bad)) from bad
    return {asked.key: text}
