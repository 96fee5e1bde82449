"""The chain of seals: what was changed, taken out, put in or cut behind the record's back is found."""

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.utils import DatabaseError

from labs.models import BodyWeight, LabMessage, Seal, SealMark
from labs.services import seals
from labs.services.patients import record_weight
from labs.services.seals import RIPE, broken_seals, seal_ripe_rows, sealed_head
from prrt_clinic.append_only import APPEND_ONLY, install_triggers
from tests.builders import clinic_time, make_patient, panel_message, receive

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def weights():
    """Three weights and a message of one patient."""
    patient = make_patient()
    for day in (1, 2, 3):
        record_weight(
            patient=patient, measured_on=date(2026, 5, day), kg=Decimal(70 + day), recorded_by="nurse"
        )
    receive(panel_message(patient, drawn_at=clinic_time(date(2026, 5, 3))))
    return list(BodyWeight.objects.order_by("pk"))


def seal_all(at=NOON):
    """Look once, and again when what was seen is ripe."""
    seal_ripe_rows(now=at)
    return seal_ripe_rows(now=at + RIPE)


def said_of(**how):
    return [f"{each.about}: {each.words}" for each in broken_seals(**how)]


@contextmanager
def without_triggers(table):
    """What somebody with the database's own rights can do."""
    with connection.cursor() as cursor:
        for event in ("update", "delete"):
            name = f'"{table}_no_{event}"'
            on = f' ON "{table}"' if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")
        yield cursor
    install_triggers(connection)


def test_nothing_is_sealed_before_it_is_old_enough(weights):
    assert seal_ripe_rows(now=NOON) == 0
    assert seal_ripe_rows(now=NOON + RIPE - timedelta(seconds=1)) == 0
    assert seal_ripe_rows(now=NOON + RIPE) > 0
    assert Seal.objects.filter(table="labs_bodyweight").count() == 1
    assert seal_ripe_rows(now=NOON + RIPE * 2) == 0
    assert said_of() == []


def test_what_comes_later_is_sealed_in_a_further_link(weights):
    seal_all()
    record_weight(
        patient=weights[0].patient, measured_on=date(2026, 5, 4), kg=Decimal(74), recorded_by="nurse"
    )
    seal_all(NOON + RIPE * 2)
    links = list(Seal.objects.filter(table="labs_bodyweight").order_by("position"))
    assert links[1].first_key == links[0].last_key + 1
    assert links[1].last_key == BodyWeight.objects.latest("pk").pk
    assert [seal.position for seal in Seal.objects.order_by("position")] == list(range(Seal.objects.count()))
    assert said_of() == []


@pytest.mark.hazard("HZ-88")
def test_a_changed_row_is_named(weights):
    seal_all()
    with without_triggers("labs_bodyweight") as cursor:
        cursor.execute("UPDATE labs_bodyweight SET kg = 99 WHERE id = %s", [weights[1].pk])
    assert said_of() == [
        f"labs_bodyweight row {weights[1].pk}: is not as it was sealed on 2026-05-04 12:15 UTC"
    ]


@pytest.mark.hazard("HZ-88")
def test_a_row_that_was_taken_out_is_missed(weights):
    seal_all()
    with without_triggers("labs_bodyweight") as cursor:
        cursor.execute("DELETE FROM labs_bodyweight WHERE id = %s", [weights[1].pk])
    (said,) = said_of()
    assert said.startswith("labs_bodyweight: 1 of the rows")
    assert "were taken out or changed" in said


@pytest.mark.hazard("HZ-88")
def test_a_row_that_was_put_in_is_named(weights):
    first = weights[0]
    with without_triggers("labs_bodyweight") as cursor:
        cursor.execute("DELETE FROM labs_bodyweight WHERE id = %s", [weights[1].pk])
    seal_all()
    BodyWeight.objects.create(
        pk=weights[1].pk,
        patient=first.patient,
        measured_on=first.measured_on,
        kg=Decimal(71),
        recorded_at=first.recorded_at,
        recorded_by=first.recorded_by,
    )
    assert said_of() == [f"labs_bodyweight row {weights[1].pk}: was put in or changed after it was sealed"]


@pytest.mark.hazard("HZ-88")
def test_two_rows_that_changed_places_are_named(weights):
    seal_all()
    one, two = weights[0], weights[1]
    with without_triggers("labs_bodyweight") as cursor:
        for weight, kg in ((one, two.kg), (two, one.kg)):
            cursor.execute("UPDATE labs_bodyweight SET kg = %s WHERE id = %s", [str(kg), weight.pk])
    assert [said.split(":")[0] for said in said_of()] == [
        f"labs_bodyweight row {one.pk}",
        f"labs_bodyweight row {two.pk}",
    ]


@pytest.mark.hazard("HZ-88")
def test_a_changed_link_breaks_the_chain(weights):
    seal_all()
    with without_triggers("labs_seal") as cursor:
        cursor.execute("UPDATE labs_seal SET last_key = last_key + 1 WHERE position = 0")
    assert "seal 0: does not follow the one before it, or was changed" in said_of()


@pytest.mark.hazard("HZ-88")
def test_a_chain_that_was_cut_lacks_the_head_noted_elsewhere(weights):
    seal_all()
    head = sealed_head().sha256
    assert said_of(head=head) == []
    with without_triggers("labs_seal") as cursor:
        cursor.execute("DELETE FROM labs_seal WHERE position = (SELECT MAX(position) FROM labs_seal)")
    assert said_of() == []
    (said,) = said_of(head=head)
    assert said == f"seals: the chain does not hold the head {head}: it was cut, or made anew"


def test_a_link_out_of_the_middle_is_missed(weights):
    seal_all()
    with without_triggers("labs_seal") as cursor:
        cursor.execute("DELETE FROM labs_seal WHERE position = 1")
    assert any("does not follow" in said for said in said_of())


def test_a_column_that_is_gone_cannot_be_compared_and_says_so(weights):
    seal_all()
    with without_triggers("labs_seal"):
        link = Seal.objects.get(table="labs_bodyweight")
        link.columns = [*link.columns, "stones"]
        link.save()
    said = said_of()
    assert any("column stones of labs_bodyweight is no longer there" in each for each in said)


def test_many_rows_make_several_links_and_none_overlap(weights, monkeypatch):
    monkeypatch.setattr(seals, "ROWS", 2)
    seal_all()
    links = list(Seal.objects.filter(table="labs_bodyweight").order_by("position"))
    assert len(links) == 2
    assert links[1].first_key == links[0].last_key + 1
    assert len(links[0].row_hashes) == 2 * seals.DIGITS
    assert said_of() == []


def test_a_second_sealer_adds_nothing(weights, monkeypatch):
    seal_ripe_rows(now=NOON)
    real = seals.link_sha256

    def somebody_is_faster(link):
        with transaction.atomic():
            Seal.objects.get_or_create(
                position=link.position,
                defaults={
                    "table": "labs_message",
                    "first_key": 0,
                    "last_key": 0,
                    "columns": [],
                    "previous_sha256": link.previous_sha256,
                    "sha256": "0" * 64,
                    "made_at": NOON,
                },
            )
        return real(link)

    monkeypatch.setattr(seals, "link_sha256", somebody_is_faster)
    assert seal_ripe_rows(now=NOON + RIPE) == 0


def test_a_limit_leaves_the_rest_for_the_next_time(weights):
    seal_ripe_rows(now=NOON)
    assert seal_ripe_rows(now=NOON + RIPE, limit=1) == 1
    assert seal_ripe_rows(now=NOON + RIPE) > 0
    assert said_of() == []


def test_progress_is_told_link_by_link(weights):
    seal_all()
    told = []
    assert said_of(seen=lambda: told.append(1)) == []
    assert len(told) == Seal.objects.count()


def test_every_append_only_table_is_sealed():
    assert seals._sealed == sorted(set(APPEND_ONLY) - {"labs.Seal"})
    for label in seals._sealed:
        assert apps.get_model(label)


def test_the_marks_are_no_part_of_the_record(weights):
    seal_ripe_rows(now=NOON)
    SealMark.objects.all().delete()
    assert LabMessage.objects.exists()
    with pytest.raises(DatabaseError), transaction.atomic():
        LabMessage.objects.all().delete()
