"""Every page, reached as people reach it: no link leads astray, and no stored text acts or hides."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.builders_whole_clinic import LOOKERS, build_whole_clinic
from tests.crawl import Visit, walk
from tests.hostile import Hostile, faults_in
from tests.prrt_clinic.test_doors import ROWS, people_of

LONG = os.environ.get("PRRT_LONG") == "1"
pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
UNLINKED = tomllib.loads((Path(__file__).parent / "unlinked.toml").read_text())
# Doors for programs: no page links to them.
FOR_PROGRAMS = ("courses_api:", "courses_fhir:", "fhir:", "metrics")
# What somebody types into the one search that leads on to a page.
TYPED = ("/courses/start/?q=DEMO-T",)
# Nothing is further than that from the first page.
MOST_CLICKS = 3
# A mark is added to a role of its own: of it, only what it adds is looked for.
ADDED_TO = {"authorised-user": "physician", "rota-lead": "physician"}


def may_type(role: str) -> bool:
    """Whether the search is theirs."""
    return role in people_of(ROWS["courses:start_choose"]["get"])


def excused(role: str, table: str) -> set[str]:
    """The doors of one list of exceptions that count for a role."""
    return {row["name"] for row in UNLINKED[table] if role in row.get("for", LOOKERS)}


def wanted_by(role: str) -> set[str]:
    """Every page this role may read, but what no link leads to."""
    may = {name for name, row in ROWS.items() if role in people_of(row.get("get", []))}
    mine = {name for name in may if not name.startswith(FOR_PROGRAMS)} - excused(role, "unlinked")
    return mine - wanted_by(ADDED_TO[role]) if role in ADDED_TO else mine


def looked_at(people: Mapping[str, User]) -> dict[str, list[Visit]]:
    """What each role comes to from the first page on."""
    found = {}
    for role, person in people.items():
        client = Client(raise_request_exception=False)
        client.force_login(person)
        found[role] = walk(client, wanted=wanted_by(role), typed=TYPED if may_type(role) else ())
    return found


def unmet(role: str, visits: list[Visit]) -> Iterator[str]:
    """Pages that are this role's and were not come to, and exceptions that nothing needs."""
    met = {visit.door for visit in visits if visit.status == 200}
    for name in sorted(wanted_by(role) - met):
        yield f"{role}: no link leads to {name}; link it, or say in unlinked.toml why not"
    for name in sorted(excused(role, "unlinked") & met):
        yield f"{role}: unlinked.toml excuses {name}, and a link leads there"


def astray(role: str, visits: list[Visit]) -> Iterator[str]:
    """Links to nothing, to a refusal, or to a page that the table of doors does not open to this role."""
    for visit in visits:
        if visit.status != 200 or not visit.door:
            yield f"{role}: {visit.came_from} links to {visit.address} ({visit.door}): {visit.status}"
        elif not _is_open(visit.door, role) and visit.door not in excused(role, "also"):
            yield f"{role} comes to {visit.door}, which is not theirs: {visit.address}"


def _is_open(door: str, role: str) -> bool:
    """Whether the table of doors opens it; the admin's pages stand in no row."""
    return door not in ROWS or role in people_of(ROWS[door].get("get", []))


def far_away(role: str, visits: list[Visit]) -> Iterator[str]:
    """Doors that are more clicks from the first page than anything may be."""
    clicks: dict[str, int] = {}
    nearest: dict[str, int] = {}
    for visit in visits:  # nearest first, so what led to a page stands before it
        clicks[visit.address] = clicks[visit.came_from] + 1 if visit.came_from else 0
        nearest.setdefault(visit.door, clicks[visit.address])
    for door, many in nearest.items():
        if many > MOST_CLICKS and door not in excused(role, "far"):
            yield f"{role}: {door} is {many} clicks from the first page"


def acting(visits: list[Visit]) -> Iterator[str]:
    """Stored texts that would act, turn a line round or hide in it."""
    for visit in visits:
        if visit.kind == "text/html":
            for fault in faults_in(visit.text):
                yield f"{visit.door}, {visit.address}: {fault.why}: {fault.where!r}"


# Walking every page takes minutes, and the more pages there are the more of them.
if LONG:

    @pytest.mark.hazard("HZ-83")
    def test_each_role_comes_to_all_its_pages_by_links_to_no_others_and_no_stored_text_acts(
        settings, tmp_path
    ) -> None:
        settings.EMAIL_BACKEND, settings.MAIL_DIR = "prrt_clinic.maildir.EmailBackend", tmp_path / "mail"
        hostile = Hostile()
        seen = looked_at(build_whole_clinic(hostile))
        faults = {
            fault
            for role, visits in seen.items()
            for look in (unmet, astray, far_away)
            for fault in (*look(role, visits), *acting(visits))
        }
        assert not faults, "\n".join(sorted(faults)[:60])
        texts = "".join(visit.text for visits in seen.values() for visit in visits)
        unseen = {field for field in hostile.given if f"[{field}]" not in texts}
        # A few rows of each kind are opened; were many texts unseen, the walk would prove little.
        assert len(unseen) <= len(hostile.given) / 5, unseen


def test_each_exception_names_a_door():
    assert {row["name"] for table in UNLINKED.values() for row in table} <= set(ROWS)
    assert all(row["why"] for table in UNLINKED.values() for row in table)
