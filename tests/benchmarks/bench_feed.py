"""What the lab feed costs beside the least that would be safe: acknowledging, recording, parsing, memory.

Floor and product are timed in turns in one run; read the ratios. PostgreSQL.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import hl7
import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rich.console import Console
from rich.table import Table

from labs.formats import hl7v2
from labs.formats.mllp_frames import framed
from labs.formats.parsed import SenderProfile
from labs.models import Observation, Result
from labs.services import keep_message, read_waiting_messages
from tests.benchmarks.floor_server import TABLE as FLOOR_SERVER_TABLE
from tests.benchmarks.floors import Floor, hold
from tests.benchmarks.lock_step import Senders, senders
from tests.benchmarks.panel import PATIENTS, RESULTS, START, mrn, panel
from tests.builders_labs import make_patient, make_sender
from tests.running_listener import frames, listening

pytestmark = pytest.mark.postgres
ROUNDS, SECONDS = 15, 0.5
RECORD_ROUNDS, GROUP = 7, 30  # messages read in one pass
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def floor_server(url: str) -> Iterator[tuple[int, int]]:
    """The minimal server as a process: its port and its process id."""
    command = [sys.executable, "-m", "tests.benchmarks.floor_server", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.communicate()


def percentile(times: list[float], share: float) -> float:
    """The time that this share of them does not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(kw_only=True)
class Side:
    """One of the two servers: what its rounds gave."""

    pid: int
    senders: Senders
    rates: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def round(self) -> None:
        """Half a second of messages."""
        before = processor_seconds(self.pid)
        rate, waits = self.senders.send_for(SECONDS)
        self.rates.append(rate)
        self.tails.append(percentile(waits, 0.99) * 1000)
        self.processor.append((processor_seconds(self.pid) - before) / len(waits) * 1_000_000)


@pytest.mark.redis
def test_acknowledged_messages_beside_a_minimal_server(real_commits: str, private_redis: str) -> None:
    make_sender(msh3="BENCHLIS", msh4="BENCHLAB")
    table = Table(title="Acknowledged messages a second, each committed before its acknowledgement")
    for heading in ("senders", "server", "best", "median", "p99 ms", "CPU us"):
        table.add_column(heading, justify="right")
    ratios = {}
    with (
        floor_server(real_commits) as (floor_port, floor_pid),
        listening(real_commits, REDIS_URL=private_redis) as (port, process),
    ):
        for connections in (1, 4):
            with senders(floor_port, connections) as one, senders(port, connections) as other:
                floor, ours = Side(pid=floor_pid, senders=one), Side(pid=process.pid, senders=other)
                for side in (floor, ours):
                    side.senders.send_for(SECONDS)
                for _round in range(ROUNDS):
                    floor.round()
                    ours.round()
            for name, side in (("floor", floor), ("listener", ours)):
                figures = (max(side.rates), statistics.median(side.rates))
                table.add_row(
                    str(connections),
                    name,
                    *(f"{figure:.0f}" for figure in figures),
                    f"{statistics.median(side.tails):.1f}",
                    f"{statistics.median(side.processor):.0f}",
                )
            ratios[connections] = (
                max(ours.rates) / max(floor.rates),
                statistics.median(a / b for a, b in zip(ours.rates, floor.rates, strict=True)),
                statistics.median(a / b for a, b in zip(ours.tails, floor.tails, strict=True)),
            )
    Console().print(table)
    for connections, (best, median, tail) in ratios.items():
        print(f"{connections} sender(s): best/best {best:.2f}, median of rounds {median:.2f}, p99 {tail:.2f}")
    hold(
        *(
            floor
            for connections, (_best, median, tail) in ratios.items()
            for floor in (
                Floor(
                    f"acknowledged beside the minimal server, {connections} sender(s)", median, at_least=0.6
                ),
                Floor(f"p99 beside the minimal server, {connections} sender(s)", tail, at_most=2),
            )
        )
    )


def make_people() -> None:
    """The laboratory and the patients its messages are about."""
    make_sender(msh3="BENCHLIS", msh4="BENCHLAB")
    for number in range(PATIENTS):
        make_patient(mrn=mrn(number), family="Beispiel", given="Berta")


FLOOR_TABLE = """
CREATE TABLE floor_result (
    id bigserial PRIMARY KEY, message bigint, mrn text, filler text, code text, sub_id text, value numeric,
    unit text, low numeric, high numeric, flag text, status text, collected timestamptz, received timestamptz,
    comment text, UNIQUE (mrn, filler, code, sub_id, collected)
);
CREATE INDEX ON floor_result (mrn, collected); CREATE INDEX ON floor_result (message);
CREATE INDEX ON floor_result (code, collected)
"""
FLOOR_INSERT = """
WITH kept AS (INSERT INTO floor_message (body) VALUES (%s) RETURNING id)
INSERT INTO floor_result (message, mrn, filler, code, sub_id, value, unit, low, high, flag, status, collected,
    received, comment)
SELECT kept.id, r.mrn, r.filler, r.code, r.sub_id, r.value, r.unit, r.low, r.high, r.flag, r.status,
    r.collected, now(), r.comment
FROM kept, json_to_recordset(%s) AS r(mrn text, filler text, code text, sub_id text, value numeric, unit text,
    low numeric, high numeric, flag text, status text, collected timestamptz, comment text)
ON CONFLICT DO NOTHING
"""


def as_json(number: int) -> str:
    """The twelve results of a message, ready made, for the one-statement insert."""
    collected = (START + timedelta(minutes=number)).isoformat()
    return json.dumps(
        [
            {"mrn": mrn(number), "filler": f"F{number}", "code": code, "sub_id": "", "value": value,
             "unit": unit, "low": limits.split("-")[0], "high": limits.split("-")[1], "flag": "N",
             "status": "F",
             "collected": collected, "comment": ""}
            for code, unit, limits, value in RESULTS
        ]
    )  # fmt: skip


def test_fully_recorded_messages_beside_a_one_statement_insert(real_commits: str) -> None:
    make_people()
    floor_rates, rates, queries = [], [], 0
    with psycopg.connect(real_commits, autocommit=True) as plain:
        plain.execute(FLOOR_SERVER_TABLE)
        plain.execute(FLOOR_TABLE)
        for number in range(RECORD_ROUNDS):
            first = 1000 + number * GROUP
            ready = [(panel(each), as_json(each)) for each in range(first, first + GROUP)]
            began = time.perf_counter()
            for body, rows in ready:
                plain.execute(FLOOR_INSERT, [body, rows], prepare=True)
            floor_rates.append(GROUP / (time.perf_counter() - began))
            for body, _rows in ready:
                keep_message(body=body, door="mllp")
            began = time.perf_counter()
            assert read_waiting_messages() == GROUP
            rates.append(GROUP / (time.perf_counter() - began))
    keep_message(body=panel(900), door="mllp")
    with CaptureQueriesContext(connection) as captured:
        read_waiting_messages()
    queries = len(captured)
    assert Observation.objects.count() == len(RESULTS) * (GROUP * RECORD_ROUNDS + 1)
    ratio = statistics.median(ours / floor for ours, floor in zip(rates, floor_rates, strict=True))
    print(
        f"recorded: {max(rates):.0f} messages/s a worker beside {max(floor_rates):.0f} of one JSON insert;"
        f" best/best {max(rates) / max(floor_rates):.2f}, median of rounds {ratio:.2f}; {queries} queries"
    )
    hold(Floor("fully recorded beside one JSON insert", ratio, at_least=0.1))


def test_queries_of_a_message_do_not_grow_with_what_is_stored(real_commits: str) -> None:
    make_people()
    counts: dict[int, int] = {}
    stored = 0
    for wanted in (100, 1_000, 10_000, 100_000):
        if stored == 0:
            keep_message(body=panel(0), door="mllp")
            read_waiting_messages()
        copies = (wanted - Observation.objects.count()) // len(RESULTS)
        multiply(stored + 1, copies)
        stored += copies
        keep_message(body=panel(PATIENTS * (len(counts) + 1)), door="mllp")  # the same patient again
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter()
            read_waiting_messages()
            took = time.perf_counter() - began
        counts[Observation.objects.count()] = len(captured)
        print(
            f"{Observation.objects.count():>7} results stored: {len(captured)} queries, {took * 1000:.0f} ms"
        )
    assert len(set(counts.values())) == 1, counts


def multiply(first: int, copies: int) -> None:
    """Copies of the first message's results for its patient, one hour apart, each with its version."""
    results = [str(f.column) for f in Result._meta.local_concrete_fields if not f.primary_key]
    versions = [str(f.column) for f in Observation._meta.local_concrete_fields if not f.primary_key]
    changed = {
        "public_id": "gen_random_uuid()",
        "collected_at": "r.collected_at - g * interval '1 hour'",
        "filler_order": "r.filler_order || '-' || g",
        "current_id": "NULL",
    }
    made = ", ".join(changed.get(column, f"r.{column}") for column in results)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO labs_result ({', '.join(results)}) SELECT {made} FROM labs_result r,"
            " generate_series(%s, %s) g WHERE r.filler_order = 'F0'",
            [first, first + copies - 1],
        )
        cursor.execute("ANALYZE labs_result")  # else the copies are joined row by row
        copied = {"public_id": "gen_random_uuid()", "result_id": "n.id", "collected_at": "n.collected_at"}
        made = ", ".join(copied.get(column, f"o.{column}") for column in versions)
        cursor.execute(
            f"INSERT INTO labs_observation ({', '.join(versions)}) SELECT {made} FROM labs_result n"
            " JOIN labs_result r ON r.filler_order = 'F0' AND r.analyte = n.analyte"
            " JOIN labs_observation o ON o.result_id = r.id WHERE n.current_id IS NULL"
        )
        cursor.execute(
            "UPDATE labs_result r SET current_id = o.id FROM labs_observation o"
            " WHERE o.result_id = r.id AND r.current_id IS NULL"
        )
        cursor.execute("ANALYZE labs_result, labs_observation")


def split_floor(body: bytes) -> list[tuple[str, str, str]]:
    """The least that finds the results: split, take three fields."""
    found = []
    for line in body.decode().split("\r"):
        if line.startswith("OBX|"):
            fields = line.split("|")
            found.append((fields[3].split("^", 1)[0], fields[5], fields[6]))
    return found


def test_the_strict_parser_beside_a_split_and_python_hl7() -> None:
    profile = SenderProfile(zone=ZoneInfo("Europe/Berlin"), charset="utf-8")
    works: dict[str, Callable[[bytes], object]] = {
        "split floor: three fields of each OBX": split_floor,
        "strict reading: codes, numbers, units, ranges, specimen, order, person": partial(
            hl7v2.parse, profile=profile, most=1000
        ),
        "python-hl7": lambda body: hl7.parse(body.decode()),
    }
    costs: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS):
        bodies = [panel(each) for each in range(number * 100, number * 100 + 100)]  # new ones: times differ
        for name, work in works.items():
            began = time.process_time()
            for body in bodies:
                work(body)
            costs[name].append((time.process_time() - began) / len(bodies) * 1_000_000)
    floor, *_, theirs = (min(times) for times in costs.values())
    table = Table(
        title="Parsing a message of 12 results, microseconds of processor time, the least of the rounds"
    )
    for heading in ("work", "us", "x split", "python-hl7 takes"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for name, times in costs.items():
        us = min(times)
        table.add_row(name, f"{us:.1f}", f"{us / floor:.1f}", f"{theirs / us:.1f} x")
    Console(width=120).print(table)
    strict = min(list(costs.values())[1])
    hold(
        Floor("the strict parser, times the split", strict / floor, at_most=8),
        Floor("python-hl7, times the strict parser", theirs / strict, at_least=15),
    )


def memory(pid: int, what: str) -> float:
    """A figure of the process's memory in MiB: VmRSS now, VmHWM the most it ever had."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{what}:")[1].split()[0]) / 1024


def test_memory_of_the_listener_is_bounded(real_commits: str) -> None:
    make_sender(msh3="BENCHLIS", msh4="BENCHLAB")
    head = panel(1).rstrip(b"\r") + b"\rOBX|13|ED|PDF^R^L||^AP^^Base64^"

    def longest(number: int) -> bytes:
        body = head.replace(b"|B1|", f"|LONG{number}|".encode())
        return framed(body + b"QUJD" * ((16 * 1024 * 1024 - len(body)) // 4 - 1) + b"\r")

    with listening(real_commits, MLLP_ALLOW="127.0.0.0/8") as (port, process):
        started = memory(process.pid, "VmRSS")
        addresses = [f"127.0.0.{number % 2 + 1}" for number in range(64)]  # no one address takes all places
        lines = [
            socket.create_connection(("127.0.0.1", port), timeout=120, source_address=(address, 0))
            for address in addresses
        ]
        for number, line in enumerate(lines):
            line.sendall(framed(panel(number + 100)))
            assert frames(line, 1)[0].said[0].startswith("AA")
        idle = memory(process.pid, "VmHWM")
        lines[0].sendall(longest(0))
        assert frames(lines[0], 1)[0].said == ["AA LONG0"]
        one = memory(process.pid, "VmHWM")
        threads = [
            threading.Thread(target=line.sendall, args=(longest(number),))
            for number, line in enumerate(lines)
            if number
        ]
        for thread in threads[:15]:
            thread.start()
        for number, line in enumerate(lines[1:16], start=1):
            assert frames(line, 1)[0].said == [f"AA LONG{number}"]
        for thread in threads[:15]:
            thread.join()
        many = memory(process.pid, "VmHWM")
        for line in lines:
            line.close()
    print(
        f"listener memory, MiB: {started:.0f} at start, {idle:.0f} with 64 connections, {one:.0f} after one"
        f" frame of 16 MiB, {many:.0f} after 15 at once"
    )
    assert many < 64 * 16 / 2, "as much as if every connection kept half of a long frame"
