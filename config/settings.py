"""Settings, from the environment or ``.env``: see docs/operations.md for the variables. A bad value stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import embedded, environment
from config.unfold import UNFOLD as UNFOLD

BASE_DIR = Path(__file__).resolve().parent.parent
environment.read_file(BASE_DIR / ".env")

DEBUG = environment.flag("DEBUG", default=False)
DATA_DIR = environment.directory("DATA_DIR", default=BASE_DIR / "var")
BASE_URL = environment.base_url("BASE_URL", default="http://127.0.0.1:8000")
TRUSTED_PROXIES = environment.networks("TRUSTED_PROXIES")
RATE_LIMIT = environment.count("RATE_LIMIT", default=600)
MAX_UPLOAD = environment.size("MAX_UPLOAD", default=2 * 2**30)
# Receivers of webhooks that may be reached by plain http, on any port and at a private address.
WEBHOOK_ALLOW_HOSTS = [name.lower().strip("[]") for name in environment.names("WEBHOOK_ALLOW_HOSTS", default=[])]
SECRET_KEY = environment.secret_key("SECRET_KEY", kept_in=DATA_DIR / "secret_key")
MASTER_KEY = environment.master_key("MASTER_KEY", kept_in=DATA_DIR / "master_key")

_address = urlsplit(BASE_URL)
_https = _address.scheme == "https"
ALLOWED_HOSTS = environment.names(
    "ALLOWED_HOSTS", default=list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", _address.hostname or "localhost"]))
)

# --- Database -------------------------------------------------------------------------------------------------------

EMBEDDED_DIRECTORY = DATA_DIR / "pg"
_given = environment.database("DATABASE_URL")
_owner = environment.database("MIGRATE_DATABASE_URL")
if _owner and not _given:
    raise ImproperlyConfigured("MIGRATE_DATABASE_URL: means nothing without DATABASE_URL, which is not given.")
if _owner and _given and _owner["NAME"] != _given["NAME"]:
    raise ImproperlyConfigured("MIGRATE_DATABASE_URL: must name the same database as DATABASE_URL.")

_database: dict[str, Any] = _given or {
    "ENGINE": "config.embedded",
    "USER": embedded.RUNTIME_ROLE,
    **embedded.address(EMBEDDED_DIRECTORY),
}
# Prepared statements make the hot paths as fast as bare psycopg. A pooler in transaction mode that cannot keep them
# is served by `?prepare_threshold=None` in DATABASE_URL.
_database["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 2, **_database.get("OPTIONS", {})}
DATABASES = {
    "default": {
        **_database,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # They would outlive the transaction that knows who looks, and a pooler in transaction mode loses them.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}

# Whom web and worker are, and whom they never are: the owner of the tables, who migrates.
RUNTIME_ROLE = str(_database.get("USER") or "")
OWNER_LOGIN = (
    {key: _owner.get(key, "") for key in ("USER", "PASSWORD", "HOST", "PORT")}
    if _owner
    else {} if _given else {"USER": embedded.OWNER}
)  # fmt: skip
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- What runs ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "accounts",  # whose commands stand before those of django.contrib.auth
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "axes",
    "relationships",
]

MIDDLEWARE = [
    "config.middleware.RequestId",
    "relationships.api.middleware.Problems",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SecurityLog",
    "accounts.middleware.SessionLimits",
    "accounts.middleware.Walls",
    "accounts.middleware.TimeZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
MEDIA_ROOT = DATA_DIR / "files"

# --- Who may come in ------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.guessing.Guessing",
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS = ["password"]
AXES_VERBOSE = False
# The name of the form's field, which is not that of our column: without it all logins count as one.
AXES_USERNAME_FORM_FIELD = "username"
AXES_CLIENT_IP_CALLABLE = "accounts.security.address_of"

# A session ends an hour after its last request (the cookie's age) and twelve hours after its first.
SESSION_COOKIE_AGE = 60 * 60
SESSION_LONGEST = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# --- Headers --------------------------------------------------------------------------------------------------------

# TLS ends at a proxy in front, which must set X-Forwarded-Proto itself.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
# HSTS for the whole domain and for browsers' built-in lists binds hosts that are not ours to bind.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The admin's theme evaluates expressions in attributes and sets styles in place.
ADMIN_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

# --- API ------------------------------------------------------------------------------------------------------------

# One bulk request at most; single events are held to 1 MiB by the API.
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 2**20

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["relationships.api.authentication.BearerKey"],
    "DEFAULT_PARSER_CLASSES": ["relationships.api.parsers.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["relationships.api.renderers.JsonRenderer"],
    "DEFAULT_SCHEMA_CLASS": "relationships.api.openapi.Schema",
    "EXCEPTION_HANDLER": "relationships.api.errors.handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Relationships",
    "DESCRIPTION": (BASE_DIR / "relationships" / "api" / "overview.md").read_text(encoding="utf-8"),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["relationships.api.openapi.finish"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

# --- Background jobs ------------------------------------------------------------------------------------------------

Q_CLUSTER = {
    "name": "default",
    "label": "Background jobs",
    "orm": "default",
    "time_zone": TIME_ZONE,
    "workers": 2,
    "bulk": 1,
    "queue_limit": 4,
    "poll": 0.5,
    "timeout": 300,
    "retry": 900,  # longer than the timeout and the wait before it, or a task runs twice
    "max_attempts": 3,
    "ack_failures": False,
    "catch_up": False,
    "save_limit": 0,  # our own daily prune; the built-in one locks every row
    "recycle": 200,
    "max_rss": 400_000,  # kB
    "daemonize_workers": False,  # a large ledger is shared out between processes of theirs
}

# --- Mail -----------------------------------------------------------------------------------------------------------

EMAIL_FILE_PATH = str(DATA_DIR / "outbox")
EMAIL_BACKEND = "relationships.reports.outbox.EmailBackend"
DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", f"relationships@{_address.hostname}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
_mail = environment.mail("EMAIL_URL")
if _mail:
    globals().update(_mail)

# --- Logs -----------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"level": "INFO", "handlers": [], "propagate": True},
        # Each request has a line of ours already.
        "django.request": {"level": "ERROR", "handlers": [], "propagate": True},
        "django.server": {"level": "WARNING", "handlers": [], "propagate": True},
        "django-q": {"level": "WARNING", "handlers": [], "propagate": True},
        "axes": {"level": "WARNING", "handlers": [], "propagate": True},
    },
}
