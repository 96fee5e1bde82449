"""FHIR resources and a laboratory's client for tests: plain functions, fixed values, no randomness."""

import json
from decimal import Decimal
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labs.formats.fhir_json import copied, dump, load
from labs.models import Patient
from tests.builders_labs import make_patient

OURS = "https://clinic.example.org/mrn"
LAB_IDS = "https://lab.example.org/results"
FHIR = "application/fhir+json"
COLLECTED = "2026-05-04T08:00:00+02:00"


def fhir_patient(**facts: Any) -> Patient:
    """Maria Müller, with our own FHIR system."""
    return make_patient(**({"fhir_system": OURS} | facts))


def lab(name: str = "central-lab") -> Client:
    """The laboratory's system with its token."""
    out = StringIO()
    call_command("token", role="lab-feed", name=name, stdout=out, stderr=StringIO())
    return Client(headers={"Authorization": f"Bearer {out.getvalue().split()[-1]}"})


def quantity(value: str = "60", unit: str = "10*9/L", **parts: Any) -> dict[str, Any]:
    """A quantity in UCUM."""
    ucum = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {"value": Decimal(value), **ucum, **parts}


def code(loinc: str = "777-3", text: str = "Platelets") -> dict[str, Any]:
    """A test by its LOINC code."""
    return {"coding": [{"system": "http://loinc.org", "code": loinc, "display": text}]}


def subject(number: str = "1001", system: str = OURS) -> dict[str, Any]:
    """Maria Müller by her number."""
    return {"identifier": {"system": system, "value": number}}


def observation(key: str = "R1", /, **parts: Any) -> dict[str, Any]:
    """Maria Müller's platelets, 60; a part given as None is left out."""
    given = {
        "resourceType": "Observation",
        "identifier": [{"system": LAB_IDS, "value": key}] if key else None,
        "status": "final",
        "code": code(),
        "subject": subject(),
        "effectiveDateTime": COLLECTED,
        "valueQuantity": quantity(),
        "referenceRange": [{"low": quantity("150"), "high": quantity("400")}],
    }
    return {name: part for name, part in (given | parts).items() if part is not None}


def report(key: str = "D1", /, **parts: Any) -> dict[str, Any]:
    """A report of Maria Müller's blood count."""
    given = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": LAB_IDS, "value": key}] if key else None,
        "status": "final",
        "code": code("58410-2", "Blood count"),
        "subject": subject(),
        "effectiveDateTime": COLLECTED,
    }
    return {name: part for name, part in (given | parts).items() if part is not None}


def entry(
    resource: dict[str, Any], name: str = "", *, method: str = "POST", url: str = "", **request: str
) -> Any:
    """One entry of a bundle."""
    asked = {"method": method, "url": url or resource["resourceType"], **request}
    return ({"fullUrl": name} if name else {}) | {"resource": resource, "request": asked}


def bundle(*entries: dict[str, Any], kind: str = "transaction", **parts: Any) -> dict[str, Any]:
    """A bundle of these entries."""
    return {"resourceType": "Bundle", "type": kind, **parts, "entry": list(entries)}


def send(client: Client, body: Any, path: str = "", *, method: str = "post", **headers: str) -> Any:
    """Send a resource to its own address, a bundle to the root; the bytes are ours, digit for digit."""
    kind = body.get("resourceType", "") if isinstance(body, dict) else ""
    path = path or ("" if kind == "Bundle" else kind)
    data = body if isinstance(body, bytes) else dump(body).encode()
    names = {f"HTTP_{name.upper()}": text for name, text in headers.items()}
    return getattr(client, method)(f"/fhir/{path}", data=data, content_type=FHIR, **names)


def told(answer: Any) -> dict[str, Any]:
    """The body of an answer, with exact decimals."""
    return load(answer.content, deepest=60)


def issues(answer: Any) -> list[tuple[str, str]]:
    """Severity and code of each issue of an OperationOutcome."""
    body = told(answer)
    assert body["resourceType"] == "OperationOutcome", body
    return [(each["severity"], each["code"]) for each in body["issue"]]


def results(*, history: bool = False, mrn: str = "1001") -> list[dict[str, Any]]:
    """What `manage.py results` prints of Maria Müller."""
    out = StringIO()
    call_command("results", mrn=mrn, history=history, stdout=out)
    found: list[dict[str, Any]] = json.loads(out.getvalue())
    return found


def values(**options: Any) -> list[tuple[str, str, str]]:
    """Analyte, value and status of her results."""
    return [(row["analyte"], row["value"], row["status"]) for row in results(**options)]


def counted(captured: CaptureQueriesContext) -> int:
    """How many queries a request made, without those of the rate's count: a new minute asks fewer."""
    others = ("rate_limit", "SAVEPOINT")
    return sum(not any(word in query["sql"] for word in others) for query in captured.captured_queries)


PERSON = {
    "resourceType": "Patient",
    "identifier": [{"system": "s", "value": "v"}],
    "name": [{"family": "A"}],
    "birthDate": "1961-03-02",
}
SPECIMEN = {
    "resourceType": "Specimen",
    "collection": {"collectedDateTime": "2026-05-04"},
    "condition": [{"text": "x"}],
}
LISTED = [{"reference": "#c"}, {"reference": "urn:uuid:a"}]
WHOLE = bundle(
    entry(PERSON, "urn:uuid:p"),
    entry(SPECIMEN, "urn:uuid:s"),
    entry(
        observation(
            "R1",
            subject={"reference": "urn:uuid:p"},
            specimen={"reference": "urn:uuid:s"},
            note=[{"text": "clotted"}],
            interpretation=[{"coding": [{"code": "L"}]}],
            issued="2026-05-04T10:00:00Z",
        ),
        "urn:uuid:a",
        ifNoneExist="identifier=https://lab.example.org/results|R1",
    ),
    entry(
        observation(
            "R2",
            valueQuantity=None,
            component=[{"code": code(), "valueQuantity": quantity("1.50")}],
            hasMember=[{"reference": "urn:uuid:a"}],
        ),
        "urn:uuid:b",
    ),
    entry(report("D1", contained=[{**observation(""), "id": "c"}], result=LISTED)),
    kind="batch",
    timestamp="2026-05-04T10:00:00Z",
)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a resource."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    own = [path] if path else []
    return [*own, *(found for key, part in below for found in places_in(part, (*path, key)))]


def changed_at(resource: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy with another part in one place, or with none where it is an ellipsis."""
    body = copied(resource)
    holder = body
    for key in path[:-1]:
        holder = holder[key]
    if other is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = other
    return body
