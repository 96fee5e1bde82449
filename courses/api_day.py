"""The REST doors of the day of therapy: for people with a session, never for tokens."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import (
    CHANGES,
    CREATES,
    IF_MATCH,
    KEY,
    ApiRate,
    Problem,
    StrictShape,
    check_if_match,
    done,
    etag_of,
    forget_secrets,
    not_allowed,
    problems,
    read_body,
    take,
)
from courses.day_bodies import (
    AuthoriseShape,
    CorrectionShape,
    InfusionShape,
    JudgeShape,
    NotGivenShape,
    OpenShape,
    RebookShape,
    ReleaseShape,
    StepShape,
)
from courses.day_data import RUN, START, STEPS
from courses.day_shapes import day_line, day_shape
from courses.models import Cycle, TherapyDay, TherapyStep
from courses.rules.activity import BadActivity, read_activity
from courses.rules.day_values import Blocker
from courses.second_person import proven_again, proven_person
from courses.services.authority import NotAllowed, Refused
from courses.services.day_end import ReleaseRefused, end_not_given, rebook, release
from courses.services.day_infusion import infused_on
from courses.services.day_state import day_state
from courses.services.infusions import record_infusion
from courses.services.judgements import judge_cycle
from courses.services.remainder import waiting_infusion
from courses.services.start import StartRefused, authorise_start
from courses.services.therapy_day import BadStep, correct_step, open_day, record_step
from labs.clock import database_now
from labs.services.answered import StoredAnswer

_PAGE = 50
STEP_RIGHTS = tuple(sorted({right for recorded in STEPS.values() for right in recorded.rights}))
_SECRET = ("password", "second")  # kept out of what is stored of a request
_FRESH = timedelta(seconds=1)  # a password in the request itself was given now


class ReadsDays(BasePermission):
    """Whoever reads days of therapy comes in; who may do none of an address's acts does not change anything.

    The services ask again, more closely: a step may take another right than the day itself.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Deny by default."""
        if not (request.user.is_authenticated and request.user.has_perm("courses.view_therapyday")):
            return False
        rights: tuple[str, ...] = getattr(view, "rights", ())
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        return reads or any(request.user.has_perm(right) for right in rights)


class DayView(APIView):
    """What every address of a day has in common."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [ReadsDays]
    throttle_classes = [ApiRate]
    rights: tuple[str, ...] = (RUN,)  # any of them suffices
    queryset = TherapyDay.objects.filter(cycle__course__patient__is_canary=False).select_related(
        "cycle__course__patient", "cycle__course__current_decision"
    )

    def day(self, public_id: UUID) -> TherapyDay:
        """The day of an address, or 404."""
        return get_object_or_404(self.queryset.all(), public_id=public_id)


class Days(DayView):
    """Days of therapy, the newest first, and the door to open one."""

    @extend_schema(
        operation_id="therapy_days_list",
        parameters=[OpenApiParameter("open", bool, description="only days that have not ended")],
        responses={200: dict[str, Any]},
    )
    def get(self, request: Request) -> Response:
        """List the newest days."""
        unknown = set(request.query_params) - {"open", "format"}
        if unknown:
            raise ValidationError({name: ["There is no such filter."] for name in sorted(unknown)})
        days = self.queryset.all().order_by("-pk")
        if (wanted := request.query_params.get("open")) is not None:
            if wanted not in ("true", "false"):
                raise ValidationError({"open": ["Write true or false."]})
            days = days.filter(ended_at__isnull=wanted == "true")
        return Response({"results": [day_line(day) for day in days[:_PAGE]]})

    @extend_schema(
        operation_id="therapy_days_open",
        parameters=[KEY],
        request=OpenShape,
        responses={201: dict[str, Any], **problems(*CREATES)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Open the day of a cycle."""
        said = read_body(OpenShape, request)

        def work() -> StoredAnswer:
            cycle = (
                Cycle.objects.filter(
                    course__public_id=said["course"],
                    number=said["cycle"],
                    course__patient__is_canary=False,
                )
                .select_related("course__patient", "course__current_decision")
                .first()
            )
            if cycle is None:
                raise Problem(HTTPStatus.NOT_FOUND, "not_found", "There is no such cycle.")
            day = open_day(cycle=cycle, by=_person(request))
            return _told(self.day(day.public_id), request, status=HTTPStatus.CREATED)

        return take(request, lambda: _refusing(work))


class Day(DayView):
    """One day."""

    @extend_schema(operation_id="therapy_days_read", responses={200: dict[str, Any]})
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read one day as it stands now."""
        day = self.day(public_id)
        tag = etag_of(public_id=day.public_id, version=day.version)
        return Response(_shape(day, request), headers={"ETag": tag})


class DayAct(DayView):
    """One act on a day: its body, and what it does."""

    shape: type[StrictShape]
    status = HTTPStatus.OK

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """The act itself, by its service."""
        raise NotImplementedError

    def take_act(self, request: Request, public_id: UUID) -> HttpResponse:
        """People, If-Match and the key first, then the act; the answer is the day as it stands afterwards."""
        said = read_body(self.shape, request)

        def work() -> StoredAnswer:
            day = self.day(public_id)
            check_if_match(request, public_id=day.public_id, version=day.version)
            self.act(day, said, request)
            return _told(self.day(public_id), request, status=self.status)

        return _taken(request, said, work)


def _documented(name: str, shape: type[StrictShape], status: int = 200) -> Callable[[Any], Any]:
    return extend_schema(
        operation_id=f"therapy_days_{name}",
        parameters=[IF_MATCH, KEY],
        request=shape,
        responses={status: dict[str, Any], **problems(*CHANGES)},
    )


class DaySteps(DayAct):
    """Record what happened."""

    rights = STEP_RIGHTS
    shape, status = StepShape, HTTPStatus.CREATED

    @_documented("record_step", StepShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Record one step."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With the second person and the password that were proven before."""
        return record_step(
            day=day,
            kind=said["kind"],
            data=said["data"],
            by=_person(request),
            happened_at=said.get("happened_at"),
            second=said.get("second"),
            authenticated_at=said.get("password"),
        )


class DayStepCorrection(DayView):
    """Correct one entry."""

    rights = STEP_RIGHTS

    @_documented("correct_step", CorrectionShape, 201)
    def post(self, request: Request, public_id: UUID, step_id: UUID) -> HttpResponse:
        """Write a new version of an entry, or take it back."""
        said = read_body(CorrectionShape, request)

        def work() -> StoredAnswer:
            day = self.day(public_id)
            check_if_match(request, public_id=day.public_id, version=day.version)
            correct_step(
                step=get_object_or_404(TherapyStep, public_id=step_id, therapy_day=day),
                reason=said["reason"],
                by=_person(request),
                data=said.get("data"),
                happened_at=said.get("happened_at"),
                second=said.get("second"),
                authenticated_at=said.get("password"),
                take_back=said["take_back"],
            )
            return _told(self.day(public_id), request, status=HTTPStatus.CREATED)

        return _taken(request, said, work)


class DayAuthorise(DayAct):
    """Authorise the start."""

    rights = (START,)
    shape, status = AuthoriseShape, HTTPStatus.CREATED

    @_documented("authorise", AuthoriseShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Authorise the start of the infusion, on a live assessment."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With the password in the request itself."""
        return authorise_start(day=day, by=_person(request), authenticated_at=said["password"])


class DayInfusion(DayAct):
    """Record the infusion."""

    rights = ("courses.record_administration",)
    shape, status = InfusionShape, HTTPStatus.CREATED

    @_documented("record_infusion", InfusionShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Record the infusion from the day's steps; never refused for want of an authorisation."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """As the steps say."""
        stated = _activity("delivered", said.get("delivered"))
        infused = infused_on(day, state=_state(day), route=said["route"], delivered_gbq=stated)
        return record_infusion(cycle=day.cycle, day=day, infused=infused, by=_person(request))


class DayJudge(DayAct):
    """Judge the part that waits."""

    rights = ("courses.judge_cycle",)
    shape, status = JudgeShape, HTTPStatus.CREATED

    @_documented("judge", JudgeShape, 201)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Sign whether a part counts, and any remainder."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """Of the infusion of this cycle that waits."""
        waiting = waiting_infusion(day.cycle)
        if waiting is None:
            raise Refused("No part of this cycle waits for a judgement.")
        return judge_cycle(
            infusion=waiting,
            counts=said["counts"],
            remainder_gbq=_activity("remainder", said.get("remainder")),
            reason=said["reason"],
            signer=_person(request),
            authenticated_at=said["password"],
        )


class DayNotGiven(DayAct):
    """End the day without an infusion."""

    shape = NotGivenShape

    @_documented("not_given", NotGivenShape)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """End a day on which nothing was given."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With what becomes of the vial, and a new day where one is named."""
        return end_not_given(day=day, by=_person(request), **said)


class DayRelease(DayAct):
    """Release the patient."""

    shape = ReleaseShape

    @_documented("release", ReleaseShape)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Release the patient and end the day."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """With every blocker named where there are any."""
        return release(day=day, by=_person(request), left_against=said["left_against"])


class DayRebook(DayAct):
    """Plan a cycle anew that was not given."""

    rights = ("courses.plan_cycle",)
    shape = RebookShape

    @_documented("rebook", RebookShape)
    def post(self, request: Request, public_id: UUID) -> HttpResponse:
        """Plan the cycle for another day."""
        return self.take_act(request, public_id)

    def act(self, day: TherapyDay, said: dict[str, Any], request: Request) -> Any:
        """And the later cycles after it."""
        return rebook(day=day, on=said["on"], by=_person(request))


def _state(day: TherapyDay) -> Any:
    return day_state(day, decision=day.cycle.course.current_decision, now=database_now())


def _shape(day: TherapyDay, request: Request) -> dict[str, Any]:
    return day_shape(_state(day), names=request.user.has_perm("labs.view_patient"))


def _told(day: TherapyDay, request: Request, *, status: HTTPStatus) -> StoredAnswer:
    return done(
        _shape(day, request), status=status, etag=etag_of(public_id=day.public_id, version=day.version)
    )


def _person(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _taken(request: Request, said: dict[str, Any], work: Callable[[], StoredAnswer]) -> HttpResponse:
    """Prove the people of a request, forget their passwords, and do the work once.

    Before any transaction: the count of wrong passwords must not be undone with the work that they stopped.
    """
    try:
        _prove(request, said)
    except NotAllowed as refused:
        return not_allowed(refused)
    forget_secrets(request, _SECRET)
    return take(request, lambda: _refusing(work))


def _prove(request: Request, said: dict[str, Any]) -> None:
    """In what was said the second person takes the place of name and password, and the instant of proof
    that of the password. Raises NotAllowed."""
    if second := said.get("second"):
        said["second"] = proven_person(request._request, **second)
    if "password" in said:
        proven_again(request._request, password=said["password"])
        said["password"] = database_now() - _FRESH


def _activity(field: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return read_activity(text)
    except BadActivity as bad:
        raise BadStep(f"{field}: {bad}") from bad


def _refusing(work: Callable[[], StoredAnswer]) -> StoredAnswer:
    """The services' refusals as problem documents, each with its code. Raises Problem."""
    try:
        return work()
    except (StartRefused, ReleaseRefused) as refused:
        code = "start-refused" if isinstance(refused, StartRefused) else "release-refused"
        raise Problem(HTTPStatus.CONFLICT, code, str(refused), errors=_by_code(refused.blockers)) from refused
    except BadStep as bad:
        errors: dict[str, list[str]] = {}
        for fault in bad.faults:
            field, _, text = fault.partition(": ")
            errors.setdefault(field, []).append(text)
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-step", str(bad), errors=errors) from bad
    except Refused as refused_:
        raise Problem(HTTPStatus.CONFLICT, "refused", str(refused_)) from refused_


def _by_code(blockers: tuple[Blocker, ...]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for each in blockers:
        errors.setdefault(each.code, []).append(f"{each.sentence} {each.remedy}")
    return errors
