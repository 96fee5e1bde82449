"""Groups hold exactly the rights of the role matrix, and nobody stands above it."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.checks import Tags, run_checks

from prrt_clinic import roles
from prrt_clinic.roles import check_roles, check_superusers, synchronise_roles

pytestmark = pytest.mark.django_db


def rights(group):
    return {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()}


def test_after_migrate_each_group_holds_exactly_its_rights():
    for role in roles.roles().values():
        assert rights(Group.objects.get(name=role.name)) == role.rights


def test_a_right_given_by_hand_does_not_survive_the_next_migrate():
    nurse = Group.objects.get(name="nurse")
    nurse.permissions.add(Permission.objects.get(codename="sign_decision"))
    synchronise_roles("default")
    assert "courses.sign_decision" not in rights(nurse)


@pytest.mark.parametrize(
    ("role", "right", "held"),
    [
        ("nurse", "labs.view_observation", True),
        ("nurse", "courses.hold_course", True),
        ("nurse", "labs.submit_file", True),
        ("nurse", "labs.commit_file", True),
        ("physician", "labs.commit_file", True),
        ("pharmacist", "labs.submit_file", False),
        ("physicist", "labs.commit_file", False),
        ("auditor", "labs.view_csvupload", False),
        ("lab-feed", "labs.commit_file", False),
        ("nurse", "courses.sign_decision", False),
        ("nurse", "labs.resolve_quarantine", True),
        ("nurse", "labs.map_code", False),
        ("nurse", "labs.try_sample", False),
        ("physician", "labs.map_code", True),
        ("physicist", "labs.map_code", True),
        ("physicist", "labs.resolve_quarantine", False),
        ("physicist", "labs.view_labmessage", False),
        ("administrator", "labs.try_sample", True),
        ("administrator", "labs.view_quarantinedresult", False),
        ("pharmacist", "labs.view_quarantinedresult", False),
        ("on-call", "labs.enter_result", False),
        ("nurse", "courses.record_fact", True),
        ("nurse", "courses.judge_fact", False),
        ("nurse", "courses.approve_protocol", False),
        ("nurse", "courses.move_course", False),
        ("physician", "courses.judge_fact", True),
        ("physician", "courses.approve_protocol", True),
        ("physician", "courses.move_course", True),
        ("pharmacist", "courses.record_fact", False),
        ("pharmacist", "courses.view_chartfact", False),
        ("auditor", "courses.view_protocolapproval", True),
        ("auditor", "courses.view_chartfact", False),
        ("physician", "courses.sign_decision", True),
        ("physician", "courses.sign_directive", False),
        ("authorised-user", "courses.sign_directive", True),
        ("pharmacist", "courses.handle_order", True),
        ("pharmacist", "labs.view_observation", False),
        ("physicist", "courses.record_administration", True),
        ("lab-feed", "labs.submit_message", True),
        ("lab-feed", "labs.view_observation", False),
        ("on-call", "alerts.acknowledge_alert", True),
        ("on-call", "courses.sign_decision", False),
        ("on-call", "labs.view_contactdetails", True),
        ("on-call", "labs.add_contactdetails", False),
        ("pharmacist", "labs.view_contactdetails", False),
        ("service-pharmacy", "labs.view_contactdetails", False),
        ("auditor", "labs.view_contactdetails", False),
        ("nurse", "alerts.suppress_alert", True),
        ("on-call", "alerts.suppress_alert", True),
        ("pharmacist", "alerts.suppress_alert", False),
        ("administrator", "alerts.suppress_alert", False),
        ("administrator", "alerts.suppress_technical_alert", True),
        ("administrator", "alerts.view_deliveryattempt", True),
        ("nurse", "alerts.view_deliveryattempt", False),
        ("auditor", "labs.view_patient", False),
        ("administrator", "labs.view_patient", False),
        ("administrator", "alerts.acknowledge_technical_alert", True),
        ("service-pharmacy", "courses.view_order", True),
        ("service-pharmacy", "courses.view_decision", False),
        ("service-pharmacy", "courses.view_course", True),
        ("service-pharmacy", "courses.view_dispensedunit", True),
        ("service-pharmacy", "courses.view_administration", False),
        ("service-pharmacy", "courses.view_directive", False),
    ],
)
def test_the_matrix_grants_and_denies(role, right, held, person):
    assert person(role).has_perm(right) is held


def test_no_role_may_delete_anything_or_change_a_row_of_the_record():
    for role in roles.roles().values():
        for right in role.rights:
            action = right.split(".")[1].split("_")[0]
            assert action != "delete"
            entered = {"patient", "bodyweight", "contactdetails"}
            assert action not in {"add", "change"} or right.split("_", 1)[1] in entered


def test_a_right_that_no_model_declares_is_an_error(monkeypatch):
    assert check_roles() == []
    matrix = dict(roles.roles())
    matrix["nurse"] = roles.Role(name="nurse", kind="person", rights=frozenset({"courses.sign_decisions"}))
    monkeypatch.setattr(roles, "roles", lambda: matrix)
    assert [error.id for error in check_roles()] == ["prrt_clinic.E002"]


def test_production_has_no_active_superuser(settings):
    User.objects.create_superuser("root", password="a long pass phrase")
    assert check_superusers(databases=["default"]) == []
    settings.PRODUCTION = True
    found = run_checks(tags=[Tags.database], databases=["default"])
    assert [error.id for error in found] == ["prrt_clinic.E003"]
    User.objects.update(is_active=False)
    assert check_superusers(databases=["default"]) == []
