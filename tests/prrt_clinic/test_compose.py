"""docker-compose.yml: what it promises, and each service's own command and health check, run on this machine.

No container engine is used. The commands, environments and health checks of the file are run as they stand,
with the addresses of PostgreSQL and Redis, the two ports and the passwords put in as the file's reader would.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from alerts.services.heartbeat import FRESH
from prrt_clinic.celery import app
from prrt_clinic.management.commands import runclinic
from prrt_clinic.management.commands.runclinic import ACCESS_LOG

ROOT = Path(__file__).resolve().parents[2]
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = FILE["services"]
OURS = ("web", "worker", "alerter", "beat", "runner", "mllp")
READER = {
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnopqrstuvwxyz",
    "POSTGRES_PASSWORD": "databasepassword",
    "REDIS_PASSWORD": "brokerpassword",
    "EMAIL_URL": "smtp://127.0.0.1:9",
    "DEFAULT_FROM_EMAIL": "prrt@example.org",
    "MAIL_DOMAINS": "example.org",
    "SITE_URL": "https://prrt.example.org",
    "ALLOWED_HOSTS": "prrt.example.org",
    "CLINIC_NAME": "Clinic of the test",
    "CLINIC_TIME_ZONE": "Europe/Berlin",
}
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<word>[^}]*))?\}")


def filled_in(text, reader):
    """The text as Compose would hand it on: variables put in, `$$` a dollar; a missing one is refused."""

    def value(match):
        if match[0] == "$$":
            return "$"
        if reader.get(match["name"]):
            return reader[match["name"]]
        if match["how"] == "?":
            raise KeyError(f"{match['name']}: {match['word']}")
        return match["word"] or ""

    return VARIABLE.sub(value, str(text))


def queues(command):
    """The queues of a worker's command."""
    words = " ".join(command).replace("--queues=", "--queues ").split()
    return set(words[words.index("--queues") + 1].split(",")) if "--queues" in words else set()


@pytest.mark.hazard("HZ-76")
def test_waking_people_has_a_worker_of_its_own_and_every_queue_has_one():
    here = [child.command for child in runclinic._children()]
    there = [SERVICES[name]["command"] for name in OURS]
    for commands in (here, there):
        taken = [found for found in map(queues, commands) if found]
        assert sorted(taken, key=sorted) == [{"critical-mail"}, {"default", "mail"}]
    assert {queue.name for queue in app.conf.task_queues} == {"critical-mail", "mail", "default"}


def test_one_image_runs_every_process_of_ours_and_migrates_once_before():
    for name in (*OURS, "migrate"):
        assert SERVICES[name]["image"] == SERVICES["web"]["image"]
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True
    for name in OURS:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["restart"] == "no"


def test_the_runner_waits_for_no_broker():
    assert "redis" not in SERVICES["runner"]["depends_on"]


def test_every_lasting_service_has_a_health_check():
    for name, service in SERVICES.items():
        assert ("healthcheck" in service) is (name != "migrate")


def test_the_mail_catcher_runs_in_development_only():
    assert SERVICES["mail"]["profiles"] == ["development"]


def test_secrets_come_from_the_environment_alone_and_a_missing_one_is_named():
    environment = SERVICES["web"]["environment"]
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"):
        with pytest.raises(KeyError, match="set "):
            filled_in(environment[name], {})
    for name in ("postgres", "redis"):
        for key, text in SERVICES[name]["environment"].items():
            assert not key.endswith("PASSWORD") or ":?" in text


def test_every_variable_handed_on_is_a_setting():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    known = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, flags=re.MULTILINE))
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= known
    assert SERVICES["mllp"]["environment"]["MLLP_ALLOW"].startswith("${MLLP_ALLOW:-127.0.0.0/8,")
    for name in ("mllp", "runner"):
        assert SERVICES["web"]["environment"].items() <= SERVICES[name]["environment"].items()


def test_the_access_log_holds_one_line_a_request_and_no_search_words():
    assert "--logger-class=prrt_clinic.access_log.AccessLogger" in SERVICES["web"]["command"]
    assert f"--access-logformat={ACCESS_LOG}" in SERVICES["web"]["command"]


def test_data_lies_in_named_volumes_and_nothing_listens_beyond_this_machine():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in FILE["volumes"], name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_the_runner_alone_has_the_drop_folder_on_a_volume_it_may_write():
    """It moves what it took in, so that the mount is writable although the container is read-only."""
    mounted = {name: service.get("volumes", []) for name, service in SERVICES.items()}
    folder = SERVICES["runner"]["environment"]["DROP_FOLDER"]
    assert mounted["runner"] == [f"drop:{folder}"]
    assert "drop" in FILE["volumes"]
    for name in OURS:
        if name != "runner":
            assert "DROP_FOLDER" not in SERVICES[name]["environment"]
            assert not mounted.get(name)
    # A new volume takes the folder's owner from the image: root's would shut the service out.
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"install -d -o prrt -g prrt -m 0770 {folder}" in image


def test_the_image_is_built_in_stages_and_runs_without_root():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("FROM ")]) == 2
    last_user = [line for line in lines if line.startswith("USER ")][-1]
    assert last_user not in {"USER root", "USER 0"}
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert any("--require-hashes" in line for line in lines)
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert f"!{line.split()[1]}" in sent


class Machine:
    """Runs what the file says, here."""

    def __init__(self, *, place, database, web_port, mllp_port, redis_port):
        self.place, self.stack = place, ExitStack()
        self.redis_port, self.database = redis_port, database
        self.ports = {"8000": str(web_port), "2575": str(mllp_port)}

    def environment(self, name):
        """The service's environment, with our database, broker and ports."""
        wanted = {key: filled_in(text, READER) for key, text in SERVICES[name].get("environment", {}).items()}
        if "DATABASE_URL" in wanted:
            wanted["DATABASE_URL"] = self.database
            wanted["REDIS_URL"] = wanted["REDIS_URL"].replace("redis:6379", f"127.0.0.1:{self.redis_port}")
            wanted["WEB_PORT"], wanted["MLLP_PORT"] = self.ports["8000"], self.ports["2575"]
            wanted["PRRT_VAR_DIR"] = str(self.place / "var")
            wanted["PRRT_STATIC_DIR"] = str(self.place / "static")
        if "DROP_FOLDER" in wanted:
            wanted["DROP_FOLDER"] = str(self.place / "drop")
            (self.place / "drop").mkdir(exist_ok=True)
        server = urlsplit(self.database)
        machine = {"PGHOST": server.hostname, "PGPORT": str(server.port), "HOME": str(self.place)}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "LANG": "C.UTF-8", **machine, **wanted}

    def words(self, words):
        """A command's words with our ports and places for the containers'."""
        changed = []
        for word in words:
            text = filled_in(word, READER)
            for theirs, ours in self.ports.items():
                text = re.sub(rf"(?<!\d){theirs}(?!\d)", ours, text)
            text = text.replace("redis-server ", f"redis-server --port {self.redis_port} --dir {self.place} ")
            changed.append(text.replace("redis-cli ", f"redis-cli -p {self.redis_port} "))
        return changed

    def run(self, name, words):
        """Run to its end; its exit code and what it said."""
        done = subprocess.run(
            self.words(words),
            cwd=ROOT,
            env=self.environment(name),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,  # migrations are slow on a busy machine
        )
        return done.returncode, done.stdout + done.stderr

    def start(self, name):
        """Start a lasting service; its output goes to a file."""
        log = self.stack.enter_context((self.place / f"{name}.log").open("w"))
        process = subprocess.Popen(
            self.words(SERVICES[name]["command"]),
            cwd=ROOT,
            env=self.environment(name),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.stack.callback(_end, process)
        return process

    def check(self, name):
        """Its health check once: exit code and words."""
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        assert kind in {"CMD", "CMD-SHELL"}
        return self.run(name, words if kind == "CMD" else ["sh", "-c", *words])

    def becomes_healthy(self, name, seconds=60):
        """Wait as an engine would, then show what the service said."""
        deadline = time.monotonic() + seconds
        while True:
            code, words = self.check(name)
            if code == 0:
                return
            log = self.place / f"{name}.log"
            said = log.read_text()[-2000:] if log.exists() else ""
            assert time.monotonic() < deadline, f"{name}: {words}\n{said}"
            time.sleep(0.5)

    def becomes_ill(self, name, *, within):
        """Wait until the check fails."""
        deadline = time.monotonic() + within
        while self.check(name)[0] != 1:
            assert time.monotonic() < deadline, f"{name} has ended and is healthy still"
            time.sleep(1)


def _end(process):
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def machine(tmp_path, scratch_postgres, free_port):
    made = Machine(
        place=tmp_path,
        database=scratch_postgres,
        web_port=free_port(),
        mllp_port=free_port(),
        redis_port=free_port(),
    )
    with made.stack:
        yield made


@pytest.mark.services
@pytest.mark.postgres
def test_every_service_starts_by_its_command_and_passes_its_own_health_check(machine):
    machine.start("redis")
    machine.becomes_healthy("redis")
    machine.becomes_healthy("postgres")
    code, words = machine.run("migrate", SERVICES["migrate"]["command"])
    assert code == 0, words
    started = {name: machine.start(name) for name in OURS}
    for name in OURS:
        machine.becomes_healthy(name)
    for process in started.values():
        assert process.poll() is None

    # And each check can fail: what has ended is not healthy, a worker when its last sign of life is old.
    for name in ("worker", "alerter", "web", "mllp"):
        _end(started[name])
    for name in ("web", "mllp"):
        assert machine.check(name)[0] == 1, name
    for name in ("worker", "alerter"):
        machine.becomes_ill(name, within=FRESH.total_seconds() + 15)


@pytest.mark.services
@pytest.mark.postgres
def test_a_file_dropped_into_the_volume_is_taken_in_by_the_runner(machine):
    machine.start("redis")
    machine.becomes_healthy("redis")
    assert machine.run("migrate", SERVICES["migrate"]["command"])[0] == 0
    folder = machine.place / "drop" / "nobody-lab"
    machine.environment("runner")
    folder.mkdir()
    (folder / "may.csv").write_bytes(b"mrn\r\n1\r\n")
    (folder / "may.csv.done").touch()
    machine.start("runner")
    deadline = time.monotonic() + 60
    while not (folder / "failed").is_dir() and time.monotonic() < deadline:
        time.sleep(0.5)
    # No feed of this name is set up, so the file fails, but it was found, kept and moved.
    assert [path.suffix for path in sorted((folder / "failed").iterdir())]
    assert not (folder / "may.csv").exists()


@pytest.mark.services
@pytest.mark.postgres
def test_a_full_broker_refuses_instead_of_forgetting(machine):
    machine.start("redis")
    machine.becomes_healthy("redis")
    ask = ["redis-cli -a brokerpassword --no-auth-warning config get maxmemory-policy"]
    assert "noeviction" in machine.run("redis", ["sh", "-c", *ask])[1]


@pytest.mark.services
@pytest.mark.postgres
def test_the_service_does_not_start_before_migrate(machine):
    machine.start("redis")
    machine.start("web")
    time.sleep(4)
    code, words = machine.check("web")
    assert code == 1
    assert "not applied" in words or "no answer" in words


def test_the_tools_named_in_the_file_are_those_of_the_lock():
    for name in ("gunicorn", "celery"):
        assert shutil.which(name, path=str(Path(sys.executable).parent))
