"""Append-only rows refuse change on both databases, and a missing trigger is found."""

import pytest
from django.apps import apps
from django.core.checks import Tags, run_checks
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from prrt_clinic.append_only import (
    APPEND_ONLY,
    ONE_FINISH,
    check_triggers,
    install_triggers,
    missing_triggers,
)

pytestmark = pytest.mark.django_db
# Two tables of no model, shaped like the two kinds, so that the triggers are tried on rows without a clinic.
PLAIN, FINISHED_ONCE = "prrt_trial_plain", "prrt_trial_finish"


class _Trial:
    def __init__(self, table):
        self._meta = type("Meta", (), {"db_table": table})


@pytest.fixture
def trial(monkeypatch):
    """One row in each of the two tables, with the triggers that the real tables get."""
    real = apps.get_model
    tables = {APPEND_ONLY[0]: _Trial(PLAIN), ONE_FINISH[0]: _Trial(FINISHED_ONCE)}
    monkeypatch.setattr(apps, "get_model", lambda label: tables.get(label) or real(label))
    with connection.cursor() as cursor:
        for table in (PLAIN, FINISHED_ONCE):
            cursor.execute(
                f"CREATE TABLE {table} (id integer PRIMARY KEY, word text, finished_at timestamp NULL)"
            )
        install_triggers(connection)
        for table in (PLAIN, FINISHED_ONCE):
            cursor.execute(f"INSERT INTO {table} VALUES (1, 'as it was', NULL)")


def refused(statement):
    with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(error.value)


@pytest.mark.usefixtures("trial")
def test_a_row_of_the_record_can_be_neither_changed_nor_deleted():
    assert "append-only" in refused(f"UPDATE {PLAIN} SET word = 'other'")
    assert "append-only" in refused(f"DELETE FROM {PLAIN}")


@pytest.mark.sqlite
@pytest.mark.usefixtures("trial")
def test_replacing_a_row_is_refused_like_deleting_it():
    assert "append-only" in refused(f"INSERT OR REPLACE INTO {PLAIN} VALUES (1, 'other', NULL)")


@pytest.mark.postgres
@pytest.mark.usefixtures("trial")
def test_a_table_of_the_record_cannot_be_emptied():
    assert "append-only" in refused(f"TRUNCATE {PLAIN}")
    assert "append-only" in refused(f"TRUNCATE {FINISHED_ONCE}")


@pytest.mark.usefixtures("trial")
def test_an_attempt_is_finished_once_and_never_again():
    assert "one finish" in refused(f"UPDATE {FINISHED_ONCE} SET word = 'other'")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {FINISHED_ONCE} SET finished_at = '2026-05-04 08:00:00'")
    assert "one finish" in refused(f"UPDATE {FINISHED_ONCE} SET finished_at = '2026-05-04 09:00:00'")
    assert "one finish" in refused(f"UPDATE {FINISHED_ONCE} SET finished_at = NULL")
    assert "append-only" in refused(f"DELETE FROM {FINISHED_ONCE}")


@pytest.mark.parametrize("label", [*APPEND_ONLY, *ONE_FINISH])
def test_every_table_of_the_list_has_its_triggers_after_migrate(label):
    table = apps.get_model(label)._meta.db_table
    events = ("update", "delete", "truncate") if connection.vendor == "postgresql" else ("update", "delete")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass", [f'"{table}"'])
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        standing = {name for (name,) in cursor.fetchall()}
    assert {f"{table}_no_{event}" for event in events} <= standing


def drop(name, table):
    with connection.cursor() as cursor:
        cursor.execute(
            f'DROP TRIGGER "{name}"' + (f' ON "{table}"' if connection.vendor == "postgresql" else "")
        )


def test_a_dropped_trigger_is_found_by_the_check_and_by_readiness_and_made_again(client):
    assert missing_triggers(connection) == []
    drop("courses_decision_no_update", "courses_decision")
    assert missing_triggers(connection) == ["courses_decision_no_update"]
    errors = run_checks(tags=[Tags.database], databases=["default"])
    assert [error.id for error in errors] == ["prrt_clinic.E001"]
    assert "courses_decision_no_update" in errors[0].msg
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["append-only: courses_decision_no_update"]
    install_triggers(connection)
    assert check_triggers(databases=["default"]) == []


def test_a_trigger_that_lets_everything_pass_counts_as_missing():
    drop("courses_decision_no_update", "courses_decision")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE FUNCTION lets_pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
            )
            cursor.execute(
                'CREATE TRIGGER "courses_decision_no_update" BEFORE UPDATE ON "courses_decision" '
                "FOR EACH ROW EXECUTE FUNCTION lets_pass()"
            )
        else:
            cursor.execute(
                'CREATE TRIGGER "courses_decision_no_update" BEFORE UPDATE ON "courses_decision" '
                "BEGIN SELECT 1; END"
            )
    assert missing_triggers(connection) == ["courses_decision_no_update"]


@pytest.mark.postgres
def test_a_disabled_trigger_counts_as_missing():
    with connection.cursor() as cursor:
        cursor.execute('ALTER TABLE "courses_decision" DISABLE TRIGGER "courses_decision_no_delete"')
    assert missing_triggers(connection) == ["courses_decision_no_delete"]


@pytest.mark.usefixtures("real_commits")
def test_migrate_puts_back_what_is_missing():
    drop("labs_labmessage_no_delete", "labs_labmessage")
    call_command("migrate", verbosity=0, interactive=False)
    assert missing_triggers(connection) == []
