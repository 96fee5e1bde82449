"""What people fill in to act on an alert by hand."""

from uuid import uuid4

from django import forms
from django.contrib.auth.models import User

from alerts.act_rules import Reached, Whom
from alerts.library import policy
from alerts.models import Alert
from alerts.models.reach import REACHED_WORDS, WHOM_WORDS
from alerts.services.acting import LONGEST_TEXT, SeenAlert
from alerts.services.closing import choices_of
from alerts.services.hand_over import who_can_take
from labs.templatetags.clinic_text import visible

OUTCOME_WORDS = {
    "delay": "The cycle is delayed",
    "reduce": "The activity is reduced",
    "stop": "The course is stopped",
    "continue": "Treatment goes on as planned",
    "false-alarm": "A false alarm: there was nothing to do",
    "handled": "Dealt with",
}
SPANS = ((30, "30 minutes"), (60, "1 hour"), (120, "2 hours"), (240, "4 hours"))
_CHOOSE = ("", "Choose")


def _text(label: str, *, required: bool, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=LONGEST_TEXT,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say in a few words why."},
    )


def _number() -> forms.IntegerField:
    """A hidden number; what is no such number is a damaged page."""
    return forms.IntegerField(
        widget=forms.HiddenInput,
        min_value=0,
        max_value=2**63 - 1,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            "The page was incomplete. Open the alert again.",
        ),
    )


class ActForm(forms.Form):
    """An act on the alert as a page showed it."""

    seen_severity = _number()
    seen_event = _number()

    @property
    def seen(self) -> SeenAlert:
        """What the page showed."""
        data = self.cleaned_data
        return SeenAlert(severity=data["seen_severity"], event=data["seen_event"])


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic while it runs
    """Somebody by full name; the log-in name where there is none."""

    def label_from_instance(self, obj: User) -> str:
        """The name people know."""
        return visible(obj.get_full_name() or obj.get_username())


class HandOverForm(ActForm):
    """Who takes the alert from here."""

    to = PersonField(
        label="Hand over to",
        queryset=User.objects.none(),
        empty_label="Choose",
        error_messages={"required": "Choose a person.", "invalid_choice": "Choose a person from the list."},
    )
    note = _text("What they should know", required=False)

    def __init__(self, *args: object, alert: Alert, person: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = who_can_take(alert, but=person)


class EscalateForm(ActForm):
    """Why the next people are told at once."""

    reason = _text("Why the next people are needed now", required=True)


class SuppressForm(ActForm):
    """For how long an alert tells nobody, and why."""

    minutes = forms.TypedChoiceField(label="For how long", coerce=int)
    reason = _text("Why nobody needs to be told until then", required=True)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["minutes"]
        assert isinstance(field, forms.ChoiceField)
        longest = policy().acts.suppress_at_most_minutes
        field.choices = [_CHOOSE, *((str(span), words) for span, words in SPANS if span <= longest)]


class CloseForm(ActForm):
    """What came of an alert."""

    outcome = forms.ChoiceField(label="What came of it")
    reason = _text("Why", required=True)

    def __init__(self, *args: object, alert: Alert, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["outcome"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [_CHOOSE, *((each.value, OUTCOME_WORDS[each.value]) for each in choices_of(alert))]


class CallForm(ActForm):
    """Whom somebody called, and how that ended; only of a critical value does it matter what was seen."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    whom = forms.ChoiceField(
        label="Who was called", choices=[_CHOOSE, *((each.value, WHOM_WORDS[each]) for each in Whom)]
    )
    outcome = forms.ChoiceField(
        label="How it ended", choices=[_CHOOSE, *((each.value, REACHED_WORDS[each]) for each in Reached)]
    )
    note = _text("Note", required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.initial.setdefault("key", uuid4())
        for name in ("seen_severity", "seen_event"):
            self.fields[name].required = False

    @property
    def seen(self) -> SeenAlert:
        """What the page showed; nothing where the form does not say."""
        data = self.cleaned_data
        return SeenAlert(severity=data.get("seen_severity") or 0, event=data.get("seen_event") or 0)
