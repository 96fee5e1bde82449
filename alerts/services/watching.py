"""Look at the state of things, not at what arrived: silence, age, drift, treatment, runners, the trial."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from alerts.library import policy
from alerts.services.canary import run_canary
from alerts.services.cause_gone import watch_gone
from alerts.services.critical_values import judge_critical_values
from alerts.services.deadlines import watch_deadlines
from alerts.services.heartbeat import LOOKED, beat_all, take_turn
from alerts.services.watch_calls import watch_calls
from alerts.services.watch_canary import watch_canary
from alerts.services.watch_ended import watch_ended
from alerts.services.watch_feeds import watch_codes, watch_quarantine, watch_silence, watch_uploads
from alerts.services.watch_follow_up import watch_follow_up
from alerts.services.watch_limits import watch_limits
from alerts.services.watch_mail import watch_mail
from alerts.services.watch_panels import watch_panels
from alerts.services.watch_rota import watch_hand_over, watch_rota
from alerts.services.watch_runners import watch_runners
from alerts.services.watch_storm import watch_storm
from alerts.services.watch_treatment import watch_deviations, watch_incidents, watch_recalls
from alerts.services.watch_units import watch_units
from labs.clock import database_now

log = logging.getLogger(__name__)

Look = Callable[..., int]
# The trial comes before the look at it, and its fault keeps no look from being taken.
EVERY_TIME: tuple[Look, ...] = (
    judge_critical_values,
    watch_deadlines,
    watch_mail,
    watch_silence,
    watch_codes,
    watch_quarantine,
    watch_uploads,
    watch_recalls,
    watch_deviations,
    watch_incidents,
    watch_runners,
    watch_storm,
    watch_hand_over,
    watch_ended,
    watch_gone,
    run_canary,
    watch_canary,
)
IN_TURN: tuple[Look, ...] = (
    watch_panels,
    watch_units,
    watch_limits,
    watch_rota,
    watch_follow_up,
    watch_calls,
)


# Every stage comes round within a minute, whichever runner carries it.
_A_PASS = timedelta(minutes=1)


class WatchFailed(Exception):
    """Some looks could not be taken; the others were. They are taken again on their next turn."""


def turns() -> dict[str, timedelta]:
    """How often each look is taken, by the name under which its success is kept."""
    in_turn = timedelta(minutes=policy().watch.results_every_minutes)
    return {
        **{_kept(look): _A_PASS for look in EVERY_TIME},
        **{_kept(look): in_turn for look in IN_TURN},
    }


def _kept(look: Look) -> str:
    return f"{LOOKED}{look.__name__}"


def watch(*, now: datetime | None = None, all_due: bool = False) -> int:
    """Take every look that is due; return how many alerts and trials changed. Raises WatchFailed.

    Safe to run any number of times at once, and by every runner: what several find becomes one alert. What
    reads many rows is taken in turn, every few minutes, by whichever runner comes first; `all_due` takes all.
    """
    now = now or database_now()
    every = timedelta(minutes=policy().watch.results_every_minutes)
    looks = [
        *EVERY_TIME,
        *(
            look
            for look in IN_TURN
            if all_due or take_turn(name=f"look.{look.__name__}", every=every, now=now)
        ),
    ]
    changed = 0
    failed: list[Look] = []
    for look in looks:
        try:
            changed += look(now=now)
        except Exception:
            # Whatever one look stumbled over, the others must be taken; raised again below.
            log.exception("%s failed.", look.__name__)
            failed.append(look)
    beat_all({_kept(look) for look in looks if look not in failed}, now=now)
    if failed:
        # One that has never succeeded is missed from now on.
        beat_all({_kept(look) for look in failed}, now=now, over=False)
        raise WatchFailed(f"Could not be looked at: {', '.join(look.__name__ for look in failed)}")
    return changed
