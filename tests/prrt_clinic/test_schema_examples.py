"""The OpenAPI document shows an example of everything that is sent and answered, each of its own shape."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft7Validator


def strict(schema: Any) -> Any:
    """The shape in JSON Schema's words: OpenAPI 3.0 says `nullable` where JSON Schema says `null`."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: strict(each) for name, each in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def _contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for address, methods in document["paths"].items():
        if address.startswith(("/api/v1/schema", "/api/v1/docs")):
            continue
        for method, operation in methods.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{method.upper()} {address}: the body as {kind}", content
            for status, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    yield f"{method.upper()} {address}: {status} as {kind}", content


@pytest.mark.django_db
def test_every_body_and_every_answer_has_an_example_of_its_shape() -> None:
    document = Client().get("/api/v1/schema/?format=json").json()
    components = {"components": strict(document["components"])}
    wrong, seen = [], 0
    for where, content in _contents(document):
        shown = [each["value"] for each in content.get("examples", {}).values()]
        shown += [content["example"]] if "example" in content else []
        if not shown:
            wrong.append(f"{where}: no example")
        validator = Draft7Validator(strict(content["schema"]) | components)
        for example in shown:
            wrong += [
                f"{where}: {fault.json_path} {fault.message}" for fault in validator.iter_errors(example)
            ]
            seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 200
