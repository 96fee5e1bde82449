"""Check what pharmacy made against vial, directive and the rules of the day, and append it with its label."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from courses.day_library import NoDayRules, day_rules
from courses.models import AminoAcidBag, AssayDirection, Directive, DispensedUnit, UnitForm, Vial
from courses.rules.activity import (
    BadActivity,
    Deviation,
    both_units,
    deviation_percent,
    judge_assay,
    read_activity,
)
from courses.rules.day_rules import DayRules, Dispensing
from courses.rules.decimals import plain
from courses.services.authority import stated
from courses.services.handling import Fault, Handled, OrderRefused, fault
from courses.services.planned_start import planned_start
from courses.services.vial_state import OUT, is_usable, versions_of

GBQ_PLACES = 6
# Letters and digits that nobody takes for one another, neither read nor heard.
_LETTERS = "346789ACDEFHJKMNPQRTUWXY"
_LETTERS_OF_A_LABEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitMade:
    """A unit as pharmacy measured it; the activity as written, with its unit."""

    vial: UUID
    form: str
    product_code: str
    lot: str
    activity: str
    measured_at: datetime
    volume_ml: Decimal
    prepared_name: str
    verified_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BagMade:
    """A bag of amino acids as pharmacy made or received it."""

    lot: str
    lysine_g: Decimal
    arginine_g: Decimal
    volume_ml: Decimal
    expires_at: datetime
    prepared_name: str
    verified_name: str


def rules_of(handled: Handled) -> DayRules:
    """The rules of the day under the course's protocol. Raises OrderRefused."""
    try:
        return day_rules(handled.course.protocol_id).rules
    except NoDayRules as missing:
        raise OrderRefused(fault("no-day-rules", f"Nothing can be dispensed: {missing}.")) from missing


def hand_out_unit(handled: Handled, made: UnitMade) -> DispensedUnit:
    """Append the unit of a radioactive order. Raises OrderRefused with every fault found."""
    rules, directive = rules_of(handled).dispensing, handled.order.directive
    assert directive is not None
    measured_gbq = read_measured(made.activity)
    _refuse(_unreadable(made, now=handled.now), is_unreadable=True)
    vial = (
        Vial.objects.effective()
        .select_for_update(of=("self",))
        .filter(public_id=made.vial, cycle_id=handled.order.cycle_id)
        .first()
    )
    if vial is None:
        raise OrderRefused(
            fault(
                "vial-unknown", "No such vial was received for this cycle: receive it by its label.", "vial"
            )
        )
    direction = _direction(handled, measured_gbq=measured_gbq, at=made.measured_at)
    faults = [*_against_vial(made, vial=vial, rules=rules, now=handled.now), *_left_in(vial, made)]
    warnings, assay_fault = _assay(measured_gbq, directive=directive, rules=rules, direction=direction)
    _refuse([*faults, *assay_fault])
    if vial.expires_at < planned_start(handled.order.cycle.planned_on):
        warnings.append("It expires before the planned start of the infusion.")
    return DispensedUnit.objects.create(
        order=handled.order,
        vial=vial,
        directive=directive,
        direction=direction,
        form=made.form,
        label=_new_label(f"R{directive.revision}"),
        product=vial.product,
        product_code=made.product_code,
        lot=made.lot,
        measured_gbq=measured_gbq,
        measured_at=made.measured_at,
        volume_ml=made.volume_ml,
        expires_at=vial.expires_at,
        prepared_name=stated(made.prepared_name),
        verified_name=stated(made.verified_name),
        warning=" ".join(warnings),
        dispensed_by=handled.by,
        dispensed_at=handled.now,
    )


def read_measured(text: str) -> Decimal:
    """A measured activity in GBq, as exactly as it is kept. Raises OrderRefused."""
    try:
        gbq = read_activity(text)
    except BadActivity as bad:
        raise OrderRefused(fault("activity-unreadable", str(bad), "activity"), is_unreadable=True) from bad
    if gbq != round(gbq, GBQ_PLACES) or gbq >= 1000:
        raise OrderRefused(
            fault(
                "activity-unreadable",
                f"{text!r} cannot be a measured activity: write it below 1000 GBq and to 0.001 MBq.",
                "activity",
            ),
            is_unreadable=True,
        )
    return gbq


def _unreadable(made: UnitMade, *, now: datetime) -> Iterator[Fault]:
    """What cannot be, whatever vial and directive say."""
    if made.form not in UnitForm.values:
        yield fault("form-unknown", f"Say what is handed out: {', '.join(UnitForm.values)}.", "form")
    if made.measured_at.tzinfo is None:
        yield fault("instant-unreadable", "Write the instant with its offset from UTC.", "measured_at")
    elif made.measured_at > now:
        yield fault(
            "measured-in-future", "The measurement lies in the future: check its time.", "measured_at"
        )
    yield from size_faults("volume_ml", made.volume_ml, digits=6, places=2)
    yield from name_faults(made.prepared_name, made.verified_name)


def size_faults(field: str, size: Decimal, *, digits: int, places: int) -> Iterator[Fault]:
    """Whether a size is above zero and as fine as it is kept."""
    most = Decimal(10) ** (digits - places)
    if not size.is_finite() or not 0 < size < most or size != round(size, places):
        yield fault(
            "size-unreadable", f"Write a number above 0, below {most}, with at most {places} decimals.", field
        )


def name_faults(prepared: str, verified: str) -> Iterator[Fault]:
    """Two people, named, and not the same one twice."""
    for field, name in (("prepared_by", prepared), ("verified_by", verified)):
        if not stated(name):
            yield fault("name-missing", "Name the person.", field)
        elif len(name) > 200:
            yield fault("name-missing", "Write at most 200 letters.", field)
    if stated(prepared) and " ".join(prepared.split()).casefold() == " ".join(verified.split()).casefold():
        yield fault("same-person", "Another person than the one who prepared it verifies it.", "verified_by")


def _against_vial(made: UnitMade, *, vial: Vial, rules: Dispensing, now: datetime) -> Iterator[Fault]:
    """The scanned product, its lot and its expiry, beside the vial and the protocol."""
    if made.product_code not in rules.product_codes:
        known = ", ".join(rules.product_codes)
        yield fault(
            "product-code-wrong",
            f"{made.product_code} is not the product of this protocol ({known}): do not use it.",
            "product_code",
        )
    elif made.product_code != vial.product_code:
        yield fault(
            "product-code-differs",
            f"The vial was received as {vial.product_code}: scan the vial that is in your hand.",
            "product_code",
        )
    if made.lot != vial.lot:
        yield fault(
            "lot-differs", f"The vial was received as lot {vial.lot}: scan the vial in your hand.", "lot"
        )
    if not is_usable(vial):
        yield fault("vial-gone", "This vial is recorded as wasted, damaged or spilled.", "vial")
    if made.measured_at < vial.received_at:
        yield fault(
            "measured-early", "It was measured before the vial arrived: check its time.", "measured_at"
        )
    if max(made.measured_at, now) > vial.expires_at:
        yield fault("expired", "The vial has expired: it must not be handed out.", "vial")


def _left_in(vial: Vial, made: UnitMade) -> Iterator[Fault]:
    """What is already out of a vial cannot be handed out a second time."""
    out = DispensedUnit.objects.filter(vial_id__in=versions_of(vial), order__state__in=OUT)
    if out.filter(form=UnitForm.VIAL.value).exists() or (made.form == UnitForm.VIAL.value and out.exists()):
        yield fault("vial-used", "This vial, or a part of it, is handed out already.", "vial")
        return
    gone = out.aggregate(gone=Sum("volume_ml"))["gone"] or Decimal(0)
    if made.volume_ml > vial.volume_ml - gone:
        left = plain(vial.volume_ml - gone)
        yield fault("volume-exceeds-vial", f"The vial holds {left} mL: check the volume.", "volume_ml")


def _direction(handled: Handled, *, measured_gbq: Decimal, at: datetime) -> AssayDirection | None:
    """The authorised user's written word on exactly this measurement."""
    return (
        AssayDirection.objects.filter(
            order=handled.order,
            directive=handled.order.directive,
            measured_gbq=measured_gbq,
            measured_at=at,
        )
        .order_by("-pk")
        .first()
    )


def _assay(
    measured_gbq: Decimal, *, directive: Directive, rules: Dispensing, direction: AssayDirection | None
) -> tuple[list[str], list[Fault]]:
    """The measured activity beside the directed one, as it was measured: warnings, and what refuses it."""
    judged = judge_assay(
        measured_gbq,
        directive.activity_gbq,
        warn_percent=rules.assay_warn_percent,
        refuse_percent=rules.assay_refuse_percent,
    )
    if judged is Deviation.WITHIN:
        return [], []
    words = deviation_words(measured_gbq, directive.activity_gbq)
    if judged is Deviation.WARN:
        return [f"{words}, more than {plain(rules.assay_warn_percent)} %."], []
    if direction is not None:
        return [f"{words}; directed in writing by {direction.printed_name}: {direction.reason}"], []
    refusal = (
        f"{words}, more than {plain(rules.assay_refuse_percent)} %: measure and draw again, or have an "
        "authorised user direct exactly this measurement in writing on the order's page."
    )
    return [], [fault("assay-refused", refusal, "activity")]


def deviation_words(measured_gbq: Decimal, directed_gbq: Decimal) -> str:
    """`Measured 8.2 GBq (221.6 mCi) lies 10.81 % above the directed 7.4 GBq (200 mCi)`."""
    percent = deviation_percent(measured_gbq, directed_gbq)
    side = "above" if percent > 0 else "below"
    return (
        f"Measured {both_units(measured_gbq)} lies {_percent_words(abs(percent))} % {side} the directed "
        f"{both_units(directed_gbq)}"
    )


def _percent_words(percent: Decimal) -> str:
    """To two places, but never rounded onto a whole bound from beyond it."""
    for places in range(2, 8):
        rounded = round(percent, places)
        if rounded == percent or rounded != rounded.to_integral_value():
            return plain(rounded)
    return plain(percent)


def hand_out_bag(handled: Handled, made: BagMade) -> AminoAcidBag:
    """Append the bag of an order of amino acids: never less for less activity. Raises OrderRefused."""
    rules = rules_of(handled).amino_acids
    grams = {"lysine_g": made.lysine_g, "arginine_g": made.arginine_g}
    faults = [
        found for field, size in grams.items() for found in size_faults(field, size, digits=5, places=2)
    ]
    faults += size_faults("volume_ml", made.volume_ml, digits=6, places=1)
    faults += name_faults(made.prepared_name, made.verified_name)
    if not stated(made.lot) or len(made.lot) > 60:
        faults.append(fault("lot-missing", "Write the lot that stands on the bag.", "lot"))
    if made.expires_at.tzinfo is None:
        faults.append(
            fault("instant-unreadable", "Write the instant with its offset from UTC.", "expires_at")
        )
    _refuse(faults, is_unreadable=True)
    for field, grams_of in grams.items():
        if not rules.least_g <= grams_of <= rules.most_g:
            said = (
                f"A bag holds {plain(rules.least_g)} to {plain(rules.most_g)} g of each; it is never reduced."
            )
            faults.append(fault("composition-wrong", said, field))
    if not rules.least_ml <= made.volume_ml <= rules.most_ml:
        said = f"A bag holds {plain(rules.least_ml)} to {plain(rules.most_ml)} mL."
        faults.append(fault("composition-wrong", said, "volume_ml"))
    if made.expires_at < handled.now:
        faults.append(fault("expired", "The bag has expired: it must not be handed out.", "expires_at"))
    _refuse(faults)
    return AminoAcidBag.objects.create(
        order=handled.order,
        label=_new_label("AA"),
        lot=stated(made.lot),
        lysine_g=made.lysine_g,
        arginine_g=made.arginine_g,
        volume_ml=made.volume_ml,
        expires_at=made.expires_at,
        prepared_name=stated(made.prepared_name),
        verified_name=stated(made.verified_name),
        dispensed_by=handled.by,
        dispensed_at=handled.now,
    )


def _new_label(kind: str) -> str:
    """A short code that no other unit or bag bears."""
    while True:
        label = f"{kind}-{''.join(secrets.choice(_LETTERS) for _ in range(_LETTERS_OF_A_LABEL))}"
        if not (
            DispensedUnit.objects.filter(label=label).exists()
            or AminoAcidBag.objects.filter(label=label).exists()
        ):
            return label


def _refuse(faults: Iterator[Fault] | list[Fault], *, is_unreadable: bool = False) -> None:
    found = list(faults)
    if found:
        raise OrderRefused(*found, is_unreadable=is_unreadable)
