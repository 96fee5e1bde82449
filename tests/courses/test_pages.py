"""The browser pages: who may open which, what they show, and that looking changes nothing."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.models import Course, Decision, Signature
from labs.models import LabMessage, Patient, QuarantinedResult
from tests.builders_pages import (
    LOW_PLATELETS,
    NOW,
    decide,
    make_course,
    make_many,
    make_patient,
    sign,
    standing,
    starter,
)

pytestmark = pytest.mark.django_db

PASSWORD = "a long pass phrase"
CLINICAL = ["nurse", "physician", "pharmacist", "physicist", "on-call"]
ROLES = [*CLINICAL, "auditor", "administrator"]
Enter = Callable[..., Client]


def text(response) -> str:
    return str(response.content.decode())


def decision_url(course: Course) -> str:
    return reverse("courses:decision", args=[standing(course).public_id])


def course_url(course: Course) -> str:
    return reverse("admin:courses_course_change", args=[course.pk])


# --- The first page --------------------------------------------------------------------------


@pytest.mark.parametrize("role", CLINICAL)
def test_the_first_page_names_the_held_patient_in_full_to_clinical_roles(enter, role):
    make_course(1, action="delay", family="Longname-Of-The-Patient")
    page = text(enter(role).get("/admin/"))
    assert "Longname-Of-The-Patient, Test" in page
    assert "no. T00001" in page
    assert LOW_PLATELETS in page


@pytest.mark.parametrize("role", ["auditor", "administrator"])
def test_the_first_page_shows_no_patient_to_roles_without_patients(enter, role):
    make_course(1, action="delay", family="Longname")
    page = text(enter(role).get("/admin/"))
    assert "Longname" not in page
    assert "No work list for your role" in page


def test_the_first_page_says_in_words_that_nothing_waits(enter):
    page = text(enter("nurse").get("/admin/"))
    assert "No cycle is held or delayed." in page
    assert "No laboratory message has arrived yet." in page


def test_the_pharmacist_sees_orders_before_anything_else(enter):
    make_course(1, action="delay")
    page = text(enter("pharmacist").get("/admin/"))
    assert page.index('id="pharmacy"') < page.index('id="therapies"') < page.index('id="held"')


ROLES_OF_PATIENTS = ("nurse", "physician", "pharmacist", "physicist")


def test_the_first_page_and_the_work_list_cost_the_same_with_40_and_with_2000_patients(enter):
    browsers = [enter(role, username=f"costs-{role}") for role in ROLES_OF_PATIENTS]
    pages = ["/admin/", reverse("courses:work"), reverse("courses:work") + "?bloods=overdue&days=14"]

    def costs() -> list[int]:
        for browser in browsers:
            browser.get("/admin/")  # what a session asks once is asked
        found = [queries(browser, page) for browser in browsers for page in pages]
        with CaptureQueriesContext(connection) as captured:
            assert b"More than 20" in browsers[0].post(reverse("courses:find"), {"words": "many"}).content
        return [*found, len(captured)]

    make_many(0, 40)
    few = costs()
    make_many(40, 2000)
    assert costs() == few


@pytest.mark.parametrize(
    ("role", "parts"),
    [
        ("nurse", ["must-not", "therapies", "bloods", "held", "tosign", "quarantine", "alerts", "waiting"]),
        ("physician", ["must-not", "tosign", "alerts", "held", "therapies", "bloods", "waiting"]),
        ("pharmacist", ["must-not", "pharmacy", "vials", "therapies", "held", "tosign", "alerts", "waiting"]),
        (
            "physicist",
            ["must-not", "therapies", "doses", "quarantine", "held", "tosign", "alerts", "waiting"],
        ),
    ],
)
def test_each_role_begins_with_its_own_work(enter, role, parts):
    make_course(1, action="delay", in_days=0, family="Notready")
    page = text(enter(role).get("/admin/"))
    places = [page.index(f'id="{part}"') for part in parts]
    assert places == sorted(places)
    first = page[places[0] : places[1]]
    assert "Notready" in first
    assert LOW_PLATELETS in first


@pytest.mark.parametrize("model", ["course", "decision", "order"])
def test_lists_cost_the_same_with_5_and_with_40_patients(enter, model):
    browser, url = enter("physician"), reverse(f"admin:courses_{model}_changelist")
    for n in range(5):
        make_course(n)
    browser.get(url)
    few = queries(browser, url)
    for n in range(5, 40):
        make_course(n)
    assert queries(browser, url) == few


def queries(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return len(captured)


# --- Course and decision ---------------------------------------------------------------------


@pytest.mark.parametrize("role", CLINICAL)
def test_course_and_decision_open_for_clinical_roles_below_the_patients_banner(enter, role):
    course = make_course(1, family="Longname")
    browser = enter(role)
    for url in (course_url(course), decision_url(course)):
        page = browser.get(url)
        assert page.status_code == 200
        assert "Longname, Test" in text(page)
        assert "You decide." in text(page)


def test_the_auditor_reads_the_decision_under_a_stand_in_number(enter):
    course = make_course(1, family="Longname")
    browser = enter("auditor")
    lists = [reverse(f"admin:courses_{name}_changelist") for name in ("course", "decision", "order")]
    order = reverse("admin:courses_order_change", args=[standing(course).cycle.orders.get().pk])
    for url in (course_url(course), decision_url(course), order, *lists):
        page = browser.get(url)
        assert page.status_code == 200, url
        assert "Longname" not in text(page)
        assert f"Patient {str(course.patient.public_id)[:8]}" in text(page)


@pytest.mark.parametrize(("role", "answered"), [("auditor", 200), ("administrator", 403)])
def test_the_api_names_no_patient_to_a_role_without_patients(enter, role, answered):
    course = make_course(1, action="proceed", family="Longname")
    patient, order, browser = course.patient, standing(course).cycle.orders.get(), enter(role)
    for url in (
        reverse("courses_api:orders"),
        reverse("courses_api:order", args=[order.public_id]),
        reverse("courses_api:schedule", args=[course.public_id]),
        reverse("courses_api:course-decision", args=[course.public_id]),
        reverse("courses_api:decision", args=[standing(course).public_id]),
    ):
        answer = browser.get(url)
        assert answer.status_code == answered, url
        for word in (patient.family, patient.mrn, str(patient.birth_date)):
            assert word not in text(answer), url


def test_nobody_finds_by_name_whom_they_may_not_see_by_name(enter):
    make_course(1, family="Longname")
    found = enter("auditor").get(reverse("admin:courses_course_changelist"), {"q": "Longname"})
    assert found.context["cl"].result_count == 1 or "1 shown" not in text(found)


def test_the_administrator_reads_no_course_and_no_decision(enter):
    course = make_course(1)
    browser = enter("administrator")
    assert browser.get(course_url(course)).status_code == 403
    assert browser.get(decision_url(course)).status_code == 403


def test_whoever_is_not_logged_in_is_sent_to_the_log_in(client):
    course = make_course(1)
    for url in ("/admin/", course_url(course), decision_url(course)):
        response = client.get(url, follow=True)
        assert response.resolver_match.url_name == "account_login"


def test_a_log_in_without_a_role_sees_nothing(enter):
    course = make_course(1)
    browser = enter()
    assert browser.get(decision_url(course)).status_code == 403
    assert browser.get("/admin/").status_code in (302, 403)


def test_the_decision_shows_its_basis_before_the_button_and_ticks_nothing(enter):
    course = make_course(1, action="proceed")
    page = text(enter("physician", "authorised-user").get(decision_url(course)))
    assert (
        page.index("Why</h3>") < page.index("Not considered by this protocol") < page.index('name="meaning"')
    )
    assert "checked" not in page[page.index('name="meaning"') :].split(">")[0]
    assert "7.4 GBq (200 mCi)" in page


@pytest.mark.parametrize("roles", [("nurse",), ("pharmacist",), ("physician",), ("auditor",)])
def test_the_button_is_not_offered_to_whoever_may_not_sign_a_go(enter, roles):
    course = make_course(1, action="proceed")
    assert 'name="meaning"' not in text(enter(*roles).get(decision_url(course)))


def test_a_hold_is_explained_and_not_offered_for_signature(enter):
    course = make_course(1, action="hold")
    page = text(enter("physician", "authorised-user").get(decision_url(course)))
    assert 'name="meaning"' not in page
    assert "A hold is not signed." in page
    assert "Draw creatinine." in page


def test_an_earlier_decision_points_to_the_one_that_stands(enter):
    course = make_course(1, action="proceed")
    old = decision_url(course)
    decide(course, standing(course).cycle, action="delay")
    page = text(enter("physician", "authorised-user").get(old))
    assert "This is an earlier decision" in page
    assert decision_url(course) in page
    assert 'name="meaning"' not in page


def test_the_course_page_shows_alerts_only_to_roles_that_read_them(enter):
    course = make_course(1)
    assert 'id="alerts"' in text(enter("nurse").get(course_url(course)))
    assert 'id="alerts"' not in text(enter("pharmacist").get(course_url(course)))


# --- Signing ---------------------------------------------------------------------------------


def sign_url(course: Course) -> str:
    return reverse("courses:sign", args=[standing(course).public_id])


@pytest.mark.parametrize("role", [role for role in ROLES if role != "physician"])
def test_nobody_but_a_physician_signs(enter, role):
    course = make_course(1, action="delay")
    assert enter(role).post(sign_url(course), {"meaning": "delay"}).status_code == 403
    assert not Signature.objects.exists()


def test_signing_asks_for_the_password_first_and_a_wrong_one_signs_nothing(enter):
    course = make_course(1, action="delay")
    browser = enter("physician")
    form = {"meaning": "delay", "evidence_sha256": standing(course).evidence_sha256}
    asked = browser.post(sign_url(course), form)
    assert asked.status_code == 302
    assert asked.url.startswith(reverse("account_reauthenticate"))
    answer = browser.post(asked.url, {"password": "wrong", "next": sign_url(course)})
    assert answer.status_code == 200
    assert not Signature.objects.exists()


def test_a_form_from_an_older_decision_signs_nothing_and_shows_what_stands_now(enter):
    course = make_course(1, action="delay", family="Longname")
    browser = enter("physician")
    asked = browser.post(sign_url(course), {"meaning": "delay", "evidence_sha256": "0" * 64})
    response = browser.post(asked.url, {"password": PASSWORD, "next": sign_url(course)})
    assert response.status_code == 409
    assert "Nothing was signed." in text(response)
    assert "Longname, Test" in text(response)
    assert not Signature.objects.exists()


def test_signing_without_ticking_the_statement_is_refused_in_words(enter):
    course = make_course(1, action="delay")
    browser = enter("physician")
    asked = browser.post(sign_url(course), {"evidence_sha256": "0" * 64})
    response = browser.post(asked.url, {"password": PASSWORD, "next": sign_url(course)})
    assert response.status_code == 400
    assert "was not ticked" in text(response)


def test_a_forged_post_without_the_forms_safeguard_is_refused(person):
    course = make_course(1, action="delay")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("physician"))
    assert browser.post(sign_url(course), {"meaning": "delay"}).status_code == 403


# --- Reading changes nothing -----------------------------------------------------------------


def rows() -> dict[str, int]:
    quiet = {"sessions.Session"}  # the session that carries the log-in itself
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed and model._meta.label not in quiet
    }


def test_looking_at_every_page_changes_no_row(enter):
    course = make_course(1, action="proceed")
    sign(standing(course), by=starter())
    browser = enter("nurse", "physician", "on-call", "auditor")
    before = rows()
    for url in ("/admin/", course_url(course), decision_url(course), *navigation(browser)):
        assert browser.get(url).status_code == 200, url
    assert rows() == before


def test_signing_by_looking_is_not_possible(enter):
    course = make_course(1, action="delay")
    answer = enter("physician").get(sign_url(course))
    assert (answer.status_code, answer.url) == (302, decision_url(course))
    assert not Signature.objects.exists()


def test_the_librarys_search_is_closed_and_leaves_nothing_behind(enter):
    browser = enter("nurse")
    for query in ({"s": "Test"}, {"s": "Test", "extended": "1", "page": "zz"}):
        assert browser.get("/admin/search/", query).status_code == 404
    assert list(browser.get("/admin/").context["messages"]) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM rate_limit")
        assert cursor.fetchone() == (0,)


# --- The admin -------------------------------------------------------------------------------


def navigation(browser: Client) -> list[str]:
    groups = browser.get("/admin/").context["sidebar_navigation"]
    return [item["link"] for group in groups for item in group["items"]]


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_of_the_navigation_opens_for_the_role_that_sees_it(enter, role):
    browser = enter(role)
    links = navigation(browser)
    assert links[0] == "/admin/"
    for link in links:
        assert browser.get(link).status_code == 200, link


def test_the_mail_directory_is_offered_only_where_no_mail_server_is_named(enter, settings, tmp_path):
    browser = enter("nurse")
    assert "/demo/mail/" not in navigation(browser)
    settings.EMAIL_BACKEND, settings.MAIL_DIR = "prrt_clinic.maildir.EmailBackend", tmp_path / "mail"
    assert "/demo/mail/" in navigation(browser)
    assert browser.get("/demo/mail/").status_code == 200


# Where people are told is no record: its form, which a bad post brings back, is the administrator's alone.
FORMS_OF_ADDRESSES = {
    ("administrator", "admin:alerts_pushaddress_add"),
    ("administrator", "admin:auth_user_change"),
}


@pytest.mark.parametrize("role", ROLES)
def test_no_role_adds_changes_or_deletes_a_record_through_the_admin(enter, role):
    course = make_course(1)
    browser = enter(role)
    for model in admin.site._registry:
        meta = model._meta
        names = f"admin:{meta.app_label}_{meta.model_name}"
        row = model._default_manager.first()
        adds = 200 if (role, f"{names}_add") in FORMS_OF_ADDRESSES else 403
        assert browser.post(reverse(f"{names}_add")).status_code == adds, names
        if row is None:
            continue
        assert browser.post(reverse(f"{names}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403, (
            names
        )
        changed = browser.post(reverse(f"{names}_change", args=[row.pk]), {"family": "X"}).status_code
        assert changed in ((200,) if (role, f"{names}_change") in FORMS_OF_ADDRESSES else (302, 403, 404))
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        browser.post(reverse(f"{names}_changelist"), chosen)
        assert model._default_manager.filter(pk=row.pk).exists(), names
    assert Patient.objects.get(pk=course.patient_id).family == "Sample-1"


def test_technical_tables_are_out_of_sight():
    labels = {model._meta.label for model in admin.site._registry}
    assert labels & {"auth.Group", "account.EmailAddress", "knox.AuthToken"} == set()
    assert User in admin.site._registry
    assert Group not in admin.site._registry


def test_no_record_offers_an_action_or_a_deletion():
    for model, options in admin.site._registry.items():
        assert options.actions is None, model


def test_users_are_read_by_the_administrator_and_not_by_the_nurse(enter):
    assert enter("administrator").get(reverse("admin:auth_user_changelist")).status_code == 200
    assert enter("nurse").get(reverse("admin:auth_user_changelist")).status_code == 403


def test_the_administrators_page_of_a_user_shows_no_password_hash(enter):
    browser = enter("administrator")
    user = User.objects.get(username="administrator")
    page = text(browser.get(reverse("admin:auth_user_change", args=[user.pk])))
    assert user.password not in page
    assert "administrator" in page


# --- Foreign text ----------------------------------------------------------------------------

SCRIPT = "<script>alert('x')</script>"
PAYLOADS = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "{{ 7|add:7 }}",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "bell\x07",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_foreign_text_is_inert_on_every_page(enter, payload):
    patient = make_patient(1, family=payload, given=payload)
    course = make_course(1, patient=patient)
    decide(
        course,
        standing(course).cycle,
        action="hold",
        missing=[{"code": payload, "why": payload, "resolve": payload}],
    )
    message = LabMessage.objects.create(
        door="mllp",
        sender=payload,
        control_id=payload,
        sha256="e" * 64,
        body=payload.encode(),
        received_at=NOW,
    )
    QuarantinedResult.objects.create(
        message=message,
        position=1,
        patient=patient,
        reason_code="x",
        reason=payload,
        sent=payload,
        opened_at=NOW,
    )
    browser = enter("nurse", "physician", "auditor")
    quarantined = reverse("admin:labs_quarantinedresult_changelist")
    for url in ("/admin/", course_url(course), decision_url(course), quarantined, *navigation(browser)):
        page = text(browser.get(url))
        assert "<script>alert" not in page, url
        assert "<img src=x" not in page, url
        assert not {"\u202e", "\u200b", "\x07"} & set(page), url


# --- Log-in ----------------------------------------------------------------------------------


def test_the_log_in_page_names_the_clinic_and_says_nothing_of_demonstration_log_ins(client, settings):
    settings.CLINIC_NAME = "Clinic of the Test"
    settings.PRRT_ENV = "production"
    page = text(client.get(reverse("account_login")))
    assert "Clinic of the Test" in page
    assert "demonstration" not in page


def test_the_demonstration_says_where_its_log_ins_are(client, settings):
    settings.PRRT_ENV = "demo"
    assert "make run" in text(client.get(reverse("account_login")))


def test_a_wrong_password_is_told_without_saying_which_half_was_wrong(client):
    response = client.post(reverse("account_login"), {"login": "nobody", "password": "wrong"})
    assert response.status_code == 200
    assert 'role="alert"' in text(response)


def test_refusals_are_told_in_words(enter):
    assert "Not allowed" in text(enter("administrator").get(reverse("admin:labs_patient_changelist")))
    assert "There is no such page" in text(enter("nurse").get("/nothing-here/"))


def test_every_decision_list_row_leads_to_the_decision_itself(enter):
    course = make_course(1)
    row = Decision.objects.get()
    response = enter("nurse").get(reverse("admin:courses_decision_change", args=[row.pk]))
    assert response.url == decision_url(course)


# --- Filters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "page", "lookup", "value"),
    [
        ("auditor", "auth_user", "password__startswith", "pbkdf2"),
        ("administrator", "auth_user", "password__startswith", "pbkdf2"),
        ("auditor", "auth_user", "password", "x"),
        ("auditor", "auth_user", "email__contains", "@"),
        ("auditor", "auth_user", "groups__name__startswith", "n"),
        ("auditor", "auth_user", "groups__permissions__codename", "view_patient"),
        ("auditor", "courses_course", "patient__family__startswith", "L"),
        ("auditor", "courses_course", "current_decision__evidence_sha256__startswith", "a"),
        ("nurse", "labs_patient", "family__regex", "("),
        ("nurse", "labs_patient", "no_such_field", "1"),
        ("nurse", "labs_result", "analyte__regex", "("),
        ("nurse", "labs_result", "analyte", "P\x00"),
        ("nurse", "courses_order", "kind__in", "a,b"),
    ],
)
def test_a_list_answers_no_lookup_beside_its_filters(enter, role, page, lookup, value):
    make_course(1, family="Longname")
    answer = enter(role).get(reverse(f"admin:{page}_changelist"), {lookup: value})
    assert answer.status_code == 400
    assert "does not have" in text(answer)


@pytest.mark.parametrize("lookup", ["groups__id__exact", "is_active__exact", "groups__isnull"])
def test_a_filter_with_a_value_that_means_nothing_is_no_error(enter, lookup):
    for value in ("zz", "9" * 30, "-1", ""):
        page = enter_once(enter, "auditor").get(
            reverse("admin:auth_user_changelist"), {lookup: value}, follow=True
        )
        assert page.status_code == 200, value


def enter_once(enter: Enter, role: str) -> Client:
    User.objects.filter(username=role).delete()
    return enter(role)


def test_every_filter_a_list_offers_can_be_used(enter):
    make_course(1, action="delay")
    make_course(2, action="proceed")
    browser = enter("nurse", "physician", "on-call", "auditor")
    used = set()
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        shown = browser.get(url).context["cl"]
        for spec in shown.filter_specs:
            for choice in spec.choices(shown):
                answer = browser.get(url + choice["query_string"])
                assert answer.status_code == 200, choice
                used.add(f"{model._meta.model_name} {choice['query_string'].split('=')[0]}")
    assert {
        "user ?groups__id__exact",
        "order ?state__exact",
        "course ?current_decision__action",
    } <= used
