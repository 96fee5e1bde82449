"""`manage.py demo` touches no database that is anybody else's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from labs.models import Patient
from tests.builders import make_patient

pytestmark = pytest.mark.django_db


def test_a_database_with_other_patients_is_refused() -> None:
    make_patient()
    with pytest.raises(CommandError, match="not the demonstration's") as refused:
        call_command("demo")
    assert refused.value.returncode == 2
    assert Patient.objects.count() == 1


def test_a_database_with_peoples_accounts_is_refused() -> None:
    User.objects.create_user("somebody")
    with pytest.raises(CommandError, match="accounts already"):
        call_command("demo")
    assert not Patient.objects.exists()


def test_production_never_gets_the_demonstration(settings: Any) -> None:
    settings.PRRT_ENV = "production"
    with pytest.raises(CommandError, match="PRRT_ENV is demo or test"):
        call_command("demo")
    assert not User.objects.exists()
