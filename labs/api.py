"""The FHIR door: resources and bundles in, what stands out (thin)."""

import hashlib
from functools import partial
from http import HTTPStatus
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from labs import fhir_search
from labs.fhir_answers import told
from labs.fhir_capability import capability
from labs.fhir_http import Busy, FhirView, body_of
from labs.formats.fhir_json import RULE, SYNTAX, FhirFault
from labs.services import (
    KeyReused,
    StoredAnswer,
    answer_once,
    earlier_answer,
    keep_request,
    note_repeated,
    take_request,
)

RELEASED_ON = "2026-11-27"  # of the door's capabilities; it changes with them
_LONGEST_KEY = 255
# Conditions that would have to be kept, and are not known here; to pass one over would change what was asked.
_UNKNOWN_CONDITIONS = ("If-None-Match", "If-Modified-Since", "If-Unmodified-Since")


class TakingView(FhirView):
    """Takes requests in: kept byte for byte and committed first, then read and answered."""

    def take(self, request: Request, *, target: str) -> Response:
        """Keep, read, answer; with an Idempotency-Key at most once."""
        sender, body = self.sender(request), body_of(request)
        _refuse_unknown_conditions(request)
        asked = {
            "method": str(request.method),
            "target": target,
            "if_match": request.headers.get("If-Match", ""),
            "if_none_exist": request.headers.get("If-None-Exist", ""),
        }
        key, client = _key(request), str(request.user.get_username())
        fingerprint = hashlib.sha256(repr(sorted(asked.items())).encode() + b"\0" + body).hexdigest()
        keep = partial(
            keep_request,
            body=body,
            sender=sender,
            peer=str(request.META.get("REMOTE_ADDR", "")),
            # Where this door stands is no part of what was asked, and is needed to read it once more.
            request={**asked, "base": self.base},
        )
        prefer = request.headers.get("Prefer", "")
        if not key:
            return _answered(self._read(keep(), prefer))
        try:
            answer = earlier_answer(client=client, key=key, fingerprint=fingerprint)
            if answer is None:
                message_id = keep()
                work = partial(self._read, message_id, prefer)
                answer, is_repeated = answer_once(client=client, key=key, fingerprint=fingerprint, work=work)
                if is_repeated:
                    note_repeated(message_id=message_id)
        except KeyReused:
            reason = "This Idempotency-Key was used before for another request; use a new one."
            raise FhirFault(kind=RULE, code="conflict", reason=reason) from None
        return _answered(answer)

    def _read(self, message_id: int, prefer: str) -> StoredAnswer:
        reading = take_request(message_id=message_id)
        if reading is None:
            raise Busy
        return told(reading, base=self.base, prefer=prefer)


class Root(TakingView):
    """Bundles: transactions and batches."""

    def post(self, request: Request) -> Response:
        """Take a bundle."""
        return self.take(request, target="")


class Observations(TakingView):
    """All Observations."""

    def get(self, request: Request) -> Response:
        """Search what stands."""
        query = {name: text for name, text in request.query_params.items() if isinstance(text, str)}
        for name, texts in request.query_params.lists():
            if len(texts) > 1:
                raise FhirFault(kind=SYNTAX, code="not-supported", reason=f"{name} stands twice.", where=name)
        sender = self.sees_only(request)
        if sender is not None and "identifier" not in query:
            self.permission_denied(
                request, "A laboratory's token finds its own resources by identifier only."
            )
        return Response(fhir_search.search(query, base=self.base, sender=sender))

    def post(self, request: Request) -> Response:
        """Create one."""
        return self.take(request, target="Observation")

    def put(self, request: Request) -> Response:
        """Update the one with an identifier, or create it."""
        return self.take(request, target=f"Observation?{request.META.get('QUERY_STRING', '')}")


class Reports(TakingView):
    """All DiagnosticReports."""

    def post(self, request: Request) -> Response:
        """Create one."""
        return self.take(request, target="DiagnosticReport")

    def put(self, request: Request) -> Response:
        """Update the one with an identifier, or create it."""
        return self.take(request, target=f"DiagnosticReport?{request.META.get('QUERY_STRING', '')}")


class OneResource(TakingView):
    """One resource by its id."""

    kind = ""

    def get(self, request: Request, id: str) -> Response:
        """Read it."""
        found = fhir_search.read_one(self.kind, id, sender=self.sees_only(request))
        if found is None:
            raise NotFound(f"There is no {self.kind} with this id that you may read.")
        return Response(found.shape, headers={"ETag": f'W/"{found.version}"'})

    def put(self, request: Request, id: str) -> Response:
        """Update it."""
        return self.take(request, target=f"{self.kind}/{id}")


class OneObservation(OneResource):
    """One Observation."""

    kind = "Observation"


class OneReport(OneResource):
    """One DiagnosticReport."""

    kind = "DiagnosticReport"


class Metadata(FhirView):
    """What this door can do; open to everybody, it holds no patient."""

    permission_classes = [AllowAny]
    more: tuple[
        dict[str, Any], ...
    ] = ()  # what other apps show here, handed over where the routes are joined

    def get(self, request: Request) -> Response:
        """The CapabilityStatement."""
        return Response(capability(base=self.base, released_on=RELEASED_ON, more=self.more))


class Nowhere(FhirView):
    """Every other address of this door."""

    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """There is nothing here, whatever is asked."""
        super().initial(request, *args, **kwargs)
        raise NotFound("This door has what /fhir/metadata lists, and bundles at its root.")


def _refuse_unknown_conditions(request: Request) -> None:
    for name in _UNKNOWN_CONDITIONS:
        if name in request.headers:
            reason = (
                f"{name} is a condition this door does not know; use If-Match with the version for an update,"
                " If-None-Exist with the identifier for a create."
            )
            raise FhirFault(kind=RULE, code="not-supported", reason=reason, where=name)


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST_KEY or not key.isprintable():
        reason = f"An Idempotency-Key has at most {_LONGEST_KEY} printable characters."
        raise FhirFault(kind=SYNTAX, code="value", reason=reason)
    return key


def _answered(answer: StoredAnswer) -> Response:
    status = HTTPStatus(answer.status)
    return Response(answer.body or None, status=status, headers=dict(answer.headers))
