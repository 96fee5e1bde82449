"""The pages on which the rota's lead keeps it: rules, somebody put on call, holidays of the house."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts.forms.rota import WEEKDAYS, HolidayForm, OverrideForm, RuleForm, rule_as_typed
from alerts.models import LocalHoliday, RotaOverride, RotaRule
from alerts.services.rota_acts import MANAGE, RotaMoved
from alerts.services.rota_edit import (
    add_rule,
    change_rule,
    end_rule,
    place_override,
    remove_holiday,
    set_holiday,
    withdraw_override,
)
from alerts.views.rota_frame import REFUSALS, SEE, page_for, refused, rota_page
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.services.authority import printed_name
from labs.views.frame import METHODS, signed_in
from labs.zones import clinic_zone

_DAY_NAMES = [name for _, name in WEEKDAYS]


@require_safe
@page_for(SEE)
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule that stands."""
    rows = RotaRule.objects.filter(ended_at__isnull=True).prefetch_related("turns__person")
    lines = [
        (
            row,
            ", ".join(_DAY_NAMES[each] for each in row.weekdays),
            ", ".join(printed_name(turn.person) for turn in row.turns.all()),
        )
        for row in rows
    ]
    return rota_page(request, "rules", {"title": "Rules of the rota", "lines": lines})


@require_http_methods(METHODS)
@page_for(MANAGE)
def new_rule(request: HttpRequest) -> HttpResponse:
    """Add a rule."""
    today = clinic_day(database_now(), clinic_zone())
    usual = {"zone": clinic_zone().key, "first_day": today, "ends_after_days": "1", "turn": "week"}
    form = RuleForm(request.POST) if request.method == "POST" else RuleForm(initial=usual)
    return _rule_page(request, form, rule=None)


@require_http_methods(METHODS)
@page_for(MANAGE)
def rule(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Change a rule: another one takes its place."""
    found = _rule(public_id)
    form = RuleForm(request.POST) if request.method == "POST" else RuleForm(initial=rule_as_typed(found))
    return _rule_page(request, form, rule=found)


def _rule(public_id: UUID) -> RotaRule:
    found = RotaRule.objects.filter(public_id=public_id, ended_at__isnull=True).first()
    if found is None:
        raise Http404("There is no such rule, or it was ended.")
    return found


def _rule_page(request: HttpRequest, form: RuleForm, *, rule: RotaRule | None) -> HttpResponse:
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                _save(form, rule=rule, request=request)
            except REFUSALS as error:
                status = refused(form, error)
            else:
                messages.success(request, "Saved. The shifts follow the rule from now on.")
                return HttpResponseRedirect(reverse("alerts:rota_rules"))
    title = f"Change “{rule.name}”" if rule else "Add a rule"
    return rota_page(request, "rule", {"title": title, "form": form, "rule": rule}, status=status)


def _save(form: RuleForm, *, rule: RotaRule | None, request: HttpRequest) -> None:
    by = signed_in(request)
    if rule is None:
        add_rule(form.entry(), by=by)
    else:
        change_rule(rule, form.entry(), by=by)


@require_POST
@page_for(MANAGE)
def stop_rule(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """End a rule."""
    found = _rule(public_id)
    try:
        end_rule(found, by=signed_in(request))
    except RotaMoved as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"“{found.name}” has ended. Look at the coverage: nobody may be left.")
    return HttpResponseRedirect(reverse("alerts:rota_rules"))


@require_http_methods(METHODS)
@page_for(MANAGE)
def new_override(request: HttpRequest) -> HttpResponse:
    """Put somebody on call for a time, whatever the rules say."""
    form = OverrideForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            begin, end = form.span(clinic_zone())
            try:
                place_override(
                    person=form.chosen(),
                    starts_at=begin,
                    ends_at=end,
                    reason=form.cleaned_data["reason"],
                    by=signed_in(request),
                )
            except REFUSALS as error:
                status = refused(form, error)
            else:
                messages.success(request, "Put on call.")
                return HttpResponseRedirect(reverse("alerts:rota"))
    context = {"title": "Put somebody else on call", "form": form}
    return rota_page(request, "override", context, status=status)


@require_POST
@page_for(MANAGE)
def stop_override(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Let the rules count again."""
    found = RotaOverride.objects.filter(public_id=public_id).first()
    if found is None:
        raise Http404("There is no such change.")
    try:
        withdraw_override(found, by=signed_in(request))
    except RotaMoved as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Withdrawn: the rules count again.")
    return HttpResponseRedirect(reverse("alerts:rota"))


@require_http_methods(METHODS)
@page_for(MANAGE)
def holidays(request: HttpRequest) -> HttpResponse:
    """The house's own holidays, and public ones that it does not keep."""
    form = HolidayForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            said = form.cleaned_data
            try:
                set_holiday(
                    day=said["day"],
                    name=said["name"],
                    is_kept=said["is_kept"] == "yes",
                    by=signed_in(request),
                )
            except REFUSALS as error:
                status = refused(form, error)
            else:
                messages.success(request, "Saved.")
                return HttpResponseRedirect(reverse("alerts:rota_holidays"))
    context = {"title": "Holidays of the house", "form": form, "own": LocalHoliday.objects.all()}
    return rota_page(request, "holidays", context, status=status)


@require_POST
@page_for(MANAGE)
def stop_holiday(request: HttpRequest, holiday_id: int) -> HttpResponse:
    """Say nothing of a day any more."""
    found = LocalHoliday.objects.filter(pk=holiday_id).first()
    if found is None:
        raise Http404("The house says nothing of this day.")
    remove_holiday(found, by=signed_in(request))
    messages.success(request, "Removed.")
    return HttpResponseRedirect(reverse("alerts:rota_holidays"))
