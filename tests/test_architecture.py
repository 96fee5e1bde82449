"""The structure holds: who imports whom, what pure code may touch, and what every file says of itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("labs", "courses", "alerts", "prrt_clinic")
SOURCES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "migrations" not in path.parts and path.name != "__init__.py"
)
PURE_PLACES = (
    "courses/rules/*.py",
    "alerts/rules.py",
    "alerts/rota_rules.py",
    "alerts/wall_clock.py",
    "alerts/waking.py",
    "alerts/waking_reader.py",
    "alerts/wording.py",
    "alerts/wording_reader.py",
    "alerts/critical_rules.py",
    "labs/traffic.py",
    "labs/units.py",
    "labs/clinic_days.py",
    "labs/formats/*.py",
)
PURE = sorted(path for place in PURE_PLACES for path in ROOT.glob(place) if path.name != "__init__.py")
# What pure code may use of the standard library: no file, no process, no clock of its own, no chance.
PURE_STANDARD = {
    "abc", "bisect", "calendar", "collections", "csv", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "heapq", "io", "itertools", "json", "math", "operator", "re", "string",
    "traceback", "types", "typing", "unicodedata", "zlib", "zoneinfo",
}  # fmt: skip
PURE_STANDARD_PARTS = {"urllib.parse"}  # text in, text out; the rest of urllib reaches the network
CLOCKS = {
    "timezone.now", "timezone.localdate", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "time.time",
}  # fmt: skip
# A package of models or services may hand its names on; importing it starts Django anyway.
MAY_HAND_ON = {"models", "services"}
OUR_MODELS = [
    model
    for package in ("labs", "courses", "alerts")
    for model in apps.get_app_config(package).get_models()
    if not model.__name__.startswith("Historical")
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=name_of)


def test_the_import_contracts_hold():
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def test_pure_modules_load_where_nothing_but_the_standard_library_is_installed():
    modules = [name_of(path).removesuffix(".py").replace("/", ".") for path in PURE]
    script = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint('loaded')"
    ran = subprocess.run(
        [sys.executable, "-S", "-E", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.stdout == "loaded\n", ran.stderr


@each(PURE)
def test_a_pure_module_imports_only_what_is_allowed(path):
    ours = {name_of(pure).removesuffix(".py").replace("/", ".") for pure in PURE}
    packages = {"courses.rules", "labs.formats", "labs", "alerts"}
    for name in imports_of(tree_of(path)):
        assert name.split(".")[0] in PURE_STANDARD or name in ours | packages | PURE_STANDARD_PARTS, name


@each(PURE)
def test_a_pure_module_holds_no_float_no_clock_and_no_file(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"line {node.lineno}: {node.value!r}"
        if isinstance(node, ast.Name):
            assert node.id not in {"float", "open", "print", "input", "eval", "exec"}, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in CLOCKS, f"line {node.lineno}: reads a clock"


@each(SOURCES)
def test_every_module_opens_with_a_sentence(path):
    docstring = ast.get_docstring(tree_of(path))
    assert docstring, "says nothing of itself"
    first = docstring.splitlines()[0]
    assert first[0].isupper() or first.startswith("`")
    assert first.endswith((".", ".)"))


def test_package_files_are_empty_so_that_importing_a_pure_module_starts_nothing():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            body = tree_of(path).body
            if path.parent.name in MAY_HAND_ON:
                handed_on = (ast.ImportFrom, ast.Assign, ast.Expr)
                assert all(isinstance(node, handed_on) for node in body), name_of(path)
            else:
                assert body == [], name_of(path)


@each(SOURCES)
def test_imports_stand_at_the_top_and_know_no_knots(path):
    tree = tree_of(path)
    assert not any(isinstance(node, ast.Name) and node.id == "TYPE_CHECKING" for node in ast.walk(tree))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function)), (
                f"{function.name} imports"
            )


@each([path for path in SOURCES if path.relative_to(ROOT).parts[0] != "prrt_clinic"])
def test_one_clock_is_read(path):
    # The clock itself, and the listener, whose acknowledgement bears the time it was written.
    if name_of(path) in {"labs/clock.py", "labs/mllp.py"}:
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and not node.args:
            called = ast.unparse(node.func)
            assert called not in CLOCKS | {"timezone.localtime"}, f"line {node.lineno}: {called}"


@each(SOURCES)
def test_only_the_nudges_connect_receivers(path):
    # These are the framework's own steps around migrate, not flows of ours.
    allowed = {"prrt_clinic/nudges.py": None, "prrt_clinic/apps.py": {"pre_migrate", "post_migrate"}}
    if name_of(path) == "prrt_clinic/nudges.py":
        return
    tree = tree_of(path)
    assert "django.dispatch" not in imports_of(tree) or path.name == "signals.py"
    signals = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("signals")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "connect" and isinstance(node.value, ast.Name):
            assert node.value.id not in signals - (allowed.get(name_of(path)) or set()), f"line {node.lineno}"


@each(SOURCES)
def test_no_bare_update_passes_by_a_history(path):
    tracked = {model.__name__ for model in OUR_MODELS if hasattr(model, "history")}
    assert tracked
    for node in ast.walk(tree_of(path)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in {"update", "bulk_update", "bulk_create"}:
            manager = ast.unparse(node.func.value)
            assert not any(f"{name}.objects" in manager for name in tracked), f"line {node.lineno}: {manager}"


@pytest.mark.parametrize("model", OUR_MODELS, ids=lambda model: model._meta.label)
def test_no_time_is_filled_in_by_itself(model):
    for field in model._meta.local_fields:
        if isinstance(field, models.DateField | models.TimeField):
            assert not getattr(field, "auto_now", False), field.name
            assert not getattr(field, "auto_now_add", False), field.name
            assert not field.has_default() or field.default is None, field.name


def test_heavy_libraries_are_loaded_only_by_what_uses_them():
    # Each of these is named in a text and loaded when it is first used; a web process begins without them.
    at_need = {
        "pandas": {"labs/csv_table.py", "courses/cohort/tables.py"},
        "openpyxl": {"courses/cohort/workbook.py"},
    }
    places = set().union(*at_need.values())
    modules = {place.removesuffix(".py").replace("/", ".") for place in places}
    for path in SOURCES:
        imported = set(imports_of(tree_of(path)))
        for library, allowed in at_need.items():
            found = any(name.split(".")[0] == library for name in imported)
            assert not found or name_of(path) in allowed, f"{name_of(path)} loads {library}"
        assert not imported & modules, f"{name_of(path)} imports what loads a heavy library"
