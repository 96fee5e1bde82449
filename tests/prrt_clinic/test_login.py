"""Log-in: rate limits, no sign-up, and fresh re-authentication; headers on every page."""

import pytest

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


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
