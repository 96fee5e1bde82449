"""Run the whole suite on SQLite, then on PostgreSQL where one answers, and say plainly how each went."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

HERE = Path(__file__).parent
DEFAULT_SERVER = "postgres://postgres@127.0.0.1:5432/postgres"
SUITE = ("-q", "-n", "2", "--ignore", "tests/benchmarks")  # two processes, as the smallest machine has cores
# What touches no database, only reads what services have stored, or reads rows of the conformance tables
# runs once: with PostgreSQL, on which everything runs, or alone on SQLite. What stores, and the whole line,
# runs on both.
ONCE = (
    *("rules", "fuzz", "hazards", "mutation", "test_cases.py", "test_case_bounds.py", "test_architecture.py"),
    *("*/views", "*/test_*page*.py", "*/test_library.py", "*/test_api*.py", "*/test_fhir*.py"),
    *("courses/cohort", "courses/test_text_answer.py", "courses/test_*_axis.py"),
    *("courses/test_situation*.py",),
    *("courses/test_protocol_table.py", "courses/test_course_words.py", "courses/test_regulators_events.py"),
    *("labs/conformance", "labs/test_units*.py", "labs/test_hl7*.py", "labs/test_clinic_days*.py"),
    *("labs/test_feed_properties.py", "labs/test_result_marks.py", "labs/test_life_cycle.py"),
    *("labs/test_unit_jumps.py", "labs/test_mllp_frames.py", "labs/test_traffic.py", "labs/test_alike.py"),
    *("alerts/test_*rules.py", "alerts/test_wall_clock.py", "alerts/test_waking.py"),
    *("prrt_clinic/test_doors.py", "prrt_clinic/test_schema_fuzz.py", "prrt_clinic/test_invariants.py"),
    *("prrt_clinic/commands/test_verify.py", "prrt_clinic/test_*banner.py", "prrt_clinic/test_metrics.py"),
    *("prrt_clinic/test_hazard_trace.py", "prrt_clinic/test_compose.py"),
    *("alerts/test_history.py", "alerts/test_inbox.py", "alerts/test_readiness.py", "alerts/test_budget.py"),
    *("courses/test_worklist.py", "courses/test_order_rows.py", "courses/test_paper*.py"),
    *("courses/test_decision_history.py", "courses/test_finding.py", "courses/test_follow_up.py"),
    *("courses/test_unit_jumps.py", "labs/test_csv_damage.py"),
    # What asks the same of the services by another way, of one that other tests of both runs go through.
    *("labs/test_listener_tls.py", "labs/test_clinic_text.py", "labs/test_crl_dates.py"),
    *("labs/test_csv_*.py",),
    *("labs/test_commands.py", "labs/test_near_twins.py", "labs/test_reading_together.py"),
    *("labs/test_resolution_models.py", "labs/test_listener_conformance.py"),
    *("prrt_clinic/test_settings.py", "prrt_clinic/test_schema_examples.py", "prrt_clinic/test_roles.py"),
    *("alerts/test_simulated_year.py", "alerts/test_scanners.py", "alerts/test_channels.py"),
    *("alerts/services/test_storm.py", "alerts/services/test_delivery_faults.py"),
    *("alerts/services/test_watch_*.py", "alerts/services/test_critical_values.py"),
    "alerts/services/test_canary.py",  # a trial of the whole line runs on both in test_silence_line.py
    *("courses/test_dosimetry.py", "courses/test_infusion_correction_doors.py", "courses/test_webhooks.py"),
    *("courses/test_another_patients_unit.py", "courses/test_ledger.py", "courses/test_reschedule.py"),
    *("courses/test_overrides.py", "courses/test_waivers.py", "courses/test_rescission.py"),
    *("courses/test_carried_starts.py", "courses/test_calls.py", "courses/test_ending.py"),
    *("courses/test_*pressed_twice.py", "courses/test_treatment_review.py"),
    *("courses/test_prior_treatment.py",),
    *("courses/test_services_review.py", "courses/test_replay_review.py", "courses/test_protocols_review.py"),
)
NOTHING_COLLECTED = 5  # pytest's own exit code


def pytest(*arguments: str, database: str = "", long: bool = False) -> int:
    """One run of pytest, its lines shown as they come; a test with a long profile looks at PRRT_LONG."""
    environment = dict(os.environ)
    environment.pop("DATABASE_URL", None)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # every process of a test would compile the service anew
    environment["PRRT_LONG"] = "1" if long else "0"
    if database:
        environment["DATABASE_URL"] = database
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=HERE.parent, env=environment, check=False).returncode


def server() -> str:
    """The PostgreSQL server to test on, or nothing when none answers."""
    url = os.environ.get("PRRT_TEST_DATABASE_URL") or DEFAULT_SERVER
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return ""
    return url


def suite() -> int:
    """Both databases, two processes each; the worse exit code."""
    url = server()
    once = [f"--ignore-glob={HERE / name}" for name in ONCE] if url else []
    print("== The suite on SQLite" + (", but what runs once ==" if once else " =="), flush=True)
    results = {"SQLite": pytest(*SUITE, *once)}
    required = os.environ.get("PRRT_REQUIRE_SERVICES") == "1"
    if url:
        print("\n== The suite on PostgreSQL ==", flush=True)
        results["PostgreSQL"] = pytest(*SUITE, database=url)
    print()
    for name, code in results.items():
        print(f"{name}: {'passed' if code == 0 else f'FAILED (pytest exit code {code})'}")
    if not url:
        where = urlsplit(os.environ.get("PRRT_TEST_DATABASE_URL") or DEFAULT_SERVER)
        failed = "FAILED, " if required else ""
        print(f"PostgreSQL: {failed}not run, none answers at {where.hostname}:{where.port}")
        results["PostgreSQL"] = int(required)
    return max(results.values())


def folder(name: str, what: str) -> int:
    """Run what lies in one folder of the tests, in order and alone; say so when it is empty."""
    files = sorted((HERE / name).glob("*.py")) if (HERE / name).is_dir() else []
    if not any(file.name != "__init__.py" for file in files):
        print(f"{what}: nothing in tests/{name} yet.")
        return 0
    print(f"== {what} ==", flush=True)
    code = pytest("-q", "-s", "-p", "no:randomly", *map(str, files), database=server(), long=True)
    return 0 if code == NOTHING_COLLECTED else code


def properties() -> int:
    """The properties of the decision core with ten thousand examples each, on two processes."""
    print("== Properties ==", flush=True)
    files = ("test_properties.py", "test_calendar_properties.py")
    return pytest("-q", "-n", "2", *(str(HERE / "rules" / file) for file in files), long=True)


def rota() -> int:
    """Every change of clocks of every zone from 2024 to 2035, against a clock looked at every minute."""
    print("== The rota's rules ==", flush=True)
    return pytest("-q", str(HERE / "alerts" / "test_rota_rules.py"), long=True)


def api_document() -> int:
    """The API beside its OpenAPI document, with many examples for each address."""
    print("== The API's document ==", flush=True)
    file = HERE / "prrt_clinic" / "test_schema_fuzz.py"
    return pytest("-q", "-p", "no:randomly", str(file), database=server(), long=True)


def every_page() -> int:
    """Every page of every role by links alone, and in the browser with axe-core."""
    print("== Every page ==", flush=True)
    files = ("prrt_clinic/test_every_page.py", "browser/test_every_page.py")
    return pytest("-q", *(str(HERE / file) for file in files), database=server(), long=True)


def alert_faults() -> int:
    """The alert duty under every fault, on servers of its own; prints a table."""
    print("== Alerts under faults ==", flush=True)
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.alerts.run"], cwd=HERE.parent, check=False
    ).returncode


def main() -> int:
    """No argument: the suite; --long: long profiles; --faults: the alert duty; --bench: benchmarks."""
    match sys.argv[1:]:
        case []:
            return suite()
        case ["--long"]:
            return max(
                folder("faults", "Faults"),
                alert_faults(),
                folder("soak", "Soak"),
                folder("fuzz", "Fuzz"),
                properties(),
                rota(),
                api_document(),
                every_page(),
            )
        case ["--faults"]:
            return alert_faults()
        case ["--bench"]:
            return folder("benchmarks", "Benchmarks")
        case ["--interop"]:
            return folder("interop", "Foreign clients")
        case _:
            print("Use: run_suite.py [--long | --faults | --bench | --interop]")
            return 2


if __name__ == "__main__":
    sys.exit(main())
