"""Log-in: rate limits, no sign-up, and fresh re-authentication; headers on every page."""

import pytest
from django.conf import settings as configured
from django.test import Client

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
CHANGE = "/accounts/password/change/"
PASSWORD = "a long pass phrase"


def test_a_person_logs_in_by_user_name_and_reaches_the_first_page(client, person):
    person("nurse", username="nina")
    answer = client.post(LOGIN, {"login": "nina", "password": "a long pass phrase"})
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/"


def test_guessing_is_stopped_even_with_the_right_password_at_last(client, person):
    person("nurse", username="nina")
    for n in range(5):
        client.post(LOGIN, {"login": "nina", "password": f"wrong {n}"})
    client.post(LOGIN, {"login": "nina", "password": "a long pass phrase"})
    assert "_auth_user_id" not in client.session


def test_the_admin_has_no_log_in_of_its_own_beside_the_limits(client):
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(LOGIN)


@pytest.mark.parametrize("address", ["/accounts/signup/", "/accounts/password/reset/", "/accounts/email/"])
def test_nobody_opens_or_changes_an_account_by_themselves(client, address):
    assert client.get(address).status_code == 404


def test_a_fresh_sign_in_page_exists_for_signatures(client, person):
    client.force_login(person("physician"))
    assert client.get("/accounts/reauthenticate/").status_code in {200, 302}


def test_a_service_account_cannot_log_in(client, person):
    service = person("service-pharmacy", username="pharmacy.system")
    service.set_unusable_password()
    service.save()
    client.post(LOGIN, {"login": "pharmacy.system", "password": "a long pass phrase"})
    assert "_auth_user_id" not in client.session


def test_every_page_is_kept_out_of_caches_and_to_this_site(client):
    answer = client.get(LOGIN)
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in answer["Content-Security-Policy"]


def test_wrong_passwords_of_others_at_the_same_address_keep_no_on_call_out(client, person):
    person("on-call", username="olga")
    for n in range(40):
        client.post(LOGIN, {"login": f"other-{n % 10}", "password": "wrong"})
    client.post(LOGIN, {"login": "olga", "password": PASSWORD})
    assert "_auth_user_id" in client.session


def test_guessing_at_many_accounts_from_one_address_is_stopped_too(client, person):
    person("nurse", username="nina")
    for n in range(100):
        client.post(LOGIN, {"login": f"other-{n}", "password": "wrong"})
    answer = client.post(LOGIN, {"login": "nina", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    assert "Wait five minutes" in answer.content.decode()


def test_a_flood_of_log_ins_is_refused_with_when_to_try_again_and_whom_to_call(client, settings):
    settings.CLINIC_PHONE = "+49 30 1234"
    settings.ACCOUNT_RATE_LIMITS = configured.ACCOUNT_RATE_LIMITS | {"login": "2/m/ip"}
    for _ in range(2):
        assert client.post(LOGIN, {"login": "nina", "password": "wrong"}).status_code == 200
    refused = client.post(LOGIN, {"login": "nina", "password": "wrong"})
    assert refused.status_code == 429
    assert "Wait five minutes" in refused.content.decode()
    assert "+49 30 1234" in refused.content.decode()
    settings.CLINIC_PHONE = ""
    assert "Call" not in client.post(LOGIN, {"login": "nina", "password": "wrong"}).content.decode()


def test_whoever_cannot_log_in_reads_whom_to_call(client, settings):
    settings.CLINIC_PHONE = "+49 30 1234"
    assert "+49 30 1234" in client.get(LOGIN).content.decode()


def new_password(old, new="another long pass phrase"):
    return {"oldpassword": old, "password1": new, "password2": new}


def test_a_person_changes_the_password_and_every_other_session_ends(person):
    nina = person("nurse", username="nina")
    here, elsewhere = Client(), Client()
    for browser in (here, elsewhere):
        browser.post(LOGIN, {"login": "nina", "password": PASSWORD})
    page = here.get(CHANGE).content.decode()
    assert "Change password" in page
    assert "prrt-entry" in page
    done = here.post(CHANGE, new_password(PASSWORD), follow=True)
    assert done.redirect_chain == [("/admin/", 302)]
    assert "Your password is changed." in done.content.decode()
    nina.refresh_from_db()
    assert nina.check_password("another long pass phrase")
    assert elsewhere.get("/admin/").status_code == 302


@pytest.mark.parametrize("new", ["short", "password1234", "nina-nina-nina"])
def test_a_new_password_that_is_easily_guessed_is_refused_in_words(client, person, new):
    nina = person("nurse", username="nina-nina-nina")
    client.force_login(nina)
    answer = client.post(CHANGE, new_password(PASSWORD, new))
    assert "prrt-fault" in answer.content.decode()
    nina.refresh_from_db()
    assert nina.check_password(PASSWORD)


def test_the_old_password_cannot_be_guessed_at_the_page_that_changes_it(client, person):
    nina = person("nurse", username="nina")
    client.force_login(nina)
    answers = [client.post(CHANGE, new_password(f"wrong {n}")).status_code for n in range(11)]
    assert answers[-1] == 429
    assert client.post(CHANGE, new_password(PASSWORD)).status_code == 429
    nina.refresh_from_db()
    assert nina.check_password(PASSWORD)


def test_the_admins_own_password_page_leads_to_the_limited_one(client, person):
    client.force_login(person("nurse"))
    for answer in (client.get("/admin/password_change/"), client.post("/admin/password_change/")):
        assert (answer.status_code, answer["Location"]) == (302, CHANGE)
    assert f'href="{CHANGE}"' in client.get("/admin/").content.decode()


def test_a_session_whose_account_has_no_password_any_more_meets_no_error(client, person):
    nina = person("nurse")
    nina.set_unusable_password()
    nina.save()
    client.force_login(nina)
    assert client.get(CHANGE, follow=True).status_code == 404
