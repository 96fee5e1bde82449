"""All settings, read from the environment; a bad or unsafe value raises ImproperlyConfigured."""

import base64
import hashlib
import os
import re
import secrets
from datetime import datetime, time, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from holidays import list_supported_countries
from whitenoise.compress import Compressor

from prrt_clinic.unfold import UNFOLD  # noqa: F401  # the looks, which unfold reads from here

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
# Tests see only what they set themselves: a developer's .env would make them depend on the machine.
if os.environ.get("PRRT_ENV") != "test" and (BASE_DIR / ".env").is_file():
    environ.Env.read_env(BASE_DIR / ".env")


def _whole_number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """A whole number from the environment within its bounds, or a message that names the variable.

    An empty one is an absent one: compose files hand on what nobody set.
    """
    text = env.str(name, default="") or str(default)
    if not text.isascii() or not text.isdigit():
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be a whole number such as {default}.")
    number = int(text)
    if number < least or (most is not None and number > most):
        raise ImproperlyConfigured(
            f"{name} is {number}; set a whole number from {least} to {most}, or leave it out for {default}."
        )
    return number


def _port(name: str, default: int) -> int:
    """A TCP port from the environment, or a message that names the variable."""
    port = _whole_number(name, default)
    if not 1 <= port <= 65535:
        raise ImproperlyConfigured(f"{name} is {port}; a port lies between 1 and 65535.")
    return port


# --- Which installation this is --------------------------------------------------------------

PRRT_ENV = env.str("PRRT_ENV", default="demo")
if PRRT_ENV not in {"demo", "test", "production"}:
    raise ImproperlyConfigured(f"PRRT_ENV is {PRRT_ENV!r}; it must be demo, test or production.")
PRODUCTION = PRRT_ENV == "production"
TESTING = PRRT_ENV == "test"
DEBUG = env.bool("DEBUG", default=False)

VAR_DIR = Path(env.str("PRRT_VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients' data, log-ins, mail


def _embedded_secret() -> str:
    """One random key per embedded installation, kept beside its database."""
    path = VAR_DIR / "secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY and not PRODUCTION:
    SECRET_KEY = _embedded_secret()

CLINIC_NAME = env.str("CLINIC_NAME", default="Demonstration clinic")
CLINIC_PHONE = env.str("CLINIC_PHONE", default="")
# What stands on patients' papers; the number and the place are written by hand where they are not set.
PATIENT_PHONE = env.str("PATIENT_PHONE", default="")
CLINIC_PLACE = env.str("CLINIC_PLACE", default="")
# The clinic's own file of numbers for patients' papers; empty: the one that is shipped.
PATIENT_PAPERS = (
    Path(env.str("PATIENT_PAPERS", default="")) if env.str("PATIENT_PAPERS", default="") else None
)
# The clinic's own, signed version of alerts/policy.toml; empty: the one that is shipped.
ALERT_POLICY = Path(env.str("ALERT_POLICY", default="")) if env.str("ALERT_POLICY", default="") else None
CLINIC_TIME_ZONE = env.str("CLINIC_TIME_ZONE", default="Europe/Berlin")
try:
    ZoneInfo(CLINIC_TIME_ZONE)
except (ZoneInfoNotFoundError, ValueError, OSError) as error:
    raise ImproperlyConfigured(
        f"CLINIC_TIME_ZONE is {CLINIC_TIME_ZONE!r}; use an IANA name such as Europe/Berlin."
    ) from error
# Country, or country-region, whose public holidays are days without therapies and holidays of the on-call
# rota; empty: none but weekends.
CLINIC_HOLIDAYS = env.str("CLINIC_HOLIDAYS", default="DE")
_country, _, _region = CLINIC_HOLIDAYS.partition("-")
_regions = list_supported_countries(include_aliases=False)
if CLINIC_HOLIDAYS and (_country not in _regions or (_region and _region not in _regions[_country])):
    raise ImproperlyConfigured(
        f"CLINIC_HOLIDAYS is {CLINIC_HOLIDAYS!r}; use an ISO country, or country and region: DE or DE-BY."
    )

# --- Doors -----------------------------------------------------------------------------------

WEB_HOST = env.str("WEB_HOST", default="127.0.0.1")
WEB_PORT = _port("WEB_PORT", 8000)
MLLP_HOST = env.str("MLLP_HOST", default="127.0.0.1")
MLLP_PORT = _port("MLLP_PORT", 2575)
# What laboratories call this clinic, as application|facility (MSH-5|MSH-6); none named: not compared.
MLLP_RECEIVERS = [text.strip() for text in env.list("MLLP_RECEIVERS", default=[])]
# Networks that may hand in results over MLLP; none named: any, which the listener allows only to this machine
# and to senders that show a certificate.
MLLP_ALLOW = [text.strip() for text in env.list("MLLP_ALLOW", default=[])]
for _network in MLLP_ALLOW:
    try:
        ip_network(_network, strict=False)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"MLLP_ALLOW holds {_network!r}; name networks such as 10.1.2.0/24, with commas between."
        ) from error
MLLP_TLS_CERT = env.str("MLLP_TLS_CERT", default="")
MLLP_TLS_KEY = env.str("MLLP_TLS_KEY", default="")
MLLP_TLS_CLIENT_CA = env.str("MLLP_TLS_CLIENT_CA", default="")
if bool(MLLP_TLS_CERT) != bool(MLLP_TLS_KEY):
    raise ImproperlyConfigured("MLLP_TLS_CERT and MLLP_TLS_KEY belong together; only one is set.")
if MLLP_TLS_CLIENT_CA and not MLLP_TLS_CERT:
    raise ImproperlyConfigured(
        "MLLP_TLS_CLIENT_CA asks for TLS, so MLLP_TLS_CERT and MLLP_TLS_KEY must be set."
    )
MLLP_TLS_CRL = env.str("MLLP_TLS_CRL", default="")
if MLLP_TLS_CRL and not MLLP_TLS_CLIENT_CA:
    raise ImproperlyConfigured(
        "MLLP_TLS_CRL names client certificates that are no longer good, so MLLP_TLS_CLIENT_CA must be set."
    )
# What one sender, and all of them together, may ask of the listener.
MLLP_MOST_CONNECTIONS = _whole_number("MLLP_MOST_CONNECTIONS", 64, least=1, most=1000)
MLLP_MOST_OF_ONE_ADDRESS = _whole_number("MLLP_MOST_OF_ONE_ADDRESS", 32, least=1, most=1000)
if MLLP_MOST_OF_ONE_ADDRESS > MLLP_MOST_CONNECTIONS:
    raise ImproperlyConfigured(
        f"MLLP_MOST_OF_ONE_ADDRESS is {MLLP_MOST_OF_ONE_ADDRESS}, more than MLLP_MOST_CONNECTIONS, which is "
        f"{MLLP_MOST_CONNECTIONS}; set at most as many."
    )
# 64 MiB at most: two of them are held at a time.
MLLP_FRAME_MOST_KIB = _whole_number("MLLP_FRAME_MOST_KIB", 16 * 1024, least=64, most=64 * 1024)
MLLP_FRAME_SECONDS = _whole_number("MLLP_FRAME_SECONDS", 60, least=5, most=600)
MLLP_LEAST_BYTES_PER_SECOND = _whole_number(
    "MLLP_LEAST_BYTES_PER_SECOND", 16 * 1024, least=1024, most=16 * 1024 * 1024
)
MLLP_HANDSHAKE_SECONDS = _whole_number("MLLP_HANDSHAKE_SECONDS", 10, least=1, most=60)
MLLP_IDLE_SECONDS = _whole_number("MLLP_IDLE_SECONDS", 0, most=7 * 24 * 60 * 60)
# Where interface engines and people drop CSV files, one folder for each feed; none named: nowhere.
DROP_FOLDER = Path(env.str("DROP_FOLDER")).resolve() if env.str("DROP_FOLDER", default="") else None
# How long a dropped file must have kept size and time before it is read, where no marker stands beside it.
DROP_STABLE_SECONDS = _whole_number("DROP_STABLE_SECONDS", 30)
# A file beyond this is refused before it is read.
FILE_MOST_KIB = _whole_number("FILE_MOST_KIB", 16 * 1024)
# How often one account may call the FHIR door, and how much one request may bring.
FHIR_RATE = env.str("FHIR_RATE", default="1200/min")
if not re.fullmatch(r"[0-9]{1,6}/(?:sec|min|hour|day)", FHIR_RATE):
    raise ImproperlyConfigured(f"FHIR_RATE is {FHIR_RATE!r}; write a number and a time, such as 1200/min.")
FHIR_MOST_BYTES = _whole_number("FHIR_MOST_BYTES", 16 * 1024 * 1024)
# The trial of the whole line: on in production, elsewhere when asked for.
_canary = env.str("CANARY", default="").lower()
if _canary not in {"", "true", "false"}:
    raise ImproperlyConfigured(f"CANARY is {_canary!r}; it must be true or false.")
CANARY = _canary == "true" or (PRODUCTION and not _canary)
CANARY_MAILBOX = env.str("CANARY_MAILBOX", default="")
if CANARY_MAILBOX and ("@" not in CANARY_MAILBOX or len(CANARY_MAILBOX.split()) != 1):
    raise ImproperlyConfigured(
        f"CANARY_MAILBOX is {CANARY_MAILBOX!r}; it must be one mail address that no person reads."
    )


def _canary_mllp() -> tuple[str, int]:
    """Where the trial finds the listener; an address that means "everywhere" is reached on this machine."""
    here = "127.0.0.1" if MLLP_HOST in {"0.0.0.0", "::", ""} else MLLP_HOST
    text = env.str("CANARY_MLLP", default="") or f"{here}:{MLLP_PORT}"
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ImproperlyConfigured(f"CANARY_MLLP is {text!r}; write host:port, such as mllp:2575.")
    return host, int(port)


CANARY_MLLP = _canary_mllp()


def _canary_tls() -> dict[str, str]:
    """How the trial speaks TLS with the listener: the values of ClientTls; empty where it speaks without."""
    ca = env.str("CANARY_TLS_CA", default="")
    cert, key = env.str("CANARY_TLS_CERT", default=""), env.str("CANARY_TLS_KEY", default="")
    name = env.str("CANARY_TLS_NAME", default="")
    if bool(cert) != bool(key):
        raise ImproperlyConfigured("CANARY_TLS_CERT and CANARY_TLS_KEY belong together; only one is set.")
    if (cert or name) and not ca:
        raise ImproperlyConfigured(
            "CANARY_TLS_CA must be set beside CANARY_TLS_CERT and CANARY_TLS_NAME: the authority that signed "
            "the listener's certificate."
        )
    return {"ca": ca, "cert": cert, "key": key, "name": name or CANARY_MLLP[0]} if ca else {}


CANARY_TLS = _canary_tls()
SITE_URL = env.str("SITE_URL", default=f"http://127.0.0.1:{WEB_PORT}").rstrip("/")
if urlsplit(SITE_URL).scheme not in {"http", "https"} or not urlsplit(SITE_URL).hostname:
    raise ImproperlyConfigured(
        f"SITE_URL is {SITE_URL!r}; it must be an address such as https://prrt.example.org."
    )
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# How many reverse proxies of our own stand before the web server; their headers are believed, no others.
TRUSTED_PROXY_COUNT = _whole_number("TRUSTED_PROXY_COUNT", 1 if PRODUCTION else 0)


def _is_web_address(text: str) -> bool:
    """Whether this is http:// or https:// with a host, and with a port only if that is a number."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


# Whom the second runner tells every minute that the alert duty is carried; none named: nobody outside.
HEARTBEAT_URL = env.str("HEARTBEAT_URL", default="")
if HEARTBEAT_URL and not _is_web_address(HEARTBEAT_URL):
    # Without the value: such an address is often a secret.
    raise ImproperlyConfigured(
        "HEARTBEAT_URL must be an address such as https://monitor.example.org/ping/prrt, on another host."
    )
# Where the trial finds the web pages if its processes do not reach SITE_URL; then it speaks as a proxy does.
CANARY_WEB = (env.str("CANARY_WEB", default="") or SITE_URL).rstrip("/")
if not _is_web_address(CANARY_WEB):
    raise ImproperlyConfigured(
        f"CANARY_WEB is {CANARY_WEB!r}; write an address such as http://web:8000, or nothing for SITE_URL."
    )
# Who may read /metrics: whoever shows this token, and whoever asks from these networks; neither set: nobody.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN) < 32:
    raise ImproperlyConfigured("METRICS_TOKEN is short; set a random value of at least 32 characters.")
METRICS_ALLOW = [text.strip() for text in env.list("METRICS_ALLOW", default=[])]
for _network in METRICS_ALLOW:
    try:
        ip_network(_network, strict=False)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"METRICS_ALLOW holds {_network!r}; name networks such as 10.1.2.0/24, with commas between."
        ) from error

# Who may be told of orders by a signed call: host names, or host:port for one in a network of our own.
WEBHOOK_HOSTS = [text.strip() for text in env.list("WEBHOOK_HOSTS", default=[])]
for _host in WEBHOOK_HOSTS:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?", _host):
        raise ImproperlyConfigured(
            f"WEBHOOK_HOSTS holds {_host!r}; name hosts such as pharmacy.example.org, or host:port, with "
            "commas between."
        )
# How often one account may call the REST doors, reading and changing.
API_READ_RATE = env.str("API_READ_RATE", default="1200/min")
API_WRITE_RATE = env.str("API_WRITE_RATE", default="120/min")
for _name, _rate in (("API_READ_RATE", API_READ_RATE), ("API_WRITE_RATE", API_WRITE_RATE)):
    if not re.fullmatch(r"[0-9]{1,6}/(?:sec|min|hour|day)", _rate):
        raise ImproperlyConfigured(f"{_name} is {_rate!r}; write a number and a time, such as 120/min.")


def _therapy_start() -> time:
    """The hour at which an infusion usually starts; what a vial will hold is told for it."""
    text = env.str("THERAPY_START", default="") or "10:00"
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  (a time of the clinic's clock)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"THERAPY_START is {text!r}; write hour and minute, such as 10:00."
        ) from error


THERAPY_START = _therapy_start()

# --- Applications ----------------------------------------------------------------------------

INSTALLED_APPS = [
    "prrt_clinic.apps.WiringConfig",  # before unfold, so that its templates win
    "alerts.apps.AlertsConfig",
    "courses.apps.CoursesConfig",
    "labs.apps.LabsConfig",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "prrt_clinic.headers.SafeHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "prrt_clinic.session_use.EndIdleSessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    # After it: of what a view raises the last one hears first.
    "prrt_clinic.suspended_forms.KeepSuspendedForms",
]

ROOT_URLCONF = "prrt_clinic.urls"
WSGI_APPLICATION = "prrt_clinic.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],  # ours are the first application's; named here as well, none could extend its namesake
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database, cache, broker -----------------------------------------------------------------


_POSTGRES_OPTIONS = {
    "application_name": "prrt_clinic",
    # A server that is gone without a word must be noticed: after half a minute, also while an answer is due.
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    # Statements that come again and again are planned once; Django switches that off. Its own cursors, which
    # write values into the text, are not concerned.
    "prepare_threshold": 3,
}


def _database() -> dict[str, Any]:
    """PostgreSQL from DATABASE_URL, else the embedded SQLite file made safe for several processes."""
    config: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'clinic.sqlite3'}")
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA recursive_triggers=ON;",  # so that REPLACE fires the append-only triggers
        }
        # A file, because tests with real commits copy it.
        config["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
    elif config["ENGINE"].endswith("postgresql"):
        config["CONN_MAX_AGE"] = 60
        config["CONN_HEALTH_CHECKS"] = True
        config["OPTIONS"] = {**_POSTGRES_OPTIONS, **config.get("OPTIONS", {})}
    else:
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with postgres:// or sqlite:///; nothing else is tested."
        )
    return config


DATABASES = {"default": _database()}
EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Only rate limits live here. In the database, so that nobody is locked out, and no limit is
# lost, when Redis is down; the table is made after migrate.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "rate_limit",
        # Far above what one address may cause: guessing at many names must not push out the count of one.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
    # Reading through the API is counted in each process: in the database a count would cost more than a read.
    "process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "reads"},
}

REDIS_URL = env.str("REDIS_URL", default="")  # the broker; absent: files under var/
if REDIS_URL and urlsplit(REDIS_URL).scheme not in {"redis", "rediss"}:
    raise ImproperlyConfigured("REDIS_URL must begin with redis:// or rediss://.")

# --- E-mail ----------------------------------------------------------------------------------

EMAIL_TIMEOUT = 10  # a mail server that does not answer must not hold a runner
MAIL_DIR = VAR_DIR / "mail"
EMAIL_URL = env.str("EMAIL_URL", default="")
EMAIL_BACKEND = "prrt_clinic.maildir.EmailBackend"
if EMAIL_URL:
    if (
        urlsplit(EMAIL_URL).scheme not in {"smtp", "smtps", "smtp+tls", "smtp+ssl"}
        or not urlsplit(EMAIL_URL).hostname
    ):
        raise ImproperlyConfigured(
            "EMAIL_URL must look like smtp://host:25 or smtp+tls://user:password@host:587."
        )
    _mail: dict[str, Any] = env.email_url("EMAIL_URL")
    EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
    EMAIL_HOST = _mail["EMAIL_HOST"]
    EMAIL_PORT = _mail["EMAIL_PORT"] or 25
    EMAIL_HOST_USER = _mail["EMAIL_HOST_USER"] or ""
    EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
    EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
    EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="prrt-clinic@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Where mails that cannot be delivered come back to, each to an address of its own: name+token@domain.
MAIL_BOUNCE_ADDRESS = env.str("MAIL_BOUNCE_ADDRESS", default="")
if MAIL_BOUNCE_ADDRESS and not re.fullmatch(r"[A-Za-z0-9._-]{1,30}@[A-Za-z0-9.-]+", MAIL_BOUNCE_ADDRESS):
    raise ImproperlyConfigured(
        f"MAIL_BOUNCE_ADDRESS is {MAIL_BOUNCE_ADDRESS!r}; write one address such as "
        "bounce@alerts.example.org, whose mailbox takes bounce+anything as well."
    )
# The Maildir into which the mail server puts what came back; none named: the runner reads none.
MAIL_BOUNCE_DIR = (
    Path(env.str("MAIL_BOUNCE_DIR")).resolve() if env.str("MAIL_BOUNCE_DIR", default="") else None
)
# The only domains alerts are mailed to; none named: any, which production refuses.
MAIL_DOMAINS = [text.strip().lower() for text in env.list("MAIL_DOMAINS", default=[])]
for _domain in MAIL_DOMAINS:
    if not re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*", _domain):
        raise ImproperlyConfigured(
            f"MAIL_DOMAINS holds {_domain!r}; name domains such as clinic.example.org, with commas between."
        )
if MAIL_DOMAINS and CANARY_MAILBOX and CANARY_MAILBOX.rpartition("@")[2].lower() not in MAIL_DOMAINS:
    raise ImproperlyConfigured(
        f"CANARY_MAILBOX is {CANARY_MAILBOX!r}, whose domain does not stand in MAIL_DOMAINS; add it there."
    )

# --- Pushes ----------------------------------------------------------------------------------

# The messengers and gateways a push address may begin with, as apprise names them; none named: no pushes.
PUSH_SERVICES = [text.strip().lower() for text in env.list("PUSH_SERVICES", default=[])]
for _service in PUSH_SERVICES:
    if not re.fullmatch(r"[a-z0-9]{2,40}", _service):
        raise ImproperlyConfigured(
            f"PUSH_SERVICES holds {_service!r}; name them as apprise does, such as ntfys or msteams, with "
            "commas between."
        )


def _secret_text_keys() -> list[str]:
    """The keys of secrets in the database, the newest first; without any, one made from SECRET_KEY."""
    keys = [text.strip() for text in env.list("SECRET_TEXT_KEYS", default=[])]
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"SECRET_TEXT_KEYS: number {number} is no key; make one with: "
                "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            ) from error
    derived = hashlib.sha256(b"prrt_clinic.secret_text:" + SECRET_KEY.encode()).digest()
    return keys or [base64.urlsafe_b64encode(derived).decode("ascii")]


SECRET_TEXT_KEYS = _secret_text_keys()

# --- Log-in ----------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend"
]  # permissions through groups too
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if TESTING:  # a slow hash per log-in would be most of the suite's time
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_ADAPTER = "prrt_clinic.accounts.ClosedAccounts"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
# A clinic sits behind one address: the limit that stops guessing is the account's. The page for "too many
# tries" says five minutes. The account's comes first, so that a locked one uses up nothing of the address.
ACCOUNT_RATE_LIMITS = {
    "login": "200/m/ip",
    "login_failed": "5/5m/key,100/5m/ip",
    "change_password": "10/5m/user",
}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60  # seconds a fresh sign-in lasts for a signature
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
SESSION_COOKIE_AGE = 12 * 60 * 60  # one long shift
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# So long may nobody touch a page before its log-in is over: rooms and workstations are shared.
SESSION_IDLE_MINUTES = _whole_number("SESSION_IDLE_MINUTES", 10, least=1, most=12 * 60)

# --- What the browser is told ----------------------------------------------------------------

_HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_SECURE = _HTTPS
SECURE_SSL_REDIRECT = PRODUCTION
# The container's own check speaks plain HTTP to 127.0.0.1, and a monitoring system from inside the network.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
X_FRAME_OPTIONS = "DENY"

# --- API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "prrt_clinic.api.ServiceToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["prrt_clinic.api.ModelRights"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "prrt_clinic.problems.problem",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_TTL": timedelta(days=90),
    "AUTO_REFRESH": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PRRT clinic service",
    "DESCRIPTION": "Orders, courses and decisions with their reasons, for pharmacy and other systems.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],  # the schema holds no patient
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "prrt_clinic.schema.with_problems",
        "prrt_clinic.schema.with_examples",
    ],
    # Several things have a kind or a state of their own: each keeps its name in the document.
    "ENUM_NAME_OVERRIDES": {
        "OrderKindEnum": "courses.models.order.ORDER_KINDS",
        "OrderStateEnum": "courses.models.order.ORDER_STATES",
        "BookingStateEnum": "courses.models.vial.BookingState",
    },
}

# --- Language, time, files -------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = CLINIC_TIME_ZONE  # display only; storage is UTC
USE_I18N = True
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = ["prrt_clinic.formats"]  # the zone is shown with every time

STATIC_URL = "/static/"
# Apart from the data, so that an image can bring its own.
STATIC_ROOT = Path(env.str("PRRT_STATIC_DIR", default=str(VAR_DIR / "static")))
STATIC_ROOT.mkdir(exist_ok=True)
_STATIC_STORAGE = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"  # tests need no collectstatic
    if TESTING
    else "whitenoise.storage.CompressedManifestStaticFilesStorage"
)
# Pages name files by their content alone; compressing the others, and maps that no page asks for, would take
# three quarters of the first start.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _STATIC_STORAGE},
}
SIMPLE_HISTORY_REVERT_DISABLED = True  # a record of the past is read, not put back

# --- Logging: what happened and where, never whose data it was -------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured(f"LOG_LEVEL is {LOG_LEVEL!r}; it must be DEBUG, INFO, WARNING or ERROR.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {
            "()": "prrt_clinic.logs.PlainFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        # What these say of a push holds its address, which is a secret.
        "apprise": {"handlers": [], "level": "CRITICAL", "propagate": False},
        # What these say of a page may quote it, and a page holds a patient.
        "weasyprint": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "fontTools": {"handlers": [], "level": "CRITICAL", "propagate": False},
        "urllib3": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        # SQL with its parameters is patient data, whatever level was asked for.
        "django.db.backends": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        **{
            name: {"handlers": ["stderr"], "level": LOG_LEVEL, "propagate": False}
            for name in ("prrt_clinic", "labs", "courses", "alerts")
        },
    },
}

# --- Production refuses to start on an unsafe value -------------------------------------------


def _unsafe() -> list[str]:
    """What stands between these settings and a real clinic, one sentence each."""
    faults = []
    if len(SECRET_KEY) < 50:
        faults.append("SECRET_KEY is missing or short; set a random value of at least 50 characters.")
    if DEBUG:
        faults.append("DEBUG is on; it shows patient data on error pages.")
    if "ALLOWED_HOSTS" not in os.environ or any(host.startswith("*") for host in ALLOWED_HOSTS):
        faults.append("ALLOWED_HOSTS must name the service's own host names, without '*'.")
    if EMBEDDED:
        faults.append("DATABASE_URL must name a PostgreSQL database; SQLite is for the demonstration.")
    if not REDIS_URL:
        faults.append("REDIS_URL must name the Redis server that carries work to the workers.")
    if not EMAIL_URL:
        faults.append("EMAIL_URL must name the mail server; without it no alert leaves the building.")
    if urlsplit(EMAIL_URL).scheme == "smtp" and urlsplit(EMAIL_URL).password:
        faults.append("EMAIL_URL sends a password in clear; begin it with smtp+tls:// or smtp+ssl://.")
    if not MAIL_DOMAINS:
        faults.append("MAIL_DOMAINS must name the clinic's mail domains; alerts go to no other address.")
    if not _HTTPS:
        faults.append("SITE_URL must begin with https://; log-ins and patient data cross the network.")
    return faults


if PRODUCTION and _unsafe():
    raise ImproperlyConfigured(
        "Not started, because PRRT_ENV is production and:\n- " + "\n- ".join(_unsafe())
    )
