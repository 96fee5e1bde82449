"""The API's defaults: closed unless opened, bearer tokens for services alone, errors as problem documents."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from knox.models import AuthToken
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from prrt_clinic.problems import problem

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/orders/"


def bearer(user, **expiry):
    return {"HTTP_AUTHORIZATION": f"Bearer {AuthToken.objects.create(user, **expiry)[1]}"}


@pytest.fixture
def pharmacy_system():
    user = User.objects.create_user("pharmacy.system")
    user.groups.add(Group.objects.get(name="service-pharmacy"))
    return user


def test_the_pharmacy_token_reads_orders(client, pharmacy_system):
    assert client.get(ORDERS, **bearer(pharmacy_system)).status_code == 200


def test_the_pharmacy_token_reads_nothing_else(client, pharmacy_system):
    address = "/api/v1/decisions/00000000-0000-0000-0000-000000000000/"
    answer = client.get(address, **bearer(pharmacy_system))
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"


def test_nobody_and_a_wrong_token_get_401_and_a_problem_document(client):
    for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer 1234"}, {"HTTP_AUTHORIZATION": "Bearer"}):
        answer = client.get(ORDERS, **headers)
        assert answer.status_code == 401
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"] == "Bearer"
        assert answer.json()["status"] == 401


def test_an_expired_token_is_refused_and_reading_it_deletes_nothing(client, pharmacy_system):
    headers = bearer(pharmacy_system, expiry=timedelta(seconds=-1))
    assert client.get(ORDERS, **headers).status_code == 401
    assert AuthToken.objects.count() == 1


def test_a_person_cannot_use_a_token(client, person):
    assert client.get(ORDERS, **bearer(person("physician"))).status_code == 401


def test_an_inactive_service_account_is_refused(client, pharmacy_system):
    headers = bearer(pharmacy_system)
    User.objects.update(is_active=False)
    assert client.get(ORDERS, **headers).status_code == 401


def test_a_view_that_names_no_permission_is_closed(person):
    request = APIRequestFactory().get("/api/v1/forgotten/")
    request.user = person("physician")
    assert APIView.as_view()(request).status_code in {401, 403}


def test_an_unknown_address_under_the_api_is_a_problem_document(client):
    answer = client.get("/api/v1/nowhere/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    body = {"type": "about:blank", "title": "Not Found", "status": 404, "code": "not_found"}
    assert answer.json() == body


def test_a_thing_that_does_not_exist_is_a_problem_with_a_code_and_without_our_names(client, pharmacy_system):
    answer = client.get(f"{ORDERS}{uuid4()}/", **bearer(pharmacy_system))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "Order" not in answer.json()["detail"]


def test_a_failure_inside_the_api_is_a_problem_document_without_its_words(
    client, pharmacy_system, monkeypatch
):
    def fails(*_, **__):
        raise RuntimeError("Key (mrn)=(4711)")

    monkeypatch.setattr("prrt_clinic.api.ServiceToken.validate_user", fails)
    client.raise_request_exception = False
    answer = client.get(ORDERS, **bearer(pharmacy_system))
    assert answer.status_code == 500
    body = {"type": "about:blank", "title": "Internal Server Error", "status": 500, "code": "error"}
    assert answer.json() == body


def test_an_error_that_nobody_foresaw_is_not_swallowed():
    assert problem(RuntimeError("x"), {}) is None


def test_the_schema_is_complete_and_the_docs_come_from_this_server(client, capsys):
    call_command("spectacular", "--validate", "--fail-on-warn")
    capsys.readouterr()
    page = client.get("/api/v1/docs/").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "https://cdn" not in page
