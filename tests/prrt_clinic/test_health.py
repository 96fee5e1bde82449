"""The health pages: alive is not ready, and what is wrong is named."""

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder

from courses.data_file import LibraryError
from courses.rules.data_reader import DataError
from prrt_clinic import health

pytestmark = pytest.mark.django_db


def test_a_migrated_service_is_ready(client):
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "problems": [], "warnings": []})


def test_alive_asks_nothing_of_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/health/live").json() == {"status": "ok"}


def test_a_migration_not_applied_is_named(client):
    MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["migrations: sessions.0001_initial not applied"]


def test_a_protocol_file_that_does_not_load_is_named(client, monkeypatch):
    def fails():
        raise LibraryError(file="some.toml", error=DataError(key="gbq", reason="unknown", remedy="remove it"))

    monkeypatch.setattr(health, "protocol_ids", fails)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "protocols: " in answer.json()["problems"][0]
    assert "some.toml" in answer.json()["problems"][0]


def test_an_unreachable_database_is_named_without_its_address(client, monkeypatch):
    def fails():
        raise DatabaseError("connection to db.example.org as clinic failed")

    monkeypatch.setattr(health, "_database", fails)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["database: not reachable (DatabaseError)"]


def test_a_broker_that_is_away_is_told_and_stops_nothing(client, monkeypatch):
    monkeypatch.setattr(health, "_broker_answers", lambda: False)
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["warnings"][0].startswith("broker:")


def test_health_is_only_read(client):
    assert client.post("/health/ready").status_code == 405
