"""Read policy.toml once and hand out the alert policy; refuse what is unclear in it."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings

from alerts.act_rules import ActLimits
from alerts.approval import Approval, approval_keys, read_approval
from alerts.rules import INCOMING, LOUDEST, OUTGOING, Kind, Plan, Step
from alerts.storm_rules import StormLimits
from alerts.waking import HoursPolicy, Wakes
from alerts.waking_reader import read_budget, read_hours_policy
from alerts.watch_rules import WatchLimits

_Limits = TypeVar("_Limits", WatchLimits, StormLimits)

POLICY_FILE = Path(__file__).parent / "policy.toml"
# Sections that a module of their own reads.
OWN_READERS = ("hours", "budget")
ROLES = frozenset(
    {"nurse", "physician", "pharmacist", "physicist", "on-call", "auditor", "administrator", "canary"}
    | {"rota-lead", INCOMING, OUTGOING}
)


class BadPolicy(Exception):
    """The policy file says something that cannot be followed; one sentence per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class KindPolicy:
    """What the policy says of one kind of alert."""

    kind: Kind
    severity: int
    plan: Plan
    ends_with_cause: bool
    repeat_reopens: bool
    technical: bool
    wakes: Wakes
    # What it becomes at its critical limit; none where there is no such limit.
    worse_severity: int | None = None
    worse_plan: Plan | None = None

    def at_its_worst(self) -> "KindPolicy":
        """The same kind once its condition has reached the critical limit."""
        if self.worse_severity is None or self.worse_plan is None:
            return self
        return replace(self, severity=self.worse_severity, plan=self.worse_plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One version of the alert policy."""

    approval: Approval
    words: Mapping[int, str]
    kinds: Mapping[Kind, KindPolicy]
    watch: WatchLimits
    acts: ActLimits
    storm: StormLimits
    hours: HoursPolicy
    # How many mails outside the hours a week may bring to the whole clinic.
    out_of_hours_mails_per_week: int

    @property
    def version(self) -> str:
        """Which version it is."""
        return self.approval.version


def policy_file() -> Path:
    """The policy this installation follows: the clinic's own, or the one that is shipped."""
    return settings.ALERT_POLICY or POLICY_FILE


def policy() -> Policy:
    """The policy this installation follows, read once."""
    return _read_once(policy_file())


@cache
def _read_once(path: Path) -> Policy:
    return read_policy(path.read_bytes())


def read_policy(raw: bytes) -> Policy:
    """Check a policy text and return it as values; raise BadPolicy naming every fault."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPolicy([f"policy.toml cannot be read: {error}"]) from error
    return _Reader().policy(data)


def plan_as_data(plan: Plan) -> dict[str, Any]:
    """A ladder as plain data, to be frozen into the alert that follows it."""
    return {
        "steps": [
            {"audience": list(step.audience), "after_seconds": int(step.after.total_seconds())}
            for step in plan.steps
        ],
        "repeat_seconds": int(plan.repeat.total_seconds()),
        "decide_within_seconds": int(plan.decide_within.total_seconds()),
        "wakes": plan.wakes,
    }


def plan_from_data(data: Mapping[str, Any]) -> Plan:
    """The inverse of plan_as_data."""
    return Plan(
        steps=tuple(
            Step(audience=tuple(step["audience"]), after=timedelta(seconds=step["after_seconds"]))
            for step in data["steps"]
        ),
        repeat=timedelta(seconds=data["repeat_seconds"]),
        decide_within=timedelta(seconds=data["decide_within_seconds"]),
        # Alerts that began before this was written down wake, as they did.
        wakes=data.get("wakes", True),
    )


class _Reader:
    """Walk the parsed file, noting every fault before refusing it as a whole."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def policy(self, data: Mapping[str, Any]) -> Policy:
        """The whole file."""
        self._keys(
            data,
            approval_keys(data) | {"severity", "ladder", "kind", "watch", "storm", "acts", *OWN_READERS},
            "the file",
        )
        words = self._rows(data, "severity", "level", self._word)
        ladders = self._rows(data, "ladder", "id", self._plan)
        kinds = self._rows(data, "kind", "id", lambda row: self._kind(row, words=words, ladders=ladders))
        for missing in sorted(set(Kind) - set(kinds)):
            self.faults.append(f"kind {missing.value!r} is missing; every kind of alert needs its entry.")
        for level in sorted({1, 2, 3} - set(words)):
            self.faults.append(f"severity {level} has no word.")
        watch = self._limits(data.get("watch"), "watch", WatchLimits)
        storm = self._limits(data.get("storm"), "storm", StormLimits)
        acts = self._acts(data.get("acts"))
        hours = read_hours_policy(data.get("hours"), self.faults)
        mails = read_budget(data.get("budget"), self.faults)
        approval = read_approval(data, self.faults)
        if self.faults or watch is None or storm is None or acts is None or hours is None:
            raise BadPolicy([f"policy.toml: {fault}" for fault in self.faults])
        return Policy(
            approval=approval,
            words=words,
            kinds=kinds,
            watch=watch,
            storm=storm,
            acts=acts,
            hours=hours,
            out_of_hours_mails_per_week=mails,
        )

    def _limits(self, row: Any, table: str, limits: type[_Limits]) -> _Limits | None:
        """One table of limits: whole numbers above zero that fit together."""
        if not isinstance(row, dict):
            self.faults.append(f"[{table}] is missing.")
            return None
        before = len(self.faults)
        names = {each.name for each in fields(limits)}
        self._keys(row, names | {"source"}, table)
        self._text(row, "source", table)
        for name in sorted(names & row.keys()):
            if type(row[name]) is not int or row[name] < 1:
                self.faults.append(f"{table}: {name} must be a whole number above zero.")
        if len(self.faults) > before:
            return None
        found = limits(**{name: row[name] for name in names})
        self.faults += [f"{table}: {fault}" for fault in found.faults()]
        return found

    def _acts(self, row: Any) -> ActLimits | None:
        """What people may do by hand: whole numbers, and groups."""
        if not isinstance(row, dict):
            self.faults.append("[acts] is missing.")
            return None
        before = len(self.faults)
        names = {each.name for each in fields(ActLimits)}
        self._keys(row, names | {"source"}, "acts")
        self._text(row, "source", "acts")
        found: dict[str, Any] = {}
        for name in sorted(names & row.keys()):
            value = row[name]
            if name == "suppression_tells":
                if not isinstance(value, list) or not value or not set(map(str, value)) <= ROLES:
                    self.faults.append(f"acts: {name} must name groups of this service.")
                    continue
                value = tuple(value)
            elif type(value) is not int or value < 1:
                self.faults.append(f"acts: {name} must be a whole number above zero.")
            found[name] = value
        if len(self.faults) > before:
            return None
        limits = ActLimits(**found)
        self.faults += [f"acts: {fault}" for fault in limits.faults()]
        return limits

    def _rows(
        self, data: Mapping[str, Any], table: str, key: str, read: Callable[[Mapping[str, Any]], Any]
    ) -> dict[Any, Any]:
        """Every row of one array of tables by its identity; twice the same identity is a fault."""
        found: dict[Any, Any] = {}
        rows = data.get(table)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.faults.append(f"[[{table}]] is missing.")
            return found
        for row in rows:
            identity = row.get(key)
            if identity in found:
                self.faults.append(f"{table} {identity!r} appears twice.")
            elif (value := read(row)) is not None:
                found[identity if table != "kind" else Kind(identity)] = value
        return found

    def _word(self, row: Mapping[str, Any]) -> str | None:
        self._keys(row, {"level", "word"}, f"severity {row.get('level')!r}")
        if row.get("level") not in (1, 2, 3):
            self.faults.append(f"severity level {row.get('level')!r} is not 1, 2 or 3.")
        return self._text(row, "word", f"severity {row.get('level')!r}")

    def _plan(self, row: Mapping[str, Any]) -> Plan | None:
        where = f"ladder {row.get('id')!r}"
        self._keys(row, {"id", "decide_within_minutes", "repeat_every_minutes", "steps"}, where)
        self._text(row, "id", where)
        rows = row.get("steps")
        if not isinstance(rows, list) or not rows:
            self.faults.append(f"{where}: steps must hold at least one step.")
            return None
        steps = tuple(self._step(step, number, where) for number, step in enumerate(rows, start=1))
        return Plan(
            steps=steps,
            repeat=self._minutes(row, "repeat_every_minutes", where, least=1),
            decide_within=self._minutes(row, "decide_within_minutes", where, least=1),
        )

    def _step(self, row: Mapping[str, Any], number: int, ladder: str) -> Step:
        where = f"{ladder}, step {number}"
        self._keys(row, {"audience", "after_minutes"}, where)
        audience = row.get("audience")
        if not isinstance(audience, list) or not audience:
            self.faults.append(f"{where}: audience must name at least one group.")
            audience = []
        for role in audience:
            if role not in ROLES:
                self.faults.append(f"{where}: {role!r} is not a group of this service.")
        after = self._minutes(row, "after_minutes", where, least=0 if number == 1 else 1)
        if number == 1 and after:
            self.faults.append(f"{where}: the first step is taken at once; after_minutes must be 0.")
        return Step(audience=tuple(str(role) for role in audience), after=after)

    def _kind(
        self, row: Mapping[str, Any], *, words: Mapping[int, str], ladders: Mapping[str, Plan]
    ) -> KindPolicy | None:
        where = f"kind {row.get('id')!r}"
        worse = (
            {"worse_severity", "worse_ladder"} if row.keys() & {"worse_severity", "worse_ladder"} else set()
        )
        wanted = {"id", "severity", "ladder", "ends", "repeat_reopens", "technical", "wakes"}
        self._keys(row, wanted | worse, where)
        before = len(self.faults)
        if row.get("id") not in set(Kind):
            self.faults.append(f"{where}: no such kind of alert.")
        if row.get("severity") not in words or isinstance(row.get("severity"), bool):
            self.faults.append(f"{where}: severity {row.get('severity')!r} is not defined.")
        if row.get("ladder") not in ladders:
            self.faults.append(f"{where}: ladder {row.get('ladder')!r} is not defined.")
        if row.get("ends") not in ("person", "cause"):
            self.faults.append(f"{where}: ends must be 'person' or 'cause'.")
        for flag in ("repeat_reopens", "technical"):
            if not isinstance(row.get(flag), bool):
                self.faults.append(f"{where}: {flag} must be true or false.")
        self._check_waking(row, where)
        if worse and row.get("worse_ladder") not in ladders:
            self.faults.append(f"{where}: worse_ladder {row.get('worse_ladder')!r} is not defined.")
        if worse and not self._is_worse(row):
            self.faults.append(f"{where}: worse_severity must be a smaller number than severity.")
        if len(self.faults) > before:
            return None
        wakes = Wakes(row["wakes"])
        return KindPolicy(
            kind=Kind(row["id"]),
            severity=row["severity"],
            plan=replace(ladders[row["ladder"]], wakes=wakes is Wakes.ALWAYS),
            ends_with_cause=row["ends"] == "cause",
            repeat_reopens=row["repeat_reopens"],
            technical=row["technical"],
            wakes=wakes,
            worse_severity=row["worse_severity"] if worse else None,
            worse_plan=replace(ladders[row["worse_ladder"]], wakes=wakes is not Wakes.NEVER)
            if worse
            else None,
        )

    def _check_waking(self, row: Mapping[str, Any], where: str) -> None:
        """Whatever is of the worst severity wakes: nobody waits for the morning with a critical alert."""
        wakes = row.get("wakes")
        if wakes not in set(Wakes):
            self.faults.append(f"{where}: wakes must be 'always', 'worst' or 'never'.")
        elif row.get("severity") == LOUDEST and wakes != Wakes.ALWAYS:
            self.faults.append(f"{where}: severity {LOUDEST} must have wakes = 'always'.")
        elif row.get("worse_severity") == LOUDEST and wakes == Wakes.NEVER:
            self.faults.append(f"{where}: worse_severity {LOUDEST} must have wakes = 'worst' or 'always'.")
        elif wakes == Wakes.WORST and "worse_severity" not in row:
            self.faults.append(f"{where}: wakes = 'worst' needs a worse_severity.")

    def _is_worse(self, row: Mapping[str, Any]) -> bool:
        worse, usual = row.get("worse_severity"), row.get("severity")
        return type(worse) is int and type(usual) is int and 1 <= worse < usual

    def _keys(self, row: Mapping[str, Any], wanted: set[str], where: str) -> None:
        for key in sorted(set(row) - wanted):
            self.faults.append(f"{where}: unknown key {key!r}.")
        for key in sorted(wanted - set(row)):
            self.faults.append(f"{where}: {key} is missing.")

    def _text(self, row: Mapping[str, Any], key: str, where: str) -> str:
        value = row.get(key)
        if not isinstance(value, str) or not value.strip():
            self.faults.append(f"{where}: {key} must be a text.")
            return ""
        return value

    def _minutes(self, row: Mapping[str, Any], key: str, where: str, *, least: int) -> timedelta:
        value = row.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.faults.append(f"{where}: {key} must be a whole number, at least {least}.")
            return timedelta(0)
        return timedelta(minutes=value)
