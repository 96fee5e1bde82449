"""How the OpenAPI document tells of our bearer tokens, and of the problems that addresses answer with."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

PROBLEM = "application/problem+json"
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
