"""How errors are told to machines: application/problem+json (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

PROBLEM = "application/problem+json"
FHIR_JSON = "application/fhir+json"
NO_SUCH_THING = "There is no such resource, or it is not one that this account may see."


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Tell an error as application/problem+json (RFC 9457); None for one that nobody foresaw."""
    response = exception_handler(error, context)
    if response is None:
        return None
    body: dict[str, Any] = _body(response.status_code)
    if isinstance(response.data, dict) and set(response.data) == {"detail"}:
        body["detail"] = str(response.data["detail"])
    else:
        body["errors"] = _by_field(response.data)
    code = getattr(error, "default_code", None)
    if isinstance(error, Http404):  # which names the model, in the framework's words
        body["detail"], code = NO_SUCH_THING, exceptions.NotFound.default_code
    if isinstance(error, exceptions.APIException) and isinstance(error.get_codes(), str):
        code = error.get_codes()
    if code:
        body["code"] = code
    response.data = body
    response.content_type = PROBLEM
    return response


def _by_field(found: Any, field: str = "") -> dict[str, list[str]]:
    """Faults by the field they are about; one inside another is named with a dot between."""
    if isinstance(found, dict):
        errors: dict[str, list[str]] = {}
        for name, inner in found.items():
            at = field if field and name == "non_field_errors" else ".".join(filter(None, (field, str(name))))
            errors |= _by_field(inner, at)
        return errors
    faults = found if isinstance(found, list) else [found]
    return {field or "non_field_errors": [str(each) for each in faults]}


def closed(request: HttpRequest) -> HttpResponseBase:
    """In the place of a library's page that this service does not offer."""
    raise Http404


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404: a problem document under /api/, an OperationOutcome under /fhir/, a page elsewhere."""
    return _machine_problem(request, 404) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500: a problem document under /api/, an OperationOutcome under /fhir/, a page elsewhere."""
    return _machine_problem(request, 500) or defaults.server_error(request)


def _machine_problem(request: HttpRequest, status: int) -> HttpResponse | None:
    if request.path.startswith("/fhir/"):
        issue = {"severity": "error", "code": "exception", "diagnostics": HTTPStatus(status).phrase}
        body = {"resourceType": "OperationOutcome", "issue": [issue]}
        return JsonResponse(body, status=status, content_type=FHIR_JSON)
    if request.path.startswith("/api/"):
        code = {404: exceptions.NotFound, 500: exceptions.APIException}[status].default_code
        return JsonResponse(_body(status) | {"code": code}, status=status, content_type=PROBLEM)
    return None


def _body(status: int) -> dict[str, Any]:
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
