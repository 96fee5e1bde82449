"""The demonstration's patients as data: who, how far their courses are, what the blood said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

# (value, unit, low, high): a healthy blood panel in the units of the demonstration laboratory.
NORMAL: Mapping[str, tuple[str, str, str, str]] = {
    "PLT": ("228", "10*9/L", "150", "400"),
    "ANC": ("4.1", "10*9/L", "1.8", "7.5"),
    "WBC": ("6.3", "10*9/L", "4.0", "10.0"),
    "LYMPH": ("1.6", "10*9/L", "1.0", "4.0"),
    "HGB": ("13.4", "g/dL", "12.0", "16.0"),
    "CREAT": ("78", "umol/L", "50", "104"),
    "BILI": ("11", "umol/L", "3", "21"),
    "ALB": ("41", "g/L", "35", "52"),
    "ALT": ("24", "U/L", "0", "45"),
    "AST": ("27", "U/L", "0", "40"),
    "K": ("4.2", "mmol/L", "3.5", "5.1"),
}

# Trees and birds: nobody is called so.
FAMILIES = (
    *("Ahorn", "Birke", "Buche", "Eiche", "Erle", "Esche", "Fichte", "Hasel", "Holunder", "Kastanie"),
    *("Kiefer", "Lärche", "Linde", "Pappel", "Robinie", "Tanne", "Ulme", "Wacholder", "Weide", "Zeder"),
    *("Amsel", "Drossel", "Elster", "Falke", "Fink", "Habicht", "Kiebitz", "Kranich", "Lerche", "Meise"),
    *("Möwe", "Pirol", "Reiher", "Schwalbe", "Specht", "Sperling", "Star", "Storch", "Zaunkönig", "Zeisig"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One blood panel some days before (negative) or after a cycle's day, with what differs from normal."""

    cycle: int
    days: int
    differs: Mapping[str, str] = field(default_factory=dict)


class Therapy(Enum):
    """How far pharmacy and the day of therapy are with the following cycle."""

    NONE = "none"
    BOOKED = "a vial is confirmed by the supplier"
    RECEIVED = "the vial is in hand, the order accepted"
    UNDER_WAY = "handed out, the day open, the start to be checked"
    CALLED_BACK = "handed out, then called back"
    PARTIAL = "a part was given and waits for a judgement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One kind of patient.

    `given` cycles lie behind them; `next_in` is the planned day of the following cycle, counted from today.
    `last_draw`: bloods for that cycle are in; `sign_last`: its decision is signed.
    """

    name: str
    count: int
    given: int
    next_in: int
    draws: tuple[Draw, ...] = ()
    last_draw: bool = True
    sign_last: bool = False
    peritoneal: bool = False
    therapy: Therapy = Therapy.NONE


def before(cycle: int, *, days: int = 4, **differs: str) -> Draw:
    """The panel drawn some days before a cycle."""
    return Draw(cycle=cycle, days=-days, differs=differs)


LOW_AT_NADIR = Draw(cycle=1, days=35, differs={"PLT": "60"})

# The first five are the ones the README's tour sends a message for.
STORIES = (
    Story(name="cycle 3 next week, signed", count=4, given=2, next_in=6, sign_last=True, peritoneal=True),
    Story(
        name="cycle 3 next week, vial confirmed",
        count=1,
        given=2,
        next_in=6,
        sign_last=True,
        peritoneal=True,
        therapy=Therapy.BOOKED,
    ),
    Story(name="before cycle 1, waiting for blood", count=4, given=0, next_in=20, last_draw=False),
    Story(name="before cycle 1, ready to sign", count=3, given=0, next_in=5),
    Story(name="between cycles", count=5, given=2, next_in=34, last_draw=False),
    Story(
        name="therapy tomorrow, vial in hand",
        count=1,
        given=1,
        next_in=1,
        sign_last=True,
        therapy=Therapy.RECEIVED,
    ),
    Story(
        name="therapy under way",
        count=1,
        given=2,
        next_in=0,
        draws=(before(3, days=3),),
        sign_last=True,
        therapy=Therapy.UNDER_WAY,
    ),
    Story(name="called back today", count=1, given=1, next_in=0, sign_last=True, therapy=Therapy.CALLED_BACK),
    Story(
        name="a part given yesterday",
        count=1,
        given=1,
        next_in=-1,
        draws=(before(2, days=3),),
        sign_last=True,
        therapy=Therapy.PARTIAL,
    ),
    Story(name="between cycles, one to go", count=3, given=3, next_in=27, last_draw=False),
    Story(name="labs missing", count=2, given=1, next_in=3, last_draw=False),
    Story(name="low platelets in recovery", count=3, given=2, next_in=4, draws=(before(3, PLT="61"),)),
    Story(name="recovered, reduced cycle to sign", count=2, given=1, next_in=4, draws=(LOW_AT_NADIR,)),
    Story(
        name="reduced cycle behind them",
        count=3,
        given=2,
        next_in=30,
        draws=(LOW_AT_NADIR,),
        last_draw=False,
    ),
    Story(
        name="stopped after recurrence",
        count=2,
        given=2,
        next_in=3,
        draws=(LOW_AT_NADIR, before(3, PLT="48")),
        sign_last=True,
    ),
    Story(name="completed", count=4, given=4, next_in=-40, last_draw=False),
)
