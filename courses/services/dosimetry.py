"""Write absorbed doses as a physicist enters and corrects them, and the sign-off on what they come to."""

from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from courses.ledger import ledger_of
from courses.models import AbsorbedDose, Administration, Cycle, DoseSignOff, Infusion, Organ
from courses.services.authority import Refused, check_fresh, check_right, printed_name, stated
from labs.clock import database_now
from labs.models import Patient
from labs.same_person import numbers_of

_RIGHT = "courses.enter_absorbed_dose"
_ELSE = "Only a medical physicist enters absorbed doses and signs off on what they come to."
# As many digits as the column holds; a figure with more would be rounded without a word.
_FINEST_GY = Decimal("0.01")
_MOST_GY = Decimal("9999.99")
_LONGEST = 200


def enter_absorbed_dose(
    *,
    patient: Patient,
    organ: str,
    absorbed_gy: Decimal,
    uncertainty_gy: Decimal | None,
    method: str,
    software: str,
    by: User,
    cycle: Cycle | None = None,
    elsewhere: str = "",
    now: datetime | None = None,
) -> AbsorbedDose:
    """Enter the absorbed dose of one organ from one treatment: of a cycle given here, or of one elsewhere.

    1. check the right; 2. lock the patient; 3. check the figures, that the cycle is this person's and was
    given, and that no figure stands for it yet; 4. append the row.

    Raises NotAllowed, Refused. `uncertainty_gy` None says that it is not known.
    """
    check_right(by, _RIGHT, else_say=_ELSE)
    hospital = stated(elsewhere)
    if (cycle is None) == (not hospital):
        raise Refused("Choose the cycle, or name the hospital of a treatment elsewhere, and not both.")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        now = now or database_now()
        if cycle is not None:
            _check_cycle(cycle, patient=patient, organ=organ)
        return _append(
            patient=cycle.course.patient if cycle else patient,
            cycle=cycle,
            elsewhere=hospital,
            organ=organ,
            absorbed_gy=absorbed_gy,
            uncertainty_gy=uncertainty_gy,
            method=method,
            software=software,
            by=by,
            now=now,
        )


def correct_absorbed_dose(
    *,
    dose: AbsorbedDose,
    absorbed_gy: Decimal,
    uncertainty_gy: Decimal | None,
    method: str,
    software: str,
    reason: str,
    by: User,
    now: datetime | None = None,
) -> AbsorbedDose:
    """Put a new figure in the place of one that stands; the old one stays on record.

    1. check the right and the reason; 2. lock the patient; 3. refuse where another correction was faster;
    4. append the row. Raises NotAllowed, Refused.
    """
    check_right(by, _RIGHT, else_say=_ELSE)
    why = stated(reason)
    if not why:
        raise Refused("Say in a few words why the figure is corrected.")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=dose.patient_id)
        if AbsorbedDose.objects.filter(corrects=dose).exists():
            raise Refused("This figure was corrected already; open the ledger and correct the newer one.")
        return _append(
            patient=dose.patient,
            cycle=dose.cycle,
            elsewhere=dose.elsewhere,
            organ=dose.organ,
            absorbed_gy=absorbed_gy,
            uncertainty_gy=uncertainty_gy,
            method=method,
            software=software,
            by=by,
            now=now or database_now(),
            corrects=dose,
            reason=why,
        )


def sign_off_doses(
    *,
    patient: Patient,
    organ: str,
    seen_gy: Decimal,
    text: str,
    by: User,
    authenticated_at: datetime | None,
    now: datetime | None = None,
) -> DoseSignOff:
    """A physicist signs what the absorbed doses of one organ come to, beside the limit of the protocol.

    1. check the right, the password and the statement; 2. lock the patient; 3. add the doses anew and refuse
    where they come to anything but what was read; 4. append the sign-off. It informs; it changes no
    recommendation. Raises NotAllowed, Refused.
    """
    check_right(by, _RIGHT, else_say=_ELSE)
    fresh = check_fresh(authenticated_at, now=now or database_now())
    said = stated(text)
    if not said:
        raise Refused("Say in a few words what you conclude from the total and its limit.")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        now = now or database_now()
        found = next((each for each in ledger_of(patient.pk).organs if each.organ == organ), None)
        if found is None or not found.entered:
            raise Refused("No absorbed dose of this organ is entered, so there is nothing to sign off.")
        if found.limit_gy is None:
            raise Refused("The person's protocol names no limit for this organ.")
        if found.total_gy != seen_gy:
            raise Refused(
                f"The doses come to {found.total_gy} Gy now, and you read {seen_gy} Gy. Read them again."
            )
        return DoseSignOff.objects.create(
            patient=patient,
            organ=organ,
            total_gy=found.total_gy,
            limit_gy=found.limit_gy,
            text=said,
            signer=by,
            printed_name=printed_name(by),
            authenticated_at=fresh,
            signed_at=now,
        )


def _check_cycle(cycle: Cycle, *, patient: Patient, organ: str) -> None:
    """A dose follows from something given, to this person, and once for each organ. Raises Refused."""
    if cycle.course.patient_id not in numbers_of(patient.pk):
        raise Refused(f"Cycle {cycle.number} is not one of this patient's.")
    given = (
        Administration.objects.filter(cycle=cycle).exists()
        or Infusion.objects.effective().filter(cycle=cycle).exists()
    )
    if not given:
        raise Refused(f"Nothing of cycle {cycle.number} is recorded as given; record that first.")
    if AbsorbedDose.objects.effective().filter(cycle=cycle, organ=organ).exists():
        raise Refused(f"A figure for this organ stands for cycle {cycle.number} already; correct that one.")


def _append(
    *,
    patient: Patient,
    cycle: Cycle | None,
    elsewhere: str,
    organ: str,
    absorbed_gy: Decimal,
    uncertainty_gy: Decimal | None,
    method: str,
    software: str,
    by: User,
    now: datetime,
    corrects: AbsorbedDose | None = None,
    reason: str = "",
) -> AbsorbedDose:
    """Check the figures and how they were found, then append them. Raises Refused."""
    if organ not in Organ.values:
        raise Refused(f"{organ!r} is no organ that is followed; choose one of: {', '.join(Organ.values)}.")
    _check_figure("absorbed dose", absorbed_gy, least=_FINEST_GY)
    if uncertainty_gy is not None:
        _check_figure("uncertainty", uncertainty_gy, least=Decimal(0))
    texts = {"method": stated(method), "software": stated(software), "hospital": elsewhere}
    for name in ("method", "software"):
        if not texts[name]:
            raise Refused(f"Name the {name} by which the dose was found.")
    for name, words in texts.items():
        if len(words) > _LONGEST:
            raise Refused(f"The {name} is longer than {_LONGEST} letters; say it shorter.")
    return AbsorbedDose.objects.create(
        patient=patient,
        cycle=cycle,
        elsewhere=elsewhere,
        organ=organ,
        absorbed_gy=absorbed_gy,
        uncertainty_gy=uncertainty_gy,
        method=texts["method"],
        software=texts["software"],
        corrects=corrects,
        reason=reason,
        entered_by=by,
        printed_name=printed_name(by),
        entered_at=now,
    )


def _check_figure(name: str, gy: Decimal, *, least: Decimal) -> None:
    """A number of grays that its column holds as it stands. Raises Refused."""
    if not gy.is_finite() or not least <= gy <= _MOST_GY:
        raise Refused(f"The {name} must be a number of Gy between {least} and {_MOST_GY}.")
    if gy != gy.quantize(_FINEST_GY):
        raise Refused(f"The {name} has more than two decimals; round it yourself and enter that.")
