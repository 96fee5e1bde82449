"""How a changing request is taken: strict fields, If-Match, Idempotency-Key, and refusals as problems."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import caches
from django.db import transaction
from django.http import HttpResponse
from django.utils.dateparse import parse_datetime
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema_field
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from courses.services.authority import NotAllowed
from courses.services.handling import OrderRefused
from labs.fhir_http import FhirRate
from labs.services.answered import KeyReused, StoredAnswer, answer_once, earlier_answer

PROBLEM = "application/problem+json"
_LONGEST_KEY = 255
_KEPT = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT)  # what was judged is answered so again


def etag_of(*, public_id: UUID, version: int) -> str:
    """The entity tag of one version of one resource."""
    return f'"{hashlib.sha256(f"{public_id}:{version}".encode()).hexdigest()[:24]}"'


class Problem(Exception):
    """A request that is answered by a problem document (RFC 9457)."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, list[str]] | None = None,
        etag: str = "",
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.etag = errors, etag

    def answer(self) -> StoredAnswer:
        """The document, and where the caller's version is stale the present one's tag."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = dict(self.errors)
        headers = {"Content-Type": PROBLEM, **({"ETag": self.etag} if self.etag else {})}
        return StoredAnswer(status=int(self.status), headers=headers, body=json.dumps(body))


class ApiRate(FhirRate):
    """So many requests of one account: reading counted in this process, changing in all of them together."""

    scope = "api"

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request with its own kind."""
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        self.scope = "api-read" if reads else "api-write"
        rate = settings.API_READ_RATE if reads else settings.API_WRITE_RATE
        requests, seconds = self.parse_rate(rate)
        assert requests is not None
        assert seconds is not None
        self.num_requests, self.duration = requests, seconds
        self.cache = caches["process" if reads else "default"]
        return super().allow_request(request, view)


class StrictShape(serializers.Serializer[Any]):
    """A body of which every field is known; one that is not would be read as something it is not."""

    def to_internal_value(self, data: Any) -> Any:
        """The values. Raises ValidationError, also for fields that do not exist."""
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError({name: ["There is no such field."] for name in sorted(unknown)})
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "date-time", "example": "2026-03-09T09:40:00+01:00"})
class InstantField(serializers.Field):  # type: ignore[type-arg]
    """An instant with its offset from UTC; a clock time without one says nothing."""

    default_error_messages = {
        "invalid": "This is no instant with its offset; write 2026-03-09T09:40:00+01:00."
    }

    def to_internal_value(self, data: Any) -> datetime:
        """The instant, aware. Raises ValidationError."""
        try:
            found = parse_datetime(data) if isinstance(data, str) else None
        except ValueError:
            found = None
        if found is None or found.tzinfo is None or not 1900 < found.year < 9999:
            self.fail("invalid")
            raise AssertionError
        return found

    def to_representation(self, value: Any) -> str:
        """As it is printed everywhere."""
        return str(value.isoformat())


class WrittenField(serializers.CharField):
    """Text as it was written; a number in its place has lost what stood behind it."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError for anything else."""
        if isinstance(data, int | float) and not isinstance(data, bool):
            raise serializers.ValidationError(
                f'{data} has no unit: send text such as "{data} GBq", "{data} MBq" or "{data} mCi".'
            )
        return str(super().to_internal_value(data))


class AmountField(serializers.DecimalField):
    """A measured amount, as decimal text; an empty one is none."""

    def __init__(self, *, max_digits: int, decimal_places: int, **more: Any) -> None:
        super().__init__(max_digits=max_digits, decimal_places=decimal_places, **more)
        pattern = rf"^[0-9]{{1,{max_digits - decimal_places}}}(\.[0-9]{{1,{decimal_places}}})?$"
        set_override(self, "field", {"type": "string", "pattern": pattern, "example": "22.5"})


def holds(*rights: str) -> type[BasePermission]:
    """Whoever holds any of these rights may change; reading needs the model's own view right."""

    class Holds(BasePermission):
        """The rights of the role matrix that this address asks for."""

        def has_permission(self, request: Request, view: APIView) -> bool:
            if request.method == "OPTIONS":
                return bool(request.user.is_authenticated)
            if request.method in ("GET", "HEAD"):
                meta = view.queryset.model._meta  # type: ignore[attr-defined]
                return request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}")
            return any(request.user.has_perm(right) for right in rights)

    return Holds


Work = Callable[[], StoredAnswer]


def take(request: Request, work: Work) -> HttpResponse:
    """Do the work once: with an Idempotency-Key its answer is kept in the same commit, and given again.

    What a refused act found is kept as well: only a request that could not be judged leaves nothing.
    """
    try:
        key = _key(request)
        if not key:
            with transaction.atomic():
                return _sent(_judged(work))
        return _sent(_once(request, key, work))
    except Problem as problem:
        return _sent(problem.answer())


def _once(request: Request, key: str, work: Work) -> StoredAnswer:
    """The earlier answer of this key, or the work with its answer kept. Raises Problem."""
    client = request.user.get_username()
    asked = f"{request.method} {request.path} {request.headers.get('If-Match', '')}\0".encode()
    fingerprint = hashlib.sha256(asked + request.body).hexdigest()

    def earlier() -> StoredAnswer | None:
        try:
            return earlier_answer(client=client, key=key, fingerprint=fingerprint)
        except KeyReused:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was used before for another request; use a new one.",
            ) from None

    def kept_only_if_judged() -> StoredAnswer:
        answer = _judged(work)
        if answer.status not in _KEPT:
            raise _NotKept(answer)
        return answer

    found = earlier()
    if found is not None:
        return found
    try:
        return answer_once(client=client, key=key, fingerprint=fingerprint, work=kept_only_if_judged)[0]
    except _NotKept as other:
        # A twin of this request may have done the work while this one waited for the lock.
        return earlier() or other.answer
    except KeyReused:
        return earlier() or StoredAnswer(status=int(HTTPStatus.UNPROCESSABLE_ENTITY))


class _NotKept(Exception):
    """An answer that says nothing of the work: the request was stale, unreadable or not allowed."""

    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__()
        self.answer = answer


def _judged(work: Work) -> StoredAnswer:
    """The work's answer; a refusal is one too."""
    try:
        return work()
    except OrderRefused as refused:
        return _refusal(refused).answer()
    except NotAllowed as refused:
        return Problem(HTTPStatus.FORBIDDEN, "permission_denied", str(refused)).answer()
    except Problem as problem:
        return problem.answer()


def _refusal(refused: OrderRefused) -> Problem:
    """400 where what was sent cannot be read, else 409; the first fault's code, every fault at its field."""
    errors: dict[str, list[str]] = {}
    for each in refused.faults:
        errors.setdefault(each.field or "order", []).append(each.sentence)
    status = HTTPStatus.BAD_REQUEST if refused.is_unreadable else HTTPStatus.CONFLICT
    return Problem(status, refused.faults[0].code, str(refused), errors=errors)


def check_if_match(request: Request, *, public_id: UUID, version: int) -> int:
    """The version that the caller read, if it is the present one. Raises Problem (428 or 412)."""
    sent = request.headers.get("If-Match", "")
    present = etag_of(public_id=public_id, version=version)
    if not sent:
        raise Problem(
            HTTPStatus.PRECONDITION_REQUIRED,
            "if-match-required",
            "Send the ETag of the version you read as If-Match.",
            etag=present,
        )
    if present not in [each.strip() for each in sent.split(",")]:
        raise stale(public_id=public_id, version=version)
    return version


def stale(*, public_id: UUID, version: int) -> Problem:
    """412: another version stands than the one the caller read; its tag is told."""
    return Problem(
        HTTPStatus.PRECONDITION_FAILED,
        "stale",
        "It has changed since you read it: read it again, then decide.",
        etag=etag_of(public_id=public_id, version=version),
    )


def done(data: Any, *, status: HTTPStatus = HTTPStatus.OK, etag: str = "") -> StoredAnswer:
    """What came of the work."""
    headers = {"Content-Type": "application/json", **({"ETag": etag} if etag else {})}
    return StoredAnswer(status=int(status), headers=headers, body=JSONRenderer().render(data).decode())


def read_body(shape: type[StrictShape], request: Request) -> dict[str, Any]:
    """The request's fields. Raises ValidationError with every fault at its field."""
    _ = request.body  # kept by Django before it is parsed: an Idempotency-Key stands for these bytes
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def not_allowed(refused: NotAllowed) -> HttpResponse:
    """The answer to somebody who may not, or who did not prove to be there."""
    return _sent(Problem(HTTPStatus.FORBIDDEN, "permission_denied", str(refused)).answer())


def forget_secrets(request: Request, names: tuple[str, ...]) -> None:
    """What is remembered of a request to know it again holds no password, not even its digest."""
    body = request.data if isinstance(request.data, dict) else {}
    kept = {key: value for key, value in body.items() if key not in names}
    request._request._body = json.dumps(kept, sort_keys=True).encode()


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "idempotency-key-unreadable",
            f"An Idempotency-Key has at most {_LONGEST_KEY} printable characters.",
        )
    return key


def _sent(answer: StoredAnswer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


# --- What the OpenAPI document says of every changing request -----------------------------------


class ProblemShape(serializers.Serializer[Any]):
    """A problem document (RFC 9457): a stable code, a sentence, and the fields it is about."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(required=False, help_text="what is wrong and what to do")
    code = serializers.CharField(required=False, help_text="stable; what a program decides by")
    errors = serializers.DictField(  # type: ignore[assignment]  # a field, as every other here
        child=serializers.ListField(child=serializers.CharField()), required=False
    )


KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="the same request with the same key is done once and answered with the same body",
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="the ETag of the version you read"
)
NOT_A_GO = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "detail": "The protocol now says delay for this cycle; nothing is handed out. Platelets are 60.",
    "code": "not-a-go",
    "errors": {"order": ["The protocol now says delay for this cycle; nothing is handed out."]},
}
_SAID = {
    400: "what was sent cannot be read; `errors` names each field and the remedy",
    401: "no good token",
    403: "this account may not do it",
    404: "there is no such resource",
    409: "refused by the record, the rules or the live gate; `code` says by what",
    412: "stale: the ETag told is the present one's",
    422: "the Idempotency-Key was used before for another request",
    428: "If-Match is missing",
    415: "the body must be application/json",
    429: "too many requests; Retry-After says when",
}


def problems(*statuses: int) -> dict[Any, Any]:
    """The problem documents an address answers with, for the OpenAPI document."""
    return {
        (status, PROBLEM): OpenApiResponse(
            ProblemShape,
            description=_SAID[status],
            examples=[OpenApiExample("not a go", value=NOT_A_GO, response_only=True)]
            if status == 409
            else [],
        )
        for status in statuses
    }


CREATES = (400, 401, 403, 404, 409, 422, 429)
CHANGES = (*CREATES, 412, 428)
