"""Start one process of the service for a fault test, its waiting times scaled where the test says so."""

import datetime
import importlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

SCALE = "PRRT_SCALE"
CLOCK_SHIFT = "PRRT_CLOCK_SHIFT"
CLOCK_JUMP = "PRRT_CLOCK_JUMP"
# Where a waiting time may live; the first of these modules that has it.
HOMES = {"LEASE": ("alerts.services.claiming", "alerts.services.dispatch")}


def scale() -> None:
    """Shorten what PRRT_SCALE names in seconds, such as `LEASE=4`; several stand with spaces between."""
    for entry in os.environ.get(SCALE, "").split():
        name, _, seconds = entry.partition("=")
        module = next(filter(None, (_having(name, home) for home in HOMES[name])), None)
        if module is None:  # a name that is gone must not leave a test unscaled in silence
            raise SystemExit(f"{name} is in none of {HOMES[name]}.")
        setattr(module, name, timedelta(seconds=float(seconds)))


def _having(name: str, home: str) -> ModuleType | None:
    try:
        module = importlib.import_module(home)
    except ModuleNotFoundError:
        return None
    return module if hasattr(module, name) else None


def put_clock_wrong() -> None:
    """Have every clock that this process reads itself go wrong by PRRT_CLOCK_SHIFT seconds from the start.

    Or by the seconds in the file that PRRT_CLOCK_JUMP names, from the moment at which it is there. Before
    anything else is imported, so that all of it finds the wrong one; only the database's stays right.
    """
    always, place = float(os.environ.get(CLOCK_SHIFT, "0")), os.environ.get(CLOCK_JUMP, "")
    if not always and not place:
        return
    right_time, right = time.time, datetime.datetime

    def wrong_by() -> float:
        if not place:
            return always
        file = Path(place)
        return float(file.read_text(encoding="ascii") or always) if file.exists() else always

    class Known(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, right)

    class Wrong(right, metaclass=Known):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return right.now(tz) + timedelta(seconds=wrong_by())

        @classmethod
        def utcnow(cls) -> Any:
            return right.now(datetime.UTC).replace(tzinfo=None) + timedelta(seconds=wrong_by())

    time.time = lambda: right_time() + wrong_by()
    datetime.datetime = Wrong  # type: ignore[misc]


def main(arguments: list[str]) -> None:
    """`manage COMMAND ...` or `celery worker|beat ...`."""
    put_clock_wrong()
    import django  # noqa: PLC0415  (nothing of Django's loads before the environment is looked at)

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prrt_clinic.settings")
    django.setup()
    scale()
    kind, *rest = arguments
    if kind == "celery":
        from prrt_clinic.celery import app  # noqa: PLC0415

        app.start(rest)
    else:
        from django.core.management import execute_from_command_line  # noqa: PLC0415

        execute_from_command_line(["manage.py", *rest])


if __name__ == "__main__":
    main(sys.argv[1:])
