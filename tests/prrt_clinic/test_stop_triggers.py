"""No order of a stopped course goes on, whoever writes it: also by a statement past every service (HZ-48)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import CharField

from courses.models import Course, Order
from prrt_clinic.append_only import lift_triggers, missing_triggers
from prrt_clinic.apps import furnish, make_way
from tests.builders_therapy_day import at, dispense, physician, ready_cycle

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-48")]
GOES_ON = ("proposed", "active", "suspended", "accepted", "prepared", "dispensed")


def write(state: str, order: Order) -> None:
    """Past every service: a statement of somebody who may write the table."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE courses_order SET state = %s, reason_code = 'x' WHERE id = %s", [state, order.pk]
        )


def stop(order: Order) -> None:
    Course.objects.filter(pk=order.cycle.course_id).update(status="stopped")


@pytest.fixture
def order() -> Order:
    """The radioactive order of a signed cycle, cancelled."""
    found = Order.objects.select_related("cycle").get(cycle=ready_cycle(), kind="radiopharmaceutical")
    write("cancelled", found)
    return found


@pytest.mark.parametrize("state", GOES_ON)
def test_a_statement_cannot_make_an_order_of_a_stopped_course_go_on(order: Order, state: str) -> None:
    write(state, order)  # while the course is open it may
    write("cancelled", order)
    stop(order)
    with pytest.raises(IntegrityError, match="stopped course"):
        write(state, order)
    write("void", order)


def test_nor_write_a_new_one(order: Order) -> None:
    stop(order)
    fields = {"cycle": order.cycle, "decision": order.decision, "placed_at": at(9), "updated_at": at(9)}
    with pytest.raises(IntegrityError, match="stopped course"), transaction.atomic():
        Order.objects.create(kind="antiemetic", state="active", items=[], **fields)


def test_what_was_out_at_the_stop_is_called_back_and_ends() -> None:
    cycle = ready_cycle()
    dispense(cycle)
    out = Order.objects.select_related("cycle").get(cycle=cycle, kind="radiopharmaceutical")
    stop(out)
    Order.objects.filter(pk=out.pk).update(version=out.version + 1, updated_at=at(10) + timedelta(hours=1))
    write("void", out)
    assert physician().pk


def test_a_missing_one_is_found_and_a_migration_puts_it_back(order: Order) -> None:
    assert missing_triggers(connection) == []
    if connection.vendor == "sqlite":
        lift_triggers(connection)
    else:
        with connection.cursor() as cursor:
            cursor.execute('DROP TRIGGER "courses_order_not_after_stop" ON "courses_order"')
    assert all("after_stop" in name for name in missing_triggers(connection))
    assert missing_triggers(connection)


@pytest.mark.sqlite
@pytest.mark.usefixtures("real_commits")
def test_a_table_that_it_reads_can_still_be_rebuilt() -> None:
    """SQLite refuses to rename a table that a trigger of another one reads."""
    status = Course._meta.get_field("status")
    wider = CharField(max_length=40)
    wider.set_attributes_from_name("status")
    with pytest.raises(OperationalError, match="after_stop"), connection.schema_editor() as editor:
        editor.alter_field(Course, status, wider)
    make_way(using="default")
    with connection.schema_editor() as editor:
        editor.alter_field(Course, status, wider)
    furnish(using="default")
    assert missing_triggers(connection) == []
