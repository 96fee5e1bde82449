"""HTTP's side of the FHIR door: media types, rights, rate, size, and errors as OperationOutcome."""

import logging
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView, exception_handler

from labs.fhir_answers import STATUS, issue, outcome, refusal
from labs.formats.fhir_json import FhirFault, dump

logger = logging.getLogger(__name__)
FHIR_JSON, PLAIN_JSON = "application/fhir+json", "application/json"
SUBMIT, READ = "labs.submit_message", "labs.view_observation"
_ACCOUNT = "lab-feed."  # what `manage.py token` puts before the name of a laboratory's system
_LONGEST_SENDER = 64
_CODES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "login",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "not-supported",
    HTTPStatus.NOT_ACCEPTABLE: "not-supported",
    HTTPStatus.LENGTH_REQUIRED: "required",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "not-supported",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
}


class Busy(exceptions.APIException):
    """The database cannot take it for the moment, or another worker has it in hand."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "It could not be taken for the moment. Send it again, unchanged."
    default_code = "transient"


class TooLarge(exceptions.APIException):
    """More bytes than one request may bring."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is larger than this door takes; split it."
    default_code = "too-long"


class LengthRequired(exceptions.APIException):
    """A body sent in chunks: its end is not known before it was read, so none of it is."""

    status_code = HTTPStatus.LENGTH_REQUIRED
    default_detail = "Send the body with its Content-Length, not in chunks."
    default_code = "required"


class FhirJson(BaseRenderer):
    """FHIR's own JSON, with decimals digit for digit."""

    media_type = FHIR_JSON
    format = "json"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, context: Any = None) -> bytes:
        """Text that is ready goes out as it is."""
        if data is None:
            return b""
        return (data if isinstance(data, str) else dump(data)).encode()


class PlainJson(FhirJson):
    """The same for those who ask for JSON."""

    media_type = PLAIN_JSON


class FhirRights(BasePermission):
    """A laboratory's token hands in and sees its own; people with the right to read results read."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether this caller may do this at all; whose resources it sees is the view's question."""
        if request.method in {"POST", "PUT"}:
            return request.user.has_perm(SUBMIT)
        return request.user.has_perm(READ) or request.user.has_perm(SUBMIT)


class FhirRate(SimpleRateThrottle):
    """So many requests of one account in each window of time, counted in the cache that all workers share."""

    scope = "fhir"
    num_requests: int
    duration: int

    def get_rate(self) -> str:
        """From the settings."""
        return str(settings.FHIR_RATE)

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """One count for each account, or for each address before a log-in."""
        who = request.user.pk if request.user.is_authenticated else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": who}

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request; whether it still fits."""
        now = self.timer()
        self.left = self.duration - now % self.duration
        key = f"{self.get_cache_key(request, view)}:{int(now // self.duration)}"
        if self.cache.add(key, 1, int(self.duration) * 2):
            return self.num_requests >= 1
        count: int = self.cache.incr(key)
        return count <= self.num_requests

    def wait(self) -> float:
        """Seconds until the next window."""
        return float(self.left)


class FhirView(APIView):
    """What every address of the FHIR door has in common."""

    permission_classes = [FhirRights]
    renderer_classes = [FhirJson, PlainJson]
    throttle_classes = [FhirRate]
    parser_classes: list[Any] = []
    metadata_class = None
    schema = None  # FHIR describes itself at /fhir/metadata

    def get_exception_handler(self) -> Any:
        """Errors are told as FHIR tells them."""
        return told_error

    @property
    def base(self) -> str:
        """The address of this door, as the settings give it."""
        return f"{settings.SITE_URL}/fhir/"

    def sender(self, request: Request) -> str:
        """The laboratory that this account hands results in for."""
        assert isinstance(request.user, User)
        name = request.user.get_username().removeprefix(_ACCOUNT)
        if len(name) > _LONGEST_SENDER:
            raise exceptions.PermissionDenied(
                f"The name of this account is longer than {_LONGEST_SENDER} characters; make a shorter one."
            )
        return name

    def sees_only(self, request: Request) -> str | None:
        """Whose resources this caller sees: its own, or none named for those who may read all results."""
        return None if request.user.has_perm(READ) else self.sender(request)


def body_of(request: Request) -> bytes:
    """The body's bytes, of a media type that is FHIR's, and not too many of them."""
    kind, _mark, rest = request.content_type.partition(";")
    charset = rest.lower().partition("charset=")[2].strip(' "') or "utf-8"
    if kind.strip().lower() not in {FHIR_JSON, PLAIN_JSON} or charset not in {"utf-8", "utf8"}:
        raise exceptions.UnsupportedMediaType(request.content_type[:80])
    most = settings.FHIR_MOST_BYTES
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise LengthRequired
    stated = request.META.get("CONTENT_LENGTH") or "0"
    if stated.isdigit() and int(stated) > most:
        raise TooLarge
    body: bytes = request.stream.read(most + 1) if request.stream is not None else b""
    if len(body) > most:
        raise TooLarge
    return body


def told_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """An error as an OperationOutcome; None for one that nobody foresaw."""
    if isinstance(error, FhirFault):
        return Response(refusal([error]), status=STATUS[error.kind])
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("A FHIR request was not taken: %s", type(error).__name__)
        error = Busy()
    response = exception_handler(error, context)
    if response is None:
        return None
    data = response.data
    text = str(data["detail"]) if isinstance(data, dict) and "detail" in data else str(data)
    code = _CODES.get(HTTPStatus(response.status_code), "transient")
    response.data = outcome([issue(severity="error", code=code, text=text)])
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "5"
    return response
