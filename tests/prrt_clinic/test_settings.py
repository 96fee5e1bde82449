"""Settings: every variable is documented, and production does not start on an unsafe one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "PRRT_ENV": "production",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "prrt.example.org",
    "DATABASE_URL": "postgres://clinic:secret@db.example.org:5432/clinic",
    "REDIS_URL": "redis://redis.example.org:6379/0",
    "EMAIL_URL": "smtp+tls://clinic:secret@mail.example.org:587",
    "SITE_URL": "https://prrt.example.org",
    "MAIL_DOMAINS": "example.org",
}


def load(tmp_path, wanted="s.EMAIL_BACKEND, s.EMAIL_TIMEOUT, s.SESSION_COOKIE_SECURE", **environment):
    """Load the settings in a process of their own and say how that went."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    script = f"from prrt_clinic import settings as s; print({wanted})"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=kept | {"PRRT_VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_variable_that_is_read_stands_in_the_example_and_no_other():
    source = (ROOT / "prrt_clinic" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r"(?:env\.\w+|_whole_number|_port)\(\s*\"([A-Z_]+)\"", source))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, flags=re.MULTILINE))
    assert read == named


def test_production_starts_with_safe_values(tmp_path):
    loaded = load(tmp_path, **SAFE)
    assert loaded.stdout.split() == ["django.core.mail.backends.smtp.EmailBackend", "10", "True"], (
        loaded.stderr
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRET_KEY", None, "SECRET_KEY"),
        ("SECRET_KEY", "short", "SECRET_KEY"),
        ("DEBUG", "true", "DEBUG"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", None, "ALLOWED_HOSTS"),
        ("DATABASE_URL", None, "DATABASE_URL"),
        ("DATABASE_URL", "sqlite:////tmp/clinic.sqlite3", "DATABASE_URL"),
        ("REDIS_URL", None, "REDIS_URL"),
        ("EMAIL_URL", None, "EMAIL_URL"),
        ("EMAIL_URL", "smtp://clinic:secret@mail.example.org:25", "EMAIL_URL"),
        ("MAIL_DOMAINS", None, "MAIL_DOMAINS"),
        ("SITE_URL", "http://prrt.example.org", "SITE_URL"),
    ],
)
def test_production_refuses_each_unsafe_value_by_name(tmp_path, name, value, says):
    environment = {**SAFE, name: value}
    loaded = load(tmp_path, **{key: text for key, text in environment.items() if text is not None})
    assert loaded.returncode != 0
    assert says in loaded.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRRT_ENV", "staging"),
        ("WEB_PORT", "eighty"),
        ("MLLP_PORT", "-1"),
        ("WEB_PORT", "99999"),
        ("MLLP_PORT", "0"),
        ("MLLP_ALLOW", "10.0.0.0/8,everybody"),
        ("MLLP_ALLOW", "10.0.0.0/40"),
        ("CLINIC_TIME_ZONE", "Berlin"),
        ("DATABASE_URL", "mysql://a:b@host/name"),
        ("REDIS_URL", "localhost:6379"),
        ("EMAIL_URL", "mail.example.org"),
        ("SITE_URL", "prrt.example.org"),
        ("LOG_LEVEL", "LOUD"),
        ("CANARY", "perhaps"),
        ("CANARY_MAILBOX", "nobody"),
        ("CANARY_MAILBOX", "a@example.org, b@example.org"),
        ("CANARY_MLLP", "mllp"),
        ("MAIL_DOMAINS", "clinic.example.org,@example.org"),
        ("MAIL_BOUNCE_ADDRESS", "alerts.example.org"),
        ("PUSH_SERVICES", "ntfys://host/topic"),
        ("SECRET_TEXT_KEYS", "short"),
        ("CANARY_TLS_CERT", "canary.crt"),
        ("CANARY_TLS_KEY", "canary.key"),
        ("CANARY_TLS_NAME", "mllp.clinic.example"),
        ("MLLP_TLS_CRL", "laboratories.crl"),
        ("MLLP_MOST_CONNECTIONS", "0"),
        ("MLLP_MOST_CONNECTIONS", "1001"),
        ("MLLP_MOST_CONNECTIONS", "many"),
        ("MLLP_MOST_CONNECTIONS", "31"),  # fewer than of one address
        ("MLLP_MOST_OF_ONE_ADDRESS", "0"),
        ("MLLP_MOST_OF_ONE_ADDRESS", "65"),
        ("MLLP_FRAME_MOST_KIB", "63"),
        ("MLLP_FRAME_MOST_KIB", "65537"),
        ("MLLP_FRAME_SECONDS", "4"),
        ("MLLP_FRAME_SECONDS", "601"),
        ("MLLP_FRAME_SECONDS", "60.5"),
        ("MLLP_LEAST_BYTES_PER_SECOND", "1023"),
        ("MLLP_HANDSHAKE_SECONDS", "0"),
        ("MLLP_HANDSHAKE_SECONDS", "61"),
        ("MLLP_IDLE_SECONDS", "-1"),
        ("MLLP_IDLE_SECONDS", "604801"),
        ("CANARY_MLLP", "mllp:99999"),
        ("CANARY_WEB", "web:8000"),
        ("HEARTBEAT_URL", "monitor.example.org/ping/a-secret"),
        ("METRICS_TOKEN", "a-secret-of-31-letters-is-short"),
        ("METRICS_ALLOW", "10.1.2.0/24,everybody"),
    ],
)
def test_a_value_nobody_can_read_is_refused_by_name_everywhere(tmp_path, name, value):
    loaded = load(tmp_path, **{name: value})
    assert loaded.returncode != 0
    assert name in loaded.stderr.strip().splitlines()[-1]
    assert "a-secret" not in loaded.stderr.strip().splitlines()[-1]


def test_a_number_out_of_its_range_is_refused_with_the_range_and_the_usual_value(tmp_path):
    said = load(tmp_path, MLLP_FRAME_SECONDS="0").stderr.strip().splitlines()[-1]
    assert said.endswith("MLLP_FRAME_SECONDS is 0; set a whole number from 5 to 600, or leave it out for 60.")


def test_a_number_that_compose_hands_on_empty_is_the_usual_one(tmp_path):
    loaded = load(tmp_path, "s.MLLP_FRAME_SECONDS, s.MLLP_IDLE_SECONDS", MLLP_FRAME_SECONDS="")
    assert loaded.stdout.split() == ["60", "0"]


def test_without_a_mail_server_mail_is_delivered_into_a_directory(tmp_path):
    assert load(tmp_path).stdout.split()[0] == "prrt_clinic.maildir.EmailBackend"


@pytest.mark.parametrize(
    ("text", "networks"),
    [("", []), ("10.1.2.0/24", ["10.1.2.0/24"]), ("10.1.2.3, fd00::/8", ["10.1.2.3", "fd00::/8"])],
)
def test_the_networks_of_the_laboratory_are_read_one_by_one(tmp_path, text, networks):
    assert load(tmp_path, "s.MLLP_ALLOW", MLLP_ALLOW=text).stdout.strip() == str(networks)


def test_the_trial_of_the_line_is_on_in_production_and_off_elsewhere_unless_asked_for(tmp_path):
    assert load(tmp_path, "s.CANARY").stdout.strip() == "False"
    assert load(tmp_path, "s.CANARY", CANARY="true").stdout.strip() == "True"
    assert load(tmp_path, "s.CANARY", **SAFE).stdout.strip() == "True"
    assert load(tmp_path, "s.CANARY", **SAFE, CANARY="").stdout.strip() == "True"
    assert load(tmp_path, "s.CANARY", **SAFE, CANARY="false").stdout.strip() == "False"


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"MLLP_HOST": "0.0.0.0", "MLLP_PORT": "3000"}, "('127.0.0.1', 3000)"),
        ({"MLLP_HOST": "10.1.2.3"}, "('10.1.2.3', 2575)"),
        ({"CANARY_MLLP": "mllp:2575"}, "('mllp', 2575)"),
        ({"CANARY_MLLP": ""}, "('127.0.0.1', 2575)"),
    ],
)
def test_the_trial_of_the_line_finds_the_listener(tmp_path, environment, found):
    assert load(tmp_path, "s.CANARY_MLLP", **environment).stdout.strip() == found


def test_the_trial_of_the_line_finds_the_pages_where_people_do_unless_told_otherwise(tmp_path):
    named = {"SITE_URL": "https://prrt.example.org/"}
    assert load(tmp_path, "s.CANARY_WEB", **named).stdout.strip() == "https://prrt.example.org"
    inside = {**named, "CANARY_WEB": "http://web:8000/"}
    assert load(tmp_path, "s.CANARY_WEB", **inside).stdout.strip() == "http://web:8000"


def test_the_trial_of_the_line_speaks_tls_where_an_authority_is_named(tmp_path):
    assert load(tmp_path, "s.CANARY_TLS").stdout.strip() == "{}"
    named = {"CANARY_MLLP": "mllp:2575", "CANARY_TLS_CA": "ca.crt"}
    assert load(tmp_path, "s.CANARY_TLS['ca'], s.CANARY_TLS['name']", **named).stdout.split() == [
        "ca.crt",
        "mllp",
    ]


def test_a_new_data_folder_is_for_its_owner_alone(tmp_path):
    assert load(tmp_path, PRRT_VAR_DIR=str(tmp_path / "new")).returncode == 0
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_database_that_is_gone_without_a_word_is_noticed_after_half_a_minute(tmp_path):
    url = SAFE["DATABASE_URL"] + "?sslmode=require&tcp_user_timeout=5000"
    wanted = (
        "[s.DATABASES['default']['OPTIONS'].get(name) for name in ('tcp_user_timeout', 'keepalives_idle',"
    )
    wanted += " 'connect_timeout', 'sslmode')]"
    usual = load(tmp_path, wanted, **SAFE)
    assert usual.stdout.strip() == "[30000, 15, 10, None]", usual.stderr
    chosen = load(tmp_path, wanted, **{**SAFE, "DATABASE_URL": url})
    assert chosen.stdout.strip() == "[5000, 15, 10, 'require']", chosen.stderr


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_driver_takes_what_the_settings_say_of_a_silent_server():
    connection.ensure_connection()
    told = connection.connection.info.get_parameters()
    assert (told["tcp_user_timeout"], told["keepalives_idle"]) == ("30000", "15")
