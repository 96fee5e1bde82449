"""The forms of the rota: rules, somebody put on call, holidays, days away, duties offered, calendars."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from alerts.models import RotaRule
from alerts.models.rota import ON_CALL
from alerts.rota_rules import LONGEST_DAYS, HolidayUse, Shift, Turn
from alerts.services.on_call import reachable
from alerts.services.rota_edit import RuleEntry
from alerts.wall_clock import first_instant, last_instant
from labs.services.authority import printed_name
from labs.templatetags.clinic_text import instant, visible

CHOOSE = ("", "Choose")
WEEKDAYS = [
    (str(n), name)
    for n, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
]
HOLIDAYS = [
    (HolidayUse.SAME.value, "A holiday counts as the weekday it is"),
    (HolidayUse.ALSO.value, "Also on every holiday"),
    (HolidayUse.NEVER.value, "Not on holidays"),
]
TURNS = [
    (Turn.ONE.value, "One person, always"),
    (Turn.WEEK.value, "Another person each week, from Monday"),
    (Turn.DAY.value, "Another person each day"),
]
LATER = [("0", "On the same day"), ("1", "On the next day")] + [
    (str(n), f"{n} days later") for n in range(2, LONGEST_DAYS + 1)
]
MOST_PEOPLE = 8


def day_field(label: str, *, required: bool = True, help_text: str = "") -> forms.DateField:
    """A day as every browser sends it."""
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"invalid": "Enter a day as year-month-day, for example 2026-05-04."},
    )


def time_field(label: str, help_text: str = "") -> forms.TimeField:
    """A time of day as every browser sends it."""
    return forms.TimeField(
        label=label,
        help_text=help_text,
        input_formats=["%H:%M", "%H:%M:%S"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": "Enter a time as hours and minutes, for example 08:00."},
    )


class RotaForm(forms.Form):
    """A form whose service names the field of each fault."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages["required"] = "Fill this in."

    def refuse(self, faults: Iterable[str]) -> None:
        """Show each of the service's faults at its field, or above the form."""
        for fault in faults:
            name, _, text = fault.partition(": ")
            field = self.field_of(name)
            self.add_error(field, f"{text[:1].upper()}{text[1:]}." if text else fault)

    def field_of(self, name: str) -> str | None:
        """The form's field for one of the service's."""
        return name if name in self.fields else None


def people_choices() -> list[tuple[str, str]]:
    """Everybody who can be on call."""
    people = sorted(reachable(ON_CALL), key=printed_name)
    return [CHOOSE, *((str(person.pk), visible(printed_name(person))) for person in people)]


def person_field(label: str, *, required: bool = True) -> forms.ChoiceField:
    """One of those who can be on call."""
    return forms.ChoiceField(label=label, choices=people_choices, required=required)


class RuleForm(RotaForm):
    """One rule of the rota."""

    name = forms.CharField(label="Name of the rule", max_length=60)
    weekdays = forms.MultipleChoiceField(
        label="Days on which the duty begins",
        choices=WEEKDAYS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    holidays = forms.ChoiceField(label="Holidays", choices=HOLIDAYS)
    starts = time_field("Begins at")
    ends = time_field("Ends at")
    ends_after_days = forms.TypedChoiceField(label="Ends", choices=LATER, coerce=int)
    zone = forms.CharField(label="Time zone of these times", max_length=64)
    turn = forms.ChoiceField(label="Who", choices=TURNS)
    first_day = day_field("First day")
    last_day = day_field("Last day", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, MOST_PEOPLE + 1):
            self.fields[f"person_{number}"] = person_field(f"Person {number}", required=number == 1)
        self.fields["person_1"].error_messages["required"] = "Choose at least one person."

    def entry(self) -> RuleEntry:
        """The rule as the service takes it."""
        said = self.cleaned_data
        keys = [said[f"person_{n}"] for n in range(1, MOST_PEOPLE + 1) if said[f"person_{n}"]]
        people = User.objects.in_bulk([int(key) for key in keys])
        return RuleEntry(
            name=said["name"],
            weekdays=[int(each) for each in said["weekdays"]],
            holidays=HolidayUse(said["holidays"]),
            starts=said["starts"],
            ends=said["ends"],
            ends_after_days=said["ends_after_days"],
            zone=said["zone"],
            turn=Turn(said["turn"]),
            people=[people[int(key)] for key in keys],
            first_day=said["first_day"],
            last_day=said["last_day"],
        )

    def field_of(self, name: str) -> str | None:
        """People stand in several fields."""
        return "person_1" if name == "people" else super().field_of(name)


def rule_as_typed(rule: RotaRule) -> dict[str, Any]:
    """A stored rule as the fields show it."""
    people = {f"person_{turn.position + 1}": str(turn.person_id) for turn in rule.turns.all()}
    return {
        "name": rule.name,
        "weekdays": [str(each) for each in rule.weekdays],
        "holidays": rule.holidays,
        "starts": rule.starts,
        "ends": rule.ends,
        "ends_after_days": str(rule.ends_after_days),
        "zone": rule.zone,
        "turn": rule.turn,
        "first_day": rule.first_day,
        "last_day": rule.last_day,
        **people,
    }


class OverrideForm(RotaForm):
    """Somebody put on call for a time."""

    person = person_field("Who is on call")
    starts_day = day_field("From, day")
    starts_time = time_field("From, time")
    ends_day = day_field("To, day")
    ends_time = time_field("To, time")
    reason = forms.CharField(label="Why", max_length=200)

    def chosen(self) -> User:
        """Who is put on call."""
        return User.objects.get(pk=int(self.cleaned_data["person"]))

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From when to when; a time that clocks show twice begins at its first and ends at its second."""
        said = self.cleaned_data
        begin = datetime.combine(said["starts_day"], said["starts_time"])
        end = datetime.combine(said["ends_day"], said["ends_time"])
        return first_instant(begin, zone), last_instant(end, zone)

    def field_of(self, name: str) -> str | None:
        """Instants stand in two fields each."""
        return {"starts_at": "starts_day", "ends_at": "ends_day"}.get(name) or super().field_of(name)


class HolidayForm(RotaForm):
    """A day that is a holiday here, or is none."""

    day = day_field("Day")
    name = forms.CharField(label="Name", max_length=60)
    is_kept = forms.ChoiceField(
        label="What it is", choices=[("yes", "A holiday in this house"), ("no", "Not a holiday here")]
    )


class AwayForm(RotaForm):
    """Days on which somebody is away."""

    first_day = day_field("First day away")
    last_day = day_field("Last day away")


class SwapForm(RotaForm):
    """A duty offered to somebody, perhaps for one of theirs."""

    duty = forms.ChoiceField(label="Your duty")
    other = forms.ChoiceField(label="Offered to")
    back = forms.ChoiceField(
        label="In return for their duty",
        required=False,
        help_text="Leave it empty where they simply help out.",
    )

    def __init__(
        self, *args: Any, mine: Sequence[Shift], others: Sequence[tuple[User, Sequence[Shift]]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._choices("duty", [(key_of(each), words_of(each)) for each in mine])
        self._choices("other", [(str(person.pk), visible(printed_name(person))) for person, _ in others])
        theirs = [
            (key_of(each), f"{visible(printed_name(person))}: {words_of(each)}")
            for person, held in others
            for each in held
        ]
        self._choices("back", theirs)

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [CHOOSE if name != "back" else ("", "Nothing in return"), *choices]


def key_of(duty: Shift) -> str:
    """A duty as a choice of a form sends it."""
    return f"{duty.starts_at.isoformat()}/{duty.ends_at.isoformat()}"


def span_of_key(key: str) -> tuple[datetime, datetime]:
    """The inverse of `key_of`."""
    begin, _, end = key.partition("/")
    return datetime.fromisoformat(begin), datetime.fromisoformat(end)


def words_of(duty: Shift) -> str:
    """A duty in words."""
    return f"{timezone.localtime(duty.starts_at):%a} {instant(duty.starts_at)} to {instant(duty.ends_at)}"


class ImportForm(RotaForm):
    """A calendar handed in."""

    file = forms.FileField(
        label="Calendar file (.ics)",
        help_text="Each duty names one person by e-mail address or staff code (the log-in name).",
        widget=forms.ClearableFileInput(attrs={"accept": ".ics,text/calendar"}),
    )
