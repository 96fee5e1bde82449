"""What people do on a day of therapy through the API, each act by its service."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request

from courses.api_actions import (
    check_if_match,
    read_body,
)
from courses.api_day import STEP_RIGHTS, DayAct, DayView, documented, state_now, told_day
from courses.api_people import activity_of, person_of, taken
from courses.day_bodies import (
    AuthoriseShape,
    CorrectionShape,
    InfusionShape,
    JudgeShape,
    NotGivenShape,
    RebookShape,
    ReleaseShape,
    StepShape,
)
from courses.day_data import START
from courses.models import TherapyDay, TherapyStep
from courses.services.authority import Refused
from courses.services.day_end import end_not_given, rebook, release
from courses.services.day_infusion import infused_on
from courses.services.infusions import record_infusion
from courses.services.judgements import judge_cycle
from courses.services.remainder import waiting_infusion
from courses.services.start import authorise_start
from courses.services.therapy_day import correct_step, record_step
from labs.services.answered import StoredAnswer


class DaySteps(DayAct):
    """Record what happened."""

    rights = STEP_RIGHTS
    shape, status = StepShape, HTTPStatus.CREATED

    @documented("record_step", StepShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Record one step."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With the second person and the password that were proven before."""
        return record_step(
            day=day,
            kind=said["kind"],
            data=said["data"],
            by=person_of(request),
            happened_at=said.get("happened_at"),
            second=said.get("second"),
            authenticated_at=said.get("password"),
            version=day.version,
        )


class DayStepCorrection(DayView):
    """Correct one entry."""

    rights = STEP_RIGHTS

    @documented("correct_step", CorrectionShape, 201)
    def post(self, request: Request, public_id: UUID, step_id: UUID) -> HttpResponse:
        """Write a new version of an entry, or take it back."""
        said = read_body(CorrectionShape, request)

        def work() -> StoredAnswer:
            day = self.day(public_id)
            check_if_match(request, public_id=day.public_id, version=day.version)
            correct_step(
                step=get_object_or_404(TherapyStep, public_id=step_id, therapy_day=day),
                reason=said["reason"],
                by=person_of(request),
                data=said.get("data"),
                happened_at=said.get("happened_at"),
                second=said.get("second"),
                authenticated_at=said.get("password"),
                take_back=said["take_back"],
                version=day.version,
            )
            return told_day(self.day(public_id), request, status=HTTPStatus.CREATED)

        return taken(request, said, work)


class DayAuthorise(DayAct):
    """Authorise the start."""

    rights = (START,)
    shape, status = AuthoriseShape, HTTPStatus.CREATED

    @documented("authorise", AuthoriseShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Authorise the start of the infusion, on a live assessment."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With the password in the request itself."""
        by, proven = person_of(request), said["password"]
        return authorise_start(day=day, by=by, authenticated_at=proven, version=day.version)


class DayInfusion(DayAct):
    """Record the infusion."""

    rights = ("courses.record_administration",)
    shape, status = InfusionShape, HTTPStatus.CREATED

    @documented("record_infusion", InfusionShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Record the infusion from the day's steps; never refused for want of an authorisation."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """As the steps say."""
        stated = activity_of("delivered", said.get("delivered"))
        infused = infused_on(day, state=state_now(day), route=said["route"], delivered_gbq=stated)
        by = person_of(request)
        return record_infusion(cycle=day.cycle, day=day, infused=infused, by=by, version=day.version)


class DayJudge(DayAct):
    """Judge the part that waits."""

    rights = ("courses.judge_cycle",)
    shape, status = JudgeShape, HTTPStatus.CREATED

    @documented("judge", JudgeShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Sign whether a part counts, and any remainder."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """Of the infusion of this course that waits."""
        waiting = waiting_infusion(day.cycle.course_id)
        if waiting is None:
            raise Refused("No part of this course waits for a judgement.")
        return judge_cycle(
            infusion=waiting,
            counts=said["counts"],
            remainder_gbq=activity_of("remainder", said.get("remainder")),
            reason=said["reason"],
            signer=person_of(request),
            authenticated_at=said["password"],
        )


class DayNotGiven(DayAct):
    """End the day without an infusion."""

    shape = NotGivenShape

    @documented("not_given", NotGivenShape)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """End a day on which nothing was given."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With what becomes of the vial, and a new day where one is named."""
        return end_not_given(day=day, by=person_of(request), version=day.version, **said)


class DayRelease(DayAct):
    """Release the patient."""

    shape = ReleaseShape

    @documented("release", ReleaseShape)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Release the patient and end the day."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With every blocker named where there are any."""
        return release(day=day, by=person_of(request), left_against=said["left_against"], version=day.version)


class DayRebook(DayAct):
    """Plan a cycle anew that was not given."""

    rights = ("courses.plan_cycle",)
    shape = RebookShape

    @documented("rebook", RebookShape)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Plan the cycle for another day."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """And the later cycles after it."""
        return rebook(day=day, on=said["on"], by=person_of(request), version=day.version)
