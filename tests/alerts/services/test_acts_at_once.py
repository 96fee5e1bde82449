"""Several people press buttons on one alert in one moment: one act counts, and the record stays whole."""

import threading
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from alerts.history import differences, standing_after
from alerts.models import Alert
from alerts.services.acknowledging import AlertHasChanged, acknowledge
from alerts.services.escalate_now import escalate_now
from alerts.services.hand_over import hand_over
from alerts.services.suppression import suppress
from tests.builders_acts import hold_alert, make_staff, seen
from tests.builders_alerts import NOW, make_person

pytestmark = [pytest.mark.usefixtures("real_commits"), pytest.mark.postgres]
WHY = "Pressed in the same moment."
ACTS: dict[str, Callable[..., Any]] = {
    "take": lambda alert, person, to, shown: acknowledge(
        alert=alert, person=person, seen_severity=shown.severity, seen_event=shown.event, now=NOW
    ),
    "over": lambda alert, person, to, shown: hand_over(
        alert=alert, person=person, to=to, seen=shown, now=NOW
    ),
    "escalate": lambda alert, person, to, shown: escalate_now(
        alert=alert, person=person, seen=shown, reason=WHY, now=NOW
    ),
    "silence": lambda alert, person, to, shown: suppress(
        alert=alert, person=person, seen=shown, minutes=30, reason=WHY, now=NOW
    ),
}


def at_once(alert: Alert, people: list[User], acts: tuple[str, ...]) -> list[str]:
    """What became of each act, all sent from one page in one moment."""
    shown, gate = seen(alert), threading.Barrier(len(acts))
    ended = ["nothing"] * len(acts)

    def press(number: int, act: str) -> None:
        try:
            gate.wait(20)
            ACTS[act](alert, people[number], people[-1], shown)
            ended[number] = "done"
        except AlertHasChanged:
            ended[number] = "stale"
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=pair, daemon=True) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return ended


@pytest.mark.parametrize(
    "acts", [*combinations(ACTS, 2), ("over", "over"), ("escalate", "escalate"), tuple(ACTS)]
)
def test_of_acts_in_one_moment_one_counts_and_the_record_is_whole(acts: tuple[str, ...]) -> None:
    make_staff()
    people = [make_person(f"p{number}", "nurse", "on-call") for number in range(len(acts) + 1)]
    alert = hold_alert()
    ended = at_once(alert, people, acts)
    # To acknowledge after the next people were told, or after a hand-over, is no contradiction.
    most = 2 if "take" in acts else 1
    assert 1 <= ended.count("done") <= most
    assert ended.count("done") + ended.count("stale") == len(acts)
    alert.refresh_from_db()
    found = standing_after(alert.events.select_related("actor"))
    assert (found.state, found.holder) == (alert.state, alert.acked_by)
    assert differences(alert) == []
    assert (alert.next_step_at is None) is (alert.state == "acked")


def test_one_button_pressed_by_one_person_in_two_tabs_counts_once() -> None:
    make_staff()
    anna, bela = make_person("anna", "nurse"), make_person("bela", "nurse")
    for act in ("over", "escalate", "silence"):
        alert = hold_alert()
        assert at_once(alert, [anna, anna, bela], (act, act)) == ["done", "done"]
        kind = {"over": "handed-over", "escalate": "escalated", "silence": "suppressed"}[act]
        assert alert.events.filter(kind=kind).count() == 1
