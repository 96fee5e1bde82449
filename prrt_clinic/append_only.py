"""The triggers that keep the record append-only and a stop a stop, on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from prrt_clinic import stop_triggers

APPEND_ONLY = (
    "labs.LabMessage",
    "labs.Observation",
    "labs.BodyWeight",
    "labs.ContactDetails",
    "labs.PatientMerge",
    "labs.PatientMergeReview",
    "labs.FhirWriting",
    "labs.FileRows",
    "labs.CsvUpload",
    "labs.CsvPreview",
    "labs.CsvUploadEnd",
    "labs.OwnershipEvent",
    "labs.QuarantineResolution",
    "labs.ResolutionVerdict",
    "labs.MessageReplay",
    "labs.ManualAct",
    "labs.Seal",
    "courses.Decision",
    "courses.Signature",
    "courses.Directive",
    "courses.DirectiveVoid",
    "courses.Administration",
    "courses.OrderEvent",
    "courses.ChartFact",
    "courses.FactConfirmation",
    "courses.BaselineLock",
    "courses.ProtocolApproval",
    "courses.ProtocolMove",
    "courses.VialBookingEvent",
    "courses.Vial",
    "courses.VialEvent",
    "courses.AssayDirection",
    "courses.DispensedUnit",
    "courses.AminoAcidBag",
    "courses.Recall",
    "courses.RecallAnswer",
    "courses.TherapyStep",
    "courses.StartAuthorisation",
    "courses.Infusion",
    "courses.CycleJudgement",
    "courses.AbsorbedDose",
    "courses.DoseSignOff",
    "courses.Incident",
    "courses.IncidentAct",
    "courses.CycleMove",
    "courses.CourseStart",
    "courses.CourseEnd",
    "courses.CourseEndUndo",
    "courses.CourseEndUndone",
    "courses.FollowUpRecord",
    "courses.FollowUpAct",
    "courses.PatientCall",
    "courses.CallFact",
    "courses.CallSettled",
    "courses.PaperNumbersApproval",
    "courses.PrintedPaper",
    "courses.CohortExport",
    "alerts.AlertEvent",
    "alerts.Acknowledgement",
    "alerts.CriticalFinding",
    "alerts.ReadBack",
    "alerts.DeliveryReport",
    "alerts.RotaEvent",
    "alerts.HandOver",
    "alerts.Suppression",
    "alerts.Closing",
    "alerts.ReachRecord",
)
# Written before the attempt, finished once after it, then never touched again.
ONE_FINISH = ("alerts.DeliveryAttempt",)
FINISH_COLUMN = "finished_at"

_POSTGRES_FUNCTIONS = f"""
CREATE OR REPLACE FUNCTION prrt_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE FUNCTION prrt_one_finish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.{FINISH_COLUMN} IS NULL AND NEW.{FINISH_COLUMN} IS NOT NULL THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% takes exactly one finish: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger that has to stand on one table, and the statement that makes it."""

    name: str
    table: str
    create: str


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Make every trigger that is missing or differs; harmless to repeat."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRES_FUNCTIONS + stop_triggers.POSTGRES_FUNCTION)
        for trigger in _missing(connection):
            drop = f'DROP TRIGGER IF EXISTS "{trigger.name}"'
            cursor.execute(f'{drop} ON "{trigger.table}"' if connection.vendor == "postgresql" else drop)
            cursor.execute(trigger.create)


def lift_triggers(connection: BaseDatabaseWrapper) -> None:
    """Take away, before a migration, the triggers that read other tables: SQLite renames no such table.

    `install_triggers` makes them again after it.
    """
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        for name in stop_triggers.sqlite_statements():
            cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of the triggers that should stand in this database and do not, as they should."""
    return [trigger.name for trigger in _missing(connection)]


def check_triggers(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """A record that can be changed is no record, nor a stop that can be passed: an error for each missing."""
    return [
        Error(
            f"Trigger {name} is missing from database {alias!r}.",
            hint="Find out who removed it, then run: manage.py migrate --skip-checks",
            id="prrt_clinic.E001",
        )
        for alias in databases or []
        for name in missing_triggers(connections[alias])
    ]


def _wanted(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """Every trigger of the tables that exist; migrations yet to run have not made the others."""
    tables = set(connection.introspection.table_names())
    make = _postgres_triggers if connection.vendor == "postgresql" else _sqlite_triggers
    found = []
    for label in (*APPEND_ONLY, *ONE_FINISH):
        table = apps.get_model(label)._meta.db_table
        if table in tables:
            found += make(table=table, finishes=label in ONE_FINISH)
    return found + (_of_stops(connection) if stop_triggers.TABLE in tables else [])


def _of_stops(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """The triggers that refuse to let an order of a stopped course go on."""
    table = stop_triggers.TABLE
    if connection.vendor != "postgresql":
        made = stop_triggers.sqlite_statements()
        return [Trigger(name=name, table=table, create=create) for name, create in made.items()]
    name = f"{table}_not_after_stop"
    create = _postgres_statement(
        name=name, table=table, event="INSERT OR UPDATE", each="ROW", function=stop_triggers.FUNCTION
    )
    return [Trigger(name=name, table=table, create=create)]


def _missing(connection: BaseDatabaseWrapper) -> list[Trigger]:
    standing = _postgres_standing if connection.vendor == "postgresql" else _sqlite_standing
    there = standing(connection)
    return [trigger for trigger in _wanted(connection) if (trigger.table, trigger.create) not in there]


def _sqlite_triggers(*, table: str, finishes: bool) -> list[Trigger]:
    found = []
    for event in ("UPDATE", "DELETE"):
        name = f"{table}_no_{event.lower()}"
        when, words = "", f"{table} is append-only: {event} refused"
        if finishes and event == "UPDATE":
            when = f" WHEN NOT (OLD.{FINISH_COLUMN} IS NULL AND NEW.{FINISH_COLUMN} IS NOT NULL)"
            words = f"{table} takes exactly one finish: {event} refused"
        create = (
            f'CREATE TRIGGER "{name}" BEFORE {event} ON "{table}"{when} '
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
        found.append(Trigger(name=name, table=table, create=create))
    return found


def _sqlite_standing(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        return set(cursor.fetchall())


def _postgres_triggers(*, table: str, finishes: bool) -> list[Trigger]:
    found = []
    for event in ("UPDATE", "DELETE", "TRUNCATE"):
        name = f"{table}_no_{event.lower()}"
        function = "prrt_one_finish" if finishes and event == "UPDATE" else "prrt_append_only"
        each = "STATEMENT" if event == "TRUNCATE" else "ROW"
        create = _postgres_statement(name=name, table=table, event=event, each=each, function=function)
        found.append(Trigger(name=name, table=table, create=create))
    return found


def _postgres_statement(*, name: str, table: str, event: str, each: str, function: str) -> str:
    return (
        f'CREATE TRIGGER "{name}" BEFORE {event} ON "{table}" FOR EACH {each} EXECUTE FUNCTION {function}()'
    )


def _postgres_standing(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    """The enabled triggers, written as we write them; any difference in kind, timing or function shows."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, t.tgname, t.tgtype, p.proname
            FROM pg_trigger t
            JOIN pg_class c ON c.oid = t.tgrelid
            JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_proc p ON p.oid = t.tgfoid
            WHERE n.nspname = current_schema() AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
              AND t.tgqual IS NULL AND p.pronamespace = n.oid
            """
        )
        # tgtype bits: 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate.
        kinds = {
            1 | 2 | 16: ("UPDATE", "ROW"),
            1 | 2 | 4 | 16: ("INSERT OR UPDATE", "ROW"),
            1 | 2 | 8: ("DELETE", "ROW"),
            2 | 32: ("TRUNCATE", "STATEMENT"),
        }
        return {
            (
                table,
                _postgres_statement(
                    name=name, table=table, event=kinds[kind][0], each=kinds[kind][1], function=function
                ),
            )
            for table, name, kind, function in cursor.fetchall()
            if kind in kinds
        }
