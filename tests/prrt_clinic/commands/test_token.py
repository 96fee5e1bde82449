"""`manage.py token` makes a service account, prints its token once, and can take it back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.models import AuthToken

pytestmark = pytest.mark.django_db


def token(capsys, *arguments):
    call_command("token", *arguments)
    return capsys.readouterr().out.strip()


def test_a_pharmacy_token_opens_orders_and_is_not_stored(client, capsys):
    text = token(capsys, "--role", "pharmacy", "--name", "central")
    assert client.get("/api/v1/orders/", HTTP_AUTHORIZATION=f"Bearer {text}").status_code == 200
    row = AuthToken.objects.get()
    assert text not in (row.digest, row.token_key)
    account = User.objects.get()
    assert not account.has_usable_password()
    assert not account.is_staff
    assert [group.name for group in account.groups.all()] == ["service-pharmacy"]


def test_a_second_token_of_the_same_account_lets_keys_overlap(client, capsys):
    both = [token(capsys, "--role", "pharmacy", "--name", "central") for _ in range(2)]
    for text in both:
        assert client.get("/api/v1/orders/", HTTP_AUTHORIZATION=f"Bearer {text}").status_code == 200
    assert User.objects.count() == 1


def test_a_lab_feed_token_reads_nothing(client, capsys):
    text = token(capsys, "--role", "lab-feed", "--name", "lab")
    assert client.get("/api/v1/orders/", HTTP_AUTHORIZATION=f"Bearer {text}").status_code == 403


def test_a_token_lives_as_long_as_asked_and_never_over_ninety_days(capsys):
    token(capsys, "--role", "lab-feed", "--name", "lab", "--days", "7")
    left = AuthToken.objects.get().expiry - timezone.now()
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_a_revoked_token_is_refused_at_once(client, capsys):
    text = token(capsys, "--role", "pharmacy", "--name", "central")
    call_command("token", "--role", "pharmacy", "--name", "central", "--revoke")
    assert client.get("/api/v1/orders/", HTTP_AUTHORIZATION=f"Bearer {text}").status_code == 401


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "physician", "--name", "x"],
        ["--role", "pharmacy", "--name", "two words"],
        ["--role", "pharmacy", "--name", "x", "--days", "91"],
        ["--role", "pharmacy", "--name", "x", "--days", "0"],
        ["--role", "pharmacy", "--name", "nobody", "--revoke"],
    ],
)
def test_what_cannot_be_done_ends_with_code_2_and_makes_nothing(arguments):
    with pytest.raises(CommandError) as error:
        call_command("token", *arguments)
    assert error.value.returncode == 2
    assert not AuthToken.objects.exists()
    assert not User.objects.exists()
