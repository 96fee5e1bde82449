"""Two numbers of one person: proposed by the laboratory or a person, in force by two, taken back by two."""

import hashlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labs.clock import database_now
from labs.models import (
    LabMessage,
    MessageOutcome,
    Observation,
    Patient,
    PatientMerge,
    QuarantinedResult,
    Result,
)
from labs.report import patient_results
from labs.same_person import numbers_of
from labs.services import MergeRefused, propose_merge, propose_reversal, read_waiting_messages, review_merge
from labs.signals import evidence_changed
from tests.builders_labs import make_patient, make_sender, message, msh, obr, obx, pid, receive

pytestmark = pytest.mark.django_db
OLD, NEW = "900^^^CLINIC^MR", "1001^^^CLINIC^MR"


@pytest.fixture
def survivor() -> Patient:
    make_sender()
    return make_patient()


@pytest.fixture
def retired(survivor: Patient) -> Patient:
    return make_patient(mrn="900")


@pytest.fixture
def people(person: Callable[..., User]) -> tuple[User, User]:
    return person("nurse", username="nurse-1"), person("physician", username="doctor-1")


def merge_message(*pairs: tuple[str, str], control_id: str = "A1") -> bytes:
    """An ADT^A40 of these pairs of PID and MRG-1."""
    lines = [msh(control_id, f9="ADT^A40^ADT_A39"), "EVN|A40|20260504083000"]
    for segment, old in pairs:
        lines += [segment, f"MRG|{old}"]
    return ("\r".join(lines) + "\r").encode()


def taken(body: bytes) -> MessageOutcome:
    """The message as the door keeps it once it takes this type, and read."""
    kept = LabMessage.objects.create(
        door="mllp",
        sender="central-lab",
        msh3="LAB",
        msh4="HOSPITAL",
        control_id=body.split(b"|")[9].decode(),
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        ack_code="AA",
        received_at=database_now(),
    )
    read_waiting_messages()
    return kept.outcome


def agreed(retired: Patient, survivor: Patient, people: tuple[User, User]) -> PatientMerge:
    """A merge in force."""
    merge = propose_merge(
        retired=retired, survivor=survivor, reason="Same person.", proposed_by="clerk"
    ).merge
    assert not review_merge(merge=merge, by=people[0], agrees=True)
    assert review_merge(merge=merge, by=people[1], agrees=True)
    return merge


def values(patient: Patient) -> list[str]:
    return sorted(row["value"] for row in patient_results(patient=patient))


def test_a_merge_message_changes_nothing_until_two_people_agree(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    receive(message(pid(OLD), obr("F1"), obx("60")), message(pid(NEW), obr("F2"), obx("70"), control_id="M2"))
    outcome = taken(merge_message((pid(NEW), OLD)))
    assert (outcome.state, outcome.reason_code, outcome.held) == ("quarantined", "merge-proposed", 1)
    held = QuarantinedResult.objects.get()
    assert "900" in held.reason and "Until two people agree" in held.reason
    assert (values(retired), values(survivor)) == (["60"], ["70"])

    merge = PatientMerge.objects.get()
    assert not review_merge(merge=merge, by=people[0], agrees=True)
    assert (values(retired), values(survivor)) == (["60"], ["70"])
    assert review_merge(merge=merge, by=people[1], agrees=True, note="Both wristbands seen.")
    assert values(survivor) == values(retired) == ["60", "70"]
    held.refresh_from_db()
    assert (held.state, held.resolved_by, held.resolution) == ("resolved", "doctor-1", "Two people agreed.")


def test_nothing_is_moved_and_taking_back_leaves_everything_as_it_was(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    receive(message(pid(OLD), obr("F1"), obx("60")))
    before = [list(table.objects.order_by("pk").values()) for table in (Observation, Result)]
    merge = agreed(retired, survivor, people)
    receive(message(pid(OLD), obr("F3"), obx("80"), control_id="M3"))
    assert values(survivor) == ["60", "80"]

    back = propose_reversal(merge=merge, reason="Two sisters after all.", by=people[0])
    assert propose_reversal(merge=merge, reason="Again.", by=people[1]) == back
    assert values(survivor) == ["60", "80"]
    assert not review_merge(merge=back, by=people[1], agrees=True)
    assert review_merge(merge=back, by=people[0], agrees=True)
    assert (values(retired), values(survivor)) == (["60", "80"], [])
    assert [list(table.objects.order_by("pk").values()[:1]) for table in (Observation, Result)] == before
    assert numbers_of(retired.pk) == {retired.pk}
    agreed(retired, survivor, people)
    assert values(survivor) == ["60", "80"]


def test_a_retired_number_in_a_later_message_is_the_survivor(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    Patient.objects.filter(pk=survivor.pk).update(family="Schulz")
    agreed(retired, survivor, people)
    receive(message(pid(OLD, name="Schulz^Maria"), obr("F1"), obx("60")))
    receive(message(pid(OLD), obr("F2"), obx("61"), control_id="M2"))
    assert values(survivor) == ["60", "61"]
    receive(message(pid(OLD, name="Meier^Maria"), obr("F3"), obx("62"), control_id="M3"))
    assert values(survivor) == ["60", "61"]
    assert QuarantinedResult.objects.get().reason_code == "name-differs"


def test_both_numbers_in_one_message_are_two_patients_before_and_one_after(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    both = pid(f"{OLD}~{NEW}")
    receive(message(both, obr("F1"), obx("60")))
    assert (values(survivor), QuarantinedResult.objects.get().reason_code) == ([], "two-patients")
    agreed(retired, survivor, people)
    receive(message(both, obr("F2"), obx("61"), control_id="M2"))
    assert values(survivor) == ["61"]
    assert Result.objects.get().patient == survivor


def test_a_correction_under_the_other_number_corrects_the_same_result(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    receive(message(pid(OLD), obr("F1"), obx("160")))
    agreed(retired, survivor, people)
    later = {"control_id": "M2", "at": "20260504100000+0200"}
    receive(message(pid(NEW), obr("F1"), obx("60", status="C"), **later))
    assert values(survivor) == ["60"]
    result = Result.objects.get()
    assert (result.patient, result.versions.count()) == (retired, 2)
    receive(message(pid(NEW), obr("F1"), obx("160"), control_id="M4"))
    assert values(survivor) == ["60"]


def test_of_two_results_with_one_order_number_each_keeps_its_own_versions(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    receive(
        message(pid(OLD), obr("F1"), obx("160")), message(pid(NEW), obr("F1"), obx("170"), control_id="M2")
    )
    agreed(retired, survivor, people)
    later = {"control_id": "M3", "at": "20260504100000+0200"}
    receive(message(pid(NEW), obr("F1"), obx("60", status="C"), **later))
    assert values(survivor) == ["160", "60"]


CHAINS = [
    ([("A", "B"), ("B", "C")], {"A", "B", "C"}),
    ([("B", "C"), ("A", "B")], {"A", "B", "C"}),
    ([("A", "C"), ("B", "C")], {"A", "B", "C"}),
]


@pytest.mark.parametrize(("pairs", "one"), CHAINS)
def test_merges_follow_one_another_to_the_last_survivor(
    pairs: list[tuple[str, str]], one: set[str], survivor: Patient, people: tuple[User, User]
) -> None:
    rows = {mrn: make_patient(mrn=mrn) for mrn in "ABC"}
    for old, new in pairs:
        agreed(rows[old], rows[new], people)
    for row in rows.values():
        assert numbers_of(row.pk) == {rows[mrn].pk for mrn in one}


def test_what_cannot_be_merged_is_refused(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    def refusal(old: Patient, new: Patient) -> str:
        with pytest.raises(MergeRefused) as caught:
            propose_merge(retired=old, survivor=new, reason="Same person.", proposed_by="clerk")
        return caught.value.code

    third = make_patient(mrn="1003")
    assert refusal(survivor, survivor) == "merge-with-itself"
    agreed(retired, survivor, people)
    assert refusal(survivor, retired) == "merge-inverse"
    assert refusal(retired, third) == "retired-before"
    agreed(survivor, third, people)
    assert refusal(third, retired) == "merge-inverse"
    again = propose_merge(retired=retired, survivor=survivor, reason="Again.", proposed_by="clerk")
    assert not again.is_new
    assert PatientMerge.objects.count() == 2


def test_opposite_proposals_cannot_both_come_into_force(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    one = propose_merge(retired=retired, survivor=survivor, reason="Same.", proposed_by="clerk").merge
    other = propose_merge(retired=survivor, survivor=retired, reason="Same.", proposed_by="clerk").merge
    for who in people:
        review_merge(merge=one, by=who, agrees=True)
    with pytest.raises(MergeRefused, match="retired into the other one before"):
        review_merge(merge=other, by=people[0], agrees=True)


def test_one_person_is_not_two_and_a_refusal_ends_it(
    retired: Patient, survivor: Patient, people: tuple[User, User], person: Callable[..., User]
) -> None:
    merge = propose_merge(retired=retired, survivor=survivor, reason="Same.", proposed_by="clerk").merge
    review_merge(merge=merge, by=people[0], agrees=True)
    with pytest.raises(MergeRefused, match="different person"):
        review_merge(merge=merge, by=people[0], agrees=True)
    with pytest.raises(MergeRefused, match="Your role"):
        review_merge(merge=merge, by=person("pharmacist"), agrees=True)
    assert not review_merge(merge=merge, by=people[1], agrees=False)
    with pytest.raises(MergeRefused, match="decided already"):
        review_merge(merge=merge, by=person("nurse", username="nurse-2"), agrees=True)
    assert numbers_of(survivor.pk) == {survivor.pk}


DOUBTFUL = [
    ((pid("4444^^^CLINIC^MR"), OLD), "unknown-patient"),
    ((pid(NEW), "4444^^^CLINIC^MR"), "unknown-retired"),
    ((pid(NEW), "900^^^ELSEWHERE^MR"), "unknown-retired"),
    ((pid(NEW), "900"), "unknown-retired"),
    ((pid(NEW), ""), "unknown-retired"),
    ((pid(NEW), NEW), "merge-with-itself"),
    ((pid(NEW, born="19700101"), OLD), "birth-date-differs"),
    ((pid(NEW, name="Meier^Maria"), OLD), "name-differs"),
]


@pytest.mark.parametrize(("pair", "reason"), DOUBTFUL)
def test_a_merge_message_that_is_not_certain_proposes_nothing_and_waits(
    pair: tuple[str, str], reason: str, retired: Patient, survivor: Patient
) -> None:
    outcome = taken(merge_message(pair))
    assert (outcome.state, outcome.reason_code) == ("quarantined", reason)
    assert not PatientMerge.objects.exists()
    assert QuarantinedResult.objects.get().reason_code == reason


def test_a_merge_message_may_name_both_numbers_in_the_patient_and_several_pairs(
    retired: Patient, survivor: Patient
) -> None:
    make_patient(mrn="2001", family="Schmidt", given="Eva")
    make_patient(mrn="2000", family="Schmidt", given="Eva")
    eva = pid("2001^^^CLINIC^MR", name="Schmidt^Eva")
    taken(merge_message((pid(f"{NEW}~{OLD}"), OLD), (eva, "2000^^^CLINIC^MR")))
    found = {(row.retired.mrn, row.survivor.mrn) for row in PatientMerge.objects.all()}
    assert found == {("900", "1001"), ("2000", "2001")}


def test_a_merge_message_repeated_is_nothing_new_and_its_inverse_waits(
    retired: Patient, survivor: Patient, people: tuple[User, User]
) -> None:
    taken(merge_message((pid(NEW), OLD)))
    outcome = taken(merge_message((pid(NEW), OLD), control_id="A2"))
    assert (outcome.state, outcome.held) == ("duplicate", 0)
    for who in people:
        review_merge(merge=PatientMerge.objects.get(), by=who, agrees=True)
    assert taken(merge_message((pid(NEW), OLD), control_id="A3")).state == "duplicate"
    assert taken(merge_message((pid(OLD), NEW), control_id="A4")).reason_code == "merge-inverse"
    assert PatientMerge.objects.count() == 1


@pytest.mark.parametrize("lines", [["MRG|900^^^CLINIC^MR"], [pid(NEW)], [pid(NEW), pid(NEW), "MRG|900"]])
def test_a_merge_message_without_its_pairs_waits_whole(
    lines: list[str], retired: Patient, survivor: Patient
) -> None:
    body = "\r".join([msh("A9", f9="ADT^A40"), *lines, ""]).encode()
    assert taken(body).reason_code == "unpaired-merge"


def test_whoever_listens_hears_of_both_numbers_once_it_is_in_force_and_once_it_is_taken_back(
    retired: Patient,
    survivor: Patient,
    people: tuple[User, User],
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    heard: list[list[int]] = []

    def listen(patient_ids: list[int], **_: Any) -> None:
        heard.append(patient_ids)

    evidence_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            merge = agreed(retired, survivor, people)
        with django_capture_on_commit_callbacks(execute=True):
            back = propose_reversal(merge=merge, reason="Sisters.", by=people[0])
            for who in people:
                review_merge(merge=back, by=who, agrees=True)
    finally:
        evidence_changed.disconnect(listen)
    assert heard == [sorted([retired.pk, survivor.pk])] * 2


def test_two_people_merge_and_take_back_in_the_browser(
    retired: Patient, survivor: Patient, people: tuple[User, User], client: Client
) -> None:
    taken(merge_message((pid(NEW), OLD)))
    receive(message(pid(OLD), obr("F1"), obx("60")))

    def act(who: User, what: str, merge: PatientMerge, note: str = "") -> tuple[int, str]:
        client.force_login(who)
        form = {"act": what, "note": note}
        answer = client.post(f"/patients/merges/{merge.public_id}/", form, follow=True)
        return answer.status_code, answer.content.decode()

    merge = PatientMerge.objects.get()
    client.force_login(people[0])
    listed = client.get("/admin/labs/patientmerge/").content.decode()
    assert "Müller, Maria" in listed
    assert "waits for two people" in listed
    assert f"/patients/merges/{merge.public_id}/" in listed
    assert client.get(f"/admin/labs/patientmerge/{merge.pk}/change/").status_code == 200
    page = client.get(f"/patients/merges/{merge.public_id}/").content.decode()
    # Each number with its own banner, and each banner with a word about the other one.
    assert page.count('prrt-banner-name">Müller, Maria</p>') == 2
    assert page.count("Similar name or birth date: Müller, Maria") == 2
    assert "sent a merge of the two numbers (ADT^A40)" in page
    assert not merge.reviews.exists()
    assert "A second person is needed" in act(people[0], "agree", merge, "wristband")[1]
    status, again = act(people[0], "agree", merge)
    assert (status, "You have spoken already" in again) == (409, True)
    assert act(people[1], "frobnicate", merge)[0] == 409
    assert values(survivor) == []
    assert "in force" in act(people[1], "agree", merge)[1]
    assert values(survivor) == ["60"]
    assert "Say in a few words why" in act(people[0], "take-back", merge)[1]
    act(people[0], "take-back", merge, "Two sisters.")
    back = PatientMerge.objects.exclude(pk=merge.pk).get()
    act(people[0], "agree", back)
    act(people[1], "agree", back)
    assert values(survivor) == []
    assert "was taken back" in client.get(f"/patients/merges/{merge.public_id}/").content.decode()


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator"])
def test_nobody_else_sees_or_decides_a_merge(
    role: str, retired: Patient, survivor: Patient, person: Callable[..., User], client: Client
) -> None:
    merge = propose_merge(retired=retired, survivor=survivor, reason="Same.", proposed_by="clerk").merge
    client.force_login(person(role))
    assert client.get("/admin/labs/patientmerge/").status_code == 403
    page = f"/patients/merges/{merge.public_id}/"
    assert client.get(page).status_code == client.post(page, {"act": "agree"}).status_code == 403
    assert not merge.reviews.exists()


def test_a_merge_of_people_of_other_birth_dates_stays_what_two_people_say(
    survivor: Patient, people: tuple[User, User]
) -> None:
    other = make_patient(mrn="900", birth_date=date(1961, 3, 2) + timedelta(days=1))
    agreed(other, survivor, people)
    assert numbers_of(survivor.pk) == {survivor.pk, other.pk}
