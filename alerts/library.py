"""Read policy.toml once and hand out the alert policy; refuse what is unclear in it."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings

from alerts.act_rules import ActLimits
from alerts.approval import Approval, approval_keys, read_approval
from alerts.limits_reader import read_acts, read_limits
from alerts.rules import (
    CRITICAL_AGAIN,
    CRITICAL_NEXT,
    INCOMING,
    LOUDEST,
    OUTGOING,
    Kind,
    Plan,
    Step,
    is_soon_enough,
)
from alerts.storm_rules import StormLimits
from alerts.waking import HoursPolicy, Wakes
from alerts.waking_reader import read_budget, read_hours_policy
from alerts.watch_rules import WatchLimits
from alerts.wording import KindWords, LetterWords
from alerts.wording_reader import check_in_letters, read_kind_words, read_letters
from labs.library import analytes

POLICY_FILE = Path(__file__).parent / "policy.toml"
_MINUTE = timedelta(minutes=1)
# Sections that a module of their own reads.
OWN_READERS = ("watch", "storm", "acts", "hours", "budget", "letter", "letter_together")
# Beside it each alert keeps the beginning of the file's digest; both fit into its column.
VERSION_LONGEST = 24
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
    words: KindWords = field(hash=False)
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
    # Of the file's bytes: whoever changes a word without a new version is found out all the same.
    sha256: str
    words: Mapping[int, str]
    kinds: Mapping[Kind, KindPolicy]
    letters: LetterWords
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

    @property
    def edition(self) -> str:
        """The version and what it was made of, as each alert keeps it."""
        return f"{self.version} ({self.sha256[:12]})"


def policy_file() -> Path:
    """The policy this installation follows: the clinic's own, or the one that is shipped."""
    return settings.ALERT_POLICY or POLICY_FILE


def policy() -> Policy:
    """The policy this installation follows, read once."""
    return _read_once(policy_file())


def shipped_policy() -> Policy:
    """The policy that comes with this version of the service."""
    return _read_once(POLICY_FILE)


@cache
def _read_once(path: Path) -> Policy:
    return read_policy(path.read_bytes())


def read_policy(raw: bytes) -> Policy:
    """Check a policy text and return it as values; raise BadPolicy naming every fault."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPolicy([f"policy.toml cannot be read: {error}"]) from error
    return _Reader().policy(data, digest=sha256(raw).hexdigest())


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


def _names_of_analytes() -> list[str]:
    """What no letter may say: each analyte's short name, and its name without what follows a comma."""
    known = analytes().values()
    return [name for each in known for name in (each.short, each.name.split(",")[0].split(" (")[0])]


class _Reader:
    """Walk the parsed file, noting every fault before refusing it as a whole."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def policy(self, data: Mapping[str, Any], *, digest: str) -> Policy:
        """The whole file, whose bytes have this digest."""
        self._keys(
            data,
            approval_keys(data) | {"severity", "ladder", "kind", *OWN_READERS},
            "the file",
        )
        words = self._rows(data, "severity", "level", self._word)
        ladders = self._rows(data, "ladder", "id", self._plan)
        kinds = self._rows(data, "kind", "id", lambda row: self._kind(row, words=words, ladders=ladders))
        rows = data.get("kind")
        named = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        for missing in sorted(set(Kind) - set(kinds)):
            # One that stands there with a fault is not missing as well.
            if missing not in named:
                self.faults.append(f"kind {missing.value!r} is missing; every kind of alert needs its entry.")
        for level in sorted({1, 2, 3} - set(words)):
            self.faults.append(f"severity {level} has no word.")
        watch = read_limits(data.get("watch"), "watch", WatchLimits, self.faults)
        storm = read_limits(data.get("storm"), "storm", StormLimits, self.faults)
        acts = read_acts(data.get("acts"), ROLES, self.faults)
        hours = read_hours_policy(data.get("hours"), self.faults)
        mails = read_budget(data.get("budget"), self.faults)
        letters = read_letters(data, _names_of_analytes(), self.faults)
        approval = read_approval(data, self.faults)
        if len(approval.version) > VERSION_LONGEST:
            self.faults.append(f"the file: version must have at most {VERSION_LONGEST} characters.")
        if self.faults or watch is None or storm is None or acts is None or hours is None or letters is None:
            raise BadPolicy([f"policy.toml: {fault}" for fault in self.faults])
        return Policy(
            approval=approval,
            sha256=digest,
            words=words,
            kinds=kinds,
            letters=letters,
            watch=watch,
            storm=storm,
            acts=acts,
            hours=hours,
            out_of_hours_mails_per_week=mails,
        )

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
            if not isinstance(identity, str | int):
                self.faults.append(f"{table}: {key} must be a text or a number, not {identity!r}.")
            elif identity in found:
                self.faults.append(f"{table} {identity!r} appears twice.")
            elif (value := read(row)) is not None:
                found[identity if table != "kind" else Kind(str(identity))] = value
        return found

    def _word(self, row: Mapping[str, Any]) -> str | None:
        self._keys(row, {"level", "word"}, f"severity {row.get('level')!r}")
        if row.get("level") not in (1, 2, 3):
            self.faults.append(f"severity level {row.get('level')!r} is not 1, 2 or 3.")
        word = self._text(row, "word", f"severity {row.get('level')!r}")
        check_in_letters(word, f"severity {row.get('level')!r}: word", _names_of_analytes(), self.faults)
        return word

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
        self._keys(row, wanted | worse | ({"words"} & row.keys()), where)
        before = len(self.faults)
        kind_words = None
        if row.get("id") not in set(Kind):
            self.faults.append(f"{where}: no such kind of alert.")
        else:
            kind_words = read_kind_words(row.get("words"), Kind(row["id"]), self.faults)
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
        self._check_soon(row, where, ladders)
        if worse and row.get("worse_ladder") not in ladders:
            self.faults.append(f"{where}: worse_ladder {row.get('worse_ladder')!r} is not defined.")
        if worse and not self._is_worse(row):
            self.faults.append(f"{where}: worse_severity must be a smaller number than severity.")
        if len(self.faults) > before or kind_words is None:
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
            words=kind_words,
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

    def _check_soon(self, row: Mapping[str, Any], where: str, ladders: Mapping[str, Plan]) -> None:
        """Nobody waits long for an answer to what is critical; the duty would call it a broken rule."""
        pairs = (("severity", "ladder"), ("worse_severity", "worse_ladder"))
        for severity, key in pairs:
            plan = ladders.get(str(row.get(key)))
            if row.get(severity) == LOUDEST and plan is not None and not is_soon_enough(plan):
                self.faults.append(
                    f"{where}: {key} {row[key]!r} is too slow for severity {LOUDEST}: each step after at "
                    f"most {CRITICAL_NEXT // _MINUTE} minutes, and the last again every "
                    f"{CRITICAL_AGAIN // _MINUTE}."
                )

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
