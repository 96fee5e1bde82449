"""Hand out the clinic's hours, in its zone, as the alert policy states them."""

from alerts.library import policy
from alerts.waking import Office
from labs.zones import clinic_zone


def office() -> Office:
    """When the clinic works."""
    return Office(hours=policy().hours, zone=clinic_zone())
