"""Which settings does the platform run with? Read from the environment, prefix ``K8S4R_``.

``Environment`` is the whole list; `docs/configuration.md` explains each. A value may also stand in
a file: ``K8S4R_SECRET_KEY_FILE`` and its like name one.
"""

import secrets
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.templatetags.static import static
from django.urls import reverse_lazy
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from k8s4r import logs
from k8s4r.core.second_factor import Policy

PACKAGE = Path(__file__).resolve().parent


class Environment(BaseSettings):
    """Every environment variable the server reads."""

    model_config = SettingsConfigDict(env_prefix="K8S4R_", extra="ignore")

    url: str = Field("http://127.0.0.1:8420", description="Where people and agents reach us.")
    home: Path = Field(Path("~/.local/share/k8s4r"), description="Data folder.")
    artifacts_dir: Path | None = Field(None, description="Where artifacts lie; home/artifacts.")
    database_url: str = Field("postgresql:///k8s4r", description="PostgreSQL, 15 or newer.")
    database_role: str = Field("", description="Role to work as: it may not change history.")
    statement_timeout_s: float = Field(15.0, description="Of one SQL statement; 0: no limit.")
    redis_url: str = Field("redis://127.0.0.1:6379/0", description="Redis: hints only.")
    secret_key: str = Field("", description="Django's secret for sessions.")
    secret_key_file: Path | None = None
    token_pepper: str = Field("", description="Key of the token digests.")
    token_pepper_file: Path | None = None
    attempt_key: str = Field("", description="Key from which attempt tokens are derived.")
    attempt_key_file: Path | None = None
    encryption_key: str = Field("", description="Keeps secrets at rest; the first line encrypts.")
    encryption_key_file: Path | None = None
    notify_allowed_hosts: str = Field(
        "", description="Private or plain hosts and networks that notifications may go to."
    )
    cluster_allowed_networks: str = Field(
        "", description="Private networks in which clusters may be: CIDRs, separated by commas."
    )
    pod_url: str = Field("", description="Where agents in pods reach us; K8S4R_URL.")
    pod_audience: str = Field("", description="Whom tokens of pods are for; our host's name.")
    pod_image: str = Field(
        "localhost/k8s4r-agent:latest", description="Image of the agent in pods."
    )
    pod_images: str = Field(
        "", description="Registries and repositories of other images; none: by digest alone."
    )
    metrics_token: str = Field("", description="Opens /metrics; without one: loopback only.")
    metrics_token_file: Path | None = None
    allowed_hosts: str = Field("", description="Further host names, separated by commas.")
    log_level: str = Field("INFO", description="Of our own loggers.")
    failpoints: str = Field("", description="Tests only: folder of armed points; needs debug.")
    debug: bool = Field(False, description="Never in production.")
    heartbeat_s: float = Field(10.0, description="How often agents send a heartbeat.")
    offline_after_s: float = Field(60.0, description="An agent silent this long is offline.")
    requeue_grace_s: float = Field(15.0, description="From lost to the next attempt.")
    kill_grace_s: float = Field(10.0, description="SIGTERM to SIGKILL on lease loss, at most.")
    stop_margin_s: float = Field(30.0, description="A runner stops this long before lost.")
    min_lost_after_s: int = Field(30, description="Smallest lost_after_s a task may ask for.")
    outage_gap_s: float = Field(15.0, description="A pulse gap beyond this is our own outage.")
    aging_weight_s: float = Field(60.0, description="Seconds of waiting worth one priority point.")
    bad_credentials: int = Field(20, description="Bad tokens or logins before a wait; 0: any.")
    bad_credentials_window_s: float = Field(60.0, description="Within which they count.")
    second_factor: Policy = Field(
        Policy.OFFERED, description="off, offered, required_for_admins or required."
    )
    calls_per_window: int = Field(12000, description="Calls of one token, not agents'; 0: any.")
    calls_window_s: float = Field(60.0, description="Within which they count.")
    body_patience_s: float = Field(10.0, description="Within which a request's body comes.")
    artifact_patience_s: float = Field(600.0, description="The same for an artifact's bytes.")
    task_retention_days: int = Field(30, description="Ended tasks are kept this long.")
    event_retention_months: int = Field(13, description="Audit events are kept this long.")

    def secret(self, name: str) -> str:
        """Return a secret by its name, from its file when one is named."""
        path: Path | None = getattr(self, f"{name}_file")
        return path.read_text().strip() if path else str(getattr(self, name))


ENV = Environment()
HOME = ENV.home.expanduser()
ARTIFACTS_DIR = (ENV.artifacts_dir or HOME / "artifacts").expanduser()

DEBUG = ENV.debug
# Without one each process makes up its own: good for offline commands, and no server starts so.
HAS_SECRET_KEY = bool(ENV.secret("secret_key"))
SECRET_KEY = ENV.secret("secret_key") or secrets.token_urlsafe(48)
TOKEN_PEPPER = ENV.secret("token_pepper") or SECRET_KEY
ATTEMPT_KEY = ENV.secret("attempt_key") or SECRET_KEY
ENCRYPTION_KEY = ENV.secret("encryption_key")
METRICS_TOKEN = ENV.secret("metrics_token")
_SITE = urlsplit(ENV.url)
POD_URL = (ENV.pod_url or ENV.url).rstrip("/")
POD_AUDIENCE = ENV.pod_audience or _SITE.hostname or "k8s4r"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", _SITE.hostname or "localhost"]
ALLOWED_HOSTS += [host.strip() for host in ENV.allowed_hosts.split(",") if host.strip()]
CSRF_TRUSTED_ORIGINS = [f"{_SITE.scheme}://{_SITE.netloc}"]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "k8s4r.access",
    "k8s4r.audit",
    "k8s4r.api",
    "agents",
    "pools",
    "executors",
    "executors.operating",
    "k8s4r.console",
]
MIDDLEWARE = [
    "k8s4r.api.requests.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "k8s4r.console.setting_up.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "k8s4r.console.policy.ContentPolicyMiddleware",
]
ROOT_URLCONF = "k8s4r.urls"
WSGI_APPLICATION = "k8s4r.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
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


def _database(url: str, role: str) -> dict[str, object]:
    """Return Django's form of a PostgreSQL URL; a socket folder may stand in ``?host=``."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    options = f"-c statement_timeout={ENV.statement_timeout_s:g}s -c lock_timeout=3s"
    options += " -c idle_in_transaction_session_timeout=30s"
    options += f" -c role={role}" if role else ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "k8s4r",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(query.pop("port", parts.port or "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            # Planned once per connection, not once per call. A pooler in transaction mode in
            # between must keep prepared statements (PgBouncer does from 1.21 on).
            "server_side_binding": True,
            "prepare_threshold": 3,
            "tcp_user_timeout": 20000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "options": options,
            **query,
        },
    }


DATABASES = {"default": _database(ENV.database_url, ENV.database_role)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = ENV.redis_url
BAD_CREDENTIALS = ENV.bad_credentials
BAD_CREDENTIALS_WINDOW_S = ENV.bad_credentials_window_s
SECOND_FACTOR = ENV.second_factor
CALLS_PER_WINDOW = ENV.calls_per_window
CALLS_WINDOW_S = ENV.calls_window_s
AUTH_USER_MODEL = "access.User"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
WHITENOISE_USE_FINDERS = True
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
CSRF_FAILURE_VIEW = "k8s4r.console.refusals.csrf_failed"

DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

_HTTPS = _SITE.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _HTTPS
SESSION_COOKIE_AGE = 8 * 3600
# How long a link to sign in is good (`k8s4r.access.services.sign_in_links`), in seconds.
PASSWORD_RESET_TIMEOUT = 15 * 60
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
X_FRAME_OPTIONS = "DENY"
# Loopback without TLS is how the embedded platform runs; with an https URL none is silenced.
SILENCED_SYSTEM_CHECKS = (
    [] if _HTTPS else ["security.W004", "security.W008", "security.W012", "security.W016"]
)

LOGGING = logs.configuration(ENV.log_level)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "k8s4r.api.authentication.TokenAuthentication",
        "k8s4r.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["k8s4r.api.permissions.Declared"],
    "DEFAULT_RENDERER_CLASSES": ["k8s4r.api.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["k8s4r.api.parsing.StrictJSONParser"],
    "EXCEPTION_HANDLER": "k8s4r.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}

UNFOLD = {
    "SITE_TITLE": "k8s4r",
    "SITE_HEADER": "k8s4r",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _: static("console/icon.svg"),
        }
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "k8s4r.console.home.context",
    "STYLES": [lambda _: static("console/console.css")],
    "SCRIPTS": [lambda _: static("console/console.js")],
    "ACCOUNT": {
        "navigation": [
            {"title": "Your account", "link": reverse_lazy("account")},
            {"title": "Your API tokens", "link": reverse_lazy("own_tokens")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
        ]
    },
    "COMMAND": {"search_models": ["executors.task", "agents.agent", "pools.pool"]},
    "SIDEBAR": {"navigation": "k8s4r.console.navigation.sidebar"},
}
