"""How the OpenAPI document tells of our bearer tokens, of problems, and what each body looks like."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

PROBLEM = "application/problem+json"
EXAMPLES = Path(__file__).parent / "schema_examples.json"
SAID = {
    400: "what was sent cannot be read; `errors` names each field and the remedy",
    401: "no good token",
    403: "this account may not do it",
    404: "there is no such resource",
    415: "the body must be application/json",
    429: "too many requests; Retry-After says when",
}


class ServiceTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A token from `manage.py token`, sent as `Authorization: Bearer …`."""

    target_class = "prrt_clinic.api.ServiceToken"
    name = "serviceToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The scheme in OpenAPI's words."""
        return {"type": "http", "scheme": "bearer"}


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say which problem documents each address may answer with, and that unknown fields are refused."""
    for address, methods in result["paths"].items():
        for method, operation in methods.items():
            if not isinstance(operation, dict) or not operation.get("security"):
                continue
            for status in _may_answer(address, method, operation):
                operation["responses"].setdefault(
                    str(status),
                    {
                        "description": SAID[status],
                        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemShape"}}},
                    },
                )
    for name, component in result["components"]["schemas"].items():
        # What is sent is read strictly: a field that nobody knows is an error.
        if name.endswith("Request") and component.get("type") == "object":
            component["additionalProperties"] = False
    return result


def _may_answer(address: str, method: str, operation: dict[str, Any]) -> set[int]:
    """401, 403, 429 anywhere; 404 of a thing with an id; 400 and 415 where something is sent."""
    statuses = {401, 403, 429}
    if "{" in address:
        statuses.add(404)
    if method != "get" or any(each.get("in") == "query" for each in operation.get("parameters", ())):
        statuses.add(400)
    return statuses | ({415} if "requestBody" in operation else set())


@cache
def _examples() -> dict[str, dict[str, Any]]:
    """What was really sent and answered once: problems by status, bodies and answers by shape or address."""
    found: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text())
    return found


def with_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Show an example of each body and each answer that brings none of its own."""
    for address, methods in result["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict):
                _show(f"{method.upper()} {address}", operation)
    return result


def _show(where: str, operation: dict[str, Any]) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _put(content, _examples()["bodies"].get(_shape(content)))
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            problem = _examples()["problems"].get(status) if kind == PROBLEM else None
            _put(content, problem if kind == PROBLEM else _answer(where, content))


def _put(content: dict[str, Any], example: Any) -> None:
    if example is not None and "examples" not in content:
        content["example"] = example


def _shape(content: dict[str, Any]) -> str:
    return str(content["schema"].get("$ref", "")).rpartition("/")[2]


def _answer(where: str, content: dict[str, Any]) -> Any:
    """By the address; else by the shape; else a page of it; else the day, which its acts answer with."""
    known = _examples()["answers"]
    if (found := _examples()["addresses"].get(where) or known.get(_shape(content))) is not None:
        return found
    results = content["schema"].get("properties", {}).get("results", {})
    if _shape({"schema": results.get("items", {})}) in known:
        return {"next": None, "results": [known[_shape({"schema": results["items"]})]]}
    return known["therapy-day"] if "/therapy-days/" in where else None
