"""`manage.py verify`: a line for each violation and status 1, or what was looked at and nothing found."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import run_due_steps
from alerts.services.rearming import rearm_due
from courses.models import DirectiveVoid, Order
from labs.clock import database_now
from labs.models import Patient, Seal
from labs.services.seals import RIPE, seal_ripe_rows, sealed_head
from prrt_clinic.append_only import APPEND_ONLY
from prrt_clinic.invariants import INVARIANTS

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demonstration(
    django_db_setup: None, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The demonstration clinic, built once for this module and taken back at its end."""
    folder = tmp_path_factory.mktemp("demo")
    usual = settings.VAR_DIR
    with django_db_blocker.unblock(), transaction.atomic():
        settings.VAR_DIR = folder
        call_command("demo")
        # As the runner that starts beside it: what its past owes people is opened again, and told.
        rearm_due(now=database_now())
        run_due_steps()
        # After three letters the others of a minute wait for one letter that tells of them all.
        for seconds in (0, 61, 122):
            dispatch_due(now=database_now() + timedelta(seconds=seconds))
        yield folder
        settings.VAR_DIR = usual
        transaction.set_rollback(True)


def verified(*options: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify", *options, stdout=out)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


def test_the_demonstration_clinic_breaks_no_rule(demonstration: Path) -> None:
    status, text = verified()
    assert "VIOLATED" not in text
    assert status == 0
    assert text.count(" nothing found (") == len(INVARIANTS)
    assert "I-03 nothing found (40 courses): " in text
    assert f"{len(INVARIANTS)} rules looked at, 0 violations found." in text


def test_it_says_what_it_does_not_prove_and_which_tables_triggers_keep(demonstration: Path) -> None:
    _, text = verified("--quick")
    assert "rows of the last minutes are not sealed yet" in text
    for label in APPEND_ONLY:
        assert label in text


def test_the_quick_look_says_what_it_leaves_out(demonstration: Path) -> None:
    status, text = verified("--quick")
    assert status == 0
    left_out = [invariant for invariant in INVARIANTS if invariant.reads_every_row]
    assert text.count(" left out (--quick): ") == len(left_out)
    assert "I-09 left out (--quick): the stored evidence of every decision" in text


def test_a_violation_is_one_line_by_ids_and_ends_with_status_one(demonstration: Path) -> None:
    order = Order.objects.filter(
        kind="radiopharmaceutical", state="active", cycle__course__current_decision__awaiting_labs=False
    ).first()
    assert order is not None
    assert order.directive is not None
    DirectiveVoid.objects.create(directive=order.directive, reason_code="planted", at=database_now())
    status, text = verified("--quick")
    assert status == 1
    lines = [line for line in text.splitlines() if "VIOLATED" in line]
    words = "is active without a directive that holds and a signature on the present verdict"
    assert lines == [f"D-01 VIOLATED order {order.public_id}: {words}"]
    assert "1 violation found." in text
    for patient in Patient.objects.all():
        assert patient.mrn not in text
        assert patient.family not in text


def test_the_chain_of_seals_is_checked_and_its_head_printed(demonstration: Path) -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    seal_ripe_rows(now=noon)
    seal_ripe_rows(now=noon + RIPE)
    head = sealed_head()
    assert head is not None
    status, text = verified("--head", head.sha256)
    assert status == 0
    assert f"Head of the chain: {head.sha256} (link {head.position})." in text
    assert f"I-21 nothing found ({Seal.objects.count()} links): " in text
    status, text = verified("--quick", "--head", "f" * 64)
    assert status == 1
    assert f"I-21 VIOLATED seals: the chain does not hold the head {'f' * 64}" in text
