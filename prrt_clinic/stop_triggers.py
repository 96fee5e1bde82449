"""The triggers that keep an order that could be given out of a stopped or ended course (I-02)."""

from courses.rules.order_states import LIVE_STATES, OrderState

TABLE = "courses_order"
FUNCTION = "prrt_order_not_after_stop"
# What was out when the course was stopped stays out until it is accounted for; nothing else goes on.
_REFUSED = ", ".join(f"'{state.value}'" for state in LIVE_STATES if state is not OrderState.DISPENSED)
_OUT = OrderState.DISPENSED.value
_WORDS = "an order of a stopped course cannot go on"
_CLOSED = "('stopped', 'ended')"

POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    standing text;
BEGIN
    IF NEW.state NOT IN ({_REFUSED}, '{_OUT}') THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.state = '{_OUT}' AND OLD.state = '{_OUT}' THEN
            RETURN NEW;
        END IF;
    END IF;
    -- Locked, so that a stop on its way is waited for and seen.
    SELECT course.status INTO standing FROM courses_course course
        JOIN courses_cycle cycle ON cycle.course_id = course.id
        WHERE cycle.id = NEW.cycle_id FOR SHARE OF course;
    IF standing IN {_CLOSED} THEN
        RAISE EXCEPTION '{_WORDS}: % refused', NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


def sqlite_statements() -> dict[str, str]:
    """The two triggers of SQLite, by name."""
    stopped = (
        "(SELECT course.status FROM courses_course course JOIN courses_cycle cycle "
        f"ON cycle.course_id = course.id WHERE cycle.id = NEW.cycle_id) IN {_CLOSED}"
    )
    goes_on = {
        "insert": f"NEW.state IN ({_REFUSED}, '{_OUT}')",
        "update": f"(NEW.state IN ({_REFUSED}) OR (NEW.state = '{_OUT}' AND OLD.state <> '{_OUT}'))",
    }
    return {
        f"{TABLE}_no_{event}_after_stop": (
            f'CREATE TRIGGER "{TABLE}_no_{event}_after_stop" BEFORE {event.upper()} ON "{TABLE}" '
            f"WHEN {goes} AND {stopped} BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
        )
        for event, goes in goes_on.items()
    }
