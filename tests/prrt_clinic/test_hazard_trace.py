"""Every hazard of treatment and alerting has a test that bears its id; what has none is listed with why."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
# The hazard log counts from HZ-01; HZ-38 to HZ-65 are those between a decision and the patient who goes home,
# HZ-66 to HZ-76 those of telling people.
LOG = {f"HZ-{number:02}" for number in range(1, 99)}
TRACED = {f"HZ-{number:02}" for number in range(38, 77)}
# Hazards whose control does not stand yet, with the issue that builds it.
NOT_BUILT_YET: dict[str, str] = {}
# What of a hazard no program can test, beside the tests that bear its id.
FOR_PEOPLE = {
    "HZ-43": "whether readers see through a wrong proposal: a formative test with eight users or more",
    "HZ-63": "whether a clinic treats from paper while the system is down: a drill every year",
}


@cache
def marked() -> dict[str, list[str]]:
    """The tests that bear each id, read from the source without importing it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        for name, hazard in _marks(ast.parse(text)) if ".hazard(" in text else ():
            found[hazard].append(f"{path.relative_to(TESTS)}::{name}")
    return dict(found)


def _marks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each test of a module with each id that it bears, itself or through its class or its module."""
    for_all = [hazard for node in tree.body if _is_pytestmark(node) for hazard in _ids(node)]
    for node in tree.body:
        of_class = list(_decorations(node)) if isinstance(node, ast.ClassDef) else []
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        for each in inside:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_"):
                for hazard in (*for_all, *of_class, *_decorations(each)):
                    yield each.name, hazard


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    )


def _decorations(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        yield from _ids(decorator)


def _ids(node: ast.AST) -> Iterator[str]:
    """The ids in every `pytest.mark.hazard(...)`; one that is no plain text is none of the log."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "hazard":
            yield from map(_id, call.args)


def _id(argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return ast.unparse(argument)


@pytest.mark.parametrize("hazard", sorted(TRACED - set(NOT_BUILT_YET)))
def test_every_hazard_of_treatment_and_alerting_has_a_test_that_bears_its_id(hazard: str) -> None:
    assert marked().get(hazard), f"no test bears {hazard}: mark one that fails when its control is off"


def test_no_test_bears_an_id_that_the_log_does_not_have() -> None:
    assert {hazard: tests for hazard, tests in marked().items() if hazard not in LOG} == {}


def test_what_is_built_is_not_listed_as_missing_any_more() -> None:
    assert {hazard: marked()[hazard] for hazard in NOT_BUILT_YET if hazard in marked()} == {}


def test_both_lists_name_traced_hazards_and_say_why() -> None:
    assert set(NOT_BUILT_YET) | set(FOR_PEOPLE) <= TRACED
    assert all(NOT_BUILT_YET.values())
    assert all(FOR_PEOPLE.values())


def test_marks_are_found_on_functions_classes_and_modules_and_nowhere_else() -> None:
    source = """
pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-01")]

@pytest.mark.hazard("HZ-02")
class TestOne:
    @pytest.mark.hazard("HZ-03")
    def test_inside(self): ...

@pytest.mark.hazard("HZ-04")
@pytest.mark.hazard(SOME_NAME)
def test_outside(): ...

@pytest.mark.hazard("HZ-05")
def not_a_test(): ...
"""
    assert sorted(_marks(ast.parse(source))) == [
        ("test_inside", "HZ-01"),
        ("test_inside", "HZ-02"),
        ("test_inside", "HZ-03"),
        ("test_outside", "HZ-01"),
        ("test_outside", "HZ-04"),
        ("test_outside", "SOME_NAME"),
    ]
