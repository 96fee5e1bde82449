"""Tell what a vial or unit will hold when it is needed, beside what is directed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from courses.rules.activity import Deviation, Measured, both_units, decayed, deviation_percent, judge_assay
from courses.rules.day_rules import Dispensing
from courses.rules.decimals import plain

_SHOWN_GBQ = Decimal("0.001")


class Fit(StrEnum):
    """How what is predicted lies beside what is directed."""

    FITS = "fits"
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    EXPIRED = "expired"
    NOT_DIRECTED = "not_directed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The activity at an instant, exactly, and the sentence that people read."""

    gbq: Decimal
    at: datetime
    fit: Fit
    sentence: str


def predict(
    measured: Measured,
    *,
    at: datetime,
    expires_at: datetime,
    directed_gbq: Decimal | None,
    rules: Dispensing,
) -> Prediction:
    """What is left at an instant, and whether it may serve: expired first, then too little, then too much."""
    gbq = decayed(measured, to=at, half_life=rules.half_life)
    fit = _fit(gbq, at=at, expires_at=expires_at, directed_gbq=directed_gbq, rules=rules)
    return Prediction(gbq=gbq, at=at, fit=fit, sentence=_sentence(gbq, fit=fit, directed_gbq=directed_gbq))


def decay_table(
    measured: Measured, *, until: datetime, half_life: timedelta, every: timedelta
) -> tuple[tuple[datetime, Decimal], ...]:
    """The activity in equal steps from the measurement to an instant, which is the last line."""
    rows = []
    instant = measured.at
    while instant < until:
        rows.append((instant, decayed(measured, to=instant, half_life=half_life)))
        instant += every
    return (*rows, (until, decayed(measured, to=until, half_life=half_life)))


def _fit(
    gbq: Decimal, *, at: datetime, expires_at: datetime, directed_gbq: Decimal | None, rules: Dispensing
) -> Fit:
    if at > expires_at:
        return Fit.EXPIRED
    if directed_gbq is None:
        return Fit.NOT_DIRECTED
    judged = judge_assay(
        gbq,
        directed_gbq,
        warn_percent=rules.assay_warn_percent,
        refuse_percent=rules.assay_refuse_percent,
    )
    if judged is Deviation.WITHIN:
        return Fit.FITS
    return Fit.TOO_MUCH if gbq > directed_gbq else Fit.TOO_LITTLE


def _sentence(gbq: Decimal, *, fit: Fit, directed_gbq: Decimal | None) -> str:
    shown = both_units(gbq.quantize(_SHOWN_GBQ))
    if fit is Fit.EXPIRED:
        return "Expired by the planned start: it must not be given. Book another vial or another day."
    if directed_gbq is None:
        return f"{shown} at the planned start; no directive holds that it could be compared with."
    percent = plain(abs(deviation_percent(gbq, directed_gbq)).quantize(Decimal("0.1")))
    told = f"{shown} at the planned start"
    if fit is Fit.TOO_LITTLE:
        return (
            f"{told}, {percent} % less than the directed {both_units(directed_gbq)}: too little. Ask for an "
            "earlier start or another vial."
        )
    if fit is Fit.TOO_MUCH:
        return (
            f"{told}, {percent} % more than the directed {both_units(directed_gbq)}: too much as a whole. "
            "Draw the part that is directed."
        )
    return f"{told}; it fits the directed {both_units(directed_gbq)}."
