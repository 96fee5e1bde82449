"""The pages of what a site declared: senders, their codes and units, and feeds; who reads them, and how."""

from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labs.clock import database_now
from labs.models import LocalCode, QuarantinedResult, Sender, UnitSpelling
from labs.services.canary_lab import make_canary_patient
from labs.services.quarantine import state_resolution
from tests.builders_labs import (
    make_feed,
    make_local_code,
    make_patient,
    make_sender,
    message,
    obr,
    obx,
    receive,
)

pytestmark = pytest.mark.django_db
LISTS = ("sender", "localcode", "unitspelling", "csvfeed")
HIDDEN = "\u202e"


def make_spelling(**facts: str) -> UnitSpelling:
    given = {"sender": "central-lab", "analyte": "PLT", "spelling": "gpt/l", "unit": "10*9/L"}
    return UnitSpelling.objects.create(**(given | facts))


def declare() -> dict[str, int]:
    """One of each, by the name of its list."""
    rows = (make_sender(certificate="lab.example"), make_local_code(), make_spelling(), make_feed())
    return dict(zip(LISTS, (row.pk for row in rows), strict=True))


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


@pytest.mark.parametrize(
    ("role", "lists"),
    [
        ("physician", LISTS),
        ("physicist", LISTS),
        ("administrator", LISTS),
        ("auditor", LISTS),
        ("nurse", ("csvfeed",)),
        ("pharmacist", ()),
        ("on-call", ()),
    ],
)
def test_who_reads_the_set_up_finds_it_in_the_sidebar_and_nobody_else_comes_in(client, person, role, lists):
    rows = declare()
    client.force_login(person(role))
    start = read(client, reverse("admin:index"))
    for name in LISTS:
        whole = reverse(f"admin:labs_{name}_changelist")
        one = reverse(f"admin:labs_{name}_change", args=[rows[name]])
        assert (name, f'href="{whole}"' in start) == (name, name in lists)
        for address in (whole, one):
            assert (address, client.get(address).status_code) == (address, 200 if name in lists else 403)


@pytest.mark.parametrize("name", LISTS)
def test_nothing_of_the_set_up_is_made_changed_or_deleted_in_the_browser(client, name):
    row = declare()[name]
    client.force_login(User.objects.create_superuser("everything"))
    assert client.get(reverse(f"admin:labs_{name}_add")).status_code == 403
    assert client.post(reverse(f"admin:labs_{name}_delete", args=[row]), {"post": "yes"}).status_code == 403
    assert client.post(reverse(f"admin:labs_{name}_change", args=[row]), {"name": "x"}).status_code == 403
    page = read(client, reverse(f"admin:labs_{name}_change", args=[row]))
    assert 'name="_save"' not in page


def test_a_physicist_looks_up_what_the_codes_of_one_sender_stand_for(client, person):
    declare()
    make_local_code(sender="other-lab", code="OTHER", analyte="HGB")
    client.force_login(person("physicist"))
    page = read(client, reverse("admin:labs_localcode_changelist") + "?sender=central-lab")
    assert "THRO" in page
    assert "Platelets" in page
    assert "OTHER" not in page
    senders = read(client, reverse("admin:labs_sender_changelist"))
    assert f'href="{reverse("admin:labs_localcode_changelist")}?sender=central-lab"' in senders
    units = read(client, reverse("admin:labs_unitspelling_changelist") + "?sender=central-lab")
    assert "gpt/l" in units
    assert "10*9/L" in units


def test_who_confirms_a_map_is_led_to_the_maps_of_that_sender(client, person):
    make_sender()
    make_patient()
    receive(message(obr(), obx(code="THRO^Thrombozyten^L")))
    item = QuarantinedResult.objects.get()
    address = reverse("labs:quarantine_item", args=[item.public_id])
    codes = f'href="{reverse("admin:labs_localcode_changelist")}?sender=central-lab"'
    client.force_login(person("physicist"))
    assert codes in read(client, address)
    state_resolution(
        item=item,
        kind="map-code",
        data={"code": "THRO", "analyte": "PLT"},
        reason="asked the laboratory by phone",
        by=person("physician"),
        authenticated_at=database_now(),
    )
    assert codes in read(client, address)
    client.force_login(person("nurse"))
    assert codes not in read(client, address)


def test_what_came_from_the_wire_is_written_out_also_in_the_choices_of_a_filter(client):
    sender, name = make_sender(name=f"lab{HIDDEN}x", msh3=f"A{HIDDEN}"), f"lab{HIDDEN}x"
    rows = {
        "sender": sender.pk,
        "localcode": make_local_code(sender=name, code=f"T{HIDDEN}").pk,
        "unitspelling": make_spelling(sender=name, spelling=f"g{HIDDEN}").pk,
        "csvfeed": make_feed(name=f"f{HIDDEN}", codes=name).pk,
    }
    client.force_login(User.objects.create_superuser("everything"))
    for kind, row in rows.items():
        for address in (
            reverse(f"admin:labs_{kind}_changelist"),
            reverse(f"admin:labs_{kind}_change", args=[row]),
        ):
            page = read(client, address)
            assert (address, HIDDEN in page) == (address, False)
            assert "[U+202E]" in page


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_the_set_up_costs_as_many_queries_for_many_rows_as_for_one(client, person, name):
    declare()
    client.force_login(person("auditor"))
    address = reverse(f"admin:labs_{name}_changelist")
    read(client, address)
    with CaptureQueriesContext(connection) as one:
        read(client, address)
    for number in range(12):
        make_sender(name=f"s{number}", msh3=f"S{number}")
        make_local_code(sender=f"s{number}")
        make_spelling(sender=f"s{number}")
        make_feed(name=f"f{number}")
    with CaptureQueriesContext(connection) as many:
        read(client, address)
    assert len(many) == len(one)


def test_the_page_of_a_code_says_who_changed_it_and_what_it_stood_for_before(client, person):
    code = make_local_code(analyte="HGB")
    code.analyte = "PLT"
    code.save()
    client.force_login(person("auditor"))
    page = read(client, reverse("admin:labs_localcode_change", args=[code.pk]))
    assert "Analyte: HGB → PLT" in page


def test_the_sender_of_the_hourly_trial_is_in_no_list(client, person):
    make_canary_patient(now=database_now())
    assert Sender.objects.filter(name="prrt-canary").exists()
    assert not LocalCode.objects.exists()
    client.force_login(person("auditor"))
    assert "prrt-canary" not in read(client, reverse("admin:labs_sender_changelist"))
