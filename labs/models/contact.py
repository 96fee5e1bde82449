"""How a patient and those around the patient are reached; every version is kept."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from labs.models.patient import Patient

# A number as people dial and read it: digits, one leading plus, and what keeps groups apart.
TELEPHONE = r"^\+?[0-9][0-9 ()/.-]{2,38}$"


class ContactDetails(models.Model):
    """One version of the telephone numbers around a patient; a newer row takes its place. Append-only."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="contact_details")
    telephone = models.CharField("patient's telephone", max_length=40, blank=True, default="")
    kin_name = models.CharField("next of kin", max_length=120, blank=True, default="")
    kin_telephone = models.CharField("telephone of the next of kin", max_length=40, blank=True, default="")
    doctor_name = models.CharField("referring doctor", max_length=120, blank=True, default="")
    doctor_telephone = models.CharField(
        "telephone of the referring doctor", max_length=40, blank=True, default=""
    )
    pharmacy_name = models.CharField("pharmacy", max_length=120, blank=True, default="")
    pharmacy_telephone = models.CharField("telephone of the pharmacy", max_length=40, blank=True, default="")
    recorded_at = models.DateTimeField(editable=False)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "contact details"
        constraints = [
            # A name alone reaches nobody, and a number of nobody reaches the wrong one.
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{who}_name": "", f"{who}_telephone": ""})
                    | (~Q(**{f"{who}_name": ""}) & ~Q(**{f"{who}_telephone": ""})),
                    name=f"contact_{who}_whole",
                )
                for who in ("kin", "doctor", "pharmacy")
            ),
        ]
        indexes = [models.Index(fields=["patient", "-id"], name="contact_newest_of_patient")]

    def __str__(self) -> str:
        return f"contact details {self.pk}"
