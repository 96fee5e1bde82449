"""A PostgreSQL server that a fault test may stop and kill."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.private_postgres import PrivatePostgres
from tests.running_listener import MANAGE


@pytest.fixture
def private_postgres(django_db_blocker: Any) -> Iterator[PrivatePostgres]:
    """A migrated PostgreSQL server of this test's own; Django's connection points at it."""
    server = PrivatePostgres("fsync=on")
    usual_settings, usual = connections.settings["default"], connections["default"]
    try:
        done = subprocess.run(
            [sys.executable, MANAGE, "migrate", "--skip-checks"],
            env=os.environ | {"DATABASE_URL": server.url},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        own = {"NAME": "postgres", "HOST": "127.0.0.1", "PORT": server.port, "USER": "postgres"}
        connections.settings["default"] = usual_settings | own
        connections["default"] = connections.create_connection("default")
        with django_db_blocker.unblock():
            yield server
            connections["default"].close()
    finally:
        connections.settings["default"] = usual_settings
        connections["default"] = usual
        server.close()
