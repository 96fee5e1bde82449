"""The pages of laboratory records: what came from outside is shown, and never acts on the screen."""

import unicodedata

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
HIDDEN = "\x1b[2J\u202e"


def test_no_page_of_a_message_lets_its_control_characters_through(client: Client) -> None:
    make_sender()
    make_patient()
    body = message(obr(), obx("60", code=f"X{HIDDEN}Y^Something^L"), control_id=f"A{HIDDEN}B")
    row = receive(body)
    client.force_login(User.objects.create_superuser("everything"))
    for url in (
        reverse("admin:labs_labmessage_change", args=[row.pk]),
        reverse("admin:labs_labmessage_changelist"),
        reverse("admin:labs_quarantinedresult_change", args=[row.quarantined.get().pk]),
        reverse("admin:labs_quarantinedresult_changelist"),
    ):
        page = client.get(url).content.decode()
        hidden = {each for each in page if unicodedata.category(each) in {"Cc", "Cf"}} - set("\n\r\t")
        assert (url, hidden) == (url, set())
        assert "[U+001B]" in page
