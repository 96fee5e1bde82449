"""Tell whether this process lives and whether the service may be used, with each problem by name.

A module of its own, because readiness here means append-only triggers and protocol files, which no package
knows; what is left (one query, the migration plan, one socket) is shorter than its configuration would be.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from alerts.services.duty_state import duty_state
from courses.library import protocol, protocol_ids, protocol_sha256, shelf
from courses.models import Course
from labs.clock import database_now
from labs.services.feeds import silent_feeds
from prrt_clinic.append_only import missing_triggers
from prrt_clinic.celery import app


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """This process answers; it says nothing of the database."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the service may be used, else 503; "problems" stop it, "warnings" only slow it."""
    problems = _problems()
    # Without the broker the second runner still does every duty, within a minute.
    warnings = [] if _broker_answers() else ["broker: not reachable; work waits for the second runner"]
    warnings += [] if problems else [*_silence(), *_duty()]
    status = "not ready" if problems else "ok"
    body = {"status": status, "problems": problems, "warnings": warnings}
    return JsonResponse(body, status=503 if problems else 200)


def _problems() -> list[str]:
    checks: dict[str, Callable[[], list[str]]] = {
        "database": _database,
        "migrations": _migrations,
        "append-only": lambda: missing_triggers(connection),
        "protocols": _protocols,
    }
    found: list[str] = []
    for name, check in checks.items():
        try:
            found += [f"{name}: {problem}" for problem in check()]
        except DatabaseError as error:
            # The kind of error only: its words may quote the address and the user of the database.
            return [*found, f"{name}: not reachable ({type(error).__name__})"]
    return found


def _database() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return []


def _migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name} not applied" for migration, _backwards in plan]


def _protocols() -> list[str]:
    try:
        known = protocol_ids()
        for protocol_id in known:
            protocol(protocol_id)
        changed = shelf().changed_files()
    except (OSError, ValueError) as error:
        return [str(error)]  # our own files: it names file, key and reason
    pinned = Course.objects.open().values_list("protocol_id", "protocol_sha256").distinct().order_by()
    stale = [f"{name}: protocol file changed since the process started; restart it" for name in changed]
    return stale + [
        f"{protocol_id} was removed or changed in place, and open courses follow it as it was"
        for protocol_id, sha256 in pinned
        if protocol_id not in known or protocol_sha256(protocol_id) != sha256
    ]


def _silence() -> list[str]:
    """How many sources are silent for too long; which ones stands on pages that ask for a log-in."""
    silent = len(silent_feeds(now=database_now()))
    return [f"laboratory: {silent} source(s) silent for longer than expected"] if silent else []


def _duty() -> list[str]:
    """What is wrong with the alert duty itself, in numbers; the names stand on pages behind a log-in."""
    duty = duty_state(now=database_now())
    found = []
    if duty.broken_rules:
        found.append(f"alerts: {duty.broken_rules} rule(s) of the alert duty broken")
    if duty.stuck_runners:
        found.append(f"alerts: {duty.stuck_runners} of the two runners without a sign of life")
    if duty.trial_is_overdue:
        found.append("alerts: the whole line was not seen to work lately")
    if duty.outside_is_overdue:
        found.append("outside: the monitor was not told lately that all is well")
    if settings.PRODUCTION and not duty.outside_is_on:
        found.append("outside: HEARTBEAT_URL is not set; if this host dies, nobody is told")
    return found


def _broker_answers() -> bool:
    if not settings.REDIS_URL:
        return True  # files beside the database
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except (OperationalError, OSError):
        return False
    return True
