"""A day of therapy of yesterday that is still open, for the clinic in which every page shows something."""

from datetime import datetime, time, timedelta

from courses.models import TherapyDay
from courses.services.start import authorise_start
from prrt_clinic.demo_therapy import DemoTherapy


class Yesterday(DemoTherapy):
    """A day of therapy that was begun yesterday, and is still open."""

    def _at(self, minutes: int) -> datetime:
        noon = datetime.combine(self.cycle.planned_on, time(12), tzinfo=self.zone)
        return noon + timedelta(minutes=minutes)

    def open(self) -> TherapyDay:
        """Handed out, the patient there."""
        return self._hand_out_and_open(noon=self._at(0))

    def infuse(self) -> None:
        """Everything until what is left was measured."""
        day = self.open()
        self._until_start(day, noon=self._at(0))
        self._step(day, "start_check", self._at(1), line="patent", rescue_ready="yes", crisis_risk="usual")
        authorise_start(
            day=day,
            by=self.people["physician"],
            authenticated_at=self._at(2) - timedelta(seconds=30),
            now=self._at(2),
        )
        self._step(day, "infusion_start", self._at(4))
        self._step(day, "line_check", self._at(9), finding="good")
        self._step(day, "infusion_end", self._at(34), how="complete")
        self._step(day, "residual", self._at(40), who="pharmacist", activity="0.1 GBq", what="vial")
