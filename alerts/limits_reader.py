"""Read the [watch], [storm] and [acts] of policy.toml from plain data, naming every fault."""

from collections.abc import Mapping, Set
from dataclasses import fields
from typing import Any, TypeVar

from alerts.act_rules import ActLimits
from alerts.storm_rules import StormLimits
from alerts.watch_rules import WatchLimits

_Limits = TypeVar("_Limits", WatchLimits, StormLimits)


def read_limits(row: Any, table: str, limits: type[_Limits], faults: list[str]) -> _Limits | None:
    """One table of limits: whole numbers above zero that fit together."""
    if not isinstance(row, dict):
        faults.append(f"[{table}] is missing.")
        return None
    before = len(faults)
    names = {each.name for each in fields(limits)}
    _check_keys(row, names, table, faults)
    for name in sorted(names & row.keys()):
        _check_whole(row, name, table, faults)
    if len(faults) > before:
        return None
    found = limits(**{name: row[name] for name in names})
    faults += [f"{table}: {fault}" for fault in found.faults()]
    return found


def read_acts(row: Any, roles: Set[str], faults: list[str]) -> ActLimits | None:
    """What people may do by hand: whole numbers, and groups."""
    if not isinstance(row, dict):
        faults.append("[acts] is missing.")
        return None
    before = len(faults)
    names = {each.name for each in fields(ActLimits)}
    _check_keys(row, names, "acts", faults)
    tells = row.get("suppression_tells", [])
    for name in sorted((names & row.keys()) - {"suppression_tells"}):
        _check_whole(row, name, "acts", faults)
    if "suppression_tells" in row and (
        not isinstance(tells, list) or not tells or not set(map(str, tells)) <= roles
    ):
        faults.append("acts: suppression_tells must name groups of this service.")
    if len(faults) > before:
        return None
    limits = ActLimits(**{**{name: row[name] for name in names}, "suppression_tells": tuple(tells)})
    faults += [f"acts: {fault}" for fault in limits.faults()]
    return limits


def _check_whole(row: Mapping[str, Any], name: str, table: str, faults: list[str]) -> None:
    if type(row[name]) is not int or row[name] < 1:
        faults.append(f"{table}: {name} must be a whole number above zero.")


def _check_keys(row: Mapping[str, Any], names: set[str], table: str, faults: list[str]) -> None:
    faults += [f"{table}: unknown key {key!r}." for key in sorted(set(row) - names - {"source"})]
    faults += [f"{table}: {key} is missing." for key in sorted((names | {"source"}) - set(row))]
    source = row.get("source")
    if not isinstance(source, str) or not source.strip():
        faults.append(f"{table}: source must be a text.")
