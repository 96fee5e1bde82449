"""The first page reminds who may commit of a laboratory file that waits for its second person."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labs.models import CsvUpload
from labs.services.files import commit_file, latest_preview, submit_file
from tests.builders_labs import csv_row, long_csv, make_feed, make_patient

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


@pytest.fixture
def upload(person: Person) -> CsvUpload:
    make_patient()
    make_feed()
    return submit_file(
        feed="csv-lab",
        file_name="may <b>.csv",
        body=long_csv(csv_row()),
        by=person("nurse", username="nora"),
        most_bytes=1 << 20,
    )


def first_page(client: Client, person: User) -> str:
    client.force_login(person)
    return client.get("/admin/").content.decode()


@pytest.mark.parametrize("role", ["nurse", "physician"])
def test_who_may_commit_sees_since_when_it_waits_and_where(
    role: str, client: Client, person: Person, upload: CsvUpload
) -> None:
    page = first_page(client, person(role, username="second"))
    assert f'<a href="/labs/files/{upload.public_id}/"><strong>File may &lt;b&gt;.csv</strong></a>' in page
    assert "waiting less than a minute, since" in page or "waiting 0" in page
    assert "Handed in by nora. Nothing of it counts until a second person commits it." in page
    assert 'wait for a person <span class="prrt-count">1</span>' in page


def test_who_handed_it_in_is_told_that_somebody_else_commits_it(client: Client, upload: CsvUpload) -> None:
    assert "You handed it in: a second person commits it" in first_page(client, upload.uploaded_by)


@pytest.mark.parametrize("role", ["physicist", "pharmacist", "on-call", "auditor", "administrator"])
def test_nobody_else_reads_the_name_of_a_file(
    role: str, client: Client, person: Person, upload: CsvUpload
) -> None:
    assert "may &lt;b&gt;.csv" not in first_page(client, person(role))


def test_once_committed_it_is_gone(client: Client, person: Person, upload: CsvUpload) -> None:
    second = person("physician", username="pia")
    preview = latest_preview(upload)
    commit_file(upload=upload, by=second, seen_file=upload.sha256, seen_preview=preview.sha256)
    assert "may &lt;b&gt;.csv" not in first_page(client, second)


def test_the_files_bytes_are_not_read_for_the_first_page(
    client: Client, person: Person, upload: CsvUpload
) -> None:
    second = person("physician", username="pia")
    client.force_login(second)
    with CaptureQueriesContext(connection) as caught:
        client.get("/admin/")
    of_uploads = [each["sql"] for each in caught if '"labs_csvupload"' in each["sql"]]
    assert len(of_uploads) == 1
    assert '"labs_csvupload"."body"' not in of_uploads[0]
