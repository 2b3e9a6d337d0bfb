"""Django with REST framework and nothing else, on the database of the benchmark."""

from __future__ import annotations

from config import environment

SECRET_KEY = "x" * 50
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {
    "default": {
        **(environment.database("DATABASE_URL") or {}),
        "CONN_MAX_AGE": 60,
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 2},
    }
}
INSTALLED_APPS = ["rest_framework", "tests.benchmarks.plain"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # says how long an answer is
ROOT_URLCONF = "tests.benchmarks.plain.web"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
