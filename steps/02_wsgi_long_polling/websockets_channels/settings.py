import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# For teaching on your own machine only: a key that is published protects nothing.
SECRET_KEY = "published-with-the-walkthrough"

# Off, as for real visitors: a wrong address shows a short page instead of our source code.
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "chat",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "websockets_channels.urls"
WSGI_APPLICATION = "websockets_channels.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                # Gives the templates `stage`, `instance` and `port`.
                "websockets_channels.context_processors.where_from",
            ],
        },
    }
]
# What this process is called, where several run: "A", say.
INSTANCE = os.environ.get("INSTANCE", "")

# A browser keeps cookies by host, not by port. Under its usual name this one would be shared
# with every other Django site on this machine.
CSRF_COOKIE_NAME = "csrftoken_stages"
CSRF_FAILURE_VIEW = "chat.views.refused_form"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        # Notebooks and tests give each run a database of its own.
        "NAME": os.environ.get("CHAT_DATABASE", BASE_DIR / "db.sqlite3"),
        # One writer at a time: a crowd may have to wait longer than the usual 5 seconds.
        "OPTIONS": {"timeout": 20},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TIME_ZONE = "UTC"
USE_TZ = True

# With DEBUG off Django would mail its errors to nobody; print them instead.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
